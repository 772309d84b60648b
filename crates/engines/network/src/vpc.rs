//! The namespace that stands for a VPC.

use std::{collections::BTreeSet, net::Ipv4Addr, path::Path, sync::Arc};

use crate::{
    CONTROL_PLANE, Error, LINK_LOCAL_RESOLVER, Namespace, Sockets,
    link::{self, Links},
    nft, security, sysctl, task,
};

/// The addresses a VPC answers at by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// The router of each subnet: its first address.
    pub routers: BTreeSet<Ipv4Addr>,
    /// The resolver: the VPC's base and two. None for a VPC without DNS.
    pub resolver: Option<Ipv4Addr>,
    /// What else is to be had here: load balancers.
    pub extra: BTreeSet<Ipv4Addr>,
}

impl Spec {
    /// All addresses, with the link-local ones that every VPC has.
    pub fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        let extra = self.extra.iter().copied();
        extra.chain(self.infrastructure()).collect()
    }

    /// The addresses that no security group covers: routers, resolvers and the way to the control plane.
    pub fn infrastructure(&self) -> BTreeSet<Ipv4Addr> {
        let routers = self.routers.iter().copied();
        routers.chain(self.resolver).chain([LINK_LOCAL_RESOLVER, CONTROL_PLANE]).collect()
    }
}

/// One change on the way to a [`Spec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Put the address on `lo`.
    Add(Ipv4Addr),
    /// Take it away.
    Remove(Ipv4Addr),
}

/// What to change so that the `present` addresses become those of `spec`: additions first, so that an address that
/// moves in is there before one moves out.
pub fn plan(spec: &Spec, present: &BTreeSet<Ipv4Addr>) -> Vec<Step> {
    let wanted = spec.addresses();
    let add = wanted.difference(present).copied().map(Step::Add);
    let remove = present.difference(&wanted).copied().map(Step::Remove);
    add.chain(remove).collect()
}

/// A VPC's namespace. Cloning gives another handle on the same one; the namespace lives as long as any handle, task
/// process or other process holds it.
#[derive(Clone, Debug)]
pub struct Vpc {
    namespace: Arc<Namespace>,
}

impl Vpc {
    /// A new VPC, empty until [`Vpc::converge`].
    pub async fn create() -> Result<Self, Error> {
        Self::of(Namespace::create().await?)
    }

    /// The VPC whose namespace is at `path`, made by this or another process.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::of(Namespace::open(path)?)
    }

    /// The VPC that `namespace` stands for; this process's own namespace is refused.
    pub fn of(namespace: Namespace) -> Result<Self, Error> {
        Ok(Self { namespace: Arc::new(namespace.not_of_host()?) })
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A maker of sockets that live in this VPC.
    pub fn sockets(&self) -> Result<Sockets, Error> {
        Sockets::of(&self.namespace)
    }

    /// Makes the VPC have the addresses of `spec` and no others, and forward between its tasks. Answers what it
    /// changed; nothing the second time.
    pub async fn converge(&self, spec: &Spec) -> Result<Vec<Step>, Error> {
        let spec = spec.clone();
        link::within(&self.namespace, "set up a VPC", |links| async move { settle(&links, &spec).await }).await
    }

    /// Gives a task its namespace on this VPC; see [`task`].
    pub async fn attach(&self, spec: &task::Spec) -> Result<Namespace, Error> {
        task::attach(&self.namespace, spec).await
    }

    /// Puts a task that has its namespace already back on this VPC, after the one it was on is gone. What else is in
    /// its namespace (redirects, listening sockets) stays.
    pub async fn reattach(&self, task: &Namespace, spec: &task::Spec) -> Result<(), Error> {
        task::link_up(&self.namespace, task, spec).await
    }

    /// Takes the task with this interface off the VPC at once, even while its processes still live. Nothing if it is
    /// not there.
    pub async fn detach(&self, interface_id: &str) -> Result<(), Error> {
        let name = task::link_name(interface_id)?;
        link::within(&self.namespace, "take a task off a VPC", |links| async move { links.delete(&name).await }).await
    }

    /// The names of the links on which tasks hang now; [`task::link_name`] tells which is whose.
    pub async fn attached(&self) -> Result<BTreeSet<String>, Error> {
        let names = link::within(&self.namespace, "list tasks", |links| async move { links.names().await }).await?;
        Ok(names.into_iter().filter(|name| name != "lo").collect())
    }

    /// Enforces `policy` and forgets the one before, in one step: no packet sees half of it. Connections that were
    /// let through before go on, as on AWS.
    pub async fn secure(&self, policy: &security::Policy) -> Result<(), Error> {
        let rules = security::transaction(policy);
        self.namespace.run("set security groups", move || apply(rules)).await?
    }
}

/// Commits `rules` in the calling thread's namespace.
fn apply(rules: nft::Transaction) -> Result<(), Error> {
    rules.commit().map_err(|source| Error::Rules { table: security::TABLE, source })?;
    sysctl::connection_tracking()
}

async fn settle(links: &Links, spec: &Spec) -> Result<Vec<Step>, Error> {
    links.loopback_up().await?;
    let present = links.loopback_addresses().await?.into_iter().collect();
    let steps = plan(spec, &present);
    for step in &steps {
        match *step {
            Step::Add(address) => links.add_loopback_address(address).await?,
            Step::Remove(address) => links.delete_loopback_address(address).await?,
        }
    }
    for (name, value) in SETTINGS {
        sysctl::write_if_there(name, value)?;
    }
    Ok(steps)
}

/// What makes a namespace a router of ours. Links that come later take `default`'s values.
const SETTINGS: [(&str, &str); 6] = [
    ("ipv4/ip_forward", "1"),
    // A packet whose source does not belong on the link it came by is dropped: no task can speak for another.
    ("ipv4/conf/all/rp_filter", "1"),
    ("ipv4/conf/default/rp_filter", "1"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    // VPCs are IPv4 here, and what the rules do not cover must not exist.
    ("ipv6/conf/default/disable_ipv6", "1"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_steps_lead_from_any_addresses_to_those_of_the_spec(
            present in proptest::collection::btree_set(0_u8..20, 0..10),
            extra in proptest::collection::btree_set(0_u8..20, 0..10),
        ) {
            let address = |host: u8| Ipv4Addr::new(10, 0, 0, host);
            let mut there: BTreeSet<_> = present.into_iter().map(address).collect();
            let wanted = Spec { extra: extra.into_iter().map(address).collect(), ..Spec::default() };
            for step in plan(&wanted, &there) {
                let changed = match step {
                    Step::Add(address) => there.insert(address),
                    Step::Remove(address) => there.remove(&address),
                };
                prop_assert!(changed, "{:?} changes nothing", step);
            }
            prop_assert_eq!(there, wanted.addresses());
        }
    }

    fn spec(routers: &[[u8; 4]], extra: &[[u8; 4]]) -> Spec {
        let set = |all: &[[u8; 4]]| all.iter().copied().map(Ipv4Addr::from).collect();
        Spec { routers: set(routers), resolver: Some(Ipv4Addr::new(10, 0, 0, 2)), extra: set(extra) }
    }

    #[test]
    fn nothing_is_to_do_when_all_is_there() {
        let spec = spec(&[[10, 0, 1, 1]], &[[10, 0, 1, 9]]);
        assert_eq!(plan(&spec, &spec.addresses()), []);
    }

    #[test]
    fn what_is_new_comes_before_what_is_old_goes() {
        let before = spec(&[[10, 0, 1, 1]], &[[10, 0, 1, 9]]).addresses();
        let after = spec(&[[10, 0, 1, 1]], &[[10, 0, 1, 10]]);
        let steps = [Step::Add(Ipv4Addr::new(10, 0, 1, 10)), Step::Remove(Ipv4Addr::new(10, 0, 1, 9))];
        assert_eq!(plan(&after, &before), steps);
    }
}

//! Makes load balancers true: addresses from EC2, everything else by the edge; and writes what the edge sees.
//!
//! Both controllers have one key, for the machine: the edge is told its section whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use api::{
    acm::inside::{GetKeyPair, GetKeyPairRequest},
    elbv2::TargetHealth,
};
use edge::balancers::{SECTION, Seen, TargetSeen};
use names::Scope;
use reconcile::{Controller, Next};
use store::{Change, Key, Row};
use tracing::warn;

use crate::{
    LoadBalancing,
    error::Error,
    plan::{self, World},
    rows::{
        Group, Interface, Listener, LoadBalancer, LoadBalancerObserved, Rule, RuleObserved, Target, TargetObserved,
        Unbound,
    },
};

/// How soon the edge is tried again when something of it is not true yet.
const RETRY: Duration = Duration::from_millis(200);

/// Tells the edge what is asked.
pub(crate) struct Balancers(pub(crate) Arc<LoadBalancing>);

impl Controller for Balancers {
    type Error = Error;
    const NAME: &'static str = "elbv2/load-balancer";

    fn watches(&self) -> &'static [&'static str] {
        &[
            LoadBalancer::KIND,
            Listener::KIND,
            Rule::KIND,
            Group::KIND,
            Target::KIND,
            "acm/certificate",
            "ec2/security-group",
            "ec2/vpc.observed",
            "serin/edge",
        ]
    }

    fn keys_of(&self, _: &Change) -> Vec<Key> {
        vec![plan::machine()]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![plan::machine()])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        self.take_addresses().await?;
        let world = self.world().await?;
        let desired = plan::desired(&world);
        self.0.edge.zones("elbv2", plan::zones(&desired)).await.map_err(Error::Edge)?;
        let failed = self.0.edge.plugged(SECTION, &desired).await.map_err(Error::Edge)?;
        let failed: BTreeMap<String, String> = failed.into_iter().map(|item| (item.item, item.error)).collect();
        self.record(&world, &failed)?;
        self.record_rules(&world)?;
        self.bury(&world).await?;
        let now = self.0.clock.now();
        let (gone, next) = plan::gone(&world, now);
        self.forget(&gone)?;
        let unready = !failed.is_empty() || world.balancers.iter().any(|(key, _)| !world.observed.contains_key(key));
        Ok(match next.map(|next| next.since(now)) {
            _ if unready => Next::After(RETRY),
            Some(wait) => Next::After(wait),
            None => Next::Settled,
        })
    }
}

impl Balancers {
    /// Everything that is asked, with who may connect.
    async fn world(&self) -> Result<World, Error> {
        let store = &self.0.store;
        let mut world = World {
            balancers: store.list_all()?,
            observed: store.list_all()?.into_iter().collect(),
            listeners: store.list_all()?,
            rules: store.list_all()?,
            groups: store.list_all()?,
            targets: store.list_all()?,
            access: BTreeMap::new(),
            certificates: BTreeMap::new(),
        };
        self.fetch_certificates(&mut world).await;
        let mut wanted: BTreeMap<Scope, BTreeSet<String>> = BTreeMap::new();
        for (key, balancer) in &world.balancers {
            wanted.entry(key.scope.clone()).or_default().extend(balancer.security_groups.iter().cloned());
        }
        for (scope, groups) in wanted {
            for group in groups {
                // A group that is gone lets nobody in.
                let request = api::ec2::DescribeSecurityGroupsRequest { group_ids: vec![group], ..Default::default() };
                let found = self.0.caller.call::<api::ec2::DescribeSecurityGroups>(&scope, request).await;
                for group in found.map(|found| found.security_groups).unwrap_or_default() {
                    world.access.insert(group.group_id.clone(), access(&group));
                }
            }
        }
        Ok(world)
    }

    /// What listeners show, as far as it is to be had.
    async fn fetch_certificates(&self, world: &mut World) {
        let tls = |(key, row): &(Key, Listener)| Some((key.scope.clone(), row.tls.as_ref()?.certificates.clone()));
        let wanted: Vec<(Scope, Vec<String>)> = world.listeners.iter().filter_map(tls).collect();
        for (scope, arns) in wanted {
            for arn in arns {
                let request = GetKeyPairRequest { certificate_arn: arn.clone() };
                match self.0.caller.call::<GetKeyPair>(&scope, request).await {
                    Ok(pair) => drop(world.certificates.insert(arn, plan::certificate(pair))),
                    Err(error) => warn!(arn, %error, "A certificate of a listener is not to be had."),
                }
            }
        }
    }

    /// A network interface in each subnet of each balancer.
    async fn take_addresses(&self) -> Result<(), Error> {
        for (key, balancer) in self.0.store.list_all::<LoadBalancer>()? {
            let mut observed: LoadBalancerObserved = self.0.store.get(&key)?.unwrap_or_default();
            let missing = balancer.subnets.iter().filter(|subnet| !observed.interfaces.contains_key(&subnet.id));
            let missing: Vec<String> = missing.map(|subnet| subnet.id.clone()).collect();
            if balancer.deleted || missing.is_empty() {
                continue;
            }
            for subnet in missing {
                let request = api::ec2::CreateNetworkInterfaceRequest {
                    subnet_id: subnet.clone(),
                    description: Some(format!("ELB app/{}", key.name)),
                    groups: balancer.security_groups.clone(),
                    // Killed before the answer is recorded, the same token finds the same interface.
                    client_token: Some(format!("{}-{subnet}", balancer.id)),
                    interface_type: Some(api::ec2::LOAD_BALANCER.to_owned()),
                    ..Default::default()
                };
                let made = self.0.caller.call::<api::ec2::CreateNetworkInterface>(&key.scope, request).await?;
                let interface = made.network_interface;
                let interface = Interface { id: interface.network_interface_id, address: interface.private_ip_address };
                observed.interfaces.insert(subnet, interface);
            }
            "provisioning".clone_into(&mut observed.state);
            self.0.store.write(|tx| tx.put(&key, &observed).map_err(Error::from))?;
        }
        Ok(())
    }

    /// Writes which balancers answer.
    fn record(&self, world: &World, failed: &BTreeMap<String, String>) -> Result<(), Error> {
        self.0.store.write(|tx| {
            for (key, balancer) in world.balancers.iter().filter(|(_, balancer)| !balancer.deleted) {
                let Some(mut observed) = tx.get::<LoadBalancerObserved>(key)? else { continue };
                if observed.interfaces.len() < balancer.subnets.len() {
                    continue;
                }
                observed.reason = failed.get(&plan::id(key)).cloned();
                let state = if observed.reason.is_none() { "active" } else { "provisioning" };
                state.clone_into(&mut observed.state);
                tx.put(key, &observed)?;
            }
            Ok(())
        })
    }

    /// Writes which actions requests go through, now that the edge has them.
    fn record_rules(&self, world: &World) -> Result<(), Error> {
        let defaults = world
            .listeners
            .iter()
            .map(|(key, row)| (Key::new(&key.scope, format!("{}/{}", key.name, row.id)), &row.actions));
        let rules = world.rules.iter().map(|(key, row)| (key.clone(), &row.actions));
        let told: BTreeMap<Key, &Vec<api::elbv2::Action>> = defaults.chain(rules).collect();
        let written: BTreeMap<Key, RuleObserved> = self.0.store.list_all()?.into_iter().collect();
        let is_new = |(key, actions): &(&Key, &&Vec<_>)| written.get(*key).is_none_or(|row| row.actions != ***actions);
        let news: Vec<_> = told.iter().filter(is_new).collect();
        let gone: Vec<_> = written.keys().filter(|key| !told.contains_key(*key)).collect();
        if news.is_empty() && gone.is_empty() {
            return Ok(());
        }
        self.0.store.write(|tx| {
            for (key, actions) in news {
                tx.put(key, &RuleObserved { actions: (*actions).clone() })?;
            }
            for key in gone {
                tx.delete::<RuleObserved>(key)?;
            }
            Ok(())
        })
    }

    /// Gives back what deleted balancers had, now that the edge has let go of them.
    async fn bury(&self, world: &World) -> Result<(), Error> {
        for (key, _) in world.balancers.iter().filter(|(_, balancer)| balancer.deleted) {
            let interfaces = world.observed.get(key).map(|observed| observed.interfaces.clone()).unwrap_or_default();
            for interface in interfaces.into_values() {
                let request = api::ec2::DeleteNetworkInterfaceRequest { network_interface_id: interface.id };
                let deleted = self.0.caller.call::<api::ec2::DeleteNetworkInterface>(&key.scope, request).await;
                match deleted {
                    Err(fault) if !fault.code.ends_with(".NotFound") => return Err(fault.into()),
                    _ => {}
                }
            }
            self.0.store.write(|tx| {
                tx.delete::<LoadBalancer>(key)?;
                tx.delete::<LoadBalancerObserved>(key)?;
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    }

    fn forget(&self, gone: &[Key]) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        self.0.store.write(|tx| {
            for key in gone {
                // Registered again meanwhile, it stays.
                if tx.get::<Target>(key)?.is_some_and(|target| target.leaving.is_some()) {
                    tx.delete::<Target>(key)?;
                    tx.delete::<TargetObserved>(key)?;
                }
            }
            Ok(())
        })
    }
}

fn access(group: &api::ec2::SecurityGroup) -> Vec<edge::balancers::Access> {
    let rule = |rule: &api::ec2::IpPermissionItem| {
        let cidrs: Vec<String> = rule.ip_ranges.iter().map(|range| range.cidr_ip.clone()).collect();
        plan::access(&rule.ip_protocol, rule.from_port, rule.to_port, &cidrs)
    };
    group.ip_permissions.iter().flat_map(rule).collect()
}

/// Writes what the edge sees.
pub(crate) struct Observer {
    service: Arc<LoadBalancing>,
    /// What is written already. A new edge begins anew, with a number that is most likely another one.
    revision: AtomicU64,
}

impl Observer {
    pub(crate) fn new(service: Arc<LoadBalancing>) -> Self {
        Self { service, revision: AtomicU64::new(0) }
    }
}

impl Controller for Observer {
    type Error = Error;
    const NAME: &'static str = "elbv2/target";

    fn watches(&self) -> &'static [&'static str] {
        &[]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(vec![plan::machine()])
    }

    async fn reconcile(&self, _: &Key) -> Result<Next, Error> {
        let observed =
            self.service.edge.observe(SECTION, self.revision.load(Ordering::SeqCst)).await.map_err(Error::Edge)?;
        let seen: Seen = serde_json::from_value(observed.value).map_err(|error| Error::Strange(error.to_string()))?;
        self.write(&seen)?;
        self.revision.store(observed.revision, Ordering::SeqCst);
        // The next answer is held by the edge until there is news.
        Ok(Next::After(Duration::ZERO))
    }
}

impl Observer {
    fn write(&self, seen: &Seen) -> Result<(), Error> {
        let store = &self.service.store;
        let groups: BTreeMap<String, Key> =
            store.list_all::<Group>()?.into_iter().map(|(key, row)| (row.settings.target_group_arn, key)).collect();
        store.write(|tx| {
            for target in &seen.targets {
                let Some(group) = groups.get(&target.group) else { continue };
                let key = Key::new(&group.scope, format!("{}/{}:{}", group.name, target.address, target.port));
                let Some(asked) = tx.get::<Target>(&key)? else { continue };
                match (target.state.as_str(), asked.leaving) {
                    // With no request in flight there is nothing to wait for, whatever the group's delay.
                    ("drained", Some(_)) => {
                        tx.delete::<Target>(&key)?;
                        tx.delete::<TargetObserved>(&key)?;
                    }
                    // Registered again meanwhile; the edge will see it soon.
                    ("drained", None) => {}
                    _ => tx.put(&key, &TargetObserved { health: health(target) })?,
                }
            }
            let unbound = seen.unbound.iter().map(|(balancer, port, _)| (balancer.clone(), *port)).collect();
            tx.put(&plan::machine(), &Unbound(unbound))?;
            Ok(())
        })
    }
}

fn health(target: &TargetSeen) -> TargetHealth {
    TargetHealth { state: target.state.clone(), reason: target.reason.clone(), description: target.description.clone() }
}

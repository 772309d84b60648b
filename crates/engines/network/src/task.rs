//! A task's namespace on its VPC: what `awsvpc` networking promises a task.
//!
//! The task sees one link, `eth0`, with its address and its subnet's prefix, and one route: everything to the
//! subnet's router. The other end of the link is in the VPC's namespace, named after the task's network interface.
//! Deleting is letting go: when the last process and the last handle of the namespace are gone, so are both ends.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub use crate::link::Mac;
use crate::{
    Error, Namespace,
    link::{self, Links},
    sysctl,
};

/// The link that a task sees.
const INSIDE: &str = "eth0";

/// The hardware address of the VPC's end of every task's link. Each link is a world of its own, so one serves all,
/// and the task can be told it in advance.
const ROUTER_MAC: Mac = [0x02, 0x53, 0x45, 0x52, 0x49, 0x4e];

/// The longest name a link may have: the kernel's IFNAMSIZ without the closing zero.
const LINK_NAME_MAX: usize = 15;

/// A task's place in its VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The network interface's id, `eni-0123456789abcdef0`.
    pub interface_id: String,
    /// Its hardware address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// The subnet the address is of.
    pub subnet: Ipv4Net,
    /// The subnet's router, which the VPC must have (see [`crate::vpc::Spec`]).
    pub router: Ipv4Addr,
}

/// The name of a task's link in its VPC: `t` and the last fourteen letters and digits of the interface's id.
pub fn link_name(interface_id: &str) -> Result<String, Error> {
    let id = interface_id.strip_prefix("eni-").unwrap_or(interface_id);
    let letters: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
    if letters.is_empty() {
        return Err(Error::InterfaceId(interface_id.to_owned()));
    }
    let from = letters.len().saturating_sub(LINK_NAME_MAX - 1);
    Ok(std::iter::once('t').chain(letters[from..].iter().copied()).collect())
}

/// Makes the namespace of a task in `vpc`. If the interface has one already (a task that is set up a second time
/// after a crash), the old one is cut off and the new one takes its place.
pub(crate) async fn attach(vpc: &Namespace, spec: &Spec) -> Result<Namespace, Error> {
    let task = Namespace::create().await?;
    link_up(vpc, &task, spec).await?;
    Ok(task)
}

/// Makes the link between `vpc` and `task`, in place of one that either has already.
pub(crate) async fn link_up(vpc: &Namespace, task: &Namespace, spec: &Spec) -> Result<(), Error> {
    link::within(task, "clear a task's network", |links| async move { links.delete(INSIDE).await }).await?;
    let (name, inside, wanted) = (link_name(&spec.interface_id)?, task.try_clone()?, spec.clone());
    let near =
        link::within(
            vpc,
            "put a task on a VPC",
            |links| async move { near_end(&links, &name, &inside, &wanted).await },
        )
        .await?;
    let wanted = spec.clone();
    link::within(task, "set up a task's network", |links| async move { far_end(&links, &wanted).await }).await?;
    link::within(vpc, "wait for a task's link", move |links| async move { links.carries(near).await }).await
}

/// The end in the VPC, with the route to the task. Answers with its index.
async fn near_end(links: &Links, name: &str, task: &Namespace, spec: &Spec) -> Result<u32, Error> {
    links.delete(name).await?;
    links.add_pair((name, ROUTER_MAC), (INSIDE, spec.mac), task).await?;
    let index = links.index(name).await?;
    links.up(index).await?;
    links.neighbour(index, spec.address, spec.mac).await?;
    links.route_to(spec.address, index, spec.router).await?;
    Ok(index)
}

/// The end in the task.
async fn far_end(links: &Links, spec: &Spec) -> Result<(), Error> {
    // As on AWS and in other runtimes: a container that is not root listens on port 80 all the same.
    sysctl::write("ipv4/ip_unprivileged_port_start", "0")?;
    sysctl::write_if_there(&format!("ipv6/conf/{INSIDE}/disable_ipv6"), "1")?;
    links.loopback_up().await?;
    let index = links.index(INSIDE).await?;
    links.up(index).await?;
    links.add_address(index, spec.address, spec.subnet.prefix_len()).await?;
    links.neighbour(index, spec.router, ROUTER_MAC).await?;
    links.route_to(spec.router, index, spec.address).await?;
    links.route_default(spec.router).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_named_after_the_end_of_its_interface() {
        assert_eq!(link_name("eni-0123456789abcdef0").unwrap(), "t3456789abcdef0");
        assert_eq!(link_name("eni-7").unwrap(), "t7");
        assert_eq!(link_name("4d5a").unwrap(), "t4d5a");
        assert!(matches!(link_name("eni-"), Err(Error::InterfaceId(_))));
    }

    #[test]
    fn a_link_name_fits_the_kernel() {
        assert_eq!(link_name("eni-0123456789abcdef0").unwrap().len(), LINK_NAME_MAX);
    }
}

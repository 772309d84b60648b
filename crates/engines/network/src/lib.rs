//! A VPC as a network namespace of its own, and the tasks in it.
//!
//! ```text
//!   task's namespace        VPC's namespace                        task's namespace
//!   eth0 10.0.1.5 ──veth── t… ─┐  forwards, filters        ┌─ t… ──veth── eth0 10.0.2.9
//!                              ├─ lo: 10.0.1.1, 10.0.2.1 ──┤
//!                              │  (subnets' routers), 10.0.0.2 (resolver), 169.254.170.2,
//!                              │  169.254.169.253, load balancers' addresses
//! ```
//!
//! - [`Namespace`] is a handle on a network namespace: whoever holds one keeps it alive and can run work inside.
//! - [`Vpc`] is the namespace that stands for a VPC: [`Vpc::converge`] gives it its addresses, [`Vpc::attach`] puts a
//!   task on it, [`Vpc::secure`] enforces security groups, [`Vpc::sockets`] makes sockets that live in it.
//! - [`egress`] says what of a task's traffic may leave the VPC; whoever carries it dials from elsewhere.
//! - [`redirect`] is App Mesh's `proxyConfiguration` inside a task's namespace.
//!
//! The machine's own namespace gets nothing: no link, no address, no route, no rule. So the CIDRs of two VPCs may
//! overlap, and deleting a namespace deletes all that was made for it.
//!
//! **Why no bridge.** Security groups need connection tracking for traffic between tasks. Tracking on a bridge needs
//! kernel modules that are not on every machine (`nf_conntrack_bridge` or `br_netfilter`), forwarding does not. So
//! tasks hang on the VPC by a point-to-point link each and the VPC routes between them, which is also what AWS does:
//! no task sees another's frames, and an address that is not the task's own is dropped at its link.
//!
//! The kernel is spoken to by netlink alone: links, addresses and routes with the `rtnetlink` crate, `nf_tables` with
//! messages of our own. No program is run, no file is left anywhere.
#![expect(unsafe_code, reason = "one ioctl has no safe wrapper: the one that tells a socket's namespace")]

mod error;
mod link;
mod namespace;
mod nft;
mod sysctl;

pub mod egress;
pub mod redirect;
pub mod security;
pub mod sockets;
pub mod task;
pub mod vpc;

pub use error::Error;
pub use namespace::{Identity, Namespace};
pub use redirect::Redirect;
pub use sockets::Sockets;
pub use vpc::Vpc;

use std::net::Ipv4Addr;

/// The address at which every VPC has its resolver besides base + 2.
pub const LINK_LOCAL_RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// The address at which a task finds the control plane; on AWS it is where task credentials and metadata are.
pub const CONTROL_PLANE: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);

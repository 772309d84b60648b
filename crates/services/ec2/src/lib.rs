//! EC2, as far as a VPC goes.
//!
//! A **VPC** is a private network: a block of addresses, cut into **subnets**, each in a zone. A **network interface**
//! is an address of a subnet; every task and every load balancer has one. **Security groups** are lists of rules that
//! say who may reach the interfaces in them, and whom those may reach. **Route tables** and **internet gateways** say
//! where traffic goes that leaves the VPC.
//!
//! Here a VPC is a network namespace which the edge process holds. The operations keep rows of what was asked; one
//! controller tells the edge which VPCs there are, and writes the security groups of each into its namespace. What it
//! achieved is in `ec2/vpc.observed`: where the namespace is, and which interfaces its rules know by now.
//!
//! An interface has a way to the internet as on AWS: by a public address, and a route of its subnet's table to an
//! internet gateway that is attached. The edge carries what takes it; see [`network::egress`].
//!
//! **What has no effect here, and why.** Nobody comes in by a public address, and none is told: the machine has none to
//! give. DNS host names are for instances, of which there are none. IPv6 rules are
//! kept; VPCs are IPv4. No region has a default VPC.

mod addresses;
mod controller;
mod error;
mod explain;
mod filter;
mod operations;
mod permission;
mod plan;
mod rows;
mod tags;
mod zones;

use std::sync::Arc;

use names::Ids;
use network::egress::Reach;
use reconcile::System;
use store::Store;
use wire::{Definition, Protocol, Service};

pub use explain::EXPLAINED;

/// What the operations work with.
pub(crate) struct Ec2 {
    pub(crate) store: Store,
    pub(crate) ids: Ids,
}

/// EC2 over `store`, made true by the edge process that `edge` speaks to.
/// Tasks that have a way out of their VPC get as far as `reach`.
pub fn service(store: Store, ids: Ids, edge: edge::Client, reach: Reach) -> System {
    let definition = Definition {
        signing_name: "ec2",
        protocol: Protocol::Ec2 { namespace: "http://ec2.amazonaws.com/doc/2016-11-15/" },
        invalid: "InvalidParameterValue",
    };
    let controller = controller::Vpcs::new(store.clone(), edge, reach);
    let state = Arc::new(Ec2 { store, ids });
    System {
        service: Service::new(definition, &state, operations::operations()),
        controllers: vec![reconcile::boxed(controller)],
    }
}

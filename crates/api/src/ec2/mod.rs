//! Amazon EC2, version 2016-11-15: the part of it that a VPC is made of, by EC2's own query dialect.
//!
//! Requests are spelt as the dialect spells them on its way in (`SubnetId.1`), answers as on its way out (`subnetSet`).
//! One operation is not AWS's: [`DescribeVpcNamespaces`], by which a neighbour in this house finds the namespace that
//! stands for a VPC.

mod availability_zone;
mod common;
mod internet_gateway;
mod namespace;
mod network_interface;
mod route_table;
mod security_group;
mod subnet;
mod tag;
mod vpc;

pub use availability_zone::*;
pub use common::*;
pub use internet_gateway::*;
pub use namespace::*;
pub use network_interface::*;
pub use route_table::*;
pub use security_group::*;
pub use subnet::*;
pub use tag::*;
pub use vpc::*;

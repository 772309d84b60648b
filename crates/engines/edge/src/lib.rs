//! The edge: one process for the machine that holds every VPC and stands in it on its behalf.
//!
//! ```text
//!   control plane ──Unix socket, JSON lines──▶ edge ─┬─ VPC a: namespace, resolver, relay, way out, balancers
//!                                                    └─ VPC b: namespace, resolver, relay, way out, balancers
//! ```
//!
//! It is a process of its own so that the control plane can be killed, upgraded and started anew while tasks resolve
//! names, load balancers carry traffic and nobody notices: when the control plane is gone, the last configuration
//! stands. It is one process for all VPCs because load balancers of different VPCs share the machine's ports.
//!
//! - [`run`] is the process; [`Client`] is how the control plane speaks to it; [`protocol`] is what they say.
//! - Everything is told as sections of desired state: [`protocol::Section`]. A section is always told whole, telling it
//!   again changes nothing, and the answer names each item that could not be made true. What a section sees is asked for with a held answer.
//! - The edge itself knows three sections: VPCs, zones, and where the control plane is. More are plugged in with
//!   [`Section`]; they reach into VPCs with [`Vpcs`].

pub mod balancers;
mod client;
mod egress;
mod error;
mod holder;
mod place;
mod relay;
mod section;
mod server;

pub mod protocol;

pub use client::Client;
pub use error::{ClientError, Error};
pub use protocol::{Hello, ItemError};
pub use relay::AGENT_PORT;
pub use section::{Section, Vpcs};
pub use server::{Options, run};

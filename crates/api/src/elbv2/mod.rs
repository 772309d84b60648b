//! Elastic Load Balancing v2 (2015-12-01), application load balancers: what answers at a DNS name, on which ports, and
//! which targets share the work.

mod certificate;
mod counts;
mod listener;
mod load_balancer;
mod rule;
mod tag;
mod target;
mod target_group;

pub use certificate::*;
pub use counts::*;
pub use listener::*;
pub use load_balancer::*;
pub use rule::*;
pub use tag::*;
pub use target::*;
pub use target_group::*;

use serde::{Deserialize, Serialize};

/// An answer that says nothing but that it is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Empty {}

/// A named setting of a load balancer or target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Attribute {
    /// `deregistration_delay.timeout_seconds`.
    pub key: String,
    /// Its value, as text.
    #[serde(default)]
    pub value: String,
}

/// Attributes in an answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributesResponse {
    /// All attributes, set or default.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

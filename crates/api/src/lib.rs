//! What each AWS service promises to its callers, and nothing of how it keeps the promise.
//!
//! One module a service. In it, each operation is a unit type that implements [`Operation`]: its name, its HTTP
//! binding, what it takes, what it answers. The same types serve the server side (`wire` reads a request into
//! them), a service that calls its neighbour (`wire::Caller`), and the command line.
//!
//! How shapes are written:
//! - a request is a struct with `#[serde(deny_unknown_fields)]`, so that a parameter we do not have is refused by its
//!   name instead of being ignored; members are spelt as the API model spells them (`rename_all`);
//! - what may be absent is an `Option` with `#[serde(default, skip_serializing_if = "Option::is_none")]`, lists and
//!   maps are plain with `default`;
//! - neither `flatten` nor `untagged`: the lenient reader of `wire` (a number may arrive as text) needs to know the
//!   target type;
//! - times are [`names::Timestamp`], bytes are [`Blob`].

pub mod acm;
pub mod acmpca;
pub mod appmesh;
pub mod canary;
pub mod cloudformation;
pub mod cloudwatch;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
mod explanation;
pub mod iam;
pub mod logs;
mod operation;
mod operations;
pub mod rehearsal;
pub mod serin;
pub mod servicediscovery;
pub mod sts;
pub mod xray;

pub use explanation::{Explanation, explanation};
pub use operation::{Blob, Fault, Http, Operation};
pub use operations::OPERATIONS;

//! One table of meshes and requests, held against two data planes: a real Envoy and our own proxy.
//!
//! `cases/` is the table: JSON, a file a subject. A group has a mesh in the shapes of App Mesh's API, a case a request
//! and what must come of it. Nothing in it knows which data plane it is for.
//!
//! ```text
//!   Control: the real App Mesh, ACM and xDS server, in this process ───────┐ (169.254.170.2:4566, in the VPC)
//!                                                                          ▼
//!   Client ──▶ a task's namespace ══redirect══▶ proxy (Envoy | ours) ──▶ Backends, on addresses of the VPC
//! ```
//!
//! Everything happens in namespaces of the test's own ([`World`]), with the redirects that a task has. A mesh counts
//! as applied when both proxies have acknowledged it. What one data plane is known not to do stands in
//! `differences.json` by name with its reason; a difference that is no more fails the test, so the list can only be true.

mod agent;
mod backend;
mod case;
mod certificates;
mod check;
mod client;
mod control;
mod differences;
mod house;
mod instances;
mod issued;
mod load;
mod loads;
mod plane;
mod run;
mod stage;
mod world;

pub use agent::{Agent, Signer};
pub use backend::Backends;
pub use case::{Asked, Case, Expect, Group, Send, load};
pub use certificates::Certificates;
pub use client::{Client, Outcome};
pub use control::{Control, Identity, Refused};
pub use differences::Differences;
pub use issued::Acm;
pub use load::{Load, Tally};
pub use loads::{Loads, alone};
pub use plane::{Kind, Plane};
pub use run::{Report, run};
pub use stage::Stage;
pub use world::{CONTROL_PLANE, Task, World};

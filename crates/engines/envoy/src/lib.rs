//! A real Envoy in the place of an App Mesh Envoy image.
//!
//! That image held an agent beside Envoy. The agent wrote Envoy's bootstrap from environment variables, started it,
//! and on SIGTERM let requests end before it stopped it. A stock Envoy has no agent, and refuses the bootstrap that
//! App Mesh's wrote (it names credentials that were removed in 1.35). So here are the same three things for a stock
//! Envoy: [`bootstrap`] is what the variables come to, [`launch`] starts, supervises and ends it.
//!
//! [`files`] are what an image needs to hold so that Envoy runs in it.
//!
//! The control plane is reached by plain gRPC over TCP, over a socket in the file system, or by TLS; the variables
//! are otherwise App Mesh's, with its defaults.

mod bootstrap;
mod files;
mod launch;
mod program;
mod stats;
mod tracing;
mod variables;

pub use bootstrap::{bootstrap, without_effect};
pub use launch::launch;
pub use program::{PROGRAM, ProgramError, files};
pub use variables::Error;

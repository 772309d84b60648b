//! AWS X-Ray, version 2016-04-12, by REST and JSON: segments in, traces and the service graph out.

mod graph;
mod sampling;
mod segment;
mod trace;

pub use graph::*;
pub use sampling::*;
pub use segment::*;
pub use trace::*;

//! AWS X-Ray, version 2016-04-12, by REST and JSON: segments in, traces and the service graph out.

mod graph;
mod group;
mod keeping;
mod sampling;
mod segment;
mod series;
mod tag;
mod trace;

pub use graph::*;
pub use group::*;
pub use keeping::*;
pub use sampling::*;
pub use segment::*;
pub use series::*;
pub use tag::*;
pub use trace::*;

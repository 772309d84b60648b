//! Amazon CloudWatch Logs, version 2014-03-28, by JSON 1.1: groups of streams of events.
//!
//! Unlike elsewhere, times are plain integers: the model says so.

mod event;
mod group;
mod query;
mod stream;
mod tag;

pub use event::*;
pub use group::*;
pub use query::*;
pub use stream::*;
pub use tag::*;

//! AWS Cloud Map, version 2017-03-14: namespaces, services and the instances that answer for them, by JSON 1.1.
//!
//! Public DNS namespaces are not here: their names would be promised to the internet.

mod instance;
mod namespace;
mod operation;
mod service;
mod tag;

pub use instance::*;
pub use namespace::*;
pub use operation::*;
pub use service::*;
pub use tag::*;

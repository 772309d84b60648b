//! AWS Security Token Service, version 2011-06-15, by Query: who one is, and credentials that end.

mod credentials;
mod identity;

pub use credentials::*;
pub use identity::*;

//! AWS IAM, version 2010-05-08, by Query: roles and their policies. One for all regions.

mod policy;
mod role;
mod tag;

pub use policy::*;
pub use role::*;
pub use tag::*;

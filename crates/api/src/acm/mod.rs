//! AWS Certificate Manager, API version 2015-12-08: certificates that are issued, imported, told, renewed and deleted.
//!
//! The operations of [`inside`] are not Amazon's but ours, and for neighbours in process alone: they hand out private
//! keys.

mod certificate;
pub mod inside;
mod list;
mod request;
mod tag;

pub use certificate::*;
pub use inside::{DescribeTrust, GetKeyPair, IssueIdentity};
pub use list::*;
pub use request::*;
pub use tag::*;

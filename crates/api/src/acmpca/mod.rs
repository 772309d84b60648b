//! AWS Private Certificate Authority, API version 2017-08-22: authorities of one's own, and what they sign.

mod authority;
mod certificate;
mod subject;
mod tag;

pub use authority::*;
pub use certificate::*;
pub use subject::*;
pub use tag::*;

//! How calls travel: from bytes to one of [`api`]'s operations and back, or straight from one service to another.
//!
//! A service is a table: a [`Definition`] and its operations, each [`bind`] of a contract type to a plain async function.
//! The [`Gateway`] takes an HTTP request through one visible chain (who asks, which service, which operation, read its
//! members, call, write the answer); [`Caller`] takes the same table's operations without a socket. There is one codec
//! for each protocol and none for any operation: members become a JSON value and serde does the rest.

mod bind;
mod caller;
mod client;
mod gateway;
mod page;
mod protocol;
mod relayed;
mod serve;
mod service;
pub mod sigv4;
mod tls;

pub use bind::{Bound, Call, Context, bind};
pub use caller::Caller;
pub use client::{Client, ClientError};
pub use gateway::{BODY_MAX, Gateway, Secrets};
pub use page::{BadToken, page};
pub use protocol::Protocol;
pub use relayed::Origin;
pub use serve::serve;
pub use service::{Definition, Service};
pub use tls::{PeerCertificate, Tls, TlsError};

//! TLS, on both sides.
//!
//! - [`Acceptor`] makes a client's bare connection a secured one, [`Connector`] one to a server. Each holds what it goes
//!   by in a place where it can be exchanged: a new certificate is for new connections, old ones live on by the old.
//! - [`Session`] is what was agreed on with the other side.

mod acceptor;
mod connector;
mod session;
mod suites;

pub(crate) use acceptor::Acceptor;
pub(crate) use connector::Connector;
pub(crate) use session::{Protocol, Session};

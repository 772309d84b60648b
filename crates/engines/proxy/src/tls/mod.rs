//! TLS, on both sides.
//!
//! ```text
//!   model (settings, secrets) ──▶ build ──▶ Context ──▶ Acceptor: a client's connection
//!                files, secrets ─▶ Store ─────┘   └───▶ Connector: a connection to a server
//! ```
//!
//! - A [`Context`](context::Context) is settings and what was made of them; the [`Store`] makes it anew when a secret comes
//!   or a file changes. A new certificate is for new connections, old ones live on by the old.
//! - `trust` is whom to believe, `material` reads certificates and keys and says what is wrong with them.
//! - [`Session`] is what was agreed on with the other side.
//!
//! By rustls, over ring. What it can't do (TLS 1.1, RSA key exchange, CBC suites) is refused by name.

mod acceptor;
mod build;
mod certificate;
mod connector;
mod context;
mod failure;
mod material;
mod session;
mod store;
mod suites;
#[cfg(test)]
pub(crate) mod testing;
mod trust;

pub(crate) use acceptor::Acceptor;
pub(crate) use certificate::Certificate;
pub(crate) use connector::Connector;
pub(crate) use failure::words as failure_words;
pub use material::Error;
pub(crate) use material::Identity;
pub(crate) use session::{Protocol, Session, url_encoded_pem};
pub(crate) use store::Store;

use sha2::{Digest, Sha256};

/// The SHA-256 of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

//! Keys, certificate authorities and the certificates they sign; it knows neither AWS nor a store.
//!
//! A [`Key`] is made or read. An authority begins as a key and a [`Request`]: a root signs its own ([`self_signed`]),
//! any other is signed by the one above it. [`Authority::load`] puts certificate and key together again, and
//! [`Authority::issue`] signs what an [`Order`] asks for: an identity by DNS name, by SPIFFE URI, by address. What a
//! certificate says is read back as [`Details`].
//!
//! Times and serial numbers are passed in. The keys' randomness is not: it is the kernel's, through ring, and no other
//! would do. ring makes no RSA keys, so those are found by the `rsa` crate and then used by ring alone; what is known
//! to leak from that crate is its decryption, which nobody calls.
//!
//! Nothing is kept here. Who stores [`Key::pem`] has the private key in the clear.

mod authority;
mod details;
mod key;
mod request;

pub use authority::{Authority, Order, Usage, self_signed};
pub use details::{Details, chain};
pub use key::{Algorithm, Hash, Key};
pub use request::{Name, Request, Subject};

/// Why something could not be made, signed or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key cannot be read.
    #[error(
        "the private key cannot be read: {0}; PKCS#8 and PKCS#1 in PEM can be, such as `openssl pkcs8 -topk8` writes"
    )]
    Key(String),
    /// A key of this kind cannot sign with this hash.
    #[error("a key of {0:?} cannot sign with {1:?}")]
    Combination(Algorithm, Hash),
    /// The certificate cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The request cannot be read, or is not signed by its own key.
    #[error("the certificate signing request cannot be read: {0}")]
    Request(String),
    /// A name cannot stand in a certificate.
    #[error("`{0}` cannot stand in a certificate")]
    Name(String),
    /// A certificate of the chain is not signed by the one after it.
    #[error("the chain is broken: {0} is not signed by {1}")]
    Chain(String, String),
    /// The key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// Signing failed.
    #[error("signing failed: {0}")]
    Signing(#[from] rcgen::Error),
}

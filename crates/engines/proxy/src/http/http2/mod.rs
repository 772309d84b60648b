//! HTTP/2 (RFC 9113), by the `h2` crate.
//!
//! The rest of the proxy knows one kind of head, that of HTTP/1.1: a head that came over HTTP/2 is written down as such
//! and read like any other, and one that goes out over HTTP/2 is taken apart again. So routes, changes of fields, access
//! logs and traces see no difference, and what is refused over the one is refused over the other.
//!
//! - [`heads`] is that translation.
//! - [`server`] runs a client's connection, each of whose streams is a relay of its own.
//! - [`session`] is a connection to a server, which carries many requests at once; [`sessions`] are those of a server.
//! - [`ask`](ask::ask) is one request over a connection of its own.
//! - [`keepalive`] asks a silent side whether it is still there.

mod ask;
pub(super) mod heads;
mod keepalive;
mod server;
mod session;
mod sessions;

pub(crate) use ask::ask;
pub(crate) use heads::Lines;
pub(super) use server::serve;
pub(crate) use session::Lease;
pub(super) use session::failure;
pub(crate) use sessions::Found;
pub(super) use sessions::Sessions;

/// What a client says first over HTTP/2 (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The most that waits in a stream for its receiver, besides one read.
const SEND_BUFFER: usize = 64 * 1024;

/// The largest list of fields, in octets as HPACK counts them.
#[expect(clippy::cast_possible_truncation, reason = "60 KiB")]
const FIELDS_SIZE: u32 = super::head::HEAD_MAX as u32;

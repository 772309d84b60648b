//! HTTP/2 (RFC 9113), with an engine of our own.
//!
//! The rest of the proxy knows one kind of head, that of HTTP/1.1: a head that comes over HTTP/2 is written down as such
//! and read like any other, and one that goes out over HTTP/2 is taken apart again. So routes, changes of fields, access
//! logs and traces see no difference, and what is refused over the one is refused over the other. Both ways it goes from
//! bytes to bytes: no header map is built.
//!
//! - [`frame`], [`hpack`] and [`flow`] are the words of the protocol; [`read`] and [`write`] translate heads.
//! - [`connection`] is what is known of a connection, with its [`streams`]: bytes go in by [`receive`], and what is said by
//!   [`send`]. [`floods`] counts what clients could drown us with.
//! - [`driver`] moves the bytes; [`stream`](stream::Stream) is what who conducts a stream has of it.
//! - [`server`] runs a client's connection, each of whose streams is a relay of its own.
//! - [`session`] is a connection to a server, which carries many requests at once; [`sessions`] are those of a server.
//! - [`ask`](ask::ask) is one request over a connection of its own.
//! - [`keepalive`] asks a silent side whether it is still there.

mod ask;
mod connection;
mod driver;
mod floods;
mod flow;
mod frame;
mod hpack;
mod keepalive;
mod read;
mod receive;
mod send;
mod server;
mod session;
mod sessions;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod trial;
mod write;

pub(crate) use ask::{Question, ask};
pub(crate) use frame::Reason;
pub(super) use server::serve;
pub(crate) use session::Lease;
pub(crate) use sessions::Found;
pub(super) use sessions::Sessions;
pub(crate) use stream::{Piece, Stream};
pub(crate) use streams::Fault;
pub(crate) use write::Lines;

/// What a client says first over HTTP/2 (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest list of fields, in octets as HPACK counts them.
#[expect(clippy::cast_possible_truncation, reason = "60 KiB")]
const FIELDS_SIZE: u32 = super::head::HEAD_MAX as u32;

//! Compression of fields (HPACK, RFC 7541).
//!
//! What comes is decoded as the other side likes it. What goes is written without memory: a field's name by the static
//! table where it is there, everything else as it is. That costs a few bytes more on the wire, and saves both the table
//! and every look into it.

mod decode;
pub(super) mod encode;
mod huffman;
mod table;

pub(super) use decode::{Broken, Decoder};

/// The largest dynamic table that the other side may fill: the standard's own size, which need not be said.
const TABLE_MAX: usize = 4096;

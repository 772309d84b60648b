//! Frames (RFC 9113, 4 and 6): their heads, and the words of their fields.

use std::fmt;

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;
/// The most bytes behind a frame's head: the standard's own size, which need not be said.
pub(super) const PAYLOAD_MAX: usize = 16_384;
/// The largest window.
pub(super) const WINDOW_MAX: u32 = (1 << 31) - 1;
/// How large a window is until something else is said.
pub(super) const WINDOW: u32 = 65_535;
/// The largest number of a stream.
pub(super) const STREAM_MAX: u32 = (1 << 31) - 1;

/// Kinds of frames.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 0x1;
    pub(in super::super) const ACK: u8 = 0x1;
    pub(in super::super) const END_HEADERS: u8 = 0x4;
    pub(in super::super) const PADDED: u8 = 0x8;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

/// Settings by their numbers (RFC 9113, 6.5.2).
pub(super) mod setting {
    pub(in super::super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(in super::super) const ENABLE_PUSH: u16 = 2;
    pub(in super::super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(in super::super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(in super::super) const MAX_FRAME_SIZE: u16 = 5;
    pub(in super::super) const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Why a stream or a connection ends (RFC 9113, 7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason(pub(super) u32);

impl Reason {
    pub(crate) const NO_ERROR: Self = Self(0);
    pub(crate) const PROTOCOL_ERROR: Self = Self(1);
    pub(crate) const INTERNAL_ERROR: Self = Self(2);
    pub(crate) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(crate) const STREAM_CLOSED: Self = Self(5);
    pub(crate) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(crate) const REFUSED_STREAM: Self = Self(7);
    pub(crate) const CANCEL: Self = Self(8);
    pub(crate) const COMPRESSION_ERROR: Self = Self(9);
    pub(crate) const ENHANCE_YOUR_CALM: Self = Self(11);
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        let name = usize::try_from(self.0).ok().and_then(|number| NAMES.get(number));
        match name {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    /// Reads the head that `bytes` begin with, if all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<HEAD>()?;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Some(Self { length, kind, flags, stream: u32::from_be_bytes(stream) & STREAM_MAX })
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The bytes of the head.
    pub(super) fn bytes(self) -> [u8; HEAD] {
        let (length, stream) = (self.length.to_be_bytes(), self.stream.to_be_bytes());
        let mut bytes = [0; HEAD];
        bytes[..3].copy_from_slice(&length[length.len() - 3..]);
        (bytes[3], bytes[4]) = (self.kind, self.flags);
        bytes[5..].copy_from_slice(&stream);
        bytes
    }
}

/// Appends a frame.
pub(super) fn put(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Head { length: payload.len(), kind, flags, stream }.bytes());
    out.extend_from_slice(payload);
}

/// The number that a payload begins with, where it has four bytes.
pub(super) fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// What of a payload is no padding (RFC 9113, 6.1).
pub(super) fn unpadded(head: Head, payload: &[u8]) -> Result<&[u8], Reason> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(Reason::FRAME_SIZE_ERROR)?;
    let length = rest.len().checked_sub(usize::from(*padding)).ok_or(Reason::PROTOCOL_ERROR)?;
    Ok(&rest[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = Head { length: 0x01_0203, kind: 9, flags: 0x25, stream: 0x7fff_fffe };
        assert_eq!(head.bytes(), [1, 2, 3, 9, 0x25, 0x7f, 0xff, 0xff, 0xfe]);
        assert_eq!(Head::read(&head.bytes()), Some(head));
        assert_eq!(Head::read(&head.bytes()[..8]), None);
        assert_eq!(Head::read(&[0, 0, 0, 0, 0, 0xff, 0, 0, 1]).unwrap().stream, 0x7f00_0001);
    }

    #[test]
    fn padding_is_taken_away_and_is_no_longer_than_its_frame() {
        let head = Head { length: 0, kind: 0, flags: flag::PADDED, stream: 1 };
        assert_eq!(unpadded(head, &[2, b'a', 0, 0]), Ok(&b"a"[..]));
        assert_eq!(unpadded(head, &[3, b'a', 0, 0]), Ok(&b""[..]));
        assert_eq!(unpadded(head, &[4, b'a', 0, 0]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(unpadded(head, &[]), Err(Reason::FRAME_SIZE_ERROR));
        assert_eq!(format!("{:?} {:?}", Reason::CANCEL, Reason(99)), "CANCEL 0x63");
    }
}

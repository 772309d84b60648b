//! Pieces of a body, however it came and however it goes on.

use bytes::Bytes;

/// A piece of a body.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// Content. `last` is whether it is known that nothing follows; it need not be known.
    Data { bytes: Bytes, last: bool },
    /// The fields behind the body, a line for each. Nothing follows.
    Trailers(Bytes),
    /// Nothing follows.
    End,
}

impl Frame {
    /// Whether nothing follows.
    pub(super) fn ends(&self) -> bool {
        !matches!(self, Self::Data { last: false, .. })
    }

    /// How many bytes of content it has.
    pub(super) fn length(&self) -> usize {
        if let Self::Data { bytes, .. } = self { bytes.len() } else { 0 }
    }

    /// How many bytes it takes to keep.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Data { bytes, .. } | Self::Trailers(bytes) => bytes.len(),
            Self::End => 0,
        }
    }
}

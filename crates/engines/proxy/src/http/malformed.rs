//! What can be wrong with a message.

/// A message that is refused: passing it on could make two readers see two different messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("a line does not end with CR LF")]
    BareLineFeed,
    #[error("a header field is continued on another line")]
    FoldedLine,
    #[error("a header field's name is not a token followed by a colon")]
    FieldName,
    #[error("a header field's value has a control character")]
    FieldValue,
    #[error("the first line is not a request line or status line")]
    StartLine,
    #[error("the head has too many fields")]
    TooManyFields,
    #[error("the head is too large")]
    HeadTooLarge,
    #[error("the request has no Host, or several")]
    Host,
    #[error("the request target is not a path, an http URI or *")]
    Target,
    #[error("Content-Length is not one number")]
    ContentLength,
    #[error("both Content-Length and Transfer-Encoding are given")]
    TwoFramings,
    #[error("Transfer-Encoding is not chunked alone, or is used with HTTP/1.0")]
    TransferEncoding,
    #[error("Connection names a field that may not be removed")]
    Nominated,
    #[error("this HTTP version is not spoken here")]
    Version,
    #[error("this method is for tunnels, which are not made here")]
    Tunnel,
    #[error("a chunk is not framed as RFC 9112, 7.1 says")]
    Chunk,
    #[error("the trailer section is too large")]
    TrailerTooLarge,
    #[error("a field comes behind the body that can only be before it")]
    Trailer,
    #[error("an interim response is not followed by a final one")]
    Interim,
    #[error("the other side does not keep to HTTP/2")]
    Http2,
    #[error("the connection was switched to a protocol that was not asked for")]
    Switched,
}

impl Malformed {
    /// The status code to refuse a request with.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::TooManyFields | Self::HeadTooLarge | Self::TrailerTooLarge => 431,
            Self::TransferEncoding => 501,
            Self::Version => 505,
            Self::Tunnel => 405,
            _ => 400,
        }
    }
}

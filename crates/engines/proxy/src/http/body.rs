//! Where a body ends.
//!
//! Bodies are passed on as they are framed. The decoder only finds the end, and refuses what RFC 9112 does not allow:
//! a chunk size that is not hexadecimal digits, a bare CR or LF anywhere in the framing, control characters in chunk
//! extensions, trailers that are not fields, and those that could change what the message is if somebody took them for
//! fields of its head.

use super::{
    Malformed, Name, NameSet,
    characters::{TOKEN, VALUE},
};

/// The most bytes a chunk's extensions may have, and all trailers together.
const EXTRAS_MAX: u32 = 16 * 1024;

/// The longest name of a trailer that is looked at; those that are refused are shorter.
const NAME_MAX: usize = 24;

/// What can't come behind a body (RFC 9110, 6.5.1): how it is framed, whom it is for, who sent it, and what is about a
/// connection.
const REFUSED: NameSet = NameSet::of(&[
    Name::Connection,
    Name::ContentLength,
    Name::Expect,
    Name::Host,
    Name::Http2Settings,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::Te,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::XForwardedClientCert,
    Name::XForwardedFor,
    Name::XForwardedPort,
    Name::XForwardedProto,
]);

/// How a body's end is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    #[default]
    None,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// It lasts as long as the connection.
    Close,
}

/// A body on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder {
    state: State,
    /// Bytes of content so far, framing not counted.
    content: u64,
    /// Bytes of extensions or trailers.
    extras: u32,
    /// The name of the trailer that is being read, as far as there is room.
    name: [u8; NAME_MAX],
    name_length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Length(u64),
    Close,
    /// Before the first digit of a size.
    SizeStart,
    Size(u64),
    Extension(u64),
    SizeFeed(u64),
    Data(u64),
    DataReturn,
    DataFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerFeed,
    LastFeed,
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::SizeStart,
            Framing::Close => State::Close,
        };
        Self { state, content: 0, extras: 0, name: [0; NAME_MAX], name_length: 0 }
    }

    /// Whether the end was seen.
    pub(crate) fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes of content so far, framing not counted.
    pub(crate) fn content(&self) -> u64 {
        self.content
    }

    /// The connection has ended; whether the body has too.
    pub(crate) fn end(&mut self) -> bool {
        if self.state == State::Close {
            self.state = State::Done;
        }
        self.done()
    }

    /// Takes in bytes; the answer is how many of them belong to the body.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        self.decode(bytes, |_| {})
    }

    /// As [`Decoder::feed`], and shows `content` what is not framing.
    pub(crate) fn decode(&mut self, bytes: &[u8], content: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        self.decode_all(bytes, content, |_| {})
    }

    /// As [`Decoder::decode`], and shows `trailers` the lines of the trailer section.
    pub(crate) fn decode_all(
        &mut self,
        bytes: &[u8],
        mut content: impl FnMut(&[u8]),
        mut trailers: impl FnMut(u8),
    ) -> Result<usize, Malformed> {
        let mut place = 0;
        while place < bytes.len() {
            place += match self.state {
                State::Done => return Ok(place),
                State::Close => self.take(&bytes[place..], u64::MAX, State::Close, &mut content),
                State::Length(left) => self.take(&bytes[place..], left, State::Done, &mut content),
                State::Data(left) => self.take(&bytes[place..], left, State::DataReturn, &mut content),
                state => {
                    self.state = self.step(state, bytes[place])?;
                    let between = matches!(state, State::TrailerName | State::TrailerValue | State::TrailerFeed);
                    if between || (state == State::TrailerStart && self.state == State::TrailerName) {
                        trailers(bytes[place]);
                    }
                    1
                }
            };
        }
        Ok(place)
    }

    fn take(&mut self, bytes: &[u8], left: u64, next: State, content: &mut impl FnMut(&[u8])) -> usize {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        content(&bytes[..length]);
        self.content += length as u64;
        let left = left - length as u64;
        self.state = match self.state {
            _ if left == 0 => next,
            State::Length(_) => State::Length(left),
            State::Data(_) => State::Data(left),
            other => other,
        };
        length
    }

    fn step(&mut self, state: State, byte: u8) -> Result<State, Malformed> {
        let extra = |decoder: &mut Self| {
            decoder.extras += 1;
            if decoder.extras > EXTRAS_MAX { Err(Malformed::TrailerTooLarge) } else { Ok(()) }
        };
        match (state, byte) {
            (State::SizeStart, _) if byte.is_ascii_hexdigit() => Self::digit(0, byte),
            (State::Size(size), _) if byte.is_ascii_hexdigit() => Self::digit(size, byte),
            (State::Size(size) | State::Extension(size), b'\r') => Ok(State::SizeFeed(size)),
            (State::Size(size), b';') => Ok(State::Extension(size)),
            (State::Extension(size), _) if VALUE[usize::from(byte)] => extra(self).map(|()| State::Extension(size)),
            (State::SizeFeed(0), b'\n') => Ok(State::TrailerStart),
            (State::SizeFeed(size), b'\n') => Ok(State::Data(size)),
            (State::DataReturn, b'\r') => Ok(State::DataFeed),
            (State::DataFeed, b'\n') => {
                self.extras = 0;
                Ok(State::SizeStart)
            }
            (State::TrailerStart, b'\r') => Ok(State::LastFeed),
            (State::TrailerName, b':') => self.end_name().map(|()| State::TrailerValue),
            (State::TrailerStart | State::TrailerName, _) if TOKEN[usize::from(byte)] => {
                if let Some(place) = self.name.get_mut(self.name_length) {
                    *place = byte;
                }
                self.name_length += 1;
                extra(self).map(|()| State::TrailerName)
            }
            (State::TrailerValue, b'\r') => Ok(State::TrailerFeed),
            (State::TrailerValue, _) if VALUE[usize::from(byte)] => extra(self).map(|()| State::TrailerValue),
            (State::TrailerFeed, b'\n') => Ok(State::TrailerStart),
            (State::LastFeed, b'\n') => Ok(State::Done),
            _ => Err(Malformed::Chunk),
        }
    }

    /// The name of a trailer has ended.
    fn end_name(&mut self) -> Result<(), Malformed> {
        let length = std::mem::take(&mut self.name_length);
        let refused = self.name.get(..length).is_some_and(|name| REFUSED.has(Name::of(name)));
        if refused { Err(Malformed::Trailer) } else { Ok(()) }
    }

    fn digit(size: u64, byte: u8) -> Result<State, Malformed> {
        /// A size beyond this is an attempt at overflow, not a chunk.
        const SIZE_MAX: u64 = 1 << 56;
        let digit = char::from(byte).to_digit(16).ok_or(Malformed::Chunk)?;
        if size >= SIZE_MAX {
            return Err(Malformed::Chunk);
        }
        Ok(State::Size(size * 16 + u64::from(digit)))
    }
}

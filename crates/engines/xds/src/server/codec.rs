//! gRPC's frames around the messages of a dialect.

use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{self, BufferSettings, DecodeBuf, EncodeBuf},
};

use super::messages::{Incoming, Outgoing};

/// The size at which a stream's buffers begin; they are there for as long as the stream, and grow where a message needs it.
const BUFFER: usize = 512;
/// How much may be gathered before it is handed on.
const GATHERED_MAX: usize = 32 << 10;

const SETTINGS: fn() -> BufferSettings = || BufferSettings::new(BUFFER, GATHERED_MAX);

/// The codec of the dialect whose requests are `I`.
pub(super) struct Codec<I>(PhantomData<fn() -> I>);

impl<I> Default for Codec<I> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<I: Incoming> codec::Codec for Codec<I> {
    type Encode = Outgoing;
    type Decode = I;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl<I: Incoming> codec::Encoder for Codec<I> {
    type Item = Outgoing;
    type Error = Status;

    fn encode(&mut self, item: Outgoing, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(item.size_hint());
        item.write(I::DIALECT, to);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        SETTINGS()
    }
}

impl<I: Incoming> codec::Decoder for Codec<I> {
    type Item = I;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<I>, Status> {
        let message = <I as Message>::decode(from);
        message.map(Some).map_err(|error| Status::invalid_argument(format!("the request is malformed: {error}")))
    }

    fn buffer_settings(&self) -> BufferSettings {
        SETTINGS()
    }
}

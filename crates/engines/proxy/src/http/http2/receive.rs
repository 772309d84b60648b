//! Frames that come (RFC 9113, 6). An error of the answer ends the connection; faults of a stream alone break it off.

use super::{
    super::conversation::INTERIMS_MAX,
    connection::{Block, Connection, Going, Role},
    floods::Enough,
    flow::{Inflow, Outflow},
    frame::{self, HEAD, Head, PAYLOAD_MAX, Reason, WINDOW_MAX, flag, kind, number, setting, unpadded},
    hpack,
    read::Arrived,
    streams::Fault,
};

/// The most CONTINUATIONs of a block. A block of small frames is an attempt to keep us busy.
const CONTINUATIONS_MAX: usize = 8;
/// The largest block. Compressed, it is smaller than what it stands for.
const BLOCK_MAX: usize = 96 * 1024;
/// The smallest frame size that may be allowed, and the largest.
const FRAME_SIZES: std::ops::RangeInclusive<u32> = 16_384..=0xff_ffff;

impl From<Enough> for Reason {
    fn from(_: Enough) -> Self {
        Self::ENHANCE_YOUR_CALM
    }
}

impl From<hpack::Broken> for Reason {
    fn from(_: hpack::Broken) -> Self {
        Self::COMPRESSION_ERROR
    }
}

impl Connection {
    /// Takes in bytes as they came.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let mut rest = self.take_greeting(bytes)?;
        while !rest.is_empty() && !self.dead {
            if self.partial.is_empty()
                && let Some(head) = Head::read(rest)
                && let Some(payload) = rest[HEAD..].get(..checked(head)?.length)
            {
                rest = &rest[HEAD + head.length..];
                self.take(head, payload)?;
                continue;
            }
            let wanted = match Head::read(&self.partial) {
                Some(head) => HEAD + head.length,
                None => HEAD,
            };
            let (part, more) = rest.split_at(rest.len().min(wanted - self.partial.len()));
            self.partial.extend_from_slice(part);
            rest = more;
            if let Some(head) = Head::read(&self.partial)
                && self.partial.len() == HEAD + checked(head)?.length
            {
                let whole = std::mem::take(&mut self.partial);
                self.take(head, &whole[HEAD..])?;
            }
        }
        Ok(())
    }

    /// The client's first words; the answer is what follows them.
    fn take_greeting<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Reason> {
        let length = self.greeting.len().min(bytes.len());
        let (begin, rest) = bytes.split_at(length);
        if begin != &self.greeting[..length] {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.greeting = &self.greeting[length..];
        Ok(rest)
    }

    fn take(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let expected = match &self.block {
            Some(block) => head.kind == kind::CONTINUATION && head.stream == block.stream,
            None => head.kind != kind::CONTINUATION,
        };
        let settles = head.kind == kind::SETTINGS && !head.has(flag::ACK);
        if !expected || !(self.settled || settles) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.settled = true;
        match head.kind {
            kind::DATA => self.take_data(head, payload),
            kind::HEADERS => self.take_headers(head, payload),
            kind::CONTINUATION => self.take_continuation(head, payload),
            kind::SETTINGS => self.take_settings(head, payload),
            kind::PING => self.take_ping(head, payload),
            kind::WINDOW_UPDATE => self.take_window(head, payload),
            kind::RST_STREAM => self.take_reset(head, payload),
            kind::GOAWAY => self.take_goaway(head, payload),
            kind::PRIORITY if head.stream == 0 => Err(Reason::PROTOCOL_ERROR),
            kind::PRIORITY if payload.len() != 5 => self.break_off(head.stream, Reason::FRAME_SIZE_ERROR),
            // It was switched off, and clients must not in any case.
            kind::PUSH_PROMISE => Err(Reason::PROTOCOL_ERROR),
            // Priorities mean nothing here; what nobody knows is overlooked (RFC 9113, 5.5).
            _ => Ok(()),
        }
    }

    fn take_data(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        self.known(head.stream)?;
        let content = unpadded(head, payload)?;
        let ended = head.has(flag::END_STREAM);
        self.floods.frame(content.is_empty() && !ended)?;
        if !self.inflow.take(payload.len()) {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        let Some(place) = self.streams.find(head.stream) else {
            self.release(payload.len());
            return self.stray(head.stream);
        };
        let stream = self.streams.at(place);
        let within = stream.length.is_none_or(|left| left >= content.len() as u64);
        let whole = !ended || stream.length.is_none_or(|left| left == content.len() as u64);
        let fault = match () {
            () if stream.ended_in => Some(Reason::STREAM_CLOSED),
            () if !stream.has_head || !within || !whole => Some(Reason::PROTOCOL_ERROR),
            () if !stream.inflow.take(payload.len()) => Some(Reason::FLOW_CONTROL_ERROR),
            () => None,
        };
        if let Some(reason) = fault {
            self.release(payload.len());
            return self.break_off(head.stream, reason);
        }
        if let Some(left) = &mut stream.length {
            *left -= content.len() as u64;
        }
        stream.inbound.extend_from_slice(content);
        stream.held += content.len();
        stream.wake();
        self.release_padding(place, payload.len() - content.len());
        if ended {
            self.end_in(place);
        }
        Ok(())
    }

    fn release_padding(&mut self, place: usize, length: usize) {
        if length > 0 {
            self.streams.at(place).held += length;
            self.release_stream(place, length);
        }
    }

    /// The other side has said all on a stream.
    fn end_in(&mut self, place: usize) {
        let stream = self.streams.at(place);
        stream.ended_in = true;
        stream.wake();
        if stream.is_over() {
            self.streams.forget(place);
        }
    }

    fn take_headers(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if head.stream == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let mut block = unpadded(head, payload)?;
        if head.has(flag::PRIORITY) {
            block = block.get(5..).ok_or(Reason::FRAME_SIZE_ERROR)?;
        }
        let ended = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.take_block(head.stream, ended, block);
        }
        self.block = Some(Block { stream: head.stream, ended, bytes: block.to_vec(), continuations: 0 });
        Ok(())
    }

    fn take_continuation(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let Some(mut block) = self.block.take() else { return Err(Reason::PROTOCOL_ERROR) };
        block.continuations += 1;
        if block.continuations > CONTINUATIONS_MAX || block.bytes.len() + payload.len() > BLOCK_MAX {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        block.bytes.extend_from_slice(payload);
        if head.has(flag::END_HEADERS) {
            return self.take_block(block.stream, block.ended, &block.bytes);
        }
        self.block = Some(block);
        Ok(())
    }

    fn take_block(&mut self, id: u32, ended: bool, block: &[u8]) -> Result<(), Reason> {
        self.floods.frame(block.is_empty() && !ended)?;
        match (self.streams.find(id), self.role) {
            (Some(place), Role::Server) => self.take_trailers(place, ended, block),
            (Some(place), Role::Client) if self.streams.look(place).has_head => self.take_trailers(place, ended, block),
            (Some(place), Role::Client) => self.take_response(place, ended, block),
            (None, Role::Server) if id > self.last => self.take_request(id, ended, block),
            (None, _) => {
                self.known(id)?;
                self.reader.skip(block)?;
                self.stray(id)
            }
        }
    }

    fn take_request(&mut self, id: u32, ended: bool, block: &[u8]) -> Result<(), Reason> {
        if id.is_multiple_of(2) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if self.going == Going::Last {
            // The client was told that this one is not looked at.
            return Ok(self.reader.skip(block)?);
        }
        self.last = id;
        self.floods.opened();
        if self.streams.count() >= self.streams_max {
            self.reader.skip(block)?;
            self.floods.remember(id);
            self.put_reset(id, Reason::REFUSED_STREAM);
            return Ok(());
        }
        let place = self.open(id);
        let stream = self.streams.at(place);
        let read = self.reader.request(block, ended, &mut stream.head)?;
        let arrived = match read {
            Ok(arrived) if !ended || arrived.length.is_none_or(|length| length == 0) => arrived,
            _ => {
                self.break_off(id, Reason::PROTOCOL_ERROR)?;
                self.streams.free(place);
                return Ok(());
            }
        };
        (stream.length, stream.refused) = (arrived.length, arrived.refused);
        (stream.has_head, stream.bare, stream.ended_in) = (true, ended, ended);
        self.accepted.push_back(place);
        Ok(())
    }

    /// Has a stream of that number.
    pub(super) fn open(&mut self, id: u32) -> usize {
        // Until the other side knows our window it may believe in the standard's.
        let window = if self.acknowledged { self.stream_window } else { self.stream_window.max(frame::WINDOW) };
        let inflow = Inflow::new(window, self.stream_window);
        self.streams.open(id, inflow, Outflow::new(self.peer_window), self.now)
    }

    fn take_response(&mut self, place: usize, ended: bool, block: &[u8]) -> Result<(), Reason> {
        let stream = self.streams.at(place);
        let read = self.reader.response(block, ended, &mut stream.head)?;
        let id = stream.id;
        let Ok(Arrived { length, refused: None, status }) = read else {
            return self.break_off(id, Reason::PROTOCOL_ERROR);
        };
        if status < 200 {
            // The client was told to go on by us, and needs no other interim response.
            stream.interims += 1;
            if ended || status == 101 || stream.interims > INTERIMS_MAX {
                return self.break_off(id, Reason::PROTOCOL_ERROR);
            }
            return Ok(());
        }
        let bodiless = stream.bodiless || matches!(status, 204 | 304);
        stream.length = if bodiless { None } else { length };
        if ended && stream.length.is_some_and(|length| length > 0) {
            return self.break_off(id, Reason::PROTOCOL_ERROR);
        }
        stream.has_head = true;
        stream.wake();
        if ended {
            self.end_in(place);
        }
        Ok(())
    }

    fn take_trailers(&mut self, place: usize, ended: bool, block: &[u8]) -> Result<(), Reason> {
        let stream = self.streams.at(place);
        let read = self.reader.trailers(block, &mut stream.trailers)?;
        let id = stream.id;
        if !ended {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if stream.ended_in {
            return self.break_off(id, Reason::STREAM_CLOSED);
        }
        let whole = matches!(read, Ok(Arrived { refused: None, .. }));
        if !whole || stream.length.is_some_and(|left| left > 0) {
            return self.break_off(id, Reason::PROTOCOL_ERROR);
        }
        self.end_in(place);
        Ok(())
    }

    fn take_settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if head.has(flag::ACK) {
            self.acknowledged = true;
            return if payload.is_empty() { Ok(()) } else { Err(Reason::FRAME_SIZE_ERROR) };
        }
        let (settings, []) = payload.as_chunks::<6>() else { return Err(Reason::FRAME_SIZE_ERROR) };
        for [a, b, value @ ..] in settings {
            self.take_setting(u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*value))?;
        }
        self.reply(kind::SETTINGS, &[]);
        Ok(())
    }

    fn take_setting(&mut self, name: u16, value: u32) -> Result<(), Reason> {
        match name {
            setting::HEADER_TABLE_SIZE => self.resets_table = true,
            setting::ENABLE_PUSH if value > 1 => return Err(Reason::PROTOCOL_ERROR),
            setting::MAX_CONCURRENT_STREAMS => self.peer_streams = value,
            setting::INITIAL_WINDOW_SIZE => self.shift_windows(value)?,
            setting::MAX_FRAME_SIZE if !FRAME_SIZES.contains(&value) => return Err(Reason::PROTOCOL_ERROR),
            // Larger frames hold up everybody else on the connection: ours stay as they are.
            _ => {}
        }
        Ok(())
    }

    /// All streams have another window from the beginning (RFC 9113, 6.9.2).
    fn shift_windows(&mut self, window: u32) -> Result<(), Reason> {
        if window > WINDOW_MAX {
            return Err(Reason::FLOW_CONTROL_ERROR);
        }
        let by = i64::from(window) - i64::from(self.peer_window);
        self.peer_window = window;
        for place in self.streams.open_places() {
            let stream = self.streams.at(place);
            if !stream.outflow.shift(by) {
                return Err(Reason::FLOW_CONTROL_ERROR);
            }
            stream.wake();
        }
        Ok(())
    }

    fn take_ping(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        match (head.stream, payload.len()) {
            (0, 8) if head.has(flag::ACK) => self.ponged(payload),
            (0, 8) => self.reply(kind::PING, payload),
            (0, _) => return Err(Reason::FRAME_SIZE_ERROR),
            _ => return Err(Reason::PROTOCOL_ERROR),
        }
        Ok(())
    }

    /// Says that a frame came.
    fn reply(&mut self, kind: u8, payload: &[u8]) {
        self.replies += HEAD + payload.len();
        frame::put(kind, flag::ACK, 0, payload, &mut self.out);
    }

    fn take_window(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if payload.len() != 4 {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let more = number(payload).unwrap_or(0) & WINDOW_MAX;
        if head.stream == 0 {
            if more == 0 {
                return Err(Reason::PROTOCOL_ERROR);
            }
            if !self.outflow.shift(more.into()) {
                return Err(Reason::FLOW_CONTROL_ERROR);
            }
            self.call();
            return Ok(());
        }
        self.known(head.stream)?;
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let stream = self.streams.at(place);
        if more == 0 {
            return self.break_off(head.stream, Reason::PROTOCOL_ERROR);
        }
        if !stream.outflow.shift(more.into()) {
            return self.break_off(head.stream, Reason::FLOW_CONTROL_ERROR);
        }
        stream.wake();
        Ok(())
    }

    fn take_reset(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if payload.len() != 4 {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        self.known(head.stream)?;
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let reason = Reason(number(payload).unwrap_or(0));
        self.fail(place, Fault::Reset(reason));
        let stream = self.streams.look(place);
        if self.role == Role::Server && !stream.answered {
            let taken = !self.accepted.contains(&place);
            self.floods.reset(taken, stream.opened, self.now)?;
        }
        Ok(())
    }

    fn take_goaway(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if payload.len() < 8 {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        self.closed = true;
        let last = number(payload).unwrap_or(0) & WINDOW_MAX;
        if self.role == Role::Client {
            for place in self.streams.open_places() {
                if self.streams.look(place).id > last {
                    self.fail(place, Fault::Unseen);
                }
            }
        }
        Ok(())
    }

    /// Whether a stream of that number is there, or was.
    fn known(&self, id: u32) -> Result<(), Reason> {
        let was = match self.role {
            Role::Server => id <= self.last,
            Role::Client => id < self.next,
        };
        if id % 2 == 1 && was { Ok(()) } else { Err(Reason::PROTOCOL_ERROR) }
    }

    /// Something came for a stream that is no more: it may have been on its way when we reset it.
    fn stray(&mut self, id: u32) -> Result<(), Reason> {
        if self.role == Role::Client || self.floods.remembers(id) {
            return Ok(());
        }
        self.put_reset(id, Reason::STREAM_CLOSED);
        self.floods.remember(id);
        Ok(self.floods.broken()?)
    }

    /// The other side does not keep to the protocol on a stream.
    fn break_off(&mut self, id: u32, reason: Reason) -> Result<(), Reason> {
        self.known(id)?;
        self.put_reset(id, reason);
        self.floods.remember(id);
        if let Some(place) = self.streams.find(id) {
            self.fail(place, Fault::Broken);
        }
        if self.role == Role::Server {
            self.floods.broken()?;
        }
        Ok(())
    }
}

/// A head whose frame is not too large.
fn checked(head: Head) -> Result<Head, Reason> {
    if head.length > PAYLOAD_MAX { Err(Reason::FRAME_SIZE_ERROR) } else { Ok(head) }
}

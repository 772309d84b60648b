//! What is known of a connection: no sockets, no tasks. Bytes that came go in by [`receive`](super::receive), what is said
//! on streams by [`send`](super::send); what is to be written lies in one piece, framed, until the driver writes all of it
//! at once. Nothing here waits: who has to is told when it may be worth another look.

use std::{
    cell::RefCell,
    collections::VecDeque,
    rc::Rc,
    task::{Context, Waker},
};

use tokio::time::Instant;

use super::{
    FIELDS_SIZE, PREFACE,
    floods::Floods,
    flow::{Inflow, Outflow},
    frame::{self, Reason, STREAM_MAX, flag, kind, setting},
    hpack::encode,
    read::Reader,
    streams::{Fault, Streams},
};
use crate::model::Http2;

/// A connection, for all who have to do with it.
pub(super) type Shared = Rc<RefCell<Connection>>;

/// The most of bodies that waits to be written.
pub(super) const OUT_MAX: usize = 64 * 1024;
/// When more than this waits, a client's requests wait as well: it does not read our answers.
const READ_MAX: usize = 256 * 1024;
/// When answers to PING and SETTINGS take more than this, nothing is read until they are written.
const REPLIES_MAX: usize = 4096;
/// Streams that a server is taken to allow until it says how many.
const STREAMS_ASSUMED: u32 = 100;
/// What the PING says by which the client of a draining connection shows that it knows.
const FAREWELL: [u8; 8] = *b"farewell";
/// What the PING says that asks whether somebody is there.
const ALIVE: [u8; 8] = *b"alive???";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// How far the end of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    /// It is not in sight.
    No,
    /// The client was told, and may not know yet (RFC 9113, 6.8).
    Announced,
    /// Streams beyond the ones that are there are not looked at.
    Last,
}

/// A block of fields of which not all has come.
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) ended: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) continuations: usize,
}

/// A connection.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Connection {
    pub(super) role: Role,
    /// What we allow the other side.
    pub(super) stream_window: u32,
    pub(super) streams_max: usize,
    /// The other side knows it.
    pub(super) acknowledged: bool,
    /// What the other side allows us.
    pub(super) peer_window: u32,
    pub(super) peer_frame: usize,
    pub(super) peer_streams: u32,
    /// Bytes of the client's greeting that have yet to come.
    pub(super) greeting: &'static [u8],
    /// SETTINGS came.
    pub(super) settled: bool,
    /// A frame of which not all has come.
    pub(super) partial: Vec<u8>,
    pub(super) block: Option<Block>,
    pub(super) reader: Reader,
    pub(super) inflow: Inflow,
    pub(super) outflow: Outflow,
    pub(super) streams: Streams,
    /// The highest number that the other side has used.
    pub(super) last: u32,
    /// The number of our next request.
    pub(super) next: u32,
    /// Streams that nobody conducts yet.
    pub(super) accepted: VecDeque<usize>,
    /// Streams in line for room.
    pub(super) waiting: VecDeque<usize>,
    /// Requests in line for room.
    pub(super) openers: Vec<Waker>,
    /// What is to be written, from `written` on.
    pub(super) out: Vec<u8>,
    pub(super) written: usize,
    /// Bytes of answers to PING and SETTINGS in it.
    pub(super) replies: usize,
    /// The other side has changed what our table may be, and has to be told that there is none.
    pub(super) resets_table: bool,
    pub(super) floods: Floods,
    pub(super) going: Going,
    /// The other side takes no more requests.
    pub(super) closed: bool,
    /// It has ended.
    pub(super) dead: bool,
    /// The answer to our question came.
    pub(super) alive: bool,
    /// When bytes last came.
    pub(super) now: Instant,
    driver: Option<Waker>,
}

impl Connection {
    /// A client's connection.
    pub(super) fn server(settings: &Http2) -> Self {
        let mut connection = Self::new(Role::Server, settings, PREFACE);
        connection.greet(settings);
        connection
    }

    /// A connection to a server.
    pub(super) fn client(settings: &Http2) -> Self {
        let mut connection = Self::new(Role::Client, settings, b"");
        connection.out.extend_from_slice(PREFACE);
        connection.greet(settings);
        connection
    }

    fn new(role: Role, settings: &Http2, greeting: &'static [u8]) -> Self {
        Self {
            role,
            stream_window: settings.stream_window,
            streams_max: settings.concurrent_streams as usize,
            acknowledged: false,
            peer_window: frame::WINDOW,
            peer_frame: frame::PAYLOAD_MAX,
            peer_streams: STREAMS_ASSUMED,
            greeting,
            settled: false,
            partial: Vec::new(),
            block: None,
            reader: Reader::default(),
            inflow: Inflow::new(frame::WINDOW.max(settings.connection_window), settings.connection_window),
            outflow: Outflow::new(frame::WINDOW),
            streams: Streams::default(),
            last: 0,
            next: 1,
            accepted: VecDeque::new(),
            waiting: VecDeque::new(),
            openers: Vec::new(),
            out: Vec::new(),
            written: 0,
            replies: 0,
            resets_table: false,
            floods: Floods::default(),
            going: Going::No,
            closed: false,
            dead: false,
            alive: false,
            now: Instant::now(),
            driver: None,
        }
    }

    /// Says what we allow.
    fn greet(&mut self, settings: &Http2) {
        let first = match self.role {
            Role::Server => (setting::MAX_CONCURRENT_STREAMS, settings.concurrent_streams),
            Role::Client => (setting::ENABLE_PUSH, 0),
        };
        let mut payload = Vec::new();
        for (name, value) in [
            first,
            (setting::INITIAL_WINDOW_SIZE, settings.stream_window),
            (setting::MAX_HEADER_LIST_SIZE, FIELDS_SIZE),
        ] {
            payload.extend_from_slice(&name.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        frame::put(kind::SETTINGS, 0, 0, &payload, &mut self.out);
        if let Some(more) = settings.connection_window.checked_sub(frame::WINDOW).filter(|more| *more > 0) {
            frame::put(kind::WINDOW_UPDATE, 0, 0, &more.to_be_bytes(), &mut self.out);
        }
    }

    /// How much waits to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    /// Whether more may be read now: not from who does not read.
    pub(super) fn may_read(&self) -> bool {
        self.replies <= REPLIES_MAX && (self.role == Role::Client || self.unwritten() <= READ_MAX)
    }

    /// All that was to be written is.
    pub(super) fn flushed(&mut self) {
        /// More room than this is given back when nothing is to be written.
        const KEPT_MAX: usize = 16 * 1024;
        self.out.clear();
        self.out.shrink_to(KEPT_MAX);
        (self.written, self.replies) = (0, 0);
        self.call();
    }

    /// Tells those in line that there is room, as many as there may be room for.
    pub(super) fn call(&mut self) {
        if self.waiting.is_empty() && self.openers.is_empty() {
            return;
        }
        let room = OUT_MAX.saturating_sub(self.unwritten());
        if room > 0 {
            self.openers.drain(..).for_each(Waker::wake);
        }
        let calls = room.min(self.outflow.room()).div_ceil(frame::PAYLOAD_MAX);
        for _ in 0..calls {
            self.call_next();
        }
    }

    /// Tells the first in line.
    pub(super) fn call_next(&mut self) {
        while let Some(place) = self.waiting.pop_front() {
            let stream = self.streams.at(place);
            stream.queued = false;
            if std::mem::take(&mut stream.waiting) {
                stream.called = true;
                return stream.wake();
            }
        }
    }

    /// The driver is who polls with `cx`.
    pub(super) fn attend(&mut self, cx: &Context<'_>) {
        match &mut self.driver {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// There is something for the driver to do.
    pub(super) fn nudge(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// The next stream that nobody conducts yet.
    pub(super) fn accept(&mut self) -> Option<usize> {
        let place = self.accepted.pop_front();
        if place.is_none() {
            self.floods.taken_in();
        }
        place
    }

    /// Lets what is under way end, and takes in no more; the client is told in two steps, so that none of its requests
    /// is lost (RFC 9113, 6.8).
    pub(super) fn drain(&mut self) {
        if self.going == Going::No {
            self.going = Going::Announced;
            self.goaway(STREAM_MAX, Reason::NO_ERROR);
            frame::put(kind::PING, 0, 0, &FAREWELL, &mut self.out);
            self.nudge();
        }
    }

    /// Ends a connection to a server once nothing is under way.
    pub(super) fn leave(&mut self) {
        if self.going == Going::No {
            (self.going, self.closed) = (Going::Last, true);
            self.goaway(0, Reason::NO_ERROR);
            self.nudge();
        }
    }

    /// A PING was answered.
    pub(super) fn ponged(&mut self, payload: &[u8]) {
        if payload == FAREWELL && self.going == Going::Announced {
            self.going = Going::Last;
            self.goaway(self.last, Reason::NO_ERROR);
        }
        self.alive |= payload == ALIVE;
    }

    /// Asks whether somebody is there.
    pub(super) fn ask(&mut self) {
        self.alive = false;
        frame::put(kind::PING, 0, 0, &ALIVE, &mut self.out);
    }

    /// Says that the connection ends, and why; nothing more comes of it.
    pub(super) fn abandon(&mut self, reason: Reason) {
        let last = if self.role == Role::Server { self.last } else { 0 };
        self.goaway(last, reason);
        self.end(Fault::Broken);
    }

    fn goaway(&mut self, last: u32, reason: Reason) {
        let both = u64::from(last) << 32 | u64::from(reason.0);
        frame::put(kind::GOAWAY, 0, 0, &both.to_be_bytes(), &mut self.out);
    }

    /// It has ended, and with it all streams.
    pub(super) fn end(&mut self, fault: Fault) {
        (self.dead, self.closed) = (true, true);
        for place in self.streams.open_places() {
            self.fail(place, fault);
        }
        self.openers.drain(..).for_each(Waker::wake);
        self.nudge();
    }

    /// A stream ends before its end.
    pub(super) fn fail(&mut self, place: usize, fault: Fault) {
        let stream = self.streams.at(place);
        stream.fault.get_or_insert(fault);
        stream.wake();
        self.streams.forget(place);
    }

    /// Whether nothing is left to do once all is written.
    pub(super) fn is_over(&self) -> bool {
        let leaving = self.going == Going::Last || (self.role == Role::Client && self.closed);
        self.dead || (leaving && self.streams.count() == 0)
    }

    /// Whether a request may be sent, as far as bytes are concerned.
    pub(super) fn has_room(&self) -> bool {
        self.unwritten() < OUT_MAX
    }

    /// So much of a body, or of what stood in its place, was taken: more may come.
    pub(super) fn release(&mut self, length: usize) {
        if let Some(more) = self.inflow.release(length) {
            frame::put(kind::WINDOW_UPDATE, 0, 0, &more.to_be_bytes(), &mut self.out);
            self.nudge();
        }
    }

    /// Appends HEADERS, with as many CONTINUATIONs as it takes; `write` appends the block.
    pub(super) fn put_block<E>(
        &mut self,
        stream: u32,
        ended: bool,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; frame::HEAD]);
        if self.resets_table {
            encode::no_table(&mut self.out);
        }
        if let Err(error) = write(&mut self.out) {
            self.out.truncate(start);
            return Err(error);
        }
        self.resets_table = false;
        let length = self.out.len() - start - frame::HEAD;
        let end = if ended { flag::END_STREAM } else { 0 };
        let (first, all) = (length.min(self.peer_frame), length <= self.peer_frame);
        let flags = if all { end | flag::END_HEADERS } else { end };
        let head = frame::Head { length: first, kind: kind::HEADERS, flags, stream };
        self.out[start..start + frame::HEAD].copy_from_slice(&head.bytes());
        if !all {
            let rest = self.out.split_off(start + frame::HEAD + first);
            let mut pieces = rest.chunks(self.peer_frame).peekable();
            while let Some(piece) = pieces.next() {
                let flags = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
                frame::put(kind::CONTINUATION, flags, stream, piece, &mut self.out);
            }
        }
        self.nudge();
        Ok(())
    }
}

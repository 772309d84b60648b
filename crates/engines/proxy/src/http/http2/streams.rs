//! The streams of a connection.
//!
//! A stream has a place from when it is opened until whoever conducts it lets go of it, and a number by which the other
//! side knows it until both have said all. Places are used again, with the room that their buffers had.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    task::{Context, Waker},
};

use tokio::time::Instant;

use super::{
    super::Malformed,
    flow::{Inflow, Outflow},
    frame::Reason,
};

/// A larger buffer than this is given back with its place.
const KEPT_MAX: usize = 1024;
/// More places than this are given back when nobody needs them.
const PLACES_KEPT: usize = 32;

/// Why a stream ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The other side broke it off.
    Reset(Reason),
    /// The other side says that it has not looked at it.
    Unseen,
    /// The other side does not keep to the protocol, and it was broken off by us.
    Broken,
    /// The connection ended.
    Gone,
}

/// A stream.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Stream {
    /// Its number.
    pub(super) id: u32,
    /// The head that came, as one of HTTP/1.1, until it is taken.
    pub(super) head: Vec<u8>,
    /// A head came; to a client, one that is not interim.
    pub(super) has_head: bool,
    /// Interim responses that came.
    pub(super) interims: u8,
    /// Why the head can't be used.
    pub(super) refused: Option<Malformed>,
    /// The lines of fields behind the body that came.
    pub(super) trailers: Vec<u8>,
    /// What came of the body and was not read yet.
    pub(super) inbound: Vec<u8>,
    /// Bytes of the body that came and were not released yet.
    pub(super) held: usize,
    /// Nothing followed the head.
    pub(super) bare: bool,
    /// What has yet to come of the body, where that was said.
    pub(super) length: Option<u64>,
    /// It is the response to a `HEAD`, whose length is no length.
    pub(super) bodiless: bool,
    /// The other side has said all.
    pub(super) ended_in: bool,
    /// We have said all.
    pub(super) ended_out: bool,
    /// Our head is on its way.
    pub(super) answered: bool,
    pub(super) fault: Option<Fault>,
    pub(super) inflow: Inflow,
    pub(super) outflow: Outflow,
    /// Who conducts it, while that waits.
    waker: Option<Waker>,
    /// It would send more if there were room.
    pub(super) waiting: bool,
    /// It has a place in the line of those that wait for it.
    pub(super) queued: bool,
    /// It was told that there is room, and has not used it yet.
    pub(super) called: bool,
    pub(super) opened: Instant,
}

impl Stream {
    fn new(id: u32, inflow: Inflow, outflow: Outflow, opened: Instant) -> Self {
        Self {
            id,
            head: Vec::new(),
            has_head: false,
            interims: 0,
            refused: None,
            trailers: Vec::new(),
            inbound: Vec::new(),
            held: 0,
            bare: false,
            length: None,
            bodiless: false,
            ended_in: false,
            ended_out: false,
            answered: false,
            fault: None,
            inflow,
            outflow,
            waker: None,
            waiting: false,
            queued: false,
            called: false,
            opened,
        }
    }

    /// Both sides have said all, or one has broken it off.
    pub(super) fn is_over(&self) -> bool {
        self.fault.is_some() || (self.ended_in && self.ended_out)
    }

    /// Whoever polls with `cx` is told of what happens.
    pub(super) fn attend(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Something happened.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Streams {
    places: Vec<Stream>,
    free: Vec<usize>,
    numbers: HashMap<u32, usize, BuildHasherDefault<Spread>>,
}

impl Streams {
    /// Has a new one; the answer is its place.
    pub(super) fn open(&mut self, id: u32, inflow: Inflow, outflow: Outflow, now: Instant) -> usize {
        let mut stream = Stream::new(id, inflow, outflow, now);
        let place = if let Some(place) = self.free.pop() {
            let old = &mut self.places[place];
            stream.head = std::mem::take(&mut old.head);
            stream.trailers = std::mem::take(&mut old.trailers);
            *old = stream;
            place
        } else {
            self.places.push(stream);
            self.places.len() - 1
        };
        self.numbers.insert(id, place);
        place
    }

    /// The place of the one that the other side knows by that number.
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Stream {
        &mut self.places[place]
    }

    pub(super) fn look(&self, place: usize) -> &Stream {
        &self.places[place]
    }

    /// How many the other side knows.
    pub(super) fn count(&self) -> usize {
        self.numbers.len()
    }

    /// The places of those that the other side knows.
    pub(super) fn open_places(&self) -> Vec<usize> {
        self.numbers.values().copied().collect()
    }

    /// The other side knows it no more.
    pub(super) fn forget(&mut self, place: usize) {
        self.numbers.remove(&self.places[place].id);
    }

    /// Nobody conducts it any more, and the other side has forgotten it.
    pub(super) fn free(&mut self, place: usize) {
        let stream = &mut self.places[place];
        stream.waker = None;
        stream.inbound = Vec::new();
        for buffer in [&mut stream.head, &mut stream.trailers] {
            buffer.clear();
            buffer.shrink_to(KEPT_MAX);
        }
        self.free.push(place);
        if self.free.len() == self.places.len() && self.places.len() > PLACES_KEPT {
            (self.places, self.free) = (Vec::new(), Vec::new());
        }
    }
}

/// Numbers of streams are as good as any hash of them, once their bits are spread.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

//! What one thread of the data plane has to itself.
//!
//! Each core runs an event loop of its own with its own connections, route tables and upstream pools, so nothing on
//! a request's way is shared or locked. The buffers here are used within one poll and never held across a wait:
//! however many connections are open, a core has one of each.

use std::{
    cell::{Cell, RefCell},
    fmt::Write as _,
    future::Future,
    io,
    rc::Rc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use names::{Clock, Timestamp};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc},
    time::Instant,
};

use crate::http::{Head, Request};

/// How much is read at once.
pub(crate) const SCRATCH: usize = 64 * 1024;

/// How many parsed heads are kept for the next response.
const SPARE_HEADS: usize = 64;

/// How many parsed requests are kept for the next ones.
const SPARE_REQUESTS: usize = 64;

/// How many orders a core may be behind.
const ORDERS: usize = 64;

/// A thread's own things.
pub(crate) struct Core {
    /// Which core it is, from zero.
    pub(crate) index: usize,
    /// What was read last.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// A head being written.
    pub(crate) out: RefCell<Vec<u8>>,
    /// Where it takes time stamps from.
    pub(crate) clock: Clock,
    heads: RefCell<Vec<Head>>,
    requests: RefCell<Vec<Request>>,
    random: Cell<u64>,
    date: RefCell<Date>,
    moment: Cell<Moment>,
    /// The time of day at a moment that is not long ago.
    day: Cell<Option<(Instant, Timestamp)>>,
}

/// What time it is for the task that runs.
#[derive(Clone, Copy, Debug, Default)]
enum Moment {
    /// It looks at the clock each time.
    #[default]
    Passing,
    /// It stands still, and nobody has looked yet.
    Unknown,
    /// It stands still.
    At(Instant),
}

impl Core {
    pub(crate) fn new(index: usize, seed: u64, clock: Clock) -> Self {
        Self {
            index,
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            out: RefCell::new(Vec::with_capacity(4096)),
            clock,
            heads: RefCell::default(),
            requests: RefCell::default(),
            random: Cell::new(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            date: RefCell::default(),
            moment: Cell::default(),
            day: Cell::default(),
        }
    }

    /// Has time stand still within `poll`: what is done there takes some microseconds, and looking at the clock for each
    /// part of it is a tenth of them.
    pub(crate) fn at_one_moment<T>(&self, poll: impl FnOnce() -> T) -> T {
        struct Standing<'a>(&'a Cell<Moment>);
        impl Drop for Standing<'_> {
            fn drop(&mut self) {
                self.0.set(Moment::Passing);
            }
        }
        let standing = Standing(&self.moment);
        standing.0.set(Moment::Unknown);
        poll()
    }

    /// The present moment, as [`Core::at_one_moment`] has it.
    pub(crate) fn now(&self) -> Instant {
        match self.moment.get() {
            Moment::At(moment) => moment,
            Moment::Passing => Instant::now(),
            Moment::Unknown => {
                let moment = Instant::now();
                self.moment.set(Moment::At(moment));
                moment
            }
        }
    }

    /// An empty place for a parsed head, reused.
    pub(crate) fn take_head(&self) -> Head {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a place back.
    pub(crate) fn put_head(&self, mut head: Head) {
        let mut heads = self.heads.borrow_mut();
        if heads.len() < SPARE_HEADS {
            head.clear();
            heads.push(head);
        }
    }

    /// An empty place for a request, reused.
    pub(crate) fn take_request(&self) -> Request {
        self.requests.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a place back.
    pub(crate) fn put_request(&self, mut request: Request) {
        let mut requests = self.requests.borrow_mut();
        if requests.len() < SPARE_REQUESTS {
            request.clear();
            requests.push(request);
        }
    }

    /// A random number: enough for ids, samples and jitter, not for secrets (splitmix64).
    pub(crate) fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A version 4 UUID as text.
    pub(crate) fn uuid(&self) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        /// Where the two digits of each byte are.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let number = (u128::from(self.random()) << 64) | u128::from(self.random());
        let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let mut text = [b'-'; 36];
        for (byte, place) in number.to_be_bytes().into_iter().zip(PLACES) {
            text[place] = DIGITS[usize::from(byte >> 4)];
            text[place + 1] = DIGITS[usize::from(byte & 0xf)];
        }
        text
    }

    /// The time since 1970, as exactly as the machine tells it.
    pub(crate) fn since_epoch(&self) -> Duration {
        match &self.clock {
            Clock::System => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Clock::Manual(_) => Duration::from_millis(u64::try_from(self.clock.now().as_millis()).unwrap_or(0)),
        }
    }

    /// The time of day, which may be that of some milliseconds ago: it costs no look at a second clock.
    pub(crate) fn time_of_day(&self) -> Timestamp {
        const AGO_MAX: Duration = Duration::from_millis(20);
        let now = self.now();
        match (&self.clock, self.day.get()) {
            (Clock::System, Some((moment, time))) if now - moment < AGO_MAX => time,
            _ => {
                let time = self.clock.now();
                self.day.set(Some((now, time)));
                time
            }
        }
    }

    /// Shows `look` the present moment as a `Date` header has it (RFC 9110, 5.6.7).
    pub(crate) fn date<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let mut date = self.date.borrow_mut();
        date.update(self.time_of_day());
        look(date.text.as_bytes())
    }
}

/// Whether connections shall end, for all who have one.
#[derive(Default)]
pub(crate) struct Closing {
    said: Cell<bool>,
    changed: Notify,
}

impl Closing {
    /// Says that they shall.
    pub(crate) fn set(&self) {
        self.said.set(true);
        self.changed.notify_waiters();
    }

    pub(crate) fn get(&self) -> bool {
        self.said.get()
    }

    /// Waits until they shall.
    pub(crate) async fn wait(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        changed.as_mut().enable();
        if !self.get() {
            changed.await;
        }
    }
}

/// The text of a second, kept until the next one begins.
#[derive(Default)]
struct Date {
    second: i64,
    text: String,
}

impl Date {
    fn update(&mut self, now: Timestamp) {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let second = now.as_millis().div_euclid(1000);
        if second == self.second && !self.text.is_empty() {
            return;
        }
        self.second = second;
        let moment = time::OffsetDateTime::from_unix_timestamp(second).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        let day = DAYS[usize::from(moment.weekday().number_days_from_monday())];
        let month = MONTHS[usize::from(u8::from(moment.month())) - 1];
        let (hour, minute, second) = moment.to_hms();
        self.text.clear();
        // Writing to a string does not fail.
        let _ = write!(
            self.text,
            "{day}, {:02} {month} {} {hour:02}:{minute:02}:{second:02} GMT",
            moment.day(),
            moment.year()
        );
    }
}

/// How to reach a core.
pub(crate) struct Handle<M> {
    pub(crate) orders: mpsc::Sender<M>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<M: Send + 'static> Handle<M> {
    /// Starts a core: a thread with an event loop that runs `main`, which ends when its orders do.
    pub(crate) fn start<F, Fut>(name: String, main: F) -> io::Result<Self>
    where
        F: FnOnce(mpsc::Receiver<M>) -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let (orders, received) = mpsc::channel(ORDERS);
        let runtime = move || Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let (began, has_begun) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name(name).spawn(move || match runtime() {
            Ok(runtime) => {
                // Whoever starts a core waits for this.
                let _ = began.send(Ok(()));
                runtime.block_on(main(received));
            }
            Err(error) => {
                let _ = began.send(Err(error));
            }
        })?;
        has_begun.recv().map_err(io::Error::other)??;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Ends the core and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        let (closed, _) = mpsc::channel(1);
        self.orders = closed;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a core panicked");
        }
    }
}

/// Spawns a task on the calling core.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(task)
}

/// A core made on its own thread.
pub(crate) fn on_thread(index: usize, seed: u64, clock: Clock) -> Rc<Core> {
    Rc::new(Core::new(index, seed, clock))
}

#[cfg(test)]
mod tests {
    use names::ManualClock;

    use super::*;

    #[test]
    fn the_date_is_that_of_rfc_9110() {
        let hand = ManualClock::default();
        let core = Core::new(0, 0, Clock::Manual(hand.clone()));
        hand.advance(std::time::Duration::from_secs(784_111_777));
        core.date(|text| assert_eq!(text, b"Sun, 06 Nov 1994 08:49:37 GMT"));
        hand.advance(std::time::Duration::from_secs(1));
        core.date(|text| assert_eq!(text, b"Sun, 06 Nov 1994 08:49:38 GMT"));
    }

    #[tokio::test(start_paused = true)]
    async fn time_stands_still_within_a_poll_and_nowhere_else() {
        let core = Core::new(0, 0, Clock::System);
        let second = Duration::from_secs(1);
        let begun = core.now();
        let mut work = std::pin::pin!(async {
            let first = core.now();
            tokio::time::advance(second).await;
            (first, core.now())
        });
        let found = std::future::poll_fn(|cx| core.at_one_moment(|| work.as_mut().poll(cx))).await;
        assert_eq!(found, (begun, begun + second));
        tokio::time::advance(second).await;
        assert_eq!(core.now(), begun + 2 * second);
    }

    #[test]
    fn ids_are_version_4_and_differ() {
        let core = Core::new(0, 7, Clock::System);
        let (first, second) = (core.uuid(), core.uuid());
        assert_ne!(first, second);
        assert_eq!((first[8], first[13], first[14], first[18], first[23]), (b'-', b'-', b'4', b'-', b'-'));
        assert!(matches!(first[19], b'8' | b'9' | b'a' | b'b'));
    }
}

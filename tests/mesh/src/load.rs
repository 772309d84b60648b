//! Requests at a steady rate, while earlier ones are still on their way; each one is accounted for.
//!
//! Where a machine cannot carry the rate, the load is what it can: more and more requests under way would only show
//! which of them waits longest.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use network::Sockets;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};

/// Where requests are sent: anywhere, as the proxy decides.
const ANYWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 8, 0, 1), 3000);
/// How long a connection may take to come about, and an answer to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a number of answers may take to come, on a machine that is busy.
const ANSWERS_MAX: Duration = Duration::from_mins(1);
/// Requests that a load sends at most: it ends by itself if nobody ends it.
const REQUESTS_MAX: u32 = 60_000;
/// Requests that are under way at once.
const UNDER_WAY_MAX: usize = 32;
/// Connections that are kept for later requests.
const KEPT_MAX: usize = 64;

type Sender = SendRequest<Empty<Bytes>>;

/// A load that goes on until it is stopped.
pub struct Load {
    shared: Arc<Shared>,
    sending: JoinHandle<()>,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests answered with 200, by backend.
    pub from: BTreeMap<String, usize>,
    /// What failed: when, since the start, and how.
    pub failures: Vec<(Duration, String)>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Tally {
    /// All requests.
    pub fn total(&self) -> usize {
        self.from.values().sum::<usize>() + self.failures.len()
    }
}

struct Shared {
    sockets: Sockets,
    path: String,
    stopping: AtomicBool,
    tally: Mutex<Tally>,
    /// How many requests are accounted for.
    done: watch::Sender<usize>,
    kept: Mutex<Vec<Sender>>,
    begun: Instant,
}

impl Load {
    /// Sends `rate` requests a second for `path` of `api.local`, from where `sockets` are: every other one on a connection of its
    /// own, the rest on connections that are used again, as long as the proxy keeps them open.
    pub fn start(sockets: Sockets, rate: u32, path: &str) -> Self {
        let shared = Arc::new(Shared {
            sockets,
            path: path.to_owned(),
            stopping: AtomicBool::new(false),
            tally: Mutex::default(),
            done: watch::Sender::new(0),
            kept: Mutex::default(),
            begun: Instant::now(),
        });
        let sending = tokio::spawn(send(Arc::clone(&shared), rate));
        Self { shared, sending }
    }

    /// Waits until it has sent `count` more requests and seen what came of them.
    ///
    /// # Panics
    /// When that takes unreasonably long.
    pub async fn more(&self, count: usize) {
        let mut done = self.shared.done.subscribe();
        let wanted = *done.borrow_and_update() + count;
        let waited = tokio::time::timeout(ANSWERS_MAX, done.wait_for(|done| *done >= wanted)).await;
        waited.expect("requests are accounted for").expect("the load is not dropped");
    }

    /// Ends the load and waits for the last answer.
    pub async fn stop(self) -> Tally {
        self.shared.stopping.store(true, SeqCst);
        self.sending.await.expect("a load that does not panic");
        let tally = std::mem::take(&mut *lock(&self.shared.tally));
        Tally { elapsed: self.shared.begun.elapsed(), ..tally }
    }
}

async fn send(shared: Arc<Shared>, rate: u32) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut under_way = tokio::task::JoinSet::new();
    for number in 0..REQUESTS_MAX {
        ticks.tick().await;
        let slot = Arc::clone(&room).acquire_owned().await.expect("nobody closes it");
        if shared.stopping.load(SeqCst) {
            break;
        }
        let shared = Arc::clone(&shared);
        under_way.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, shared.request(number % 2 == 0)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer in {PATIENCE:?}")));
            let mut tally = lock(&shared.tally);
            match answer {
                Ok(from) => *tally.from.entry(from).or_default() += 1,
                Err(error) => tally.failures.push((shared.begun.elapsed(), error)),
            }
            shared.done.send_modify(|done| *done += 1);
            drop(slot);
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

impl Shared {
    /// Sends one request; answers which backend answered it.
    async fn request(&self, alone: bool) -> Result<String, String> {
        let mut sender = match self.kept(alone) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let request = Request::builder().uri(&self.path).header("host", "api.local:3000").body(Empty::new());
        let request = request.map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| format!("no answer: {error:?}"))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.map_err(|error| format!("cut short: {error:?}"))?;
        if status != 200 {
            return Err(format!("{status} {}", String::from_utf8_lossy(&body.to_bytes())));
        }
        let closes = headers.get("connection").is_some_and(|value| value == "close");
        if !alone && !closes {
            let mut kept = lock(&self.kept);
            if kept.len() < KEPT_MAX {
                kept.push(sender);
            }
        }
        let from = headers.get("x-from").and_then(|from| from.to_str().ok());
        Ok(from.unwrap_or("nobody").to_owned())
    }

    /// A connection that can be used again.
    fn kept(&self, alone: bool) -> Option<Sender> {
        let mut kept = lock(&self.kept);
        while let Some(sender) = (!alone).then(|| kept.pop()).flatten() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Sender, String> {
        let stream = self.sockets.connect(None, ANYWHERE, PATIENCE).await;
        let stream = stream.map_err(|error| format!("no connection: {error}"))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

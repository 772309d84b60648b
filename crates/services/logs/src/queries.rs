//! Queries under way and those that have ended, in memory: they are somebody's question, not state of the house.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use names::{Scope, Timestamp};
use telemetry::logs::{
    Range,
    insights::{Answer, Limits, Outcome, Progress, Query},
};

use crate::Error;

/// Queries under way at once: each keeps a thread and the telemetry file busy.
const RUNNING_MAX: usize = 4;
/// Queries that are remembered with what they found.
const REMEMBERED_MAX: usize = 100;
/// Bytes of what remembered queries found.
const ANSWERS_BYTES_MAX: usize = 128 << 20;
/// How long a query may take.
const TIME_MAX: Duration = Duration::from_mins(5);

/// The queries.
#[derive(Default)]
pub(crate) struct Queries(Mutex<VecDeque<Arc<Run>>>);

/// A query that was started.
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) scope: Scope,
    pub(crate) groups: Vec<String>,
    pub(crate) text: String,
    pub(crate) started: Timestamp,
    pub(crate) progress: Progress,
    stopped: AtomicBool,
    ended: Mutex<Option<Ended>>,
}

/// How a query ended.
#[derive(Clone)]
struct Ended {
    status: &'static str,
    rows: Arc<Vec<Vec<(String, String)>>>,
}

impl Run {
    /// A query that is to be run.
    pub(crate) fn new(id: String, scope: Scope, groups: Vec<String>, text: String, started: Timestamp) -> Self {
        let (progress, stopped, ended) = (Progress::default(), AtomicBool::new(false), Mutex::new(None));
        Self { id, scope, groups, text, started, progress, stopped, ended }
    }

    /// Its state, as the API calls it, and what it found.
    pub(crate) fn standing(&self) -> (&'static str, Arc<Vec<Vec<(String, String)>>>) {
        let ended = lock(&self.ended).clone();
        ended.map_or_else(|| ("Running", Arc::default()), |ended| (ended.status, ended.rows))
    }

    /// Asks it to end; whether it was still running.
    pub(crate) fn stop(&self) -> bool {
        self.stopped.store(true, Ordering::SeqCst);
        lock(&self.ended).is_none()
    }

    /// Answers the query, on a thread that may wait for the disk.
    pub(crate) fn run(&self, logs: &telemetry::Logs, query: &Query, range: Range, rows_max: usize) {
        let begun = Instant::now();
        let go_on = || !self.stopped.load(Ordering::SeqCst) && begun.elapsed() < TIME_MAX;
        let limits = Limits { rows_max, ..Limits::default() };
        let asked = (&self.scope, self.groups.as_slice());
        let found = logs.query(asked, query, range, &limits, &self.progress, (&go_on, self.started));
        let (status, rows) = match found {
            Ok(Answer { outcome: Outcome::Complete, rows }) => ("Complete", rows),
            Ok(Answer { outcome: Outcome::Stopped, .. }) if self.stopped.load(Ordering::SeqCst) => {
                ("Cancelled", Vec::new())
            }
            Ok(Answer { outcome: Outcome::Stopped, .. }) => ("Timeout", Vec::new()),
            Ok(Answer { outcome: Outcome::TooLarge(what), .. }) => {
                tracing::warn!(query = self.id, what, "A query on logs needs more room than there is.");
                ("Failed", Vec::new())
            }
            Err(error) => {
                tracing::warn!(query = self.id, %error, "A query on logs failed.");
                ("Failed", Vec::new())
            }
        };
        *lock(&self.ended) = Some(Ended { status, rows: Arc::new(rows) });
    }

    /// About how many bytes its answer takes.
    fn bytes(&self) -> usize {
        let rows = self.standing().1;
        rows.iter().flatten().map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>()).sum()
    }
}

impl Queries {
    /// Remembers `run`, unless too many are under way; the oldest are let go of.
    pub(crate) fn add(&self, run: Arc<Run>) -> Result<(), Error> {
        let mut all = lock(&self.0);
        if all.iter().filter(|run| run.standing().0 == "Running").count() >= RUNNING_MAX {
            return Err(Error::TooManyQueries(RUNNING_MAX));
        }
        let mut bytes: usize = all.iter().map(|run| run.bytes()).sum();
        while all.len() >= REMEMBERED_MAX || bytes > ANSWERS_BYTES_MAX {
            // Those under way are few, so that there is always one that has ended.
            let Some(place) = all.iter().position(|run| run.standing().0 != "Running") else { break };
            bytes -= all.remove(place).map_or(0, |run| run.bytes());
        }
        all.push_back(run);
        Ok(())
    }

    /// The query `id` of `scope`.
    pub(crate) fn find(&self, scope: &Scope, id: &str) -> Result<Arc<Run>, Error> {
        let found = self.all(scope).into_iter().find(|run| run.id == id);
        found.ok_or_else(|| Error::NoQuery(id.to_owned()))
    }

    /// All of `scope`, the latest first.
    pub(crate) fn all(&self, scope: &Scope) -> Vec<Arc<Run>> {
        lock(&self.0).iter().rev().filter(|run| run.scope == *scope).cloned().collect()
    }
}

/// What a panic left behind is whole: nothing is changed in steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

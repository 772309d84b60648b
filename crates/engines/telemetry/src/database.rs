//! The file: opening, migrating, and two connections, so that a long search never holds up what comes in.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use names::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tracing::warn;

use crate::{
    Logs, Metrics, Traces,
    full::{MaybeFull, Reserve},
    traces::Minutes,
};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared for each connection.
const STATEMENTS_CACHED: usize = 32;
/// Free pages given back to the file system at each trim.
const PAGES_FREED: i64 = 2000;

/// Steps from an older file to a newer; `user_version` counts those taken.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("metrics.sql"), include_str!("segments.sql")];

/// Logs, traces and metrics on disk; cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    writer: Mutex<Connection>,
    /// None in memory, where a second connection would see another database.
    reader: Option<Mutex<Connection>>,
    limits: Limits,
    reserve: Reserve,
    minutes: Minutes,
    tap: OnceLock<Tap>,
}

/// Hears of each segment document that was taken.
pub type Tap = Box<dyn Fn(&[&str]) + Send + Sync>;

/// How much is kept at most; what is oldest goes first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of log events, over all groups.
    pub log_bytes_max: u64,
    /// Segments, over all traces.
    pub segments_max: u64,
    /// How long a segment is kept.
    pub segment_age_max: Duration,
    /// Points, over all metrics.
    pub metric_points_max: u64,
    /// How long a point is kept.
    pub metric_age_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log_bytes_max: 1024 * 1024 * 1024,
            segments_max: 1_000_000,
            segment_age_max: Duration::from_hours(30 * 24),
            metric_points_max: 2_000_000,
            metric_age_max: Duration::from_hours(15 * 24),
        }
    }
}

/// The file would not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be opened.
    #[error("the telemetry file {path} can't be opened; it holds only history, so it may be moved away")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// It was written by a newer release.
    #[error("the telemetry file {path} is of version {found}, this release knows {known}; upgrade, or move it away")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The newest this release knows.
        known: usize,
    },
    /// A statement failed.
    #[error("the telemetry file failed")]
    Sqlite(#[from] rusqlite::Error),
}

impl Telemetry {
    /// Opens the file at `path`, making or migrating it as needed.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        let at = |source| Error::Open { path: path.to_owned(), source };
        let mut writer = Connection::open(path).map_err(at)?;
        writer.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(at)?;
        writer.pragma_update(None, "journal_mode", "WAL").map_err(at)?;
        // History may lose its last moments to a power cut, never to a killed process.
        writer.pragma_update(None, "synchronous", "NORMAL").map_err(at)?;
        let found = writer.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).map_err(at)?;
        let (found, known) = (usize::try_from(found).unwrap_or(usize::MAX), MIGRATIONS.len());
        if found > known {
            return Err(Error::Newer { path: path.to_owned(), found, known });
        }
        prepare(&mut writer, found).map_err(at)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(at)?;
        reader.busy_timeout(BUSY_TIMEOUT).map_err(at)?;
        reader.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Ok(Self::of(writer, Some((reader, Reserve::beside(path))), limits))
    }

    /// One that is gone with their last handle: for tests.
    pub fn in_memory(limits: Limits) -> Result<Self, Error> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&mut connection, 0)?;
        Ok(Self::of(connection, None, limits))
    }

    fn of(writer: Connection, reader: Option<(Connection, Reserve)>, limits: Limits) -> Self {
        let (reader, reserve) = reader.unzip();
        Self(Arc::new(Inner {
            writer: Mutex::new(writer),
            reader: reader.map(Mutex::new),
            limits,
            reserve: reserve.unwrap_or_else(Reserve::none),
            minutes: Minutes::default(),
            tap: OnceLock::new(),
        }))
    }

    /// The logs.
    pub fn logs(&self) -> Logs {
        Logs(self.clone())
    }

    /// The traces.
    pub fn traces(&self) -> Traces {
        Traces(self.clone())
    }

    /// The metrics.
    pub fn metrics(&self) -> Metrics {
        Metrics(self.clone())
    }

    /// Lets go of what is past its time or beyond the limits, one batch of each; true if there is more to do.
    pub fn trim(&self, now: Timestamp) -> Result<bool, Error> {
        match self.trim_each(now) {
            Err(error) if error.is_full() => Ok(self.make_room(&mut self.writer())?),
            done => done,
        }
    }

    /// Lets go of a batch of the oldest for the sake of something else on the same disk, which is full.
    pub fn relieve(&self) {
        if let Err(error) = self.make_room(&mut self.writer()) {
            warn!(%error, "No room can be made on the full disk.");
        }
    }

    fn trim_each(&self, now: Timestamp) -> Result<bool, Error> {
        let more = self.logs().trim(now)? | self.traces().trim(now)? | self.metrics().trim(now)?;
        self.writer().execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_FREED})"))?;
        self.0.reserve.lay_in();
        Ok(more)
    }

    /// Has `tap` hear of each segment document that is taken from now on; it must not wait. The first one stays.
    pub fn listen(&self, tap: Tap) {
        let _ = self.0.tap.set(tap);
    }

    pub(crate) fn pass_on(&self, documents: &[&str]) {
        if let Some(tap) = self.0.tap.get() {
            tap(documents);
        }
    }

    pub(crate) fn reserve(&self) -> &Reserve {
        &self.0.reserve
    }

    pub(crate) fn minutes(&self) -> &Minutes {
        &self.0.minutes
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.0.writer)
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(self.0.reader.as_ref().unwrap_or(&self.0.writer))
    }
}

/// A panic in another caller leaves the connection as good as ever: its transaction was rolled back.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn prepare(connection: &mut Connection, taken: usize) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    for (index, step) in MIGRATIONS.iter().enumerate().skip(taken) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_again_and_a_newer_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("telemetry.db");
        drop(Telemetry::open(&path, Limits::default()).unwrap());
        let again = Telemetry::open(&path, Limits::default()).unwrap();
        assert!(!again.trim(Timestamp::from_millis(0)).unwrap());
        again.writer().pragma_update(None, "user_version", 99).unwrap();
        drop(again);
        let refused = Telemetry::open(&path, Limits::default()).err().unwrap();
        assert!(refused.to_string().contains("version 99"), "{refused}");
    }

    #[test]
    fn what_is_no_database_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("telemetry.db");
        std::fs::write(&path, "not a database, not at all".repeat(100)).unwrap();
        let refused = Telemetry::open(&path, Limits::default()).err().unwrap();
        assert!(refused.to_string().contains("may be moved away"), "{refused}");
    }
}

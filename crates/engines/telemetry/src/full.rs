//! A full disk: what is oldest goes, said out loud, so that what is newest finds room.
//!
//! SQLite needs room even to let go of rows, since every change goes through its log first. So a file of zeros, the
//! reserve, lies beside the database. On a full disk it is given up, the oldest go, their pages are given back to the file
//! system, and it is laid in again before anything else is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, Transaction, ffi};
use tracing::warn;

use crate::{Error, Telemetry, logs, metrics, traces};

/// Bytes of the reserve: enough for the log of letting go of some batches.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes written at a time.
const CHUNK: usize = 16 * 1024;
/// Rows of each kind that go at a time. Each may touch a page of every index, all of which are in the log meanwhile.
const BATCH: i64 = 500;
/// Pages given back to the file system at a time. Each may be moved first, and is in the log meanwhile.
const PAGES_FREED: i64 = 1000;
/// How often room is made for one thing that is to be written.
const ROUNDS_MAX: u32 = 20;

/// An error that a full disk may be behind.
pub(crate) trait MaybeFull: From<rusqlite::Error> {
    /// Whether it is.
    fn is_full(&self) -> bool;
}

impl MaybeFull for Error {
    fn is_full(&self) -> bool {
        let Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) = self else { return false };
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    }
}

impl MaybeFull for logs::Error {
    fn is_full(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_full())
    }
}

/// The file of zeros; none beside a database in memory.
pub(crate) struct Reserve(Option<PathBuf>);

impl Reserve {
    /// That of no file.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// That beside the database at `path`, laid in if there is room.
    pub(crate) fn beside(path: &Path) -> Self {
        let reserve = Self(Some(path.with_extension("reserve")));
        reserve.lay_in();
        reserve
    }

    /// Lays it in, unless it is there or there is no room.
    pub(crate) fn lay_in(&self) {
        let Some(path) = &self.0 else { return };
        if fs::metadata(path).is_ok_and(|file| file.len() == RESERVE_BYTES) {
            return;
        }
        if let Err(error) = zeros(path) {
            warn!(%error, path = %path.display(), "No room is left on the disk to lay some by for letting go of history.");
            self.give_up();
        }
    }

    fn give_up(&self) {
        if let Some(path) = &self.0 {
            // One that is not there is given up already.
            let _ = fs::remove_file(path);
        }
    }
}

fn zeros(path: &Path) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    for _ in 0..RESERVE_BYTES / CHUNK as u64 {
        file.write_all(&[0; CHUNK])?;
    }
    Ok(())
}

impl Telemetry {
    /// Does `work` in one transaction. Where the disk is full the oldest make room, and it is done again.
    pub(crate) fn write<T, E: MaybeFull>(
        &self,
        mut work: impl FnMut(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer();
        let mut rounds = 0;
        loop {
            match attempt(&mut writer, &mut work) {
                Err(error) if error.is_full() && rounds < ROUNDS_MAX => {
                    rounds += 1;
                    if !self.make_room(&mut writer)? {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// Lets go of a batch of what arrived first, of each kind; whether there was any.
    pub(crate) fn make_room(&self, writer: &mut Connection) -> rusqlite::Result<bool> {
        self.reserve().give_up();
        fold_log(writer)?;
        let transaction = writer.transaction()?;
        let events = logs::remove_oldest(&transaction, BATCH)?;
        let gone = traces::remove_oldest(&transaction, BATCH)?;
        let points = metrics::remove_oldest(&transaction, BATCH)?;
        transaction.commit()?;
        fold_log(writer)?;
        writer.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_FREED})"))?;
        fold_log(writer)?;
        self.reserve().lay_in();
        for (scope, changed) in &gone.changed {
            self.minutes().forget(scope, changed);
        }
        let segments = gone.segments;
        warn!(events, segments, points, "The disk is full: the oldest logs, traces and metrics go.");
        Ok(events > 0 || segments > 0 || points > 0)
    }
}

/// Segments that went, with the minutes they began in.
#[derive(Debug, Default)]
pub(crate) struct GoneSegments {
    pub(crate) segments: usize,
    pub(crate) changed: BTreeMap<String, BTreeSet<i64>>,
}

fn attempt<T, E: MaybeFull>(
    writer: &mut Connection,
    work: &mut impl FnMut(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = writer.transaction()?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// Writes what is in SQLite's log into the file, and has the log's room back. Readers may keep it from that.
fn fold_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

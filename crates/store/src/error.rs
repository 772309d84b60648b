//! What can go wrong between a row and the disk.

use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

use crate::Key;

/// A failure of the store; callers see it as a failure of ours, never of theirs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database file cannot be opened or is not one of ours.
    #[error("cannot open the store {path}: {source}; give another --data-dir, or move the damaged file away")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file fails SQLite's own check.
    #[error("the store {path} is damaged ({finding}); restore it from a copy, or move it away to start empty")]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// The first finding of `PRAGMA quick_check`.
        finding: String,
    },
    /// The file was written by a later release.
    #[error("the store {path} has schema version {found}, this release knows {known}; use a newer release")]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version this release can read.
        known: i64,
    },
    /// There is no room for what was to be written.
    #[error("the disk that holds the store is full: nothing of this was kept; make room on it, and ask again")]
    Full,
    /// A statement failed.
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
    /// A row does not have the shape its kind promises.
    #[error("the row {kind} {key} cannot be read or written: {source}")]
    Shape {
        /// The row's kind.
        kind: &'static str,
        /// The row's key.
        key: Key,
        /// What serde says.
        source: serde_json::Error,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            // The file beside the log by which connections find their way in it grows too.
            rusqlite::Error::SqliteFailure(failure, _)
                if failure.code == ErrorCode::DiskFull || failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE =>
            {
                Self::Full
            }
            _ => Self::Sqlite(error),
        }
    }
}

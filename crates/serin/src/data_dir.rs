//! The directory that holds everything: rows, images, tasks, sockets.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};

use crate::exit::{self, Refusal};

/// The directory, locked: one control plane at a time.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataDir {
    /// Makes the directory where it is missing and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        for folder in [path.to_owned(), path.join("run"), path.join("tasks"), path.join("images")] {
            fs::create_dir_all(&folder).map_err(|error| {
                let message =
                    format!("cannot make {} ({error}); give a directory of your own with --data-dir", folder.display());
                Refusal::new(exit::DATA, message)
            })?;
        }
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        let lock = path.join("run").join("lock");
        let file = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
            let message = format!("another Serin runs on {}; stop it, or give another --data-dir", path.display());
            Refusal::new(exit::UNAVAILABLE, message)
        })?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The rows.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("serin.db")
    }

    /// Logs and traces.
    pub(crate) fn telemetry(&self) -> PathBuf {
        self.path.join("telemetry.db")
    }

    /// Image content and unpacked layers.
    pub(crate) fn images(&self) -> PathBuf {
        self.path.join("images")
    }

    /// A directory for each task.
    pub(crate) fn tasks(&self) -> PathBuf {
        self.path.join("tasks")
    }

    /// The edge's socket.
    pub(crate) fn edge_socket(&self) -> PathBuf {
        self.path.join("run").join("edge.sock")
    }

    /// What the edge says.
    pub(crate) fn edge_log(&self) -> PathBuf {
        self.path.join("run").join("edge.log")
    }
}

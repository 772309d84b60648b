//! The directory that holds everything: rows, images, tasks, sockets.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
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

    /// The secret that this directory's tasks sign with, made when it is first asked for.
    pub(crate) fn task_secret(&self) -> Result<String> {
        let path = self.path.join("task-secret");
        let complaint = || format!("cannot keep {}", path.display());
        if path.exists() {
            return Ok(fs::read_to_string(&path).with_context(complaint)?.trim().to_owned());
        }
        let secret = hex::encode(rand::random::<[u8; 20]>());
        // Whole or not at all: a crash in between must not leave an empty secret.
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).with_context(complaint)?;
        fs::rename(&new, &path).with_context(complaint)?;
        Ok(secret)
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

    /// What canaries' judges saw.
    pub(crate) fn canaries(&self) -> PathBuf {
        self.path.join("canaries")
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

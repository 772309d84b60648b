//! What lies in a task's directory, and how it is read and written.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::Error;
use crate::{TaskSpec, TaskState};

/// The specification: written once, before the shim starts.
const SPEC_FILE: &str = "task.json";
/// The state: replaced as a whole on every change.
const STATE_FILE: &str = "state.json";
/// The shim's Unix socket.
pub(crate) const SOCKET_FILE: &str = "shim.sock";
/// What the shim itself has to say.
const LOG_FILE: &str = "shim.log";
/// A directory of logs for each container.
const LOGS_DIRECTORY: &str = "logs";
/// What containers are made of; removed when the task ends.
const BUNDLES_DIRECTORY: &str = "bundles";
/// How much of the shim's log goes into an error, in bytes.
const LOG_TAIL: u64 = 2048;

/// A task's directory.
#[derive(Clone, Debug)]
pub(crate) struct TaskFiles {
    task_dir: PathBuf,
}

impl TaskFiles {
    pub(crate) fn new(task_dir: PathBuf) -> Self {
        Self { task_dir }
    }

    pub(crate) fn task_dir(&self) -> &Path {
        &self.task_dir
    }

    pub(crate) fn spec_exists(&self) -> bool {
        self.task_dir.join(SPEC_FILE).exists()
    }

    pub(crate) fn logs(&self, container: &str) -> PathBuf {
        self.task_dir.join(LOGS_DIRECTORY).join(container)
    }

    pub(crate) fn bundles(&self) -> PathBuf {
        self.task_dir.join(BUNDLES_DIRECTORY)
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.task_dir.join(LOG_FILE)
    }

    pub(crate) fn write_spec(&self, spec: &TaskSpec) -> Result<(), Error> {
        self.write(SPEC_FILE, spec).map_err(self.io("write task.json"))
    }

    pub(crate) fn read_spec(&self) -> Result<TaskSpec, Error> {
        self.read(SPEC_FILE, "task.json")?.ok_or_else(|| Error::NoTask(self.task_dir.clone()))
    }

    pub(crate) fn write_state(&self, state: &TaskState) -> Result<(), Error> {
        self.write(STATE_FILE, state).map_err(self.io("write state.json"))
    }

    pub(crate) fn read_state(&self) -> Result<Option<TaskState>, Error> {
        self.read(STATE_FILE, "state.json")
    }

    /// The end of what the shim had to say, for an error.
    pub(crate) fn log_tail(&self) -> String {
        let tail = || -> io::Result<String> {
            let mut file = File::open(self.log_file())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        match tail() {
            Ok(text) if !text.is_empty() => text,
            _ => "it said nothing".to_owned(),
        }
    }

    /// Removes the directory; what tells that it is a task that has ended goes last.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.task_dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else if ![SPEC_FILE, STATE_FILE].iter().any(|name| entry.file_name() == *name) {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir_all(&self.task_dir)
    }

    /// The directory held open, for socket addresses: they have room for 107 bytes, and paths are often longer.
    pub(crate) fn open_directory(&self) -> io::Result<OpenDirectory> {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        Ok(OpenDirectory(fs::OpenOptions::new().read(true).custom_flags(flags).open(&self.task_dir)?))
    }

    /// Written beside it and renamed, so that a reader sees the old or the new one.
    fn write(&self, name: &str, content: &impl Serialize) -> io::Result<()> {
        let temporary = self.task_dir.join(format!("{name}.new"));
        let mut bytes = serde_json::to_vec(content)?;
        bytes.push(b'\n');
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        fs::rename(&temporary, self.task_dir.join(name))
    }

    fn read<T: DeserializeOwned>(&self, name: &str, what: &'static str) -> Result<Option<T>, Error> {
        let bytes = match fs::read(self.task_dir.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("read a file")(error)),
        };
        let damaged = |source| Error::Damaged { what, task_dir: self.task_dir.clone(), source };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    pub(crate) fn io(&self, what: &'static str) -> impl Fn(io::Error) -> Error {
        let task_dir = self.task_dir.clone();
        move |source| Error::Io { what, task_dir: task_dir.clone(), source }
    }
}

/// A directory held open.
pub(crate) struct OpenDirectory(File);

impl OpenDirectory {
    /// A short path of `name` in it, good while this lives.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()))
    }
}

//! The control plane's side: starts shims, finds them again after a restart, asks them things.
//!
//! A client holds nothing but the task's directory; every call is a connection of its own. When the shim is gone the
//! final state on disk answers in its place, so that callers need not care whether it still lives.

use std::{
    collections::BTreeMap,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

use crate::{
    TaskSpec, TaskState,
    protocol::{EXEC_TIMEOUT_MAX, ExecOutput, LINE_MAX, POLL_MAX, Reply, Request},
};

mod files;
mod layers;
mod spawn;
mod sweep;

pub(crate) use files::{SOCKET_FILE, TaskFiles};
pub use layers::layers_in_use;

/// How long a shim may take to answer beside what it was asked to wait for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a task's shim could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A specification that cannot be run.
    #[error(transparent)]
    InvalidSpec(#[from] crate::InvalidSpec),
    /// The directory already holds a task: adopt it.
    #[error("{0} already holds a task: adopt it, or forget it first")]
    Exists(PathBuf),
    /// The directory holds no task.
    #[error("{0} holds no task")]
    NoTask(PathBuf),
    /// The shim runs no longer and left no final state: adopt the task to have it cleaned up.
    #[error("the shim of the task in {0} is gone: adopt the task to clean up after it")]
    Gone(PathBuf),
    /// The shim ended as soon as it was started.
    #[error("the shim of the task in {task_dir} did not start: {log}")]
    Start {
        /// The task's directory.
        task_dir: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// The shim lives but does not answer.
    #[error("the shim of the task in {0} did not answer in time")]
    Silent(PathBuf),
    /// The shim answered that it cannot do it.
    #[error("{0}")]
    Refused(String),
    /// What came over the socket or lies in a file is not what it should be.
    #[error("cannot understand {what} of the task in {task_dir}")]
    Damaged {
        /// The file or message.
        what: &'static str,
        /// The task's directory.
        task_dir: PathBuf,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A task that still runs cannot be forgotten.
    #[error("the task in {0} still runs: stop it first")]
    Running(PathBuf),
    /// The operating system refused.
    #[error("cannot {what} for the task in {task_dir}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The task's directory.
        task_dir: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// The network namespace a task lives in. The shim holds it open, so it lasts as long as the task.
#[derive(Debug)]
pub enum Netns {
    /// By path, opened by the shim while [`Client::spawn`] waits: `/proc/<pid>/task/<tid>/ns/net`.
    Path(PathBuf),
    /// By an open descriptor, which the shim inherits.
    Descriptor(OwnedFd),
}

/// What [`Client::adopt`] found.
#[derive(Debug)]
pub struct Adopted {
    /// To go on with.
    pub client: Client,
    /// Whether the shim lives.
    pub condition: Condition,
    /// The task's state; final unless the shim lives.
    pub state: TaskState,
}

/// What has become of a task's shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It lives and answers.
    Alive,
    /// It ended after the task had.
    Finished,
    /// It died before the task had ended. The containers have been killed and what was left of them removed.
    Gone,
}

/// A task's shim, as the control plane sees it.
#[derive(Clone, Debug)]
pub struct Client {
    files: TaskFiles,
}

impl Client {
    /// The task in `task_dir`, which need not exist yet.
    pub fn at(task_dir: impl Into<PathBuf>) -> Self {
        Self { files: TaskFiles::new(task_dir.into()) }
    }

    /// Starts a task: `executable`, which must hand what follows its first argument `shim` to
    /// [`crate::shim::main`], runs detached from the caller until the task has ended.
    ///
    /// Returns when the shim answers; the containers start after that. The task's directory is made; it must not
    /// hold a task yet.
    pub async fn spawn(executable: &Path, task_dir: &Path, spec: &TaskSpec, netns: Netns) -> Result<Self, Error> {
        spec.validate()?;
        let client = Self::at(task_dir);
        spawn::spawn(executable, &client.files, spec, netns)?;
        // A task can end as soon as it has begun.
        match client.state().await {
            Ok(_) => Ok(client),
            Err(Error::Gone(task_dir)) => Err(Error::Start { log: client.files.log_tail(), task_dir }),
            Err(error) => Err(error),
        }
    }

    /// Finds a task again, whatever has become of its shim. When the shim died before its time this kills what it
    /// left behind, removes it and writes the final state.
    pub async fn adopt(task_dir: impl Into<PathBuf>) -> Result<Adopted, Error> {
        let client = Self::at(task_dir);
        if !client.files.spec_exists() {
            return Err(Error::NoTask(client.files.task_dir().to_owned()));
        }
        match client.ask(&Request::State, ANSWER_TIMEOUT).await {
            Ok(state) => Ok(Adopted { condition: Condition::Alive, state, client }),
            Err(Error::Gone(_)) => client.bury().await,
            Err(Error::Silent(task_dir)) => match client.files.read_state()? {
                Some(state) if sweep::is_shim(state.shim_pid) => Err(Error::Silent(task_dir)),
                _ => client.bury().await,
            },
            Err(error) => Err(error),
        }
    }

    /// What is left when the shim is not there any more.
    async fn bury(self) -> Result<Adopted, Error> {
        if let Some(state) = self.files.read_state()?.filter(TaskState::is_final) {
            return Ok(Adopted { condition: Condition::Finished, state, client: self });
        }
        let files = self.files.clone();
        let swept = tokio::task::spawn_blocking(move || sweep::sweep(&files)).await;
        let state = swept.map_err(|error| self.io("sweep up")(io::Error::other(error)))??;
        Ok(Adopted { condition: Condition::Gone, state, client: self })
    }

    /// The task's directory.
    pub fn task_dir(&self) -> &Path {
        self.files.task_dir()
    }

    /// The state now. [`Error::Gone`] when the shim died before the task had ended.
    pub async fn state(&self) -> Result<TaskState, Error> {
        self.state_or_final(&Request::State, ANSWER_TIMEOUT).await
    }

    /// The state once its revision is greater than `after`, or as it is when `wait` (at most 60 s) is over. A final
    /// state is returned at once. [`Error::Gone`] when the shim died before the task had ended.
    pub async fn wait(&self, after: u64, wait: Duration) -> Result<TaskState, Error> {
        let wait = wait.min(POLL_MAX);
        self.state_or_final(&Request::WaitState { after, timeout: wait }, wait + ANSWER_TIMEOUT).await
    }

    /// Asks the task to stop; returns at once. `kill_after` stands instead of each container's own time between its
    /// stop signal and SIGKILL. A task that stops already keeps its first reason; one that has ended stays as it is.
    pub async fn stop(&self, reason: &str, kill_after: Option<Duration>) -> Result<TaskState, Error> {
        let request = Request::Stop { reason: reason.to_owned(), timeout: kill_after };
        self.state_or_final(&request, ANSWER_TIMEOUT).await
    }

    /// Runs a command inside a running container, with its user, environment and limits. When `limit` (at most
    /// 10 min) is over it is killed.
    pub async fn exec(&self, container: &str, args: Vec<String>, limit: Duration) -> Result<ExecOutput, Error> {
        let limit = limit.min(EXEC_TIMEOUT_MAX);
        let request = Request::Exec { container: container.to_owned(), args, timeout: limit };
        match self.call(&request, limit + ANSWER_TIMEOUT).await? {
            Reply::Exec(output) => Ok(output),
            reply => Err(self.unexpected(&reply)),
        }
    }

    /// For each container the offset its log ends at, once one of them lies behind what `offsets` says (0 where it
    /// says nothing), or when `wait` (at most 60 s) is over. See [`crate::logs`].
    ///
    /// [`Error::Gone`] when the shim runs no longer: all that will ever be in the logs is there.
    pub async fn wait_logs(
        &self,
        offsets: BTreeMap<String, u64>,
        wait: Duration,
    ) -> Result<BTreeMap<String, u64>, Error> {
        let wait = wait.min(POLL_MAX);
        match self.call(&Request::WaitLogs { offsets, timeout: wait }, wait + ANSWER_TIMEOUT).await? {
            Reply::Logs(ends) => Ok(ends),
            reply => Err(self.unexpected(&reply)),
        }
    }

    /// Removes the directory of a task that has ended, its logs included, once its shim has exited. Refused while its
    /// state is not final, and where there is no task. What is interrupted can be done again.
    pub async fn forget(self) -> Result<(), Error> {
        if !self.files.spec_exists() {
            return Err(Error::NoTask(self.files.task_dir().to_owned()));
        }
        let Some(state) = self.files.read_state()?.filter(TaskState::is_final) else {
            return Err(Error::Running(self.files.task_dir().to_owned()));
        };
        // The final state is written a moment before the shim exits.
        let exited = tokio::task::spawn_blocking(move || sweep::exited(state.shim_pid, ANSWER_TIMEOUT)).await;
        if !exited.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(self.io("wait for the shim's exit"))? {
            return Err(Error::Silent(self.files.task_dir().to_owned()));
        }
        let files = self.files.clone();
        let removed = tokio::task::spawn_blocking(move || files.remove()).await;
        removed.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(self.io("remove the directory"))
    }

    /// Asks for a state; the final one on disk does when the shim is gone.
    async fn state_or_final(&self, request: &Request, limit: Duration) -> Result<TaskState, Error> {
        match self.ask(request, limit).await {
            Err(Error::Gone(task_dir)) => match self.files.read_state()? {
                Some(state) if state.is_final() => Ok(state),
                _ => Err(Error::Gone(task_dir)),
            },
            answer => answer,
        }
    }

    async fn ask(&self, request: &Request, limit: Duration) -> Result<TaskState, Error> {
        match self.call(request, limit).await? {
            Reply::State(state) => Ok(*state),
            reply => Err(self.unexpected(&reply)),
        }
    }

    fn unexpected(&self, reply: &Reply) -> Error {
        match reply {
            Reply::Error(reason) => Error::Refused(reason.clone()),
            _ => self.damaged("the answer")(serde::de::Error::custom("an answer to another question")),
        }
    }

    async fn call(&self, request: &Request, limit: Duration) -> Result<Reply, Error> {
        let line = timeout(limit, self.exchange(request))
            .await
            .map_err(|_| Error::Silent(self.files.task_dir().to_owned()))??;
        serde_json::from_str(&line).map_err(self.damaged("the answer"))
    }

    /// Sends one line, reads one. A shim that ends in between is gone, not an error of its own.
    async fn exchange(&self, request: &Request) -> Result<String, Error> {
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotFound
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => Error::Gone(self.files.task_dir().to_owned()),
            _ => self.io("speak to the shim")(error),
        };
        let directory = self.files.open_directory().map_err(gone)?;
        let mut stream = UnixStream::connect(directory.path(SOCKET_FILE)).await.map_err(gone)?;
        let mut line = serde_json::to_vec(request).map_err(self.damaged("the question"))?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(gone)?;
        let mut answer = String::new();
        let mut reader = BufReader::new(stream.take(LINE_MAX as u64));
        reader.read_line(&mut answer).await.map_err(gone)?;
        if answer.ends_with('\n') { Ok(answer) } else { Err(gone(io::ErrorKind::UnexpectedEof.into())) }
    }

    fn io(&self, what: &'static str) -> impl Fn(io::Error) -> Error {
        let task_dir = self.files.task_dir().to_owned();
        move |source| Error::Io { what, task_dir: task_dir.clone(), source }
    }

    fn damaged(&self, what: &'static str) -> impl Fn(serde_json::Error) -> Error {
        let task_dir = self.files.task_dir().to_owned();
        move |source| Error::Damaged { what, task_dir: task_dir.clone(), source }
    }
}

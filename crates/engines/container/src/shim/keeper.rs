//! Keeps the task: one loop that asks the plan, does its steps, and takes in what happens.

use std::{
    collections::{BTreeMap, HashMap},
    os::unix::net::UnixListener,
    time::Duration,
};

use names::{Clock, Timestamp};
use nix::{
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::Pid,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    Error, commands, io_error,
    output::{Copier, Ends},
    server::Server,
};
use crate::{
    HealthCommand, TaskSpec, TaskState,
    client::{SOCKET_FILE, TaskFiles},
    executor::exit_code,
    plan::{Course, Probed, Step, plan},
    protocol::{EXEC_TIMEOUT_MAX, ExecOutput, Reply},
    runtime::{self, Command, Runtime, send_signal},
};

/// The most events that wait; who has more to say waits too.
const EVENTS_MAX: usize = 64;
/// The most commands that run in containers at once, health checks not counted.
const COMMANDS_MAX: usize = 16;
/// How long a container's output is waited for after its end: what it started elsewhere may hold its pipes.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(1);
/// The wait before a state that could not be written is tried again, and how often the final one is.
const REWRITE_PAUSE: Duration = Duration::from_secs(1);
const FINAL_WRITES_MAX: u32 = 600;
/// How long open connections are given to hear of the end.
const GOODBYE: Duration = Duration::from_millis(50);
/// The longest sleep between two looks at the plan, so that a clock that was set does not stop anything for ever.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// Something that happens to the task, beside processes that end.
pub(super) enum Event {
    /// Somebody asks it to stop.
    Stop { reason: String, timeout: Option<Duration>, reply: oneshot::Sender<Reply> },
    /// Somebody asks to run a command.
    Exec { container: String, args: Vec<String>, timeout: Duration, reply: oneshot::Sender<Reply> },
    /// A container has ended, and all it printed is in its log.
    Exited { index: usize, pid: i32, exit_code: i32 },
    /// A health check has ended.
    Probed { index: usize, started_at: Option<Timestamp>, probed: Probed },
    /// The time of a command is over.
    KillCommand(i32),
    /// A command that somebody asked for has ended.
    CommandEnded,
}

/// What a process is to the task.
enum Role {
    Container { index: usize, output: oneshot::Receiver<()> },
    Command { exited: oneshot::Sender<i32> },
}

pub(super) struct Keeper {
    files: TaskFiles,
    spec: TaskSpec,
    clock: Clock,
    runtime: Runtime,
    course: Course,
    processes: HashMap<i32, Role>,
    commands: usize,
    states: watch::Sender<TaskState>,
    ends: Ends,
    /// Whether the file says what is published.
    written: bool,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
}

impl Keeper {
    pub(super) fn new(files: TaskFiles, spec: TaskSpec, clock: Clock) -> Result<Self, Error> {
        let shim_pid = Pid::this().as_raw();
        let course = Course::new(&spec, shim_pid, clock.now());
        files.write_state(course.state())?;
        let runtime = Runtime::new(files.clone(), spec.clone()).map_err(io_error("make the task's cgroups"))?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let states = watch::Sender::new(course.state().clone());
        let ends = watch::Sender::new(BTreeMap::new());
        let (processes, commands, written) = (HashMap::new(), 0, true);
        Ok(Self { files, spec, clock, runtime, course, processes, commands, states, ends, written, sender, events })
    }

    /// Keeps the task until it has ended.
    pub(super) async fn run(mut self, listener: UnixListener) -> Result<(), Error> {
        let mut children = signal(SignalKind::child()).map_err(io_error("hear of children"))?;
        let mut terminations = signal(SignalKind::terminate()).map_err(io_error("hear of signals"))?;
        let listener = tokio::net::UnixListener::from_std(listener).map_err(io_error("use the socket"))?;
        let (states, ends) = (self.states.subscribe(), self.ends.subscribe());
        tokio::spawn(Server { states, ends, events: self.sender.clone() }.run(listener));
        while !self.course.state().is_final() {
            let wake_at = self.follow_plan();
            if !self.course.state().is_final() {
                self.wait(&mut children, &mut terminations, wake_at).await;
            }
        }
        self.write_final_state().await?;
        tracing::info!("task ended");
        // The file answers from here on; a connection that is open hears of it first.
        let _ = std::fs::remove_file(self.files.task_dir().join(SOCKET_FILE));
        sleep(GOODBYE).await;
        Ok(())
    }

    /// Does what is to be done now; when to look again.
    fn follow_plan(&mut self) -> Option<Timestamp> {
        loop {
            let next = plan(&self.spec, &self.course, self.clock.now());
            if next.steps.is_empty() {
                self.publish();
                return next.wake_at;
            }
            for step in next.steps {
                self.perform(&step);
                self.course.done(&step, self.clock.now());
                // Creating a container takes a while; who watches sees each start.
                self.publish();
            }
        }
    }

    fn perform(&mut self, step: &Step) {
        match step {
            Step::Start(index) => self.start(*index),
            Step::Probe(index) => self.probe(*index),
            Step::Signal(index, signal) => self.runtime.signal(*index, *signal),
            Step::Kill(index) => self.runtime.signal(*index, libc::SIGKILL),
            Step::Abandon(..) | Step::Stop(..) => {}
            Step::Finish => {
                // The task has ended all the same; who forgets it removes its directory.
                if let Err(error) = self.runtime.close() {
                    tracing::error!(%error, "not all that containers were made of is removed");
                }
            }
        }
    }

    fn start(&mut self, index: usize) {
        let container = self.spec.containers[index].name.clone();
        let begun = std::time::Instant::now();
        match self.try_start(index, container.clone()) {
            Ok(pid) => {
                tracing::info!(container, pid, took_ms = begun.elapsed().as_millis(), "container started");
                self.course.started(index, pid, self.clock.now());
            }
            Err(error) => {
                tracing::warn!(container, %error, "container not started");
                self.course.failed_to_start(index, error.to_string(), self.clock.now());
            }
        }
    }

    fn try_start(&mut self, index: usize, container: String) -> Result<i32, runtime::Error> {
        let log = self.files.logs(&container);
        let copier = Copier::new(container, log, self.ends.clone(), self.clock.clone());
        let copier = copier.map_err(|source| runtime::Error::Prepare { what: "log", source })?;
        let started = self.runtime.start(index)?;
        let pid = started.pid;
        self.processes.insert(pid, Role::Container { index, output: copier.start(started) });
        Ok(pid)
    }

    /// Runs the health check; how it ended comes as an event, also when it could not be run.
    fn probe(&mut self, index: usize) {
        let Some(check) = self.spec.containers[index].health_check.clone() else { return };
        let args = match check.command {
            HealthCommand::Command(args) => args,
            HealthCommand::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line],
        };
        let started_at = self.course.state().containers[index].started_at;
        let running = self.runtime.exec(index, args).map(|command| self.follow(command, check.timeout));
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let probed = match running {
                Ok(ended) => judge(ended.await, check.timeout),
                Err(error) => Probed { success: false, output: error.to_string() },
            };
            let _ = sender.send(Event::Probed { index, started_at, probed }).await;
        });
    }

    /// Notes the command, and gives what waits for its end.
    fn follow(&mut self, command: Command, limit: Duration) -> impl Future<Output = commands::Ended> + use<> {
        let (exited, code) = oneshot::channel();
        self.processes.insert(command.pid, Role::Command { exited });
        commands::follow(command, code, limit, self.sender.clone())
    }

    /// Waits until something happens or `wake_at`, and takes it in.
    async fn wait(&mut self, children: &mut Signal, terminations: &mut Signal, wake_at: Option<Timestamp>) {
        let longest = if self.written { SLEEP_MAX } else { REWRITE_PAUSE };
        let pause = wake_at.map_or(longest, |at| at.since(self.clock.now())).min(longest);
        tokio::select! {
            Some(event) = self.events.recv() => self.happen(event),
            _ = children.recv() => self.reap(),
            _ = terminations.recv() => {
                let reason = "The task's shim process was told to end".to_owned();
                self.course.stop_requested(reason, None, self.clock.now());
            }
            () = sleep(pause) => {}
        }
    }

    fn happen(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Stop { reason, timeout, reply } => {
                tracing::info!(reason, "asked to stop");
                self.course.stop_requested(reason, timeout, now);
                let _ = reply.send(Reply::State(Box::new(self.course.state().clone())));
            }
            Event::Exec { container, args, timeout, reply } => self.exec(&container, args, timeout, reply),
            Event::Exited { index, pid, exit_code } => {
                let out_of_memory = self.runtime.ended(index);
                let container = &self.spec.containers[index].name;
                tracing::info!(container, pid, exit_code, out_of_memory, "container ended");
                self.course.exited(&self.spec, index, exit_code, out_of_memory, now);
            }
            Event::Probed { index, started_at, probed } => {
                let container = &self.course.state().containers[index];
                // What is heard of an earlier run says nothing of this one.
                if container.pid.is_some() && container.started_at == started_at {
                    self.course.probed(&self.spec, index, probed, now);
                }
            }
            Event::KillCommand(pid) => {
                if let Some(Role::Command { .. }) = self.processes.get(&pid) {
                    send_signal(-pid, libc::SIGKILL);
                }
            }
            Event::CommandEnded => self.commands -= 1,
        }
    }

    fn exec(&mut self, container: &str, args: Vec<String>, limit: Duration, reply: oneshot::Sender<Reply>) {
        let refusal = |problem: String| Reply::Error(problem);
        let Some(index) = self.spec.containers.iter().position(|spec| spec.name == container) else {
            let _ = reply.send(refusal(format!("there is no container {container} in the task")));
            return;
        };
        if self.commands >= COMMANDS_MAX {
            let _ = reply.send(refusal(format!("{COMMANDS_MAX} commands run already: try again later")));
            return;
        }
        match self.runtime.exec(index, args) {
            Ok(command) => {
                self.commands += 1;
                let ended = self.follow(command, limit.min(EXEC_TIMEOUT_MAX));
                let sender = self.sender.clone();
                tokio::spawn(async move {
                    let commands::Ended { exit_code, output } = ended.await;
                    let _ = reply.send(Reply::Exec(ExecOutput { exit_code, output }));
                    let _ = sender.send(Event::CommandEnded).await;
                });
            }
            Err(error) => {
                let _ = reply.send(refusal(error.to_string()));
            }
        }
    }

    /// Takes in all processes that have ended. Those that are nobody's are orphans of containers' helpers.
    fn reap(&mut self) {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(status) => {
                    let (Some(pid), Some(code)) = (status.pid(), exit_code(status)) else { continue };
                    match self.processes.remove(&pid.as_raw()) {
                        Some(Role::Container { index, output }) => self.exited(index, pid.as_raw(), code, output),
                        Some(Role::Command { exited }) => {
                            let _ = exited.send(code);
                        }
                        None => {}
                    }
                }
            }
        }
    }

    /// The end of a container counts once its last words are in the log.
    fn exited(&self, index: usize, pid: i32, exit_code: i32, output: oneshot::Receiver<()>) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let _ = timeout(OUTPUT_TIMEOUT, output).await;
            let _ = sender.send(Event::Exited { index, pid, exit_code }).await;
        });
    }

    /// Writes the state and tells who waits, if it has changed or could not be written before.
    fn publish(&mut self) {
        let mut state = self.course.state().clone();
        state.revision = self.states.borrow().revision;
        let changed = state != *self.states.borrow();
        if !changed && self.written {
            return;
        }
        state.revision += u64::from(changed);
        // A full disk must not end the task: who asks is answered from memory, and the file is tried again.
        let written = self.files.write_state(&state);
        self.written = written.is_ok();
        if let Err(error) = written {
            tracing::error!(%error, "state not written");
        }
        self.states.send_replace(state);
    }

    /// The final state has to be on disk before nobody is left to ask.
    async fn write_final_state(&mut self) -> Result<(), Error> {
        for _ in 0..FINAL_WRITES_MAX {
            self.publish();
            if self.written {
                return Ok(());
            }
            sleep(REWRITE_PAUSE).await;
        }
        Ok(self.files.write_state(&self.states.borrow())?)
    }
}

/// Success is exit code 0 in time.
fn judge(ended: commands::Ended, limit: Duration) -> Probed {
    let output = match ended.exit_code {
        Some(_) => ended.output,
        None => format!("Health check exceeded timeout ({limit:?}): {}", ended.output),
    };
    Probed { success: ended.exit_code == Some(0), output }
}

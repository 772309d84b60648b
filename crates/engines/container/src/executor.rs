//! The last step inside a container: becoming the command.
//!
//! libcontainer calls this in the container's process when everything else is done. It differs from the default in
//! that the command's failure to start is told to the shim, in Docker's words, by a pipe that closes when it has
//! started; that signals are as a fresh process expects them; and that it can stay behind as a small init.

use std::{
    collections::HashMap,
    ffi::CString,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::Arc,
};

use libcontainer::workload::{Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError};
use nix::{
    errno::Errno,
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, sigaction, sigprocmask},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, execve, fork, write},
};
use oci_spec::runtime::{Process, Spec};

use crate::seccomp::Filters;

/// What a shell says for a command that cannot be run.
const EXIT_CANNOT_RUN: i32 = 126;
/// Where commands are looked for when nothing else is said, as in Docker.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Becomes the command of the specification.
#[derive(Clone)]
pub(crate) struct Become {
    /// Told why the command did not start; closed without a word when it did.
    failures: Arc<OwnedFd>,
    /// Which system calls the command may make.
    filters: Filters,
    /// Whether to stay behind as process 1.
    init: bool,
}

impl Become {
    pub(crate) fn new(failures: OwnedFd, filters: Filters, init: bool) -> Self {
        Self { failures: Arc::new(failures), filters, init }
    }

    fn run(process: &Process) -> String {
        let (program, args, env) = match command(process) {
            Ok(command) => command,
            Err(problem) => return problem,
        };
        restore_signals();
        let Err(error) = execve(&program, &args, &env);
        let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        format!("exec: \"{name}\": {}", words(error))
    }

    /// Runs the command as a child and looks after it. Never returns.
    fn run_as_init(&self, process: &Process) -> String {
        // Signals that come before there is a child must wait for it.
        let mut all = SigSet::all();
        all.remove(Signal::SIGSEGV);
        if let Err(error) = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&all), None) {
            return format!("cannot block signals: {error}");
        }
        // SAFETY: this process has a single thread, as the shim it was cloned from.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
                self.fail(&Self::run(process))
            }
            Ok(ForkResult::Parent { child }) => {
                // It never becomes another program, so nothing closes what was inherited.
                close_all_but_standard_streams();
                exit_now(look_after(child, &all))
            }
            Err(error) => format!("cannot fork an init: {error}"),
        }
    }

    /// Tells the shim why the command did not start, and ends.
    fn fail(&self, problem: &str) -> ! {
        let _ = write(self.failures.as_fd(), problem.as_bytes());
        exit_now(EXIT_CANNOT_RUN)
    }
}

impl Executor for Become {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let process = spec.process().as_ref().ok_or(ExecutorError::InvalidArg)?;
        if let Err(problem) = self.filters.load() {
            self.fail(&problem);
        }
        let problem = if self.init { self.run_as_init(process) } else { Self::run(process) };
        self.fail(&problem)
    }

    /// What cannot be run is found out by running it.
    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }

    /// The command gets the specification's environment in its order, not this process's.
    fn setup_envs(&self, _: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }
}

type Command = (CString, Vec<CString>, Vec<CString>);

fn command(process: &Process) -> Result<Command, String> {
    let args = process.args().as_deref().unwrap_or_default();
    let env = process.env().as_deref().unwrap_or_default();
    let name = args.first().ok_or_else(|| "no command given".to_owned())?;
    let program = find(name, env)?;
    let c_string = |text: &String| CString::new(text.as_bytes()).map_err(|_| "a zero byte in the command".to_owned());
    let c_strings = |texts: &[String]| texts.iter().map(c_string).collect::<Result<Vec<_>, _>>();
    Ok((c_string(&program)?, c_strings(args)?, c_strings(env)?))
}

/// The file that `name` means, looked for as Docker does.
fn find(name: &str, env: &[String]) -> Result<String, String> {
    if name.contains('/') {
        return Ok(name.to_owned());
    }
    let path = env.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let mut problem = "executable file not found in $PATH";
    for directory in path.split(':') {
        let candidate = Path::new(if directory.is_empty() { "." } else { directory }).join(name);
        if !candidate.is_file() {
            continue;
        }
        match nix::unistd::access(&candidate, nix::unistd::AccessFlags::X_OK) {
            Ok(()) => return Ok(candidate.to_string_lossy().into_owned()),
            Err(_) => problem = "permission denied",
        }
    }
    Err(format!("exec: \"{name}\": {problem}"))
}

fn words(error: Errno) -> &'static str {
    match error {
        Errno::ENOENT => "no such file or directory",
        Errno::EACCES => "permission denied",
        Errno::ENOEXEC => "exec format error",
        Errno::E2BIG => "argument list too long",
        error => error.desc(),
    }
}

/// Rust ignores SIGPIPE, and who started the shim may ignore more; a program must not inherit that.
fn restore_signals() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        // SAFETY: the default action runs no code of ours. SIGKILL and SIGSTOP have no other, and say so.
        let _ = unsafe { sigaction(signal, &default) };
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// Passes every signal on to `child`, reaps what ends, and returns what to exit with when the child has ended.
fn look_after(child: Pid, signals: &SigSet) -> i32 {
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(child) {
                    return code;
                }
            }
            Ok(signal) => {
                let _ = kill(child, signal);
            }
            Err(_) => {}
        }
    }
}

/// Reaps all that has ended; the exit code of `child` if it is among them.
fn reap(child: Pid) -> Option<i32> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..))) if status.pid() == Some(child) => {
                code = exit_code(status);
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return code,
            Ok(_) => {}
        }
    }
}

/// What a shell would say of how a process ended: 128 and the signal's number when a signal did it.
pub(crate) fn exit_code(status: WaitStatus) -> Option<i32> {
    match status {
        WaitStatus::Exited(_, code) => Some(code),
        WaitStatus::Signaled(_, signal, _) => Some(128 + signal as i32),
        _ => None,
    }
}

fn close_all_but_standard_streams() {
    // SAFETY: nothing that owns a descriptor above 2 runs in this process from here on.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}

/// Ends without the exit handlers of the shim this process is a copy of.
fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` does nothing but end the process.
    unsafe { libc::_exit(code) }
}

/// Reads what a [`Become`] had to say: nothing when the command started.
pub(crate) fn read_failure(mut pipe: impl io::Read) -> io::Result<Option<String>> {
    let mut text = String::new();
    pipe.read_to_string(&mut text)?;
    Ok((!text.is_empty()).then_some(text))
}

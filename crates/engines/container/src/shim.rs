//! The shim: the process that keeps a task.
//!
//! It starts as `<executable> shim --task-dir DIR --netns PATH --listener FD`, enters the task's network namespace and
//! a mount namespace of its own, and then does three things in one thread: it follows the plan, it answers on its
//! socket, and it copies what the containers print into their logs. When nothing of the task runs any more and the
//! final state is on disk it ends; who asks later reads the file.
//!
//! It has one thread because libcontainer clones it to make containers. It knows nobody above it: whether the control
//! plane lives makes no difference.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::{fs::MetadataExt, net::UnixListener},
    },
    path::PathBuf,
    process::ExitCode,
};

use names::Clock;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    sys::stat::{Mode, umask},
};
use tracing_subscriber::EnvFilter;

use crate::{TaskSpec, client::TaskFiles};

mod commands;
mod keeper;
mod output;
mod server;

use keeper::Keeper;

/// What the shim says unless `RUST_LOG` asks for something else. libcontainer tells all its failures by its errors too;
/// its own log would end up in what containers print.
const LOG_FILTER: &str = "info,libcontainer=off,libcgroups=off";

/// What a shim's log may take, in bytes.
const LOG_MAX: u64 = 1 << 20;

/// Why a shim cannot keep its task. The text goes to its log, which the control plane quotes.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("usage: shim --task-dir DIR --netns PATH --listener FD")]
    Usage,
    #[error(transparent)]
    Files(#[from] crate::client::Error),
    #[error(transparent)]
    Spec(#[from] crate::InvalidSpec),
    #[error("cannot {what}: {source}")]
    System { what: &'static str, source: io::Error },
}

/// What the shim is started with.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    task_dir: PathBuf,
    netns: PathBuf,
    listener: RawFd,
}

/// Keeps a task until it has ended. `arguments` is what follows `shim` on the command line.
///
/// To be called before the process has started a thread or set up its logging, and to be exited after.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(arguments) = parse(arguments) else { return failed(&Error::Usage) };
    // SAFETY: whoever started this process put the listening socket there for it; nothing else here owns it.
    let listener = UnixListener::from(unsafe { OwnedFd::from_raw_fd(arguments.listener) });
    let files = TaskFiles::new(arguments.task_dir.clone());
    // The reason is written before the socket closes, for who waits at its other end looks for it then.
    let spec = match prepare(&arguments, &files, &listener) {
        Ok(spec) => spec,
        Err(error) => return failed(&error),
    };
    match keep(files, spec, &listener) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}

fn prepare(arguments: &Arguments, files: &TaskFiles, listener: &UnixListener) -> Result<TaskSpec, Error> {
    start_log(files)?;
    let spec = files.read_spec()?;
    spec.validate()?;
    fcntl(arguments.listener, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(system("keep the socket"))?;
    listener.set_nonblocking(true).map_err(io_error("use the socket"))?;
    enter(&arguments.netns)?;
    settle()?;
    tracing::info!(task = spec.id, containers = spec.containers.len(), "shim started");
    Ok(spec)
}

fn keep(files: TaskFiles, spec: TaskSpec, listener: &UnixListener) -> Result<(), Error> {
    let listener = listener.try_clone().map_err(io_error("use the socket"))?;
    let loop_ = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io_error("make a loop"))?;
    loop_.block_on(async {
        let keeper = Keeper::new(files, spec, Clock::System)?;
        keeper.run(listener).await
    })
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Arguments> {
    let (mut task_dir, mut netns, mut listener) = (None, None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.to_str()? {
            "--task-dir" => task_dir = Some(PathBuf::from(value)),
            "--netns" => netns = Some(PathBuf::from(value)),
            "--listener" => listener = value.to_str()?.parse().ok(),
            _ => return None,
        }
    }
    Some(Arguments { task_dir: task_dir?, netns: netns?, listener: listener? })
}

/// To the file itself and not to standard error: that becomes the container's in the clones that become containers.
fn start_log(files: &TaskFiles) -> Result<(), Error> {
    let file =
        OpenOptions::new().create(true).append(true).open(files.log_file()).map_err(io_error("open shim.log"))?;
    let log = std::sync::Mutex::new(BoundedLog { file, written: 0 });
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    // A test's executable may have one already.
    let _ = tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter).with_writer(log).try_init();
    Ok(())
}

/// The shim's log, begun anew when it has become too long: a container may be restarted for months.
struct BoundedLog {
    file: File,
    written: u64,
}

impl Write for BoundedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written > LOG_MAX {
            self.file.set_len(0)?;
            self.written = 0;
        }
        let length = self.file.write(bytes)?;
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Moves into the network namespace. From here on no socket of this process or its containers can be anywhere else.
fn enter(netns: &std::path::Path) -> Result<(), Error> {
    let before = std::fs::metadata("/proc/self/ns/net").map_err(io_error("look at the network namespace"))?.ino();
    let namespace = File::open(netns).map_err(io_error("open the network namespace"))?;
    let inode = namespace.metadata().map_err(io_error("look at the network namespace"))?.ino();
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(system("enter the network namespace"))?;
    if inode != before {
        // As Docker does: in a network of its own any user may listen on any port.
        let setting = std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        setting.map_err(io_error("open low ports to all users"))?;
    }
    Ok(())
}

/// What a process has to be to keep containers.
fn settle() -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(system("leave the mount namespace"))?;
    // What is unmounted on the host is let go of here too; what is mounted here stays here.
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, slave, None::<&str>).map_err(system("separate the mounts"))?;
    // libcontainer leaves the groups of containers that have none as they are here.
    nix::unistd::setgroups(&[]).map_err(system("leave all groups"))?;
    umask(Mode::from_bits_truncate(0o022));
    nix::sys::prctl::set_child_subreaper(true).map_err(system("become a subreaper"))
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { what, source }
}

fn system(what: &'static str) -> impl Fn(nix::Error) -> Error {
    move |error| Error::System { what, source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Arguments> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_command_line_is_what_spawn_writes() {
        let expected = Arguments { task_dir: "/t".into(), netns: "/proc/self/fd/7".into(), listener: 5 };
        assert_eq!(parsed("--task-dir /t --netns /proc/self/fd/7 --listener 5"), Some(expected));
        for wrong in ["--task-dir /t --netns /n", "--task-dir", "--task-dir /t --netns /n --listener x", "--more 1"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}

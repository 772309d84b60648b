//! Starting a shim so that it outlives who started it.
//!
//! The socket is bound here and handed down: there is no time at which the shim is being started and nobody
//! listens, and when the shim dies the socket refuses.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::{
            fs::{DirBuilderExt, OpenOptionsExt},
            net::UnixListener,
            process::CommandExt,
        },
    },
    path::Path,
    process::Stdio,
};

use super::{Error, Netns, SOCKET_FILE, TaskFiles};
use crate::TaskSpec;

/// What of the environment the shim needs; the rest (systemd's sockets, say) must not reach it.
const ENVIRONMENT_KEPT: [&str; 2] = ["RUST_LOG", "RUST_BACKTRACE"];

/// Makes the task's directory and starts its shim.
pub(super) fn spawn(executable: &Path, files: &TaskFiles, spec: &TaskSpec, netns: Netns) -> Result<(), Error> {
    make_directory(files)?;
    let directory = files.open_directory().map_err(files.io("open the directory"))?;
    let listener = UnixListener::bind(directory.path(SOCKET_FILE)).map_err(files.io("bind the socket"))?;
    files.write_spec(spec)?;
    start(executable, files, &listener, netns)
}

fn make_directory(files: &TaskFiles) -> Result<(), Error> {
    if files.spec_exists() {
        return Err(Error::Exists(files.task_dir().to_owned()));
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(files.task_dir());
    made.map_err(files.io("make the directory"))?;
    // Without task.json a socket is what a start left behind that never came to anything.
    match fs::remove_file(files.task_dir().join(SOCKET_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(files.io("remove an old socket")(error)),
        _ => Ok(()),
    }
}

fn start(executable: &Path, files: &TaskFiles, listener: &UnixListener, netns: Netns) -> Result<(), Error> {
    let log = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(files.log_file());
    let log = log.map_err(files.io("open shim.log"))?;
    let errors = log.try_clone().map_err(files.io("open shim.log"))?;
    let (netns_path, netns) = match netns {
        Netns::Path(path) => (path, None),
        Netns::Descriptor(descriptor) => (format!("/proc/self/fd/{}", descriptor.as_raw_fd()).into(), Some(descriptor)),
    };
    let mut command = std::process::Command::new(executable);
    command
        .arg("shim")
        .arg("--task-dir")
        .arg(files.task_dir())
        .arg("--netns")
        .arg(netns_path)
        .arg("--listener")
        .arg(listener.as_raw_fd().to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .env_clear()
        .envs(ENVIRONMENT_KEPT.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
    let inherited: Vec<RawFd> =
        [Some(listener.as_raw_fd()), netns.as_ref().map(AsRawFd::as_raw_fd)].into_iter().flatten().collect();
    // SAFETY: runs between fork and exec, where only async-signal-safe calls are sound: `setsid` and `fcntl` are.
    // The descriptors live in this function, beyond the call of `spawn`.
    unsafe { command.pre_exec(move || detach(&inherited)) };
    // Tokio reaps the child when it ends, long after this handle is dropped.
    let child = tokio::process::Command::from(command).kill_on_drop(false).spawn();
    child.map(drop).map_err(files.io("start the shim"))
}

/// A session of its own, so that no signal to the starter's terminal or process group reaches it; and the
/// descriptors survive exec.
fn detach(inherited: &[RawFd]) -> io::Result<()> {
    nix::unistd::setsid()?;
    for descriptor in inherited {
        nix::fcntl::fcntl(*descriptor, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
    }
    Ok(())
}

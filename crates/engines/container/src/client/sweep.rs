//! Cleaning up after a shim that died before its time (killed by hand or by the kernel): its containers live on
//! without anybody who knows them, so they are ended, and the state says so.

use std::{fs, io, os::fd::AsFd, time::Duration};

use names::Clock;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{Error, TaskFiles};
use crate::{ContainerStatus, StopCause, TaskState, TaskStatus, TaskStop, cgroup::TaskCgroup, course};

const REASON: &str = "The task's shim process died";

/// Whether process `pid` exists and is a shim: numbers are used again, so its name has to be right too.
pub(super) fn is_shim(pid: i32) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).nth(1) == Some(b"shim")
}

/// Waits until shim `pid` has exited, if it has not yet; false when `limit` is over first.
pub(super) fn exited(pid: i32, limit: Duration) -> io::Result<bool> {
    let Some(process) = Pid::from_raw(pid) else { return Ok(true) };
    let pidfd = match pidfd_open(process, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(true),
        opened => opened?,
    };
    // Looked at after the descriptor was opened: from here on it means this process and no other of the same number.
    if !is_shim(pid) {
        return Ok(true);
    }
    let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut polled, limit)? > 0)
}

/// Kills and removes what is left of the task, and writes its final state.
pub(super) fn sweep(files: &TaskFiles) -> Result<TaskState, Error> {
    let spec = files.read_spec()?;
    let cgroup = TaskCgroup::of(&spec.id);
    cgroup.kill_all().map_err(files.io("kill what the shim left behind"))?;
    cgroup.remove().map_err(files.io("remove the cgroups"))?;
    if files.bundles().exists() {
        fs::remove_dir_all(files.bundles()).map_err(files.io("remove the bundles"))?;
    }
    let now = Clock::System.now();
    let mut state = files.read_state()?.unwrap_or_else(|| course::initial_state(&spec, 0, now));
    state.stop.get_or_insert_with(|| TaskStop { cause: StopCause::ShimLost, reason: REASON.to_owned(), at: now });
    for container in &mut state.containers {
        if container.status != ContainerStatus::Stopped {
            container.status = ContainerStatus::Stopped;
            container.reason.get_or_insert_with(|| REASON.to_owned());
            container.finished_at = container.started_at.map(|_| now);
        }
        container.pid = None;
    }
    state.status = TaskStatus::Stopped;
    state.stopped_at = Some(now);
    state.revision += 1;
    files.write_state(&state)?;
    Ok(state)
}

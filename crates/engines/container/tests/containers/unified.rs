//! The cases on a machine with version 2 of control groups alone, as most machines of today boot.
//!
//! There is one such hierarchy for the whole kernel, and a namespace of mounts in which it lies where every program looks
//! for it is such a machine, but for the controllers that the real one uses by version 1. So what version 2 does with
//! groups, processes, namespaces and mounts is shown anywhere; limits by it only where the machine has them by it, and
//! there all other cases run on it too.

use std::{
    fs,
    process::{Command, ExitCode},
};

use container::client;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use super::{
    cases::WITHOUT_LIMITS,
    harness::{Bench, run_all},
};

const ROOT: &str = "/sys/fs/cgroup";

/// Moves this process to such a machine and runs the cases.
pub(crate) fn run() -> ExitCode {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
    mount(Some("cgroup2"), ROOT, Some("cgroup2"), MsFlags::empty(), None::<&str>).unwrap();
    run_all(WITHOUT_LIMITS, &[])
}

pub(crate) fn all_goes_well_under_version_2_alone() {
    // A process of its own: its mounts are not for the other cases.
    let program = std::env::current_exe().unwrap();
    let ended = Command::new(program).arg("unified").output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ended.status.success(), "{said}");
    assert_eq!(said.matches("... ok").count(), WITHOUT_LIMITS.len(), "{said}");
}

/// Only what the machine has by version 2 can hold anything.
pub(crate) fn limits_that_nothing_could_hold_are_refused() {
    let bench = Bench::new();
    let mut spec = bench.spec(vec![bench.container("app", &["exit", "0"])]);
    spec.limits.memory_mib = Some(64);
    let has_memory = fs::read_to_string(format!("{ROOT}/cgroup.controllers")).unwrap().contains("memory");
    match bench.try_spawn(&spec) {
        Ok(task) => {
            assert!(has_memory, "a limit was taken that nothing holds");
            assert_eq!(task.until_final().containers[0].exit_code, Some(0));
        }
        Err(error) => {
            let told = matches!(&error, client::Error::Start { .. });
            assert!(!has_memory && told && error.to_string().contains("no memory controller"), "{error}");
        }
    }
    bench.assert_clean();
}

//! What a task is: written once to `<task-dir>/task.json`, read by the shim, never changed.
//!
//! The words are those of ECS and OCI, the types are ours: everything that has to be looked up elsewhere (images,
//! subnets, secrets) is resolved before it comes here.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::millis;

mod validate;

pub use validate::InvalidSpec;
pub(crate) use validate::rlimit_name;

/// A task: containers that share a network namespace, a host name, a resolver and a fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Unique on the machine; letters, digits, `-`, `_` and `.`. Names the task's cgroup.
    pub id: String,
    /// The host name in every container.
    pub hostname: String,
    /// What `/etc/resolv.conf` says.
    #[serde(default)]
    pub resolver: Resolver,
    /// Lines of `/etc/hosts` beside those for localhost: the task's own address first.
    #[serde(default)]
    pub hosts: Vec<HostEntry>,
    /// What all containers together may use.
    #[serde(default)]
    pub limits: TaskLimits,
    /// At least one, and at least one of them essential.
    pub containers: Vec<ContainerSpec>,
}

/// What `/etc/resolv.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolver {
    /// At most three are heard by most libraries.
    pub nameservers: Vec<IpAddr>,
    /// Domains tried for short names.
    #[serde(default)]
    pub search: Vec<String>,
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEntry {
    /// The address all the names have.
    pub address: IpAddr,
    /// At least one.
    pub names: Vec<String>,
}

/// What all containers of a task together may use; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskLimits {
    /// CPU time in units of 1/1024 of a processor: a hard quota.
    #[serde(default)]
    pub cpu_units: Option<u32>,
    /// Memory in MiB: a hard limit.
    #[serde(default)]
    pub memory_mib: Option<u64>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// Unique in the task; letters, digits, `-` and `_`.
    pub name: String,
    /// The image's unpacked layers, lowest first; they are never written to. At least one.
    pub layers: Vec<PathBuf>,
    /// Whether the root file system is read-only.
    #[serde(default)]
    pub read_only_root: bool,
    /// Files and directories of the host that appear in the container.
    #[serde(default)]
    pub mounts: Vec<BindMount>,
    /// The command: entry point and arguments, already merged. At least one.
    pub args: Vec<String>,
    /// Name and value, in order; `PATH`, `HOME` and `HOSTNAME` are filled in when missing, as Docker does.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// Absolute; made when missing. `None` is `/`.
    #[serde(default)]
    pub working_directory: Option<PathBuf>,
    /// `user`, `uid`, `user:group`, … as Docker spells it; names are looked up in the image's `/etc/passwd` and
    /// `/etc/group`. `None` is root.
    #[serde(default)]
    pub user: Option<String>,
    /// Limits of each process.
    #[serde(default)]
    pub ulimits: Vec<Ulimit>,
    /// Share of CPU time against its siblings, in units of 1/1024 of a processor; `None` is the least, 2.
    #[serde(default)]
    pub cpu_units: Option<u32>,
    /// A hard limit in MiB; `None` is the task's.
    #[serde(default)]
    pub memory_mib: Option<u64>,
    /// What it keeps when memory is short, in MiB.
    #[serde(default)]
    pub memory_reservation_mib: Option<u64>,
    /// Whether its end is the task's end.
    pub essential: bool,
    /// Containers it waits for; when the task stops, they wait for it.
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    /// How to tell that it works.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// How long those that wait for it to be complete, successful or healthy wait, from its start; `None` is without
    /// end, as in ECS.
    #[serde(default, with = "millis::option")]
    pub start_timeout: Option<Duration>,
    /// How long it has between the stop signal and SIGKILL.
    #[serde(default = "default_stop_timeout", with = "millis")]
    pub stop_timeout: Duration,
    /// The image's stop signal, `SIGQUIT` or `3`; `None` is SIGTERM.
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// Whether and when it is started again after it ended by itself; `None` is never.
    #[serde(default)]
    pub restart: Option<Restart>,
    /// Capabilities beyond Docker's usual ones, without `CAP_`; of [`crate::ADDABLE_CAPABILITIES`].
    #[serde(default)]
    pub added_capabilities: Vec<String>,
    /// Capabilities taken away, without `CAP_`, or [`crate::ALL_CAPABILITIES`].
    #[serde(default)]
    pub dropped_capabilities: Vec<String>,
    /// Whether a small init runs as process 1 that passes signals on and reaps orphans, with the command as its child.
    #[serde(default)]
    pub init: bool,
}

/// The time between the stop signal and SIGKILL when nothing else is said, as in ECS.
pub const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(30);

fn default_stop_timeout() -> Duration {
    DEFAULT_STOP_TIMEOUT
}

/// A file or directory of the host that appears in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindMount {
    /// Absolute, on the host; a single file is fine (the running executable, say).
    pub source: PathBuf,
    /// Absolute, in the container; made when missing.
    pub destination: PathBuf,
    /// Whether the container may only read it.
    #[serde(default)]
    pub read_only: bool,
}

/// A limit of each process of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ulimit {
    /// As ECS spells it: `nofile`, `nproc`, `core`, …
    pub name: String,
    /// What a process starts with; `u64::MAX` is no limit.
    pub soft: u64,
    /// What a process may raise it to; `u64::MAX` is no limit.
    pub hard: u64,
}

/// One container that another waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Its name.
    pub container: String,
    /// What it must have come to.
    pub condition: DependencyCondition,
}

/// What a container must have come to before those that depend on it start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DependencyCondition {
    /// It has started.
    Start,
    /// It has ended, however.
    Complete,
    /// It has ended with exit code 0.
    Success,
    /// Its health check has succeeded.
    Healthy,
}

/// How to tell that a container works, as Docker does it.
///
/// Until the first success the check runs once a second at least, so that who waits for HEALTHY waits no longer than
/// needed; failures count no oftener than once an interval, so that nothing is judged sooner than Docker would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// What runs inside the container.
    pub command: HealthCommand,
    /// From the end of one check to the start of the next.
    #[serde(with = "millis")]
    pub interval: Duration,
    /// After that it is killed and has failed.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// So many failures in a row make it unhealthy. At least one.
    pub retries: u32,
    /// Failures in this time after the start do not count until the first success.
    #[serde(default, with = "millis")]
    pub start_period: Duration,
}

/// The two forms of a health check's command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthCommand {
    /// A program and its arguments (`CMD`).
    #[serde(rename = "CMD")]
    Command(Vec<String>),
    /// A line for the container's `/bin/sh -c` (`CMD-SHELL`).
    #[serde(rename = "CMD-SHELL")]
    Shell(String),
}

/// When a container that ended by itself is started again. While this holds, even an essential one's end is not the
/// task's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The wait before the first restart; doubles with each that follows soon.
    #[serde(with = "millis")]
    pub backoff_initial: Duration,
    /// The longest wait. A run of at least this long starts the wait afresh.
    #[serde(with = "millis")]
    pub backoff_max: Duration,
    /// A run shorter than this is not restarted (ECS's `restartAttemptPeriod`); zero restarts always.
    #[serde(default, with = "millis")]
    pub minimum_run: Duration,
    /// Exit codes after which it stays down.
    #[serde(default)]
    pub ignored_exit_codes: Vec<i32>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A container that does nothing special.
    pub(crate) fn container(name: &str) -> ContainerSpec {
        ContainerSpec {
            name: name.to_owned(),
            layers: vec!["/layer".into()],
            read_only_root: false,
            mounts: Vec::new(),
            args: vec!["/program".to_owned()],
            env: Vec::new(),
            working_directory: None,
            user: None,
            ulimits: Vec::new(),
            cpu_units: None,
            memory_mib: None,
            memory_reservation_mib: None,
            essential: true,
            depends_on: Vec::new(),
            health_check: None,
            start_timeout: None,
            stop_timeout: DEFAULT_STOP_TIMEOUT,
            stop_signal: None,
            restart: None,
            added_capabilities: Vec::new(),
            dropped_capabilities: Vec::new(),
            init: false,
        }
    }

    /// A task of `containers`.
    pub(crate) fn task(containers: Vec<ContainerSpec>) -> TaskSpec {
        TaskSpec {
            id: "task".to_owned(),
            hostname: "task".to_owned(),
            resolver: Resolver::default(),
            hosts: Vec::new(),
            limits: TaskLimits::default(),
            containers,
        }
    }

    pub(crate) fn depends(container: &mut ContainerSpec, on: &str, condition: DependencyCondition) {
        container.depends_on.push(Dependency { container: on.to_owned(), condition });
    }

    pub(crate) fn checked(mut container: ContainerSpec) -> ContainerSpec {
        container.health_check = Some(HealthCheck {
            command: HealthCommand::Shell("true".to_owned()),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            retries: 3,
            start_period: Duration::ZERO,
        });
        container
    }

    #[test]
    fn a_specification_survives_its_file() {
        let spec = task(vec![checked(container("app"))]);
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<TaskSpec>(&text).unwrap(), spec);
        assert!(text.contains(r#""stop_timeout":30000"#), "{text}");
    }
}

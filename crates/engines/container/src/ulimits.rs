//! Limits of processes, in OCI's words.
//!
//! A process may lower its limits; to raise them beyond those it was started with takes `CAP_SYS_RESOURCE`, which root
//! has on most machines but not in every sandbox.

use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value, json};

use crate::{Ulimit, spec::rlimit_name};

/// Files a process may have open when nothing else is said, as on Fargate.
const NOFILE_DEFAULT: u64 = 65_535;
/// `CAP_SYS_RESOURCE`, as a bit.
const SYS_RESOURCE: u64 = 1 << 24;

/// `rlimits` of OCI's `process`.
pub(crate) fn rlimits(limits: &[Ulimit]) -> Value {
    let limit =
        |name: &str, soft: u64, hard: u64| Some(json!({"type": rlimit_name(name)?, "soft": soft, "hard": hard}));
    let mut all: Vec<Value> = limits.iter().filter_map(|l| limit(&l.name, l.soft, l.hard)).collect();
    if !limits.iter().any(|limit| limit.name == "nofile") {
        let most = if may_raise() { u64::MAX } else { own_limit("nofile") };
        all.extend(limit("nofile", NOFILE_DEFAULT.min(most), NOFILE_DEFAULT.min(most)));
    }
    Value::Array(all)
}

/// Why the limits cannot be had on this machine, if so.
pub(crate) fn problem(limits: &[Ulimit]) -> Option<String> {
    if may_raise() {
        return None;
    }
    let beyond = limits.iter().find(|limit| limit.hard > own_limit(&limit.name))?;
    let (name, most) = (&beyond.name, own_limit(&beyond.name));
    Some(format!(
        "ulimit {name} of {} is beyond the {most} of this machine, and CAP_SYS_RESOURCE is missing",
        beyond.hard
    ))
}

fn may_raise() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    held.and_then(|held| u64::from_str_radix(held.trim(), 16).ok()).is_none_or(|held| held & SYS_RESOURCE != 0)
}

/// The hard limit of this process.
fn own_limit(name: &str) -> u64 {
    let resource = match name {
        "core" => Resource::RLIMIT_CORE,
        "cpu" => Resource::RLIMIT_CPU,
        "data" => Resource::RLIMIT_DATA,
        "fsize" => Resource::RLIMIT_FSIZE,
        "locks" => Resource::RLIMIT_LOCKS,
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "msgqueue" => Resource::RLIMIT_MSGQUEUE,
        "nice" => Resource::RLIMIT_NICE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "rss" => Resource::RLIMIT_RSS,
        "rtprio" => Resource::RLIMIT_RTPRIO,
        "rttime" => Resource::RLIMIT_RTTIME,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        _ => return u64::MAX,
    };
    getrlimit(resource).map_or(u64::MAX, |(_, hard)| hard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_spelled_as_the_kernel_does() {
        let limits = [Ulimit { name: "nofile".to_owned(), soft: 10, hard: 20 }];
        assert_eq!(rlimits(&limits), json!([{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]));
        assert_eq!(problem(&limits), None);
    }

    #[test]
    fn there_is_always_one_for_open_files() {
        let limits = rlimits(&[Ulimit { name: "core".to_owned(), soft: 0, hard: 0 }]);
        assert_eq!(limits[1]["type"], "RLIMIT_NOFILE");
        assert!(limits[1]["hard"].as_u64().unwrap() <= NOFILE_DEFAULT);
    }
}

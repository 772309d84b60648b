//! What a task has used of the machine, as its cgroup counts it: all its containers together, those that have ended
//! included; and what each container has, which is told to who asks for statistics.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::cgroup::{ROOT, TaskCgroup, Version};

/// What a task uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time since it began, of all processors together.
    pub processor: Duration,
    /// Memory in bytes, without the part of the page cache that can be had back at any time.
    pub memory_bytes: u64,
}

impl Usage {
    /// What the task called `id` uses; none if it runs no more.
    pub fn of(id: &str) -> Option<Self> {
        let cgroup = TaskCgroup::of(id);
        match TaskCgroup::version() {
            Version::V1 => {
                let directory = |controller: &str| cgroup.directory(&Path::new(ROOT).join(controller));
                let memory = directory("memory");
                Some(Self {
                    processor: Duration::from_nanos(number(&directory("cpuacct").join("cpuacct.usage"))?),
                    memory_bytes: memory_bytes(&memory, "memory.usage_in_bytes", "total_inactive_file")?,
                })
            }
            Version::V2 => {
                let directory = cgroup.directory(Path::new(ROOT));
                let used = fs::read_to_string(directory.join("cpu.stat")).ok()?;
                Some(Self {
                    processor: Duration::from_micros(entry(&used, "usage_usec")?),
                    memory_bytes: memory_bytes(&directory, "memory.current", "inactive_file")?,
                })
            }
        }
    }
}

/// What one container uses, and what of it is counted for the whole task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerUsage {
    /// Processor time of all processors together, in programs and in the kernel.
    pub processor: Duration,
    /// The part of it in programs.
    pub user: Duration,
    /// The part of it in the kernel.
    pub system: Duration,
    /// Memory in bytes, the page cache included.
    pub memory_bytes: u64,
    /// The container's limit in bytes, or else the task's, if it has any.
    pub memory_limit_bytes: Option<u64>,
    /// The memory by what it is used for, as the kernel names it.
    pub memory: BTreeMap<String, u64>,
    /// How many processes it has.
    pub processes: u64,
    /// What all processors of the machine have had of time since it began, idle times included.
    pub machine: Duration,
    /// What went over the task's network interfaces, loopback left out, by their names.
    pub interfaces: BTreeMap<String, Traffic>,
}

/// What an interface has received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes, packets, errors and drops, received.
    pub received: [u64; 4],
    /// The same, sent.
    pub sent: [u64; 4],
}

/// A tick of the clock in which the kernel tells times of processors, in milliseconds.
const TICK_MILLISECONDS: u64 = 10;
/// Limits from here on are none: version 1 has a number for that, which depends on the size of pages.
const NO_LIMIT: u64 = 1 << 62;

impl ContainerUsage {
    /// What `container` of the task called `task` uses, whose process 1 is `pid`; none if it does not run.
    pub fn of(task: &str, container: &str, pid: i32) -> Option<Self> {
        let cgroup = TaskCgroup::of(task);
        let mut usage = match TaskCgroup::version() {
            Version::V1 => {
                Self::hierarchies(&|controller| cgroup.directory(&Path::new(ROOT).join(controller)), container)?
            }
            Version::V2 => Self::unified(&cgroup.directory(Path::new(ROOT)), container)?,
        };
        usage.machine = machine(&fs::read_to_string("/proc/stat").ok()?);
        usage.interfaces = interfaces(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default());
        Some(usage)
    }

    fn hierarchies(directory: &dyn Fn(&str) -> PathBuf, container: &str) -> Option<Self> {
        let (processor, memory) = (directory("cpuacct").join(container), directory("memory").join(container));
        let ticks = fs::read_to_string(processor.join("cpuacct.stat")).ok()?;
        let time = |name: &str| Duration::from_millis(entry(&ticks, name).unwrap_or(0) * TICK_MILLISECONDS);
        let limit = |directory: &Path| limit(&directory.join("memory.limit_in_bytes"));
        Some(Self {
            processor: Duration::from_nanos(number(&processor.join("cpuacct.usage"))?),
            user: time("user"),
            system: time("system"),
            memory_bytes: number(&memory.join("memory.usage_in_bytes"))?,
            memory_limit_bytes: limit(&memory).or_else(|| limit(&directory("memory"))),
            memory: entries(&fs::read_to_string(memory.join("memory.stat")).ok()?),
            processes: processes(&processor),
            ..Self::default()
        })
    }

    fn unified(task: &Path, container: &str) -> Option<Self> {
        let directory = task.join(container);
        let times = fs::read_to_string(directory.join("cpu.stat")).ok()?;
        let time = |name: &str| Duration::from_micros(entry(&times, name).unwrap_or(0));
        let limit = |directory: &Path| limit(&directory.join("memory.max"));
        Some(Self {
            processor: time("usage_usec"),
            user: time("user_usec"),
            system: time("system_usec"),
            memory_bytes: number(&directory.join("memory.current"))?,
            memory_limit_bytes: limit(&directory).or_else(|| limit(task)),
            memory: entries(&fs::read_to_string(directory.join("memory.stat")).ok()?),
            processes: processes(&directory),
            ..Self::default()
        })
    }
}

/// A limit, if the file has one: version 2 has a word for none.
fn limit(file: &PathBuf) -> Option<u64> {
    number(file).filter(|limit| *limit < NO_LIMIT)
}

fn processes(directory: &Path) -> u64 {
    fs::read_to_string(directory.join("cgroup.procs")).map_or(0, |listed| listed.lines().count() as u64)
}

/// All entries of a file of one a line.
fn entries(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| line.split_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    text.lines().filter_map(pair).collect()
}

/// The times in the first line of `/proc/stat`; what guests have had is part of the first two.
fn machine(text: &str) -> Duration {
    let times = text.lines().next().and_then(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks: u64 = times.split_whitespace().take(8).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * TICK_MILLISECONDS)
}

/// What `/proc/<pid>/net/dev` says: eight numbers received and eight sent behind each name.
fn interfaces(text: &str) -> BTreeMap<String, Traffic> {
    let traffic = |line: &str| {
        let (name, counts) = line.split_once(':')?;
        let counts: Vec<u64> = counts.split_whitespace().filter_map(|count| count.parse().ok()).collect();
        let four = |from: usize| counts.get(from..from + 4)?.try_into().ok();
        Some((name.trim().to_owned(), Traffic { received: four(0)?, sent: four(8)? }))
    };
    text.lines().filter_map(traffic).filter(|(name, _)| name != "lo").collect()
}

fn memory_bytes(directory: &Path, total: &str, inactive: &str) -> Option<u64> {
    let total = number(&directory.join(total))?;
    let inactive = entry(&fs::read_to_string(directory.join("memory.stat")).ok()?, inactive);
    Some(total.saturating_sub(inactive.unwrap_or(0)))
}

fn number(file: &PathBuf) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number behind `name`, in a file of one entry a line.
fn entry(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_their_whole_name() {
        let text = "total_inactive_file 7\ninactive_file 3\nusage_usec 12\n";
        assert_eq!(
            (entry(text, "inactive_file"), entry(text, "usage"), entry(text, "usage_usec")),
            (Some(3), None, Some(12))
        );
    }

    #[test]
    fn a_task_that_does_not_run_uses_nothing() {
        assert_eq!(Usage::of("no-such-task"), None);
    }

    fn file(directory: &Path, name: &str, text: &str) {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_container_is_counted_alike_under_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for (name, text) in [
            ("cpuacct/app/cpuacct.usage", "1500000000"),
            ("cpuacct/app/cpuacct.stat", "user 100\nsystem 50\n"),
            ("cpuacct/app/cgroup.procs", "7\n8\n"),
            ("memory/app/memory.usage_in_bytes", "1000\n"),
            ("memory/app/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/app/memory.stat", "cache 300\nrss 700\n"),
            ("memory/memory.limit_in_bytes", "4096\n"),
            ("v2/app/cpu.stat", "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n"),
            ("v2/app/cgroup.procs", "7\n8\n"),
            ("v2/app/memory.current", "1000\n"),
            ("v2/app/memory.max", "max\n"),
            ("v2/app/memory.stat", "cache 300\nrss 700\n"),
            ("v2/memory.max", "4096\n"),
        ] {
            file(root, name, text);
        }
        let wanted = ContainerUsage {
            processor: Duration::from_millis(1500),
            user: Duration::from_secs(1),
            system: Duration::from_millis(500),
            memory_bytes: 1000,
            memory_limit_bytes: Some(4096),
            memory: [("cache".to_owned(), 300), ("rss".to_owned(), 700)].into(),
            processes: 2,
            ..ContainerUsage::default()
        };
        let hierarchies = ContainerUsage::hierarchies(&|controller| root.join(controller), "app");
        assert_eq!(hierarchies.as_ref(), Some(&wanted));
        assert_eq!(ContainerUsage::unified(&root.join("v2"), "app"), Some(wanted));
        assert_eq!(ContainerUsage::of("no-such-task", "app", 0), None);
    }

    #[test]
    fn the_time_of_guests_is_not_counted_twice() {
        assert_eq!(machine("cpu  1 2 3 4 5 6 7 8 100 100\ncpu0 9 9\n"), Duration::from_millis(360));
    }

    #[test]
    fn interfaces_are_told_apart_from_loopback() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  \
                    eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n";
        let wanted = Traffic { received: [1, 2, 3, 4], sent: [5, 6, 7, 8] };
        assert_eq!(interfaces(text), [("eth0".to_owned(), wanted)].into());
    }

    #[test]
    fn memory_that_can_be_had_back_is_not_in_use() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("memory.current"), "1000\n").unwrap();
        fs::write(directory.path().join("memory.stat"), "anon 600\ninactive_file 300\n").unwrap();
        assert_eq!(memory_bytes(directory.path(), "memory.current", "inactive_file"), Some(700));
    }
}

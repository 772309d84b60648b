//! What a task has used of the machine, as its cgroup counts it: all its containers together, those that have ended
//! included.

use std::{
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

    #[test]
    fn memory_that_can_be_had_back_is_not_in_use() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("memory.current"), "1000\n").unwrap();
        fs::write(directory.path().join("memory.stat"), "anon 600\ninactive_file 300\n").unwrap();
        assert_eq!(memory_bytes(directory.path(), "memory.current", "inactive_file"), Some(700));
    }
}

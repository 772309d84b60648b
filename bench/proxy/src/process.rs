//! What a process costs: CPU time to the nanosecond, its split, and memory, of it and its children together.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

/// CPU time that was used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    /// All of it, by the scheduler's clock.
    pub(crate) total: Duration,
    /// Ticks in user mode and in the kernel: coarse, good for a share alone.
    pub(crate) ticks: (u64, u64),
}

impl Cpu {
    /// What the processes have used so far.
    pub(crate) fn of(pids: &[u32]) -> Result<Self> {
        let mut cpu = Self::default();
        for pid in pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let tick = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            cpu.ticks.0 += tick(11);
            cpu.ticks.1 += tick(12);
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                let text = fs::read_to_string(thread?.path().join("schedstat"));
                // A thread may end while the others are read.
                let first = text.unwrap_or_default().split(' ').next().and_then(|nanos| nanos.parse().ok());
                cpu.total += Duration::from_nanos(first.unwrap_or(0));
            }
        }
        Ok(cpu)
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        let ticks = (self.ticks.0.saturating_sub(before.ticks.0), self.ticks.1.saturating_sub(before.ticks.1));
        Self { total: self.total.saturating_sub(before.total), ticks }
    }
}

/// The process and its children.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children.flat_map(tree)).collect()
}

/// What the processes have in memory, in KiB; what they share counts once for them together (Pss of proc(5)).
pub(crate) fn resident(pids: &[u32]) -> Result<u64> {
    let mut kibibytes = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        kibibytes += line.trim().trim_end_matches(" kB").parse::<u64>().context("Pss is no number")?;
    }
    Ok(kibibytes)
}

/// From here on the calling thread, and whatever it starts, runs on that processor alone.
pub(crate) fn pin(processor: usize) -> Result<()> {
    ensure!(
        Path::new(&format!("/sys/devices/system/cpu/cpu{processor}")).exists(),
        "there is no processor {processor}"
    );
    let mut set = CpuSet::new();
    set.set(processor)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot run on processor {processor}"))
}

/// How busy the machine is: what else runs on it is in every figure.
pub(crate) fn machine() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default().matches("processor\t").count();
    format!("Kernel {}, {processors} processors, load average {load} at the end.", kernel.trim())
}

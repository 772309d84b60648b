//! A task's cgroup: the parent of its containers', with what all of them together may use.
//!
//! libcontainer makes the containers' own; this makes, limits, empties and removes what lies around them. Under
//! cgroup v1 a task has a directory in each controller's hierarchy, under v2 a single one. Hybrid machines, where v2
//! carries no controller of interest, count as v1.

use std::{
    collections::BTreeSet,
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs},
    },
    unistd::Pid,
};

use crate::{ContainerSpec, TaskLimits, TaskSpec};

pub(crate) mod unified;

/// Where the kernel's cgroups are mounted on every distribution.
pub(crate) const ROOT: &str = "/sys/fs/cgroup";
/// The directory of all tasks in each hierarchy.
const PARENT: &str = "serin";
/// The quota's period, in microseconds.
const CPU_PERIOD_MICROSECONDS: u64 = 100_000;
/// The least and the most CPU share the kernel knows.
const CPU_SHARES_MIN: u64 = 2;
const CPU_SHARES_MAX: u64 = 262_144;
/// How long processes may take to die, and the kernel to let go of an emptied cgroup.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait between two looks at what has no event.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Tries to make a directory whose parent another task removes as unused in the same moment.
const CREATE_TRIES: u32 = 10;

/// Which of the kernel's two kinds is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// The cgroup around all containers of a task.
#[derive(Clone, Debug)]
pub(crate) struct TaskCgroup {
    task: String,
}

impl TaskCgroup {
    pub(crate) fn of(task: &str) -> Self {
        Self { task: task.to_owned() }
    }

    /// Which kind this machine has.
    pub(crate) fn version() -> Version {
        let unified = statfs(ROOT).is_ok_and(|stat| stat.filesystem_type() == CGROUP2_SUPER_MAGIC);
        if unified { Version::V2 } else { Version::V1 }
    }

    /// The path of a container's cgroup inside each hierarchy, for libcontainer.
    pub(crate) fn container_path(&self, container: &str) -> PathBuf {
        Path::new("/").join(PARENT).join(&self.task).join(container)
    }

    /// Makes it in every hierarchy and sets the limits; all of it or nothing.
    pub(crate) fn create(&self, spec: &TaskSpec) -> io::Result<()> {
        self.make(spec).inspect_err(|_| {
            let _ = self.remove();
        })
    }

    fn make(&self, spec: &TaskSpec) -> io::Result<()> {
        for hierarchy in hierarchies()? {
            self.create_in(&hierarchy)?;
        }
        let version = Self::version();
        if version == Version::V2 {
            let root = Path::new(ROOT);
            let handed = unified::hand_down(root, &self.directory(root))?;
            must_hold(spec, |controller| handed.contains(controller))?;
        }
        let asked = self.limits(version, spec);
        let mut asked = asked.into_iter().filter(|setting| !setting.optional || setting.file.exists());
        asked.try_for_each(|setting| write(&setting.file, &setting.value))
    }

    /// Its directories are made anew each time round: another task that ends may remove the empty parent in between.
    fn create_in(&self, hierarchy: &Path) -> io::Result<()> {
        let parent = hierarchy.join(PARENT);
        let mut tries = 0;
        loop {
            let made = fs::create_dir_all(parent.join(&self.task));
            match made {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < CREATE_TRIES => tries += 1,
                made => return made,
            }
        }
    }

    /// What is written, and where, in this order, to set the task's limits.
    fn limits(&self, version: Version, spec: &TaskSpec) -> Vec<Setting> {
        let shares = cpu_shares(spec);
        match version {
            Version::V1 => self.limits_v1(spec.limits, shares),
            Version::V2 => self.limits_v2(spec.limits, shares),
        }
    }

    fn limits_v1(&self, limits: TaskLimits, shares: u64) -> Vec<Setting> {
        let file = |controller: &str, file: &str| self.directory(&Path::new(ROOT).join(controller)).join(file);
        let mut settings = Vec::new();
        if let Some(mib) = limits.memory_mib {
            settings.push(Setting::new(file("memory", "memory.limit_in_bytes"), mib << 20));
            settings.push(Setting::new(file("memory", "memory.memsw.limit_in_bytes"), mib << 20).if_there());
        }
        if let Some(units) = limits.cpu_units {
            settings.push(Setting::new(file("cpu", "cpu.cfs_period_us"), CPU_PERIOD_MICROSECONDS));
            settings.push(Setting::new(file("cpu", "cpu.cfs_quota_us"), cpu_quota(units)));
        }
        settings.push(Setting::new(file("cpu", "cpu.shares"), shares));
        settings
    }

    fn limits_v2(&self, limits: TaskLimits, shares: u64) -> Vec<Setting> {
        let directory = self.directory(Path::new(ROOT));
        let mut settings = Vec::new();
        if let Some(mib) = limits.memory_mib {
            settings.push(Setting::new(directory.join("memory.max"), mib << 20));
            settings.push(Setting::new(directory.join("memory.swap.max"), 0).if_there());
        }
        if let Some(units) = limits.cpu_units {
            let quota = format!("{} {CPU_PERIOD_MICROSECONDS}", cpu_quota(units));
            settings.push(Setting::new(directory.join("cpu.max"), quota));
        }
        settings.push(Setting::new(directory.join("cpu.weight"), cpu_weight(shares)).if_there());
        settings
    }

    /// Makes the cgroup of `container` where libcontainer would hand down more than is needed to make it itself, and
    /// forbids it to swap, which libcontainer means to do there and does not.
    pub(crate) fn prepare(&self, container: &ContainerSpec) -> io::Result<()> {
        if Self::version() == Version::V1 {
            return Ok(());
        }
        let directory = self.directory(Path::new(ROOT)).join(&container.name);
        fs::create_dir_all(&directory)?;
        let no_swap = Setting::new(directory.join("memory.swap.max"), 0).if_there();
        let asked = container.memory_mib.is_some() && no_swap.file.exists();
        if asked { write(&no_swap.file, &no_swap.value) } else { Ok(()) }
    }

    /// Whether containers in it can be given shares of the processor.
    pub(crate) fn shares_processors(&self) -> bool {
        let root = Path::new(ROOT);
        Self::version() == Version::V1 || unified::available(root).is_ok_and(|all| all.contains("cpu"))
    }

    /// Whether the machine counts memory and swap together (v1), so that a memory limit can forbid the latter.
    pub(crate) fn counts_swap(&self) -> bool {
        let memory = self.directory(&Path::new(ROOT).join("memory"));
        Self::version() == Version::V1 && memory.join("memory.memsw.limit_in_bytes").exists()
    }

    /// How often the kernel has killed a process of `container` for its memory, be it for the container's limit or the
    /// task's.
    pub(crate) fn memory_kills(&self, container: &str) -> u64 {
        let file = self.memory_events(Self::version(), container);
        memory_kills(&fs::read_to_string(file).unwrap_or_default())
    }

    fn memory_events(&self, version: Version, container: &str) -> PathBuf {
        match version {
            Version::V1 => self.directory(&Path::new(ROOT).join("memory")).join(container).join("memory.oom_control"),
            Version::V2 => self.directory(Path::new(ROOT)).join(container).join("memory.events"),
        }
    }

    /// Where `controller`'s files of `container` lie, if the machine has that controller (v1).
    pub(crate) fn container_directory(&self, controller: &str, container: &str) -> Option<PathBuf> {
        let hierarchy = Path::new(ROOT).join(controller);
        is_v1_hierarchy(&hierarchy).then(|| self.directory(&hierarchy).join(container))
    }

    /// Kills every process in it, and waits until they are gone.
    pub(crate) fn kill_all(&self) -> io::Result<()> {
        let deadline = Instant::now() + EMPTY_TIMEOUT;
        loop {
            let pids = self.processes()?;
            if pids.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let left: Vec<String> = pids.iter().map(ToString::to_string).collect();
                let problem = format!("processes {} do not die", left.join(", "));
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
            }
            for pid in pids {
                // One that has ended in between is as good as killed.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            sleep(LOOK_AGAIN);
        }
    }

    fn processes(&self) -> io::Result<BTreeSet<i32>> {
        let mut pids = BTreeSet::new();
        for hierarchy in hierarchies()? {
            for directory in directories_below(&self.directory(&hierarchy))? {
                let listed = ignore_missing(fs::read_to_string(directory.join("cgroup.procs")))?.unwrap_or_default();
                pids.extend(listed.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0));
            }
        }
        Ok(pids)
    }

    /// Removes it from every hierarchy, with whatever is left of its containers'. Its processes must be gone.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for hierarchy in hierarchies()? {
            for directory in directories_below(&self.directory(&hierarchy))? {
                remove_directory(&directory)?;
            }
            // The last task takes the parent along; it stays while there are others.
            let _ = fs::remove_dir(hierarchy.join(PARENT));
        }
        Ok(())
    }

    /// Its directory in a hierarchy.
    pub(crate) fn directory(&self, hierarchy: &Path) -> PathBuf {
        hierarchy.join(PARENT).join(&self.task)
    }
}

/// Fails with the controllers that the limits of `spec` need and this machine does not have.
fn must_hold(spec: &TaskSpec, has: impl Fn(&str) -> bool) -> io::Result<()> {
    let (limits, containers) = (&spec.limits, &spec.containers);
    let memory = |c: &ContainerSpec| c.memory_mib.or(c.memory_reservation_mib).is_some();
    let asked = [
        ("cpu", limits.cpu_units.is_some() || containers.iter().any(|container| container.cpu_units.is_some())),
        ("memory", limits.memory_mib.is_some() || containers.iter().any(memory)),
    ];
    let missing: Vec<&str> = asked.iter().filter(|(name, asked)| *asked && !has(name)).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem =
        format!("the control groups of this machine have no {} controller for its limits", missing.join(" and no "));
    Err(io::Error::new(io::ErrorKind::Unsupported, problem))
}

/// A value for one of the kernel's files.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    file: PathBuf,
    value: String,
    /// Not every kernel has the file.
    optional: bool,
}

impl Setting {
    fn new(file: PathBuf, value: impl Display) -> Self {
        Self { file, value: value.to_string(), optional: false }
    }

    fn if_there(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// The count in v1's `memory.oom_control` and v2's `memory.events`: both have a line `oom_kill`.
fn memory_kills(text: &str) -> u64 {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// The mount points of all hierarchies; under v1 also those without limits, for libcontainer uses them all.
fn hierarchies() -> io::Result<Vec<PathBuf>> {
    let root = PathBuf::from(ROOT);
    if TaskCgroup::version() == Version::V2 {
        return Ok(vec![root]);
    }
    let mut hierarchies = Vec::new();
    for entry in fs::read_dir(&root)? {
        let entry = entry?;
        // Links are second names: `cpu` for `cpu,cpuacct`.
        if entry.file_type()?.is_dir() && is_v1_hierarchy(&entry.path()) {
            hierarchies.push(entry.path());
        }
    }
    Ok(hierarchies)
}

fn is_v1_hierarchy(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| stat.filesystem_type() == CGROUP_SUPER_MAGIC)
}

/// `directory` and all below it, deepest first.
fn directories_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = ignore_missing(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.extend(directories_below(&entry.path())?);
        }
    }
    all.push(directory.to_owned());
    Ok(all)
}

/// The kernel is busy with a cgroup for a moment after its last process has gone.
fn remove_directory(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + EMPTY_TIMEOUT;
    loop {
        match ignore_missing(fs::remove_dir(directory)) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => sleep(LOOK_AGAIN),
            removed => return removed.map(drop),
        }
    }
}

fn ignore_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path is part of the error: the kernel's own says only "invalid argument".
fn write(path: &Path, value: &str) -> io::Result<()> {
    fs::write(path, value)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot write {value} to {}: {error}", path.display())))
}

/// Microseconds of CPU time in each period.
fn cpu_quota(units: u32) -> u64 {
    // The kernel takes no quota below a millisecond.
    (u64::from(units) * CPU_PERIOD_MICROSECONDS / 1024).max(1000)
}

/// The task's share against other tasks: what it may use, or else what its containers were given together.
fn cpu_shares(spec: &TaskSpec) -> u64 {
    let containers = spec.containers.iter().filter_map(|container| container.cpu_units).map(u64::from).sum();
    spec.limits.cpu_units.map_or(containers, u64::from).clamp(CPU_SHARES_MIN, CPU_SHARES_MAX)
}

/// Shares on the scale of v2, 1 to 10000, by the kernel documentation's conversion.
fn cpu_weight(shares: u64) -> u64 {
    1 + (shares - CPU_SHARES_MIN) * 9999 / (CPU_SHARES_MAX - CPU_SHARES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{container, task};

    #[test]
    fn shares_are_the_tasks_or_the_sum_of_its_containers() {
        let mut app = container("app");
        app.cpu_units = Some(100);
        let mut spec = task(vec![app.clone(), app]);
        assert_eq!(cpu_shares(&spec), 200);
        spec.limits.cpu_units = Some(1024);
        assert_eq!(cpu_shares(&spec), 1024);
        assert_eq!((cpu_weight(2), cpu_weight(262_144)), (1, 10_000));
    }

    #[test]
    fn a_quarter_of_a_processor_is_25_ms_in_100() {
        assert_eq!(cpu_quota(256), 25_000);
        assert_eq!(cpu_quota(2048), 200_000);
        assert_eq!(cpu_quota(1), 1000);
    }

    fn limited(version: Version) -> Vec<String> {
        let mut spec = task(vec![container("app")]);
        spec.limits = TaskLimits { cpu_units: Some(512), memory_mib: Some(64) };
        let settings = TaskCgroup::of("t").limits(version, &spec);
        let text = |setting: Setting| format!("{} = {}", setting.file.display(), setting.value);
        settings.into_iter().map(text).collect()
    }

    #[test]
    fn under_v1_each_controller_has_its_own_hierarchy() {
        let wanted = [
            "/sys/fs/cgroup/memory/serin/t/memory.limit_in_bytes = 67108864",
            "/sys/fs/cgroup/memory/serin/t/memory.memsw.limit_in_bytes = 67108864",
            "/sys/fs/cgroup/cpu/serin/t/cpu.cfs_period_us = 100000",
            "/sys/fs/cgroup/cpu/serin/t/cpu.cfs_quota_us = 50000",
            "/sys/fs/cgroup/cpu/serin/t/cpu.shares = 512",
        ];
        assert_eq!(limited(Version::V1), wanted);
    }

    #[test]
    fn under_v2_all_lie_in_the_one_there_is() {
        let wanted = [
            "/sys/fs/cgroup/serin/t/memory.max = 67108864",
            "/sys/fs/cgroup/serin/t/memory.swap.max = 0",
            "/sys/fs/cgroup/serin/t/cpu.max = 50000 100000",
            "/sys/fs/cgroup/serin/t/cpu.weight = 20",
        ];
        assert_eq!(limited(Version::V2), wanted);
    }

    #[test]
    fn limits_that_nothing_could_hold_are_refused_by_name() {
        let mut app = container("app");
        app.memory_mib = Some(64);
        let mut spec = task(vec![app]);
        must_hold(&spec, |_| true).unwrap();
        must_hold(&spec, |controller| controller == "memory").unwrap();
        spec.limits.cpu_units = Some(256);
        let refused = must_hold(&spec, |_| false).unwrap_err().to_string();
        assert!(refused.contains("no cpu and no memory controller"), "{refused}");
    }

    #[test]
    fn a_kill_for_memory_is_read_in_both_layouts() {
        let (v1, v2) = (Version::V1, Version::V2);
        let file = |version| TaskCgroup::of("t").memory_events(version, "app");
        assert_eq!(file(v1), Path::new("/sys/fs/cgroup/memory/serin/t/app/memory.oom_control"));
        assert_eq!(file(v2), Path::new("/sys/fs/cgroup/serin/t/app/memory.events"));
        assert_eq!(memory_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
        assert_eq!(memory_kills("low 0\nhigh 0\nmax 31\noom 1\noom_kill 1\noom_group_kill 0\n"), 1);
        assert_eq!(memory_kills(""), 0);
    }

    #[test]
    fn a_container_lies_in_its_task() {
        assert_eq!(TaskCgroup::of("t").container_path("app"), Path::new("/serin/t/app"));
    }
}

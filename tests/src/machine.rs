//! A machine of its own for each test, and what must not be left on it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

/// How long processes may take to end that were killed.
const POWER_MAX: Duration = Duration::from_secs(30);

/// Where a test runs: a network namespace with loopback alone, and a folder that goes with it.
pub struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// Moves this thread, and all it starts from now on, into a namespace of its own.
    ///
    /// # Panics
    /// Without root: such a test must fail, not pass in silence.
    pub fn new() -> Self {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace: run the tests as root");
        run(Command::new("ip").args(["link", "set", "lo", "up"]));
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    /// The test's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the house keeps its state.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What of the houses in this machine is there now. Empty once they are gone.
    pub fn leftovers(&self) -> Leftovers {
        Leftovers::of(self.folder(), &self.data_dir())
    }

    /// Kills the house's edge, which carries all traffic into its VPCs, and answers its process id.
    ///
    /// # Panics
    /// When there is not exactly one.
    pub fn kill_edge(&self) -> i32 {
        let edges = self.edges();
        assert_eq!(edges.len(), 1, "edges: {edges:?}");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(edges[0]), nix::sys::signal::Signal::SIGKILL)
            .expect("it is still there");
        edges[0]
    }

    /// Ends everything of the house at once and without a word, as a machine that loses its power does: processes,
    /// control groups and network namespaces go, files stay, sockets among them.
    ///
    /// # Panics
    /// When something does not end.
    pub fn lose_power(&self) {
        let groups = || Leftovers::of(self.folder(), &self.data_dir()).cgroups;
        let begun = Instant::now();
        loop {
            let mut pids = processes_of(self.folder());
            pids.extend(groups().into_iter().flat_map(processes_in));
            for group in groups().iter().rev() {
                remove_groups(group);
            }
            if pids.is_empty() && groups().is_empty() {
                return;
            }
            for pid in pids {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
            assert!(begun.elapsed() < POWER_MAX, "still there: {:#?}", self.leftovers());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process ids of the house's edges: one, but for moments in which one takes another's place.
    pub fn edges(&self) -> Vec<i32> {
        let mut pids = processes_of(self.folder());
        pids.retain(|pid| command_line(*pid).contains(" edge --socket "));
        pids
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Machine {
    /// Ends what a failed test left behind, by its process id, so that the next one starts clean.
    fn drop(&mut self) {
        // Shims first, so that no container is started again; then what they ran.
        let shims = processes_of(self.folder());
        let contained = Leftovers::of(self.folder(), &self.data_dir()).cgroups.into_iter().flat_map(processes_in);
        for pid in shims.into_iter().chain(contained.collect::<Vec<_>>()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Processes, mounts and control groups that belong to a house.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Command lines.
    pub processes: BTreeSet<String>,
    /// Lines of `/proc/self/mountinfo`.
    pub mounts: BTreeSet<String>,
    /// Control groups of its tasks.
    pub cgroups: BTreeSet<PathBuf>,
    /// Links, addresses and rules in the machine's own network namespace.
    pub network: BTreeSet<String>,
}

impl Leftovers {
    fn of(folder: &Path, data_dir: &Path) -> Self {
        let text = folder.display().to_string();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let tasks: Vec<String> = fs::read_dir(data_dir.join("tasks"))
            .map(|entries| entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        Self {
            processes: processes_of(folder).into_iter().map(command_line).collect(),
            mounts: mounts.lines().filter(|line| line.contains(&text)).map(str::to_owned).collect(),
            cgroups: cgroups_of(&tasks),
            network: network(),
        }
    }

    /// Nothing is left.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The processes whose command line names `folder`, apart from this one.
fn processes_of(folder: &Path) -> Vec<i32> {
    let text = folder.display().to_string();
    let entries = fs::read_dir("/proc").expect("/proc can be read").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != std::process::id().cast_signed() && command_line(*pid).contains(&text)).collect()
}

fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned()
}

/// Removes control group `folder` with those below it, as far as nobody is in them.
fn remove_groups(folder: &Path) {
    for below in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        remove_groups(&below.path());
    }
    let _ = fs::remove_dir(folder);
}

/// The processes in control group `folder` and in those below it.
fn processes_in(folder: PathBuf) -> Vec<i32> {
    let below = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|p| p.is_dir());
    let mut pids: Vec<i32> = below.flat_map(processes_in).collect();
    let own = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.extend(own.lines().filter_map(|line| line.parse::<i32>().ok()));
    pids
}

/// Control groups with the name of one of `tasks` anywhere in the hierarchies.
fn cgroups_of(tasks: &[String]) -> BTreeSet<PathBuf> {
    fn collect(folder: &Path, depth: usize, tasks: &[String], found: &mut BTreeSet<PathBuf>) {
        const DEPTH_MAX: usize = 6;
        if depth > DEPTH_MAX {
            return;
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if tasks.iter().any(|task| path.ends_with(task)) {
                    found.insert(path.clone());
                }
                collect(&path, depth + 1, tasks, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    if !tasks.is_empty() {
        collect(Path::new("/sys/fs/cgroup"), 0, tasks, &mut found);
    }
    found
}

/// What this namespace has beyond a bare loopback.
fn network() -> BTreeSet<String> {
    let links = run(Command::new("ip").args(["-oneline", "address"]));
    let links = links.lines().filter(|line| !line.contains(" lo ")).map(str::to_owned);
    let rules = run(Command::new("nft").args(["list", "tables"]));
    links.chain(rules.lines().map(str::to_owned)).collect()
}

/// Runs `command` and answers what it printed.
///
/// # Panics
/// When it cannot be started or fails: then with all it said.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}\n{stderr}");
    stdout
}

/// Waits until `holds`, looking often; fails after `limit`, saying `what` did not come.
///
/// # Panics
/// When the time is up.
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

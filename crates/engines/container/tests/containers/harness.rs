//! Runs the cases, and gives them tasks to play with.

use std::{
    collections::BTreeMap,
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use container::{BindMount, Client, ContainerSpec, DEFAULT_STOP_TIMEOUT, Netns, TaskLimits, TaskSpec, TaskState, logs};
use nix::sched::{CloneFlags, unshare};

/// The longest any wait of a case may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) type Case = (&'static str, fn());

/// Runs the cases whose names hold one of `filters`; all without filters.
pub(crate) fn run_all(cases: &[Case], filters: &[String]) -> ExitCode {
    assert!(nix::unistd::geteuid().is_root(), "these tests need root");
    let filters: Vec<&String> = filters.iter().filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut failed: Vec<&str> = Vec::new();
    for (name, case) in cases.iter().filter(|(name, _)| wanted(name)) {
        let begun = Instant::now();
        let outcome = std::panic::catch_unwind(case);
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("test {name} ... {word} ({} ms)", begun.elapsed().as_millis());
        failed.extend(outcome.is_err().then_some(*name));
    }
    println!("{} failed: {failed:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A place for tasks, and the loop to follow them.
pub(crate) struct Bench {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut directory = tempfile::tempdir().unwrap();
        // For who wants to see what the shims had to say.
        directory.disable_cleanup(std::env::var_os("KEEP").is_some());
        fs::create_dir_all(directory.path().join("layer")).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { directory, runtime }
    }

    /// A container that does what `words` say.
    pub(crate) fn container(&self, name: &str, words: &[&str]) -> ContainerSpec {
        let mut args = vec!["/program".to_owned(), "program".to_owned()];
        args.extend(words.iter().map(|word| (*word).to_owned()));
        let executable = std::env::current_exe().unwrap();
        let mount = |destination: &str| BindMount {
            source: executable.clone(),
            destination: destination.into(),
            read_only: true,
        };
        ContainerSpec {
            name: name.to_owned(),
            layers: vec![self.directory.path().join("layer")],
            read_only_root: false,
            mounts: vec![mount("/program"), mount("/bin/sh")],
            args,
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

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    pub(crate) fn spec(&self, containers: Vec<ContainerSpec>) -> TaskSpec {
        TaskSpec {
            id: fresh_id(),
            hostname: "ip-10-0-0-5".to_owned(),
            resolver: container::Resolver {
                nameservers: vec!["10.0.0.2".parse().unwrap()],
                search: vec!["ec2.internal".to_owned()],
            },
            hosts: vec![container::HostEntry {
                address: "10.0.0.5".parse().unwrap(),
                names: vec!["ip-10-0-0-5".to_owned()],
            }],
            limits: TaskLimits::default(),
            containers,
        }
    }

    pub(crate) fn task_dir(&self, spec: &TaskSpec) -> PathBuf {
        self.directory.path().join("tasks").join(&spec.id)
    }

    pub(crate) fn spawn(&self, spec: &TaskSpec) -> Task<'_> {
        self.try_spawn(spec).unwrap()
    }

    pub(crate) fn try_spawn(&self, spec: &TaskSpec) -> Result<Task<'_>, container::client::Error> {
        let executable = std::env::current_exe().unwrap();
        let task_dir = self.task_dir(spec);
        let client = Client::spawn(&executable, &task_dir, spec, Netns::Descriptor(network_namespace()));
        Ok(Task { client: self.runtime.block_on(client)?, bench: self })
    }

    /// A task that somebody else started.
    pub(crate) fn adopted(&self, client: Client) -> Task<'_> {
        Task { client, bench: self }
    }

    /// Spawns a task of `containers`.
    pub(crate) fn task(&self, containers: Vec<ContainerSpec>) -> Task<'_> {
        self.spawn(&self.spec(containers))
    }

    /// A task of one container that does what `words` say.
    pub(crate) fn program(&self, words: &[&str]) -> Task<'_> {
        self.task(vec![self.container("app", words)])
    }

    /// That nothing is left of any task.
    pub(crate) fn assert_clean(&self) {
        let mark = self.directory.path().display().to_string();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&mark), "{mounts}");
        assert_eq!(cgroups(), Vec::<PathBuf>::new());
        let deadline = Instant::now() + PATIENCE;
        // A shim ends a moment after its task.
        while let Some(command) = processes().find(|command| command.contains(&mark)) {
            assert!(Instant::now() < deadline, "still runs: {command}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Bench {
    /// Ends what a failed case has left running.
    fn drop(&mut self) {
        for task in fs::read_dir(self.directory.path().join("tasks")).into_iter().flatten().flatten() {
            let client = Client::at(task.path());
            let _ = self.runtime.block_on(async {
                let state = client.stop("the case is over", Some(Duration::ZERO)).await?;
                client.wait(state.revision + 2, Duration::from_secs(5)).await
            });
        }
    }
}

/// The command lines of all processes.
fn processes() -> impl Iterator<Item = String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.map(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).replace('\0', " ")
    })
}

/// The cgroups of this run's tasks; other programs of this machine may have tasks too.
fn cgroups() -> Vec<PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
    let parents = hierarchies.map(|path| path.join("serin")).chain(["/sys/fs/cgroup/serin".into()]);
    let tasks = parents.flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten());
    tasks.map(|task| task.path()).filter(|path| path.to_string_lossy().contains(&mark())).collect()
}

/// What marks the ids of this run's tasks.
fn mark() -> String {
    format!("test-{}", std::process::id())
}

fn fresh_id() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{}-{}", mark(), NEXT.fetch_add(1, Ordering::SeqCst))
}

/// An empty network namespace, made by a thread that ends at once.
pub(crate) fn network_namespace() -> OwnedFd {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        fs::File::open("/proc/thread-self/ns/net").unwrap().into()
    };
    std::thread::spawn(make).join().unwrap()
}

/// A task of a bench.
pub(crate) struct Task<'a> {
    pub(crate) client: Client,
    bench: &'a Bench,
}

impl Task<'_> {
    pub(crate) fn state(&self) -> TaskState {
        self.bench.runtime.block_on(self.client.state()).unwrap()
    }

    /// Waits for a state in which `holds`, and gives it.
    pub(crate) fn until(&self, holds: impl Fn(&TaskState) -> bool) -> TaskState {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        while !holds(&state) {
            assert!(!state.is_final() && Instant::now() < deadline, "waited in vain: {state:#?}");
            let wait = self.client.wait(state.revision, Duration::from_secs(5));
            state = self.bench.runtime.block_on(wait).unwrap();
        }
        state
    }

    pub(crate) fn until_final(&self) -> TaskState {
        self.until(TaskState::is_final)
    }

    pub(crate) fn stop(&self, kill_after: Option<Duration>) {
        self.bench.runtime.block_on(self.client.stop("asked by a test", kill_after)).unwrap();
    }

    pub(crate) fn exec(
        &self,
        container: &str,
        words: &[&str],
        limit: Duration,
    ) -> Result<container::ExecOutput, container::client::Error> {
        let mut args = vec!["/program".to_owned(), "program".to_owned()];
        args.extend(words.iter().map(|word| (*word).to_owned()));
        self.bench.runtime.block_on(self.client.exec(container, args, limit))
    }

    pub(crate) fn forget(self) {
        self.bench.runtime.block_on(self.client.forget()).unwrap();
    }

    /// All that `container` has printed so far.
    pub(crate) fn lines(&self, container: &str) -> Vec<String> {
        let log = logs::path(self.client.task_dir(), container);
        let (entries, _) = logs::read_from(&log, 0, 10_000).unwrap();
        entries.into_iter().map(|entry| entry.message).collect()
    }

    /// Waits until `container` has printed `line`.
    pub(crate) fn until_printed(&self, container: &str, line: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut ends = BTreeMap::new();
        while !self.lines(container).iter().any(|printed| printed == line) {
            assert!(Instant::now() < deadline, "{line} not among {:?}", self.lines(container));
            ends = self.bench.runtime.block_on(self.client.wait_logs(ends, Duration::from_secs(5))).unwrap();
        }
    }

    /// What the program's `report` said, by name.
    pub(crate) fn report(&self, container: &str) -> BTreeMap<String, String> {
        let pair = |line: String| line.split_once(": ").map(|(name, text)| (name.to_owned(), text.to_owned()));
        self.lines(container).into_iter().filter_map(pair).collect()
    }
}

/// A control plane that has started the task in `task_dir`'s specification and will be killed.
pub(crate) fn spawn_and_hang(task_dir: &str) -> ExitCode {
    let spec: TaskSpec = serde_json::from_slice(&fs::read(format!("{task_dir}.spec")).unwrap()).unwrap();
    let executable = std::env::current_exe().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let netns = Netns::Descriptor(network_namespace());
    runtime.block_on(Client::spawn(&executable, Path::new(task_dir), &spec, netns)).unwrap();
    println!("spawned");
    std::thread::sleep(PATIENCE * 10);
    ExitCode::SUCCESS
}

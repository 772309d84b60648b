//! Does what the plan says: makes containers with libcontainer, runs commands in them, ends and removes them.
//!
//! Everything here is synchronous and must be called from a process with one thread: libcontainer clones the caller
//! and goes on in the clone, where a lock held by another thread would be held for ever.

use std::{
    collections::HashMap,
    error::Error as _,
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use libcontainer::{
    container::{Container, builder::ContainerBuilder},
    error::LibcontainerError,
    syscall::syscall::SyscallType,
};
use nix::{fcntl::OFlag, unistd::pipe2};

use crate::{
    ContainerSpec, Resolver, TaskSpec,
    bundle::Bundle,
    capabilities::capabilities,
    cgroup::TaskCgroup,
    client::TaskFiles,
    executor::{Become, read_failure},
    image_user::{Identity, identity},
    rootfs::Overlay,
    seccomp::Filters,
    ulimits,
};

/// The directory of the files all containers share; no container can have its name.
const ETC_DIRECTORY: &str = ".etc";

/// Why a container could not be made or started, or a command not be run in it. Words for users: they end up in
/// what ECS calls a container's reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("CannotCreateContainerError: {what}: {source}")]
    Prepare { what: &'static str, source: io::Error },
    #[error("CannotCreateContainerError: {0}")]
    User(#[from] crate::image_user::Error),
    #[error("CannotCreateContainerError: {0}")]
    Create(String),
    #[error("CannotStartContainerError: {0}")]
    Start(String),
    #[error("container {0} does not run")]
    NotRunning(String),
    #[error("cannot run a command in the container: {0}")]
    Exec(String),
}

/// A started container: its process 1, and the ends of what it prints to.
pub(crate) struct Started {
    pub(crate) pid: i32,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// A command that runs in a container.
pub(crate) struct Command {
    /// As the host numbers it; leads a process group of its own.
    pub(crate) pid: i32,
    /// The end of what it prints to.
    pub(crate) output: OwnedFd,
}

/// What containers of a task are made of.
pub(crate) struct Runtime {
    files: TaskFiles,
    spec: TaskSpec,
    cgroup: TaskCgroup,
    /// By place in the specification; kept over restarts.
    roots: HashMap<usize, Root>,
    running: HashMap<usize, Container>,
}

/// A container's root file system and who it belongs to.
struct Root {
    overlay: Overlay,
    identity: Identity,
}

impl Runtime {
    /// Makes what all containers of the task share.
    pub(crate) fn new(files: TaskFiles, spec: TaskSpec) -> io::Result<Self> {
        let cgroup = TaskCgroup::of(&spec.id);
        cgroup.create(&spec)?;
        let runtime = Self { files, spec, cgroup, roots: HashMap::new(), running: HashMap::new() };
        let etc = runtime.etc();
        fs::create_dir_all(&etc)?;
        fs::write(etc.join("hostname"), format!("{}\n", runtime.spec.hostname))?;
        fs::write(etc.join("hosts"), hosts(&runtime.spec))?;
        fs::write(etc.join("resolv.conf"), resolv_conf(&runtime.spec))?;
        Ok(runtime)
    }

    fn etc(&self) -> PathBuf {
        self.files.bundles().join(ETC_DIRECTORY)
    }

    fn bundle(&self, index: usize) -> PathBuf {
        self.files.bundles().join(&self.spec.containers[index].name)
    }

    /// Creates and starts container `index`; when this returns its command runs.
    pub(crate) fn start(&mut self, index: usize) -> Result<Started, Error> {
        if !self.roots.contains_key(&index) {
            let root = self.make_root(index)?;
            self.roots.insert(index, root);
        }
        let (out_reader, out_writer) = pipe()?;
        let (err_reader, err_writer) = pipe()?;
        let owner = &self.roots[&index].identity;
        // So that a program of another user may open /dev/stdout again.
        for writer in [&out_writer, &err_writer] {
            std::os::unix::fs::fchown(writer, Some(owner.uid), Some(owner.gid)).map_err(prepare("hand over a pipe"))?;
        }
        let filters = filters(&self.spec.containers[index]).map_err(Error::Create)?;
        let container = self.create(index, |builder, failures, init| {
            builder.with_executor(Become::new(failures, filters, init)).with_stdout(out_writer).with_stderr(err_writer)
        })?;
        let pid = container.pid().map(nix::unistd::Pid::as_raw);
        let pid = pid.ok_or_else(|| Error::Start("the container has no process".to_owned()))?;
        self.running.insert(index, container);
        Ok(Started { pid, stdout: out_reader, stderr: err_reader })
    }

    /// The root file system with what the container needs in it.
    fn make_root(&self, index: usize) -> Result<Root, Error> {
        let container = &self.spec.containers[index];
        if let Some(problem) = ulimits::problem(&container.ulimits) {
            return Err(Error::Create(problem));
        }
        let overlay = Overlay::mount(&self.bundle(index), &container.layers).map_err(prepare("root file system"))?;
        let read = |path| overlay.read_text(path).map_err(prepare("users of the image"));
        let (passwd, group) = (read("/etc/passwd")?, read("/etc/group")?);
        let identity = identity(container.user.as_deref().unwrap_or_default(), &passwd, &group)?;
        if let Some(directory) = &container.working_directory {
            overlay.make_directory(directory).map_err(prepare("working directory"))?;
        }
        for name in ["hosts", "hostname", "resolv.conf"] {
            overlay.remove_dangling_link(&Path::new("/etc").join(name)).map_err(prepare("files in /etc"))?;
        }
        Ok(Root { overlay, identity })
    }

    fn create(
        &self,
        index: usize,
        equip: impl FnOnce(ContainerBuilder, OwnedFd, bool) -> ContainerBuilder,
    ) -> Result<Container, Error> {
        let (container, root) = (&self.spec.containers[index], &self.roots[&index]);
        let bundle = self.bundle(index);
        let config = Bundle {
            task: &self.spec,
            container,
            identity: &root.identity,
            cgroup: &self.cgroup,
            root: root.overlay.root(),
            etc: &self.etc(),
        };
        let written = fs::write(bundle.join("config.json"), config.config().to_string());
        written.map_err(prepare("config.json"))?;
        self.cgroup.prepare(container).map_err(prepare("control group"))?;
        let (failures, failures_writer) = pipe()?;
        let builder = equip(self.builder(container)?, failures_writer, container.init);
        let built = builder.as_init(&bundle).with_systemd(false).with_detach(true).build();
        let mut created = built.map_err(|error| Error::Create(words(&error)))?;
        let started = created.start().map_err(|error| Error::Start(words(&error)));
        let failure = started.and_then(|()| match read_failure(fs::File::from(failures)) {
            Ok(None) => Ok(()),
            Ok(Some(problem)) => Err(Error::Start(problem)),
            Err(error) => Err(Error::Start(error.to_string())),
        });
        if let Err(error) = failure {
            remove(&mut created);
            return Err(error);
        }
        Ok(created)
    }

    fn builder(&self, container: &ContainerSpec) -> Result<ContainerBuilder, Error> {
        let state = self.files.bundles().join(&container.name).join("state");
        let builder = ContainerBuilder::new(container.name.clone(), SyscallType::default());
        let builder = builder.with_root_path(state).and_then(ContainerBuilder::validate_id);
        builder.map_err(|error| Error::Create(words(&error)))
    }

    /// Runs `args` in container `index` as its command runs: with its namespaces, limits, user and environment.
    pub(crate) fn exec(&self, index: usize, args: Vec<String>) -> Result<Command, Error> {
        let container = &self.spec.containers[index];
        let (Some(_), Some(root)) = (self.running.get(&index), self.roots.get(&index)) else {
            return Err(Error::NotRunning(container.name.clone()));
        };
        let (output, out_writer) = pipe()?;
        let err_writer = out_writer.try_clone().map_err(prepare("pipe"))?;
        let (failures, failures_writer) = pipe()?;
        let filters = filters(container).map_err(Error::Exec)?;
        let pid = self
            .builder(container)?
            .with_executor(Become::new(failures_writer, filters, false))
            .with_stdout(out_writer)
            .with_stderr(err_writer)
            .as_tenant()
            .with_container_args(args)
            .with_cwd(Some(container.working_directory.clone().unwrap_or_else(|| PathBuf::from("/"))))
            .with_user(Some(root.identity.uid))
            .with_group(Some(root.identity.gid))
            .with_additional_gids(root.identity.groups.clone())
            .with_detach(true)
            .build()
            .map_err(|error| Error::Exec(words(&error)))?;
        match read_failure(fs::File::from(failures)) {
            Ok(None) => Ok(Command { pid: pid.as_raw(), output }),
            Ok(Some(problem)) => Err(Error::Exec(problem)),
            Err(error) => Err(Error::Exec(error.to_string())),
        }
    }

    /// Sends `signal` to process 1 of container `index`. SIGKILL there is the end of every process in it.
    pub(crate) fn signal(&self, index: usize, signal: i32) {
        if let Some(pid) = self.running.get(&index).and_then(Container::pid) {
            send_signal(pid.as_raw(), signal);
        }
    }

    /// Container `index` has ended: removes all but its root file system. Whether the kernel killed in it for its
    /// memory.
    pub(crate) fn ended(&mut self, index: usize) -> bool {
        let out_of_memory = self.cgroup.memory_kills(&self.spec.containers[index].name) > 0;
        if let Some(mut container) = self.running.remove(&index) {
            remove(&mut container);
        }
        out_of_memory
    }

    /// Removes everything. Nothing may run any more.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.cgroup.kill_all()?;
        self.roots.clear();
        self.cgroup.remove()?;
        match fs::remove_dir_all(self.files.bundles()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn filters(container: &ContainerSpec) -> Result<Filters, String> {
    Filters::compile(&capabilities(container)).map_err(|error| format!("seccomp filter: {error}"))
}

/// Sends `signal` to process `pid`, or to process group `-pid`.
pub(crate) fn send_signal(pid: i32, signal: i32) {
    // SAFETY: `kill` touches no memory of ours. Real-time signals have no safe wrapper.
    let sent = unsafe { libc::kill(pid, signal) };
    if sent != 0 {
        tracing::debug!(pid, signal, error = %io::Error::last_os_error(), "signal not sent");
    }
}

/// What cannot be removed now is removed with the task.
fn remove(container: &mut Container) {
    let id = container.id().to_owned();
    if let Err(error) = container.delete(true) {
        tracing::warn!(container = id, error = words(&error), "container not removed");
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from).map_err(prepare("pipe"))
}

fn prepare(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Prepare { what, source }
}

/// An error with its causes, for libcontainer often says what matters in the last one.
fn words(error: &LibcontainerError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

fn hosts(spec: &TaskSpec) -> String {
    let own = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"].map(str::to_owned);
    let given = spec.hosts.iter().map(|entry| format!("{}\t{}", entry.address, entry.names.join(" ")));
    lines(own.into_iter().chain(given))
}

fn resolv_conf(spec: &TaskSpec) -> String {
    let Resolver { nameservers, search } = &spec.resolver;
    let search = (!search.is_empty()).then(|| format!("search {}", search.join(" ")));
    lines(search.into_iter().chain(nameservers.iter().map(|address| format!("nameserver {address}"))))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostEntry, spec::tests::task};

    #[test]
    fn files_in_etc_say_what_the_task_says() {
        let mut spec = task(vec![]);
        spec.resolver =
            Resolver { nameservers: vec!["10.0.0.2".parse().unwrap()], search: vec!["ec2.internal".to_owned()] };
        spec.hosts = vec![HostEntry { address: "10.0.0.5".parse().unwrap(), names: vec!["ip-10-0-0-5".to_owned()] }];
        assert_eq!(resolv_conf(&spec), "search ec2.internal\nnameserver 10.0.0.2\n");
        assert!(hosts(&spec).ends_with("10.0.0.5\tip-10-0-0-5\n"));
    }
}

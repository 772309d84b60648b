//! The proxies of the contest: how each is started, and what it is measured by.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{mesh, ports, process};

/// How long a proxy may take until it answers.
const START_MAX: Duration = Duration::from_secs(30);

/// A proxy of the contest, or the relay beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Serin,
    Envoy,
    Nginx,
    Haproxy,
    Relay,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [Self::Serin, Self::Envoy, Self::Nginx, Self::Haproxy, Self::Relay];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Serin => "Serin",
            Self::Envoy => "Envoy",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Relay => "relay",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|peer| peer.name() == name);
        found.with_context(|| format!("there is no proxy `{name}` in the contest; there are {}", known()))
    }

    /// The first of its ports, as `peers/` has it.
    pub(crate) fn base(self) -> u16 {
        match self {
            Self::Serin => 9100,
            Self::Envoy => 9200,
            Self::Nginx => 9300,
            Self::Haproxy => 9400,
            Self::Relay => 9500,
        }
    }

    fn command(self, places: &Places) -> Result<Command> {
        let mut command = match self {
            Self::Serin => {
                let mut command = Command::new(&places.sidecar);
                command.env_clear().env("APPMESH_RESOURCE_NAME", mesh::id("serin"));
                command.env("APPMESH_XDS_ENDPOINT", format!("127.0.0.1:{}", ports::CONTROL_PLANE));
                command.env("ENVOY_CONCURRENCY", "1").env("ENVOY_LOG_LEVEL", "warning");
                command.env("ENVOY_ADMIN_ACCESS_PORT", "9911").env("APPNET_AGENT_HTTP_PORT", "9912");
                command
            }
            Self::Envoy => {
                let program = std::env::var_os("SERIN_TEST_ENVOY").unwrap_or_else(|| "envoy".into());
                let mut command = Command::new(program);
                command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn", "--config-path"]);
                command.arg(places.configuration("envoy.json")?);
                command
            }
            Self::Nginx => {
                let mut command = Command::new("nginx");
                command.arg("-c").arg(places.configuration("nginx.conf")?);
                command
            }
            Self::Haproxy => {
                let mut command = Command::new("haproxy");
                command.arg("-db").arg("-f").arg(places.configuration("haproxy.cfg")?);
                command
            }
            Self::Relay => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["relay", &self.base().to_string()]);
                command
            }
        };
        command.stdin(Stdio::null()).stdout(places.log(self)?).stderr(places.log(self)?);
        Ok(command)
    }
}

/// Where files are.
pub(crate) struct Places {
    /// The program that has our proxy.
    pub(crate) sidecar: PathBuf,
    /// The folder of the peers' configurations.
    pub(crate) peers: PathBuf,
    /// A folder of this run.
    pub(crate) run: PathBuf,
}

impl Places {
    /// The configuration `name`, with the folder of the run in it.
    fn configuration(&self, name: &str) -> Result<PathBuf> {
        let from = self.peers.join(name);
        let text = fs::read_to_string(&from).with_context(|| from.display().to_string())?;
        let to = self.run.join(name);
        fs::write(&to, text.replace("@FOLDER@", &self.run.display().to_string()))?;
        Ok(to)
    }

    fn log(&self, peer: Peer) -> Result<File> {
        let path = self.run.join(format!("{}.log", peer.name()));
        Ok(File::options().create(true).append(true).open(path)?)
    }
}

/// A proxy that runs; dropping it ends it.
pub(crate) struct Running {
    pub(crate) peer: Peer,
    /// The folder of this run, in which its certificate is.
    pub(crate) folder: PathBuf,
    child: Child,
}

impl Running {
    /// Starts it on `processor`.
    pub(crate) fn start(peer: Peer, places: &Places, processor: usize, home: usize) -> Result<Self> {
        let mut command = peer.command(places)?;
        // What is started runs where who starts it does.
        process::pin(processor)?;
        let child = command.spawn();
        process::pin(home)?;
        let child = child.with_context(|| format!("cannot start {}: is it installed?", peer.name()))?;
        let mut running = Self { peer, folder: places.run.clone(), child };
        running.wait_until_ready(places)?;
        Ok(running)
    }

    fn wait_until_ready(&mut self, places: &Places) -> Result<()> {
        let begun = Instant::now();
        while !answers(self.peer.base()) {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(places.run.join(format!("{}.log", self.peer.name()))).unwrap_or_default();
                bail!("{} ended ({status}):\n{log}", self.peer.name());
            }
            if begun.elapsed() > START_MAX {
                let log = fs::read_to_string(places.run.join(format!("{}.log", self.peer.name()))).unwrap_or_default();
                bail!("{} does not answer:\n{log}", self.peer.name());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        process::tree(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for pid in self.pids() {
            let Ok(pid) = i32::try_from(pid) else { continue };
            // They are ours, and hold nothing worth a farewell.
            let _ended_before = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
        let _status = self.child.wait();
    }
}

/// Whether a proxy passes a request on.
fn answers(port: u16) -> bool {
    crate::ask::get(port, "/todos/todo1?s=1").is_ok_and(|(status, _)| status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_nobody_knows_is_refused_by_name() {
        assert_eq!(Peer::named("HAProxy").unwrap(), Peer::Haproxy);
        let refused = Peer::named("serin").unwrap_err().to_string();
        assert!(refused.contains("`serin`") && refused.contains("Serin, Envoy"), "{refused}");
    }
}

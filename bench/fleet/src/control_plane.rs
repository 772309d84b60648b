//! `serin up`, and what it costs.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use api::appmesh::status::DescribeRouteStatus;
use names::Scope;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use wire::Client;

use crate::mesh;

/// How long proxies may take to acknowledge.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running `serin up`.
pub(crate) struct ControlPlane {
    child: Child,
    pid: u32,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

impl ControlPlane {
    /// Starts `serin` with its data in `folder`, and waits until it is ready.
    pub(crate) async fn start(serin: &Path, folder: &Path) -> Result<Self> {
        let log = fs::File::create(folder.join("serin.log"))?;
        let mut command = Command::new(serin);
        command.arg("up").arg("--data-dir").arg(folder.join("data")).stdout(Stdio::piped()).stderr(log);
        let mut child = command.kill_on_drop(true).spawn().context("cannot start serin")?;
        let stdout = child.stdout.take().context("its output is a pipe")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(rest) = line.strip_prefix("Serin is ready on ") {
                let endpoint = rest.split(' ').next().unwrap_or_default();
                let address = endpoint.trim_start_matches("http://").parse()?;
                let client = Client::new(endpoint, Scope::default(), None);
                let pid = child.id().context("it has ended")?;
                // What it says later is read too: it would not survive a closed pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { child, pid, address, client });
            }
        }
        bail!("serin does not start: {}", last_words(folder))
    }

    /// Waits until the control plane knows that so many proxies have acknowledged the route as it is.
    pub(crate) async fn acknowledged_by(&self, proxies: usize) -> Result<()> {
        let begun = Instant::now();
        loop {
            let (router, route) = mesh::ROUTE;
            let request = json!({ "meshName": mesh::MESH, "virtualRouterName": router, "routeName": route,
                                  "waitSeconds": 60 });
            let status = self.client.call::<DescribeRouteStatus>(mesh::read(request)?).await?;
            if status.acknowledged as usize == proxies && status.applied_version == Some(status.asked_version) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{} of {} proxies have acknowledged, {proxies} should", status.acknowledged, status.proxies);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Memory that is resident, in KiB (`VmRSS` of proc(5)).
    pub(crate) fn resident_kib(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Processor time used so far, in milliseconds (`utime` and `stime` of proc(5)).
    pub(crate) fn cpu_ms(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: f64 =
            fields.get(11..13).context("too few fields")?.iter().flat_map(|ticks| ticks.parse::<f64>()).sum();
        let per_second = sysconf(SysconfVar::CLK_TCK)?.context("no clock ticks")?;
        Ok(ticks * 1e3 / f64::from(u32::try_from(per_second)?))
    }

    /// Stops it, and what it started.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.pid.cast_signed()), Signal::SIGTERM)?;
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { bail!("serin ended with {status}") }
    }
}

/// The end of what serin wrote.
pub(crate) fn last_words(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("serin.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

//! The edge as a process: found where it runs, started where it doesn't, and waited for when it ends.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use names::Scope;
use serde::{Deserialize, Serialize};
use store::{Key, Row, Store};

use crate::data_dir::DataDir;

/// How long the edge may take to answer after it was started.
const EDGE_READY_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether the edge is there.
const EDGE_WATCH: Duration = Duration::from_millis(500);
/// How often it is tried meanwhile.
const EDGE_PAUSE: Duration = Duration::from_millis(20);

/// The edge that runs on `socket`, or a new one that outlives us.
pub(crate) async fn find_or_start(data: &DataDir, control_plane: SocketAddr) -> Result<edge::Client> {
    let client = edge::Client::new(data.edge_socket());
    if client.hello().await.is_ok() {
        return Ok(client);
    }
    start(&Paths::of(data), control_plane, &client).await?;
    Ok(client)
}

/// Where the edge is spoken to, and where it says what it has to say.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    socket: PathBuf,
    log: PathBuf,
}

impl Paths {
    pub(crate) fn of(data: &DataDir) -> Self {
        Self { socket: data.edge_socket(), log: data.edge_log() }
    }
}

async fn start(paths: &Paths, control_plane: SocketAddr, client: &edge::Client) -> Result<()> {
    spawn_edge(&paths.socket, &paths.log, control_plane)?;
    let answers = async {
        while client.hello().await.is_err() {
            tokio::time::sleep(EDGE_PAUSE).await;
        }
    };
    tokio::time::timeout(EDGE_READY_MAX, answers)
        .await
        .with_context(|| format!("the edge does not answer; {} may say why", paths.log.display()))
}

/// Starts the edge anew whenever it has died, and lets everybody who tells it something know. Never returns.
pub(crate) async fn keep(data: Paths, control_plane: SocketAddr, store: Store) {
    let client = edge::Client::new(&data.socket);
    loop {
        tokio::time::sleep(EDGE_WATCH).await;
        if !matches!(client.hello().await, Err(edge::ClientError::Absent { .. })) {
            continue;
        }
        tracing::warn!(log = %data.log.display(), "The edge does not answer; it is started anew.");
        if let Err(error) = revive(&data, control_plane, &client, &store).await {
            tracing::error!(error = format!("{error:#}"), "The edge could not be started.");
        }
    }
}

async fn revive(data: &Paths, control_plane: SocketAddr, client: &edge::Client, store: &Store) -> Result<()> {
    start(data, control_plane, client).await?;
    client.relay(control_plane).await.context("the edge cannot be told where we are")?;
    let key = Key::new(&Scope::default(), "edge");
    store.write(|tx| {
        let starts = tx.get::<EdgeProcess>(&key)?.unwrap_or_default().starts;
        tx.put(&key, &EdgeProcess { starts: starts + 1 })
    })?;
    Ok(())
}

/// How often the edge was started anew. Those who tell it something watch this row.
#[derive(Debug, Default, Serialize, Deserialize)]
struct EdgeProcess {
    starts: u64,
}

impl Row for EdgeProcess {
    const KIND: &'static str = "serin/edge";
}

/// Waits until the edge that was told to stop is gone.
pub(crate) async fn gone(client: &edge::Client) -> Result<()> {
    let gone = async {
        while client.hello().await.is_ok() {
            tokio::time::sleep(EDGE_PAUSE).await;
        }
    };
    tokio::time::timeout(EDGE_READY_MAX, gone).await.context("the edge does not end")
}

fn spawn_edge(socket: &Path, log: &Path, control_plane: SocketAddr) -> Result<()> {
    let exe = std::env::current_exe().context("cannot find this program's own file")?;
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(exe);
    command.arg("edge").arg("--socket").arg(socket).arg("--control-plane").arg(control_plane.to_string());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    // A group of its own keeps it from the terminal's Ctrl-C; it is reparented to init when we go.
    let child = command.spawn().context("cannot start the edge")?;
    reap(child);
    Ok(())
}

/// Waits for `child` in the background, so that it leaves no zombie while we live.
fn reap(mut child: std::process::Child) {
    std::thread::spawn(move || child.wait());
}

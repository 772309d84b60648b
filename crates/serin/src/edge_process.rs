//! The edge as a process: found where it runs, started where it doesn't, and waited for when it ends.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::data_dir::DataDir;

/// How long the edge may take to answer after it was started.
const EDGE_READY_MAX: Duration = Duration::from_secs(10);
/// How often it is tried meanwhile.
const EDGE_PAUSE: Duration = Duration::from_millis(20);

/// The edge that runs on `socket`, or a new one that outlives us.
pub(crate) async fn find_or_start(data: &DataDir, control_plane: SocketAddr) -> Result<edge::Client> {
    let client = edge::Client::new(data.edge_socket());
    if client.hello().await.is_ok() {
        return Ok(client);
    }
    spawn_edge(&data.edge_socket(), &data.edge_log(), control_plane)?;
    let answers = async {
        while client.hello().await.is_err() {
            tokio::time::sleep(EDGE_PAUSE).await;
        }
    };
    let log = data.edge_log();
    tokio::time::timeout(EDGE_READY_MAX, answers)
        .await
        .with_context(|| format!("the edge does not answer; {} may say why", log.display()))?;
    Ok(client)
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

//! Commands that run in containers beside what the containers are for: health checks and what is asked for.

use std::{os::fd::OwnedFd, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::keeper::Event;
use crate::{protocol::EXEC_OUTPUT_MAX, runtime::Command};

/// How long what a command has printed is waited for after its end: something it left behind may hold the pipe.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(200);

/// How a command ended.
pub(super) struct Ended {
    /// `None` when it was killed because its time was over.
    pub(super) exit_code: Option<i32>,
    pub(super) output: String,
}

/// Follows a command to its end. `exited` hears its exit code from who reaps; when `limit` is over `events` is told to
/// kill it.
pub(super) async fn follow(
    command: Command,
    exited: oneshot::Receiver<i32>,
    limit: Duration,
    events: mpsc::Sender<Event>,
) -> Ended {
    let pid = command.pid;
    let (full, output) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _ = full.send(collect(command.output, stopped).await);
    });
    let exit_code = wait(pid, exited, limit, events).await;
    // The reader ends by itself when the pipe closes; after a moment it is told to.
    let mut output = output;
    let text = if let Ok(text) = timeout(OUTPUT_TIMEOUT, &mut output).await {
        text
    } else {
        let _ = stop.send(());
        output.await
    };
    Ended { exit_code, output: text.unwrap_or_default() }
}

async fn wait(
    pid: i32,
    mut exited: oneshot::Receiver<i32>,
    limit: Duration,
    events: mpsc::Sender<Event>,
) -> Option<i32> {
    tokio::select! {
        code = &mut exited => code.ok(),
        () = sleep(limit) => {
            let _ = events.send(Event::KillCommand(pid)).await;
            let _ = exited.await;
            None
        }
    }
}

/// Reads until the end or until told to stop; keeps the beginning and drops the rest, so that the command never
/// waits for a reader.
async fn collect(pipe: OwnedFd, mut stopped: oneshot::Receiver<()>) -> String {
    let Ok(mut pipe) = Receiver::from_owned_fd(pipe) else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 8 << 10]);
    loop {
        let read = tokio::select! {
            read = pipe.read(&mut buffer) => read,
            _ = &mut stopped => break,
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(length) => {
                let room = EXEC_OUTPUT_MAX - kept.len();
                kept.extend_from_slice(&buffer[..length.min(room)]);
            }
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

//! The shim's socket: takes questions, answers from the published state, hands the rest to the keeper.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

use super::keeper::Event;
use crate::{
    TaskState,
    protocol::{LINE_MAX, POLL_MAX, Reply, Request},
};

/// The most connections served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may say nothing.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// What answers are made of.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) states: watch::Receiver<TaskState>,
    pub(super) ends: watch::Receiver<BTreeMap<String, u64>>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Server {
    /// Accepts connections until the process ends.
    pub(super) async fn run(self, listener: UnixListener) {
        let places = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = self.clone();
                    tokio::spawn(async move {
                        server.serve(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self, stream: UnixStream) {
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = String::new();
            let mut bounded = (&mut reader).take(LINE_MAX as u64);
            match timeout(IDLE_TIMEOUT, bounded.read_line(&mut line)).await {
                Ok(Ok(_)) if line.ends_with('\n') => {}
                _ => return,
            }
            let reply = match serde_json::from_str(&line) {
                Ok(request) => self.answer(request).await,
                Err(error) => Reply::Error(format!("cannot understand the question: {error}")),
            };
            let Ok(mut bytes) = serde_json::to_vec(&reply) else { return };
            bytes.push(b'\n');
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, request: Request) -> Reply {
        match request {
            Request::State => self.state(),
            Request::WaitState { after, timeout: wait } => {
                let mut states = self.states.clone();
                let news = states.wait_for(|state| state.revision > after || state.is_final());
                let _ = timeout(wait.min(POLL_MAX), news).await;
                self.state()
            }
            Request::WaitLogs { offsets, timeout: wait } => {
                let mut ends = self.ends.clone();
                let behind = |ends: &BTreeMap<String, u64>| {
                    ends.iter().any(|(container, end)| offsets.get(container).copied().unwrap_or(0) < *end)
                };
                let _ = timeout(wait.min(POLL_MAX), ends.wait_for(behind)).await;
                Reply::Logs(self.ends.borrow().clone())
            }
            Request::Stop { reason, timeout } => self.ask(|reply| Event::Stop { reason, timeout, reply }).await,
            Request::Exec { container, args, timeout } => {
                self.ask(|reply| Event::Exec { container, args, timeout, reply }).await
            }
        }
    }

    fn state(&self) -> Reply {
        Reply::State(Box::new(self.states.borrow().clone()))
    }

    async fn ask(&self, event: impl FnOnce(oneshot::Sender<Reply>) -> Event) -> Reply {
        let (reply, answer) = oneshot::channel();
        let ending = || Reply::Error("the task has ended".to_owned());
        if self.events.send(event(reply)).await.is_err() {
            return ending();
        }
        answer.await.unwrap_or_else(|_| ending())
    }
}

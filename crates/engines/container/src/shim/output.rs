//! From a container's pipes into its log.

use std::{collections::BTreeMap, io, os::fd::OwnedFd, path::PathBuf};

use names::Clock;
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    sync::{oneshot, watch},
};

use crate::{
    logs::{Splitter, Stream, Writer},
    runtime::Started,
};

/// What is read of a pipe at once, in bytes: as much as the kernel keeps in one.
const READ_SIZE: usize = 64 << 10;

/// Where each container's log ends.
pub(super) type Ends = watch::Sender<BTreeMap<String, u64>>;

/// Copies what a container prints into its log.
pub(super) struct Copier {
    container: String,
    writer: Writer,
    ends: Ends,
    clock: Clock,
}

impl Copier {
    /// Opens the log in `log`.
    pub(super) fn new(container: String, log: PathBuf, ends: Ends, clock: Clock) -> io::Result<Self> {
        Ok(Self { container, writer: Writer::open(log)?, ends, clock })
    }

    /// Copies in the background. The receiver hears when both streams have ended and all is in the log.
    pub(super) fn start(self, started: Started) -> oneshot::Receiver<()> {
        let (done, finished) = oneshot::channel();
        tokio::spawn(async move {
            if let Err(error) = self.copy(started).await {
                tracing::error!(%error, "container output lost");
            }
            let _ = done.send(());
        });
        finished
    }

    async fn copy(mut self, started: Started) -> io::Result<()> {
        let mut out = Source::new(Stream::Out, started.stdout)?;
        let mut err = Source::new(Stream::Err, started.stderr)?;
        while out.open || err.open {
            let (stream, messages) = tokio::select! {
                messages = out.read(), if out.open => (out.stream, messages),
                messages = err.read(), if err.open => (err.stream, messages),
            };
            if messages.is_empty() {
                continue;
            }
            // On a full disk lines are lost; a container that nobody reads from would stand still or die.
            if let Err(error) = self.writer.append(stream, &messages, self.clock.now()) {
                tracing::error!(container = self.container, lines = messages.len(), %error, "lines lost");
            }
            self.ends.send_modify(|ends| {
                ends.insert(self.container.clone(), self.writer.end());
            });
        }
        Ok(())
    }
}

/// One of a container's two streams.
struct Source {
    stream: Stream,
    pipe: Receiver,
    splitter: Splitter,
    buffer: Vec<u8>,
    open: bool,
}

impl Source {
    fn new(stream: Stream, pipe: OwnedFd) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        Ok(Self { stream, pipe, splitter: Splitter::default(), buffer: vec![0; READ_SIZE], open: true })
    }

    /// The messages that the next read completes.
    async fn read(&mut self) -> Vec<String> {
        match self.pipe.read(&mut self.buffer).await {
            Ok(0) | Err(_) => {
                self.open = false;
                self.splitter.finish().into_iter().collect()
            }
            Ok(length) => self.splitter.push(&self.buffer[..length]),
        }
    }
}

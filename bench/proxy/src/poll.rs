//! An event loop of one thread over sockets that are numbered: what the generator, the servers and the relay wait with.
//!
//! They are written on epoll itself so that they cost as little as can be: what they take, the proxy between them cannot
//! have, and the relay is the floor that a proxy is held against.

use std::{os::fd::AsFd, time::Duration};

use anyhow::{Context as _, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Events taken at once.
const EVENTS: usize = 256;

/// Sockets that are waited for.
pub(crate) struct Poll {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

impl Poll {
    pub(crate) fn new() -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("no epoll")?;
        Ok(Self { epoll, events: vec![EpollEvent::empty(); EVENTS] })
    }

    /// Reports under `number` whenever `socket` has something to read, or has ended.
    pub(crate) fn add(&self, socket: impl AsFd, number: usize) -> Result<()> {
        self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, number as u64)).context("cannot wait for a socket")
    }

    /// Reports under `number` whenever `socket` can take something as well, or no more.
    pub(crate) fn watch_writes(&self, socket: impl AsFd, number: usize, watch: bool) -> Result<()> {
        let flags = if watch { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        let mut event = EpollEvent::new(flags, number as u64);
        self.epoll.modify(socket, &mut event).context("cannot wait for a socket")
    }

    pub(crate) fn remove(&self, socket: impl AsFd) -> Result<()> {
        self.epoll.delete(socket).context("cannot stop waiting for a socket")
    }

    /// Waits for sockets, for at most `limit`; their numbers.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> Result<impl Iterator<Item = usize>> {
        let timeout = match limit {
            Some(limit) => EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX),
            None => EpollTimeout::NONE,
        };
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => return Err(error).context("waiting for sockets failed"),
        };
        let numbers = self.events[..count].iter().map(|event| usize::try_from(event.data()).unwrap_or(usize::MAX));
        Ok(numbers)
    }
}

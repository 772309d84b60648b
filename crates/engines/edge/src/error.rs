//! What can keep the edge from starting, and a client from being answered.

use std::{io, path::PathBuf};

/// The edge can't start, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another edge holds this socket.
    #[error("another edge process serves {0}; stop it first, or use another data directory")]
    Running(PathBuf),
    /// The socket, or the lock beside it.
    #[error("can't open {path}")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Signals can't be taken.
    #[error("can't take signals")]
    Signals(#[source] io::Error),
}

/// The edge did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error("no edge process answers at {socket}")]
    Absent {
        /// The socket's path.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The conversation broke off.
    #[error("the edge process at {socket} broke off")]
    Broken {
        /// The socket's path.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("the edge process at {socket} did not answer within {seconds} s")]
    Silent {
        /// The socket's path.
        socket: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// It answered something that this version does not understand.
    #[error("the edge process answered `{0}`; it may be of another version: stop it and start anew")]
    Unexpected(String),
    /// It refused.
    #[error("the edge process refused: {0}")]
    Refused(String),
}

//! What can go wrong.

use std::{io, path::PathBuf};

use rustix::io::Errno;

/// Why a path could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused. `EXDEV`: the path leads out of where it has to stay.
    #[error("cannot {action} {}", path.display())]
    Kernel {
        /// What was tried.
        action: &'static str,
        /// On which path, as it was given.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// `/proc` is there, and is something else.
    #[error("/proc is not the proc file system: mount it there")]
    NotProc,
    /// A path that ends in `..`, or has one below what does not exist yet.
    #[error("{} names nothing that could be made", .0.display())]
    Unnamed(PathBuf),
}

impl Error {
    pub(crate) fn kernel(action: &'static str, path: &std::path::Path, errno: Errno) -> Self {
        Self::Kernel { action, path: path.to_owned(), source: errno.into() }
    }
}

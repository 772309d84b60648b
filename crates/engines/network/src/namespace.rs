//! A handle on a network namespace, and work done inside it.
//!
//! A namespace lives as long as a thread is in it, a file descriptor points at it or something is mounted on it. We
//! use descriptors only: nothing is mounted under `/run/netns`, so a killed process leaves nothing behind.
//!
//! A thread's namespace is its own, so entering one is done by a thread that is started for it and never given back:
//! a thread of a pool that forgot to leave would open its next socket in the wrong place.

use std::{
    fmt,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::oneshot;

use crate::Error;

/// The calling thread's namespace.
const OF_THREAD: &str = "/proc/thread-self/ns/net";

/// Which namespace it is: two handles are on the same one exactly if these are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The device of the kernel's namespace file system.
    pub device: u64,
    /// The inode, as `readlink /proc/self/ns/net` shows it.
    pub inode: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.inode)
    }
}

impl Identity {
    /// The identity of the namespace that `descriptor` points at.
    pub(crate) fn of(descriptor: impl AsFd) -> io::Result<Self> {
        let status = nix::sys::stat::fstat(descriptor.as_fd().as_raw_fd())?;
        Ok(Self { device: status.st_dev, inode: status.st_ino })
    }

    /// Where the calling thread is.
    pub fn of_thread() -> io::Result<Self> {
        Self::of(File::open(OF_THREAD)?)
    }
}

/// A network namespace, kept alive by this handle.
#[derive(Debug)]
pub struct Namespace {
    descriptor: OwnedFd,
    identity: Identity,
}

impl Namespace {
    /// A new and empty namespace: one loopback link, down.
    pub async fn create() -> Result<Self, Error> {
        let failed = |source| Error::Namespace { doing: "create", name: "new".to_owned(), source };
        on_thread("create a namespace", || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open(OF_THREAD)
        })
        .await?
        .and_then(|file| Self::from_descriptor(file.into()))
        .map_err(failed)
    }

    /// The namespace at `path`: `/proc/<pid>/task/<tid>/ns/net`, `/proc/self/fd/<n>`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        File::open(path).and_then(|file| Self::from_descriptor(file.into())).map_err(|source| Error::Namespace {
            doing: "open",
            name: path.display().to_string(),
            source,
        })
    }

    /// The namespace that `descriptor` points at.
    pub fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        let identity = Identity::of(&descriptor)?;
        Ok(Self { descriptor, identity })
    }

    /// Which namespace it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// A path that opens it as long as this handle lives, from any process that may look at this one.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.descriptor.as_raw_fd()))
    }

    /// Another handle on the same namespace.
    pub fn try_clone(&self) -> Result<Self, Error> {
        let descriptor = self.descriptor.try_clone().map_err(|source| self.failed("open", source))?;
        Ok(Self { descriptor, identity: self.identity })
    }

    /// Refuses the namespace this process lives in, in which we change nothing.
    pub(crate) fn not_of_host(self) -> Result<Self, Error> {
        let name = self.identity.to_string();
        let host = Self::open(Path::new("/proc/self/ns/net"))?;
        if host.identity == self.identity { Err(Error::Host(name)) } else { Ok(self) }
    }

    /// Runs `work` on a new thread that has entered the namespace; `doing` names it in errors.
    ///
    /// The thread ends with `work`. What `work` opens inside (sockets) stays in the namespace wherever it goes.
    pub async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let inside = self.try_clone()?;
        on_thread(doing, move || inside.enter().map(|()| work())).await?
    }

    /// Moves the calling thread into the namespace for good, and makes sure that it is there.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        setns(&self.descriptor, CloneFlags::CLONE_NEWNET).map_err(|e| self.failed("enter", e.into()))?;
        let found = Identity::of_thread().map_err(|source| self.failed("enter", source))?;
        if found == self.identity { Ok(()) } else { Err(Error::WrongNamespace { wanted: self.identity, found }) }
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> Error {
        Error::Namespace { doing, name: self.identity.to_string(), source }
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl From<Namespace> for OwnedFd {
    fn from(namespace: Namespace) -> Self {
        namespace.descriptor
    }
}

/// Runs `work` on a thread of its own, so that whatever it does to the thread ends with it.
async fn on_thread<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let (answer, answered) = oneshot::channel();
    thread::Builder::new()
        .name("namespace".to_owned())
        .spawn(move || {
            // Nobody listens any more if the caller was cancelled; the work is done all the same.
            let _ = answer.send(work());
        })
        .map_err(|source| Error::Namespace { doing, name: "thread".to_owned(), source })?;
    answered.await.map_err(|_| Error::Thread(doing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_inside_and_the_caller_stays_outside() {
        let before = Identity::of_thread().unwrap();
        let namespace = Namespace::create().await.unwrap();
        assert_ne!(namespace.identity(), before);
        let inside = namespace.run("look around", || Identity::of_thread().unwrap()).await.unwrap();
        assert_eq!(inside, namespace.identity());
        assert_eq!(Identity::of_thread().unwrap(), before);
    }

    #[tokio::test]
    async fn a_path_opens_the_same_namespace() {
        let namespace = Namespace::create().await.unwrap();
        assert_eq!(Namespace::open(&namespace.path()).unwrap().identity(), namespace.identity());
    }

    #[test]
    fn our_own_namespace_is_refused() {
        let own = Namespace::open(Path::new("/proc/self/ns/net")).unwrap();
        assert!(matches!(own.not_of_host(), Err(Error::Host(_))));
    }

    #[tokio::test]
    async fn a_panic_inside_is_an_error_outside() {
        let namespace = Namespace::create().await.unwrap();
        let result = namespace.run("stumble", || panic!("on purpose")).await;
        assert!(matches!(result, Err(Error::Thread("stumble"))), "{result:?}");
    }
}

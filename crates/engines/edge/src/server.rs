//! The edge process: a Unix socket, a conversation for each connection, and signals.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf},
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, Semaphore, mpsc, watch},
};
use tracing::{debug, info};

use crate::{
    Error, Section,
    holder::Holder,
    protocol::{LINE_MAX, OBSERVE_MAX, Observed, Reply, Request},
};

/// Conversations at once. The control plane holds a handful, each for one request.
const CONVERSATIONS_MAX: usize = 64;

/// The pause after a failed accept, so that it does not keep a core busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often, and after what pause, an edge tries to become the only one.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What an edge is started with.
pub struct Options {
    /// Where it listens; its directory must be there. A lock file of the same name with `.lock` lies beside it.
    pub socket: PathBuf,
    /// Where the control plane is until it says otherwise.
    pub control_plane: SocketAddr,
    /// The version of the program, for [`crate::Hello`].
    pub version: String,
    /// Names whom the machine asks about names, in the form of resolv.conf(5); read anew for each question.
    pub resolvers: PathBuf,
    /// What is plugged in.
    pub sections: Vec<Box<dyn Section>>,
}

/// Runs the edge until it gets SIGTERM or is told to shut down. Whoever starts it puts it into a session of its own;
/// SIGINT and SIGHUP, which a terminal sends to all it started, do not concern it.
pub async fn run(options: Options) -> Result<(), Error> {
    let Options { socket, control_plane, version, resolvers, sections } = options;
    let mut signals = Signals::take().map_err(Error::Signals)?;
    let lock = lock(&socket).await?;
    let listener = listen(&socket)?;
    info!(socket = %socket.display(), "Edge is ready.");
    let holder = Arc::new(Mutex::new(Holder::new(version, control_plane, resolvers, sections)));
    let (stop, mut stopped) = mpsc::channel(1);
    tokio::select! {
        () = accept(listener, &holder, stop) => {}
        _ = stopped.recv() => info!("Edge was told to stop."),
        () = signals.terminate() => info!("Edge was terminated."),
    }
    // As long as the lock is held, nobody else's socket can be at this path.
    let _ = fs::remove_file(&socket);
    drop(lock);
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn take() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Ends with SIGTERM; takes the others and does nothing.
    async fn terminate(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => {}
                _ = self.hang_up.recv() => {}
            }
        }
    }
}

/// The lock that only one edge has; the kernel gives it free when the process ends, however it does.
async fn lock(socket: &Path) -> Result<Flock<File>, Error> {
    let path = socket.with_extension("lock");
    let failed = |source| Error::Socket { path: path.clone(), source };
    let mut file = File::options().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
    // One that is about to end has removed its socket a moment before its lock.
    for _ in 0..LOCK_TRIES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((again, Errno::EWOULDBLOCK)) => file = again,
            Err((_, errno)) => return Err(failed(errno.into())),
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Err(Error::Running(socket.to_owned()))
}

/// The socket, for the owner alone. What an edge that was killed left there is removed: the lock says it is dead.
fn listen(socket: &Path) -> Result<UnixListener, Error> {
    let failed = |source| Error::Socket { path: socket.to_owned(), source };
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Takes connections for ever.
async fn accept(listener: UnixListener, holder: &Arc<Mutex<Holder>>, stop: mpsc::Sender<()>) {
    let places = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (holder, stop) = (Arc::clone(holder), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &holder, &stop).await {
                debug!(%error, "A conversation ended early.");
            }
            drop(place);
        });
    }
}

/// Answers line by line until the other side has no more to say.
async fn converse(stream: UnixStream, holder: &Mutex<Holder>, stop: &mpsc::Sender<()>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(line) = next_line(&mut read).await? {
        let reply = match serde_json::from_slice(&line) {
            Ok(request) => answer(request, holder).await,
            Err(error) => Reply::Refused(format!("this is not a request: {error}")),
        };
        let mut bytes = serde_json::to_vec(&reply)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
        if reply == Reply::Stopping {
            let _ = stop.try_send(());
        }
    }
    Ok(())
}

async fn answer(request: Request, holder: &Mutex<Holder>) -> Reply {
    match request {
        Request::Hello => Reply::Hello(holder.lock().await.hello()),
        Request::Apply(section) => holder.lock().await.apply(section).await,
        Request::Observe { name, after } => {
            // The lock is let go of before the wait.
            let observed = holder.lock().await.observed(&name);
            match observed {
                Some(observed) => Reply::Observed(newer(observed, after).await),
                None => Reply::Refused(format!("this edge has no section `{name}` that sees anything")),
            }
        }
        Request::Shutdown => Reply::Stopping,
    }
}

/// What is seen once it is not what is known already, or what there is when the time is up.
async fn newer(mut observed: watch::Receiver<Observed>, known: u64) -> Observed {
    // Time that is up is no failure, and neither is a section that ends with its edge.
    let _ = tokio::time::timeout(OBSERVE_MAX, observed.wait_for(|observed| observed.revision != known)).await;
    let now = observed.borrow();
    now.clone()
}

/// The next line; none at the end. One that is too long is an error: nothing after it could be trusted.
async fn next_line(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    (&mut *read).take(LINE_MAX as u64).read_until(b'\n', &mut line).await?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

//! `serin up`: everything, in the foreground.

use std::{future::poll_fn, net::SocketAddr, task::Poll};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli,
    data_dir::DataDir,
    exit::{self, Refusal},
    house::House,
    print,
};

/// Runs a house until SIGTERM or SIGINT, then drains and stops its tasks.
pub(crate) async fn run(options: cli::Up) -> Result<()> {
    let house = Running::start(&options).await?;
    // Who reads this may go once it has read it, and the house is not to fall by that.
    let _ = print::line(house.welcome());
    stop_asked().await?;
    print::note("serin: stopping the tasks…");
    house.stop().await
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn stop_asked() -> Result<()> {
    Stop::listen(&[SignalKind::terminate(), SignalKind::interrupt()])?.asked().await;
    Ok(())
}

/// Signals that ask a command to end. From when this is made they do nothing else.
pub(crate) struct Stop(Vec<Signal>);

impl Stop {
    /// Takes these signals.
    pub(crate) fn listen(kinds: &[SignalKind]) -> Result<Self> {
        let signals: std::io::Result<_> = kinds.iter().map(|kind| signal(*kind)).collect();
        Ok(Self(signals.context("cannot listen to signals")?))
    }

    /// Waits until one of them has come.
    pub(crate) async fn asked(&mut self) {
        poll_fn(|context| {
            let came = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if came { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A house that answers.
pub(crate) struct Running {
    address: SocketAddr,
    house: House,
    serving: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    /// Opens the data directory, takes the port, finds or starts the edge, and serves.
    pub(crate) async fn start(options: &cli::Up) -> Result<Self> {
        needs_root()?;
        needs_control_groups()?;
        raise_descriptor_limit()?;
        let tls = tls(&options.proxies)?;
        let listener = listen(options.listen).await?;
        let address = listener.local_addr()?;
        let data = DataDir::open(&options.data_dir)?;
        let house = House::open(data, address, options).await?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(wire::serve(listener, house.router(), tls, stop.clone()));
        Ok(Self { address, house, serving, stop })
    }

    /// Where it answers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a user reads first.
    fn welcome(&self) -> String {
        let endpoint = format!("http://{}", self.address);
        format!("Serin is ready on {endpoint} (console: {endpoint}/)\n\n{}", self.exports())
    }

    /// What a shell is told so that `aws` and `serin` find this house, in lines.
    pub(crate) fn exports(&self) -> String {
        format!(
            "  export AWS_ENDPOINT_URL=http://{} AWS_DISABLE_HOST_PREFIX_INJECTION=true\n  \
             export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1\n",
            self.address
        )
    }

    /// Drains and stops the tasks, then everything else.
    pub(crate) async fn stop(self) -> Result<()> {
        self.house.stop().await?;
        self.stop.cancel();
        self.serving.await.context("the server panicked")
    }
}

/// Namespaces, control groups and mounts are root's.
fn needs_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let message = "this makes network namespaces and containers, which only root may do so far; try `sudo serin up`";
    Err(Refusal::new(exit::PERMISSION, message).into())
}

/// Better no house than one whose tasks cannot start.
fn needs_control_groups() -> Result<()> {
    Ok(container::check_control_groups().map_err(|unfit| Refusal::new(exit::UNAVAILABLE, unfit.to_string()))?)
}

/// Takes as many descriptors as the system allows: each proxy of a fleet holds a connection, and what one is given to
/// begin with is often 1,024.
fn raise_descriptor_limit() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

fn tls(proxies: &cli::Proxies) -> Result<Option<wire::Tls>> {
    let (Some(certificate), Some(key)) = (&proxies.tls_certificate, &proxies.tls_key) else { return Ok(None) };
    let tls = wire::Tls::read(certificate, key, proxies.tls_client_ca.as_deref());
    Ok(Some(tls.map_err(|error| Refusal::new(exit::USAGE, error.to_string()))?))
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("{address} is taken by another program; stop it, or give another --listen")
            }
            _ => format!("cannot listen on {address}: {error}; give another --listen"),
        };
        Refusal::new(exit::UNAVAILABLE, message).into()
    })
}

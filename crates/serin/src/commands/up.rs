//! `serin up`: everything, in the foreground.

use std::{io::Write, net::SocketAddr};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli,
    data_dir::DataDir,
    exit::{self, Refusal},
    house::House,
};

/// Runs a house until SIGTERM or SIGINT, then drains and stops its tasks.
pub(crate) async fn run(options: cli::Up) -> Result<()> {
    let house = Running::start(&options).await?;
    // Who reads this may go once it has read it, and the house is not to fall by that.
    let _ = writeln!(std::io::stdout(), "{}", house.welcome());
    stop_asked().await?;
    let _ = writeln!(std::io::stderr(), "serin: stopping the tasks…");
    house.stop().await
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn stop_asked() -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
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
        format!(
            "Serin is ready on {endpoint} (console: {endpoint}/)\n\n  \
             export AWS_ENDPOINT_URL={endpoint} AWS_DISABLE_HOST_PREFIX_INJECTION=true\n  \
             export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1\n"
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

//! The sidecar: the process that stands in for an App Mesh Envoy image inside a task.

mod admin;
mod agent;
mod counts;
mod dump;
mod messages;
mod settings;
mod statistics;
mod statsd;
#[cfg(test)]
mod tests;
mod tracers;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::Router;
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, reload, util::SubscriberInitExt};

use names::Timestamp;

use crate::{
    mesh,
    mesh::Plane,
    xds::{client::Client, received::Received},
};

use admin::Admin;
pub use settings::{Door, Settings, SettingsError};
pub use statistics::Statistics;

/// The exit code of settings that make no sense.
const EXIT_USAGE: u8 = 64;
/// How long nothing must have been under way for it to be over.
const DRAIN_QUIET: Duration = Duration::from_millis(600);
/// How often it is looked whether what is under way has ended.
const DRAIN_POLL: Duration = Duration::from_millis(50);
/// What other crates say is worth less than what the proxy does.
const QUIET: &str = "h2=warn,hyper=warn,tower=warn,tonic=warn";

/// The process, as others see it.
pub(crate) struct Process {
    /// Everything has come from the control plane once, and every listener takes connections.
    pub(crate) configured: watch::Receiver<bool>,
    pub(crate) draining: AtomicBool,
    /// An operator said that it is not well.
    pub(crate) failing: AtomicBool,
    pub(crate) started: Instant,
    pub(crate) started_at: Timestamp,
    /// What came from the control plane.
    pub(crate) received: Arc<Received>,
    pub(crate) settings: Settings,
    /// An operator wants it to end.
    pub(crate) quit: Notify,
}

/// Runs the sidecar until it is told to stop. `variable` is the environment.
pub fn sidecar(variable: impl Fn(&str) -> Option<String>) -> ExitCode {
    let settings = match Settings::read(&variable) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("serin proxy: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let (filter, level) = reload::Layer::new(filter(&settings.log_level));
    tracing_subscriber::registry().with(filter).with(tracing_subscriber::fmt::layer().with_ansi(false)).init();
    for (name, reason) in settings::without_effect(&variable) {
        tracing::warn!("the variable {name} has no effect here: {reason}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result =
        runtime.and_then(|runtime| runtime.block_on(run(settings, move |new| level.reload(filter_of(new)).is_ok())));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the proxy cannot run");
            ExitCode::FAILURE
        }
    }
}

fn filter(level: &str) -> EnvFilter {
    filter_of(level)
}

fn filter_of(level: &str) -> EnvFilter {
    EnvFilter::new(format!("{level},{QUIET}"))
}

async fn run(settings: Settings, set_level: impl Fn(&str) -> bool + Send + Sync + 'static) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let plane = Plane::start(mesh::Settings {
        cores: settings.concurrency,
        seed: rand::random(),
        drain_time: settings.drain_time,
        tracer: settings.tracer.clone(),
        ..mesh::Settings::default()
    })?;
    let (configured, is_configured) = watch::channel(false);
    let process = Arc::new(Process {
        configured: is_configured,
        draining: AtomicBool::new(false),
        failing: AtomicBool::new(false),
        started: Instant::now(),
        started_at: plane.now(),
        received: Arc::default(),
        settings: settings.clone(),
        quit: Notify::new(),
    });
    let admin = Admin::new(Arc::clone(&process), plane.clone(), set_level);
    let agent = serve(&settings.agent, agent::router(admin.clone())).await;
    if let Err(error) = &agent {
        // The application may have that port for its own; the proxy is no less a proxy.
        tracing::warn!(door = ?settings.agent, %error, "the agent's pages cannot be served");
    }
    let sending = settings.statistics.sink.clone().map(|address| {
        let sending = statsd::send(admin.clone(), address, settings.statistics.interval);
        AbortOnDropHandle::new(tokio::spawn(sending))
    });
    let serving = serve(&settings.admin, admin.router()).await?;
    let client = Client::new(settings.client(), plane.clone(), configured, Arc::clone(&process.received));
    let following = tokio::spawn(client.run());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = process.quit.notified() => {}
    }
    process.draining.store(true, SeqCst);
    plane.drain(false);
    drained(&plane, settings.drain_time).await;
    following.abort();
    drop((serving, agent, sending));
    tokio::task::spawn_blocking(move || plane.stop()).await.map_err(std::io::Error::other)
}

/// Serves pages for as long as the handle lives.
async fn serve(door: &Door, pages: Router) -> io::Result<AbortOnDropHandle<()>> {
    let serving = match door {
        Door::Tcp(address) => {
            let listener = TcpListener::bind(address).await?;
            tokio::spawn(async move { drop(axum::serve(listener, pages).await) })
        }
        Door::Unix(path) => {
            if let Some(directory) = Path::new(path).parent() {
                fs::create_dir_all(directory)?;
            }
            // One that was left behind is in the way.
            let _ = fs::remove_file(path);
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            tokio::spawn(async move { drop(axum::serve(listener, pages).await) })
        }
    };
    Ok(AbortOnDropHandle::new(serving))
}

/// Waits until nothing has been under way for a moment, but no longer than `limit`: whoever was in line when listeners
/// closed is taken in first.
async fn drained(plane: &Plane, limit: Duration) {
    let end = Instant::now() + limit;
    let (mut quiet_since, mut seen) = (Instant::now(), plane.seen());
    while quiet_since.elapsed() < DRAIN_QUIET && Instant::now() < end {
        sleep(DRAIN_POLL).await;
        if plane.in_flight() > 0 || plane.seen() != seen {
            (quiet_since, seen) = (Instant::now(), plane.seen());
        }
    }
}

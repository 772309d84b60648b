//! What each command does.

mod canary;
mod demo;
mod edge;
mod envoy;
mod explain;
mod fault;
mod logs;
mod map;
mod rehearse;
mod status;
mod up;

use std::{io::IsTerminal, process::ExitCode};

use anyhow::Result;
use names::{Region, Scope};
use tracing_subscriber::EnvFilter;
use wire::{Client, ClientError};

use crate::{
    cli::{Command, Target},
    exit,
};

/// Runs `command` to its end.
pub(crate) fn run(command: Command) -> ExitCode {
    let result = match command {
        Command::Demo(options) => block_on(demo::run(options)),
        Command::Up(options) => {
            log("warn");
            block_on(up::run(options))
        }
        Command::Status(options) => block_on(status::run(options)),
        Command::Logs(options) => block_on(logs::run(options)),
        Command::Canary(command) => return canary::run(command),
        Command::Rehearse(options) => return block_on_to(rehearse::run(options)),
        Command::Fault(command) => block_on(fault::run(command)),
        Command::Map(options) => block_on(map::run(options)),
        Command::Explain(options) => explain::run(&options),
        Command::Edge(options) => {
            log("info");
            block_on(edge::run(options))
        }
        Command::EnvoyBootstrap(options) => envoy::bootstrap(&options),
        Command::Envoy => return envoy::run(),
        Command::Proxy => return proxy::sidecar::sidecar(|name| std::env::var(name).ok()),
        Command::XrayDaemon { flags } => {
            log("info");
            return telemetry::daemon::daemon(|name| std::env::var(name).ok(), &flags, Box::new(sign_segments));
        }
        Command::Sample { half } => block_on(todo::run(&half)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failed(&error),
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Does `work`, whose outcome is an exit code of its own.
fn block_on_to(work: impl Future<Output = Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(work))
        .unwrap_or_else(|error| exit::failed(&error))
}

/// Logs to standard error from `level` up; `SERIN_LOG` says otherwise, as in `SERIN_LOG=info,wire=debug`.
fn log(level: &str) {
    let filter = EnvFilter::try_from_env("SERIN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    // It would tell of a reader that has gone by `eprintln!`, and fall by that.
    log.log_internal_errors(false).init();
}

/// Signs what the X-Ray daemon sends, with the keys its task has; without any, only account and region are told.
fn sign_segments(request: telemetry::daemon::Outgoing<'_>) {
    let telemetry::daemon::Outgoing { path, body, settings, now, headers } = request;
    let keys = own_keys().unwrap_or_else(|| (settings.account.to_string(), String::new()));
    let keys = (keys.0.as_str(), keys.1.as_str());
    wire::sigv4::sign(keys, ("xray", &settings.region), now, headers, ("POST", path, body));
}

/// The access key and its secret that the environment has.
fn own_keys() -> Option<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"))
}

/// A client of the house that `target` names, signing with the user's own keys where there are any.
fn connect(target: &Target) -> Client {
    let scope = Scope::new(target.account.clone(), target.region.clone().unwrap_or_default());
    Client::new(target.endpoint.trim_end_matches('/'), scope, own_keys())
}

/// The account and region that `target` names, or all that have anything.
async fn scopes(client: &Client, target: &Target) -> Result<Vec<Scope>, ClientError> {
    if let Some(region) = &target.region {
        return Ok(vec![Scope::new(target.account.clone(), region.clone())]);
    }
    let house = client.call::<api::serin::DescribeHouse>(api::serin::DescribeHouseRequest::default()).await?;
    let own = Scope::new(target.account.clone(), Region::default());
    let mut scopes: Vec<Scope> = house.scopes.into_iter().filter(|scope| *scope != scope.global()).collect();
    if scopes.is_empty() {
        // Where nothing was made yet, somebody may still ask in vain.
        scopes.push(own);
    }
    Ok(scopes)
}

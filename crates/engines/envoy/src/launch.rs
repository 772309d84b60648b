//! Envoy's start, and an end that fails no request.
//!
//! Envoy stops at once on SIGTERM, with all that is under way. So it gets a parent, as in App Mesh's image: on SIGTERM
//! the parent has it turn inbound connections away, waits until nothing is under way or its time is up, and only then
//! ends it. The parent also carries its output: access logs go to `/dev/stdout`, and a user that is not root may open
//! a pipe of its own there, but none that root made.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep, timeout},
};

use crate::{
    bootstrap,
    variables::{Error, Variables},
    without_effect,
};

/// The exit code of variables that make no sense.
const EXIT_USAGE: u8 = 64;
/// How long requests that are under way may take to end, in seconds, when nothing is said.
const DRAIN_SECONDS: u32 = 20;
/// How long a drain takes at least: whoever was about to send a request on an old connection has done so by then.
const DRAIN_MIN: Duration = Duration::from_secs(1);
/// How often it is looked whether anything is under way.
const DRAIN_LOOK: Duration = Duration::from_millis(100);
/// How long an admin page may take.
const ADMIN_MAX: Duration = Duration::from_secs(2);
/// How long a line of a log may wait, in milliseconds: Envoy's ten seconds are long for whoever looks on.
const LOG_WAIT_MILLIS: u32 = 250;
/// How long statistics gather, where neither the user nor a sink of his says: whoever judges a canary by how long
/// requests took would find Envoy's five seconds long.
const STATISTICS_WAIT: &str = "1s";
/// The largest admin page that is read, in bytes.
const PAGE_MAX: u64 = 1 << 20;

/// Runs the Envoy at `program` until it ends or is told to; `variable` is the environment. Blocks.
pub fn launch(program: &Path, variable: &dyn Fn(&str) -> Option<String>) -> ExitCode {
    for (name, reason) in without_effect(variable) {
        eprintln!("serin envoy: the variable {name} has no effect here: {reason}");
    }
    let plan = match Plan::read(program, variable) {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("serin envoy: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(plan.run())) {
        Ok(status) => ExitCode::from(code_of(status)),
        Err(error) => {
            eprintln!("serin envoy: cannot run {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

/// What is run, and how it is ended.
#[derive(Debug)]
struct Plan {
    program: PathBuf,
    arguments: Vec<String>,
    /// The bootstrap to write, unless the user has one.
    bootstrap: Option<(PathBuf, String)>,
    /// None where the admin port is none that we know.
    admin: Option<u16>,
    drain: Duration,
}

impl Plan {
    fn read(program: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variables = Variables(variable);
        let own = variables.get("ENVOY_CONFIG_FILE").map(PathBuf::from);
        let written = std::env::temp_dir().join("envoy-bootstrap.json");
        let bootstrap = match own {
            Some(_) => None,
            None => Some((written.clone(), prompt(bootstrap(variable)?).to_string())),
        };
        let wanted = "seconds, 110 at most";
        let seconds = variables.number("LISTENER_DRAIN_WAIT_TIME_S", 0..=110, wanted)?.unwrap_or(DRAIN_SECONDS);
        let config = own.unwrap_or(written).display().to_string();
        let mut arguments = vec!["--config-path".to_owned(), config, "--disable-hot-restart".to_owned()];
        arguments.extend(["--drain-strategy".to_owned(), "immediate".to_owned()]);
        arguments.extend(["--drain-time-s".to_owned(), seconds.max(1).to_string()]);
        arguments.extend(["--file-flush-interval-msec".to_owned(), LOG_WAIT_MILLIS.to_string()]);
        arguments.extend(["--log-level".to_owned(), level(&variables)?]);
        if let Some(threads) = variables.number("ENVOY_CONCURRENCY", 1..=1024_u32, "a number of threads")? {
            arguments.extend(["--concurrency".to_owned(), threads.to_string()]);
        }
        let admin = variables.port("ENVOY_ADMIN_ACCESS_PORT", 9901)?;
        let admin = (variables.or("ENVOY_ADMIN_MODE", "tcp") == "tcp").then_some(admin);
        let drain = Duration::from_secs(seconds.into());
        Ok(Self { program: program.to_owned(), arguments, bootstrap, admin, drain })
    }

    async fn run(self) -> io::Result<ExitStatus> {
        if let Some((path, text)) = &self.bootstrap {
            std::fs::write(path, text)?;
        }
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut envoy = command.spawn()?;
        let output = copy(envoy.stdout.take(), tokio::io::stdout());
        let errors = copy(envoy.stderr.take(), tokio::io::stderr());
        let carrying = tokio::spawn(async move { tokio::join!(output, errors) });
        let status = tokio::select! {
            status = envoy.wait() => status?,
            _ = terminate.recv() => self.end(&mut envoy).await?,
            _ = interrupt.recv() => self.end(&mut envoy).await?,
        };
        // Its last words are still on their way.
        let _ = timeout(ADMIN_MAX, carrying).await;
        Ok(status)
    }

    /// Lets requests end, then ends Envoy.
    async fn end(&self, envoy: &mut Child) -> io::Result<ExitStatus> {
        let begun = Instant::now();
        if let Some(port) = self.admin.filter(|_| !self.drain.is_zero())
            && page(port, "POST", "/drain_listeners?inboundonly&graceful&skip_exit").await.is_ok()
        {
            while begun.elapsed() < self.drain {
                sleep(DRAIN_LOOK).await;
                let stats = page(port, "GET", "/stats?filter=downstream_(rq|cx)_active").await;
                let busy = stats.is_ok_and(|stats| under_way(&stats));
                if !busy && begun.elapsed() >= DRAIN_MIN.min(self.drain) {
                    break;
                }
                if let Some(status) = envoy.try_wait()? {
                    return Ok(status);
                }
            }
        }
        if let Some(pid) = envoy.id() {
            kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
        }
        envoy.wait().await
    }
}

fn level(variables: &Variables<'_>) -> Result<String, Error> {
    let value = variables.or("ENVOY_LOG_LEVEL", "info");
    let known = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"];
    if known.contains(&value.as_str()) {
        return Ok(value);
    }
    let wanted = "trace, debug, info, warning, error, critical or off";
    Err(Error::Value { name: "ENVOY_LOG_LEVEL", value, wanted })
}

/// Whether a page of statistics tells of a request, or of a connection that is passed on.
fn under_way(stats: &str) -> bool {
    stats.lines().filter_map(|line| line.rsplit_once(": ")).any(|(name, count)| {
        let of_task = !name.starts_with("http.admin.") && !name.starts_with("listener.");
        let counts = name.ends_with("downstream_rq_active") || name.starts_with("tcp.");
        of_task && counts && count != "0"
    })
}

/// One admin page's text.
async fn page(port: u16, method: &str, path: &str) -> io::Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.take(PAGE_MAX).read_to_string(&mut text).await?;
        Ok(text)
    };
    timeout(ADMIN_MAX, exchange).await?
}

async fn copy(from: Option<impl AsyncRead + Unpin>, mut to: impl tokio::io::AsyncWrite + Unpin) {
    if let Some(mut from) = from {
        // Whoever read it may be gone; Envoy goes on.
        let _ = tokio::io::copy(&mut from, &mut to).await;
    }
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let signalled = || status.signal().and_then(|signal| u8::try_from(128 + signal).ok());
    status.code().and_then(|code| u8::try_from(code).ok()).or_else(signalled).unwrap_or(1)
}

/// The bootstrap with statistics that are told soon, unless it says when.
fn prompt(mut bootstrap: Value) -> Value {
    let said = ["stats_flush_interval", "stats_flush_on_admin", "stats_sinks"];
    if said.iter().all(|member| bootstrap.get(member).is_none()) {
        bootstrap["stats_flush_interval"] = json!(STATISTICS_WAIT);
    }
    bootstrap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_passed_on_connections_are_under_way_and_admin_pages_are_not() {
        assert!(under_way("http.egress.downstream_rq_active: 1\n"));
        assert!(under_way("tcp.ingress.downstream_cx_active: 2\n"));
        assert!(!under_way("http.admin.downstream_rq_active: 1\nhttp.egress.downstream_rq_active: 0\n"));
        assert!(!under_way("http.egress.downstream_cx_active: 3\n"), "an idle connection");
    }

    #[test]
    fn statistics_are_told_soon_unless_somebody_says_when() {
        assert_eq!(prompt(json!({}))["stats_flush_interval"], "1s");
        for said in [json!({ "stats_flush_interval": "9s" }), json!({ "stats_flush_on_admin": true })] {
            assert_eq!(prompt(said.clone()), said);
        }
        let sink = json!({ "stats_sinks": [{}] });
        assert_eq!(prompt(sink.clone()), sink, "whoever collects them counts on Envoy's own interval");
    }

    #[test]
    fn arguments_are_what_the_variables_say() {
        let variables = |name: &str| match name {
            "APPMESH_RESOURCE_NAME" => Some("mesh/m/virtualNode/n".to_owned()),
            "ENVOY_CONCURRENCY" => Some("2".to_owned()),
            "LISTENER_DRAIN_WAIT_TIME_S" => Some("5".to_owned()),
            _ => None,
        };
        let plan = Plan::read(Path::new("/usr/bin/envoy"), &variables).unwrap();
        let arguments = plan.arguments.join(" ");
        for part in ["--drain-time-s 5", "--log-level info", "--concurrency 2"] {
            assert!(arguments.contains(part), "{part} is not in {arguments}");
        }
        assert_eq!((plan.admin, plan.drain), (Some(9901), Duration::from_secs(5)));
        let loud = |name: &str| if name == "ENVOY_LOG_LEVEL" { Some("loud".to_owned()) } else { variables(name) };
        assert!(Plan::read(Path::new("envoy"), &loud).unwrap_err().to_string().contains("loud"));
    }
}

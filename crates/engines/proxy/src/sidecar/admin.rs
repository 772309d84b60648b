//! The admin pages, at Envoy's paths, so that probes and dashboards that knew Envoy find what they look for.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use names::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Process, settings::level_word};
use crate::{
    mesh::Plane,
    model::NameKind,
    stats::{ServerFacts, as_prometheus, as_text},
    tls::Identity,
};

/// The content type of Prometheus' text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4";

/// What the pages are about.
#[derive(Clone)]
pub(crate) struct Admin {
    process: Arc<Process>,
    plane: Plane,
    set_level: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

/// The states of Envoy's server, with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerState {
    Live = 0,
    Draining = 1,
    PreInitializing = 2,
    Initializing = 3,
}

#[derive(Deserialize)]
struct StatsQuery {
    filter: Option<String>,
    usedonly: Option<String>,
    format: Option<String>,
}

#[derive(Deserialize)]
struct DrainQuery {
    inboundonly: Option<String>,
}

#[derive(Deserialize)]
struct LoggingQuery {
    level: Option<String>,
}

impl Admin {
    pub(crate) fn new(
        process: Arc<Process>,
        plane: Plane,
        set_level: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { process, plane, set_level: Arc::new(set_level) }
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/server_info", get(server_info))
            .route("/ready", get(ready))
            .route("/stats", get(stats))
            .route("/stats/prometheus", get(prometheus))
            .route("/clusters", get(clusters))
            .route("/listeners", get(listeners))
            .route("/config_dump", get(config_dump))
            .route("/certs", get(certs))
            .route("/drain_listeners", post(drain_listeners))
            .route("/healthcheck/fail", post(fail))
            .route("/healthcheck/ok", post(ok))
            .route("/logging", post(logging))
            .route("/", get(help))
            .route("/help", get(help))
            .with_state(self)
    }

    fn state(&self) -> ServerState {
        let connected = self.plane.registry().config.connected.load(SeqCst) > 0;
        match (
            self.process.draining.load(SeqCst) || self.process.failing.load(SeqCst),
            *self.process.configured.borrow(),
        ) {
            (true, _) => ServerState::Draining,
            (false, true) => ServerState::Live,
            (false, false) if connected => ServerState::Initializing,
            (false, false) => ServerState::PreInitializing,
        }
    }

    fn facts(&self) -> ServerFacts {
        let uptime = self.process.started.elapsed().as_secs();
        let state = self.state();
        ServerFacts {
            live: state == ServerState::Live,
            state: state as i64,
            uptime_seconds: i64::try_from(uptime).unwrap_or(i64::MAX),
            concurrency: i64::try_from(self.plane.concurrency()).unwrap_or(i64::MAX),
        }
    }
}

impl ServerState {
    fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
            Self::PreInitializing => "PRE_INITIALIZING",
            Self::Initializing => "INITIALIZING",
        }
    }
}

async fn server_info(State(admin): State<Admin>) -> Response {
    let settings = &admin.process.settings;
    let uptime = format!("{}s", admin.process.started.elapsed().as_secs());
    let info = json!({
        "version": format!("serin/{}/Clean/RELEASE/none", env!("CARGO_PKG_VERSION")),
        "state": admin.state().word(),
        "uptime_current_epoch": uptime,
        "uptime_all_epochs": uptime,
        "hot_restart_version": "disabled",
        "command_line_options": { "concurrency": admin.plane.concurrency(), "log_level": settings.log_level },
        "node": { "id": settings.node_id, "cluster": settings.node_cluster },
    });
    // One member a line, as Envoy prints it: probes look at it with grep.
    let text = serde_json::to_string_pretty(&info).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], format!("{text}\n")).into_response()
}

async fn ready(State(admin): State<Admin>) -> Response {
    let state = admin.state();
    let status = if state == ServerState::Live { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", state.word())).into_response()
}

async fn stats(State(admin): State<Admin>, Query(query): Query<StatsQuery>) -> Response {
    match query.format.as_deref() {
        None | Some("text") => {}
        Some("prometheus") => return prometheus(State(admin), Query(query)).await,
        Some(other) => {
            return (StatusCode::BAD_REQUEST, format!("format {other} is not supported: text and prometheus are\n"))
                .into_response();
        }
    }
    admin.plane.count_members().await;
    let text = as_text(&admin.plane.registry().groups(admin.facts()), |name| wanted(&query, name));
    let used = |line: &&str| query.usedonly.is_none() || !line.ends_with(": 0");
    let lines: Vec<&str> = text.lines().filter(used).collect();
    format!("{}\n", lines.join("\n")).into_response()
}

async fn prometheus(State(admin): State<Admin>, Query(query): Query<StatsQuery>) -> Response {
    admin.plane.count_members().await;
    let text = as_prometheus(&admin.plane.registry().groups(admin.facts()), |name| wanted(&query, name));
    ([(header::CONTENT_TYPE, PROMETHEUS)], text).into_response()
}

/// Whether the name of a statistic is asked for. Envoy takes an expression; the plain text in it is what people type.
fn wanted(query: &StatsQuery, name: &str) -> bool {
    query.filter.as_ref().is_none_or(|filter| {
        let plain = filter.trim_start_matches('^').trim_end_matches('$').replace("\\.", ".");
        plain.split('|').any(|part| name.contains(part))
    })
}

async fn clusters(State(admin): State<Admin>) -> String {
    admin.plane.clusters_as_text().await
}

async fn listeners(State(admin): State<Admin>) -> String {
    admin.plane.listeners_as_text().await
}

/// The certificates that are in use, and what could not be read again.
async fn certs(State(admin): State<Admin>) -> Json<serde_json::Value> {
    let now = admin.plane.now().as_millis() / 1000;
    let moment = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000)).to_iso8601();
    let words = |kind| match kind {
        NameKind::Dns => "dns",
        NameKind::Uri => "uri",
        NameKind::Email => "email",
        NameKind::Ip => "ip_address",
    };
    let one = |identity: &Identity| {
        let certificate = &identity.certificate;
        let names = certificate.names.iter().map(|(kind, name)| json!({ words(*kind): name }));
        json!({
            "ca_cert": [],
            "cert_chain": [{
                "path": identity.place.to_string().trim_start(),
                "serial_number": certificate.serial,
                "subject_alt_names": names.collect::<Vec<_>>(),
                "days_until_expiration": ((certificate.not_after - now).max(0) / 86_400).to_string(),
                "valid_from": moment(certificate.not_before),
                "expiration_time": moment(certificate.not_after),
            }],
        })
    };
    let certificates: Vec<_> = admin.plane.certificates().iter().map(one).collect();
    Json(json!({ "certificates": certificates, "errors": admin.plane.troubles() }))
}

/// What the data plane goes by, in our own words inside Envoy's outer shape.
async fn config_dump(State(admin): State<Admin>) -> Json<serde_json::Value> {
    let config = admin.plane.config().await;
    Json(json!({ "configs": [{ "@type": "serin.proxy.Config", "config": config }] }))
}

async fn drain_listeners(State(admin): State<Admin>, Query(query): Query<DrainQuery>) -> &'static str {
    admin.plane.drain(query.inboundonly.is_some());
    "OK\n"
}

async fn fail(State(admin): State<Admin>) -> &'static str {
    admin.process.failing.store(true, SeqCst);
    "OK\n"
}

async fn ok(State(admin): State<Admin>) -> &'static str {
    admin.process.failing.store(false, SeqCst);
    "OK\n"
}

async fn logging(State(admin): State<Admin>, Query(query): Query<LoggingQuery>) -> Response {
    let Some(level) = query.level.as_deref().and_then(level_word) else {
        let usage = "usage: /logging?level=<trace|debug|info|warning|error|critical|off>\n";
        return (StatusCode::BAD_REQUEST, usage).into_response();
    };
    if (admin.set_level)(level) {
        format!("active loggers:\n  all: {level}\n").into_response()
    } else {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

async fn help() -> &'static str {
    "admin commands are:\n  /certs\n  /clusters\n  /config_dump\n  /drain_listeners (POST)\n  /healthcheck/fail (POST)\n  \
     /healthcheck/ok (POST)\n  /help\n  /listeners\n  /logging (POST)\n  /ready\n  /server_info\n  /stats\n  \
     /stats/prometheus\n"
}

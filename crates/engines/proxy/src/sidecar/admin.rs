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

use super::{
    Process, counts,
    dump::{Wanted, dump},
    settings::level_word,
};
use crate::{
    mesh::Plane,
    model::{Config, NameKind, expression},
    stats::{Group, ServerFacts, Value, as_json, as_prometheus, as_text},
    tls::Identity,
};

/// The content type of Prometheus' text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4";

/// What the pages are about.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(super) process: Arc<Process>,
    pub(super) plane: Plane,
    set_level: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

/// The states of Envoy's server, with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerState {
    Live = 0,
    Draining = 1,
    PreInitializing = 2,
    Initializing = 3,
}

#[derive(Deserialize)]
pub(super) struct StatsQuery {
    filter: Option<String>,
    usedonly: Option<String>,
    format: Option<String>,
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct FormatQuery {
    format: Option<String>,
}

#[derive(Deserialize)]
struct DumpQuery {
    resource: Option<String>,
    name_regex: Option<String>,
    include_eds: Option<String>,
    mask: Option<String>,
}

#[derive(Deserialize)]
struct DrainQuery {
    inboundonly: Option<String>,
    graceful: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LoggingQuery {
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
            .route("/serin/counts", get(counts::counts))
            .route("/serin/config", get(config))
            .route("/listeners", get(listeners))
            .route("/config_dump", get(config_dump))
            .route("/certs", get(certs))
            .route("/drain_listeners", post(drain_listeners))
            .route("/quitquitquit", post(quit))
            .route("/healthcheck/fail", post(fail))
            .route("/healthcheck/ok", post(ok))
            .route("/logging", post(logging))
            .route("/", get(help))
            .route("/help", get(help))
            .with_state(self)
    }

    pub(super) fn state(&self) -> ServerState {
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

    /// All statistics as they are now, with the tags that all carry.
    pub(super) async fn groups(&self) -> Vec<Group> {
        self.plane.count_members().await;
        let mut groups = self.plane.registry().groups(self.facts());
        let tags = &self.process.settings.statistics.tags;
        for group in &mut groups {
            group.labels.extend(tags.iter().cloned());
        }
        groups
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
    pub(super) fn word(self) -> &'static str {
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
    // One member a line: probes look at it with grep.
    pretty(&info)
}

async fn ready(State(admin): State<Admin>) -> Response {
    let state = admin.state();
    let status = if state == ServerState::Live { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", state.word())).into_response()
}

async fn stats(State(admin): State<Admin>, Query(query): Query<StatsQuery>) -> Response {
    let wanted = match wanted(&query) {
        Ok(wanted) => wanted,
        Err(refusal) => return (StatusCode::BAD_REQUEST, refusal).into_response(),
    };
    match query.format.as_deref() {
        None | Some("text") => {}
        Some("json") => {
            let kind = query.r#type.as_deref();
            let groups = admin.groups().await;
            let used = |value: &Value| query.usedonly.is_none() || value.is_used();
            return Json(as_json(&groups, |name, value| wanted(name) && value.is_of(kind) && used(value)))
                .into_response();
        }
        Some("prometheus") => return prometheus(State(admin), Query(query)).await,
        Some(other) => {
            let refusal = format!("format {other} is not supported: text, json and prometheus are\n");
            return (StatusCode::BAD_REQUEST, refusal).into_response();
        }
    }
    let mut groups = admin.groups().await;
    for group in &mut groups {
        group.metrics.retain(|(_, value)| value.is_of(query.r#type.as_deref()));
    }
    let text = as_text(&groups, wanted);
    let unused = |line: &str| line.ends_with(": 0") || line.ends_with(": No recorded values");
    let lines: Vec<&str> = text.lines().filter(|line| query.usedonly.is_none() || !unused(line)).collect();
    format!("{}\n", lines.join("\n")).into_response()
}

pub(super) async fn prometheus(State(admin): State<Admin>, Query(query): Query<StatsQuery>) -> Response {
    let wanted = match wanted(&query) {
        Ok(wanted) => wanted,
        Err(refusal) => return (StatusCode::BAD_REQUEST, refusal).into_response(),
    };
    let mut groups = admin.groups().await;
    for group in &mut groups {
        group.metrics.retain(|(_, value)| query.usedonly.is_none() || value.is_used());
    }
    let text = as_prometheus(&groups, wanted);
    ([(header::CONTENT_TYPE, PROMETHEUS)], text).into_response()
}

/// Whether the name of a statistic is asked for: the expression is found in it.
fn wanted(query: &StatsQuery) -> Result<impl Fn(&str) -> bool + use<>, String> {
    let filter = query.filter.as_deref().map(expression::text).transpose();
    let filter = filter.map_err(|error| format!("Invalid re2 regex: {error}\n"))?;
    Ok(move |name: &str| filter.as_ref().is_none_or(|filter| filter.is_match(name)))
}

async fn clusters(State(admin): State<Admin>, Query(query): Query<FormatQuery>) -> Response {
    match query.format.as_deref() {
        Some("json") => Json(admin.plane.clusters_as_json().await).into_response(),
        _ => admin.plane.clusters_as_text().await.into_response(),
    }
}

async fn listeners(State(admin): State<Admin>, Query(query): Query<FormatQuery>) -> Response {
    match query.format.as_deref() {
        Some("json") => Json(admin.plane.listeners_as_json().await).into_response(),
        _ => admin.plane.listeners_as_text().await.into_response(),
    }
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

async fn config_dump(State(admin): State<Admin>, Query(query): Query<DumpQuery>) -> Response {
    let refuse = |reason: String| (StatusCode::BAD_REQUEST, reason).into_response();
    if query.mask.is_some() {
        return refuse("mask is not supported by this proxy\n".to_owned());
    }
    let name = match query.name_regex.map(|wanted| expression::text(&format!("^(?:{wanted})$"))).transpose() {
        Ok(name) => name,
        Err(error) => return refuse(format!("Error while parsing name_regex from {error}\n")),
    };
    let wanted = Wanted { list: query.resource.as_deref(), name, endpoints: query.include_eds.is_some() };
    let Some(dump) = dump(&admin.process, &admin.plane, &wanted).await else {
        let list = query.resource.unwrap_or_default();
        return (StatusCode::NOT_FOUND, format!("{list} not found in config dump\n")).into_response();
    };
    pretty(&dump)
}

/// What this proxy goes by, in its own words.
async fn config(State(admin): State<Admin>) -> Json<Config> {
    Json(admin.plane.config().await)
}

/// JSON with a member a line, as Envoy prints it.
fn pretty(value: &serde_json::Value) -> Response {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], format!("{text}\n")).into_response()
}

async fn drain_listeners(State(admin): State<Admin>, Query(query): Query<DrainQuery>) -> &'static str {
    match query.graceful {
        Some(_) => admin.plane.drain_gracefully(query.inboundonly.is_some()),
        None => admin.plane.drain(query.inboundonly.is_some()),
    }
    "OK\n"
}

async fn quit(State(admin): State<Admin>) -> &'static str {
    admin.process.quit.notify_one();
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

pub(super) async fn logging(State(admin): State<Admin>, Query(query): Query<LoggingQuery>) -> Response {
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
     /healthcheck/ok (POST)\n  /help\n  /listeners\n  /logging (POST)\n  /quitquitquit (POST)\n  /ready\n  /server_info\n  /stats\n  \
     /stats/prometheus\n"
}

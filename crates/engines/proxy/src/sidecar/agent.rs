//! The pages of the image's agent, the process beside Envoy that starts it and speaks for it: who probes it by
//! `:9902/status`, or drains it before a task ends, finds the same here.

use std::sync::atomic::Ordering::SeqCst;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use super::admin::{self, Admin, LoggingQuery};

/// The pages.
pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/drain_listeners", post(drain_listeners))
        .route("/enableLogging", get(logging).post(logging))
        .route("/stats/prometheus", get(admin::prometheus))
        .with_state(admin)
}

async fn status(State(admin): State<Admin>) -> Json<serde_json::Value> {
    let state = admin.state().word();
    let connected = admin.plane.registry().config.connected.load(SeqCst) > 0;
    let configured = *admin.process.configured.borrow();
    let mut status = json!({
        "healthStatus": if state == "LIVE" { "HEALTHY" } else { "UNHEALTHY" },
        "agentUptime": format!("{}s", admin.process.started.elapsed().as_secs()),
        "envoyPid": std::process::id().to_string(),
        "envoyState": state,
        "localRelayEnvoyState": "",
        "envoyRestartCount": "0",
        "managementServerConnectionStatus": if connected { "CONNECTED" } else { "NOT_CONNECTED" },
        "envoyReadinessState": if configured { "INITIALIZED" } else { "NOT_INITIALIZED" },
    });
    if configured {
        status["initialConfigUpdateStatus"] = json!("UPDATE_SUCCESSFUL");
    }
    Json(status)
}

/// As the agent: inbound listeners alone, and asked for with just that word.
async fn drain_listeners(State(admin): State<Admin>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    if query.split('&').map(|part| part.split('=').next().unwrap_or_default()).ne(["inboundonly"]) {
        let refusal = format!("Unexpected query parameters specified in request [{query}]: inboundonly is wanted\n");
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    }
    admin.plane.drain(true);
    "OK\n".into_response()
}

async fn logging(state: State<Admin>, query: Query<LoggingQuery>) -> Response {
    admin::logging(state, query).await
}

//! The pages, a file for each.

mod alarms;
mod approval;
mod canaries;
mod canary;
mod insights;
mod logs;
mod map;
mod mesh;
mod overview;
mod route;
mod services;
mod stacks;
mod trace;
mod traces;

use std::sync::Arc;

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};

use crate::{
    Console, assets,
    browser::PREFIX,
    guard::SIGN_IN,
    sign_in,
    view::{failed, page},
};

/// Every page at its address.
pub(crate) fn router() -> Router<Arc<Console>> {
    let home = || get(async || Redirect::to("/console/"));
    Router::new()
        .route("/", home())
        .route(PREFIX, home())
        .route("/console/", page(overview::view))
        .route("/console/console.css", get(assets::style))
        .route("/console/console.js", get(assets::script))
        .route("/console/icon.svg", get(assets::icon))
        .route(SIGN_IN, get(sign_in::page).post(sign_in::sign_in))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/{account}/{region}/mesh", page(mesh::list))
        .route("/console/{account}/{region}/mesh/{mesh}", page(mesh::view))
        .route("/console/{account}/{region}/mesh/{mesh}/{router}/{route}", page(route::view).post(route::update))
        .route("/console/{account}/{region}/canaries", page(canaries::view))
        .route("/console/{account}/{region}/canaries/{canary}", page(canary::view).post(canary::command))
        .route("/console/{account}/{region}/approvals/{link}", get(approval::page).post(approval::approve))
        .route("/console/{account}/{region}/stacks", page(stacks::list))
        .route("/console/{account}/{region}/stacks/{stack}", page(stacks::view))
        .route("/console/{account}/{region}/services", page(services::list))
        .route("/console/{account}/{region}/services/{cluster}/{service}", page(services::view))
        .route("/console/{account}/{region}/tasks/{cluster}/{task}", page(services::task))
        .route("/console/{account}/{region}/map", page(map::view))
        .route("/console/{account}/{region}/traces", page(traces::list))
        .route("/console/{account}/{region}/traces/{trace}", page(trace::view))
        .route("/console/{account}/{region}/logs", page(logs::view))
        .route("/console/{account}/{region}/logs/insights", page(insights::ask).post(insights::start))
        .route("/console/{account}/{region}/logs/insights/{query}", page(insights::answer))
        .route("/console/{account}/{region}/alarms", page(alarms::list))
        .route("/console/{account}/{region}/alarms/{alarm}", page(alarms::view))
        .fallback(async || failed(None, &api::Fault::new("NotFound", 404, "There is no page at this address.")))
}

//! A route, with the editor of its weights: what is asked, what every proxy has acknowledged, and what really flows.
//!
//! While a canary moves the route, the editor is shut: who changes a route under a canary ends the canary, and should
//! know that he does. The look at the canaries and the change are two steps, so one may still begin in between; then it
//! is the canary that notices, and ends. That the weights are those the page showed is checked by the route's version.

use std::sync::Arc;

use api::{
    Fault,
    appmesh::{
        DescribeRoute, DescribeRouteRequest, DescribeRouteStatus, RouteData, RouteSpec, UpdateRoute,
        UpdateRouteRequest, WeightedTarget,
        status::{DescribeRouteStatusRequest, DescribeRouteStatusResponse},
    },
    canary::{CanaryDescription, ListCanaries, ListCanariesRequest},
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use crate::{
    Console,
    ask::Cx,
    flow::Flow,
    guard::{Posted, Visitor},
    links,
    view::{Place, View, failed},
    words::{bar, count, percent, real, state},
};

/// The largest weight.
const WEIGHT_MAX: u32 = 100;

/// The page.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let (mesh, router, name) = (cx.path("mesh"), cx.path("router"), cx.path("route"));
    let route = describe(&cx).await?;
    let request = DescribeRouteStatusRequest {
        mesh_name: mesh.to_owned(),
        mesh_owner: None,
        virtual_router_name: router.to_owned(),
        route_name: name.to_owned(),
        wait_seconds: None,
    };
    let status = cx.call::<DescribeRouteStatus>(request).await?;
    let flows = flows(&cx, mesh, &format!("{router}/{name}"), &status).await;
    let canary = running(&cx).await?;
    Ok(View::new(&cx, Place::Mesh, name)
        .below("Meshes", cx.link(&["mesh"]))
        .below(mesh, cx.link(&["mesh", mesh]))
        .below(router, cx.link(&["mesh", mesh]))
        .part("status", standing(&status))
        .part("editor", editor(&cx, &route, canary.as_ref()))
        .part("flow", flow(&status, flows.as_deref()))
        .command(format!(
            "aws appmesh update-route --mesh-name {mesh} --virtual-router-name {router} --route-name {name} \
             --spec file://route.json"
        ))
        .command(format!("serin canary start --mesh {mesh} --router {router} --route {name} --to … --watch")))
}

async fn describe(cx: &Cx) -> Result<RouteData, Fault> {
    let request = DescribeRouteRequest {
        mesh_name: cx.path("mesh").to_owned(),
        mesh_owner: None,
        route_name: cx.path("route").to_owned(),
        virtual_router_name: cx.path("router").to_owned(),
    };
    Ok(cx.call::<DescribeRoute>(request).await?.route)
}

/// The canary that moves this route at present.
async fn running(cx: &Cx) -> Result<Option<CanaryDescription>, Fault> {
    let canaries = cx.call::<ListCanaries>(ListCanariesRequest {}).await?.canaries;
    Ok(canaries.into_iter().find(|canary| {
        !canary.ended
            && canary.mesh_name == cx.path("mesh")
            && canary.virtual_router_name == cx.path("router")
            && canary.route_name == cx.path("route")
    }))
}

/// What flowed to each target that is asked for, where the proxies can tell.
pub(super) async fn flows(cx: &Cx, mesh: &str, route: &str, status: &DescribeRouteStatusResponse) -> Option<Vec<Flow>> {
    let clusters = |target: &WeightedTarget| status.clusters.get(&target.virtual_node).cloned().unwrap_or_default();
    let targets: Vec<_> = status.asked.iter().map(clusters).collect();
    cx.console.flows.of(&cx.scope, mesh, route, &targets).await
}

/// Whether the proxies do what is asked.
fn standing(status: &DescribeRouteStatusResponse) -> Markup {
    html! {
        p.standing role="status" {
            @if status.is_applied() { (state("applied")) } @else { (state("not yet applied")) }
            " Acknowledged by " strong { (status.acknowledged) } " of " strong { (status.proxies) }
            (if status.proxies == 1 { " proxy" } else { " proxies" })
            @if !status.is_applied() && !status.applied.is_empty() {
                ", which still do " (ratio(&status.applied))
            }
            "."
        }
        @for refusal in &status.refusals { p.alert { (refusal.node) " refuses: " (refusal.reason) } }
        @for fault in &status.faults { p.alert { (fault) } }
    }
}

/// `2 : 1`.
fn ratio(targets: &[WeightedTarget]) -> String {
    targets.iter().map(|target| target.weight.to_string()).collect::<Vec<_>>().join(" : ")
}

/// Where a route's requests go, of whichever kind it is.
fn targets(spec: &RouteSpec) -> &[WeightedTarget] {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| &route.action);
    let action = http.or(spec.grpc_route.as_ref().map(|route| &route.action));
    action.or(spec.tcp_route.as_ref().map(|route| &route.action)).map_or(&[], |action| &action.weighted_targets)
}

fn targets_mut(spec: &mut RouteSpec) -> Option<&mut Vec<WeightedTarget>> {
    let http = spec.http_route.as_mut().or(spec.http2_route.as_mut()).map(|route| &mut route.action);
    let action = http.or(spec.grpc_route.as_mut().map(|route| &mut route.action));
    action.or(spec.tcp_route.as_mut().map(|route| &mut route.action)).map(|action| &mut action.weighted_targets)
}

fn editor(cx: &Cx, route: &RouteData, canary: Option<&CanaryDescription>) -> Markup {
    let targets = targets(&route.spec);
    let whole = real(targets.iter().map(|target| u64::from(target.weight)).sum());
    html! {
        h2 { "Weights" }
        @if let Some(canary) = canary {
            p.alert {
                "The canary " a href=(cx.link(&["canaries", &canary.id])) { (canary.id) }
                " moves this route from " (canary.baseline) " to " (canary.canary)
                ". Its weights are the canary's until that is over; abort it there to change them by hand."
            }
        }
        form.weights method="post" data-weights {
            input type="hidden" name="token" value=(cx.token());
            input type="hidden" name="version" value=(route.metadata.version);
            @for (place, target) in targets.iter().enumerate() {
                @let id = format!("weight-{place}");
                div.slider {
                    label for=(id) {
                        (target.virtual_node)
                        @if let Some(port) = target.port { span.quiet { " :" (port) } }
                    }
                    input type="range" id=(id) name=(id) min="0" max=(WEIGHT_MAX) step="1" value=(target.weight)
                        disabled[canary.is_some()];
                    output.number for=(id) { (target.weight) }
                    span.number.quiet data-share=(id) { (percent(real(target.weight.into()), whole)) }
                }
            }
            @if canary.is_none() {
                p.actions {
                    button.primary { "Apply " span data-ratio { (ratio(targets)) } }
                    span.quiet { "Arrow keys move a slider by one, Page Up and Page Down by ten." }
                }
            }
        }
    }
}

fn flow(status: &DescribeRouteStatusResponse, flows: Option<&[Flow]>) -> Markup {
    let asked = real(status.asked.iter().map(|target| u64::from(target.weight)).sum());
    let applied = real(status.applied.iter().map(|target| u64::from(target.weight)).sum());
    let flown = real(flows.unwrap_or_default().iter().map(|flow| flow.requests).sum());
    html! {
        h2 { "What flows" span.quiet { " in the last ten seconds" } }
        table.flow {
            thead { tr {
                th { "Target" } th { "Asked" } th { "Applied" } th.wide { "Really flows" } th { "Requests" } th { "Failed" }
            } }
            tbody {
                @for (place, target) in status.asked.iter().enumerate() {
                    @let done = status.applied.iter().find(|one| one.virtual_node == target.virtual_node && one.port == target.port);
                    @let flow = flows.and_then(|flows| flows.get(place)).copied().unwrap_or_default();
                    tr {
                        td { (target.virtual_node) }
                        td.number { (percent(real(target.weight.into()), asked)) }
                        td.number { (done.map_or("–".to_owned(), |done| percent(real(done.weight.into()), applied))) }
                        td.share {
                            (bar(if flown > 0.0 { real(flow.requests) / flown } else { 0.0 }))
                            span.number { (percent(real(flow.requests), flown)) }
                        }
                        td.number { (count(flow.requests)) " " span.quiet { (format!("{:.1}/s", flow.rate)) } }
                        td.number { (count(flow.failed)) }
                    }
                }
            }
        }
    }
}

/// Asks for other weights.
pub(crate) async fn update(
    State(console): State<Arc<Console>>,
    Extension(visitor): Extension<Visitor>,
    Path(path): Path<std::collections::BTreeMap<String, String>>,
    posted: Posted,
) -> Response {
    let cx = match Cx::new(console, visitor, path, std::collections::BTreeMap::default()) {
        Ok(cx) => cx,
        Err(fault) => return failed(None, &fault),
    };
    match change(&cx, &posted).await {
        Ok(()) => {
            let parts = [cx.path("mesh"), cx.path("router"), cx.path("route")];
            Redirect::to(&links::to(&cx.scope, &[&["mesh"], parts.as_slice()].concat())).into_response()
        }
        Err(fault) => failed(Some(&cx), &fault),
    }
}

async fn change(cx: &Cx, posted: &Posted) -> Result<(), Fault> {
    if let Some(canary) = running(cx).await? {
        let why =
            format!("The canary {} moves this route. Abort it, or let it end, before you change weights.", canary.id);
        return Err(Fault::new("ConflictException", 409, why));
    }
    let route = describe(cx).await?;
    if posted.get("version") != route.metadata.version.to_string() {
        let why = "The route was changed after this page was shown. Look at it again, then change it.";
        return Err(Fault::new("ConflictException", 409, why));
    }
    let mut spec = route.spec;
    let weights =
        targets_mut(&mut spec).ok_or_else(|| Fault::client("BadRequestException", "The route has no targets."))?;
    for (place, target) in weights.iter_mut().enumerate() {
        let text = posted.get(&format!("weight-{place}"));
        let weight = text.parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
        target.weight = weight.ok_or_else(|| {
            let why = format!("`{text}` is no weight for {}: 0 to {WEIGHT_MAX} are.", target.virtual_node);
            Fault::client("BadRequestException", why)
        })?;
    }
    let asked = ratio(weights);
    let request = UpdateRouteRequest {
        client_token: None,
        mesh_name: cx.path("mesh").to_owned(),
        mesh_owner: None,
        route_name: cx.path("route").to_owned(),
        spec,
        virtual_router_name: cx.path("router").to_owned(),
    };
    cx.call::<UpdateRoute>(request).await?;
    let (mesh, router, route) = (cx.path("mesh"), cx.path("router"), cx.path("route"));
    tracing::info!(
        mesh,
        router,
        route,
        asked,
        access_key = cx.visitor.access_key,
        "Weights were asked for in the console."
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{BAD, assert_harmless, cx};

    fn route() -> RouteData {
        let target = |weight: u32| json!({ "virtualNode": BAD, "weight": weight });
        serde_json::from_value(json!({
            "meshName": BAD, "routeName": BAD, "virtualRouterName": BAD, "status": { "status": "ACTIVE" },
            "metadata": { "arn": "arn:aws:appmesh:us-east-1:000000000000:mesh/m", "createdAt": 0, "lastUpdatedAt": 0,
                          "meshOwner": "", "resourceOwner": "", "uid": "", "version": 7 },
            "spec": { "httpRoute": { "match": { "prefix": "/" },
                                     "action": { "weightedTargets": [target(2), target(1)] } } },
        }))
        .unwrap()
    }

    #[test]
    fn the_editor_has_a_slider_for_each_target_and_the_version_it_was_made_from() {
        let html = editor(&cx(), &route(), None);
        assert_harmless(&html);
        assert_eq!(html.0.matches("type=\"range\"").count(), 2);
        assert!(html.0.contains("name=\"version\" value=\"7\"") && html.0.contains("2 : 1"), "{}", html.0);
        assert!(!html.0.contains("disabled"));
    }

    #[test]
    fn a_canary_shuts_the_editor() {
        let canary = CanaryDescription { id: BAD.into(), baseline: BAD.into(), ..CanaryDescription::default() };
        let html = editor(&cx(), &route(), Some(&canary));
        assert_harmless(&html);
        assert_eq!(html.0.matches("disabled").count(), 2);
        assert!(!html.0.contains("<button"), "{}", html.0);
    }
}

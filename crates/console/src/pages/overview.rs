//! The overview: what `serin status` shows, of every account and region that has anything.

use api::{
    Fault,
    canary::{CanaryDescription, ListCanaries, ListCanariesRequest},
    serin::{DescribeHouse, DescribeHouseRequest},
};
use maud::{Markup, html};
use names::Scope;

use crate::{
    ask::Cx,
    links,
    picture::{self, LoadBalancer, Picture, Route, Service, Stack, Task},
    view::{Place, View},
    words::{bar, nothing, percent, state},
};

/// The page.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let house = cx.call::<DescribeHouse>(DescribeHouseRequest::default()).await?;
    let mut found = Vec::new();
    for scope in house.scopes.into_iter().filter(|scope| *scope != scope.global()) {
        let picture = picture::gather(&cx.console.caller, &scope).await?;
        let listed = cx.console.caller.call::<ListCanaries>(&scope, ListCanariesRequest {}).await?;
        let canaries: Vec<_> = listed.canaries.into_iter().filter(|canary| !canary.ended).collect();
        if !picture.is_empty() {
            found.push((scope, picture, canaries));
        }
    }
    let mut view = View::new(&cx, Place::Overview, "Overview").command("serin status");
    if let Some((scope, ..)) = found.first() {
        view.scope = scope.clone();
    }
    let several = found.len() > 1;
    let all = html! {
        @for (scope, picture, canaries) in &found {
            @if several { h2.scope { (scope.region) " " span.quiet { (scope.account) } } }
            (one(scope, picture, canaries))
        }
        @if found.is_empty() { (welcome()) }
    };
    Ok(view.part("all", all))
}

/// What one reads who has nothing yet.
fn welcome() -> Markup {
    html! {
        p { "Nothing here yet. Deploy something, and it shows up here by itself:" }
        pre tabindex="0" { code {
            "aws cloudformation deploy --stack-name app --template-file app.yaml --capabilities CAPABILITY_IAM"
        } }
    }
}

fn one(scope: &Scope, picture: &Picture, canaries: &[CanaryDescription]) -> Markup {
    html! {
        @if !canaries.is_empty() { (running(scope, canaries)) }
        @if !picture.load_balancers.is_empty() { (balancers(&picture.load_balancers)) }
        @if !picture.routes.is_empty() { (routes(scope, &picture.routes)) }
        @for fault in &picture.faults {
            p.alert { "Mesh " (fault.mesh) ": " (fault.text) }
        }
        @for proxy in &picture.turned_away {
            p.alert { "A proxy at " (proxy.caller) " is turned away: " (proxy.reason) }
        }
        div.two {
            @if !picture.services.is_empty() { (services(scope, &picture.services, &picture.tasks)) }
            @if !picture.stacks.is_empty() { (stacks(scope, &picture.stacks)) }
        }
    }
}

fn running(scope: &Scope, canaries: &[CanaryDescription]) -> Markup {
    html! {
        section {
            h2 { "Canaries under way" }
            table {
                thead { tr { th { "Route" } th { "From" } th { "To" } th { "State" } th.wide { "Share of the new version" } } }
                tbody {
                    @for canary in canaries {
                        tr {
                            td { a href=(links::to(scope, &["canaries", &canary.id])) { (canary.service.as_ref().unwrap_or(&canary.route_name)) } }
                            td { (canary.baseline) }
                            td { (canary.canary) }
                            td { (state(&canary.phase)) }
                            td.share { (bar(canary.percent / 100.0)) span { (percent(canary.percent, 100.0)) } }
                        }
                    }
                }
            }
        }
    }
}

fn balancers(balancers: &[LoadBalancer]) -> Markup {
    html! {
        section {
            h2 { "Load balancers" }
            table {
                thead { tr { th { "Name" } th { "State" } th.wide { "Answers at" } th { "Targets" } } }
                tbody {
                    @for balancer in balancers {
                        tr {
                            td { (balancer.name) }
                            td { (state(&balancer.state)) @if let Some(reason) = &balancer.reason { div.why { (reason) } } }
                            td {
                                @for url in &balancer.urls {
                                    div { a href=(url) rel="noreferrer" { (url) } }
                                }
                            }
                            td {
                                @for target in &balancer.targets {
                                    div title=[target.reason.as_ref()] { span.mono { (target.address) } " " (state(&target.state)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn routes(scope: &Scope, routes: &[Route]) -> Markup {
    html! {
        section {
            h2 { "Routes" }
            table {
                thead { tr { th { "Mesh" } th { "Route" } th.wide { "Weights asked" } th { "Applied" } th { "Acknowledged" } } }
                tbody {
                    @for route in routes {
                        tr {
                            td { a href=(links::to(scope, &["mesh", &route.mesh])) { (route.mesh) } }
                            td { a href=(links::to(scope, &["mesh", &route.mesh, &route.router, &route.name])) {
                                (route.router) " / " (route.name)
                            } }
                            td { (split(&route.asked)) }
                            td { @if route.is_applied { (state("applied")) } @else { (state("not yet")) div.why { (split(&route.applied)) } } }
                            td {
                                "by " (route.acknowledged) " of " (route.proxies)
                                @for refusal in &route.refusals { div.why { (refusal) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Who gets what of a route, in shares.
fn split(weights: &[(String, i64)]) -> Markup {
    let whole: i64 = weights.iter().map(|(_, weight)| weight).sum();
    let real = |weight: i64| crate::words::real(u64::try_from(weight).unwrap_or(0));
    html! {
        @if weights.is_empty() { span.quiet { "none" } }
        @for (node, weight) in weights {
            div.weight { (bar(if whole > 0 { real(*weight) / real(whole) } else { 0.0 })) span.number { (weight) } span { (node) } }
        }
    }
}

fn services(scope: &Scope, services: &[Service], tasks: &[Task]) -> Markup {
    html! {
        section {
            h2 { "Services" }
            table {
                thead { tr { th { "Service" } th { "Tasks" } th { "Task definition" } } }
                tbody {
                    @for service in services {
                        @let group = format!("service:{}", service.name);
                        @let ill = tasks.iter().filter(|task| task.group == group && task.health == "UNHEALTHY").count();
                        tr title=[service.event.as_ref()] {
                            td { a href=(links::to(scope, &["services", &service.cluster, &service.name])) { (service.name) } }
                            td {
                                (state(if ill > 0 { "unhealthy" } else if service.running < service.desired { "pending" } else { "running" }))
                                " " span.number { (service.running) " of " (service.desired) }
                            }
                            td.mono { (service.task_definition) }
                        }
                    }
                }
            }
        }
    }
}

fn stacks(scope: &Scope, stacks: &[Stack]) -> Markup {
    html! {
        section {
            h2 { "Stacks" }
            table {
                thead { tr { th { "Stack" } th { "State" } } }
                tbody {
                    @for stack in stacks {
                        tr {
                            td { a href=(links::to(scope, &["stacks", &stack.name])) { (stack.name) } }
                            td { (state(&stack.status)) @if let Some(reason) = &stack.reason { div.why { (reason) } } }
                        }
                    }
                }
            }
        }
    }
}

/// What an empty list says.
pub(crate) fn empty(what: &str) -> Markup {
    nothing(&format!("No {what} here."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::Target, testing::BAD};

    #[test]
    fn every_name_is_text_and_never_markup() {
        let bad = || BAD.to_owned();
        let target = Target { group: bad(), address: bad(), state: bad(), reason: Some(bad()) };
        let picture = Picture {
            stacks: vec![Stack { name: bad(), status: bad(), reason: Some(bad()) }],
            services: vec![Service {
                cluster: bad(),
                name: bad(),
                task_definition: bad(),
                desired: 1,
                running: 0,
                pending: 1,
                deployments: 2,
                event: Some(bad()),
            }],
            routes: vec![Route {
                mesh: bad(),
                router: bad(),
                name: bad(),
                asked: vec![(bad(), 1)],
                applied: vec![(bad(), 2)],
                is_applied: false,
                proxies: 2,
                acknowledged: 1,
                refusals: vec![bad()],
            }],
            faults: vec![picture::MeshFault { mesh: bad(), text: bad() }],
            turned_away: vec![picture::TurnedAway { node: Some(bad()), caller: bad(), reason: bad(), times: 1 }],
            load_balancers: vec![LoadBalancer {
                name: bad(),
                state: bad(),
                reason: Some(bad()),
                urls: vec![format!("http://x/{BAD}")],
                targets: vec![target],
            }],
            ..Picture::default()
        };
        let canary = CanaryDescription { id: bad(), route_name: bad(), phase: bad(), ..CanaryDescription::default() };
        crate::testing::assert_harmless(&one(&Scope::default(), &picture, &[canary]));
    }
}

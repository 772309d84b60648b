//! The service map: who calls whom, how often, how well and how fast, from traces; and what the proxies have counted of
//! each route's versions, whether it was traced or not.

use std::time::Duration;

use api::{
    Fault,
    appmesh::{
        DescribeRouteStatus, ListMeshes, ListMeshesRequest, ListRoutes, ListRoutesRequest, ListVirtualRouters,
        ListVirtualRoutersRequest, status::DescribeRouteStatusRequest,
    },
    xray::{GetServiceGraph, GetServiceGraphRequest, HistogramEntry, Service, ServiceStatistics},
};
use maud::{Markup, html};
use names::Timestamp;

use crate::{
    ask::{Cx, all},
    drawing::graph::{self, Line, Node},
    flow::Flow,
    pages::route,
    view::{Place, View},
    words::{count, nothing, percent, real, span},
};

/// How far back one may look, in minutes, and what it is called.
const SPANS: [(u64, &str); 4] = [(5, "5 minutes"), (10, "10 minutes"), (60, "1 hour"), (360, "6 hours")];
/// From this part of failed requests on a service is drawn as ill.
const ILL: f64 = 0.01;

/// Counts of a service or of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    total: u64,
    errors: u64,
    faults: u64,
    seconds: f64,
}

impl Counts {
    fn of(statistics: Option<&ServiceStatistics>) -> Self {
        let Some(statistics) = statistics else { return Self::default() };
        let count = |count: Option<i64>| u64::try_from(count.unwrap_or(0)).unwrap_or(0);
        Self {
            total: count(statistics.total_count),
            errors: count(statistics.error_statistics.as_ref().and_then(|errors| errors.total_count)),
            faults: count(statistics.fault_statistics.as_ref().and_then(|faults| faults.total_count)),
            seconds: statistics.total_response_time.unwrap_or(0.0),
        }
    }

    fn is_ill(self) -> bool {
        self.total > 0 && real(self.faults) / real(self.total) >= ILL
    }

    fn mean(self) -> String {
        if self.total == 0 { "–".to_owned() } else { span(self.seconds / real(self.total)) }
    }
}

/// The time that `part` of all requests did not exceed, as well as a histogram knows it.
fn quantile(histogram: &[HistogramEntry], part: f64) -> Option<f64> {
    let number = |entry: &HistogramEntry| u64::try_from(entry.count.unwrap_or(0)).unwrap_or(0);
    let mut entries: Vec<_> = histogram.iter().map(|entry| (entry.value.unwrap_or(0.0), number(entry))).collect();
    entries.sort_by(|left, right| left.0.total_cmp(&right.0));
    let wanted = real(entries.iter().map(|(_, count)| count).sum()) * part;
    let mut passed = 0;
    entries.into_iter().find_map(|(value, count)| {
        passed += count;
        (count > 0 && real(passed) >= wanted).then_some(value)
    })
}

/// The page.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let minutes: u64 = cx.query("minutes").parse().unwrap_or(10).clamp(1, 360);
    let now = cx.console.clock.now();
    let back = i64::try_from(Duration::from_secs(minutes * 60).as_millis()).unwrap_or(0);
    let start_time = Timestamp::from_millis(now.as_millis() - back);
    let request = GetServiceGraphRequest { start_time, end_time: now, ..Default::default() };
    let services = all!(cx, GetServiceGraph, request, services);
    let shown = if services.is_empty() {
        nothing("No traces in this time. The sidecar writes some where APPMESH's ENABLE_ENVOY_XRAY_TRACING is on.")
    } else {
        picture(&services)
    };
    let form = html! {
        form.search method="get" {
            label { "In the last" select name="minutes" {
                @for (choice, name) in SPANS { option value=(choice) selected[choice == minutes] { (name) } }
            } }
            button { "Show" }
        }
    };
    Ok(View::new(&cx, Place::Map, "Service map")
        .part("span", form)
        .part("map", shown)
        .part("tables", tables(&services, real(minutes * 60)))
        .part("counted", counted(&by_proxies(&cx).await?))
        .command(format!("serin map --minutes {minutes}"))
        .command("aws xray get-service-graph --start-time … --end-time …"))
}

/// What the proxies counted of a route's version.
struct Version {
    route: String,
    node: String,
    flow: Flow,
}

/// What flows to each version of each route, where the proxies can tell.
async fn by_proxies(cx: &Cx) -> Result<Vec<Version>, Fault> {
    let mut versions = Vec::new();
    for mesh in all!(cx, ListMeshes, ListMeshesRequest::default(), meshes) {
        let mesh = mesh.mesh_name;
        let request =
            ListVirtualRoutersRequest { mesh_name: mesh.clone(), limit: None, mesh_owner: None, next_token: None };
        for router in all!(cx, ListVirtualRouters, request, virtual_routers) {
            let router = router.virtual_router_name;
            let request = ListRoutesRequest {
                mesh_name: mesh.clone(),
                limit: None,
                mesh_owner: None,
                next_token: None,
                virtual_router_name: router.clone(),
            };
            for listed in all!(cx, ListRoutes, request, routes) {
                let request = DescribeRouteStatusRequest {
                    mesh_name: mesh.clone(),
                    mesh_owner: None,
                    virtual_router_name: router.clone(),
                    route_name: listed.route_name.clone(),
                    wait_seconds: None,
                };
                let status = cx.call::<DescribeRouteStatus>(request).await?;
                let name = format!("{router}/{}", listed.route_name);
                let flows = route::flows(cx, &mesh, &name, &status).await.unwrap_or_default();
                versions.extend(status.asked.iter().zip(flows).map(|(target, flow)| Version {
                    route: format!("{mesh}/{name}"),
                    node: target.virtual_node.clone(),
                    flow,
                }));
            }
        }
    }
    Ok(versions)
}

fn counted(versions: &[Version]) -> Markup {
    html! {
        @if !versions.is_empty() {
            h2 { "Versions" span.quiet { ", as the proxies counted them in the last ten seconds" } }
            table {
                thead { tr { th.wide { "Route" } th { "Version" } th { "Requests" } th { "Rate" } th { "Failed" } } }
                tbody { @for Version { route, node, flow } in versions { tr {
                    td { (route) }
                    td { (node) }
                    td.number { (count(flow.requests)) }
                    td.number { (format!("{:.1}/s", flow.rate)) }
                    td.number { (count(flow.failed)) " " span.quiet { (percent(real(flow.failed), real(flow.requests))) } }
                } } }
            }
        }
    }
}

fn name(service: &Service) -> &str {
    service.name.as_deref().unwrap_or("?")
}

fn picture(services: &[Service]) -> Markup {
    let place = |id: Option<i32>| services.iter().position(|service| id.is_some() && service.reference_id == id);
    let nodes: Vec<Node> = services.iter().map(node).collect();
    let mut lines = Vec::new();
    for (from, service) in services.iter().enumerate() {
        let calls = |edge: &api::xray::Edge| Counts::of(edge.summary_statistics.as_ref()).total;
        let whole = real(service.edges.iter().map(calls).sum());
        for edge in &service.edges {
            let counts = Counts::of(edge.summary_statistics.as_ref());
            let Some(to) = place(edge.reference_id) else { continue };
            lines.push(Line {
                from,
                to,
                label: count(counts.total),
                share: (whole > 0.0).then(|| real(counts.total) / whole),
                class: if counts.is_ill() { "bad" } else { "" },
            });
        }
    }
    graph::draw("Who calls whom, from traces. The tables below say the same.", &nodes, &lines)
}

fn node(service: &Service) -> Node {
    let counts = Counts::of(service.summary_statistics.as_ref());
    let kind = match service.r#type.as_deref() {
        Some("client") => "client",
        Some(kind) if kind.contains("Proxy") => "sidecar",
        Some(kind) if kind.contains("Container") => "container",
        Some("remote") => "remote",
        _ => "service",
    };
    let note = match counts.total {
        0 => String::new(),
        total => format!("{} · {} · {}", count(total), percent(real(counts.faults), real(total)), counts.mean()),
    };
    Node { title: name(service).to_owned(), kind, note, class: if counts.is_ill() { "bad" } else { "" }, link: None }
}

/// The picture in figures; `seconds` is the time it is of.
fn tables(services: &[Service], seconds: f64) -> Markup {
    let of = |id: Option<i32>| services.iter().find(|service| id.is_some() && service.reference_id == id);
    html! {
        @if !services.is_empty() {
            h2 { "Services" }
            table {
                thead { tr { th.wide { "Service" } th { "Type" } th { "Requests" } th { "Rate" } th { "Errors (4xx)" } th { "Faults (5xx)" } th { "Mean" } th { "p50" } th { "p99" } } }
                tbody { @for service in services {
                    @let counts = Counts::of(service.summary_statistics.as_ref());
                    tr {
                        td { (name(service)) }
                        td.quiet { (service.r#type.as_deref().unwrap_or_default()) }
                        (cells(counts, &service.response_time_histogram, seconds))
                    }
                } }
            }
            h2 { "Calls" }
            table {
                thead { tr { th { "From" } th { "To" } th { "Requests" } th { "Rate" } th { "Errors (4xx)" } th { "Faults (5xx)" } th { "Mean" } th { "p50" } th { "p99" } } }
                tbody { @for service in services { @for edge in &service.edges {
                    tr {
                        td { (name(service)) }
                        td { (of(edge.reference_id).map_or("?", name)) }
                        (cells(Counts::of(edge.summary_statistics.as_ref()), &edge.response_time_histogram, seconds))
                    }
                } } }
            }
        }
    }
}

fn cells(counts: Counts, histogram: &[HistogramEntry], seconds: f64) -> Markup {
    let at = |part: f64| quantile(histogram, part).map_or_else(|| "–".to_owned(), span);
    html! {
        td.number { (count(counts.total)) }
        td.number { (format!("{:.2}/s", real(counts.total) / seconds)) }
        td.number { (count(counts.errors)) " " span.quiet { (percent(real(counts.errors), real(counts.total))) } }
        td.number { (count(counts.faults)) " " span.quiet { (percent(real(counts.faults), real(counts.total))) } }
        td.number { (counts.mean()) }
        td.number { (at(0.5)) }
        td.number { (at(0.99)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless};

    #[test]
    fn names_of_services_are_text_and_never_markup() {
        let service =
            Service { reference_id: Some(1), name: Some(BAD.into()), r#type: Some(BAD.into()), ..Service::default() };
        assert_harmless(&tables(std::slice::from_ref(&service), 60.0));
        let version = Version { route: BAD.into(), node: BAD.into(), flow: Flow::default() };
        assert_harmless(&counted(&[version]));
        assert!(!picture(&[service]).into_string().contains("<script>"));
    }

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let entry = |(value, count): (f64, i32)| HistogramEntry { value: Some(value), count: Some(count) };
        let histogram = [(0.5, 1), (0.01, 49), (0.02, 50)].map(entry);
        assert_eq!([0.49, 0.5, 0.99, 1.0].map(|part| quantile(&histogram, part)), [0.01, 0.02, 0.02, 0.5].map(Some));
        assert_eq!(quantile(&[], 0.5), None);
    }
}

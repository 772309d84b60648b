//! The service map: who calls whom, how often, how well and how fast, from traces.

use std::time::Duration;

use api::{
    Fault,
    xray::{GetServiceGraph, GetServiceGraphRequest, Service, ServiceStatistics},
};
use maud::{Markup, html};
use names::Timestamp;

use crate::{
    ask::{Cx, all},
    drawing::graph::{self, Line, Node},
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
        .part("tables", tables(&services))
        .command(format!("serin map --minutes {minutes}"))
        .command("aws xray get-service-graph --start-time … --end-time …"))
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

fn tables(services: &[Service]) -> Markup {
    let of = |id: Option<i32>| services.iter().find(|service| id.is_some() && service.reference_id == id);
    html! {
        @if !services.is_empty() {
            h2 { "Services" }
            table {
                thead { tr { th.wide { "Service" } th { "Type" } th { "Requests" } th { "Errors (4xx)" } th { "Faults (5xx)" } th { "Mean time" } } }
                tbody { @for service in services {
                    @let counts = Counts::of(service.summary_statistics.as_ref());
                    tr {
                        td { (name(service)) }
                        td.quiet { (service.r#type.as_deref().unwrap_or_default()) }
                        (cells(counts))
                    }
                } }
            }
            h2 { "Calls" }
            table {
                thead { tr { th { "From" } th { "To" } th { "Requests" } th { "Errors (4xx)" } th { "Faults (5xx)" } th { "Mean time" } } }
                tbody { @for service in services { @for edge in &service.edges {
                    tr {
                        td { (name(service)) }
                        td { (of(edge.reference_id).map_or("?", name)) }
                        (cells(Counts::of(edge.summary_statistics.as_ref())))
                    }
                } } }
            }
        }
    }
}

fn cells(counts: Counts) -> Markup {
    html! {
        td.number { (count(counts.total)) }
        td.number { (count(counts.errors)) " " span.quiet { (percent(real(counts.errors), real(counts.total))) } }
        td.number { (count(counts.faults)) " " span.quiet { (percent(real(counts.faults), real(counts.total))) } }
        td.number { (counts.mean()) }
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
        assert_harmless(&tables(std::slice::from_ref(&service)));
        assert!(!picture(&[service]).into_string().contains("<script>"));
    }
}

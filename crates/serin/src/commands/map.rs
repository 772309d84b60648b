//! `serin map`: who calls whom, from traces, as a picture of text.

use std::time::Duration;

use anyhow::Result;
use api::xray::{GetServiceGraph, GetServiceGraphRequest, HistogramEntry, Service, ServiceStatistics};
use names::Clock;
use wire::{Client, ClientError};

use super::{connect, scopes};
use crate::{cli, print};

/// Prints the map of the last minutes.
pub(crate) async fn run(options: cli::Map) -> Result<()> {
    let client = connect(&options.target);
    let back = Duration::from_secs(u64::from(options.minutes) * 60);
    let mut all = Vec::new();
    for scope in scopes(&client, &options.target).await? {
        all.extend(graph(&client.in_scope(scope), back).await?);
    }
    if options.json {
        print::json(&all)?;
    } else if all.is_empty() {
        print::line(format_args!("No traces in the last {} minutes.", options.minutes))?;
    } else {
        print::text(draw(&all))?;
    }
    Ok(())
}

/// The service graph of the time from `back` ago to now.
pub(crate) async fn graph(client: &Client, back: Duration) -> Result<Vec<Service>, ClientError> {
    let now = Clock::System.now();
    let start = names::Timestamp::from_millis(now.as_millis() - i64::try_from(back.as_millis()).unwrap_or(i64::MAX));
    let request = GetServiceGraphRequest { start_time: start, end_time: now, ..Default::default() };
    Ok(client.call::<GetServiceGraph>(request).await?.services)
}

/// The graph as a tree from each root; a service that is reached twice is drawn once and named after that.
pub(crate) fn draw(services: &[Service]) -> String {
    let called: Vec<i32> = services.iter().flat_map(|s| &s.edges).filter_map(|edge| edge.reference_id).collect();
    let is_root = |service: &&Service| service.reference_id.is_none_or(|id| !called.contains(&id));
    let (mut out, mut drawn) = (String::new(), Vec::new());
    for root in services.iter().filter(is_root) {
        out.push_str(&line(root, root.summary_statistics.as_ref(), &root.response_time_histogram));
        out.push('\n');
        branches(services, root, "", &mut drawn, &mut out);
    }
    out
}

fn branches(services: &[Service], from: &Service, indent: &str, drawn: &mut Vec<i32>, out: &mut String) {
    if let Some(id) = from.reference_id {
        if drawn.contains(&id) {
            return;
        }
        drawn.push(id);
    }
    let last = from.edges.len().saturating_sub(1);
    for (index, edge) in from.edges.iter().enumerate() {
        let Some(to) = services.iter().find(|s| s.reference_id == edge.reference_id) else { continue };
        let (branch, below) = if index == last { ("└─▶ ", "    ") } else { ("├─▶ ", "│   ") };
        let text = line(to, edge.summary_statistics.as_ref(), &edge.response_time_histogram);
        out.push_str(&format!("{indent}{branch}{text}\n"));
        branches(services, to, &format!("{indent}{below}"), drawn, out);
    }
}

/// `api_1_todo  200 requests, 0 errors, 0 faults, 1.2 ms, p50 1.1 ms, p99 3.4 ms`.
fn line(service: &Service, statistics: Option<&ServiceStatistics>, histogram: &[HistogramEntry]) -> String {
    let name = service.name.as_deref().unwrap_or("?");
    let kind =
        service.r#type.as_deref().filter(|kind| !kind.is_empty()).map(|kind| format!(" ({kind})")).unwrap_or_default();
    let Some(statistics) = statistics else { return format!("{name}{kind}") };
    let total = statistics.total_count.unwrap_or(0);
    let faults = statistics.fault_statistics.as_ref().and_then(|f| f.total_count).unwrap_or(0);
    let errors = statistics.error_statistics.as_ref().and_then(|e| e.total_count).unwrap_or(0);
    if total == 0 {
        return format!("{name}{kind}");
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of requests fit into 53 bits")]
    let mean = statistics.total_response_time.unwrap_or(0.0) * 1000.0 / total as f64;
    let mut text = format!("{name}{kind}  {total} requests, {errors} errors, {faults} faults, {mean:.1} ms");
    for (name, percent) in [("p50", 50), ("p99", 99)] {
        if let Some(seconds) = quantile(histogram, percent) {
            text.push_str(&format!(", {name} {:.1} ms", seconds * 1000.0));
        }
    }
    text
}

/// The time in seconds that so many of 100 requests did not exceed, as well as a histogram knows it.
fn quantile(histogram: &[HistogramEntry], percent: i64) -> Option<f64> {
    let mut entries: Vec<_> =
        histogram.iter().map(|entry| (entry.value.unwrap_or(0.0), i64::from(entry.count.unwrap_or(0)))).collect();
    entries.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (total, mut passed): (i64, i64) = (entries.iter().map(|(_, count)| count).sum(), 0);
    entries.into_iter().find_map(|(value, count)| {
        passed += count;
        (count > 0 && passed * 100 >= total * percent).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::xray::Edge;

    fn statistics(total: i64) -> ServiceStatistics {
        ServiceStatistics { total_count: Some(total), total_response_time: Some(0.006), ..Default::default() }
    }

    fn service(id: i32, name: &str, to: &[i32]) -> Service {
        let statistics = statistics(3);
        let edge = |id: &i32| Edge {
            reference_id: Some(*id),
            summary_statistics: Some(statistics.clone()),
            ..Default::default()
        };
        Service {
            reference_id: Some(id),
            name: Some(name.into()),
            edges: to.iter().map(edge).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn the_map_is_a_tree_and_ends_on_circles() {
        let services =
            [service(0, "client", &[1]), service(1, "gateway", &[2, 3]), service(2, "v1", &[1]), service(3, "v2", &[])];
        let statistics = "3 requests, 0 errors, 0 faults, 2.0 ms";
        let wanted = format!(
            "client\n└─▶ gateway  {statistics}\n    ├─▶ v1  {statistics}\n    │   └─▶ gateway  {statistics}\n    └─▶ v2  {statistics}\n"
        );
        assert_eq!(draw(&services), wanted);
    }

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let entry = |(value, count): (f64, i32)| HistogramEntry { value: Some(value), count: Some(count) };
        let histogram = [(0.5, 1), (0.001, 49), (0.002, 50)].map(entry);
        let text = line(&service(0, "api", &[]), Some(&statistics(3)), &histogram);
        assert_eq!(text, "api  3 requests, 0 errors, 0 faults, 2.0 ms, p50 2.0 ms, p99 2.0 ms");
        assert_eq!(quantile(&[], 50), None);
    }
}

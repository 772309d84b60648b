//! Numbers as the admin page shows them: Envoy's text, and Prometheus.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::{Latencies, group::Value, registry::Group};

/// Upper bounds of Prometheus buckets, in milliseconds: Envoy's.
const BOUNDS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10000.0,
    30000.0,
    60000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// Quantiles, by Envoy's names.
pub(super) const SHARES: [(&str, f64); 8] = [
    ("P0", 0.0),
    ("P25", 0.25),
    ("P50", 0.5),
    ("P75", 0.75),
    ("P90", 0.9),
    ("P95", 0.95),
    ("P99", 0.99),
    ("P100", 1.0),
];

/// `name: value` lines, sorted.
pub(crate) fn as_text(groups: &[Group], only: impl Fn(&str) -> bool) -> String {
    let mut lines = BTreeMap::new();
    for group in groups {
        for (name, value) in &group.metrics {
            let name = format!("{}.{name}", group.path);
            match value {
                Value::Counter(number) => drop(lines.insert(name, number.to_string())),
                Value::Gauge(number) => drop(lines.insert(name, number.to_string())),
                Value::Times(latencies) => drop(lines.insert(name, quantiles(latencies))),
                Value::Statuses { counts, by_code } => {
                    for (class, count) in classes(counts) {
                        lines.insert(format!("{name}_{class}xx"), count.to_string());
                    }
                    for (code, count) in counts.iter().filter(|_| *by_code) {
                        lines.insert(format!("{name}_{code}"), count.to_string());
                    }
                }
            }
        }
    }
    let kept = lines.iter().filter(|(name, _)| only(name));
    kept.fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {value}");
        text
    })
}

/// Prometheus' text format, version 0.0.4.
pub(crate) fn as_prometheus(groups: &[Group], only: impl Fn(&str) -> bool) -> String {
    let mut families: BTreeMap<String, (&str, Vec<String>)> = BTreeMap::new();
    let mut add = |family: String, kind: &'static str, line: String| {
        families.entry(family).or_insert_with(|| (kind, Vec::new())).1.push(line);
    };
    for group in groups {
        for (name, value) in &group.metrics {
            let family = format!("{}_{}", group.family, name.replace('.', "_"));
            let labels = |more: &[(&str, String)]| labels(&group.labels, more);
            match value {
                Value::Counter(number) => add(family.clone(), "counter", format!("{family}{} {number}", labels(&[]))),
                Value::Gauge(number) => add(family.clone(), "gauge", format!("{family}{} {number}", labels(&[]))),
                Value::Times(latencies) => {
                    add(family.clone(), "histogram", buckets(&family, &labels, latencies));
                }
                Value::Statuses { counts, by_code } => {
                    for (class, count) in classes(counts) {
                        let labels = labels(&[("envoy_response_code_class", class.to_string())]);
                        add(format!("{family}_xx"), "counter", format!("{family}_xx{labels} {count}"));
                    }
                    for (code, count) in counts.iter().filter(|_| *by_code) {
                        let labels = labels(&[("envoy_response_code", code.to_string())]);
                        add(family.clone(), "counter", format!("{family}{labels} {count}"));
                    }
                }
            }
        }
    }
    let mut text = String::new();
    for (family, (kind, lines)) in families.iter().filter(|(family, _)| only(family)) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# TYPE {family} {kind}\n{}", lines.join("\n"));
    }
    text
}

/// How often each class of status codes was seen. All five are there, as dashboards divide by them.
pub(crate) fn classes(counts: &BTreeMap<u16, u64>) -> impl Iterator<Item = (u16, u64)> {
    let of = |class: u16| counts.range(class * 100..(class + 1) * 100).map(|(_, count)| count).sum();
    (1..=5).map(move |class| (class, of(class)))
}

fn labels(own: &[(&str, String)], more: &[(&str, String)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let all: Vec<String> =
        own.iter().chain(more).map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

fn buckets(family: &str, labels: &dyn Fn(&[(&str, String)]) -> String, latencies: &Latencies) -> String {
    let mut text = String::new();
    for bound in BOUNDS {
        let count = latencies.upto(Duration::from_secs_f64(bound / 1000.0));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{family}_bucket{} {count}", labels(&[("le", bound.to_string())]));
    }
    let (count, sum) = (latencies.count(), latencies.sum().as_secs_f64() * 1000.0);
    let none = labels(&[]);
    let all = labels(&[("le", "+Inf".to_owned())]);
    let _ = write!(text, "{family}_bucket{all} {count}\n{family}_sum{none} {sum}\n{family}_count{none} {count}");
    text
}

/// Quantiles as Envoy shows them: of the last interval, which we don't keep apart, and of all time.
fn quantiles(latencies: &Latencies) -> String {
    if latencies.count() == 0 {
        return "No recorded values".to_owned();
    }
    let show = |(name, share): &(&str, f64)| {
        let time = latencies.quantile(*share).unwrap_or_default();
        format!("{name}(nan,{})", time.as_secs_f64() * 1000.0)
    };
    SHARES.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Registry, ServerFacts};

    const SERVER: ServerFacts = ServerFacts { live: true, state: 0, uptime_seconds: 5, concurrency: 2 };

    fn groups() -> Vec<Group> {
        let registry = Registry::default();
        for _ in 0..2 {
            let counters = registry.cluster("api:80").local();
            counters.statuses.record(200);
            counters.rq_time.record(Duration::from_millis(3));
        }
        registry.manager("ingress").local().statuses.record(503);
        registry.groups(SERVER)
    }

    #[test]
    fn text_has_envoys_names() {
        let text = as_text(&groups(), |_| true);
        for line in [
            "cluster.api_80.upstream_rq_200: 2",
            "cluster.api_80.upstream_rq_2xx: 2",
            "http.ingress.downstream_rq_5xx: 1",
            "server.live: 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(as_text(&groups(), |name| name.starts_with("server.")).starts_with("server.concurrency: 2\n"));
    }

    #[test]
    fn prometheus_has_tags_and_one_type_for_each_family() {
        let text = as_prometheus(&groups(), |_| true);
        for line in [
            r#"envoy_cluster_upstream_rq{envoy_cluster_name="api_80",envoy_response_code="200"} 2"#,
            r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="api_80",envoy_response_code_class="2"} 2"#,
            r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="api_80",le="5"} 2"#,
            r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="api_80",le="1"} 0"#,
            r#"envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="ingress",envoy_response_code_class="5"} 1"#,
            "envoy_server_live 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let mut unique = types.clone();
        unique.dedup();
        assert_eq!(types, unique);
    }
}

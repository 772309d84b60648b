//! Numbers as `/stats?format=json` shows them.

use serde_json::{Value as Json, json};

use super::{
    group::Value,
    registry::Group,
    render::{SHARES, classes},
};

/// All numbers whose name `only` wants, the histograms last as Envoy has them.
pub(crate) fn as_json(groups: &[Group], only: impl Fn(&str, &Value) -> bool) -> Json {
    let (mut stats, mut histograms) = (Vec::new(), Vec::new());
    for group in groups {
        for (name, value) in &group.metrics {
            let name = format!("{}.{name}", group.path);
            if !only(&name, value) {
                continue;
            }
            match value {
                Value::Counter(number) => stats.push(json!({ "name": name, "value": number })),
                Value::Gauge(number) => stats.push(json!({ "name": name, "value": number })),
                Value::Statuses { counts, by_code } => {
                    for (class, count) in classes(counts) {
                        stats.push(json!({ "name": format!("{name}_{class}xx"), "value": count }));
                    }
                    for (code, count) in counts.iter().filter(|_| *by_code) {
                        stats.push(json!({ "name": format!("{name}_{code}"), "value": count }));
                    }
                }
                Value::Times(latencies) => {
                    let value = |share: f64| latencies.quantile(share).map(|time| time.as_secs_f64() * 1000.0);
                    let values =
                        SHARES.iter().map(|(_, share)| json!({ "interval": null, "cumulative": value(*share) }));
                    histograms.push(json!({ "name": name, "values": values.collect::<Vec<_>>() }));
                }
            }
        }
    }
    if !histograms.is_empty() {
        let quantiles: Vec<f64> = SHARES.iter().map(|(_, share)| share * 100.0).collect();
        stats.push(json!({
            "histograms": { "supported_quantiles": quantiles, "computed_quantiles": histograms }
        }));
    }
    json!({ "stats": stats })
}

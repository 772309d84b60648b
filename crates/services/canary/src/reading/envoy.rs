//! Envoy's statistics of a cluster, as counts of ours.
//!
//! Envoy counts an attempt that it answers its client with under `upstream_rq_<n>xx`, its own 503 and 504 included, and
//! one that it tries again under `upstream_rq_retry`: with the status it had under `retry.upstream_rq_<n>xx`, and if it
//! had none (no connection, or one that broke) nowhere else. All are attempts, as our proxy counts them.
//!
//! Times are whole milliseconds, of answered attempts alone, and Envoy tells of them only when it has gathered them, once
//! in its flush interval. Its buckets are finer than ours, so little is lost.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Answer, Counts};
use crate::judge::Histogram;

/// Statistics that are read, and a gauge without which there is no cluster.
const WANTED: &str = r"((retry\.)?upstream_rq_[1-5]xx|upstream_rq_retry|upstream_rq_time|membership_healthy)";
const CLUSTER: &str = "cluster.";
const HEALTHY: &str = ".membership_healthy";
const RETRIED: &str = ".upstream_rq_retry";
const TIME: &str = ".upstream_rq_time";
const STATUS: &str = ".upstream_rq_";
const RETRY: &str = ".retry";
/// Characters that mean something in a regular expression.
const SPECIAL: &str = r"\.+*?()|[]{}^$";

/// The expression that selects the statistics of the clusters `names` and their variants. What has a slash in its name is
/// of requests that are counted apart.
pub(super) fn filter(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| escaped(&spelt(name))).collect();
    format!(r"^cluster\.({})(_[^/]*)?\.{WANTED}$", names.join("|"))
}

/// A cluster's name as it stands in statistics: colons part tags there.
fn spelt(name: &str) -> String {
    name.replace(':', "_")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if SPECIAL.contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// `/stats?format=json`.
#[derive(Deserialize)]
struct Statistics {
    stats: Vec<Statistic>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Statistic {
    Number { name: String, value: u64 },
    Histograms { histograms: Histograms },
    // A text, or what a later Envoy thinks of.
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Histograms {
    #[serde(default)]
    details: Vec<Times>,
}

#[derive(Deserialize)]
struct Times {
    name: String,
    /// Since the process began.
    #[serde(default)]
    totals: Vec<Bucket>,
}

/// So many values from `lower_bound` on, in milliseconds.
#[derive(Deserialize)]
struct Bucket {
    lower_bound: f64,
    width: f64,
    count: u64,
}

impl Bucket {
    /// The bucket of ours that its middle falls into. A whole millisecond stands for all up to the next.
    fn ours(&self) -> u16 {
        const MICROSECONDS: f64 = 1e3;
        let middle = (self.lower_bound + self.width.max(1.0) / 2.0) * MICROSECONDS;
        // A float becomes the nearest integer there is, and no number becomes zero.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, as it should")]
        Histogram::bucket_of(middle as u64)
    }
}

/// What one cluster has counted.
#[derive(Default)]
struct Counted {
    answered: u64,
    failed: u64,
    retried: u64,
    retried_unfailed: u64,
    latency: BTreeMap<u16, u64>,
    healthy: Option<u64>,
}

impl Counted {
    /// Adds what another variant of the cluster counted.
    fn add(&mut self, statistic: &str, value: u64) {
        let (retry, rest) = match statistic.strip_prefix(RETRY) {
            Some(rest) => (true, rest),
            None => (false, statistic),
        };
        let class = rest.strip_prefix(STATUS).filter(|class| class.ends_with("xx"));
        match (statistic, class) {
            (HEALTHY, _) => self.healthy = Some(self.healthy.unwrap_or(0).max(value)),
            (RETRIED, _) => self.retried += value,
            (_, Some(class)) if retry => self.retried_unfailed += if class == "5xx" { 0 } else { value },
            (_, Some(class)) => {
                self.answered += value;
                self.failed += if class == "5xx" { value } else { 0 };
            }
            _ => {}
        }
    }

    /// As counts of ours; none where there is no such cluster.
    fn counts(self) -> Option<Counts> {
        let healthy = u32::try_from(self.healthy?).unwrap_or(u32::MAX);
        let errors = self.failed + self.retried.saturating_sub(self.retried_unfailed);
        let latency = self.latency.into_iter().collect();
        Some(Counts { requests: self.answered + self.retried, errors, latency, healthy, ..Counts::default() })
    }
}

/// What an answer says of the clusters `names`.
pub(super) fn read(names: &[&str], body: &[u8]) -> Result<Answer, serde_json::Error> {
    let statistics: Statistics = serde_json::from_slice(body)?;
    let variants = Variants::of(names, &statistics);
    let mut counted: BTreeMap<&str, Counted> = BTreeMap::new();
    for statistic in &statistics.stats {
        match statistic {
            Statistic::Number { name, value } => {
                if let Some((cluster, statistic)) = variants.find(name) {
                    counted.entry(cluster).or_default().add(statistic, *value);
                }
            }
            Statistic::Histograms { histograms } => {
                for times in &histograms.details {
                    let Some((cluster, TIME)) = variants.find(&times.name) else { continue };
                    let latency = &mut counted.entry(cluster).or_default().latency;
                    times.totals.iter().for_each(|bucket| *latency.entry(bucket.ours()).or_default() += bucket.count);
                }
            }
            Statistic::Other(_) => {}
        }
    }
    let found = counted.into_iter().filter_map(|(name, counted)| Some((name.to_owned(), counted.counts()?)));
    Ok(found.collect())
}

/// The clusters there are, as statistics spell them, each with the one it is or is a variant of.
///
/// A variant's name may have dots, as statistics have; so it is found by the gauge that each cluster has once.
struct Variants<'n>(BTreeMap<String, &'n str>);

impl<'n> Variants<'n> {
    fn of(names: &[&'n str], statistics: &Statistics) -> Self {
        let numbers = statistics.stats.iter().filter_map(|statistic| match statistic {
            Statistic::Number { name, .. } => name.strip_prefix(CLUSTER)?.strip_suffix(HEALTHY),
            _ => None,
        });
        let of = |variant: &str| {
            names.iter().find(|cluster| {
                // A variant's name goes on with an underscore; another cluster's goes on otherwise.
                let rest = variant.strip_prefix(spelt(cluster).as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            })
        };
        Self(numbers.filter_map(|variant| Some((variant.to_owned(), *of(variant)?))).collect())
    }

    /// Which cluster the statistic `name` is about, and what it says of that, with the dot before it.
    fn find<'s>(&self, name: &'s str) -> Option<(&'n str, &'s str)> {
        let name = name.strip_prefix(CLUSTER)?;
        let dots = name.match_indices('.').map(|(place, _)| place);
        // The longest: what is left is the statistic's own name.
        let (place, cluster) = dots.filter_map(|dot| Some((dot, *self.0.get(&name[..dot])?))).next_back()?;
        Some((cluster, &name[place..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "cds_egress_m_v1_http_3000";
    const V2: &str = "cds_egress_m_v2_http_3000";

    /// As Envoy 1.40 answers, shortened.
    fn statistics(lines: &[(&str, u64)], times: &str) -> Vec<u8> {
        let lines: Vec<_> =
            lines.iter().map(|(name, value)| format!(r#"{{"name":"cluster.{name}","value":{value}}}"#)).collect();
        let histograms = format!(r#"{{"histograms":{{"supported_percentiles":[0,50],"details":[{times}]}}}}"#);
        format!(r#"{{"stats":[{},{histograms}]}}"#, lines.join(",")).into_bytes()
    }

    #[test]
    fn attempts_that_are_tried_again_count_with_what_became_of_them() {
        let lines = [
            ("cds_egress_m_v1_http_3000.membership_healthy", 2),
            ("cds_egress_m_v1_http_3000.retry.upstream_rq_4xx", 1),
            ("cds_egress_m_v1_http_3000.retry.upstream_rq_5xx", 25),
            ("cds_egress_m_v1_http_3000.upstream_rq_2xx", 88),
            ("cds_egress_m_v1_http_3000.upstream_rq_4xx", 7),
            ("cds_egress_m_v1_http_3000.upstream_rq_5xx", 12),
            // 40 of these had no answer at all.
            ("cds_egress_m_v1_http_3000.upstream_rq_retry", 66),
        ];
        let answer = read(&[V1, V2], &statistics(&lines, "")).unwrap();
        let counts = &answer[V1];
        assert_eq!((counts.requests, counts.errors, counts.healthy), (88 + 7 + 12 + 66, 12 + 25 + 40, 2));
        assert!(!answer.contains_key(V2), "there is no such cluster");
    }

    #[test]
    fn a_variant_counts_with_its_cluster_and_another_s_counts_do_not() {
        let lines = [
            ("cds_egress_m_v1_http_3000.membership_healthy", 1),
            ("cds_egress_m_v1_http_3000.upstream_rq_2xx", 1),
            ("cds_egress_m_v1_http_3000_ab12.membership_healthy", 3),
            ("cds_egress_m_v1_http_3000_ab12.upstream_rq_2xx", 10),
            ("cds_egress_m_v1_http_3000_ab12.external.upstream_rq_2xx", 100),
            ("cds_egress_m_v1_http_30001.upstream_rq_2xx", 1000),
        ];
        let answer = read(&[V1], &statistics(&lines, "")).unwrap();
        assert_eq!((answer[V1].requests, answer[V1].healthy), (11, 3));
    }

    #[test]
    fn a_variant_s_name_may_have_dots() {
        let lines = [
            ("cds_egress_m_v1_http_3000_api.internal.membership_healthy", 2),
            ("cds_egress_m_v1_http_3000_api.internal.upstream_rq_2xx", 7),
            ("cds_egress_m_v1_http_3000_api.internal.internal.upstream_rq_2xx", 7),
            ("cds_egress_m_v1_http_3000_api.internal.retry.upstream_rq_5xx", 1),
            ("cds_egress_m_v1_http_3000_api.internal.upstream_rq_retry", 1),
        ];
        let answer = read(&[V1], &statistics(&lines, "")).unwrap();
        assert_eq!((answer[V1].requests, answer[V1].errors, answer[V1].healthy), (8, 1, 2));
    }

    #[test]
    fn times_fall_into_our_buckets_each_once() {
        let times = r#"{"name":"cluster.cds_egress_m_v1_http_3000.upstream_rq_time","percentiles":[],"intervals":[],
            "totals":[{"lower_bound":0,"width":0,"count":5},{"lower_bound":3,"width":0.1,"count":2},
                      {"lower_bound":16,"width":1,"count":4},{"lower_bound":17,"width":1,"count":1}]}"#;
        let lines = [("cds_egress_m_v1_http_3000.membership_healthy", 1)];
        let answer = read(&[V1], &statistics(&lines, times)).unwrap();
        let bucket = |microseconds| Histogram::bucket_of(microseconds);
        let slow = (bucket(16_500), 5);
        assert_eq!(answer[V1].latency, [(bucket(500), 5), (bucket(3500), 2), slow], "the last two are one of ours");
    }

    #[test]
    fn what_is_no_number_and_what_has_no_histograms_is_read_all_the_same() {
        let body =
            br#"{"stats":[{"name":"cluster.a.x","value":"text"},{"name":"cluster.a.membership_healthy","value":1},
            {"name":"cluster.a.upstream_rq_2xx","value":3}]}"#;
        let answer = read(&["a"], body).unwrap();
        assert_eq!((answer["a"].requests, answer["a"].latency.len()), (3, 0));
        assert!(read(&["a"], b"usage: /stats").is_err());
    }

    #[test]
    fn a_name_is_taken_as_it_is_and_not_as_an_expression() {
        let filter = filter(&["cds_egress_m.x_v+1_http_80", "a:b"]);
        assert!(filter.starts_with(r"^cluster\.(cds_egress_m\.x_v\+1_http_80|a_b)(_[^/]*)?\.("), "{filter}");
        let lines = [("a_b.membership_healthy", 1), ("a_b.upstream_rq_2xx", 4)];
        assert_eq!(read(&["a:b"], &statistics(&lines, "")).unwrap()["a:b"].requests, 4);
    }
}

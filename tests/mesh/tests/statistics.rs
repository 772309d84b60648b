//! Statistics that both data planes send by `DogStatsD`: as many requests as there were, under the same names and tags.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use conformance::{Group, Identity, Loads, Stage};
use serde_json::json;

/// How many requests are counted.
const ENOUGH: usize = 200;
/// How long what is counted may take to be told, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What every line about the cluster of `a` carries.
const TAGS: [&str; 3] =
    ["envoy.cluster_name:cds_egress_m_a_http_3000", "appmesh.mesh:m", "appmesh.virtual_node:client"];

/// A line: its name, its value, its kind, the rate it was drawn by, and its tags.
struct Line<'a> {
    name: &'a str,
    value: f64,
    kind: &'a str,
    rate: f64,
    tags: BTreeSet<&'a str>,
}

impl<'a> Line<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split('|');
        let (name, value) = parts.next()?.split_once(':')?;
        let kind = parts.next()?;
        let (mut rate, mut tags) = (1.0, BTreeSet::new());
        for part in parts {
            if let Some(text) = part.strip_prefix('@') {
                rate = text.parse().ok()?;
            }
            tags.extend(part.strip_prefix('#').into_iter().flat_map(|tags| tags.split(',')));
        }
        Some(Self { name, value: value.parse().ok()?, kind, rate, tags })
    }

    fn is(&self, name: &str, kind: &str, tags: &[&str]) -> bool {
        self.name == name && self.kind == kind && tags.iter().chain(&TAGS).all(|tag| self.tags.contains(tag))
    }
}

/// What is told of requests to `a`: all, those answered with 200, and times taken.
#[derive(Debug, Default)]
struct Told {
    all: f64,
    well: f64,
    times: f64,
}

impl Told {
    fn add(&mut self, line: &Line<'_>) {
        if line.is("envoy.cluster.upstream_rq_total", "c", &[]) {
            self.all += line.value;
        }
        if line.is("envoy.cluster.upstream_rq", "c", &["envoy.response_code:200"]) {
            self.well += line.value;
        }
        if line.is("envoy.cluster.upstream_rq_time", "ms", &[]) {
            self.times += 1.0 / line.rate;
        }
    }

    fn is_all(&self, wanted: f64) -> bool {
        [self.all, self.well, self.times].iter().all(|told| (told - wanted).abs() < 0.5)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_requests_are_told_as_there_were() {
    let group: Group = serde_json::from_value(json!({ "about": "statistics", "cases": [] })).expect("a group");
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    stage.apply(&group).await;
    let loads = Loads::start(&stage, "/");
    loads.more(ENOUGH).await;
    for (kind, tally) in loads.unharmed().await {
        let plane = stage.plane(Identity::Client, kind).expect("a proxy");
        let wanted = f64::from(u32::try_from(tally.total()).expect("few requests"));
        let (begun, mut told) = (Instant::now(), Told::default());
        while !told.is_all(wanted) {
            assert!(begun.elapsed() < PATIENCE, "{}: {told:?} of {wanted}", kind.as_str());
            for text in plane.statistics() {
                let line = Line::read(&text).unwrap_or_else(|| panic!("{}: `{text}` is no line", kind.as_str()));
                told.add(&line);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

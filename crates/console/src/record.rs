//! The records of canaries, judged anew: how the evidence came to be, for charts, and whether it comes out the same.
//!
//! A record holds what the judge saw, second by second, and not what it thought in between. So that is worked out here,
//! by the judge itself. A live page asks every second; a record is read anew only when the canary has moved on, and at
//! most every few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::{
    Fault,
    canary::{CanaryDescription, GetCanaryRecord, GetCanaryRecordRequest},
};
use canary::judge::{
    Histogram, Judge,
    record::{self, Entry},
};
use tokio::time::Instant;

use crate::ask::Cx;

/// How long what was read counts as new while a canary goes on.
const FRESH: Duration = Duration::from_secs(4);
/// Records that are kept read.
const KEPT_MAX: usize = 16;
/// Parts of a record that are read: about as many MiB.
const PARTS_MAX: usize = 16;
/// Points of a line.
const POINTS_MAX: usize = 240;

/// A line: seconds since the first tick, and the value then.
pub(crate) type Points = Vec<(f64, f64)>;

/// What a record tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    /// The fortune of the bets against the new version.
    pub(crate) e_value: Points,
    /// Half of the requests of the old version, and of the new one, took at most so many seconds.
    pub(crate) median: (Points, Points),
    /// The same of 99 in 100.
    pub(crate) slowest: (Points, Points),
    /// Over all of the record: median and 99 in 100 of the old version, and of the new one.
    pub(crate) latency: ([Option<f64>; 2], [Option<f64>; 2]),
    /// How often was looked, how often decided.
    pub(crate) ticks: usize,
    pub(crate) decisions: usize,
    /// Decisions that come out otherwise now; none where the record could not be replayed.
    pub(crate) differences: Option<usize>,
    /// Whether there is more than was read.
    pub(crate) is_cut: bool,
}

/// Records that were read.
#[derive(Default)]
pub(crate) struct Records(Mutex<HashMap<String, Read>>);

struct Read {
    at: Instant,
    version: u64,
    history: Arc<History>,
}

/// What a canary's record tells.
pub(crate) async fn history(cx: &Cx, canary: &CanaryDescription) -> Result<Arc<History>, Fault> {
    let key = format!("{}/{}", cx.scope, canary.id);
    let records = &cx.console.records;
    if let Some(history) = records.fresh(&key, canary.version) {
        return Ok(history);
    }
    let (lines, is_cut) = lines(cx, &canary.id).await?;
    let judged = tokio::task::spawn_blocking(move || judged(&lines, is_cut)).await.map_err(Fault::internal)?;
    let history = Arc::new(judged);
    records.keep(key, canary.version, Arc::clone(&history));
    Ok(history)
}

impl Records {
    fn fresh(&self, key: &str, version: u64) -> Option<Arc<History>> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = records.get(key)?;
        (read.version == version || read.at.elapsed() < FRESH).then(|| Arc::clone(&read.history))
    }

    fn keep(&self, key: String, version: u64, history: Arc<History>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= KEPT_MAX && !records.contains_key(&key) {
            let oldest = records.iter().min_by_key(|(_, read)| read.at).map(|(key, _)| key.clone());
            oldest.map(|key| records.remove(&key));
        }
        records.insert(key, Read { at: Instant::now(), version, history });
    }
}

async fn lines(cx: &Cx, id: &str) -> Result<(Vec<String>, bool), Fault> {
    let (mut lines, mut offset) = (Vec::new(), Some(0));
    for _ in 0..PARTS_MAX {
        let Some(from) = offset else { break };
        let request = GetCanaryRecordRequest { canary: id.to_owned(), offset: from };
        let part = cx.call::<GetCanaryRecord>(request).await?;
        lines.extend(part.lines);
        offset = part.next_offset;
    }
    Ok((lines, offset.is_some()))
}

fn judged(lines: &[String], is_cut: bool) -> History {
    let replay = record::replay(lines.iter().map(String::as_str));
    let mut history = History {
        differences: replay.as_ref().ok().map(|replay| replay.differences.len()),
        decisions: replay.as_ref().map_or(0, |replay| replay.decisions.len()),
        ticks: replay.as_ref().map_or(0, |replay| replay.ticks),
        is_cut,
        ..History::default()
    };
    let entries = lines.iter().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let step = history.ticks.div_ceil(POINTS_MAX).max(1);
    let (mut judge, mut seconds, mut seen) = (None, 0.0, 0);
    let (mut window, mut whole) = (Arms::default(), Arms::default());
    for entry in entries {
        match (entry, &mut judge) {
            (Entry::Head(head), _) => judge = Some(Judge::new(head.settings)),
            (Entry::Tick(tick), Some(judge)) => {
                judge.observe(&tick);
                seconds += f64::from(tick.millis) / 1000.0;
                seen += 1;
                for stratum in &tick.strata {
                    window.add(&stratum.baseline.latency, &stratum.canary.latency);
                    whole.add(&stratum.baseline.latency, &stratum.canary.latency);
                }
                if seen % step == 0 {
                    history.e_value.push((seconds, judge.log_value().clamp(-20.0, 40.0).exp()));
                    history.point(seconds, &std::mem::take(&mut window));
                }
            }
            _ => {}
        }
    }
    history.latency =
        ([at(&whole.baseline, 500), at(&whole.baseline, 990)], [at(&whole.canary, 500), at(&whole.canary, 990)]);
    history
}

/// Latencies of both versions.
#[derive(Default)]
struct Arms {
    baseline: Histogram,
    canary: Histogram,
}

impl Arms {
    fn add(&mut self, baseline: &Histogram, canary: &Histogram) {
        self.baseline.merge(baseline);
        self.canary.merge(canary);
    }
}

impl History {
    fn point(&mut self, seconds: f64, arms: &Arms) {
        let put = |points: &mut Points, value: Option<f64>| points.extend(value.map(|value| (seconds, value)));
        put(&mut self.median.0, at(&arms.baseline, 500));
        put(&mut self.median.1, at(&arms.canary, 500));
        put(&mut self.slowest.0, at(&arms.baseline, 990));
        put(&mut self.slowest.1, at(&arms.canary, 990));
    }
}

/// A quantile, in seconds.
fn at(histogram: &Histogram, permille: u16) -> Option<f64> {
    histogram.quantile(permille).map(|bucket| crate::words::real(Histogram::end_of(bucket)) / 1e6)
}

#[cfg(test)]
mod tests {
    use canary::judge::{Arm, Settings, Stratum, Tick};

    use super::*;

    fn tick(failed: u64) -> String {
        let mut latency = Histogram::default();
        (0..100).for_each(|_| latency.record(2000));
        let baseline = Arm { requests: 100, errors: 0, latency: latency.clone() };
        let canary = Arm { requests: 100, errors: failed, latency };
        let stratum = Stratum { name: "r".into(), baseline, canary, half: Arm::default(), users: Vec::new() };
        record::line(&Entry::Tick(Tick { millis: 1000, cold: false, strata: vec![stratum] }))
    }

    #[test]
    fn evidence_grows_where_the_new_version_fails_and_stays_where_it_does_not() {
        let head = record::line(&record::head("v2", &Settings::default()));
        let bad = judged(&[head.clone(), tick(20), tick(20), tick(20)], false);
        let good = judged(&[head, tick(0), tick(0), tick(0)], false);
        assert_eq!((bad.ticks, bad.differences, bad.e_value.len()), (3, Some(0), 3));
        assert!(bad.e_value[2].1 > 100.0 && good.e_value[2].1 <= 1.5, "{bad:?} {good:?}");
        assert!(bad.latency.0[0].is_some_and(|median| (0.002..0.003).contains(&median)));
    }

    #[test]
    fn what_is_no_record_tells_nothing() {
        let history = judged(&["{".to_owned()], false);
        assert_eq!((history.ticks, history.differences), (0, None));
    }
}

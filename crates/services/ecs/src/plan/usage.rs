//! From what tasks have used to metrics of `AWS/ECS`: pure.
//!
//! As at AWS each task of a service reports its share of what it reserved, three times a minute, under the names of its
//! cluster and its service: `SampleCount` of a minute is thrice the number of tasks. What reserves no processor units
//! is measured against the whole machine.

use std::{collections::BTreeMap, time::Duration};

use container::Usage;
use names::{Scope, Timestamp};
use telemetry::metrics::{MetricId, Point, Resolution, Set};

/// The namespace of these metrics.
const NAMESPACE: &str = "AWS/ECS";
/// Processor units of one processor.
const UNITS: f64 = 1024.0;

/// A task of a service, and what it may use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) scope: Scope,
    pub(crate) cluster: String,
    pub(crate) service: String,
    /// Processor units.
    pub(crate) cpu: u32,
    /// MiB.
    pub(crate) memory: u64,
}

/// What tasks had used when they were last looked at, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    pub(crate) at: Timestamp,
    pub(crate) used: BTreeMap<String, Usage>,
}

/// What is reported, by whose it is.
pub(crate) type Reports = BTreeMap<Scope, Vec<(MetricId, Resolution, Point)>>;

/// The metrics of what `members` used between two readings.
pub(crate) fn reports(members: &BTreeMap<String, Member>, before: &Reading, now: &Reading) -> Reports {
    let elapsed = now.at.since(before.at).as_secs_f64();
    let mut sums: BTreeMap<(Scope, MetricId), Set> = BTreeMap::new();
    for (task, member) in members {
        let (Some(usage), Some(earlier)) = (now.used.get(task), before.used.get(task)) else { continue };
        let mut add = |name: &str, percent: f64| {
            let one = Set::of(percent, 1.0);
            let set = sums.entry((member.scope.clone(), metric(name, member)));
            set.and_modify(|set| set.add(&one)).or_insert(one);
        };
        if elapsed > 0.0 {
            add("CPUUtilization", processor(usage.processor.saturating_sub(earlier.processor), elapsed, member.cpu));
        }
        add("MemoryUtilization", memory(usage.memory_bytes, member.memory));
    }
    let mut reports = Reports::new();
    for ((scope, metric), set) in sums {
        let point = Point { time: now.at, unit: "Percent".to_owned(), set };
        reports.entry(scope).or_default().push((metric, Resolution::Minute, point));
    }
    reports
}

/// Percent of the processor time that `units` stand for.
fn processor(used: Duration, elapsed: f64, units: u32) -> f64 {
    used.as_secs_f64() / elapsed / (f64::from(units.max(1)) / UNITS) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory fit into 53 bits")]
fn memory(bytes: u64, mib: u64) -> f64 {
    bytes as f64 / (mib.max(1) << 20) as f64 * 100.0
}

fn metric(name: &str, member: &Member) -> MetricId {
    let dimensions = [("ClusterName", &member.cluster), ("ServiceName", &member.service)];
    MetricId {
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
        dimensions: dimensions.map(|(name, value)| (name.to_owned(), value.clone())).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> BTreeMap<String, Member> {
        let member = |cpu| Member {
            scope: Scope::default(),
            cluster: "c".to_owned(),
            service: "api".to_owned(),
            cpu,
            memory: 512,
        };
        [("a", 256), ("b", 512)].map(|(id, cpu)| (id.to_owned(), member(cpu))).into()
    }

    fn reading(seconds: i64, used: &[(&str, u64, u64)]) -> Reading {
        let used = used.iter().map(|(id, millis, mib)| {
            let usage = Usage { processor: Duration::from_millis(*millis), memory_bytes: mib << 20 };
            ((*id).to_owned(), usage)
        });
        Reading { at: Timestamp::from_millis(seconds * 1000), used: used.collect() }
    }

    fn sets(reports: &Reports) -> Vec<(&str, f64, f64, f64)> {
        let all = reports.values().flatten();
        all.map(|(metric, _, point)| (metric.name.as_str(), point.set.samples, point.set.minimum, point.set.maximum))
            .collect()
    }

    #[test]
    fn each_task_tells_its_share_of_what_it_reserved() {
        let before = reading(100, &[("a", 1000, 64), ("b", 0, 64)]);
        let now = reading(120, &[("a", 3500, 128), ("b", 1000, 256)]);
        let reports = reports(&members(), &before, &now);
        assert_eq!(sets(&reports), [("CPUUtilization", 2.0, 10.0, 50.0), ("MemoryUtilization", 2.0, 25.0, 50.0)]);
        let names: Vec<_> = reports[&Scope::default()][0].0.dimensions.values().cloned().collect();
        assert_eq!(names, ["c", "api"]);
    }

    #[test]
    fn who_is_new_or_gone_or_nobody_s_tells_nothing() {
        let before = reading(100, &[("a", 1000, 64)]);
        let now = reading(120, &[("b", 1000, 64), ("c", 1000, 64)]);
        assert_eq!(reports(&members(), &before, &now), Reports::new());
        // A count that went back is a new cgroup.
        let restarted = reading(120, &[("a", 10, 64)]);
        assert_eq!(sets(&reports(&members(), &before, &restarted))[0], ("CPUUtilization", 1.0, 0.0, 0.0));
    }
}

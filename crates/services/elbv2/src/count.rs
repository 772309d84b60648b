//! From what balancers count to metrics of `AWS/ApplicationELB`: pure.
//!
//! Metrics and their dimensions are those of CloudWatch's list for application load balancers: by load balancer, by
//! target group behind it, and by either in an availability zone, which is the target's.

use std::collections::{BTreeMap, BTreeSet};

use edge::balancers::{Counted, Totals};
use names::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};
use telemetry::metrics::{MetricId, Point, Resolution, Set, Spread};

use crate::{
    error::Error,
    plan::{self, World},
    rows::{GROUP, Uses},
};

/// The namespace of these metrics.
const NAMESPACE: &str = "AWS/ApplicationELB";
/// What stands before a balancer's name and id as metrics call it.
const APPLICATION: &str = "app/";

/// What was read last, so that nothing is counted twice or lost by a new start. One row for the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading(pub(crate) Vec<Counted>);

impl Row for Reading {
    const KIND: &'static str = "elbv2/reading.observed";
}

/// What is reported, by whose it is.
pub(crate) type Reports = BTreeMap<Scope, Vec<(MetricId, Resolution, Point)>>;

/// What the edge says it has counted; nothing before it has begun.
pub(crate) fn read(value: serde_json::Value) -> Result<Vec<Counted>, Error> {
    match value {
        serde_json::Value::Null => Ok(Vec::new()),
        value => serde_json::from_value(value).map_err(|error| Error::Strange(error.to_string())),
    }
}

/// What was counted since the last reading.
pub(crate) fn since(now: &[Counted], before: &[Counted]) -> Vec<Counted> {
    let known: BTreeMap<_, &Totals> = before.iter().map(|one| ((&one.balancer, &one.target), &one.totals)).collect();
    let news = now.iter().map(|one| {
        let before = known.get(&(&one.balancer, &one.target));
        Counted { totals: before.map_or_else(|| one.totals.clone(), |before| one.totals.since(before)), ..one.clone() }
    });
    news.filter(|one| one.totals != Totals::default()).collect()
}

/// The metrics of what was counted, and of how many targets are healthy; `health` are their states by key.
pub(crate) fn reports(world: &World, counted: &[Counted], health: &BTreeMap<Key, String>, now: Timestamp) -> Reports {
    let mut sums = Sums::default();
    let balancers: BTreeMap<String, &Key> = world.balancers.iter().map(|(key, _)| (plan::id(key), key)).collect();
    for one in counted {
        let Some(key) = balancers.get(&one.balancer) else { continue };
        let own = dimensions(&[("LoadBalancer", &format!("{APPLICATION}{}", key.name))]);
        for (digit, count) in (1..).zip(one.totals.own) {
            sums.count(key, &format!("HTTPCode_ELB_{digit}XX_Count"), &own, count);
        }
        let Some((group, Some(address))) = &one.target else { continue };
        let group = world.groups.iter().find(|(_, row)| row.settings.target_group_arn == *group);
        let zone =
            group.and_then(|(group, _)| zone(world, &Key::new(&group.scope, format!("{}/{address}", group.name))));
        for dimensions in views(&own, group.map(|(group, _)| group), zone) {
            sums.target(key, &dimensions, &one.totals);
        }
    }
    hosts(world, health, &mut sums);
    sums.reports(now)
}

/// The zone of the target at `key`; AWS's name of one that is nowhere in the VPC is `all`.
fn zone<'w>(world: &'w World, key: &Key) -> Option<&'w str> {
    let target = world.targets.iter().find(|(target, _)| target == key);
    target.map(|(_, target)| target.zone.as_str()).filter(|zone| !zone.is_empty() && *zone != "all")
}

/// By balancer, by group, and by both in a zone.
fn views(own: &Dimensions, group: Option<&Key>, zone: Option<&str>) -> Vec<Dimensions> {
    let mut all = vec![own.clone()];
    if let Some(group) = group {
        let mut grouped = own.clone();
        grouped.insert("TargetGroup".to_owned(), format!("{GROUP}{}", group.name));
        all.push(grouped);
    }
    let zoned = zone.into_iter().flat_map(|zone| {
        all.clone().into_iter().map(move |mut dimensions| {
            dimensions.insert("AvailabilityZone".to_owned(), zone.to_owned());
            dimensions
        })
    });
    let zoned: Vec<_> = zoned.collect();
    all.extend(zoned);
    all
}

/// How many targets are healthy and how many are not, of each group behind each balancer.
fn hosts(world: &World, health: &BTreeMap<Key, String>, sums: &mut Sums) {
    let uses = Uses::of(&world.listeners, &world.rules);
    for (group, row) in &world.groups {
        for balancer in uses.balancers(&row.settings.target_group_arn).collect::<BTreeSet<_>>() {
            let balancer = Key::new(&group.scope, balancer);
            let own = dimensions(&[("LoadBalancer", &format!("{APPLICATION}{}", balancer.name))]);
            let mut counts: BTreeMap<Dimensions, (u64, u64)> = BTreeMap::new();
            for view in views(&own, Some(group), None).into_iter().skip(1) {
                counts.insert(view, (0, 0));
            }
            for (target, asked) in world.targets.iter().filter(|(target, _)| plan::owns(group, target)) {
                let is_healthy = health.get(target).is_some_and(|state| state == "healthy");
                let counts_at_all = asked.leaving.is_none();
                for view in views(&own, Some(group), zone(world, target)) {
                    if counts_at_all && view.contains_key("TargetGroup") {
                        let (healthy, unhealthy) = counts.entry(view).or_default();
                        *(if is_healthy { healthy } else { unhealthy }) += 1;
                    }
                }
            }
            for (view, (healthy, unhealthy)) in counts {
                sums.gauge(&balancer, "HealthyHostCount", &view, healthy);
                sums.gauge(&balancer, "UnHealthyHostCount", &view, unhealthy);
            }
        }
    }
}

type Dimensions = BTreeMap<String, String>;

fn dimensions(pairs: &[(&str, &str)]) -> Dimensions {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Numbers by whose they are and by metric, several targets' added up.
#[derive(Default)]
struct Sums(BTreeMap<(Scope, MetricId), (&'static str, Set)>);

impl Sums {
    /// All that is counted of a target, under one set of dimensions.
    fn target(&mut self, balancer: &Key, dimensions: &Dimensions, totals: &Totals) {
        self.count(balancer, "RequestCount", dimensions, totals.requests);
        self.count(balancer, "TargetConnectionErrorCount", dimensions, totals.connection_errors);
        for (digit, count) in (1..).zip(totals.answers).skip(1) {
            self.count(balancer, &format!("HTTPCode_Target_{digit}XX_Count"), dimensions, count);
        }
        if let Some(times) = times(totals) {
            self.add(balancer, "TargetResponseTime", dimensions, "Seconds", times);
        }
    }

    /// A count of events. One that did not happen is not reported, as at AWS.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests fit into 53 bits")]
    fn count(&mut self, balancer: &Key, name: &str, dimensions: &Dimensions, count: u64) {
        if count > 0 {
            self.add(balancer, name, dimensions, "Count", Set::of(1.0, count as f64));
        }
    }

    /// A number as it is now.
    #[expect(clippy::cast_precision_loss, reason = "targets are few")]
    fn gauge(&mut self, balancer: &Key, name: &str, dimensions: &Dimensions, value: u64) {
        self.add(balancer, name, dimensions, "Count", Set::of(value as f64, 1.0));
    }

    fn add(&mut self, balancer: &Key, name: &str, dimensions: &Dimensions, unit: &'static str, set: Set) {
        let metric =
            MetricId { namespace: NAMESPACE.to_owned(), name: name.to_owned(), dimensions: dimensions.clone() };
        let kept = self.0.entry((balancer.scope.clone(), metric));
        kept.and_modify(|(_, kept)| kept.add(&set)).or_insert((unit, set));
    }

    fn reports(self, time: Timestamp) -> Reports {
        let mut reports = Reports::new();
        for ((scope, metric), (unit, set)) in self.0 {
            let point = Point { time, unit: unit.to_owned(), set };
            reports.entry(scope).or_default().push((metric, Resolution::Minute, point));
        }
        reports
    }
}

/// Times until answers began. Their sum is exact, the single ones are known to a part in a hundred.
#[expect(clippy::cast_precision_loss, reason = "counts and microseconds fit into 53 bits")]
fn times(totals: &Totals) -> Option<Set> {
    let (first, last) = (totals.times.first_key_value()?, totals.times.last_key_value()?);
    let mut spread = Spread::default();
    for (bucket, count) in &totals.times {
        spread.add(&Spread::of(Totals::seconds(*bucket), *count as f64));
    }
    Some(Set {
        samples: totals.times.values().sum::<u64>() as f64,
        sum: totals.micros as f64 / 1e6,
        minimum: Totals::seconds(*first.0),
        maximum: Totals::seconds(*last.0),
        spread: Some(spread),
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use api::elbv2::{Action, TargetGroup};

    use super::*;
    use crate::rows::{Group, Listener, LoadBalancer, Target};

    const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/g/1";

    fn world() -> World {
        let key = |name: &str| Key::new(&Scope::default(), name);
        let settings = TargetGroup { target_group_arn: ARN.to_owned(), ..TargetGroup::default() };
        let forward = Action { target_group_arn: Some(ARN.to_owned()), ..Action::default() };
        let balancer = LoadBalancer {
            name: "web".to_owned(),
            id: "7".to_owned(),
            dns_name: String::new(),
            created: Timestamp::from_millis(0),
            scheme: String::new(),
            vpc_id: String::new(),
            subnets: Vec::new(),
            security_groups: Vec::new(),
            attributes: BTreeMap::new(),
            tags: names::Tags::default(),
            deleted: false,
        };
        let listener = Listener {
            load_balancer: "web/7".to_owned(),
            id: "l".to_owned(),
            port: 80,
            tls: None,
            actions: vec![forward],
            tags: names::Tags::default(),
        };
        let target = |address: &str, zone: &str| {
            let row = Target { address: address.to_owned(), port: 80, zone: zone.to_owned(), leaving: None };
            (key(&format!("g/1/{address}:80")), row)
        };
        World {
            balancers: vec![(key("web/7"), balancer)],
            listeners: vec![(key("web/7/l"), listener)],
            groups: vec![(key("g/1"), Group { settings, attributes: BTreeMap::new(), tags: names::Tags::default() })],
            targets: vec![target("10.0.0.1", "us-east-1a"), target("10.0.0.2", "us-east-1b")],
            ..World::default()
        }
    }

    fn counted(address: [u8; 4], requests: u64, answers: [u64; 5]) -> Counted {
        let target = Some((ARN.to_owned(), Some(SocketAddr::from((address, 80)))));
        let times = BTreeMap::from([(350, requests)]);
        let totals = Totals { requests, answers, times, micros: requests * 1000, ..Totals::default() };
        Counted { balancer: plan::id(&world().balancers[0].0), target, totals }
    }

    /// The sum of each metric, by its name and its dimensions' values.
    fn sums(reports: &Reports) -> BTreeMap<String, f64> {
        let name = |metric: &MetricId| {
            let values: Vec<_> = metric.dimensions.values().map(String::as_str).collect();
            format!("{} {}", metric.name, values.join(" "))
        };
        reports.values().flatten().map(|(metric, _, point)| (name(metric), point.set.sum)).collect()
    }

    #[test]
    fn requests_are_told_by_balancer_by_group_and_by_zone() {
        let own = Counted {
            totals: Totals { own: [0, 0, 1, 0, 2], ..Totals::default() },
            target: None,
            ..counted([0; 4], 0, [0; 5])
        };
        let counts = [counted([10, 0, 0, 1], 3, [0, 3, 0, 0, 0]), counted([10, 0, 0, 2], 2, [0, 1, 0, 0, 1]), own];
        let reports = reports(&world(), &counts, &BTreeMap::new(), Timestamp::from_millis(0));
        let sums = sums(&reports);
        for (metric, sum) in [
            ("RequestCount app/web/7", 5.0),
            ("RequestCount app/web/7 targetgroup/g/1", 5.0),
            ("RequestCount us-east-1a app/web/7", 3.0),
            ("RequestCount us-east-1b app/web/7 targetgroup/g/1", 2.0),
            ("HTTPCode_Target_2XX_Count app/web/7", 4.0),
            ("HTTPCode_Target_5XX_Count app/web/7 targetgroup/g/1", 1.0),
            ("HTTPCode_ELB_5XX_Count app/web/7", 2.0),
            ("HTTPCode_ELB_3XX_Count app/web/7", 1.0),
        ] {
            assert_eq!(sums.get(metric), Some(&sum), "{metric} in {sums:?}");
        }
        assert!((sums["TargetResponseTime app/web/7"] - 0.005).abs() < 1e-9);
        // What did not happen is not reported.
        assert!(!sums.contains_key("HTTPCode_Target_4XX_Count app/web/7"), "{sums:?}");
        let all = &reports[&Scope::default()];
        let times = all.iter().find(|(metric, ..)| metric.name == "TargetResponseTime").unwrap();
        let percentile = times.2.set.percentile(99.0).unwrap();
        assert!((percentile - 0.001).abs() < 0.00005, "{percentile}");
    }

    #[test]
    fn healthy_targets_are_counted_and_those_that_leave_are_not() {
        let mut world = world();
        let mut health = BTreeMap::from([(world.targets[0].0.clone(), "healthy".to_owned())]);
        health.insert(world.targets[1].0.clone(), "unhealthy".to_owned());
        let reports = |world: &World| sums(&super::reports(world, &[], &health, Timestamp::from_millis(0)));
        let found = reports(&world);
        assert_eq!(found.get("HealthyHostCount app/web/7 targetgroup/g/1"), Some(&1.0));
        assert_eq!(found.get("UnHealthyHostCount app/web/7 targetgroup/g/1"), Some(&1.0));
        assert_eq!(found.get("UnHealthyHostCount us-east-1a app/web/7 targetgroup/g/1"), Some(&0.0));
        world.targets[1].1.leaving = Some(Timestamp::from_millis(0));
        assert_eq!(reports(&world).get("UnHealthyHostCount app/web/7 targetgroup/g/1"), Some(&0.0));
    }

    #[test]
    fn only_what_is_new_is_told() {
        let before = [counted([10, 0, 0, 1], 3, [0, 3, 0, 0, 0])];
        assert!(since(&before, &before).is_empty());
        let now = [counted([10, 0, 0, 1], 5, [0, 5, 0, 0, 0]), counted([10, 0, 0, 2], 1, [0, 1, 0, 0, 0])];
        let news: Vec<_> = since(&now, &before).iter().map(|one| one.totals.requests).collect();
        assert_eq!(news, [2, 1]);
    }
}

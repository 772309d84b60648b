//! What the balancers have counted of target groups, read from the edge.

use std::collections::BTreeMap;

use api::elbv2::{DescribeTargetGroupCountsRequest, DescribeTargetGroupCountsResponse, Latency, TargetGroupCounts};
use edge::balancers::{COUNTS, Counted, Totals};
use store::Key;
use wire::Context;

use super::target_group;
use crate::{
    LoadBalancing, count,
    error::Error,
    rows::{Target, TargetObserved, Uses},
};

pub(crate) async fn describe_target_group_counts(
    cx: Context<LoadBalancing>,
    request: DescribeTargetGroupCountsRequest,
) -> Result<DescribeTargetGroupCountsResponse, Error> {
    let uses = Uses::of(&cx.store.list(cx.scope())?, &cx.store.list(cx.scope())?);
    let mut found = Vec::new();
    for arn in request.target_group_arns {
        let (key, _) = target_group::find(&cx.store, cx.scope(), &arn)?;
        if uses.has(&arn) {
            let healthy = healthy(&cx, &key)?;
            found.push(TargetGroupCounts { target_group_arn: arn, healthy, ..TargetGroupCounts::default() });
        }
    }
    // What is known already is what is asked for: the latest, at once.
    let observed = cx.edge.observe(COUNTS, 0).await.map_err(Error::Edge)?;
    let counted = count::read(observed.value)?;
    for counts in &mut found {
        add(counts, &counted);
    }
    Ok(DescribeTargetGroupCountsResponse { target_group_counts: found })
}

/// The group's targets that are healthy and do not leave.
fn healthy(cx: &Context<LoadBalancing>, group: &Key) -> Result<u32, Error> {
    let registered = cx.store.list_under::<Target>(cx.scope(), &format!("{}/", group.name))?;
    let mut healthy = 0;
    for (key, _) in registered.iter().filter(|(_, target)| target.leaving.is_none()) {
        let seen = cx.store.get::<TargetObserved>(key)?;
        healthy += u32::from(seen.is_some_and(|seen| seen.health.state == "healthy"));
    }
    Ok(healthy)
}

/// Adds what any balancer counted of the group and its targets.
fn add(counts: &mut TargetGroupCounts, counted: &[Counted]) {
    let is_of = |one: &&Counted| one.target.as_ref().is_some_and(|(group, _)| *group == counts.target_group_arn);
    let (mut times, mut half_times) = (BTreeMap::new(), BTreeMap::new());
    for one in counted.iter().filter(is_of) {
        let Totals { half, .. } = &one.totals;
        counts.all.requests += one.totals.answered();
        counts.all.errors += one.totals.failed();
        counts.half.requests += half.requests;
        counts.half.errors += half.errors;
        merge(&mut times, &one.totals.times);
        merge(&mut half_times, &half.times);
    }
    counts.all.latency = latency(&times);
    counts.half.latency = latency(&half_times);
}

fn merge(all: &mut BTreeMap<u32, u64>, times: &BTreeMap<u32, u64>) {
    for (bucket, count) in times {
        *all.entry(*bucket).or_default() += count;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds, of which a second has a million"
)]
fn latency(times: &BTreeMap<u32, u64>) -> Vec<Latency> {
    let one = |(bucket, count): (&u32, &u64)| Latency {
        microseconds: (Totals::seconds(*bucket) * 1e6).round() as u64,
        count: *count,
    };
    times.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use edge::balancers::Half;

    use super::*;

    #[test]
    fn a_groups_counts_are_those_of_its_targets_and_of_requests_that_found_none() {
        let address = |last: u8| SocketAddr::from(([10, 0, 0, last], 80));
        let one = |target, totals| Counted { balancer: "b".to_owned(), target, totals };
        let (times, half) = (BTreeMap::from([(350, 3)]), Half { requests: 2, errors: 1, times: BTreeMap::new() });
        let answers = [0, 3, 0, 0, 1];
        let blue = Totals { requests: 5, answers, own: [0, 0, 0, 0, 1], times, half, ..Totals::default() };
        let own = Totals { own: [0, 0, 1, 0, 2], ..Totals::default() };
        let counted = [
            one(Some(("blue".to_owned(), Some(address(1)))), blue.clone()),
            one(Some(("blue".to_owned(), Some(address(2)))), blue),
            one(Some(("blue".to_owned(), None)), own.clone()),
            one(Some(("green".to_owned(), Some(address(3)))), own.clone()),
            one(None, own),
        ];
        let mut counts = TargetGroupCounts { target_group_arn: "blue".to_owned(), ..TargetGroupCounts::default() };
        add(&mut counts, &counted);
        assert_eq!((counts.all.requests, counts.all.errors), (13, 6));
        assert_eq!((counts.half.requests, counts.half.errors), (4, 2));
        let [latency] = counts.all.latency[..] else { panic!("{counts:?}") };
        assert!((1000..1040).contains(&latency.microseconds) && latency.count == 6, "{latency:?}");
        assert_eq!(counts.half.latency, []);
    }
}

//! Which virtual nodes a change of a route is about, and what the route looks like on the way. Pure.

use api::appmesh::{RouteSpec, WeightedTarget};

use crate::{
    Error,
    policy::{Policy, Weight},
};

/// The node that loses and the node that gains by a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) baseline: String,
    pub(crate) canary: String,
}

/// The targets of a route, whichever kind it is.
pub(crate) fn targets(spec: &RouteSpec) -> &[WeightedTarget] {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| &route.action);
    let grpc = spec.grpc_route.as_ref().map(|route| &route.action);
    http.or(grpc).map_or(&[], |action| &action.weighted_targets)
}

fn targets_mut(spec: &mut RouteSpec) -> Option<&mut Vec<WeightedTarget>> {
    let http = spec.http_route.as_mut().or(spec.http2_route.as_mut()).map(|route| &mut route.action);
    let grpc = spec.grpc_route.as_mut().map(|route| &mut route.action);
    http.or(grpc).map(|action| &mut action.weighted_targets)
}

fn weight_of(spec: &RouteSpec, node: &str) -> u32 {
    targets(spec).iter().filter(|target| target.virtual_node == node).map(|target| target.weight).sum()
}

/// Who loses and who gains from `before` to `after`.
pub(crate) fn moved(before: &RouteSpec, after: &RouteSpec) -> Result<Move, Error> {
    if after.tcp_route.is_some() {
        return Err(Error::Invalid("a tcp route carries connections, of which nobody knows whether they went well: a canary needs http, http2 or grpc".to_owned()));
    }
    let mut nodes: Vec<&str> = targets(before).iter().chain(targets(after)).map(|t| t.virtual_node.as_str()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let share = |spec, node| f64::from(weight_of(spec, node)) / f64::from(total(spec).max(1));
    let (mut gains, mut loses) = (Vec::new(), Vec::new());
    for node in nodes {
        let (had, gets) = (share(before, node), share(after, node));
        if gets > had {
            gains.push(node);
        } else if gets < had || (had > 0.0 && gets > 0.0) {
            loses.push(node);
        }
    }
    match (loses.as_slice(), gains.as_slice()) {
        ([baseline], [canary]) if weight_of(after, baseline) == 0 => {
            Ok(Move { baseline: (*baseline).to_owned(), canary: (*canary).to_owned() })
        }
        ([baseline], [_]) => Err(Error::Invalid(format!(
            "a canary ends with all of the traffic at the new version, and `{baseline}` would keep some; say in the policy \
             with HoldBackPercent what it keeps meanwhile"
        ))),
        _ => Err(Error::Invalid(format!(
            "a canary moves traffic from one virtual node to one other; here {} lose and {} gain",
            loses.len(),
            gains.len()
        ))),
    }
}

fn total(spec: &RouteSpec) -> u32 {
    targets(spec).iter().map(|target| target.weight).sum()
}

/// Refuses weights that App Mesh's whole percents can't say.
pub(crate) fn check(policy: &Policy) -> Result<(), Error> {
    let steps = policy.steps.iter().map(|step| step.weight).chain([policy.hold_back_percent]);
    match steps.map(Weight::in_tenths).find(|tenths| !tenths.is_multiple_of(10)) {
        Some(tenths) => {
            Err(Error::Invalid(format!("{} %: weights of a route are whole percents", f64::from(tenths) / 10.0)))
        }
        None => Ok(()),
    }
}

/// `spec` with what `from` has at `to`.
pub(crate) fn renamed(spec: &RouteSpec, from: &str, to: &str) -> RouteSpec {
    let mut spec = spec.clone();
    for target in targets_mut(&mut spec).into_iter().flatten().filter(|target| target.virtual_node == from) {
        to.clone_into(&mut target.virtual_node);
    }
    spec
}

/// `after` on its way: the new version has `weight`, the old one the rest.
pub(crate) fn underway(before: &RouteSpec, after: &RouteSpec, between: &Move, weight: Weight) -> RouteSpec {
    if weight == Weight::ALL {
        return after.clone();
    }
    let mut spec = after.clone();
    let Some(targets_now) = targets_mut(&mut spec) else { return spec };
    if !targets_now.iter().any(|target| target.virtual_node == between.baseline) {
        let old = targets(before).iter().find(|target| target.virtual_node == between.baseline);
        targets_now.insert(0, old.cloned().unwrap_or_else(|| target(&between.baseline)));
    }
    let percent = u32::from(weight.in_tenths() / 10);
    for target in targets_now {
        target.weight = match &target.virtual_node {
            node if *node == between.canary => percent,
            node if *node == between.baseline => 100 - percent,
            // What has no part in it, such as the version before the last.
            _ => 0,
        };
    }
    spec
}

/// `before` with all of the traffic at the old version.
pub(crate) fn taken_back(before: &RouteSpec, between: &Move) -> RouteSpec {
    if weight_of(before, &between.canary) == 0 {
        return before.clone();
    }
    underway(before, before, between, Weight::NONE)
}

/// The part of the new version among `applied`; none if others have any.
pub(crate) fn part(applied: &[WeightedTarget], between: &Move) -> Option<Weight> {
    let of = |node: &str| -> u32 { applied.iter().filter(|t| t.virtual_node == node).map(|t| t.weight).sum() };
    let (canary, baseline) = (of(&between.canary), of(&between.baseline));
    let all: u32 = applied.iter().map(|target| target.weight).sum();
    if all == 0 || canary + baseline != all {
        return None;
    }
    Weight::tenths(u16::try_from((canary * 1000 + all / 2) / all).ok()?)
}

fn target(node: &str) -> WeightedTarget {
    WeightedTarget { port: None, virtual_node: node.to_owned(), weight: 0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn route(weights: &[(&str, u32)]) -> RouteSpec {
        let targets: Vec<_> =
            weights.iter().map(|(node, weight)| json!({"virtualNode": node, "weight": weight})).collect();
        let spec = json!({"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}});
        serde_json::from_value(spec).unwrap()
    }

    fn between() -> Move {
        Move { baseline: "v1".to_owned(), canary: "v2".to_owned() }
    }

    #[test]
    fn who_gains_and_who_loses_is_told_by_shares() {
        assert_eq!(moved(&route(&[("v1", 1)]), &route(&[("v1", 0), ("v2", 1)])).unwrap(), between());
        assert_eq!(moved(&route(&[("v1", 2), ("v2", 1)]), &route(&[("v2", 7)])).unwrap(), between());
        moved(&route(&[("v1", 1)]), &route(&[("v1", 1), ("v2", 1)])).unwrap_err();
        moved(&route(&[("v1", 1)]), &route(&[("v1", 5)])).unwrap_err();
        moved(&route(&[("v1", 1), ("v3", 1)]), &route(&[("v2", 1)])).unwrap_err();
    }

    #[test]
    fn a_route_on_its_way_has_both_versions() {
        let (before, after) = (route(&[("v1", 1)]), route(&[("v2", 1)]));
        let at = |percent: u16| underway(&before, &after, &between(), Weight::tenths(percent * 10).unwrap());
        assert_eq!(at(0), route(&[("v1", 100), ("v2", 0)]));
        assert_eq!(at(5), route(&[("v1", 95), ("v2", 5)]));
        assert_eq!(at(100), after);
        assert_eq!(part(targets(&at(5)), &between()), Weight::tenths(50));
        assert_eq!(part(targets(&after), &between()), Some(Weight::ALL));
        assert_eq!(part(targets(&route(&[("v1", 1), ("v3", 1)])), &between()), None);
    }

    #[test]
    fn the_version_before_the_last_gets_nothing() {
        let (before, after) = (route(&[("v0", 0), ("v1", 100)]), route(&[("v0", 0), ("v1", 0), ("v2", 100)]));
        assert_eq!(moved(&before, &after).unwrap(), between());
        let on_its_way = underway(&before, &after, &between(), Weight::tenths(50).unwrap());
        assert_eq!(on_its_way, route(&[("v0", 0), ("v1", 95), ("v2", 5)]));
        assert_eq!(part(targets(&on_its_way), &between()), Weight::tenths(50));
    }

    #[test]
    fn what_is_taken_back_leaves_the_new_version_nothing() {
        assert_eq!(taken_back(&route(&[("v1", 7)]), &between()), route(&[("v1", 7)]));
        assert_eq!(taken_back(&route(&[("v1", 2), ("v2", 1)]), &between()), route(&[("v1", 100), ("v2", 0)]));
    }
}

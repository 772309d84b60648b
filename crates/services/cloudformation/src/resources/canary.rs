//! Canaries of routes, and what updates of both routes and services wait for: an update that is to be one does not set the weights, it asks the canary service to get them there.
//!
//! The update is done when the canary has ended with all of the traffic at the new version, and has failed when it ended
//! otherwise; so a stack waits for it, tells of it in its events, and rolls back for the same reasons. The canary is
//! found again by its revision, which was written down before it was asked for.

use std::{collections::BTreeMap, time::Duration};

use api::{
    appmesh::{RouteSpec, UpdateRouteRequest, WeightedTarget},
    canary::{
        CanaryDescription, CommandCanary, CommandCanaryRequest, DescribeCanary, DescribeCanaryRequest, ListCanaries,
        ListCanariesRequest, StartCanary, StartCanaryRequest,
    },
};
use serde_json::Value;

use super::{Call, Failure, Judged, Made, Settled};
use crate::rows::Canary;

/// How often the end of a canary that is taken back is waited for, before its route is changed under it.
const LOOKS_MAX: u32 = 10;
/// How long each time, in seconds.
const LOOK_SECONDS: u32 = 1;
/// The part of a canary's longest time that is added to it for what is not watching: the shifting of weights.
const SLACK: u64 = 10;
/// What the canary service answers to a command for a canary that has ended.
const ENDED: &[&str] = &["ValidationException"];
/// What is said of a canary that is not there any more, and whose route is not as it was to become.
pub(super) const TAKEN_OVER: &str = "The canary of this update is gone: somebody began another one on its route.";
/// The phase of a canary whose new version has everything.
const DONE: &str = "Done";
/// The phase of a canary that waits for somebody's decision about a version that was found worse.
const FROZEN: &str = "Frozen";

/// Whether traffic moves between virtual nodes from `before` to `after`.
pub(super) fn moves(before: &RouteSpec, after: &RouteSpec) -> bool {
    let (before, after) = (weights(before), weights(after));
    let total = |weights: &BTreeMap<&str, u64>| weights.values().sum::<u64>();
    let (had, has) = (total(&before), total(&after));
    let weight = |weights: &BTreeMap<&str, u64>, node: &str| weights.get(node).copied().unwrap_or(0);
    before.keys().chain(after.keys()).any(|node| weight(&before, node) * has != weight(&after, node) * had)
}

fn weights(spec: &RouteSpec) -> BTreeMap<&str, u64> {
    let mut weights = BTreeMap::new();
    for WeightedTarget { virtual_node, weight, .. } in targets(spec) {
        *weights.entry(virtual_node.as_str()).or_default() += u64::from(*weight);
    }
    weights
}

fn targets(spec: &RouteSpec) -> &[WeightedTarget] {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref()).map(|route| &route.action.weighted_targets);
    let grpc = spec.grpc_route.as_ref().map(|route| &route.action.weighted_targets);
    let tcp = spec.tcp_route.as_ref().map(|route| &route.action.weighted_targets);
    http.or(grpc).or(tcp).map_or(&[], Vec::as_slice)
}

/// Asks for the route to become `wanted` by a canary; once, however often it is asked for.
pub(super) async fn start(
    call: &Call<'_>,
    wanted: UpdateRouteRequest,
    revision: &str,
    policy: &Value,
) -> Result<(), Failure> {
    let request = StartCanaryRequest {
        mesh_name: wanted.mesh_name,
        virtual_router_name: wanted.virtual_router_name,
        route_name: wanted.route_name,
        spec: wanted.spec,
        policy: Some(policy.clone()),
        revision: Some(revision.to_owned()),
    };
    call.send::<StartCanary>(request).await.map(|_| ())
}

/// How far the update is that is the canary `asked`; none if there is no such canary.
pub(super) async fn settle(call: &Call<'_>, asked: &Canary) -> Result<Option<Settled>, Failure> {
    find(call, &asked.revision).await?.map(|seen| standing(asked, &seen)).transpose()
}

/// What the canary `asked`, `seen` so, means for its update.
fn standing(asked: &Canary, seen: &CanaryDescription) -> Result<Settled, Failure> {
    let fresh = seen.events.iter().filter(|event| asked.told.is_none_or(|told| event.at > told));
    let news: Vec<_> = fresh.map(|event| (event.at, format!("{}: {}", seen.id, event.message))).collect();
    // The end is the stack's to tell, after all that led to it.
    if news.is_empty() && seen.ended {
        return if seen.phase == DONE {
            Ok(Settled::Ready(Made::default()))
        } else {
            Err(Failure::Wrong(verdict(seen)))
        };
    }
    // What has ended has not overrun, and what somebody stopped is his to go on with.
    let unlimited = seen.ended || seen.paused || seen.phase == FROZEN;
    let limit = Duration::from_secs(seen.longest_seconds.saturating_add(seen.longest_seconds / SLACK));
    Ok(Settled::Judged(Judged { news, limit: (!unlimited).then_some(limit), late: late(seen) }))
}

/// Ends the canary called `revision`, if it is under way, so that its route can be changed back.
pub(super) async fn take_back(call: &Call<'_>, revision: &str) -> Result<(), Failure> {
    let Some(mut seen) = find(call, revision).await?.filter(|seen| !seen.ended) else { return Ok(()) };
    let abort = CommandCanaryRequest { canary: seen.id.clone(), command: "Abort".to_owned() };
    if call.look::<CommandCanary>(abort, ENDED).await?.is_none() {
        return Ok(());
    }
    for _ in 0..LOOKS_MAX {
        let request = DescribeCanaryRequest {
            canary: seen.id.clone(),
            after_version: Some(seen.version),
            wait_seconds: Some(LOOK_SECONDS),
        };
        seen = call.send::<DescribeCanary>(request).await?.canary;
        if seen.ended {
            break;
        }
    }
    Ok(())
}

/// The canary called `revision`.
async fn find(call: &Call<'_>, revision: &str) -> Result<Option<CanaryDescription>, Failure> {
    let canaries = call.send::<ListCanaries>(ListCanariesRequest {}).await?.canaries;
    Ok(canaries.into_iter().find(|canary| canary.revision == revision))
}

/// Why a canary did not end with all of the traffic at the new version.
fn verdict(seen: &CanaryDescription) -> String {
    let CanaryDescription { id, canary, baseline, message, .. } = seen;
    let why = seen.reason.as_deref().unwrap_or(message);
    let ((requests, failed), (had, fell)) = (seen.requests, seen.baseline_requests);
    format!(
        "The canary {id} did not promote {canary}: {why}. {failed} of {requests} requests failed at {canary}, {fell} of \
         {had} at {baseline}. `serin canary explain {id}` has the evidence."
    )
}

/// What is said of a canary that has had its time.
fn late(seen: &CanaryDescription) -> String {
    let CanaryDescription { id, longest_seconds, message, .. } = seen;
    let time = match longest_seconds {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{} hours", seconds.div_ceil(3600)),
    };
    format!("The canary {id} is inconclusive: it came to no end in the {time} that its policy gives it. {message}")
}

#[cfg(test)]
mod tests {
    use api::canary::CanaryEvent;
    use names::Timestamp;
    use serde_json::json;

    use super::*;

    fn route(kind: &str, weights: &[(&str, u32)]) -> RouteSpec {
        let targets: Vec<_> =
            weights.iter().map(|(node, weight)| json!({"virtualNode": node, "weight": weight})).collect();
        let mut route = json!({"action": {"weightedTargets": targets}});
        if kind != "tcpRoute" {
            route["match"] = json!({"prefix": "/"});
        }
        serde_json::from_value(json!({kind: route})).unwrap()
    }

    #[test]
    fn traffic_moves_where_shares_differ_and_not_where_numbers_do() {
        let http = |weights| route("httpRoute", weights);
        assert!(moves(&http(&[("v1", 1), ("v2", 0)]), &http(&[("v1", 0), ("v2", 1)])));
        assert!(moves(&http(&[("v1", 1)]), &http(&[("v1", 2), ("v2", 1)])));
        assert!(!moves(&http(&[("v1", 1)]), &http(&[("v1", 100), ("v2", 0)])));
        assert!(!moves(&http(&[("v1", 1), ("v2", 2)]), &http(&[("v1", 2), ("v2", 4)])));
        assert!(moves(&route("tcpRoute", &[("v1", 1)]), &route("tcpRoute", &[("v2", 1)])));
    }

    fn asked(told: Option<i64>) -> Canary {
        let told = told.map(Timestamp::from_millis);
        Canary { revision: "r".to_owned(), policy: Some(json!({})), told }
    }

    fn seen(phase: &str) -> CanaryDescription {
        let event = |at, message: &str| CanaryEvent { at: Timestamp::from_millis(at), message: message.to_owned() };
        CanaryDescription {
            id: "api-1".to_owned(),
            phase: phase.to_owned(),
            longest_seconds: 100,
            events: vec![event(1, "It begins."), event(1, "It gets 5 %."), event(2, "It gets 25 %.")],
            ..CanaryDescription::default()
        }
    }

    fn judged(asked: &Canary, seen: &CanaryDescription) -> Judged {
        match standing(asked, seen).unwrap() {
            Settled::Judged(judged) => judged,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_happened_is_news_until_it_was_told() {
        let news = |told| -> Vec<String> {
            let news = judged(&asked(told), &seen("Watching")).news;
            news.into_iter().map(|(_, what)| what).collect()
        };
        assert_eq!(news(None), ["api-1: It begins.", "api-1: It gets 5 %.", "api-1: It gets 25 %."]);
        assert_eq!(news(Some(1)), ["api-1: It gets 25 %."]);
        assert!(news(Some(2)).is_empty());
    }

    #[test]
    fn an_end_counts_when_all_before_it_was_told() {
        let ended = |phase: &str| CanaryDescription { ended: true, ..seen(phase) };
        assert_eq!(judged(&asked(Some(1)), &ended("Done")).limit, None);
        assert_eq!(standing(&asked(Some(2)), &ended("Done")), Ok(Settled::Ready(Made::default())));
        standing(&asked(Some(2)), &ended("TakenBack")).unwrap_err();
    }

    #[test]
    fn time_is_up_only_where_nobody_decides() {
        assert_eq!(judged(&asked(None), &seen("Watching")).limit, Some(Duration::from_secs(110)));
        assert_eq!(judged(&asked(None), &seen("Frozen")).limit, None);
        let paused = CanaryDescription { paused: true, ..seen("Watching") };
        assert_eq!(judged(&asked(None), &paused).limit, None);
        assert!(judged(&asked(None), &seen("Watching")).late.contains("in the 100 seconds"));
    }

    #[test]
    fn a_verdict_has_the_reason_and_the_numbers() {
        let seen = CanaryDescription {
            id: "api-1a2b3c".to_owned(),
            canary: "api-v2".to_owned(),
            baseline: "api-v1".to_owned(),
            reason: Some("the new version is worse than the old one".to_owned()),
            requests: (24, 12),
            baseline_requests: (400, 0),
            ..CanaryDescription::default()
        };
        assert_eq!(
            verdict(&seen),
            "The canary api-1a2b3c did not promote api-v2: the new version is worse than the old one. 12 of 24 requests \
             failed at api-v2, 0 of 400 at api-v1. `serin canary explain api-1a2b3c` has the evidence."
        );
    }
}

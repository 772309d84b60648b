//! Canaries in plain words.

use api::canary::CanaryDescription;
use serde_json::{Value, json};

use crate::{
    judge::{self, Need},
    plan::{Notice, Phase, Reason},
    policy::{OnInconclusive, Policy, Weight},
    rows::{Canary, CanaryObserved},
    subject::{Route, Subject},
};

/// The name of a phase.
pub(crate) fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Clearing { .. } => "Clearing",
        Phase::Waiting => "Waiting",
        Phase::Gated { .. } => "Gated",
        Phase::Watching { .. } => "Watching",
        Phase::Baking => "Baking",
        Phase::Finishing => "Finishing",
        Phase::Done => "Done",
        Phase::TakingBack(_) => "TakingBack",
        Phase::TakenBack(_) => "TakenBack",
        Phase::Frozen { .. } => "Frozen",
    }
}

/// Why.
pub(crate) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Worse => "the new version is worse than the old one",
        Reason::HarmBudget => "it has cost as many failed requests as the policy allows",
        Reason::NeverHealthy => "it never had a healthy copy",
        Reason::Unhealthy => "it lost its healthy copies",
        Reason::Inconclusive => "too little traffic came to tell",
        Reason::Asked => "somebody asked for it",
        Reason::Webhook => "a webhook asked for it",
    }
}

/// What is told to whoever listens to a canary that follows `policy`.
pub(crate) fn notice(notice: &Notice, policy: &Policy) -> String {
    match notice {
        Notice::Began { revision, attempt: 1 } => format!("The canary of {revision} begins."),
        Notice::Began { revision, attempt } => {
            format!("The canary of {revision} begins anew, for the {attempt}. time.")
        }
        Notice::Widened(weight) => format!("The new version gets {weight} of the traffic."),
        Notice::Approval(weight) => format!("{weight} of the traffic wait for somebody's approval."),
        Notice::Webhook(why) => format!("A webhook does not let it go on: {why}."),
        Notice::Unanswered => {
            "Webhooks are asked no more: it waits for `serin canary approve`, `promote` or `abort`.".to_owned()
        }
        Notice::Inconclusive(need) => inconclusive(*need) + holding(policy),
        Notice::WouldTakeBack(why) => format!("Were this no dry run, it would be taken back: {}.", reason(*why)),
        Notice::TakingBack(why) => format!("It is taken back: {}.", reason(*why)),
        Notice::Frozen(why) => format!("All stays as it is until somebody decides: {}.", reason(*why)),
        Notice::NothingToCompare => {
            "There is no healthy old version to compare with; the new one gets everything.".to_owned()
        }
        Notice::Promoted => "The new version has all of the traffic.".to_owned(),
        Notice::Refused { command, why } => format!("{command:?} can't be done: {why}."),
    }
}

fn inconclusive(need: Need) -> String {
    match (need.requests, need.millis) {
        (Some(requests), Some(millis)) => format!(
            "Inconclusive: too little was seen to tell. It needs about {requests} more requests, {} at this rate.",
            time(millis)
        ),
        (Some(requests), None) => format!(
            "Inconclusive: too little was seen to tell. It needs about {requests} more requests, and none come."
        ),
        (None, _) => {
            "Inconclusive: at the rate the new version fails, no number of requests would certify it.".to_owned()
        }
    }
}

/// What becomes of a step that is inconclusive, where that is not told by what happens next.
fn holding(policy: &Policy) -> &'static str {
    if policy.on_inconclusive == OnInconclusive::Hold && !policy.dry_run {
        " The weights are held until enough come, or somebody promotes or aborts it."
    } else {
        ""
    }
}

/// A time in the largest unit that it fills.
fn time(millis: u64) -> String {
    match millis.div_ceil(1000) {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{} hours", seconds.div_ceil(3600)),
    }
}

/// All that is told of a canary.
pub(crate) fn describe(id: &str, canary: &Canary, seen: &CanaryObserved) -> CanaryDescription {
    let phase_now = &seen.state.phase;
    let why = match phase_now {
        Phase::TakingBack(why) | Phase::TakenBack(why) | Phase::Frozen { reason: why, .. } => Some(reason(*why)),
        _ => None,
    };
    let evidence = seen.decision.as_ref().map(|decision| &decision.evidence);
    let errors = evidence.and_then(|evidence| evidence.compared.first());
    let (route, service) = match &canary.subject {
        Subject::Route(route) => (Some(route), None),
        Subject::Service(service) => (None, Some(format!("{}/{}", service.cluster, service.service))),
    };
    let of_route = |part: fn(&Route) -> &String| route.map(|route| part(route).clone()).unwrap_or_default();
    CanaryDescription {
        id: id.to_owned(),
        mesh_name: of_route(|route| &route.mesh),
        virtual_router_name: of_route(|route| &route.router),
        route_name: of_route(|route| &route.route),
        service,
        baseline: canary.baseline.clone(),
        canary: canary.canary.clone(),
        revision: canary.revision.clone(),
        policy: canary.policy.shown(),
        longest_seconds: canary.policy.longest_seconds(),
        phase: phase(phase_now).to_owned(),
        ended: seen.ended.is_some(),
        reason: seen.abandoned.clone().or(why.map(str::to_owned)),
        paused: seen.state.paused,
        percent: seen.state.weight(&canary.policy).or(seen.applied).map_or(0.0, Weight::percent),
        applied_percent: seen.applied.map(Weight::percent),
        proxies: seen.proxies,
        healthy: seen.healthy.canary,
        requests: errors.map_or((0, 0), |errors| errors.canary),
        baseline_requests: errors.map_or((0, 0), |errors| errors.baseline),
        e_value: evidence.map_or(1.0, judge::Evidence::e_value),
        limit: evidence.map_or(0.0, |evidence| evidence.limit),
        certificate: evidence.map_or(1.0, |evidence| evidence.log_certificate.clamp(-50.0, 50.0).exp()),
        certificate_limit: evidence.map_or(0.0, |evidence| evidence.certificate_limit),
        harm: evidence.map_or(0, |evidence| evidence.harm),
        message: message(canary, seen),
        explanation: seen.decision.as_ref().map(judge::explain).unwrap_or_default(),
        events: seen.events.clone(),
        undelivered: Vec::new(),
        started_at: canary.started,
        ended_at: seen.ended,
        version: seen.version,
    }
}

/// What webhooks are asked, and what they say.
fn asking(seen: &CanaryObserved) -> String {
    let Some(asking) = &seen.state.asking else { return String::new() };
    let step = asking.consent.step + 1;
    match &asking.reason {
        Some(why) => format!("Step {step} waits for webhooks: {why}."),
        None => format!("Step {step} waits for webhooks, which are asked."),
    }
}

/// Which canary it is, as strangers are told.
pub(crate) fn identity(id: &str, canary: &Canary, seen: &CanaryObserved) -> Value {
    let (route, service) = match &canary.subject {
        Subject::Route(route) => (Some(format!("{}/{}/{}", route.mesh, route.router, route.route)), None),
        Subject::Service(service) => (None, Some(format!("{}/{}", service.cluster, service.service))),
    };
    json!({
        "id": id,
        "route": route,
        "service": service,
        "baseline": canary.baseline,
        "new": canary.canary,
        "revision": canary.revision,
        "attempt": seen.state.attempt,
    })
}

/// What was counted of both versions, as strangers are told.
pub(crate) fn requests(told: &CanaryDescription) -> Value {
    let of = |(count, failed): (u64, u64)| json!({"count": count, "failed": failed});
    json!({"new": of(told.requests), "baseline": of(told.baseline_requests)})
}

/// What webhooks are asked: whether it may go on to the step in place `step`.
pub(crate) fn question(id: &str, canary: &Canary, seen: &CanaryObserved, step: usize) -> Value {
    let told = describe(id, canary, seen);
    let steps = &canary.policy.steps;
    let next = match steps.get(step) {
        Some(step) => step.weight,
        None if step == steps.len() => canary.policy.hold_back_percent.rest(),
        None => Weight::ALL,
    };
    json!({
        "when": if step == 0 { "Before" } else { "During" },
        "step": step + 1,
        "percent": told.percent,
        "nextPercent": next.percent(),
        "explanation": told.explanation,
        "canary": identity(id, canary, seen),
        "requests": requests(&told),
    })
}

/// How it stands, in a sentence.
pub(crate) fn message(canary: &Canary, seen: &CanaryObserved) -> String {
    if let Some(abandoned) = &seen.abandoned {
        return format!("The canary ended: {abandoned}.");
    }
    let (new, old) = (&canary.canary, &canary.baseline);
    match &seen.state.phase {
        _ if seen.state.paused => "It is paused; `serin canary resume` goes on.".to_owned(),
        _ if seen.state.asking.is_some() => asking(seen),
        Phase::Clearing { .. } => format!("{old} is to have all of the traffic before the canary begins."),
        Phase::Waiting if seen.healthy.canary > 0 && seen.healthy.baseline > 0 => {
            format!("{old} is read for a while, so that {new} can be compared with it.")
        }
        Phase::Waiting => format!("{new} is to have a healthy copy, as every proxy sees it."),
        Phase::Gated { step } => format!("Step {} waits for `serin canary approve`.", step + 1),
        Phase::Watching { step } if seen.applied.is_none() => {
            format!("Step {}: the proxies are taking on the weight.", step + 1)
        }
        Phase::Watching { step } => {
            let need = seen.decision.as_ref().and_then(|decision| decision.evidence.need.requests);
            match need {
                Some(0) | None => format!("Step {}: {new} is watched.", step + 1),
                Some(requests) => format!("Step {}: about {requests} more requests to {new} are needed.", step + 1),
            }
        }
        Phase::Baking => format!("{new} bakes, while {old} stays warm."),
        Phase::Finishing => format!("{new} is to get all of the traffic."),
        Phase::Done => format!("{new} has all of the traffic."),
        Phase::TakingBack(why) => format!("{old} gets all of the traffic again: {}.", reason(*why)),
        Phase::TakenBack(why) => format!("{old} has all of the traffic again: {}.", reason(*why)),
        Phase::Frozen { reason: why, .. } => {
            format!("All stays as it is until `serin canary resume`, `promote` or `abort`: {}.", reason(*why))
        }
    }
}

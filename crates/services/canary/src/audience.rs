//! Who goes first, and who stays: keeps the trial on a canary's route as its policy and its phase want it.
//!
//! A trial is changed before weights are. So what proxies acknowledge of weights they have acknowledged of the trial:
//! when all has been taken back, no tester meets the new version any more either.

use api::{
    Fault,
    appmesh::trial::{PutTrial, PutTrialRequest, RemoveTrial, RemoveTrialRequest, Trial},
};
use names::{Scope, Timestamp};

use crate::{
    Canaries,
    plan::Phase,
    policy::{Policy, Sticky, Testers},
    rows::{Canary, CanaryObserved},
    subject::Subject,
};

/// What a judgement of users who stay lacks where proxies are Envoys.
const NOT_TOLD_APART: &str = "Users stay, and proxies here are Envoys, which count no groups of users: one user with many \
     failures of his own can have a version taken back that is as good. Envoys from before October 2025 let users wander.";
/// The code of a request that will never be taken.
const REFUSED: &str = "BadRequestException";

/// The trial of the virtual node `node` that `policy` wants in `phase`, when so many copies of it are healthy; `now` is
/// the one in force.
fn wanted(policy: &Policy, node: &str, phase: &Phase, now: Option<&Trial>, healthy: u32) -> Option<Trial> {
    let (testers, sticky) = match phase {
        Phase::Done | Phase::TakenBack(_) => (None, None),
        Phase::Frozen { .. } => {
            let now = now.cloned();
            (now.as_ref().and_then(|trial| trial.testers.clone()), now.and_then(|trial| trial.sticky))
        }
        // Nobody begins to wander between versions while users are on their way back.
        Phase::Clearing { .. } | Phase::TakingBack(_) => (None, policy.sticky.as_ref().map(Sticky::asked)),
        Phase::Waiting | Phase::Gated { .. } | Phase::Watching { .. } | Phase::Baking | Phase::Finishing => {
            (policy.testers.as_ref().map(Testers::asked), policy.sticky.as_ref().map(Sticky::asked))
        }
    };
    // Nobody is sent where nobody answers.
    let testers = testers.filter(|_| healthy > 0);
    let asked = testers.is_some() || sticky.is_some();
    asked.then(|| Trial { virtual_node_name: node.to_owned(), testers, sticky })
}

/// Says, once, that users who stay are with proxies that do not tell them apart.
pub(crate) fn warn(canary: &Canary, after: &mut CanaryObserved, told_apart: bool, now: Timestamp) {
    let unseen = canary.policy.sticky.is_some() && !told_apart;
    if unseen && !after.events.iter().any(|event| event.message == NOT_TOLD_APART) {
        after.tell(now, NOT_TOLD_APART.to_owned());
    }
}

/// Asks App Mesh for the trial that is wanted after a look.
pub(crate) async fn keep(
    cx: &Canaries,
    scope: &Scope,
    canary: &Canary,
    after: &mut CanaryObserved,
    now: Timestamp,
) -> Result<(), Fault> {
    // Before the first shift the new version has no place on the route yet.
    let trial = match after.route {
        Some(_) => {
            let phase = &after.state.phase;
            wanted(&canary.policy, &canary.canary, phase, after.trial.as_ref(), after.healthy.canary)
        }
        None => None,
    };
    if trial == after.trial {
        return Ok(());
    }
    match set(cx, scope, canary, trial.clone()).await {
        Err(fault) if fault.code == REFUSED => {
            after.tell(now, format!("Nobody goes first or stays, as App Mesh refuses it: {}", fault.message));
        }
        done => done?,
    }
    after.trial = trial;
    Ok(())
}

/// Ends the trial of a canary that has ended, whatever is known of it: a crash may have come before it was written down.
pub(crate) async fn end(
    cx: &Canaries,
    scope: &Scope,
    canary: &Canary,
    after: &mut CanaryObserved,
) -> Result<(), Fault> {
    if canary.policy.testers.is_some() || canary.policy.sticky.is_some() {
        set(cx, scope, canary, None).await?;
        after.trial = None;
    }
    Ok(())
}

async fn set(cx: &Canaries, scope: &Scope, canary: &Canary, trial: Option<Trial>) -> Result<(), Fault> {
    // Trials are of routes; a policy of a deployment that asks for one was refused.
    let Subject::Route(route) = &canary.subject else { return Ok(()) };
    let (mesh_name, virtual_router_name) = (route.mesh.clone(), route.router.clone());
    let route_name = route.route.clone();
    if let Some(trial) = trial {
        let request = PutTrialRequest { mesh_name, virtual_router_name, route_name, trial };
        cx.caller.call::<PutTrial>(scope, request).await.map(drop)
    } else {
        let request = RemoveTrialRequest { mesh_name, virtual_router_name, route_name };
        cx.caller.call::<RemoveTrial>(scope, request).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Reason;

    fn trial(phase: &Phase, now: Option<&Trial>, healthy: u32) -> Option<Trial> {
        let policy = Policy::parse(r#"{"Testers":{"Header":{"Name":"x-ring"}}}"#).unwrap();
        wanted(&policy, "v2", phase, now, healthy)
    }

    #[test]
    fn testers_are_first_to_come_and_leave_when_everybody_does() {
        let with = [Phase::Waiting, Phase::Gated { step: 0 }, Phase::Watching { step: 3 }, Phase::Baking];
        for phase in &with {
            assert_eq!(trial(phase, None, 1).unwrap().virtual_node_name, "v2", "{phase:?}");
            assert_eq!(trial(phase, None, 0), None, "{phase:?} with nobody to answer");
        }
        let back = [Phase::TakingBack(Reason::Worse), Phase::TakenBack(Reason::Worse)];
        for phase in back.iter().chain(&[Phase::Done, Phase::Clearing { replaced: None }]) {
            assert_eq!(trial(phase, trial(&Phase::Waiting, None, 1).as_ref(), 1), None, "{phase:?}");
        }
    }

    #[test]
    fn what_is_frozen_stays_as_it_is() {
        let frozen = Phase::Frozen { was: Box::new(Phase::Waiting), reason: Reason::Asked };
        let before = trial(&Phase::Waiting, None, 1);
        assert!(before.is_some());
        assert_eq!(trial(&frozen, before.as_ref(), 1), before);
        assert_eq!(trial(&frozen, None, 1), None);
    }

    #[test]
    fn users_stay_until_one_version_has_all() {
        let policy = Policy::parse(r#"{"Metrics":["Errors"],"Sticky":{"Header":"x-user"}}"#).unwrap();
        let stays = |phase: &Phase, now: Option<&Trial>, healthy| wanted(&policy, "v2", phase, now, healthy);
        let there = stays(&Phase::Waiting, None, 1);
        assert_eq!(there.as_ref().and_then(|trial| trial.sticky.clone()?.header).as_deref(), Some("x-user"));
        let reason = Reason::Worse;
        let frozen = Phase::Frozen { was: Box::new(Phase::Baking), reason };
        for phase in [Phase::Gated { step: 0 }, Phase::Finishing, Phase::TakingBack(reason), frozen] {
            for healthy in [0, 1] {
                assert_eq!(stays(&phase, there.as_ref(), healthy), there, "{phase:?}");
            }
        }
        for phase in [Phase::Done, Phase::TakenBack(reason)] {
            assert_eq!(stays(&phase, there.as_ref(), 1), None, "{phase:?}");
        }
    }

    #[test]
    fn a_policy_without_testers_asks_for_nothing() {
        assert_eq!(wanted(&Policy::default(), "v2", &Phase::Waiting, None, 1), None);
    }
}

//! Who goes first: keeps the trial on a canary's route as its policy and its phase want it.
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
    policy::Policy,
    rows::{Canary, CanaryObserved},
    subject::Subject,
};

/// The code of a request that will never be taken.
const REFUSED: &str = "BadRequestException";

/// The trial of the virtual node `node` that `policy` wants in `phase`, when so many copies of it are healthy; `now` is
/// the one in force.
fn wanted(policy: &Policy, node: &str, phase: &Phase, now: Option<&Trial>, healthy: u32) -> Option<Trial> {
    let testers = policy.testers.as_ref()?;
    match phase {
        // Nobody is sent where nobody answers, and nobody stays with what is taken back.
        _ if healthy == 0 => None,
        Phase::Clearing { .. } | Phase::TakingBack(_) | Phase::TakenBack(_) | Phase::Done => None,
        Phase::Frozen { .. } => now.cloned(),
        Phase::Waiting | Phase::Gated { .. } | Phase::Watching { .. } | Phase::Baking | Phase::Finishing => {
            Some(Trial { virtual_node_name: node.to_owned(), testers: Some(testers.asked()) })
        }
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
            after.tell(now, format!("Nobody goes first, as App Mesh refuses it: {}", fault.message));
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
    if canary.policy.testers.is_some() {
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
    fn a_policy_without_testers_asks_for_nothing() {
        assert_eq!(wanted(&Policy::default(), "v2", &Phase::Waiting, None, 1), None);
    }
}

//! From what is asked of a service to the way its deployment takes: which target groups it uses, in which steps users
//! come to it. Pure.

use api::ecs::{
    DeploymentConfiguration, DeploymentLifecycleHook, DeploymentLifecycleHookAction as Action,
    DeploymentLifecycleHookStage as HookStage, DeploymentLifecycleHookStatus as HookStatus,
    DeploymentLifecycleHookTargetType as TargetType, DeploymentStrategy, LoadBalancer, Steering,
};
use names::Timestamp;

use crate::{
    plan::release::{Hook, Lane, Pace, Release, Stage, WHOLE},
    rows::{Deployment, Service},
};

/// How long old tasks stay at the end when nothing is said, in minutes, as on AWS.
const BAKE_MINUTES: u32 = 15;
/// The step of a linear deployment when nothing is said, in thousandths, and the wait after it in minutes.
const LINEAR: (u16, u32) = (100, 6);
/// The same of a canary deployment.
const CANARY: (u16, u32) = (50, 10);
/// How long a hook may take when nothing is said, in minutes.
const HOOK_MINUTES: u32 = 1440;

/// What a deployment of `service` begins with, where the tasks of `serving` serve: the target groups of its tasks, and
/// its way, if it shifts traffic. `overtaken` says whether there is another deployment that was on its way.
pub(crate) fn begin(
    service: &Service,
    serving: Option<&Deployment>,
    overtaken: bool,
    now: Timestamp,
) -> (Option<Vec<LoadBalancer>>, Option<Release>) {
    let shifts = service.deployment.strategy.unwrap_or_default() != DeploymentStrategy::Rolling;
    let asked = &service.revision.load_balancers;
    let used = |balancer: &LoadBalancer| {
        let serving = serving.map(Deployment::load_balancers).unwrap_or_default();
        let sides = [balancer.target_group_arn.as_ref(), alternate(balancer)];
        let mut used = serving.iter().filter_map(|used| used.target_group_arn.as_ref());
        used.find(|group| sides.contains(&Some(*group))).cloned()
    };
    let resolved = asked.iter().map(|balancer| {
        let group = match used(balancer) {
            // The new tasks take the side on which nobody is.
            Some(used) if shifts && Some(&used) == balancer.target_group_arn.as_ref() => alternate(balancer).cloned(),
            Some(used) if !shifts => Some(used),
            _ => balancer.target_group_arn.clone(),
        };
        LoadBalancer {
            target_group_arn: group.or_else(|| balancer.target_group_arn.clone()),
            advanced_configuration: None,
            ..balancer.clone()
        }
    });
    let resolved: Vec<LoadBalancer> = resolved.collect();
    let release = shifts.then(|| {
        let is_first = serving.is_none();
        let lanes = asked.iter().zip(&resolved).filter_map(|(balancer, new)| lane(balancer, new, used(balancer)));
        Release {
            pace: steered_pace(service, is_first),
            policy: match &service.steering {
                // A service's first tasks are compared with nothing.
                Steering::Judged(policy) if !is_first => Some(policy.clone()),
                _ => None,
            },
            lanes: lanes.collect(),
            serving: serving.map(|serving| serving.revision.deployment.clone()),
            stage: if overtaken { Stage::ReconcileService } else { Stage::PreScaleUp },
            stage_at: now,
            // A service's first tasks have nobody to take users from.
            weight: if serving.is_some() { 0 } else { WHOLE },
            shifted_at: None,
            test: serving.is_none(),
            hooks: Vec::new(),
            end: None,
        }
    });
    let differs = asked.iter().any(|balancer| balancer.advanced_configuration.is_some());
    (differs.then_some(resolved), release)
}

fn alternate(balancer: &LoadBalancer) -> Option<&String> {
    balancer.advanced_configuration.as_ref()?.alternate_target_group_arn.as_ref()
}

/// What chooses between the group of the tasks that serve and `new`, the group of those that come.
fn lane(balancer: &LoadBalancer, new: &LoadBalancer, used: Option<String>) -> Option<Lane> {
    let advanced = balancer.advanced_configuration.as_ref()?;
    let coming = new.target_group_arn.clone()?;
    let other = [balancer.target_group_arn.as_ref(), alternate(balancer)];
    let other = other.into_iter().flatten().find(|group| **group != coming).cloned();
    Some(Lane {
        serving: used.or(other)?,
        coming,
        production: advanced.production_listener_rule.clone()?,
        test: advanced.test_listener_rule.clone().filter(|rule| !rule.is_empty()),
    })
}

/// In which steps a release of `service` moves users. A judge makes the steps himself, and has baked when he is done.
fn steered_pace(service: &Service, is_first: bool) -> Pace {
    let pace = pace(&service.deployment);
    match &service.steering {
        Steering::AtOnce if !is_first => Pace { steps: vec![WHOLE], step_minutes: 0, bake_minutes: 0 },
        Steering::Judged(_) if service.deployment.bake_time_in_minutes.is_none() => Pace { bake_minutes: 0, ..pace },
        _ => pace,
    }
}

/// In which steps `configuration` moves users.
pub(crate) fn pace(configuration: &DeploymentConfiguration) -> Pace {
    let minutes = |given: Option<i32>, default| given.and_then(|m| u32::try_from(m).ok()).unwrap_or(default);
    let bake_minutes = minutes(configuration.bake_time_in_minutes, BAKE_MINUTES);
    let (steps, step_minutes) = match configuration.strategy.unwrap_or_default() {
        DeploymentStrategy::Rolling | DeploymentStrategy::BlueGreen => (vec![WHOLE], 0),
        DeploymentStrategy::Linear => {
            let linear = configuration.linear_configuration.clone().unwrap_or_default();
            let step = thousandths(linear.step_percent, LINEAR.0);
            let steps = (1..).map(|n: u16| n.saturating_mul(step).min(WHOLE));
            // The last is all, and stands there once.
            let mut steps: Vec<u16> = steps.take_while(|step| *step < WHOLE).collect();
            steps.push(WHOLE);
            (steps, minutes(linear.step_bake_time_in_minutes, LINEAR.1))
        }
        DeploymentStrategy::Canary => {
            let canary = configuration.canary_configuration.clone().unwrap_or_default();
            let first = thousandths(canary.canary_percent, CANARY.0);
            let steps = if first < WHOLE { vec![first, WHOLE] } else { vec![WHOLE] };
            (steps, minutes(canary.canary_bake_time_in_minutes, CANARY.1))
        }
    };
    Pace { steps, step_minutes, bake_minutes }
}

/// A percentage as thousandths, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and 1000")]
fn thousandths(percent: Option<f64>, default: u16) -> u16 {
    percent.map_or(default, |percent| (percent * 10.0).round().clamp(1.0, 1000.0) as u16)
}

/// The two weights of a rule by which so many thousandths come to the new tasks: of the old and of the new group.
/// Weights go up to 999, so whole percents are said as percents.
pub(crate) fn weights(coming: u16) -> (u32, u32) {
    let coming = u32::from(coming.min(WHOLE));
    if coming.is_multiple_of(10) { (100 - coming / 10, coming / 10) } else { (1000 - coming, coming) }
}

/// The hooks of `configuration` at `stage`, from `now`; their ids come from `id`.
pub(crate) fn hooks(
    configuration: &DeploymentConfiguration,
    stage: Stage,
    now: Timestamp,
    mut id: impl FnMut() -> String,
) -> Vec<Hook> {
    let all = configuration.lifecycle_hooks.iter().flatten();
    let here = all.filter(|hook| hook.lifecycle_stages.iter().any(|at| stage_of(*at) == stage));
    here.map(|hook| new_hook(hook, stage, now, id())).collect()
}

fn new_hook(hook: &DeploymentLifecycleHook, stage: Stage, now: Timestamp, id: String) -> Hook {
    let timeout = hook.timeout_configuration.clone().unwrap_or_default();
    let minutes = timeout.timeout_in_minutes.and_then(|minutes| u32::try_from(minutes).ok()).unwrap_or(HOOK_MINUTES);
    let pause = hook.target_type == Some(TargetType::Pause);
    Hook {
        id,
        stage,
        target: hook.hook_target_arn.clone().filter(|_| !pause),
        details: hook.hook_details.clone(),
        status: if pause { HookStatus::AwaitingAction } else { HookStatus::InProgress },
        expires_at: now.plus(std::time::Duration::from_mins(u64::from(minutes))),
        on_timeout: timeout.action.unwrap_or(Action::Rollback),
    }
}

fn stage_of(stage: HookStage) -> Stage {
    match stage {
        HookStage::ReconcileService => Stage::ReconcileService,
        HookStage::PreScaleUp => Stage::PreScaleUp,
        HookStage::PostScaleUp => Stage::PostScaleUp,
        HookStage::TestTrafficShift => Stage::TestTrafficShift,
        HookStage::PostTestTrafficShift => Stage::PostTestTrafficShift,
        HookStage::PreProductionTrafficShift => Stage::PreProductionTrafficShift,
        HookStage::ProductionTrafficShift => Stage::ProductionTrafficShift,
        HookStage::PostProductionTrafficShift => Stage::PostProductionTrafficShift,
    }
}

#[cfg(test)]
mod tests {
    use api::ecs::{CanaryConfiguration, LinearConfiguration};

    use super::*;

    fn configuration(strategy: DeploymentStrategy) -> DeploymentConfiguration {
        DeploymentConfiguration { strategy: Some(strategy), ..DeploymentConfiguration::default() }
    }

    #[test]
    fn a_linear_deployment_ends_with_all_whatever_its_step() {
        let mut asked = configuration(DeploymentStrategy::Linear);
        asked.linear_configuration =
            Some(LinearConfiguration { step_percent: Some(33.3), step_bake_time_in_minutes: Some(1) });
        assert_eq!(pace(&asked), Pace { steps: vec![333, 666, 999, 1000], step_minutes: 1, bake_minutes: 15 });
        asked.linear_configuration = None;
        assert_eq!(pace(&asked).steps.len(), 10);
    }

    #[test]
    fn a_canary_is_one_small_step_and_the_rest() {
        let mut asked = configuration(DeploymentStrategy::Canary);
        asked.bake_time_in_minutes = Some(0);
        assert_eq!(pace(&asked), Pace { steps: vec![50, 1000], step_minutes: 10, bake_minutes: 0 });
        asked.canary_configuration =
            Some(CanaryConfiguration { canary_percent: Some(0.1), canary_bake_time_in_minutes: None });
        assert_eq!(pace(&asked).steps, [1, 1000]);
        assert_eq!(pace(&configuration(DeploymentStrategy::BlueGreen)).steps, [1000]);
    }

    #[test]
    fn weights_are_percents_or_thousandths() {
        assert_eq!([weights(0), weights(100), weights(1000)], [(100, 0), (90, 10), (0, 100)]);
        assert_eq!([weights(1), weights(333)], [(999, 1), (667, 333)]);
    }
}

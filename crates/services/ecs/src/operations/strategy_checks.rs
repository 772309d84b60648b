//! How a service may be asked to change from one revision to the next.

use api::ecs::{
    DeploymentAlarms, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentLifecycleHook,
    DeploymentLifecycleHookStage as Stage, DeploymentLifecycleHookTargetType as TargetType, DeploymentStrategy,
    ThresholdType,
};

use super::refused;
use crate::{Error, rows::Revision};

/// How long each wait may be, in minutes.
const WAIT_MAX: i32 = 1440;
/// How long a hook may take, in minutes.
const HOOK_MAX: i32 = 20_160;
/// How many alarms one look at CloudWatch finds.
const ALARMS_MAX: usize = 100;
/// The smallest step of a linear deployment, and of a canary deployment, in percent.
const LINEAR_MIN: f64 = 3.0;
const CANARY_MIN: f64 = 0.1;

/// A deployment configuration with defaults filled in.
pub(super) fn deployment(configuration: Option<DeploymentConfiguration>) -> Result<DeploymentConfiguration, Error> {
    let mut configuration = configuration.unwrap_or_default();
    let maximum = *configuration.maximum_percent.get_or_insert(200);
    let minimum = *configuration.minimum_healthy_percent.get_or_insert(100);
    if !(0..=100).contains(&minimum) || !(100..=10_000).contains(&maximum) {
        return wrong("minimumHealthyPercent must be between 0 and 100, maximumPercent at least 100.");
    }
    let strategy = *configuration.strategy.get_or_insert_default();
    if strategy == DeploymentStrategy::Rolling && (minimum, maximum) == (100, 100) {
        return wrong("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.");
    }
    steps(&configuration, strategy)?;
    configuration.deployment_circuit_breaker.iter().try_for_each(breaker)?;
    configuration.lifecycle_hooks.iter().flatten().try_for_each(hook)?;
    configuration.alarms.iter().try_for_each(alarms)?;
    refused::members(&[(
        "deploymentConfiguration.earlySuccessCriteria",
        configuration.early_success_criteria.as_ref(),
        "a deployment is done when all its tasks are fit and the old ones are gone",
    )])?;
    Ok(configuration)
}

fn wrong<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::InvalidParameter(text.into()))
}

/// Checks that what is said belongs to the strategy, and is within its limits.
fn steps(configuration: &DeploymentConfiguration, strategy: DeploymentStrategy) -> Result<(), Error> {
    let name = strategy.as_str();
    if strategy != DeploymentStrategy::Linear && configuration.linear_configuration.is_some() {
        return wrong(format!("linearConfiguration is only valid with the deployment strategy LINEAR, not {name}."));
    }
    if strategy != DeploymentStrategy::Canary && configuration.canary_configuration.is_some() {
        return wrong(format!("canaryConfiguration is only valid with the deployment strategy CANARY, not {name}."));
    }
    if strategy == DeploymentStrategy::Rolling {
        const ROLLING: &str = "a rolling deployment shifts no traffic; use BLUE_GREEN, LINEAR or CANARY";
        const UNWATCHED: &str = "a rolling deployment bakes while alarms are watched, and it has none; enable some";
        let watched = configuration.alarms.as_ref().is_some_and(|alarms| alarms.enable);
        if configuration.bake_time_in_minutes.is_some_and(|minutes| minutes != 0) && !watched {
            let member = "deploymentConfiguration.bakeTimeInMinutes with ROLLING and without alarms";
            return Err(refused::unsupported(member, UNWATCHED));
        }
        if configuration.lifecycle_hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()) {
            return Err(refused::unsupported("deploymentConfiguration.lifecycleHooks with ROLLING", ROLLING));
        }
    }
    wait("bakeTimeInMinutes", configuration.bake_time_in_minutes)?;
    if let Some(linear) = &configuration.linear_configuration {
        percent("stepPercent", linear.step_percent, LINEAR_MIN)?;
        wait("stepBakeTimeInMinutes", linear.step_bake_time_in_minutes)?;
    }
    if let Some(canary) = &configuration.canary_configuration {
        percent("canaryPercent", canary.canary_percent, CANARY_MIN)?;
        wait("canaryBakeTimeInMinutes", canary.canary_bake_time_in_minutes)?;
    }
    Ok(())
}

/// Checks that there is something to watch.
fn alarms(alarms: &DeploymentAlarms) -> Result<(), Error> {
    if !alarms.enable {
        return Ok(());
    }
    if alarms.alarm_names.is_empty() || alarms.alarm_names.len() > ALARMS_MAX {
        return wrong(format!("alarmNames must name 1 to {ALARMS_MAX} alarms when alarms are enabled."));
    }
    match alarms.alarm_names.iter().find(|name| !(1..=255).contains(&name.chars().count())) {
        Some(name) => wrong(format!("An alarm's name has 1 to 255 characters, which \"{name}\" has not.")),
        None => Ok(()),
    }
}

fn wait(member: &str, minutes: Option<i32>) -> Result<(), Error> {
    match minutes {
        Some(minutes) if !(0..=WAIT_MAX).contains(&minutes) => {
            wrong(format!("{member} must be between 0 and {WAIT_MAX}, and not {minutes}."))
        }
        _ => Ok(()),
    }
}

fn percent(member: &str, percent: Option<f64>, least: f64) -> Result<(), Error> {
    /// How far a multiple of 0.1 may be from one as a binary number.
    const TOLERANCE: f64 = 1e-6;
    let Some(percent) = percent else { return Ok(()) };
    let tenths = percent * 10.0;
    if (least..=100.0).contains(&percent) && (tenths - tenths.round()).abs() < TOLERANCE {
        return Ok(());
    }
    wrong(format!("{member} must be a multiple of 0.1 between {least:.1} and 100.0, and not {percent}."))
}

fn breaker(breaker: &DeploymentCircuitBreaker) -> Result<(), Error> {
    let Some(threshold) = &breaker.threshold_configuration else { return Ok(()) };
    if threshold.value > 0 {
        return Ok(());
    }
    let of = if threshold.r#type == ThresholdType::Count { "count" } else { "percentage" };
    wrong(format!("The {of} of a circuit breaker's threshold must be at least 1, and not {}.", threshold.value))
}

fn hook(hook: &DeploymentLifecycleHook) -> Result<(), Error> {
    let target = hook.hook_target_arn.as_deref().filter(|target| !target.is_empty());
    if hook.lifecycle_stages.is_empty() {
        return wrong("A lifecycle hook must have at least one lifecycle stage.");
    }
    let minutes = hook.timeout_configuration.as_ref().and_then(|timeout| timeout.timeout_in_minutes);
    if minutes.is_some_and(|minutes| !(1..=HOOK_MAX).contains(&minutes)) {
        return wrong(format!("timeoutInMinutes of a lifecycle hook must be between 1 and {HOOK_MAX}."));
    }
    match (hook.target_type.unwrap_or_default(), target) {
        (TargetType::Pause, Some(_)) => wrong("hookTargetArn is not applicable for PAUSE hooks."),
        (TargetType::Pause, None) => {
            let moving = [Stage::TestTrafficShift, Stage::ProductionTrafficShift];
            if hook.lifecycle_stages.iter().any(|stage| moving.contains(stage)) {
                return wrong("PAUSE hooks cannot be configured at TEST_TRAFFIC_SHIFT or PRODUCTION_TRAFFIC_SHIFT.");
            }
            Ok(())
        }
        (TargetType::AwsLambda, None) => wrong("hookTargetArn must be given for AWS_LAMBDA hooks."),
        (TargetType::AwsLambda, Some(target)) if target.starts_with("http://") => match target.parse::<http::Uri>() {
            Ok(_) => Ok(()),
            Err(error) => wrong(format!("hookTargetArn {target} is not a URL: {error}.")),
        },
        (TargetType::AwsLambda, Some(target)) => Err(Error::Unsupported {
            member: format!("deploymentConfiguration.lifecycleHooks.hookTargetArn {target}"),
            reason: "there is no Lambda; name a URL (http://…) that answers as the function would, or use PAUSE",
        }),
    }
}

/// Whether the target groups of `revision` allow the strategy of `configuration`.
pub(super) fn fits(configuration: &DeploymentConfiguration, revision: &Revision) -> Result<(), Error> {
    let strategy = configuration.strategy.unwrap_or_default();
    if strategy == DeploymentStrategy::Rolling {
        return Ok(());
    }
    let balancers = &revision.load_balancers;
    if balancers.is_empty() && strategy != DeploymentStrategy::BlueGreen {
        return wrong(format!(
            "The deployment strategy {} requires a load balancer or Service Connect to shift traffic; a route of App \
             Mesh is shifted by `serin canary`.",
            strategy.as_str()
        ));
    }
    for balancer in balancers {
        let advanced = balancer.advanced_configuration.clone().unwrap_or_default();
        let given = |member: Option<String>| member.is_some_and(|text| !text.is_empty());
        if !given(advanced.alternate_target_group_arn.clone()) || !given(advanced.production_listener_rule) {
            return wrong(format!(
                "advancedConfiguration with alternateTargetGroupArn and productionListenerRule must be given for each \
                 load balancer with the deployment strategy {}.",
                strategy.as_str()
            ));
        }
        if advanced.alternate_target_group_arn == balancer.target_group_arn {
            return wrong("alternateTargetGroupArn must be another target group than targetGroupArn.");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(configuration: serde_json::Value) -> Result<DeploymentConfiguration, String> {
        deployment(Some(serde_json::from_value(configuration).unwrap())).map_err(|error| error.to_string())
    }

    #[test]
    fn each_strategy_has_its_own_configuration() {
        let canary = json!({"canaryPercent": 0.1, "canaryBakeTimeInMinutes": 0});
        assert!(checked(json!({"strategy": "CANARY", "canaryConfiguration": canary})).is_ok());
        assert!(checked(json!({"strategy": "LINEAR", "canaryConfiguration": canary})).is_err());
        assert!(checked(json!({"canaryConfiguration": canary})).unwrap_err().contains("CANARY"));
        assert!(checked(json!({"bakeTimeInMinutes": 5})).unwrap_err().contains("bakeTimeInMinutes with ROLLING"));
    }

    #[test]
    fn alarms_are_named_and_a_rolling_deployment_bakes_only_under_them() {
        let alarms = |names: &[&str]| json!({"alarmNames": names, "enable": true, "rollback": true});
        assert!(checked(json!({"alarms": alarms(&["errors"]), "bakeTimeInMinutes": 5})).is_ok());
        for wrong in [alarms(&[]), alarms(&[""])] {
            assert!(checked(json!({"alarms": wrong})).unwrap_err().contains("larm"));
        }
        let off = json!({"alarmNames": [], "enable": false, "rollback": false});
        assert!(checked(json!({"alarms": off})).is_ok());
        assert!(checked(json!({"alarms": off, "bakeTimeInMinutes": 5})).is_err());
    }

    #[test]
    fn steps_are_multiples_of_a_tenth_within_limits() {
        let linear = |percent: f64| json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": percent}});
        for sound in [3.0, 33.3, 99.9, 100.0] {
            assert!(checked(linear(sound)).is_ok(), "{sound}");
        }
        for wrong in [2.9, 33.33, 100.1, -1.0] {
            assert!(checked(linear(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_function_is_refused_by_name_and_a_url_taken() {
        let hook = |hook: serde_json::Value| json!({"strategy": "BLUE_GREEN", "lifecycleHooks": [hook]});
        let stages = json!(["POST_SCALE_UP"]);
        let lambda = "arn:aws:lambda:us-east-1:000000000000:function:check";
        let refused = checked(hook(json!({"hookTargetArn": lambda, "lifecycleStages": stages}))).unwrap_err();
        assert!(refused.contains(lambda) && refused.contains("PAUSE"), "{refused}");
        let url = json!({"hookTargetArn": "http://127.0.0.1:8080/check", "lifecycleStages": stages});
        assert!(checked(hook(url)).is_ok());
        assert!(checked(hook(json!({"targetType": "PAUSE", "lifecycleStages": stages}))).is_ok());
        let moving = json!({"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]});
        assert!(checked(hook(moving)).is_err());
        assert!(checked(hook(json!({"targetType": "PAUSE"}))).is_err());
    }
}

//! Deployments: a service on its way to, or at, one revision of its task definition.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    CanaryConfiguration, CapacityProviderStrategyItem, DeploymentLifecycleHook, DeploymentStrategy, LaunchType,
    LinearConfiguration, NetworkConfiguration, Unsupported,
};

/// How a service changes from one revision to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentConfiguration {
    /// When a deployment that does not start is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_circuit_breaker: Option<DeploymentCircuitBreaker>,
    /// How many tasks there may be at most, in percent of the desired count; 200 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_percent: Option<i32>,
    /// How many must be healthy at least, in percent of the desired count; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_healthy_percent: Option<i32>,
    /// Alarms that fail a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<DeploymentAlarms>,
    /// How traffic comes to the new revision; `ROLLING` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<DeploymentStrategy>,
    /// How long the old revision stays after all traffic has shifted, 15 if absent; how long alarms are watched once a
    /// rolling deployment is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_time_in_minutes: Option<i32>,
    /// What is asked or waited for on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_hooks: Option<Vec<DeploymentLifecycleHook>>,
    /// Steps of a linear deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear_configuration: Option<LinearConfiguration>,
    /// Steps of a canary deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_configuration: Option<CanaryConfiguration>,
    /// When a deployment counts as done before it is; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_success_criteria: Option<Unsupported>,
}

/// When a deployment whose tasks do not start is given up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentCircuitBreaker {
    /// Whether it is.
    pub enable: bool,
    /// Whether the last completed deployment is taken up again.
    pub rollback: bool,
    /// Whether a healthy task clears the count of failures; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_on_healthy_task: Option<bool>,
    /// How many failures are too many; half the desired count, but 3 to 200, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_configuration: Option<ThresholdConfiguration>,
}

/// How many failures are too many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ThresholdConfiguration {
    /// What the value means.
    pub r#type: ThresholdType,
    /// A count, or a percentage of the desired count.
    pub value: i32,
}

/// What a threshold's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThresholdType {
    /// So many failures.
    #[serde(rename = "COUNT")]
    Count,
    /// A percentage of the desired count, but 3 to 200.
    #[serde(rename = "BOUNDED_PERCENT")]
    BoundedPercent,
    /// A percentage of the desired count.
    #[serde(rename = "UNBOUNDED_PERCENT")]
    UnboundedPercent,
}

/// Alarms that fail a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentAlarms {
    /// Their names.
    pub alarm_names: Vec<String>,
    /// Whether to go back when one sounds.
    pub rollback: bool,
    /// Whether they are watched.
    pub enable: bool,
}

/// A service on its way to, or at, one revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// `ecs-svc/` and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `PRIMARY` for the latest, `ACTIVE` for one being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The ARN of its task definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// How many tasks it should have now.
    #[serde(default)]
    pub desired_count: i32,
    /// How many are on their way.
    #[serde(default)]
    pub pending_count: i32,
    /// How many run.
    #[serde(default)]
    pub running_count: i32,
    /// How many failed to start since the last one that did not.
    #[serde(default)]
    pub failed_tasks: i32,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Its capacity providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// On what its tasks run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<LaunchType>,
    /// The Fargate platform's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// `Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_family: Option<String>,
    /// Where its tasks get their addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_configuration: Option<NetworkConfiguration>,
    /// How it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_state: Option<DeploymentRolloutState>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_state_reason: Option<String>,
}

/// How a deployment goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeploymentRolloutState {
    /// Its tasks run and the old ones are gone.
    #[serde(rename = "COMPLETED")]
    Completed,
    /// It was given up.
    #[serde(rename = "FAILED")]
    Failed,
    /// It is on its way.
    #[default]
    #[serde(rename = "IN_PROGRESS")]
    InProgress,
}

impl DeploymentRolloutState {
    /// The word as the API model spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::InProgress => "IN_PROGRESS",
        }
    }
}

//! How traffic comes to a new revision: all at once, in steps, and what is asked on the way.

use names::Timestamp;
use serde::{Deserialize, Serialize};

/// How traffic comes to a new revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentStrategy {
    /// As its tasks replace the old ones, some at a time.
    #[default]
    #[serde(rename = "ROLLING")]
    Rolling,
    /// At once, when all its tasks are there beside the old ones.
    #[serde(rename = "BLUE_GREEN")]
    BlueGreen,
    /// In equal steps.
    #[serde(rename = "LINEAR")]
    Linear,
    /// A small part first, then the rest.
    #[serde(rename = "CANARY")]
    Canary,
}

impl DeploymentStrategy {
    /// The word as the API model spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rolling => "ROLLING",
            Self::BlueGreen => "BLUE_GREEN",
            Self::Linear => "LINEAR",
            Self::Canary => "CANARY",
        }
    }
}

/// The steps of a linear deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinearConfiguration {
    /// How much of the traffic each step shifts: multiples of 0.1 from 3 to 100; 10 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_percent: Option<f64>,
    /// The wait between two steps: 0 to 1440; 6 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_bake_time_in_minutes: Option<i32>,
}

/// The steps of a canary deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CanaryConfiguration {
    /// How much of the traffic the first step shifts: multiples of 0.1 from 0.1 to 100; 5 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_percent: Option<f64>,
    /// The wait before the rest follows: 0 to 1440; 10 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_bake_time_in_minutes: Option<i32>,
}

/// Something that is asked or waited for at stages of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentLifecycleHook {
    /// Who is asked; `AWS_LAMBDA` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<DeploymentLifecycleHookTargetType>,
    /// A URL, `http://…`, that answers as a function would; functions themselves are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_target_arn: Option<String>,
    /// The role by which a function is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// When.
    #[serde(default)]
    pub lifecycle_stages: Vec<DeploymentLifecycleHookStage>,
    /// What is passed on to who is asked: an object, or one as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_details: Option<serde_json::Value>,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_configuration: Option<DeploymentLifecycleHookTimeoutConfiguration>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentLifecycleHookTargetType {
    /// A function, or what answers like one.
    #[default]
    #[serde(rename = "AWS_LAMBDA")]
    AwsLambda,
    /// Somebody who calls `ContinueServiceDeployment`.
    #[serde(rename = "PAUSE")]
    Pause,
}

/// The stages at which hooks can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentLifecycleHookStage {
    /// Another deployment is overtaken.
    #[serde(rename = "RECONCILE_SERVICE")]
    ReconcileService,
    /// Before the new tasks start.
    #[serde(rename = "PRE_SCALE_UP")]
    PreScaleUp,
    /// They have started.
    #[serde(rename = "POST_SCALE_UP")]
    PostScaleUp,
    /// Tests come to them.
    #[serde(rename = "TEST_TRAFFIC_SHIFT")]
    TestTrafficShift,
    /// Tests have come to them.
    #[serde(rename = "POST_TEST_TRAFFIC_SHIFT")]
    PostTestTrafficShift,
    /// Before each step by which users come to them.
    #[serde(rename = "PRE_PRODUCTION_TRAFFIC_SHIFT")]
    PreProductionTrafficShift,
    /// Users come to them.
    #[serde(rename = "PRODUCTION_TRAFFIC_SHIFT")]
    ProductionTrafficShift,
    /// All users have come to them.
    #[serde(rename = "POST_PRODUCTION_TRAFFIC_SHIFT")]
    PostProductionTrafficShift,
}

/// How long a hook may take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentLifecycleHookTimeoutConfiguration {
    /// 1 to 20160; 1440 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_minutes: Option<i32>,
    /// What happens then; `ROLLBACK` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<DeploymentLifecycleHookAction>,
}

/// What follows a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentLifecycleHookAction {
    /// The deployment goes back.
    #[serde(rename = "ROLLBACK")]
    Rollback,
    /// It goes on.
    #[default]
    #[serde(rename = "CONTINUE")]
    Continue,
}

/// How a hook of a deployment goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentLifecycleHookDetail {
    /// Its id, for `ContinueServiceDeployment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook_id: Option<String>,
    /// Who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<DeploymentLifecycleHookTargetType>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_arn: Option<String>,
    /// How it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DeploymentLifecycleHookStatus>,
    /// When it is no longer waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What happens then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_action: Option<DeploymentLifecycleHookAction>,
}

/// How a hook goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentLifecycleHookStatus {
    /// Somebody must call `ContinueServiceDeployment`.
    #[serde(rename = "AWAITING_ACTION")]
    AwaitingAction,
    /// It is asked.
    #[serde(rename = "IN_PROGRESS")]
    InProgress,
    /// The deployment may go on.
    #[serde(rename = "SUCCEEDED")]
    Succeeded,
    /// It must not.
    #[serde(rename = "FAILED")]
    Failed,
    /// It was not waited for any longer.
    #[serde(rename = "TIMED_OUT")]
    TimedOut,
}

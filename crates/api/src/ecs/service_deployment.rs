//! Service deployments: the way of a service from its revisions to another, from its beginning to its end.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DeploymentConfiguration, DeploymentLifecycleHookAction, DeploymentLifecycleHookDetail, Failure};

crate::operation!(
    DescribeServiceDeployments,
    "ecs",
    DescribeServiceDeploymentsRequest,
    DescribeServiceDeploymentsResponse
);
crate::operation!(ListServiceDeployments, "ecs", ListServiceDeploymentsRequest, ListServiceDeploymentsResponse);
crate::operation!(StopServiceDeployment, "ecs", StopServiceDeploymentRequest, ServiceDeploymentArn);
crate::operation!(ContinueServiceDeployment, "ecs", ContinueServiceDeploymentRequest, ServiceDeploymentArn);

/// What [`DescribeServiceDeployments`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeServiceDeploymentsRequest {
    /// Up to twenty ARNs.
    pub service_deployment_arns: Vec<String>,
}

/// What [`DescribeServiceDeployments`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeServiceDeploymentsResponse {
    /// Those found.
    #[serde(default)]
    pub service_deployments: Vec<ServiceDeployment>,
    /// Those not.
    #[serde(default)]
    pub failures: Vec<Failure>,
}

/// What [`ListServiceDeployments`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListServiceDeploymentsRequest {
    /// Name or ARN.
    pub service: String,
    /// Name or ARN of the cluster; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Only those that are so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<ServiceDeploymentStatus>,
    /// Only those made then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<CreatedAt>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many at most, 1 to 100; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// A time between two others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatedAt {
    /// Before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// After this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
}

/// What [`ListServiceDeployments`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListServiceDeploymentsResponse {
    /// The newest first.
    #[serde(default)]
    pub service_deployments: Vec<ServiceDeploymentBrief>,
    /// How to ask for more, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A service deployment, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploymentBrief {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_deployment_arn: Option<String>,
    /// Its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_arn: Option<String>,
    /// Its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_arn: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// The revision it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_service_revision_arn: Option<String>,
    /// How it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServiceDeploymentStatus>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
}

/// A service deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeployment {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_deployment_arn: Option<String>,
    /// Its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_arn: Option<String>,
    /// Its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_arn: Option<String>,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When it was stopped on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The revisions it leads away from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_service_revisions: Vec<ServiceRevisionSummary>,
    /// The revision it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_service_revision: Option<ServiceRevisionSummary>,
    /// How it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServiceDeploymentStatus>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// How far it is: `PRE_SCALE_UP` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<String>,
    /// How its hooks go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifecycle_hook_details: Vec<DeploymentLifecycleHookDetail>,
    /// How the service was to change when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// The way back, if it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// What the circuit breaker sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_circuit_breaker: Option<ServiceDeploymentCircuitBreaker>,
    /// What is seen of its alarms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<ServiceDeploymentAlarms>,
}

/// How many tasks a revision has in a deployment, and how much of the traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRevisionSummary {
    /// The revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// How many it should have.
    #[serde(default)]
    pub requested_task_count: i32,
    /// How many run.
    #[serde(default)]
    pub running_task_count: i32,
    /// How many are on their way.
    #[serde(default)]
    pub pending_task_count: i32,
    /// Its share of the tests, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_test_traffic_weight: Option<f64>,
    /// Its share of the users, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_production_traffic_weight: Option<f64>,
}

/// How a service deployment goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeploymentStatus {
    /// It was asked for.
    #[default]
    #[serde(rename = "PENDING")]
    Pending,
    /// Its revision is reached.
    #[serde(rename = "SUCCESSFUL")]
    Successful,
    /// It was given up where it was.
    #[serde(rename = "STOPPED")]
    Stopped,
    /// It is to be given up.
    #[serde(rename = "STOP_REQUESTED")]
    StopRequested,
    /// It is on its way.
    #[serde(rename = "IN_PROGRESS")]
    InProgress,
    /// It is to go back.
    #[serde(rename = "ROLLBACK_REQUESTED")]
    RollbackRequested,
    /// It goes back.
    #[serde(rename = "ROLLBACK_IN_PROGRESS")]
    RollbackInProgress,
    /// It has gone back.
    #[serde(rename = "ROLLBACK_SUCCESSFUL")]
    RollbackSuccessful,
    /// It could not go back.
    #[serde(rename = "ROLLBACK_FAILED")]
    RollbackFailed,
}

/// A way back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// To which revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_revision_arn: Option<String>,
}

/// What the circuit breaker sees of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploymentCircuitBreaker {
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServiceDeploymentRollbackMonitorsStatus>,
    /// How many failures count.
    #[serde(default)]
    pub failure_count: i32,
    /// How many are too many.
    #[serde(default)]
    pub threshold: i32,
}

/// What is seen of the alarms that a deployment is watched by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploymentAlarms {
    /// Whether they are watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ServiceDeploymentRollbackMonitorsStatus>,
    /// All of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarm_names: Vec<String>,
    /// Those that ended it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggered_alarm_names: Vec<String>,
}

/// What something that watches over a deployment does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeploymentRollbackMonitorsStatus {
    /// It has given the deployment up.
    #[serde(rename = "TRIGGERED")]
    Triggered,
    /// It watches.
    #[serde(rename = "MONITORING")]
    Monitoring,
    /// It has watched until the end.
    #[serde(rename = "MONITORING_COMPLETE")]
    MonitoringComplete,
    /// It is off.
    #[serde(rename = "DISABLED")]
    Disabled,
}

/// What [`StopServiceDeployment`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopServiceDeploymentRequest {
    /// Which.
    pub service_deployment_arn: String,
    /// How; `ROLLBACK` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_type: Option<StopServiceDeploymentStopType>,
}

/// How a deployment is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopServiceDeploymentStopType {
    /// It is given up where it is.
    #[serde(rename = "ABORT")]
    Abort,
    /// It goes back to the revision before.
    #[default]
    #[serde(rename = "ROLLBACK")]
    Rollback,
}

/// What [`ContinueServiceDeployment`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContinueServiceDeploymentRequest {
    /// Which.
    pub service_deployment_arn: String,
    /// The hook at which it waits.
    pub hook_id: String,
    /// `CONTINUE` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<DeploymentLifecycleHookAction>,
}

/// The deployment that was stopped or that goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploymentArn {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_deployment_arn: Option<String>,
}

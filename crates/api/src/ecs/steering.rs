//! Ours, not AWS's: deployments whose users come to the new tasks as a judge decides, and not as time passes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operation;

operation!(PutServiceSteering, "ecs", PutServiceSteeringRequest, PutServiceSteeringResponse);
operation!(DescribeSteering, "ecs", DescribeSteeringRequest, DescribeSteeringResponse);
operation!(SteerDeployment, "ecs", SteerDeploymentRequest, SteerDeploymentResponse);

/// Who decides how users come to the new tasks of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Steering {
    /// The deployment configuration, as on AWS.
    #[default]
    ByConfiguration,
    /// Nobody: all come at once, and nothing bakes. For what is taken back.
    AtOnce,
    /// A canary that follows this policy.
    Judged(Value),
}

/// Says who decides over the deployments of a service that begin from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutServiceSteeringRequest {
    /// Its cluster; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The service.
    pub service: String,
    /// Who decides.
    pub steering: Steering,
}

/// It is so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PutServiceSteeringResponse {}

/// Asks how far a deployment is that is steered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeSteeringRequest {
    /// The service deployment.
    pub service_deployment_arn: String,
}

/// How far a deployment is that is steered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeSteeringResponse {
    /// Why it can be steered no more; none while it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// Whether it was told that it may go on to its end.
    pub finished: bool,
    /// The thousandths of users that come to the new tasks; none while the load balancer is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<u16>,
    /// The target group of the tasks that served before.
    pub serving: String,
    /// The target group of the new tasks.
    pub coming: String,
}

/// Decides over a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SteerDeploymentRequest {
    /// The service deployment.
    pub service_deployment_arn: String,
    /// What is decided.
    pub order: SteeringOrder,
}

/// What is decided over a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SteeringOrder {
    /// So many thousandths of the users come to the new tasks.
    Shift(u16),
    /// It goes on to its end, with all users at the new tasks.
    Finish,
    /// It goes back, for this reason.
    TakeBack(String),
}

/// It is heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SteerDeploymentResponse {}

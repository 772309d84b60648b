//! Ours, not AWS's: the network namespaces of tasks. Reachable in process alone.

use serde::{Deserialize, Serialize};

use crate::operation;

operation!(DescribeTaskNamespaces, "ecs", DescribeTaskNamespacesRequest, DescribeTaskNamespacesResponse);

/// Asks for the namespaces of tasks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeTaskNamespacesRequest {
    /// The tasks' ARNs; one that does not run is left out of the answer.
    pub tasks: Vec<String>,
}

/// The namespaces of those tasks that run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeTaskNamespacesResponse {
    /// The namespaces.
    pub task_namespaces: Vec<TaskNamespace>,
}

/// The namespace of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskNamespace {
    /// The task.
    pub task_arn: String,
    /// A path that opens it as long as the task runs.
    pub path: String,
}

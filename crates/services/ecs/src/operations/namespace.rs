//! The namespaces of tasks: for neighbours in this house alone.

use api::ecs::{DescribeTaskNamespacesRequest, DescribeTaskNamespacesResponse, TaskNamespace};
use container::TaskStatus;

use super::Context;
use crate::{
    Error,
    rows::{Task, TaskRuntime},
};

pub(super) async fn describe(
    cx: Context,
    request: DescribeTaskNamespacesRequest,
) -> Result<DescribeTaskNamespacesResponse, Error> {
    if !cx.call().access_key.is_empty() {
        return Err(Error::InProcess("DescribeTaskNamespaces"));
    }
    let mut task_namespaces = Vec::new();
    for task_arn in request.tasks {
        let mut parts = task_arn.rsplit('/');
        let (Some(id), Some(cluster)) = (parts.next(), parts.next()) else { continue };
        let Some(runtime) = cx.store.get::<TaskRuntime>(&Task::key(cx.scope(), cluster, id))? else { continue };
        if matches!(runtime.state.status, TaskStatus::Running | TaskStatus::Stopping) {
            // The shim lives in the task's network namespace.
            let path = format!("/proc/{}/ns/net", runtime.state.shim_pid);
            task_namespaces.push(TaskNamespace { task_arn, path });
        }
    }
    Ok(DescribeTaskNamespacesResponse { task_namespaces })
}

//! Tasks.

use api::ecs::{
    DescribeTasksRequest, DescribeTasksResponse, DesiredStatus, ExecuteCommandRequest, ExecuteCommandResponse, Failure,
    ListTasksRequest, ListTasksResponse, RunTaskRequest, RunTaskResponse, StopTaskRequest, StopTaskResponse,
    TaskStopCode,
};
use names::Scope;

use super::{Context, cluster::missing, neighbours, page_size, refused, task_checks, waiting};
use crate::{
    Error, placement,
    read::tasks_under,
    refer,
    rows::{Cluster, Service, Stop, Task, TaskObserved},
    show,
};

/// How many tasks one call may describe, as on AWS.
const DESCRIBED_MAX: usize = 100;
/// How many tasks one call may run, as on AWS.
const RUN_MAX: i32 = 10;

pub(super) async fn run(cx: Context, request: RunTaskRequest) -> Result<RunTaskResponse, Error> {
    task_checks::refuse(&request)?;
    let count = request.count.unwrap_or(1);
    if !(1..=RUN_MAX).contains(&count) {
        return Err(Error::InvalidParameter(format!("count must be between 1 and {RUN_MAX}, and not {count}.")));
    }
    let definition = refer::usable_definition(&cx.store, cx.scope(), &request.task_definition)?;
    let draft = task_checks::draft(&cx, &request, &definition)?;
    neighbours::network(&cx, &draft.network).await?;
    let scope = cx.scope();
    cx.store.write(|tx| {
        let cluster = refer::active_cluster(tx, scope, request.cluster.as_deref())?;
        if let Some(token) = &request.client_token {
            let repeated = repeated(tx, scope, &cluster, token, &draft)?;
            if !repeated.is_empty() {
                return Ok(RunTaskResponse { tasks: repeated, failures: Vec::new() });
            }
        }
        let mut response = RunTaskResponse::default();
        for _ in 0..count {
            let mut task = Task { cluster: cluster.name.clone(), ..draft.clone() };
            cx.name_task(&mut task, &definition, request.enable_ecs_managed_tags);
            if let Err(lack) = placement::fits(tx, cx.machine, &task)? {
                response.failures.push(no_room(scope, &cluster, &lack));
                continue;
            }
            tx.put(&Task::key(scope, &cluster.name, &task.id), &task)?;
            response.tasks.push(show::task(tx, scope, &task, &["TAGS".to_owned()])?);
        }
        Ok(response)
    })
}

/// The tasks that an earlier call with the same token has started.
fn repeated(
    tx: &store::Transaction<'_>,
    scope: &Scope,
    cluster: &Cluster,
    token: &str,
    draft: &Task,
) -> Result<Vec<api::ecs::Task>, Error> {
    let rows = tx.list_under::<Task>(scope, &format!("{}/", cluster.name))?;
    let same = rows.into_iter().map(|(_, row)| row).filter(|row| row.client_token.as_deref() == Some(token));
    same.map(|row| {
        if (&row.family, row.revision, &row.overrides) == (&draft.family, draft.revision, &draft.overrides) {
            show::task(tx, scope, &row, &[]).map_err(Error::from)
        } else {
            Err(Error::ClientTokenReused(token.to_owned()))
        }
    })
    .collect()
}

fn no_room(scope: &Scope, cluster: &Cluster, lack: &placement::Lack) -> Failure {
    Failure {
        arn: Some(Cluster::arn(scope, &cluster.name)),
        reason: Some(lack.resource().to_owned()),
        detail: Some(lack.to_string()),
    }
}

pub(super) async fn stop(cx: Context, request: StopTaskRequest) -> Result<StopTaskResponse, Error> {
    let scope = cx.scope();
    let shown = cx.store.write(|tx| {
        let cluster = refer::active_cluster(tx, scope, request.cluster.as_deref())?.name;
        let key = Task::key(scope, &cluster, &refer::task_id(scope, &cluster, &request.task)?);
        let mut row = tx.get::<Task>(&key)?.ok_or(Error::TaskNotFound)?;
        let observed = tx.get::<TaskObserved>(&key)?.unwrap_or_default();
        // The first reason stands.
        if row.end(&observed).is_none() {
            let reason = request.reason.clone().filter(|reason| !reason.is_empty());
            row.stop = Some(Stop {
                code: TaskStopCode::UserInitiated,
                reason: reason.unwrap_or_else(|| "Task stopped by user".to_owned()),
                at: cx.clock.now(),
                failed: false,
            });
            tx.put(&key, &row)?;
        }
        show::task(tx, scope, &row, &[]).map_err(Error::from)
    })?;
    Ok(StopTaskResponse { task: Some(shown) })
}

pub(super) async fn describe(cx: Context, request: DescribeTasksRequest) -> Result<DescribeTasksResponse, Error> {
    if request.tasks.is_empty() {
        return Err(Error::InvalidParameter("Tasks cannot be empty.".to_owned()));
    }
    if request.tasks.len() > DESCRIBED_MAX {
        return Err(Error::InvalidParameter(format!("At most {DESCRIBED_MAX} tasks can be described at once.")));
    }
    if !cx.call().waiter {
        return described(&cx, &request);
    }
    // A task has arrived where it is meant to be: RUNNING, or STOPPED for whatever reason.
    let arrived = |task: &api::ecs::Task| match task.last_status.as_deref() {
        Some("RUNNING") => task.desired_status.as_deref() == Some("RUNNING"),
        status => status == Some("STOPPED"),
    };
    let done = |response: &DescribeTasksResponse| !response.failures.is_empty() || response.tasks.iter().all(arrived);
    waiting::hold(&cx, || described(&cx, &request), done).await
}

fn described(cx: &Context, request: &DescribeTasksRequest) -> Result<DescribeTasksResponse, Error> {
    let scope = cx.scope();
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    let mut response = DescribeTasksResponse::default();
    let mut shown = show::Tasks::new(&cx.store, scope);
    for reference in &request.tasks {
        let row = match refer::task_id(scope, &cluster, reference) {
            Ok(id) => cx.store.get::<Task>(&Task::key(scope, &cluster, &id))?,
            Err(_) => None,
        };
        match row {
            Some(row) => response.tasks.push(shown.task(&row, &request.include)?),
            None if reference.starts_with("arn:") => response.failures.push(missing(reference.clone())),
            None => response.failures.push(missing(Task::arn(scope, &cluster, reference))),
        }
    }
    Ok(response)
}

pub(super) async fn list(cx: Context, request: ListTasksRequest) -> Result<ListTasksResponse, Error> {
    let scope = cx.scope();
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    let service = request.service_name.as_deref().map(|text| refer::service_name(scope, &cluster, text)).transpose()?;
    if let Some(name) = &service
        && cx.store.get::<Service>(&Service::key(scope, &cluster, name))?.is_none()
    {
        return Err(Error::ServiceNotFound);
    }
    let nowhere = request.container_instance.is_some() || request.daemon_name.is_some();
    let mut arns = Vec::new();
    for (row, observed) in tasks_under(&cx.store, scope, &format!("{cluster}/"))? {
        let desired = if row.end(&observed).is_some() { DesiredStatus::Stopped } else { DesiredStatus::Running };
        let of_service = service.is_none() || row.membership.as_ref().map(|m| &m.service) == service.as_ref();
        let matches = desired == request.desired_status.unwrap_or_default()
            && of_service
            && request.family.as_ref().is_none_or(|family| *family == row.family)
            && request.started_by.as_ref().is_none_or(|by| Some(by) == row.started_by.as_ref())
            && request.launch_type.is_none_or(|kind| kind == row.launch_type);
        if matches && !nowhere {
            arns.push(Task::arn(scope, &cluster, &row.id));
        }
    }
    let size = page_size(request.max_results, super::PAGE_MAX)?;
    let (task_arns, next_token) = wire::page(arns, Clone::clone, size, request.next_token.as_deref())?;
    Ok(ListTasksResponse { task_arns, next_token })
}

pub(super) async fn execute(_: Context, _: ExecuteCommandRequest) -> Result<ExecuteCommandResponse, Error> {
    Err(refused::unsupported("ExecuteCommand", "there is no Session Manager to carry commands into containers"))
}

//! Clusters and their services, one service with its tasks, one task with its containers and what they write.

use api::{
    Fault,
    ecs::{
        Container, DescribeServices, DescribeServicesRequest, DescribeTasks, DescribeTasksRequest, ListClusters,
        ListClustersRequest, ListServices, ListServicesRequest, ListTasks, ListTasksRequest, Service, Task,
    },
};
use maud::{Markup, html};

use crate::{
    ask::{Cx, all},
    pages::{
        logs::{self, Search},
        overview::empty,
    },
    view::{Place, View},
    words::{date, span, state, tail, time},
};

/// Services or tasks that ECS describes in one call.
const DESCRIBED_AT_ONCE: usize = 10;
/// Events of a service that are shown.
const EVENTS_MAX: usize = 30;
/// Lines of a log that stand beside what wrote them.
const LINES: i32 = 100;

/// The list, by cluster.
pub(crate) async fn list(cx: Cx) -> Result<View, Fault> {
    let mut clusters = Vec::new();
    for cluster in all!(cx, ListClusters, ListClustersRequest::default(), cluster_arns) {
        let request = ListServicesRequest { cluster: Some(cluster.clone()), ..Default::default() };
        let arns = all!(cx, ListServices, request, service_arns);
        let request = ListTasksRequest { cluster: Some(cluster.clone()), ..Default::default() };
        let tasks = describe_tasks(&cx, &cluster, all!(cx, ListTasks, request, task_arns)).await?;
        let lone = tasks.into_iter().filter(|task| !task.group.as_deref().unwrap_or_default().starts_with("service:"));
        clusters.push((tail(&cluster).to_owned(), describe(&cx, &cluster, &arns).await?, lone.collect::<Vec<_>>()));
    }
    let shown = html! {
        @if clusters.is_empty() { (empty("cluster")) }
        @for (cluster, services, lone) in &clusters {
            section {
                h2 { "Cluster " (cluster) }
                @if services.is_empty() { (empty("service")) } @else { (table(&cx, cluster, services)) }
                @if !lone.is_empty() { h2 { "Tasks of no service" } (task_table(&cx, cluster, lone)) }
            }
        }
    };
    Ok(View::new(&cx, Place::Services, "Services")
        .part("clusters", shown)
        .command("serin status")
        .command("aws ecs list-services --cluster …"))
}

async fn describe(cx: &Cx, cluster: &str, arns: &[String]) -> Result<Vec<Service>, Fault> {
    let mut services = Vec::new();
    for some in arns.chunks(DESCRIBED_AT_ONCE) {
        let request = DescribeServicesRequest {
            cluster: Some(cluster.to_owned()),
            services: some.to_vec(),
            ..Default::default()
        };
        services.extend(cx.call::<DescribeServices>(request).await?.services);
    }
    Ok(services)
}

async fn describe_tasks(cx: &Cx, cluster: &str, arns: Vec<String>) -> Result<Vec<Task>, Fault> {
    let mut tasks = Vec::new();
    for some in arns.chunks(DESCRIBED_AT_ONCE) {
        let request =
            DescribeTasksRequest { cluster: Some(cluster.to_owned()), tasks: some.to_vec(), ..Default::default() };
        tasks.extend(cx.call::<DescribeTasks>(request).await?.tasks);
    }
    Ok(tasks)
}

fn table(cx: &Cx, cluster: &str, services: &[Service]) -> Markup {
    html! {
        table {
            thead { tr { th { "Service" } th { "Tasks" } th { "Task definition" } th { "Rollout" } th.wide { "Last event" } } }
            tbody { @for service in services {
                @let name = service.service_name.as_deref().unwrap_or_default();
                tr {
                    td { a href=(cx.link(&["services", cluster, name])) { (name) } }
                    td { (copies(service)) }
                    td.mono { (service.task_definition.as_deref().map(tail).unwrap_or_default()) }
                    td { (rollout(service)) }
                    td.why { (service.events.first().and_then(|event| event.message.as_deref()).unwrap_or_default()) }
                }
            } }
        }
    }
}

fn copies(service: &Service) -> Markup {
    let word = if service.running_count < service.desired_count { "pending" } else { "running" };
    html! {
        (state(if service.desired_count == 0 { "none" } else { word }))
        " " span.number { (service.running_count) " of " (service.desired_count) }
        @if service.pending_count > 0 { span.quiet { ", " (service.pending_count) " on the way" } }
    }
}

fn rollout(service: &Service) -> Markup {
    let newest = service.deployments.first();
    html! {
        @if let Some(word) = newest.and_then(|deployment| deployment.rollout_state) { (state(word.as_str())) }
    }
}

/// One service.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let (cluster, name) = (cx.path("cluster").to_owned(), cx.path("service").to_owned());
    let service = describe(&cx, &cluster, std::slice::from_ref(&name)).await?.into_iter().next();
    let service = service.ok_or_else(|| Fault::new("NotFound", 404, format!("There is no service {name}.")))?;
    let request =
        ListTasksRequest { cluster: Some(cluster.clone()), service_name: Some(name.clone()), ..Default::default() };
    let tasks = describe_tasks(&cx, &cluster, all!(cx, ListTasks, request, task_arns)).await?;
    let standing = html! {
        p.standing role="status" { (copies(&service)) }
        p.quiet { "Runs " span.mono { (service.task_definition.as_deref().map(tail).unwrap_or_default()) } " on cluster " (cluster) "." }
    };
    let shown =
        html! { h2 { "Tasks" } @if tasks.is_empty() { (empty("task")) } @else { (task_table(&cx, &cluster, &tasks)) } };
    Ok(View::new(&cx, Place::Services, name.clone())
        .below("Services", cx.link(&["services"]))
        .part("standing", standing)
        .part("tasks", shown)
        .part("deployments", deployments(&service))
        .part("events", events(&service))
        .command(format!("aws ecs describe-services --cluster {cluster} --services {name}"))
        .command(format!("aws ecs update-service --cluster {cluster} --service {name} --desired-count …")))
}

fn task_table(cx: &Cx, cluster: &str, tasks: &[Task]) -> Markup {
    html! {
        table {
            thead { tr { th { "Task" } th { "State" } th { "Health" } th { "Address" } th { "Since" } th.wide { "Containers" } } }
            tbody { @for task in tasks {
                @let id = task.task_arn.as_deref().map(tail).unwrap_or_default();
                tr {
                    td.mono { a href=(cx.link(&["tasks", cluster, id])) title=(id) { (id.get(..8).unwrap_or(id)) } }
                    td { (state(task.last_status.as_deref().unwrap_or_default())) }
                    td { @if let Some(health) = task.health_status { (state(health.as_str())) } }
                    td.mono { (address(task)) }
                    td.number { @if let Some(at) = task.started_at.or(task.created_at) { (time(at)) } }
                    td { @for container in &task.containers {
                        span.state { (container.name.as_deref().unwrap_or_default()) } " "
                        span.quiet { (container.last_status.as_deref().unwrap_or_default().to_lowercase()) } "  "
                    } }
                }
            } }
        }
    }
}

fn address(task: &Task) -> &str {
    let mut interfaces = task.containers.iter().flat_map(|container| &container.network_interfaces);
    interfaces.find_map(|interface| interface.private_ipv4_address.as_deref()).unwrap_or_default()
}

fn deployments(service: &Service) -> Markup {
    html! {
        h2 { "Deployments" }
        table {
            thead { tr { th { "Task definition" } th { "State" } th { "Tasks" } th { "Failed" } th { "Changed" } } }
            tbody { @for deployment in &service.deployments { tr {
                td.mono { (deployment.task_definition.as_deref().map(tail).unwrap_or_default()) }
                td {
                    @if let Some(word) = deployment.rollout_state { (state(word.as_str())) }
                    @if let Some(reason) = &deployment.rollout_state_reason { div.why { (reason) } }
                }
                td.number { (deployment.running_count) " of " (deployment.desired_count) }
                td.number { (deployment.failed_tasks) }
                td.number { @if let Some(at) = deployment.updated_at.or(deployment.created_at) { (date(at)) } }
            } } }
        }
    }
}

fn events(service: &Service) -> Markup {
    html! {
        h2 { "Events" }
        table {
            thead { tr { th { "When" } th { "What" } } }
            tbody { @for event in service.events.iter().take(EVENTS_MAX) { tr {
                td.number { @if let Some(at) = event.created_at { (time(at)) } }
                td { (event.message.as_deref().unwrap_or_default()) }
            } } }
        }
    }
}

/// One task.
pub(crate) async fn task(cx: Cx) -> Result<View, Fault> {
    let (cluster, id) = (cx.path("cluster").to_owned(), cx.path("task").to_owned());
    let task = describe_tasks(&cx, &cluster, vec![id.clone()]).await?.into_iter().next();
    let task = task.ok_or_else(|| Fault::new("NotFound", 404, format!("There is no task {id}.")))?;
    let group = task.group.clone().unwrap_or_default();
    let search = Search { suffix: id.clone(), limit: LINES, ..Search::default() };
    let lines = logs::search(&cx, &search).await?;
    let mut view = View::new(&cx, Place::Services, format!("Task {}", id.get(..8).unwrap_or(&id)))
        .below("Services", cx.link(&["services"]));
    if let Some(service) = group.strip_prefix("service:") {
        view = view.below(service, cx.link(&["services", &cluster, service]));
    }
    let shown = html! {
        h2 { "What it writes" }
        @if lines.is_empty() { (crate::words::nothing("Nothing to awslogs yet.")) } @else { (logs::lines(&lines)) }
    };
    Ok(view
        .part("standing", task_standing(&task, &id))
        .part("containers", containers(&task.containers))
        .part("lines", shown)
        .command(format!("aws ecs describe-tasks --cluster {cluster} --tasks {id}"))
        .command("serin logs --follow"))
}

fn task_standing(task: &Task, id: &str) -> Markup {
    html! {
        p.standing role="status" {
            (state(task.last_status.as_deref().unwrap_or_default()))
            @if let Some(health) = task.health_status { " " (state(health.as_str())) }
            @if let Some(reason) = &task.stopped_reason { " " (reason) }
        }
        p.quiet {
            span.mono { (id) } ", " span.mono { (task.task_definition_arn.as_deref().map(tail).unwrap_or_default()) }
            @if !address(task).is_empty() { ", at " span.mono { (address(task)) } }
            @if let Some(at) = task.started_at { ", since " (date(at)) }
            @if let (Some(created), Some(started)) = (task.created_at, task.started_at) {
                ", up after " (span(started.since(created).as_secs_f64()))
            }
            "."
        }
    }
}

fn containers(containers: &[Container]) -> Markup {
    html! {
        h2 { "Containers" }
        table {
            thead { tr { th { "Container" } th { "State" } th { "Health" } th { "Exit code" } th.wide { "Image" } } }
            tbody { @for container in containers { tr {
                td { (container.name.as_deref().unwrap_or_default()) }
                td {
                    (state(container.last_status.as_deref().unwrap_or_default()))
                    @if let Some(reason) = &container.reason { div.why { (reason) } }
                }
                td { @if let Some(health) = container.health_status { (state(health.as_str())) } }
                td.number { @if let Some(code) = container.exit_code { (code) } }
                td.mono { (container.image.as_deref().unwrap_or_default()) }
            } } }
        }
    }
}

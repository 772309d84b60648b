//! Clusters and their services, one service with its tasks, one task with its containers and what they write.

use api::{
    Fault,
    ecs::{
        Container, DescribeClusters, DescribeClustersRequest, DescribeServices, DescribeServicesRequest, DescribeTasks,
        DescribeTasksRequest, ListClusters, ListClustersRequest, ListServices, ListServicesRequest, ListTasks,
        ListTasksRequest, Service, ServiceEvent, Task,
    },
};
use maud::{Markup, html};

use crate::{
    ask::{Cx, all},
    links,
    pages::{
        logs::{self, Search},
        overview::empty,
    },
    view::{Place, View},
    words::{date, span, state, tail, time},
};

/// Services that ECS describes in one call.
const SERVICES_AT_ONCE: usize = 10;
/// Tasks that it describes in one call, and that one page shows.
const TASKS_AT_ONCE: usize = 100;
/// Events of a service that are shown.
const EVENTS_MAX: usize = 30;
/// Characters of an event that are shown; one may name hundreds of tasks.
const EVENT_MAX: usize = 300;
/// Lines of a log that stand beside what wrote them.
const LINES: i32 = 100;

/// The list, by cluster.
pub(crate) async fn list(cx: Cx) -> Result<View, Fault> {
    let mut clusters = Vec::new();
    for cluster in all!(cx, ListClusters, ListClustersRequest::default(), cluster_arns) {
        let request = ListServicesRequest { cluster: Some(cluster.clone()), ..Default::default() };
        let arns = all!(cx, ListServices, request, service_arns);
        let services = describe(&cx, &cluster, &arns).await?;
        let lone = lone_tasks(&cx, &cluster, &services).await?;
        clusters.push((tail(&cluster).to_owned(), services, lone));
    }
    let shown = html! {
        @if clusters.is_empty() { (empty("cluster")) }
        @for (cluster, services, lone) in &clusters {
            section {
                h2 { "Cluster " (cluster) }
                @if services.is_empty() { (empty("service")) } @else { (table(&cx, cluster, services)) }
                @if !lone.is_empty() {
                    h2 { "Tasks of no service" }
                    (task_table(&cx, cluster, &lone[..lone.len().min(TASKS_AT_ONCE)]))
                    @if lone.len() > TASKS_AT_ONCE {
                        p.quiet { "These are " (TASKS_AT_ONCE) " of " (lone.len()) "; " code { "aws ecs list-tasks --cluster " (cluster) } " names all." }
                    }
                }
            }
        }
    };
    Ok(View::new(&cx, Place::Services, "Services")
        .part("clusters", shown)
        .command("serin status")
        .command("aws ecs list-services --cluster …"))
}

/// The tasks of a cluster that belong to none of its `services`. Where these account for all that the cluster has, nobody
/// else has to be looked for.
async fn lone_tasks(cx: &Cx, cluster: &str, services: &[Service]) -> Result<Vec<Task>, Fault> {
    let request = DescribeClustersRequest { clusters: vec![cluster.to_owned()], include: Vec::new() };
    let clusters = cx.call::<DescribeClusters>(request).await?.clusters;
    let all: i32 = clusters.iter().map(|cluster| cluster.running_tasks_count + cluster.pending_tasks_count).sum();
    if all == services.iter().map(|service| service.running_count + service.pending_count).sum::<i32>() {
        return Ok(Vec::new());
    }
    let request = ListTasksRequest { cluster: Some(cluster.to_owned()), ..Default::default() };
    let mut tasks = describe_tasks(cx, cluster, all!(cx, ListTasks, request, task_arns)).await?;
    tasks.retain(|task| !task.group.as_deref().unwrap_or_default().starts_with("service:"));
    Ok(tasks)
}

async fn describe(cx: &Cx, cluster: &str, arns: &[String]) -> Result<Vec<Service>, Fault> {
    let mut services = Vec::new();
    for some in arns.chunks(SERVICES_AT_ONCE) {
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
    for some in arns.chunks(TASKS_AT_ONCE) {
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
                    td.why { (said(service.events.first())) }
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
    let after = cx.query("after");
    let request = ListTasksRequest {
        cluster: Some(cluster.clone()),
        service_name: Some(name.clone()),
        next_token: (!after.is_empty()).then(|| after.to_owned()),
        max_results: i32::try_from(TASKS_AT_ONCE).ok(),
        ..Default::default()
    };
    let page = cx.call::<ListTasks>(request).await?;
    let tasks = describe_tasks(&cx, &cluster, page.task_arns).await?;
    let ways = ways(&cx.link(&["services", &cluster, &name]), after, page.next_token.as_deref());
    let standing = html! {
        p.standing role="status" { (copies(&service)) }
        p.quiet { "Runs " span.mono { (service.task_definition.as_deref().map(tail).unwrap_or_default()) } " on cluster " (cluster) "." }
    };
    let shown = html! {
        h2 { "Tasks" }
        @if tasks.is_empty() { (empty("task")) } @else { (task_table(&cx, &cluster, &tasks)) }
        (ways)
    };
    Ok(View::new(&cx, Place::Services, name.clone())
        .below("Services", cx.link(&["services"]))
        .part("standing", standing)
        .part("tasks", shown)
        .part("deployments", deployments(&service))
        .part("events", events(&service))
        .command(format!("aws ecs describe-services --cluster {cluster} --services {name}"))
        .command(format!("aws ecs update-service --cluster {cluster} --service {name} --desired-count …")))
}

/// The ways from one page of tasks to the others, where not all are on one.
fn ways(link: &str, after: &str, next: Option<&str>) -> Markup {
    html! {
        @if !after.is_empty() || next.is_some() {
            p.quiet {
                @if !after.is_empty() { a href=(link) rel="first" { "The first " (TASKS_AT_ONCE) } " " }
                @if let Some(next) = next {
                    a href=(format!("{link}?after={}", links::encode(next))) rel="next" { "The next " (TASKS_AT_ONCE) }
                }
            }
        }
    }
}

/// What an event says, as far as one reads it.
fn said(event: Option<&ServiceEvent>) -> String {
    let text = event.and_then(|event| event.message.as_deref()).unwrap_or_default();
    crate::words::cut(text, EVENT_MAX)
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
                td { (said(Some(event))) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_beyond_one_page_have_a_way_to_them() {
        assert_eq!(ways("/s", "", None).0, "");
        let first = ways("/s", "", Some("a&b")).0;
        assert!(first.contains("/s?after=a%26b") && !first.contains("rel=\"first\""), "{first}");
        let last = ways("/s", "a", None).0;
        assert!(last.contains("href=\"/s\"") && !last.contains("rel=\"next\""), "{last}");
    }

    #[test]
    fn an_event_that_names_hundreds_of_tasks_is_cut() {
        let event = ServiceEvent { message: Some("task ".repeat(1000)), ..ServiceEvent::default() };
        assert_eq!(said(Some(&event)).chars().count(), EVENT_MAX);
        assert_eq!(said(None), "");
    }
}

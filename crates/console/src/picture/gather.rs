//! Asks every service what it has.

use api::{appmesh, cloudformation, ecs, elbv2};
use names::Scope;

use super::{Api, Container, LoadBalancer, MeshFault, Picture, Proxy, Route, Service, Stack, Target, Task, TurnedAway};

/// Services that ECS describes in one call.
const SERVICES_AT_ONCE: usize = 10;
/// Tasks that it does.
const TASKS_AT_ONCE: usize = 100;

/// Somebody to be asked, and for whom.
struct In<'a, A> {
    house: &'a A,
    scope: &'a Scope,
}

impl<A: Api> In<'_, A> {
    async fn call<Op: api::Operation>(&self, request: Op::Request) -> Result<Op::Response, A::Error> {
        self.house.ask::<Op>(self.scope, request).await
    }
}

/// The picture of `scope`.
pub async fn gather<A: Api>(house: &A, scope: &Scope) -> Result<Picture, A::Error> {
    let client = In { house, scope };
    let mut picture = Picture {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        stacks: stacks(&client).await?,
        load_balancers: load_balancers(&client).await?,
        ..Picture::default()
    };
    meshes(&client, &mut picture).await?;
    picture.turned_away = turned_away(&client).await?;
    let clusters = client.call::<ecs::ListClusters>(ecs::ListClustersRequest::default()).await?.cluster_arns;
    for cluster in clusters {
        picture.services.extend(services(&client, &cluster).await?);
        picture.tasks.extend(tasks(&client, &cluster).await?);
    }
    Ok(picture)
}

async fn stacks<A: Api>(client: &In<'_, A>) -> Result<Vec<Stack>, A::Error> {
    let mut stacks = Vec::new();
    let mut next_token = None;
    loop {
        let request = cloudformation::DescribeStacksRequest { next_token, ..Default::default() };
        let answer = client.call::<cloudformation::DescribeStacks>(request).await?;
        stacks.extend(answer.stacks.into_iter().map(|stack| Stack {
            name: stack.stack_name,
            status: word(&stack.stack_status),
            reason: stack.stack_status_reason,
        }));
        next_token = answer.next_token;
        if next_token.is_none() {
            return Ok(stacks);
        }
    }
}

async fn services<A: Api>(client: &In<'_, A>, cluster: &str) -> Result<Vec<Service>, A::Error> {
    let mut arns = Vec::new();
    let mut request = ecs::ListServicesRequest { cluster: Some(cluster.to_owned()), ..Default::default() };
    loop {
        let answer = client.call::<ecs::ListServices>(request.clone()).await?;
        arns.extend(answer.service_arns);
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    let mut services = Vec::new();
    for some in arns.chunks(SERVICES_AT_ONCE) {
        let request = ecs::DescribeServicesRequest {
            cluster: Some(cluster.to_owned()),
            services: some.to_vec(),
            ..Default::default()
        };
        let answer = client.call::<ecs::DescribeServices>(request).await?;
        services.extend(answer.services.into_iter().map(|service| Service {
            cluster: tail(cluster),
            name: service.service_name.unwrap_or_default(),
            task_definition: tail(&service.task_definition.unwrap_or_default()),
            desired: service.desired_count,
            running: service.running_count,
            pending: service.pending_count,
            deployments: service.deployments.len(),
            event: service.events.into_iter().next().and_then(|event| event.message),
        }));
    }
    Ok(services)
}

async fn tasks<A: Api>(client: &In<'_, A>, cluster: &str) -> Result<Vec<Task>, A::Error> {
    let mut arns = Vec::new();
    let mut request = ecs::ListTasksRequest { cluster: Some(cluster.to_owned()), ..Default::default() };
    loop {
        let answer = client.call::<ecs::ListTasks>(request.clone()).await?;
        arns.extend(answer.task_arns);
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    let mut tasks = Vec::new();
    for some in arns.chunks(TASKS_AT_ONCE) {
        let request =
            ecs::DescribeTasksRequest { cluster: Some(cluster.to_owned()), tasks: some.to_vec(), ..Default::default() };
        let answer = client.call::<ecs::DescribeTasks>(request).await?;
        tasks.extend(answer.tasks.into_iter().map(task));
    }
    Ok(tasks)
}

fn task(task: ecs::Task) -> Task {
    let address =
        task.containers.iter().flat_map(|c| &c.network_interfaces).find_map(|i| i.private_ipv4_address.clone());
    let container = |container: ecs::Container| Container {
        name: container.name.unwrap_or_default(),
        status: container.last_status.unwrap_or_default(),
        health: container.health_status.map(|health| word(&health)),
    };
    Task {
        id: tail(&task.task_arn.unwrap_or_default()),
        group: task.group.unwrap_or_default(),
        status: task.last_status.unwrap_or_default(),
        health: task.health_status.map(|health| word(&health)).unwrap_or_default(),
        address,
        containers: task.containers.into_iter().map(container).collect(),
    }
}

/// Every mesh: its routes, its proxies, and what is wrong with it.
async fn meshes<A: Api>(client: &In<'_, A>, picture: &mut Picture) -> Result<(), A::Error> {
    let meshes = client.call::<appmesh::ListMeshes>(appmesh::ListMeshesRequest::default()).await?.meshes;
    for mesh in meshes.into_iter().map(|mesh| mesh.mesh_name) {
        picture.routes.extend(routes(client, &mesh).await?);
        let request = appmesh::status::ListProxiesRequest { mesh_name: mesh.clone(), mesh_owner: None };
        let answer = client.call::<appmesh::ListProxies>(request).await?;
        let gateway = |proxy: &appmesh::status::Proxy| proxy.virtual_gateway_name.clone();
        picture.proxies.extend(answer.proxies.into_iter().map(|proxy| Proxy {
            mesh: mesh.clone(),
            stands_for: gateway(&proxy).or(proxy.virtual_node_name).unwrap_or_default(),
            task: proxy.task_arn.as_deref().map(tail),
            up_to_date: proxy.up_to_date,
            refusal: proxy.refusal,
        }));
        picture.faults.extend(answer.faults.into_iter().map(|text| MeshFault { mesh: mesh.clone(), text }));
    }
    Ok(())
}

async fn turned_away<A: Api>(client: &In<'_, A>) -> Result<Vec<TurnedAway>, A::Error> {
    let request = appmesh::status::ListTurnedAwayProxiesRequest {};
    let proxies = client.call::<appmesh::ListTurnedAwayProxies>(request).await?.proxies;
    let one = |proxy: appmesh::status::TurnedAwayProxy| TurnedAway {
        node: proxy.node,
        caller: tail(&proxy.caller),
        reason: proxy.reason,
        times: proxy.times,
    };
    Ok(proxies.into_iter().map(one).collect())
}

async fn routes<A: Api>(client: &In<'_, A>, mesh: &str) -> Result<Vec<Route>, A::Error> {
    let mut found = Vec::new();
    let request = appmesh::ListVirtualRoutersRequest {
        mesh_name: mesh.to_owned(),
        limit: None,
        mesh_owner: None,
        next_token: None,
    };
    let routers = client.call::<appmesh::ListVirtualRouters>(request).await?.virtual_routers;
    for router in routers.into_iter().map(|router| router.virtual_router_name) {
        let request = appmesh::ListRoutesRequest {
            mesh_name: mesh.to_owned(),
            virtual_router_name: router.clone(),
            limit: None,
            mesh_owner: None,
            next_token: None,
        };
        for route in client.call::<appmesh::ListRoutes>(request).await?.routes {
            found.push(status_of(client, mesh, &router, route.route_name).await?);
        }
    }
    Ok(found)
}

async fn status_of<A: Api>(client: &In<'_, A>, mesh: &str, router: &str, name: String) -> Result<Route, A::Error> {
    let request = appmesh::status::DescribeRouteStatusRequest {
        mesh_name: mesh.to_owned(),
        mesh_owner: None,
        virtual_router_name: router.to_owned(),
        route_name: name.clone(),
        wait_seconds: None,
    };
    let status = client.call::<appmesh::DescribeRouteStatus>(request).await?;
    let is_applied = status.is_applied();
    let weights = |targets: Vec<appmesh::WeightedTarget>| -> Vec<(String, i64)> {
        targets.into_iter().map(|target| (target.virtual_node, i64::from(target.weight))).collect()
    };
    let refusals = status.refusals.into_iter().map(|refusal| format!("{}: {}", refusal.node, refusal.reason));
    Ok(Route {
        mesh: mesh.to_owned(),
        router: router.to_owned(),
        name,
        asked: weights(status.asked),
        applied: weights(status.applied),
        is_applied,
        proxies: status.proxies,
        acknowledged: status.acknowledged,
        refusals: refusals.chain(status.faults).collect(),
    })
}

async fn load_balancers<A: Api>(client: &In<'_, A>) -> Result<Vec<LoadBalancer>, A::Error> {
    let mut found = Vec::new();
    let urls = client.call::<elbv2::DescribeLoadBalancerUrls>(elbv2::DescribeLoadBalancerUrlsRequest {}).await?.urls;
    let answer = client.call::<elbv2::DescribeLoadBalancers>(elbv2::DescribeLoadBalancersRequest::default()).await?;
    for balancer in answer.load_balancers {
        let arn = Some(balancer.load_balancer_arn.clone());
        let request = elbv2::DescribeTargetGroupsRequest { load_balancer_arn: arn, ..Default::default() };
        let groups = client.call::<elbv2::DescribeTargetGroups>(request).await?.target_groups;
        let mut targets = Vec::new();
        for group in groups {
            let request = elbv2::DescribeTargetHealthRequest {
                target_group_arn: group.target_group_arn.clone(),
                ..Default::default()
            };
            let answer = client.call::<elbv2::DescribeTargetHealth>(request).await?;
            targets.extend(answer.target_health_descriptions.into_iter().map(|health| Target {
                group: group.target_group_name.clone(),
                address: format!("{}:{}", health.target.id, health.target.port.unwrap_or_default()),
                state: health.target_health.state,
                reason: health.target_health.description,
            }));
        }
        found.push(LoadBalancer {
            name: balancer.load_balancer_name,
            state: balancer.state.code,
            reason: balancer.state.reason,
            urls: urls
                .iter()
                .filter(|url| url.load_balancer_arn == balancer.load_balancer_arn)
                .map(|url| url.url.clone())
                .collect(),
            targets,
        });
    }
    Ok(found)
}

/// What stands after the last slash of an ARN.
fn tail(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

/// An enumeration's value as the wire spells it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

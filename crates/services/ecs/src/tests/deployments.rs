//! Services through their lives.

use std::time::Duration;

use api::ecs;

use super::{
    House,
    neighbours::{GROUP, REGISTRY},
    service_request, told,
};

fn behind_balancer(count: i32) -> ecs::CreateServiceRequest {
    let balancer = ecs::LoadBalancer {
        target_group_arn: Some(GROUP.to_owned()),
        container_name: Some("app".to_owned()),
        container_port: Some(3000),
        ..Default::default()
    };
    let registry = ecs::ServiceRegistry { registry_arn: Some(REGISTRY.to_owned()), ..Default::default() };
    ecs::CreateServiceRequest {
        load_balancers: vec![balancer],
        service_registries: vec![registry],
        ..service_request("api", "api", count)
    }
}

fn update(change: impl FnOnce(&mut ecs::UpdateServiceRequest)) -> ecs::UpdateServiceRequest {
    let mut request = ecs::UpdateServiceRequest {
        cluster: Some("flask".to_owned()),
        service: "api".to_owned(),
        ..Default::default()
    };
    change(&mut request);
    request
}

#[tokio::test(start_paused = true)]
async fn a_service_comes_up_and_says_so() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let created = house.create_service(service_request("api", "api", 2)).await.unwrap();
    assert_eq!((created.status.as_deref(), created.deployments.len()), (Some("ACTIVE"), 1));
    assert_eq!(created.deployments[0].status.as_deref(), Some("PRIMARY"));
    let service = house.stable("api").await;
    assert_eq!(service.running_count, 2);
    assert!(told(&service, "(service api) has started 2 tasks: (task "), "{:?}", service.events);
    assert!(told(&service, "deployment completed."));
    assert_eq!(service.events[0].message.as_deref(), Some("(service api) has reached a steady state."));
}

#[tokio::test(start_paused = true)]
async fn a_waiters_poll_is_held_until_the_service_is_stable() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    let request = ecs::DescribeServicesRequest {
        cluster: Some("flask".to_owned()),
        services: vec!["api".to_owned()],
        include: Vec::new(),
    };
    let answer = house.poll::<ecs::DescribeServices>(request).await;
    assert_eq!((answer.services[0].running_count, answer.services[0].deployments.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_tasks_without_a_gap_behind_the_load_balancer() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(behind_balancer(2)).await.unwrap();
    house.stable("api").await;
    assert_eq!(house.neighbours.books().targets.len(), 2);
    house.register("api", "v2").await;
    house.call::<ecs::UpdateService>(update(|r| r.task_definition = Some("api".to_owned()))).await.unwrap();
    assert_eq!(house.service("api").await.deployments.len(), 2);
    // While it goes on there are never fewer than two targets that are healthy.
    let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
    loop {
        let healthy = house.neighbours.books().targets.values().filter(|health| *health == "healthy").count();
        assert!(healthy >= 2, "{healthy}");
        let service = house.service("api").await;
        if service.deployments.len() == 1 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{service:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let service = house.stable("api").await;
    assert!(service.task_definition.unwrap().ends_with("task-definition/api:2"));
    assert_eq!((house.machine.running().len(), house.neighbours.books().instances.len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_task_serves_until_its_targets_have_drained() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(behind_balancer(1)).await.unwrap();
    house.stable("api").await;
    house.neighbours.books().slow_drain = true;
    house.call::<ecs::UpdateService>(update(|r| r.desired_count = Some(0))).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    // It drains: out of Cloud Map, its containers untouched.
    assert_eq!((house.machine.running().len(), house.neighbours.books().instances.len()), (1, 0));
    let arn = house.tasks().await[0].task_arn.clone().unwrap();
    assert_eq!(house.describe(vec![arn.clone()]).await[0].last_status.as_deref(), Some("DEACTIVATING"));
    house.neighbours.books().targets.clear();
    let task = house.until_task(&arn, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    assert!(task.stopped_reason.unwrap().starts_with("Scaling activity initiated by (deployment ecs-svc/"));
    assert_eq!((house.machine.running().len(), house.neighbours.books().interfaces.len()), (0, 0));
    let service = house.service("api").await;
    assert!(
        told(&service, "has begun draining connections on 1 tasks.") && told(&service, "deregistered 1 targets in")
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_version_is_rolled_back_and_the_old_one_serves_on() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let breaker = ecs::DeploymentCircuitBreaker { enable: true, rollback: true, ..Default::default() };
    let configuration =
        ecs::DeploymentConfiguration { deployment_circuit_breaker: Some(breaker), ..Default::default() };
    let request = ecs::CreateServiceRequest { deployment_configuration: Some(configuration), ..behind_balancer(2) };
    house.create_service(request).await.unwrap();
    house.stable("api").await;
    house.machine.break_image("v3");
    house.register("api", "v3").await;
    house.call::<ecs::UpdateService>(update(|r| r.task_definition = Some("api:2".to_owned()))).await.unwrap();
    let service = house.until("api", |service| told(service, "rolling back to deployment")).await;
    assert!(told(&service, "deployment failed: tasks failed to start."));
    let service = house.stable("api").await;
    assert!(service.task_definition.as_deref().unwrap().ends_with("task-definition/api:1"));
    assert_eq!(house.machine.running().len(), 2);
    let reasons: Vec<_> = house.tasks().await.into_iter().filter_map(|task| task.stopped_reason).collect();
    assert!(reasons.iter().all(|reason| reason == "Essential container in task exited"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_target_is_replaced_and_named() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(behind_balancer(1)).await.unwrap();
    house.stable("api").await;
    let old = house.machine.running();
    let address = house.neighbours.books().targets.keys().next().cloned().unwrap();
    house.neighbours.books().targets.insert(address, "unhealthy".to_owned());
    house.until("api", |service| told(service, "is unhealthy in (target-group arn:")).await;
    house.stable("api").await;
    let stopped = house.tasks().await.into_iter().find(|task| task.stopped_reason.is_some()).unwrap();
    assert!(stopped.stopped_reason.unwrap().starts_with("Task failed ELB health checks in (target-group arn:"));
    assert_ne!(house.machine.running(), old);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_died_is_replaced() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    house.stable("api").await;
    let old = house.machine.running().remove(0);
    house.machine.exit(&old, "app", 1);
    house.until("api", |service| service.events.len() > 4).await;
    house.stable("api").await;
    assert_ne!(house.machine.running(), std::slice::from_ref(&old));
    let dead = house.tasks().await.into_iter().find(|task| task.task_arn.as_deref().unwrap().ends_with(&old)).unwrap();
    assert_eq!(dead.stop_code, Some(ecs::TaskStopCode::EssentialContainerExited));
    assert_eq!(dead.containers[0].exit_code, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_drains_and_is_inactive_when_its_tasks_are_gone() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(behind_balancer(2)).await.unwrap();
    house.stable("api").await;
    let request = |force| ecs::DeleteServiceRequest {
        cluster: Some("flask".to_owned()),
        service: "api".to_owned(),
        force: Some(force),
    };
    let refused = house.call::<ecs::DeleteService>(request(false)).await.unwrap_err();
    assert_eq!(refused.message, "The service cannot be stopped while it is scaled above 0.");
    let deleted = house.call::<ecs::DeleteService>(request(true)).await.unwrap().service.unwrap();
    assert_eq!((deleted.status.as_deref(), deleted.desired_count), (Some("DRAINING"), 0));
    let again = house.create_service(behind_balancer(1)).await.unwrap_err();
    assert_eq!(again.message, "Unable to Start a service that is still Draining.");
    house.until("api", |service| service.status.as_deref() == Some("INACTIVE")).await;
    {
        let books = house.neighbours.books();
        assert_eq!((books.interfaces.len(), books.instances.len(), books.targets.len()), (0, 0, 0));
    }
    let request = ecs::DeleteClusterRequest { cluster: "flask".to_owned() };
    house.call::<ecs::DeleteCluster>(request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_machine_waits_and_is_said() {
    let house = House::new().await;
    let mut definition = super::simple_definition("api", "v1");
    (definition.cpu, definition.memory) = (Some("2048".to_owned()), Some("16 GB".to_owned()));
    house.call::<ecs::RegisterTaskDefinition>(definition).await.unwrap();
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    let service = house.until("api", |service| !service.events.is_empty()).await;
    assert!(told(&service, "was unable to place a task"), "{:?}", service.events);
    assert!(told(&service, "16384 MiB"), "{:?}", service.events);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(house.service("api").await.events.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_it_takes_up_where_it_was() {
    for after in [1_u64, 30, 70, 150, 400, 900, 2_500, 8_000] {
        let mut house = House::new().await;
        house.register("api", "v1").await;
        house.create_service(behind_balancer(2)).await.unwrap();
        house.stable("api").await;
        house.register("api", "v2").await;
        house.call::<ecs::UpdateService>(update(|r| r.task_definition = Some("api".to_owned()))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(after)).await;
        house.kill();
        tokio::time::sleep(Duration::from_secs(5)).await;
        house.start();
        let service = house.stable("api").await;
        assert!(service.task_definition.unwrap().ends_with("api:2"), "killed after {after} ms");
        let books = house.neighbours.books();
        assert_eq!((books.interfaces.len(), books.targets.len(), books.instances.len()), (2, 2, 2), "{after} ms");
        assert_eq!(house.machine.running().len(), 2, "killed after {after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn forcing_a_deployment_replaces_the_same_by_the_same() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    house.stable("api").await;
    let old = house.machine.running();
    let same = update(|r| r.task_definition = Some("api:1".to_owned()));
    let service = house.call::<ecs::UpdateService>(same).await.unwrap().service.unwrap();
    assert_eq!(service.deployments.len(), 1);
    let force = update(|r| r.force_new_deployment = true);
    let service = house.call::<ecs::UpdateService>(force).await.unwrap().service.unwrap();
    assert_eq!(service.deployments.len(), 2);
    house.stable("api").await;
    assert_ne!(house.machine.running(), old);
}

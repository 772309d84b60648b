//! Tasks through their lives.

use std::time::Duration;

use api::ecs;
use container::Health;

use super::{House, neighbours::REGISTRY, run_request, service_request, told};
use crate::samples;

#[tokio::test(start_paused = true)]
async fn a_task_runs_and_ends_with_its_essential_container() {
    let house = House::new().await;
    house.register("job", "v1").await;
    let task = house.run(run_request("job")).await.tasks.remove(0);
    assert_eq!(task.last_status.as_deref(), Some("PROVISIONING"));
    let arn = task.task_arn.unwrap();
    let task = house.until_task(&arn, |task| task.last_status.as_deref() == Some("RUNNING")).await;
    let address = task.containers[0].network_interfaces[0].private_ipv4_address.clone().unwrap();
    assert!(address.starts_with("10.0.0."), "{address}");
    assert_eq!(task.attachments[0].r#type.as_deref(), Some("ElasticNetworkInterface"));
    assert!(task.containers[0].image_digest.as_deref().unwrap().starts_with("sha256:"));
    let id = house.machine.running().remove(0);
    house.machine.exit(&id, "app", 0);
    let task = house.until_task(&arn, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    assert_eq!(task.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!((task.containers[0].exit_code, task.desired_status.as_deref()), (Some(0), Some("STOPPED")));
    assert!(house.neighbours.books().interfaces.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_says_who_stopped_it() {
    let house = House::new().await;
    house.register("job", "v1").await;
    let arn = house.run(run_request("job")).await.tasks.remove(0).task_arn.unwrap();
    let request = |reason: Option<&str>| ecs::StopTaskRequest {
        cluster: Some("flask".to_owned()),
        task: arn.clone(),
        reason: reason.map(str::to_owned),
    };
    house.call::<ecs::StopTask>(request(Some("enough"))).await.unwrap();
    let again = house.call::<ecs::StopTask>(request(None)).await.unwrap().task.unwrap();
    assert_eq!(again.stopped_reason.as_deref(), Some("enough"));
    let poll = ecs::DescribeTasksRequest { cluster: Some("flask".to_owned()), tasks: vec![arn], include: Vec::new() };
    let task = house.poll::<ecs::DescribeTasks>(poll).await.tasks.remove(0);
    assert_eq!(
        (task.last_status.as_deref(), task.stop_code),
        (Some("STOPPED"), Some(ecs::TaskStopCode::UserInitiated))
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_fails_the_task_in_awss_words() {
    let house = House::new().await;
    house.machine.lose_image("nowhere");
    house.register("job", "nowhere").await;
    let arn = house.run(run_request("job")).await.tasks.remove(0).task_arn.unwrap();
    let task = house.until_task(&arn, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    assert_eq!(task.stop_code, Some(ecs::TaskStopCode::TaskFailedToStart));
    assert!(task.stopped_reason.unwrap().starts_with("CannotPullContainerError: nowhere"));
    assert!(task.containers[0].reason.as_deref().unwrap().starts_with("CannotPullContainerError"));
    assert!(house.neighbours.books().interfaces.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_is_not_there_fails_the_task_in_awss_words() {
    let house = House::new().await;
    house.neighbours.books().no_groups.insert("flask".to_owned());
    house.register("job", "v1").await;
    let arn = house.run(run_request("job")).await.tasks.remove(0).task_arn.unwrap();
    let task = house.until_task(&arn, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    let reason = task.stopped_reason.unwrap();
    assert!(reason.starts_with("ResourceInitializationError: failed to validate logger args"), "{reason}");
    assert!(reason.contains("The specified log group does not exist."), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn output_reaches_logs_once_logs_takes_it() {
    let mut house = House::new().await;
    house.register("job", "v1").await;
    let arn = house.run(run_request("job")).await.tasks.remove(0).task_arn.unwrap();
    house.until_task(&arn, |task| task.last_status.as_deref() == Some("RUNNING")).await;
    let id = house.machine.running().remove(0);
    house.neighbours.books().logs_down = true;
    house.machine.print(&id, "app", "one");
    tokio::time::sleep(Duration::from_secs(3)).await;
    house.kill();
    house.neighbours.books().logs_down = false;
    house.machine.print(&id, "app", "two");
    house.start();
    tokio::time::sleep(Duration::from_secs(3)).await;
    house.machine.print(&id, "app", "three");
    house.machine.exit(&id, "app", 0);
    house.until_task(&arn, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    let stream = format!("gateway/app/{id}");
    assert_eq!(house.neighbours.books().streams[&stream], ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn cloud_map_hears_of_health_and_of_the_attributes_that_meshes_look_for() {
    let house = House::new().await;
    house.call::<ecs::RegisterTaskDefinition>(samples::gateway_definition()).await.unwrap();
    let registry = ecs::ServiceRegistry { registry_arn: Some(REGISTRY.to_owned()), ..Default::default() };
    let request =
        ecs::CreateServiceRequest { service_registries: vec![registry], ..service_request("gateway", "gateway", 1) };
    house.create_service(request).await.unwrap();
    house.stable("gateway").await;
    let id = house.machine.running().remove(0);
    let launch = house.machine.launch(&id).unwrap();
    assert_eq!(launch.redirect.unwrap().proxy_egress_port, 15001);
    assert_eq!(launch.spec.resolver.nameservers[0].to_string(), "10.0.0.2");
    let attributes = house.neighbours.books().instances[&id].attributes.clone();
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    assert_eq!(attribute("ECS_TASK_DEFINITION_FAMILY"), Some("gateway"));
    assert_eq!(attribute("ECS_SERVICE_NAME"), Some("gateway"));
    assert_eq!(attribute("AWS_INIT_HEALTH_STATUS"), Some("HEALTHY"));
    house.machine.set_health(&id, Health::Unhealthy);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while house.neighbours.books().instance_health[&id] != "UNHEALTHY" {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let service = house.until("gateway", |service| told(service, "failed container health checks.")).await;
    assert!(told(&service, "has stopped 1 running tasks"));
    house.stable("gateway").await;
    assert_ne!(house.machine.running(), [id]);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_files_vanish_is_stopped_and_replaced() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    house.stable("api").await;
    let id = house.machine.running().remove(0);
    house.machine.lose(&id);
    let starts = |service: &ecs::Service| {
        service
            .events
            .iter()
            .filter(|event| event.message.as_deref().is_some_and(|m| m.contains("has started")))
            .count()
    };
    house.until("api", |service| starts(service) == 2).await;
    house.stable("api").await;
    let lost = house.tasks().await.into_iter().find(|task| task.task_arn.as_deref().unwrap().ends_with(&id)).unwrap();
    assert_eq!(lost.stop_code, Some(ecs::TaskStopCode::InfrastructureHealth));
    assert_eq!(house.machine.running().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_runs_without_a_row_is_ended() {
    let mut house = House::new().await;
    house.register("job", "v1").await;
    house.run(run_request("job")).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while house.machine.running().is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.kill();
    house.store = store::Store::in_memory().unwrap();
    house.start();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(crate::Runtime::tasks(&*house.machine).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_too_big_for_the_machine_is_a_failure_with_a_reason() {
    let house = House::new().await;
    let mut definition = super::simple_definition("big", "v1");
    (definition.cpu, definition.memory) = (Some("4096".to_owned()), Some("8 GB".to_owned()));
    house.call::<ecs::RegisterTaskDefinition>(definition).await.unwrap();
    let failure = house.run(run_request("big")).await.failures.remove(0);
    assert_eq!(failure.reason.as_deref(), Some("RESOURCE:CPU"));
    let mut definition = super::simple_definition("wide", "v1");
    (definition.cpu, definition.memory) = (Some("1024".to_owned()), Some("5 GB".to_owned()));
    house.call::<ecs::RegisterTaskDefinition>(definition).await.unwrap();
    let response = house.run(ecs::RunTaskRequest { count: Some(2), ..run_request("wide") }).await;
    assert_eq!((response.tasks.len(), response.failures.len()), (1, 1));
    assert_eq!(response.failures[0].reason.as_deref(), Some("RESOURCE:MEMORY"));
    assert!(response.failures[0].detail.as_deref().unwrap().contains("3072 MiB"), "{:?}", response.failures);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_token_runs_nothing_twice() {
    let house = House::new().await;
    house.register("job", "v1").await;
    let request = ecs::RunTaskRequest { client_token: Some("once".to_owned()), ..run_request("job") };
    let first = house.run(request.clone()).await.tasks.remove(0).task_arn;
    let second = house.run(request).await.tasks.remove(0).task_arn;
    assert_eq!(first, second);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_is_forgotten_after_an_hour() {
    let house = House::new().await;
    house.register("job", "v1").await;
    let arn = house.run(run_request("job")).await.tasks.remove(0).task_arn.unwrap();
    house.until_task(&arn, |task| task.last_status.as_deref() == Some("RUNNING")).await;
    let id = house.machine.running().remove(0);
    house.machine.exit(&id, "app", 0);
    house.until_task(&arn, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    house.hand.advance(Duration::from_hours(1));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(house.tasks().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_tasks_of_services_use_is_told_as_metrics() {
    let house = House::new().await;
    house.register("app", "v1").await;
    house.create_service(service_request("web", "app", 1)).await.unwrap();
    house.stable("web").await;
    let metric = |name: &str| telemetry::metrics::MetricId {
        namespace: "AWS/ECS".to_owned(),
        name: name.to_owned(),
        dimensions: [("ClusterName", "flask"), ("ServiceName", "web")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    };
    let all = (names::Timestamp::from_millis(0), names::Timestamp::from_millis(i64::MAX));
    let points = |name: &str| house.metrics.points(&house.scope, &metric(name), None, all).unwrap();
    let deadline = tokio::time::Instant::now() + super::PATIENCE;
    while points("CPUUtilization").is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "nothing was told");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (processor, memory) = (points("CPUUtilization").remove(0), points("MemoryUtilization").remove(0));
    assert!(processor.set.minimum > 0.0 && processor.unit == "Percent", "{processor:?}");
    assert!(memory.set.samples >= 1.0 && memory.set.minimum > 0.0, "{memory:?}");
}

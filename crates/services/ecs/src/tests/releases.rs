//! Service deployments that shift traffic, and what is told of all of them.

use std::time::Duration;

use api::ecs::{
    self, DeploymentLifecycleHookStatus as HookStatus, ServiceDeploymentStatus as Status,
    StopServiceDeploymentStopType as StopType,
};
use serde_json::json;

use super::{
    House,
    neighbours::{ALTERNATE, GROUP, RULE},
    service_request, told,
};

/// A service of two tasks behind two target groups that changes as `configuration` says.
pub(super) fn shifting(configuration: serde_json::Value) -> ecs::CreateServiceRequest {
    let balancer = json!({
        "targetGroupArn": GROUP, "containerName": "app", "containerPort": 3000,
        "advancedConfiguration": {"alternateTargetGroupArn": ALTERNATE, "productionListenerRule": RULE},
    });
    ecs::CreateServiceRequest {
        load_balancers: vec![serde_json::from_value(balancer).unwrap()],
        deployment_configuration: Some(serde_json::from_value(configuration).unwrap()),
        ..service_request("api", "api", 2)
    }
}

pub(super) async fn update(house: &House, change: serde_json::Value) {
    let mut members = json!({"cluster": "flask", "service": "api"});
    members.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    house.call::<ecs::UpdateService>(serde_json::from_value(members).unwrap()).await.unwrap();
}

/// The deployments of the service, the newest first.
pub(super) async fn story(house: &House) -> Vec<ecs::ServiceDeployment> {
    let request = ecs::ListServiceDeploymentsRequest {
        service: "api".to_owned(),
        cluster: Some("flask".to_owned()),
        ..Default::default()
    };
    let list = house.call::<ecs::ListServiceDeployments>(request).await.unwrap().service_deployments;
    let arns = list.into_iter().filter_map(|one| one.service_deployment_arn).collect();
    let request = ecs::DescribeServiceDeploymentsRequest { service_deployment_arns: arns };
    house.call::<ecs::DescribeServiceDeployments>(request).await.unwrap().service_deployments
}

/// Waits until the newest deployment is as `wanted`.
pub(super) async fn until(house: &House, wanted: impl Fn(&ecs::ServiceDeployment) -> bool) -> ecs::ServiceDeployment {
    let deadline = tokio::time::Instant::now() + Duration::from_hours(1);
    loop {
        let latest = story(house).await.remove(0);
        if wanted(&latest) {
            return latest;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never came: {latest:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The weights of the rule: of the group named first, and of the alternate one.
pub(super) fn weights(house: &House) -> (u32, u32) {
    let books = house.neighbours.books();
    let forward = books.actions.last().and_then(|action| action.forward_config.clone()).unwrap_or_default();
    let of = |arn| forward.target_groups.iter().find(|group| group.target_group_arn == arn).and_then(|g| g.weight);
    (of(GROUP).unwrap(), of(ALTERNATE).unwrap())
}

fn arn(deployment: &ecs::ServiceDeployment) -> String {
    deployment.service_deployment_arn.clone().unwrap()
}

async fn stop(house: &House, deployment: &ecs::ServiceDeployment, kind: StopType) -> Result<(), api::Fault> {
    let request = ecs::StopServiceDeploymentRequest { service_deployment_arn: arn(deployment), stop_type: Some(kind) };
    house.call::<ecs::StopServiceDeployment>(request).await.map(drop)
}

pub(super) async fn first(house: &House, configuration: serde_json::Value) {
    house.register("api", "v1").await;
    house.create_service(shifting(configuration)).await.unwrap();
    house.stable("api").await;
    assert_eq!(weights(house), (100, 0));
    house.register("api", "v2").await;
}

#[tokio::test(start_paused = true)]
async fn a_rolling_deployment_has_a_story_too() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    assert_eq!(story(&house).await.len(), 1, "it is there at once");
    house.stable("api").await;
    house.register("api", "v2").await;
    update(&house, json!({"taskDefinition": "api"})).await;
    let going = until(&house, |latest| latest.status == Some(Status::InProgress)).await;
    assert_eq!(house.service("api").await.current_service_deployment, going.service_deployment_arn);
    house.stable("api").await;
    let [latest, before] = <[_; 2]>::try_from(story(&house).await).unwrap();
    assert_eq!((latest.status, before.status), (Some(Status::Successful), Some(Status::Successful)));
    let target = before.target_service_revision.unwrap().arn.unwrap();
    assert_eq!(latest.source_service_revisions[0].arn.as_ref(), Some(&target));
    let arns = vec![target, "arn:aws:ecs:us-east-1:000000000000:service-revision/flask/api/7".to_owned()];
    let request = ecs::DescribeServiceRevisionsRequest { service_revision_arns: arns };
    let described = house.call::<ecs::DescribeServiceRevisions>(request).await.unwrap();
    assert_eq!((described.service_revisions.len(), described.failures.len()), (1, 1));
    assert_eq!(described.service_revisions[0].container_images[0].image.as_deref(), Some("v1"));
    assert!(house.service("api").await.current_service_deployment.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_canary_shifts_a_part_and_then_the_rest() {
    let house = House::new().await;
    let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2});
    first(&house, json!({"strategy": "CANARY", "canaryConfiguration": canary, "bakeTimeInMinutes": 2})).await;
    update(&house, json!({"taskDefinition": "api"})).await;
    let part = |deployment: &ecs::ServiceDeployment| {
        deployment.target_service_revision.as_ref().and_then(|target| target.requested_production_traffic_weight)
    };
    let going = until(&house, |latest| part(latest) == Some(10.0)).await;
    assert_eq!(going.lifecycle_stage.as_deref(), Some("PRODUCTION_TRAFFIC_SHIFT"));
    assert_eq!(going.source_service_revisions[0].requested_production_traffic_weight, Some(90.0));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!((weights(&house), house.machine.running().len()), ((90, 10), 4));
    let baking = until(&house, |latest| latest.lifecycle_stage.as_deref() == Some("BAKE_TIME")).await;
    assert_eq!((weights(&house), baking.status), ((0, 100), Some(Status::InProgress)));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(house.machine.running().len(), 4, "the old tasks stay while it bakes");
    let service = house.stable("api").await;
    assert!(service.task_definition.as_ref().unwrap().ends_with("api:2"));
    assert_eq!(story(&house).await[0].status, Some(Status::Successful));
    assert!(told(&service, "has shifted 10% of production traffic"), "{:?}", service.events);
    let groups: Vec<String> = {
        let books = house.neighbours.books();
        books.targets.keys().map(|address| books.groups[address].clone()).collect()
    };
    assert_eq!(groups, [ALTERNATE, ALTERNATE]);
    // The next one comes to the group that is free again.
    house.register("api", "v3").await;
    update(&house, json!({"taskDefinition": "api"})).await;
    house.stable("api").await;
    assert_eq!(weights(&house), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_broken_revision_never_meets_a_user() {
    let house = House::new().await;
    let breaker = json!({"enable": true, "rollback": true});
    first(&house, json!({"strategy": "BLUE_GREEN", "deploymentCircuitBreaker": breaker, "bakeTimeInMinutes": 0})).await;
    house.neighbours.books().first_health = Some("unhealthy".to_owned());
    update(&house, json!({"taskDefinition": "api"})).await;
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    assert!(back.status_reason.unwrap().contains("circuit breaker"));
    assert_eq!(back.deployment_circuit_breaker.unwrap().threshold, 3);
    assert_eq!(weights(&house), (100, 0));
    house.neighbours.books().first_health = None;
    let service = house.stable("api").await;
    assert!(service.task_definition.unwrap().ends_with("api:1"));
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_a_deployment_gets_what_was_before() {
    let house = House::new().await;
    first(&house, json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10})).await;
    let done = story(&house).await.remove(0);
    assert_eq!(stop(&house, &done, StopType::Rollback).await.unwrap_err().code, "ConflictException");
    update(&house, json!({"taskDefinition": "api"})).await;
    let baking = until(&house, |latest| latest.lifecycle_stage.as_deref() == Some("BAKE_TIME")).await;
    assert_eq!(weights(&house), (0, 100));
    stop(&house, &baking, StopType::Rollback).await.unwrap();
    assert_eq!(story(&house).await[0].status, Some(Status::RollbackRequested));
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    let to = back.rollback.unwrap().service_revision_arn;
    assert_eq!(to, done.target_service_revision.unwrap().arn);
    assert_eq!(weights(&house), (100, 0));
    let service = house.stable("api").await;
    assert_eq!((service.running_count, house.machine.running().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_rolling_deployment_can_be_stopped_both_ways() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    let only = story(&house).await.remove(0);
    assert_eq!(stop(&house, &only, StopType::Rollback).await.unwrap_err().code, "InvalidParameterException");
    house.stable("api").await;
    for (kind, ends) in [(StopType::Rollback, Status::RollbackSuccessful), (StopType::Abort, Status::Stopped)] {
        house.register("api", "v2").await;
        update(&house, json!({"taskDefinition": "api"})).await;
        let going = until(&house, |latest| latest.status == Some(Status::InProgress)).await;
        stop(&house, &going, kind).await.unwrap();
        until(&house, |latest| latest.status == Some(ends)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_waits_until_somebody_lets_it_go_on() {
    let house = House::new().await;
    let hook = json!({"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]});
    house.register("api", "v1").await;
    let mut plain = shifting(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}));
    house.create_service(plain.clone()).await.unwrap();
    house.stable("api").await;
    house.register("api", "v2").await;
    update(&house, json!({"taskDefinition": "api", "deploymentConfiguration": {"lifecycleHooks": [hook]}})).await;
    let waits = until(&house, |latest| !latest.lifecycle_hook_details.is_empty()).await;
    assert_eq!(waits.lifecycle_hook_details[0].status, Some(HookStatus::AwaitingAction));
    tokio::time::sleep(Duration::from_mins(3)).await;
    assert_eq!((weights(&house), house.machine.running().len()), ((100, 0), 4));
    let mut request = ecs::ContinueServiceDeploymentRequest {
        service_deployment_arn: arn(&waits),
        hook_id: "another".to_owned(),
        action: None,
    };
    let refused = house.call::<ecs::ContinueServiceDeployment>(request.clone()).await.unwrap_err();
    assert_eq!(refused.code, "InvalidParameterException");
    request.hook_id = waits.lifecycle_hook_details[0].hook_id.clone().unwrap();
    house.call::<ecs::ContinueServiceDeployment>(request).await.unwrap();
    house.stable("api").await;
    let done = story(&house).await.remove(0);
    assert_eq!((done.status, weights(&house)), (Some(Status::Successful), (0, 100)));
    assert_eq!(done.lifecycle_hook_details[0].status, Some(HookStatus::Succeeded));
    plain.service_name = "other".to_owned();
    plain.load_balancers[0].advanced_configuration = None;
    assert!(house.create_service(plain).await.unwrap_err().message.contains("advancedConfiguration"));
}

#[tokio::test(start_paused = true)]
async fn a_newer_deployment_overtakes_one_that_shifts() {
    let house = House::new().await;
    first(&house, json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 2})).await;
    update(&house, json!({"taskDefinition": "api"})).await;
    until(&house, |latest| latest.lifecycle_stage.as_deref() == Some("BAKE_TIME")).await;
    house.register("api", "v3").await;
    update(&house, json!({"taskDefinition": "api"})).await;
    until(&house, |latest| latest.lifecycle_stage.as_deref() == Some("RECONCILE_SERVICE")).await;
    let service = house.stable("api").await;
    assert!(service.task_definition.unwrap().ends_with("api:3"));
    let told: Vec<_> = story(&house).await.into_iter().filter_map(|one| one.status).collect();
    assert_eq!(told, [Status::Successful, Status::Stopped, Status::Successful]);
    assert_eq!(house.machine.running().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_gone_takes_the_deployment_back() {
    let house = House::new().await;
    let paused = json!({"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]});
    first(&house, json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})).await;
    update(&house, json!({"taskDefinition": "api", "deploymentConfiguration": {"lifecycleHooks": [paused]}})).await;
    let waits = until(&house, |latest| !latest.lifecycle_hook_details.is_empty()).await;
    house.neighbours.books().no_rule = true;
    let request = ecs::ContinueServiceDeploymentRequest {
        service_deployment_arn: arn(&waits),
        hook_id: waits.lifecycle_hook_details[0].hook_id.clone().unwrap(),
        action: None,
    };
    house.call::<ecs::ContinueServiceDeployment>(request).await.unwrap();
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    assert!(back.status_reason.unwrap().contains("rules not found"));
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_a_canary_takes_up_where_it_was() {
    for after in [1_u64, 400, 6_000, 70_000] {
        let mut house = House::new().await;
        let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1});
        first(&house, json!({"strategy": "CANARY", "canaryConfiguration": canary, "bakeTimeInMinutes": 1})).await;
        update(&house, json!({"taskDefinition": "api"})).await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        house.kill();
        tokio::time::sleep(Duration::from_secs(5)).await;
        house.start();
        let service = house.stable("api").await;
        assert!(service.task_definition.unwrap().ends_with("api:2"), "killed after {after} ms");
        assert_eq!((weights(&house), house.machine.running().len()), ((0, 100), 2), "killed after {after} ms");
    }
}

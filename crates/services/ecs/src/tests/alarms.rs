//! Deployments that are watched by alarms.

use std::time::Duration;

use api::ecs::{self, ServiceDeploymentRollbackMonitorsStatus as Monitor, ServiceDeploymentStatus as Status};
use serde_json::json;

use super::{
    House,
    releases::{first, story, until, update, weights},
    service_request, told,
};

/// A configuration by which `errors` is watched.
fn watched() -> serde_json::Value {
    json!({"alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}})
}

fn set(house: &House, state: &str) {
    house.neighbours.books().alarms.insert("errors".to_owned(), state.to_owned());
}

/// A service of one task that is watched, with its second revision on its way.
async fn rolling(house: &House, state: &str) {
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    house.stable("api").await;
    set(house, state);
    house.register("api", "v2").await;
    update(house, json!({"taskDefinition": "api", "deploymentConfiguration": watched()})).await;
}

fn watch(deployment: &ecs::ServiceDeployment) -> (Option<Monitor>, Vec<String>) {
    let alarms = deployment.alarms.clone().unwrap();
    (alarms.status, alarms.triggered_alarm_names)
}

#[tokio::test(start_paused = true)]
async fn an_alarm_takes_a_rolling_deployment_back_even_after_it_was_reached() {
    let house = House::new().await;
    rolling(&house, "OK").await;
    house.until("api", |service| told(service, "has reached a steady state")).await;
    let baking = until(&house, |latest| watch(latest).0 == Some(Monitor::Monitoring)).await;
    assert_eq!(baking.status, Some(Status::InProgress));
    set(&house, "ALARM");
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    assert_eq!(watch(&back), (Some(Monitor::Triggered), vec!["errors".to_owned()]));
    assert!(back.status_reason.unwrap().contains("errors"));
    let service = house.stable("api").await;
    assert!(service.task_definition.as_ref().unwrap().ends_with("api:1"));
    assert!(told(&service, "deployment failed: alarm detected."), "{:?}", service.events);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_under_quiet_alarms_is_done_when_it_has_baked() {
    let house = House::new().await;
    rolling(&house, "OK").await;
    let begun = tokio::time::Instant::now();
    house.stable("api").await;
    assert!(begun.elapsed() >= Duration::from_secs(30), "two periods of ten seconds, and ten to evaluate");
    let done = story(&house).await.remove(0);
    assert_eq!(watch(&done), (Some(Monitor::MonitoringComplete), Vec::new()));
    assert_eq!(done.alarms.unwrap().alarm_names, ["errors"]);
}

#[tokio::test(start_paused = true)]
async fn what_begins_under_an_alarm_is_not_watched() {
    let house = House::new().await;
    rolling(&house, "ALARM").await;
    house.stable("api").await;
    let done = story(&house).await.remove(0);
    assert_eq!((done.status, watch(&done)), (Some(Status::Successful), (Some(Monitor::Disabled), Vec::new())));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_not_there_is_told_of_and_watched_once_it_is() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let configuration = serde_json::from_value(json!({
        "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}, "bakeTimeInMinutes": 1,
    }));
    let request = ecs::CreateServiceRequest {
        deployment_configuration: Some(configuration.unwrap()),
        ..service_request("api", "api", 1)
    };
    house.create_service(request).await.unwrap();
    house.until("api", |service| told(service, "alarms that do not exist: errors.")).await;
    set(&house, "ALARM");
    let stopped = until(&house, |latest| latest.status == Some(Status::Stopped)).await;
    assert_eq!(watch(&stopped).0, Some(Monitor::Triggered));
}

#[tokio::test(start_paused = true)]
async fn users_go_back_when_an_alarm_sounds_while_a_release_bakes() {
    let house = House::new().await;
    set(&house, "OK");
    let mut configuration = watched();
    configuration.as_object_mut().unwrap().extend([("strategy".to_owned(), json!("BLUE_GREEN"))]);
    first(&house, configuration).await;
    update(&house, json!({"taskDefinition": "api"})).await;
    until(&house, |latest| latest.lifecycle_stage.as_deref() == Some("BAKE_TIME")).await;
    set(&house, "ALARM");
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    assert_eq!((watch(&back).0, weights(&house)), (Some(Monitor::Triggered), (100, 0)));
    assert!(told(&house.service("api").await, "deployment failed: alarm detected."));
}

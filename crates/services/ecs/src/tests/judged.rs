//! Deployments that a judge steers.

use api::ecs::{
    self, ServiceDeploymentStatus as Status, Steering,
    SteeringOrder::{self, Finish, Shift, TakeBack},
};
use serde_json::json;

use super::{
    House,
    releases::{first, story, until, update, weights},
    service_request, told,
};

async fn steering(house: &House, steering: Steering) -> Result<(), api::Fault> {
    let request =
        ecs::PutServiceSteeringRequest { cluster: Some("flask".to_owned()), service: "api".to_owned(), steering };
    house.call::<ecs::PutServiceSteering>(request).await.map(drop)
}

async fn steer(house: &House, arn: &str, order: SteeringOrder) -> Result<(), api::Fault> {
    let request = ecs::SteerDeploymentRequest { service_deployment_arn: arn.to_owned(), order };
    house.call::<ecs::SteerDeployment>(request).await.map(drop)
}

async fn seen(house: &House, arn: &str) -> ecs::DescribeSteeringResponse {
    let request = ecs::DescribeSteeringRequest { service_deployment_arn: arn.to_owned() };
    house.call::<ecs::DescribeSteering>(request).await.unwrap()
}

/// Waits until so many thousandths of the users come to the new tasks.
async fn applied(house: &House, arn: &str, thousandths: u16) {
    let deadline = tokio::time::Instant::now() + super::PATIENCE;
    while seen(house, arn).await.applied != Some(thousandths) {
        assert!(tokio::time::Instant::now() < deadline, "it never came: {:?}", seen(house, arn).await);
        tokio::time::sleep(super::TICK).await;
    }
}

/// A service whose second revision waits for its judge; the ARN of the deployment.
async fn judged(house: &House) -> String {
    let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 0});
    first(house, json!({"strategy": "CANARY", "canaryConfiguration": canary})).await;
    steering(house, Steering::Judged(json!({"Steps": [5]}))).await.unwrap();
    update(house, json!({"taskDefinition": "api"})).await;
    let waits = until(house, |latest| latest.lifecycle_stage.as_deref() == Some("PRODUCTION_TRAFFIC_SHIFT")).await;
    waits.service_deployment_arn.unwrap()
}

#[tokio::test(start_paused = true)]
async fn users_come_as_the_judge_says_and_stay_when_he_is_done() {
    let house = House::new().await;
    let arn = judged(&house).await;
    applied(&house, &arn, 0).await;
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    assert_eq!(weights(&house), (100, 0), "no clock moves anybody");
    let begun = house.neighbours.books().canaries.clone();
    assert_eq!((begun.len(), begun[0].baseline.as_str(), begun[0].canary.as_str()), (1, "api:1", "api:2"));
    assert_eq!((&begun[0].service_deployment_arn, &begun[0].policy), (&arn, &json!({"Steps": [5]})));
    steer(&house, &arn, Shift(50)).await.unwrap();
    applied(&house, &arn, 50).await;
    assert_eq!(weights(&house), (95, 5));
    steer(&house, &arn, Shift(1000)).await.unwrap();
    applied(&house, &arn, 1000).await;
    assert!(!seen(&house, &arn).await.finished);
    steer(&house, &arn, Finish).await.unwrap();
    house.stable("api").await;
    assert_eq!(story(&house).await[0].status, Some(Status::Successful));
    let end = seen(&house, &arn).await;
    assert!(end.finished && weights(&house) == (0, 100), "{end:?}");
    assert_eq!(steer(&house, &arn, Shift(0)).await.unwrap_err().code, "ConflictException");
}

#[tokio::test(start_paused = true)]
async fn what_the_judge_takes_back_is_over_and_says_why() {
    let house = House::new().await;
    let arn = judged(&house).await;
    steer(&house, &arn, Shift(50)).await.unwrap();
    applied(&house, &arn, 50).await;
    steer(&house, &arn, TakeBack("it is worse".to_owned())).await.unwrap();
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    assert_eq!(back.status_reason.as_deref(), Some("The canary was taken back: it is worse."));
    let end = seen(&house, &arn).await;
    assert!(end.over.is_some_and(|why| why.contains("it is worse")) && !end.finished);
    assert_eq!(weights(&house), (100, 0));
    assert!(told(&house.service("api").await, "deployment failed: The canary was taken back"));
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_cannot_begin_takes_the_deployment_back() {
    let house = House::new().await;
    house.neighbours.books().no_canaries = Some("no more of them");
    judged(&house).await;
    let back = until(&house, |latest| latest.status == Some(Status::RollbackSuccessful)).await;
    assert!(back.status_reason.unwrap().contains("the canary could not begin: no more of them"));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_back_by_a_stack_comes_at_once_and_unjudged() {
    let house = House::new().await;
    judged(&house).await;
    steering(&house, Steering::AtOnce).await.unwrap();
    update(&house, json!({"taskDefinition": "api:1"})).await;
    let service = house.stable("api").await;
    assert!(service.task_definition.unwrap().ends_with("api:1"));
    assert_eq!((story(&house).await[0].status, house.neighbours.books().canaries.len()), (Some(Status::Successful), 1));
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_users_nobody_can_shift_is_not_judged() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    steering(&house, Steering::Judged(json!({}))).await.unwrap();
    let request = ecs::UpdateServiceRequest {
        cluster: Some("flask".to_owned()),
        service: "api".to_owned(),
        force_new_deployment: true,
        ..Default::default()
    };
    let refused = house.call::<ecs::UpdateService>(request).await.unwrap_err();
    assert!(refused.message.contains("Serin::Canary"), "{refused:?}");
    let wrong = steering(&house, Steering::Judged(json!("wrong"))).await.unwrap_err();
    assert_eq!(wrong.code, "InvalidParameterException");
}

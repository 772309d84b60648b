//! Operations that controllers have no part in.

use api::ecs;

use super::{House, neighbours::GROUP, run_request, service_request, simple_definition};

#[tokio::test(start_paused = true)]
async fn a_family_is_listed_by_its_full_name_the_latest_first_when_asked() {
    let house = House::new().await;
    for family in ["api", "api", "api-v2"] {
        house.register(family, "v1").await;
    }
    let request = ecs::ListTaskDefinitionsRequest {
        family_prefix: Some("api".to_owned()),
        sort: Some(ecs::SortOrder::Desc),
        ..Default::default()
    };
    let arns = house.call::<ecs::ListTaskDefinitions>(request).await.unwrap().task_definition_arns;
    let names: Vec<&str> = arns.iter().map(|arn| arn.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["api:2", "api:1"]);
    let request =
        ecs::ListTaskDefinitionFamiliesRequest { family_prefix: Some("api".to_owned()), ..Default::default() };
    assert_eq!(house.call::<ecs::ListTaskDefinitionFamilies>(request).await.unwrap().families, ["api", "api-v2"]);
}

#[tokio::test(start_paused = true)]
async fn revisions_count_on_whatever_was_deleted() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let second = house.register("api", "v1").await;
    let request = ecs::DeregisterTaskDefinitionRequest { task_definition: second.clone() };
    let definition = house.call::<ecs::DeregisterTaskDefinition>(request).await.unwrap().task_definition.unwrap();
    assert_eq!(definition.status, Some(ecs::TaskDefinitionStatus::Inactive));
    let request = ecs::DescribeTaskDefinitionRequest { task_definition: "api".to_owned(), include: Vec::new() };
    let latest = house.call::<ecs::DescribeTaskDefinition>(request).await.unwrap().task_definition.unwrap();
    assert_eq!(latest.revision, 1);
    let request = ecs::DeleteTaskDefinitionsRequest { task_definitions: vec![second, "api:1".to_owned()] };
    let deleted = house.call::<ecs::DeleteTaskDefinitions>(request).await.unwrap();
    assert_eq!((deleted.task_definitions.len(), deleted.failures.len()), (1, 1));
    assert!(house.register("api", "v1").await.ends_with("api:3"));
}

#[tokio::test(start_paused = true)]
async fn references_that_lead_nowhere_are_refused_at_once() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let fault = house.create_service(service_request("api", "nothing", 1)).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.message.as_str()), ("ClientException", "TaskDefinition not found."));
    let mut request = service_request("api", "api", 1);
    request.cluster = Some("other".to_owned());
    assert_eq!(house.create_service(request).await.unwrap_err().code, "ClusterNotFoundException");
    let mut request = service_request("api", "api", 1);
    request.network_configuration.as_mut().unwrap().awsvpc_configuration.as_mut().unwrap().subnets[0] =
        "net".to_owned();
    let fault = house.create_service(request).await.unwrap_err();
    assert!(fault.message.contains("InvalidSubnetID.NotFound"), "{fault}");
    let mut request = service_request("api", "api", 1);
    request.load_balancers = vec![ecs::LoadBalancer {
        target_group_arn: Some(GROUP.to_owned()),
        container_name: Some("app".to_owned()),
        container_port: Some(80),
        ..Default::default()
    }];
    let fault = house.create_service(request).await.unwrap_err();
    assert_eq!(fault.message, "The container app did not have a container port 80 defined.");
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_listed_among_failures() {
    let house = House::new().await;
    let request = ecs::DescribeServicesRequest {
        cluster: Some("flask".to_owned()),
        services: vec!["ghost".to_owned()],
        include: Vec::new(),
    };
    let failure = house.call::<ecs::DescribeServices>(request).await.unwrap().failures.remove(0);
    assert_eq!(failure.reason.as_deref(), Some("MISSING"));
    assert_eq!(failure.arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:service/flask/ghost"));
    let request = ecs::DescribeClustersRequest { clusters: vec!["ghost".to_owned()], include: Vec::new() };
    let failure = house.call::<ecs::DescribeClusters>(request).await.unwrap().failures.remove(0);
    assert_eq!(failure.reason.as_deref(), Some("MISSING"));
}

#[tokio::test(start_paused = true)]
async fn a_service_is_created_once() {
    let house = House::new().await;
    house.register("api", "v1").await;
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    house.create_service(service_request("api", "api", 1)).await.unwrap();
    let fault = house.create_service(service_request("api", "api", 2)).await.unwrap_err();
    assert_eq!(fault.message, "Creation of service was not idempotent.");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_here_is_refused_by_name() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let request = ecs::CreateServiceRequest {
        scheduling_strategy: Some(ecs::SchedulingStrategy::Daemon),
        ..service_request("api", "api", 1)
    };
    let fault = house.create_service(request).await.unwrap_err();
    assert!(fault.message.starts_with("schedulingStrategy DAEMON is not supported by Serin"), "{fault}");
    let request = ecs::CreateServiceRequest {
        service_connect_configuration: Some(ecs::Unsupported(serde_json::json!({"enabled": true}))),
        ..service_request("api", "api", 1)
    };
    assert_eq!(house.create_service(request).await.unwrap_err().code, "ClientException");
    let request = ecs::ExecuteCommandRequest { command: "sh".to_owned(), task: "x".to_owned(), ..Default::default() };
    let fault = house.call::<ecs::ExecuteCommand>(request).await.unwrap_err();
    assert!(fault.message.starts_with("ExecuteCommand is not supported"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn both_percentages_at_a_hundred_are_refused() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let configuration = ecs::DeploymentConfiguration {
        maximum_percent: Some(100),
        minimum_healthy_percent: Some(100),
        ..Default::default()
    };
    let request =
        ecs::CreateServiceRequest { deployment_configuration: Some(configuration), ..service_request("api", "api", 1) };
    assert!(house.create_service(request).await.unwrap_err().message.contains("will block deployments"));
}

#[tokio::test(start_paused = true)]
async fn tags_are_hung_on_and_taken_off() {
    let house = House::new().await;
    let arn = house.register("api", "v1").await;
    let tag = ecs::Tag { key: "team".to_owned(), value: Some("web".to_owned()) };
    let request = ecs::TagResourceRequest { resource_arn: arn.clone(), tags: vec![tag] };
    house.call::<ecs::TagResource>(request).await.unwrap();
    let list = || ecs::ListTagsForResourceRequest { resource_arn: arn.clone() };
    assert_eq!(house.call::<ecs::ListTagsForResource>(list()).await.unwrap().tags.len(), 1);
    let request = ecs::UntagResourceRequest { resource_arn: arn.clone(), tag_keys: vec!["team".to_owned()] };
    house.call::<ecs::UntagResource>(request).await.unwrap();
    assert!(house.call::<ecs::ListTagsForResource>(list()).await.unwrap().tags.is_empty());
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_service_carry_its_tags_when_asked() {
    let house = House::new().await;
    house.register("api", "v1").await;
    let request = ecs::CreateServiceRequest {
        tags: vec![ecs::Tag { key: "team".to_owned(), value: Some("web".to_owned()) }],
        propagate_tags: Some(ecs::PropagateTags::Service),
        enable_ecs_managed_tags: true,
        ..service_request("api", "api", 1)
    };
    house.create_service(request).await.unwrap();
    house.stable("api").await;
    let keys: Vec<String> = house.tasks().await[0].tags.iter().map(|tag| tag.key.clone()).collect();
    assert_eq!(keys, ["aws:ecs:clusterName", "aws:ecs:serviceName", "team"]);
}

#[tokio::test(start_paused = true)]
async fn account_settings_are_kept_if_they_can_be() {
    let house = House::new().await;
    let put = |name: &str, value: &str| ecs::PutAccountSettingDefaultRequest {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    house.call::<ecs::PutAccountSettingDefault>(put("awsvpcTrunking", "enabled")).await.unwrap();
    let fault = house.call::<ecs::PutAccountSettingDefault>(put("taskLongArnFormat", "disabled")).await.unwrap_err();
    assert_eq!(fault.code, "InvalidParameterException");
    let settings =
        house.call::<ecs::ListAccountSettings>(ecs::ListAccountSettingsRequest::default()).await.unwrap().settings;
    assert_eq!(settings.len(), 1);
    let all = ecs::ListAccountSettingsRequest { effective_settings: true, ..Default::default() };
    assert_eq!(house.call::<ecs::ListAccountSettings>(all).await.unwrap().settings.len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_definition_in_use_is_deleted_when_its_last_task_is_forgotten() {
    let house = House::new().await;
    let arn = house.register("job", "v1").await;
    let task = house.run(run_request("job")).await.tasks.remove(0).task_arn.unwrap();
    house.until_task(&task, |task| task.last_status.as_deref() == Some("RUNNING")).await;
    let request = ecs::DeregisterTaskDefinitionRequest { task_definition: arn.clone() };
    house.call::<ecs::DeregisterTaskDefinition>(request).await.unwrap();
    let request = ecs::DeleteTaskDefinitionsRequest { task_definitions: vec![arn.clone()] };
    let deleted = house.call::<ecs::DeleteTaskDefinitions>(request).await.unwrap();
    assert_eq!(deleted.task_definitions[0].status, Some(ecs::TaskDefinitionStatus::DeleteInProgress));
    let describe = || ecs::DescribeTaskDefinitionRequest { task_definition: arn.clone(), include: Vec::new() };
    house.call::<ecs::DescribeTaskDefinition>(describe()).await.unwrap();
    let id = house.machine.running().remove(0);
    house.machine.exit(&id, "app", 0);
    house.until_task(&task, |task| task.last_status.as_deref() == Some("STOPPED")).await;
    house.hand.advance(std::time::Duration::from_hours(1));
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    assert!(house.call::<ecs::DescribeTaskDefinition>(describe()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_answered_as_it_was_registered() {
    let house = House::new().await;
    let mut sent = simple_definition("api", "v1");
    sent.tags = vec![ecs::Tag { key: "team".to_owned(), value: Some("web".to_owned()) }];
    let response = house.call::<ecs::RegisterTaskDefinition>(sent).await.unwrap();
    let definition = response.task_definition.unwrap();
    assert_eq!(response.tags.len(), 1);
    assert_eq!(definition.compatibilities, ["EC2", "FARGATE"]);
    assert_eq!((definition.revision, definition.status), (1, Some(ecs::TaskDefinitionStatus::Active)));
    assert_eq!(definition.task_definition_arn.unwrap(), "arn:aws:ecs:us-east-1:000000000000:task-definition/api:1");
    assert_eq!(definition.container_definitions[0].port_mappings[0].host_port, Some(3000));
}

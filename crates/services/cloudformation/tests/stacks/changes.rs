//! Change sets, waiters, and what else `aws cloudformation deploy` leans on.

use std::time::Duration;

use api::cloudformation::{
    self as cf, ChangeSetStatus, CreateChangeSetRequest, DescribeChangeSetRequest, ExecuteChangeSetRequest,
    ExecutionStatus, StackStatus,
};
use wire::Call;

use crate::{
    TOWER,
    house::{House, parameter},
};

impl House {
    async fn change_set(&self, kind: &str, name: &str, template: &str) -> Result<(), api::Fault> {
        let request = CreateChangeSetRequest {
            stack_name: "s".into(),
            template_body: Some(template.into()),
            change_set_name: name.into(),
            change_set_type: Some(kind.into()),
            ..Default::default()
        };
        self.call::<cf::CreateChangeSet>(request).await.map(|_| ())
    }

    async fn described(&self, name: &str) -> cf::DescribeChangeSetResponse {
        let request = DescribeChangeSetRequest {
            change_set_name: name.into(),
            stack_name: Some("s".into()),
            ..Default::default()
        };
        self.call::<cf::DescribeChangeSet>(request).await.unwrap()
    }

    async fn execute(&self, name: &str) -> Result<(), api::Fault> {
        let request = ExecuteChangeSetRequest {
            change_set_name: name.into(),
            stack_name: Some("s".into()),
            ..Default::default()
        };
        self.call::<cf::ExecuteChangeSet>(request).await.map(|_| ())
    }
}

#[tokio::test]
async fn deploy_creates_changes_and_finds_nothing_to_change() {
    let house = House::new();
    let error = house.stack("s").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("ValidationError", "Stack with id s does not exist"));

    house.change_set("CREATE", "one", TOWER).await.unwrap();
    assert_eq!(house.stack("s").await.unwrap().stack_status, StackStatus::ReviewInProgress);
    let described = house.described("one").await;
    assert_eq!(described.status, ChangeSetStatus::CreateComplete, "at once, so that deploy need not poll");
    assert_eq!(described.execution_status, ExecutionStatus::Available);
    let changes: Vec<_> = described
        .changes
        .iter()
        .map(|change| format!("{} {}", change.resource_change.action, change.resource_change.logical_resource_id))
        .collect();
    assert_eq!(changes, ["Add Ground", "Add Wall", "Add Roof", "Add Tree"]);
    assert!(house.world.picture().is_empty(), "looking changes nothing");
    let error = house.change_set("CREATE", "one", TOWER).await.unwrap_err();
    assert_eq!(error.code, "AlreadyExistsException");
    house.execute("one").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::CreateComplete);
    assert_eq!(house.described("one").await.execution_status, ExecutionStatus::ExecuteComplete);

    house.change_set("UPDATE", "two", TOWER).await.unwrap();
    let described = house.described("two").await;
    assert_eq!(described.status, ChangeSetStatus::Failed);
    assert_eq!(
        described.status_reason.as_deref(),
        Some("The submitted information didn't contain changes. Submit different information to create a change set.")
    );
    let error = house.execute("two").await.unwrap_err();
    assert_eq!(error.code, "InvalidChangeSetStatus");
    house.change_set("UPDATE", "two", TOWER).await.expect("a name is free again when its change set is no good");

    house.change_set("UPDATE", "three", &TOWER.replace("Default: 1", "Default: 4")).await.unwrap();
    house.change_set("UPDATE", "four", &TOWER.replace("Default: 1", "Default: 5")).await.unwrap();
    house.execute("three").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.described("four").await.execution_status, ExecutionStatus::Obsolete);
    assert!(house.execute("four").await.is_err(), "it was worked out for a stack that has changed since");
    let error = house.change_set("CREATE", "five", TOWER).await.unwrap_err();
    assert!(error.message.contains("already exists"), "{error}");
}

#[tokio::test]
async fn previous_values_are_taken_over() {
    let house = House::new();
    let request = cf::CreateStackRequest {
        stack_name: "s".into(),
        template_body: Some(TOWER.into()),
        parameters: vec![parameter("Size", "3"), parameter("Base", "clay")],
        ..Default::default()
    };
    house.call::<cf::CreateStack>(request).await.unwrap();
    house.rest("s").await;
    let previous =
        |key: &str| cf::Parameter { parameter_key: key.into(), parameter_value: None, use_previous_value: Some(true) };
    let request = cf::UpdateStackRequest {
        stack_name: "s".into(),
        use_previous_template: Some(true),
        parameters: vec![parameter("Size", "5"), previous("Base")],
        ..Default::default()
    };
    house.call::<cf::UpdateStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.picture()[0], "Ground: 0 on clay []");
    assert!(house.world.picture().contains(&"Wall: 5 [Ground]".to_owned()));
}

#[tokio::test]
async fn tags_of_the_stack_are_tags_of_its_things() {
    let house = House::new();
    let tags = |value: &str| vec![cf::Tag { key: "team".into(), value: value.into() }];
    let request = cf::CreateStackRequest {
        stack_name: "s".into(),
        template_body: Some(TOWER.into()),
        tags: tags("a"),
        ..Default::default()
    };
    house.call::<cf::CreateStack>(request).await.unwrap();
    house.rest("s").await;
    let request = cf::UpdateStackRequest {
        stack_name: "s".into(),
        use_previous_template: Some(true),
        tags: Some(tags("b")),
        ..Default::default()
    };
    house.call::<cf::UpdateStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert!(house.world.lock().things.values().all(|thing| thing.tags["team"] == "b"));
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let house = House::new();
    let template = "
Parameters: {Secret: {Type: String, NoEcho: true}}
Resources: {A: {Type: Test::Thing, Properties: {Base: !Sub 'key-${Secret}'}}}
";
    let request = cf::CreateStackRequest {
        stack_name: "s".into(),
        template_body: Some(template.into()),
        parameters: vec![parameter("Secret", "hush")],
        ..Default::default()
    };
    house.call::<cf::CreateStack>(request).await.unwrap();
    house.rest("s").await;
    assert_eq!(house.world.picture(), ["A: 0 on key-hush []"]);
    assert_eq!(house.stack("s").await.unwrap().parameters[0].parameter_value.as_deref(), Some("****"));
    let request = cf::StackPageRequest { stack_name: "s".into(), next_token: None };
    let events = house.call::<cf::DescribeStackEvents>(request).await.unwrap().stack_events;
    assert!(events.iter().any(|event| event.resource_properties.as_deref() == Some("{\"Base\":\"key-****\"}")));
    assert!(!serde_json::to_string(&events).unwrap().contains("hush"));
}

#[tokio::test]
async fn a_waiters_poll_is_answered_when_there_is_news() {
    let house = House::new();
    house.world.lock().states.insert("Wall".to_owned(), "busy");
    house.create("s", TOWER).await.unwrap();
    house.called("create Wall").await;
    let members = serde_json::json!({"StackName": "s"});
    let call = Call { scope: house.scope.clone(), waiter: true, ..Call::default() };
    let poll = house.service().call("DescribeStacks", call.clone(), members.clone());
    tokio::pin!(poll);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut poll).await.is_err(), "it is held");
    house.world.lock().states.clear();
    let answer = tokio::time::timeout(Duration::from_secs(10), poll).await.expect("news end the wait").unwrap();
    assert_eq!(answer["Stacks"][0]["StackStatus"], "CREATE_COMPLETE");
    house.delete("s").await.unwrap();
    let poll = house.service().call("DescribeStacks", call, members);
    let error = tokio::time::timeout(Duration::from_secs(10), poll).await.expect("so does the end").unwrap_err();
    assert_eq!(error.message, "Stack with id s does not exist");
}

#[tokio::test]
async fn resources_are_told_one_by_one_and_together() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    let request = cf::StackPageRequest { stack_name: "s".into(), next_token: None };
    let listed = house.call::<cf::ListStackResources>(request).await.unwrap().stack_resource_summaries;
    let ids: Vec<_> = listed.iter().map(|resource| resource.logical_resource_id.as_str()).collect();
    assert_eq!(ids, ["Ground", "Roof", "Tree", "Wall"]);
    let physical = listed[0].physical_resource_id.clone();
    let request = cf::DescribeStackResourcesRequest { physical_resource_id: physical, ..Default::default() };
    let owner = house.call::<cf::DescribeStackResources>(request).await.unwrap().stack_resources;
    assert_eq!((owner.len(), owner[0].stack_name.as_str()), (4, "s"));
    let request = cf::DescribeStackResourceRequest { stack_name: "s".into(), logical_resource_id: "Moon".into() };
    let error = house.call::<cf::DescribeStackResource>(request).await.unwrap_err();
    assert_eq!(error.message, "Resource Moon does not exist for stack s");
    let stack_id = house.stack("s").await.unwrap().stack_id;
    house.delete("s").await.unwrap();
    house.rest("s").await;
    assert_eq!(house.stack(&stack_id).await.unwrap().stack_status, StackStatus::DeleteComplete, "by its ARN");
}

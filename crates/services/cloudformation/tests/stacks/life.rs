//! Creation, update and deletion, when all goes well and when it does not.

use api::cloudformation::{self as cf, OnFailure, StackStatus};

use crate::{TOWER, house::House};

#[tokio::test]
async fn a_stack_is_created_from_the_ground_up() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    assert_eq!(house.stack("s").await.unwrap().stack_status, StackStatus::CreateInProgress, "at once");
    assert_eq!(house.rest("s").await, StackStatus::CreateComplete);
    assert_eq!(house.world.picture(), ["Ground: 0 on rock []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 1 [Ground]"]);
    let stack = house.stack("s").await.unwrap();
    let outputs: Vec<_> = stack.outputs.iter().map(|output| output.output_key.as_str()).collect();
    assert_eq!(outputs, ["Top", "Name", "Bottom"], "in the template's order");
    assert!(stack.outputs[1].output_value.starts_with("s-Tree-"), "{:?}", stack.outputs);
    let story = house.story("s").await;
    let of_wall: Vec<_> = story.iter().filter(|line| line.starts_with("Wall")).collect();
    assert_eq!(
        of_wall,
        ["Wall CREATE_IN_PROGRESS", "Wall CREATE_IN_PROGRESS Resource creation Initiated", "Wall CREATE_COMPLETE"]
    );
    assert_eq!(story.first().unwrap(), "s CREATE_IN_PROGRESS User Initiated");
    assert_eq!(story.last().unwrap(), "s CREATE_COMPLETE");
}

#[tokio::test]
async fn an_update_changes_what_differs_and_nothing_else() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().log.clear();
    house.update("s", &TOWER.replace("Default: 1", "Default: 7")).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.lock().log, ["update Wall"]);
    let error = house.update("s", &TOWER.replace("Default: 1", "Default: 7")).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("ValidationError", "No updates are to be performed."));
}

#[tokio::test]
async fn a_replacement_is_made_beside_the_old_thing_which_goes_last() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().log.clear();
    house.update("s", &TOWER.replace("rock", "sand")).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.picture(), ["Ground: 0 on sand []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 1 [Ground]"]);
    assert_eq!(house.world.lock().log, ["create Ground", "update Wall", "delete Ground"]);
    let story = house.story("s").await;
    assert!(story.contains(&"s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS".to_owned()), "{story:#?}");
    assert!(story.iter().any(|line| line.starts_with("Ground UPDATE_IN_PROGRESS Requested update requires")));
}

#[tokio::test]
async fn what_leaves_the_template_is_deleted_after_the_rest_stands() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().log.clear();
    let smaller = "Resources: {Tree: {Type: Test::Thing, Properties: {Size: 3}}}";
    house.update("s", smaller).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.lock().log, ["update Tree", "delete Roof", "delete Wall", "delete Ground"]);
}

#[tokio::test]
async fn a_failed_creation_leaves_nothing_but_the_reason() {
    let house = House::new();
    house.world.lock().refused.insert("create Roof".to_owned());
    house.world.lock().states.insert("Tree".to_owned(), "busy");
    house.create("s", TOWER).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::RollbackComplete);
    assert!(house.world.picture().is_empty());
    let story = house.story("s").await;
    assert!(
        story
            .iter()
            .any(|line| line.starts_with("Roof CREATE_FAILED Resource handler returned message: \"no create Roof")),
        "{story:#?}"
    );
    assert!(story.contains(&"Tree CREATE_FAILED Resource creation cancelled".to_owned()), "{story:#?}");
    let why =
        "s ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [Roof, Tree]. Rollback requested by user.";
    assert!(story.contains(&why.to_owned()), "{story:#?}");
    let error = house.update("s", TOWER).await.unwrap_err();
    assert!(error.message.ends_with("is in ROLLBACK_COMPLETE state and can not be updated."), "{error}");
    house.delete("s").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
    house.world.lock().refused.clear();
    house.world.lock().states.clear();
    house.create("s", TOWER).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::CreateComplete, "the name is free again");
}

#[tokio::test]
async fn a_thing_that_never_becomes_ready_fails_its_stack() {
    let house = House::new();
    house.world.lock().states.insert("Wall".to_owned(), "failed");
    house.create("s", TOWER).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::RollbackComplete);
    assert!(house.world.picture().is_empty());
    assert!(house.story("s").await.contains(&"Wall CREATE_FAILED the thing fell over".to_owned()));
}

#[tokio::test]
async fn a_failed_update_restores_the_state_before() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    let before = house.world.lock().things.clone();
    let outputs = house.stack("s").await.unwrap().outputs;
    // The ground is replaced, the wall follows, a pond is added; then the roof cannot be changed.
    let next = TOWER
        .replace("rock", "sand")
        .replace("Properties: {Uses: [!Ref Wall]}", "Properties: {Uses: [!Ref Wall], Size: 9}")
        .replace(
            "  Tree:\n    Type: Test::Thing\n",
            "  Tree:\n    Type: Test::Thing\n  Pond:\n    Type: Test::Thing\n",
        );
    house.world.lock().refused_once.insert("update Roof".to_owned());
    house.update("s", &next).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.world.lock().things, before, "every thing is the one it was");
    assert_eq!(house.stack("s").await.unwrap().outputs, outputs);
    let story = house.story("s").await;
    let why = "s UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Roof].";
    assert!(story.contains(&why.to_owned()), "{story:#?}");
    house.update("s", &next).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete, "and it goes through when nothing is in the way");
}

#[tokio::test]
async fn a_rollback_that_fails_can_be_continued_or_leave_something_behind() {
    for skip in [Vec::new(), vec!["Wall".to_owned()]] {
        let house = House::new();
        house.create("s", TOWER).await.unwrap();
        house.rest("s").await;
        house.world.lock().refused.insert("update Wall".to_owned());
        house.update("s", &TOWER.replace("Default: 1", "Default: 7")).await.unwrap();
        assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackFailed);
        let error = house.update("s", TOWER).await.unwrap_err();
        assert!(error.message.contains("is in UPDATE_ROLLBACK_FAILED state"), "{error}");
        if skip.is_empty() {
            house.world.lock().refused.clear();
        }
        let request =
            cf::ContinueUpdateRollbackRequest { stack_name: "s".into(), resources_to_skip: skip, ..Default::default() };
        house.call::<cf::ContinueUpdateRollback>(request).await.unwrap();
        assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
        assert_eq!(house.world.picture(), ["Ground: 0 on rock []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 1 [Ground]"]);
        house.world.lock().refused.clear();
        house.update("s", &TOWER.replace("Default: 1", "Default: 9")).await.unwrap();
        assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
        assert!(house.world.picture().contains(&"Wall: 9 [Ground]".to_owned()));
    }
}

#[tokio::test]
async fn failures_in_passing_are_tried_again() {
    let house = House::new();
    house.world.lock().passing.insert("create Wall".to_owned(), 3);
    house.create("s", TOWER).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::CreateComplete);
}

#[tokio::test]
async fn an_unsupported_or_missing_property_is_named() {
    let house = House::new();
    house.create("s", "Resources: {A: {Type: Test::Thing, Properties: {Colour: red}}}").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::RollbackComplete);
    let story = house.story("s").await;
    assert!(story.contains(&"A CREATE_FAILED Encountered unsupported property Colour".to_owned()), "{story:#?}");
    house.create("t", "Resources: {A: {Type: Test::Thing, Properties: {Size: big}}}").await.unwrap();
    assert_eq!(house.rest("t").await, StackStatus::RollbackComplete);
    let story = house.story("t").await;
    let words = "A CREATE_FAILED Properties validation failed for resource A with message: #/Size: expected type: Number, found: String";
    assert!(story.contains(&words.to_owned()), "{story:#?}");
}

#[tokio::test]
async fn what_is_named_by_its_template_is_not_replaced() {
    let house = House::new();
    let named = "Resources: {A: {Type: Test::Thing, Properties: {Name: n, Base: x}}}";
    house.create("s", named).await.unwrap();
    house.rest("s").await;
    house.update("s", &named.replace("Base: x", "Base: y")).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.world.picture(), ["A: 0 on x []"]);
    let story = house.story("s").await;
    let words = "A UPDATE_FAILED CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename n and update the stack again.";
    assert!(story.contains(&words.to_owned()), "{story:#?}");
}

#[tokio::test]
async fn somebody_elses_thing_of_the_same_name_is_left_alone() {
    let house = House::new();
    let named = "Resources: {A: {Type: Test::Thing, Properties: {Name: n}}}";
    house.create("s", named).await.unwrap();
    house.rest("s").await;
    house.create("t", named).await.unwrap();
    assert_eq!(house.rest("t").await, StackStatus::RollbackComplete);
    assert_eq!(house.world.picture(), ["A: 0 []"]);
    assert_eq!(house.stack("s").await.unwrap().stack_status, StackStatus::CreateComplete);
}

#[tokio::test]
async fn on_failure_says_what_becomes_of_what_was_made() {
    let house = House::new();
    house.world.lock().refused.insert("create Roof".to_owned());
    let create = |name: &str, on_failure| cf::CreateStackRequest {
        stack_name: name.into(),
        template_body: Some(TOWER.into()),
        on_failure: Some(on_failure),
        ..Default::default()
    };
    house.call::<cf::CreateStack>(create("gone", OnFailure::Delete)).await.unwrap();
    assert_eq!(house.rest("gone").await, StackStatus::DeleteComplete);
    assert!(house.world.picture().is_empty());
    house.call::<cf::CreateStack>(create("kept", OnFailure::DoNothing)).await.unwrap();
    assert_eq!(house.rest("kept").await, StackStatus::CreateFailed);
    assert!(house.world.picture().contains(&"Wall: 1 [Ground]".to_owned()));
    // Mended, the stack goes on from where it stands.
    house.world.lock().refused.clear();
    house.update("kept", TOWER).await.unwrap();
    assert_eq!(house.rest("kept").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.picture().len(), 4);
}

#[tokio::test]
async fn a_failed_creation_that_was_left_standing_can_be_rolled_back() {
    let house = House::new();
    house.world.lock().states.insert("Roof".to_owned(), "failed");
    let request = cf::CreateStackRequest {
        stack_name: "s".into(),
        template_body: Some(TOWER.into()),
        disable_rollback: Some(true),
        ..Default::default()
    };
    house.call::<cf::CreateStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::CreateFailed);
    let request = cf::RollbackStackRequest { stack_name: "s".into(), ..Default::default() };
    house.call::<cf::RollbackStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::RollbackComplete);
    assert!(house.world.picture().is_empty());
}

#[tokio::test]
async fn a_retry_takes_the_broken_thing_away_before_its_name_is_used_again() {
    let house = House::new();
    let named = "Resources: {A: {Type: Test::Thing, Properties: {Name: n}}}";
    house.world.lock().states.insert("A".to_owned(), "failed");
    let request = cf::CreateStackRequest {
        stack_name: "s".into(),
        template_body: Some(named.into()),
        on_failure: Some(OnFailure::DoNothing),
        ..Default::default()
    };
    house.call::<cf::CreateStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::CreateFailed);
    house.world.lock().states.clear();
    house.update("s", named).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.lock().log, ["create A", "delete A", "create A"]);
}

#[tokio::test]
async fn policies_let_things_go_instead_of_deleting_them() {
    let house = House::new();
    let template = "
Resources:
  A: {Type: Test::Thing, DeletionPolicy: Retain, UpdateReplacePolicy: Retain, Properties: {Base: x}}
  B: {Type: Test::Thing}
";
    house.create("s", template).await.unwrap();
    house.rest("s").await;
    house.update("s", &template.replace("Base: x", "Base: y")).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.picture(), ["A: 0 on x []", "A: 0 on y []", "B: 0 []"]);
    house.delete("s").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
    assert_eq!(house.world.picture(), ["A: 0 on x []", "A: 0 on y []"]);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_and_can_be_let_go() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().refused.insert("delete Wall".to_owned());
    house.delete("s").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteFailed);
    assert_eq!(house.world.picture(), ["Ground: 0 on rock []", "Wall: 1 [Ground]"], "what is under it stays, too");
    let reason = house.stack("s").await.unwrap().stack_status_reason.unwrap();
    assert_eq!(reason, "The following resource(s) failed to delete: [Wall].");
    let retain = vec!["Wall".to_owned(), "Ground".to_owned()];
    let request = cf::DeleteStackRequest { stack_name: "s".into(), retain_resources: retain, ..Default::default() };
    house.call::<cf::DeleteStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
    assert_eq!(house.world.picture().len(), 2);
}

#[tokio::test]
async fn a_stack_can_be_deleted_while_it_is_created() {
    let house = House::new();
    house.world.lock().states.insert("Wall".to_owned(), "busy");
    house.create("s", TOWER).await.unwrap();
    house.called("create Wall").await;
    house.delete("s").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
    assert!(house.world.picture().is_empty());
    house.delete("s").await.unwrap();
    house.delete("never-was").await.unwrap();
}

#[tokio::test]
async fn an_update_can_be_broken_off() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    let before = house.world.lock().things.clone();
    house.world.lock().states.insert("Wall".to_owned(), "busy");
    house.update("s", &TOWER.replace("Default: 1", "Default: 7")).await.unwrap();
    house.called("update Wall").await;
    let error = house.update("s", TOWER).await.unwrap_err();
    assert!(error.message.ends_with("is in UPDATE_IN_PROGRESS state and can not be updated."), "{error}");
    let request = cf::CancelUpdateStackRequest { stack_name: "s".into(), ..Default::default() };
    house.call::<cf::CancelUpdateStack>(request).await.unwrap();
    house.until_event("s", "s UPDATE_ROLLBACK_IN_PROGRESS").await;
    house.world.lock().states.clear();
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.world.lock().things, before);
}

#[tokio::test]
async fn a_stack_that_is_protected_stays() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    let protect =
        |on| cf::UpdateTerminationProtectionRequest { enable_termination_protection: on, stack_name: "s".into() };
    house.call::<cf::UpdateTerminationProtection>(protect(true)).await.unwrap();
    let error = house.delete("s").await.unwrap_err();
    assert_eq!(error.message, "Stack [s] cannot be deleted while TerminationProtection is enabled");
    house.call::<cf::UpdateTerminationProtection>(protect(false)).await.unwrap();
    house.delete("s").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
}

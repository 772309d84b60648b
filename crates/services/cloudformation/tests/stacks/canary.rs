//! Updates that are canaries: told of while they last, taken back for their reasons, and never begun in taking back.

use api::cloudformation::{self as cf, StackStatus};

use crate::{TOWER, house::House};

/// The tower with a wall of another size, which is a canary.
fn larger(policy: &str) -> String {
    let wall = "Properties: {Uses: [!Ref Ground], Size: !Ref Size}";
    let canary = format!("{wall}\n    Metadata: {{\"Serin::Canary\": {policy}}}");
    TOWER.replace(wall, &canary).replace("Default: 1", "Default: 7")
}

impl House {
    /// A house whose tower is being made larger, by a canary that is `state`.
    async fn judging(state: &'static str) -> Self {
        let house = Self::new();
        house.create("s", TOWER).await.unwrap();
        house.rest("s").await;
        house.world.lock().log.clear();
        house.is("Wall", state);
        house.update("s", &larger("{}")).await.unwrap();
        house
    }

    fn is(&self, thing: &str, state: &'static str) {
        self.world.lock().states.insert(thing.to_owned(), state);
    }

    fn log(&self) -> Vec<String> {
        self.world.lock().log.clone()
    }
}

#[tokio::test]
async fn what_happens_to_a_canary_is_told_once_and_its_end_is_the_updates() {
    let house = House::judging("judged 1 It begins.").await;
    house.until_event("s", "Wall UPDATE_IN_PROGRESS It begins.").await;
    house.is("Wall", "judged 2 It gets more.");
    house.until_event("s", "Wall UPDATE_IN_PROGRESS It gets more.").await;
    assert_eq!(house.stack("s").await.unwrap().stack_status, StackStatus::UpdateInProgress);
    let house = house.restart().await;
    house.is("Wall", "ready");
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.log(), ["judge Wall"]);
    let story = house.story("s").await;
    let of_wall: Vec<_> = story.iter().filter(|line| line.starts_with("Wall UPDATE")).collect();
    assert_eq!(
        of_wall,
        [
            "Wall UPDATE_IN_PROGRESS",
            "Wall UPDATE_IN_PROGRESS It begins.",
            "Wall UPDATE_IN_PROGRESS It gets more.",
            "Wall UPDATE_COMPLETE"
        ]
    );
}

#[tokio::test]
async fn a_canary_that_is_worse_rolls_its_stack_back_without_another_canary() {
    let house = House::judging("worse").await;
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.log(), ["judge Wall", "end Wall"]);
    assert!(house.story("s").await.contains(&"Wall UPDATE_FAILED it is worse".to_owned()));
    // The next try is another canary.
    house.is("Wall", "ready");
    house.update("s", &larger("{}")).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.log(), ["judge Wall", "end Wall", "judge Wall"]);
}

#[tokio::test]
async fn a_canary_that_has_had_its_time_fails_its_update() {
    let house = House::judging("late").await;
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.log(), ["judge Wall", "end Wall"]);
    assert!(house.story("s").await.contains(&"Wall UPDATE_FAILED it is inconclusive".to_owned()));
}

#[tokio::test]
async fn an_update_that_is_cancelled_ends_its_canary() {
    let house = House::judging("judged 1 It begins.").await;
    house.until_event("s", "Wall UPDATE_IN_PROGRESS It begins.").await;
    let error = house.delete("s").await.unwrap_err();
    assert!(error.message.ends_with("cannot be deleted while in status UPDATE_IN_PROGRESS"), "{error}");
    let request = cf::CancelUpdateStackRequest { stack_name: "s".into(), ..Default::default() };
    house.call::<cf::CancelUpdateStack>(request).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.log(), ["judge Wall", "end Wall"]);
    house.delete("s").await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
}

#[tokio::test]
async fn a_canary_that_was_not_heard_of_is_asked_for_again_with_the_same_revision() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().log.clear();
    house.world.lock().silent.insert("judge Wall".to_owned());
    house.update("s", &larger("{}")).await.unwrap();
    house.called("judge Wall").await;
    let house = house.restart().await;
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.log(), ["judge Wall", "judge Wall"]);
}

#[tokio::test]
async fn a_policy_that_cannot_be_followed_is_refused_before_anything_changes() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().log.clear();
    let refused = "Resources/Wall/Metadata/Serin::Canary: ";
    for (policy, why) in [
        ("{Bad: 3}", "Bad is 3"),
        ("{Bad: !Ref Size}", "Bad is \"7\""),
        ("{Steps: [!Ref Ground]}", "a policy can follow from parameters, and not from the resource Ground"),
    ] {
        let error = house.update("s", &larger(policy)).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.message), ("ValidationError", format!("{refused}{why}")));
        let error = house.create("t", &larger(policy)).await.unwrap_err();
        assert_eq!(error.message, format!("{refused}{why}"));
    }
    assert!(house.log().is_empty());
    assert_eq!(house.stack("s").await.unwrap().stack_status, StackStatus::CreateComplete);
}

#[tokio::test]
async fn a_new_thing_is_made_as_it_is_written() {
    let house = House::new();
    house.is("Wall", "worse");
    house.create("s", &larger("{}")).await.unwrap();
    assert_eq!(house.rest("s").await, StackStatus::CreateComplete);
    assert!(house.log().contains(&"create Wall".to_owned()) && house.log().len() == 4, "{:?}", house.log());
}

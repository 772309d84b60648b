//! The controller dies, at chosen moments and at any; what was asked comes true all the same, once.

use api::cloudformation::StackStatus;

use crate::{TOWER, house::House};

#[tokio::test]
async fn a_creation_that_got_through_but_was_not_heard_is_not_done_twice() {
    let house = House::new();
    house.world.lock().silent.insert("create Wall".to_owned());
    house.create("s", TOWER).await.unwrap();
    house.called("create Wall").await;
    let house = house.restart().await;
    assert_eq!(house.rest("s").await, StackStatus::CreateComplete);
    assert_eq!(house.world.picture(), ["Ground: 0 on rock []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 1 [Ground]"]);
    let creations = house.world.lock().log.iter().filter(|call| *call == "create Wall").count();
    assert_eq!(creations, 1);
}

#[tokio::test]
async fn an_update_is_taken_up_where_it_was() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    house.world.lock().silent.insert("update Wall".to_owned());
    house.update("s", &TOWER.replace("rock", "sand")).await.unwrap();
    house.called("update Wall").await;
    let house = house.restart().await;
    assert_eq!(house.rest("s").await, StackStatus::UpdateComplete);
    assert_eq!(house.world.picture(), ["Ground: 0 on sand []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 1 [Ground]"]);
}

#[tokio::test]
async fn a_rollback_is_taken_up_where_it_was() {
    let house = House::new();
    house.create("s", TOWER).await.unwrap();
    house.rest("s").await;
    let before = house.world.lock().things.clone();
    house.world.lock().states.insert("Ground".to_owned(), "failed");
    house.update("s", &TOWER.replace("rock", "sand")).await.unwrap();
    house.until_event("s", "s UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS").await;
    house.world.lock().states.clear();
    let house = house.restart().await;
    assert_eq!(house.rest("s").await, StackStatus::UpdateRollbackComplete);
    assert_eq!(house.world.lock().things, before);
}

#[tokio::test]
async fn a_creation_that_was_not_heard_is_deleted_with_its_stack() {
    let house = House::new();
    house.world.lock().silent.insert("create Wall".to_owned());
    house.create("s", TOWER).await.unwrap();
    house.called("create Wall").await;
    house.delete("s").await.unwrap();
    let house = house.restart().await;
    assert_eq!(house.rest("s").await, StackStatus::DeleteComplete);
    assert!(house.world.picture().is_empty(), "{:?}", house.world.picture());
}

/// Kills the controller at every single call in turn that a stack's life makes, before the call is done or after, but
/// before its answer is heard; and then at another. However it is cut, the life ends the same: nothing is doubled and
/// nothing is left over.
#[tokio::test]
async fn a_life_can_be_cut_anywhere() {
    const CALLS: [&str; 9] = [
        "create Ground",
        "create Wall",
        "create Roof",
        "create Tree",
        "update Wall",
        "delete Ground",
        "delete Wall",
        "delete Roof",
        "delete Tree",
    ];
    for first in CALLS {
        for second in CALLS {
            live(&[first, second], &[]).await;
            live(&[], &[first, second]).await;
            live(&[first], &[second]).await;
        }
    }
}

/// A life in which the calls `silent` are done and the calls `deaf` are not, and none of them is answered.
async fn live(silent: &[&str], deaf: &[&str]) {
    let larger = TOWER.replace("rock", "sand").replace("Default: 1", "Default: 2");
    let mut house = House::new();
    for (leg, expected) in [
        ("create", StackStatus::CreateComplete),
        ("update", StackStatus::UpdateComplete),
        ("delete", StackStatus::DeleteComplete),
    ] {
        house.world.lock().silent = silent.iter().map(|call| (*call).to_owned()).collect();
        house.world.lock().deaf = deaf.iter().map(|call| (*call).to_owned()).collect();
        match leg {
            "create" => house.create("s", TOWER).await.unwrap(),
            "update" => house.update("s", &larger).await.unwrap(),
            _ => house.delete("s").await.unwrap(),
        }
        // None of the calls may be part of this leg; then the stack comes to rest by itself.
        let status = loop {
            tokio::select! {
                status = house.rest("s") => break status,
                () = house.until("silence", |house| house.world.lock().unheard) => house = house.restart().await,
            }
        };
        assert_eq!(status, expected, "{leg}, cut at {silent:?} and {deaf:?}");
        let picture = house.world.picture();
        let whole = match leg {
            "create" => picture[..] == ["Ground: 0 on rock []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 1 [Ground]"],
            "update" => picture[..] == ["Ground: 0 on sand []", "Roof: 0 [Wall]", "Tree: 0 []", "Wall: 2 [Ground]"],
            _ => picture.is_empty(),
        };
        assert!(whole, "{picture:?} after {leg}, cut at {silent:?} and {deaf:?}");
    }
}

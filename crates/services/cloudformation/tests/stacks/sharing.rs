//! What stacks give each other.

use api::cloudformation::{self as cf, StackStatus};

use crate::{TOWER, house::House};

const USER: &str = "Resources: {Flag: {Type: Test::Thing, Properties: {Uses: [!ImportValue top]}}}";

#[tokio::test]
async fn an_export_that_is_imported_holds_its_stack() {
    let house = House::new();
    let error = house.create("user", USER).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("ValidationError", "No export named top found."));
    house.create("base", TOWER).await.unwrap();
    house.rest("base").await;
    house.create("user", USER).await.unwrap();
    assert_eq!(house.rest("user").await, StackStatus::CreateComplete);
    assert!(house.world.picture().contains(&"Flag: 0 [Roof]".to_owned()));

    let request = cf::ListImportsRequest { export_name: "top".into(), next_token: None };
    assert_eq!(house.call::<cf::ListImports>(request).await.unwrap().imports, ["user"]);
    let exports = house.call::<cf::ListExports>(cf::ListExportsRequest::default()).await.unwrap().exports;
    assert_eq!(exports[0].name, "top");

    let error = house.delete("base").await.unwrap_err();
    assert_eq!(error.message, "Export top cannot be deleted as it is in use by user");
    assert_eq!(house.stack("base").await.unwrap().stack_status, StackStatus::CreateComplete);

    // An update that would take the export away, or change what it says, is rolled back.
    for (next, verb) in [
        (TOWER.replace(", Export: {Name: top}", ""), "deleted"),
        (TOWER.replace("Top: {Value: !Ref Roof", "Top: {Value: !Ref Tree"), "updated"),
    ] {
        house.update("base", &next).await.unwrap();
        assert_eq!(house.rest("base").await, StackStatus::UpdateRollbackComplete);
        let words = format!("base UPDATE_ROLLBACK_IN_PROGRESS Export top cannot be {verb} as it is in use by user");
        assert!(house.story("base").await.contains(&words));
    }

    house.delete("user").await.unwrap();
    assert_eq!(house.rest("user").await, StackStatus::DeleteComplete);
    house.delete("base").await.unwrap();
    assert_eq!(house.rest("base").await, StackStatus::DeleteComplete);
    assert!(house.world.picture().is_empty());
    assert!(house.call::<cf::ListExports>(cf::ListExportsRequest::default()).await.unwrap().exports.is_empty());
}

#[tokio::test]
async fn an_exports_name_belongs_to_one_stack() {
    let house = House::new();
    house.create("base", TOWER).await.unwrap();
    house.rest("base").await;
    house.create("other", TOWER).await.unwrap();
    assert_eq!(house.rest("other").await, StackStatus::RollbackComplete);
    let words = "other ROLLBACK_IN_PROGRESS Export with name top is already exported by stack base. Rollback requested by user.";
    let story = house.story("other").await;
    assert!(story.contains(&words.to_owned()), "{story:#?}");
    assert_eq!(house.world.picture().len(), 4);
}

#[tokio::test]
async fn a_stack_that_goes_gives_nothing_more() {
    let house = House::new();
    house.create("base", TOWER).await.unwrap();
    house.rest("base").await;
    house.world.lock().silent.insert("delete Roof".to_owned());
    house.delete("base").await.unwrap();
    let error = house.create("user", USER).await.unwrap_err();
    assert_eq!(error.message, "No export named top found.");
}

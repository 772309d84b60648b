//! Change sets by example.

use std::fmt::Write;

use serde_json::json;

use super::*;
use crate::testing::{kinds, target, thing};

fn written(template: &str, things: &[Physical]) -> String {
    let mut text = String::new();
    for Change { resource_change: change, .. } in changes(&target(template), things, &kinds).unwrap() {
        let replacement = change.replacement.map(|word| format!(" replacement {word}")).unwrap_or_default();
        let policy = change.policy_action.map(|word| format!(" policy {word}")).unwrap_or_default();
        let _ = writeln!(text, "{} {}{replacement}{policy}", change.action, change.logical_resource_id);
        for detail in change.details {
            let name = detail.target.name.unwrap_or(detail.target.attribute);
            let cause = detail.causing_entity.map(|cause| format!(" of {cause}")).unwrap_or_default();
            let _ = writeln!(text, "  {name}: {} {}{cause}", detail.evaluation, detail.change_source);
        }
    }
    text
}

const STACK: &str = r#"{"Resources": {
    "A": {"Type": "Test::Thing", "Properties": {"Base": "x", "Size": 1}},
    "B": {"Type": "Test::Thing", "Properties": {"Uses": {"Ref": "A"}}},
    "C": {"Type": "Test::Thing", "Properties": {"Bases": {"Fn::Sub": "on-${B}"}, "Size": {"Fn::GetAtt": "A.Size"}}}
}}"#;

fn stack() -> Vec<Physical> {
    vec![
        thing("A", 1, json!({"Base": "x", "Size": 1})),
        thing("B", 1, json!({"Uses": "A-1"})),
        thing("C", 1, json!({"Bases": "on-B-1", "Size": "1"})),
    ]
}

#[test]
fn the_same_template_changes_nothing() {
    assert_eq!(written(STACK, &stack()), "");
}

#[test]
fn a_new_stack_is_all_additions() {
    assert_eq!(written(STACK, &[]), "Add A\nAdd B\nAdd C\n");
}

#[test]
fn a_change_in_place_touches_nobody_else() {
    let template = STACK.replace(r#""Size": 1"#, r#""Size": 2"#);
    assert_eq!(written(&template, &stack()), "Modify A replacement False\n  Size: Static DirectModification\n");
}

#[test]
fn a_replacement_spreads_to_whoever_refers_to_it() {
    let template = STACK.replace(r#""Base": "x""#, r#""Base": "y""#);
    assert_eq!(
        written(&template, &stack()),
        "\
Modify A replacement True policy ReplaceAndDelete
  Base: Static DirectModification
Modify B replacement False
  Uses: Dynamic ResourceReference of A
Modify C replacement False
  Size: Dynamic ResourceAttribute of A.Size
"
    );
    let template = STACK.replace(r#"{"Uses": {"Ref": "A"}}"#, r#"{"Base": "z"}"#);
    assert_eq!(
        written(&template, &stack()),
        "\
Modify B replacement True policy ReplaceAndDelete
  Base: Static DirectModification
  Uses: Static DirectModification
Modify C replacement Conditional policy ReplaceAndDelete
  Bases: Dynamic ResourceReference of B
"
    );
}

#[test]
fn what_is_taken_out_is_removed_last() {
    let template = r#"{"Resources": {"A": {"Type": "Test::Thing", "Properties": {"Base": "x", "Size": 1}}, "D": {"Type": "Test::Thing"}}}"#;
    assert_eq!(written(template, &stack()), "Add D\nRemove B policy Delete\nRemove C policy Delete\n");
}

#[test]
fn policies_and_metadata_are_changes_too() {
    let template = STACK.replacen(
        r#""Type": "Test::Thing","#,
        r#""Type": "Test::Thing", "DeletionPolicy": "Retain", "Metadata": {"x": 1},"#,
        1,
    );
    assert_eq!(
        written(&template, &stack()),
        "Modify A replacement False\n  Metadata: Static DirectModification\n  DeletionPolicy: Static DirectModification\n"
    );
}

//! What a message says beyond what was understood.
//!
//! Envoy's messages have hundreds of fields, of which this proxy honours some. A field that is set and not honoured must
//! not be passed over: the control plane would believe that it is in effect. So every translator takes a copy of its
//! message, clears what it honours and what changes nothing here, and hands the rest to [`nothing_else`], which names
//! what is left. A field that Envoy invents tomorrow is refused without anybody having thought of it.

use std::fmt::Debug;

/// Refuses a message that has anything left.
pub(super) fn nothing_else<M: Default + PartialEq + Debug>(rest: &M) -> Result<(), String> {
    let nothing = M::default();
    if *rest == nothing {
        return Ok(());
    }
    let (set, unset) = (fields(&format!("{rest:#?}")), fields(&format!("{nothing:#?}")));
    let differs = |field: &&(String, String)| !unset.contains(field);
    let names: Vec<&str> = set.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    Err(format!("{} is not supported by this proxy", names.join(", ")))
}

/// The fields of a message printed over several lines, with what they have: those lines that are indented once begin one.
fn fields(printed: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in printed.lines() {
        let begins =
            line.strip_prefix("    ").filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        match (begins.and_then(|line| line.split_once(": ")), fields.last_mut()) {
            (Some((name, value)), _) => fields.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => value.push_str(line),
            (None, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::{
        envoy::config::{
            core::v3::{Metadata, RoutingPriority},
            route::v3::{RouteAction, route_action::UpgradeConfig},
        },
        google::protobuf::Duration,
    };

    use super::*;

    #[test]
    fn what_is_left_is_named_and_nothing_else_is() {
        assert_eq!(nothing_else(&RouteAction::default()), Ok(()));
        let action = RouteAction {
            priority: RoutingPriority::High as i32,
            metadata_match: Some(Metadata::default()),
            #[expect(deprecated, reason = "the field is refused by name")]
            max_grpc_timeout: Some(Duration { seconds: 1, nanos: 0 }),
            upgrade_configs: vec![UpgradeConfig {
                upgrade_type: "priority: 1\n    timeout: 2".to_owned(),
                ..Default::default()
            }],
            ..RouteAction::default()
        };
        let refused = nothing_else(&action).unwrap_err();
        for name in ["priority", "metadata_match", "max_grpc_timeout", "upgrade_configs"] {
            assert!(refused.contains(name), "{name} is not in {refused}");
        }
        assert!(!refused.contains("retry_policy"), "{refused}");
    }
}

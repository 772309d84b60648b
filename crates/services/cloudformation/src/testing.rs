//! What the tests of this crate share: a type of resource without a service, and real things of it.

use std::collections::BTreeMap;

use api::cloudformation::ResourceStatus;
use names::{Tags, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    resources::{Kind, property},
    rows::{Deployment, Physical, State},
    target::{Target, pseudo},
    template::DeletionPolicy,
};

/// A type with a property that is changed in place (`Size`), one that replaces (`Base`), a name and references.
pub(crate) static THING: Kind = Kind::new("Test::Thing")
    .properties(&[
        property("Name").replaces(),
        property("Base").replaces(),
        property("Size"),
        property("Uses"),
        property("Shape").replaces_inside(&["Corners"]),
        property("Bases").replaces(),
        property("Tags"),
    ])
    .attributes(&["Size"])
    .identity(&["Name"]);

pub(crate) fn kinds(name: &str) -> Option<&'static Kind> {
    (name == THING.name).then_some(&THING)
}

/// The target of `template` without parameters or tags.
pub(crate) fn target(template: &str) -> Target {
    let deployment = Deployment { template: template.to_owned(), ..Deployment::default() };
    Target::read(&deployment, pseudo(&names::Scope::default(), "s", "arn:s")).unwrap()
}

/// A real thing that is ready and what its resource is.
pub(crate) fn thing(logical_id: &str, serial: u32, properties: Value) -> Physical {
    Physical {
        logical_id: logical_id.to_owned(),
        serial,
        kind: THING.name.to_owned(),
        token: format!("{serial:012}"),
        physical_id: Some(format!("{logical_id}-{serial}")),
        state: State::Ready,
        chosen: true,
        properties: match properties {
            Value::Object(properties) => properties,
            _ => Map::new(),
        },
        before: Vec::new(),
        tags: Tags::new(),
        attributes: Map::from_iter([("Size".to_owned(), json!("1"))]),
        depends_on: Vec::new(),
        deletion_policy: DeletionPolicy::Delete,
        update_replace_policy: DeletionPolicy::Delete,
        generation: 1,
        tries: 0,
        retry_at: Timestamp::from_millis(0),
        since: Timestamp::from_millis(0),
        status: ResourceStatus::CreateComplete,
        reason: None,
        description: None,
        metadata: None,
        canary: None,
    }
}

/// Properties by name.
pub(crate) fn properties(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

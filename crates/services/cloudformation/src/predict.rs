//! What a deployment would do, as far as that can be told before it is done: the content of a change set, and the answer
//! to "is there anything to do at all?".

use std::collections::{BTreeMap, BTreeSet};

use api::cloudformation::{Change, ResourceChange, ResourceChangeDetail, ResourceTargetDefinition};
use serde_json::{Map, Value};

use crate::{
    plan,
    resources::Kind,
    rows::{Physical, State},
    target::{Standing, Target},
    template::{DeletionPolicy, Problem, Resource, Resources, same},
};

/// The changes that `target` makes to the real things `things`, those it removes last. `kinds` knows the types.
pub fn changes(
    target: &Target,
    things: &[Physical],
    kinds: &dyn Fn(&str) -> Option<&'static Kind>,
) -> Result<Vec<Change>, Problem> {
    let mut foreseen = Foreseen { standing: Standing(things), unknown: BTreeSet::new() };
    let mut found: BTreeMap<&str, ResourceChange> = BTreeMap::new();
    let resources = target.resources();
    for id in in_order(target, &resources) {
        let thing = things.iter().find(|thing| thing.chosen && thing.logical_id == id);
        let change = match (thing, kinds(&target.template.resources[id].kind)) {
            (Some(thing), Some(kind)) => modification(target, id, thing, kind, &foreseen)?,
            _ => Some(addition(target, id)),
        };
        if let Some(change) = change {
            if change.replacement.as_deref() != Some("False") {
                foreseen.unknown.insert(id.to_owned());
            }
            found.insert(id, change);
        }
    }
    let kept = resources.iter().filter_map(|id| found.remove(*id));
    let is_removed = |thing: &&Physical| {
        thing.chosen && thing.state != State::Gone && !resources.contains(&thing.logical_id.as_str())
    };
    let removed = things.iter().filter(is_removed).map(removal);
    let wrap = |resource_change| Change { kind: "Resource".to_owned(), resource_change };
    Ok(kept.chain(removed).map(wrap).collect())
}

/// The resources, each after those it depends on. There are no circles: the target was settled.
fn in_order<'a>(target: &Target, resources: &[&'a str]) -> Vec<&'a str> {
    let mut order: Vec<&str> = Vec::new();
    while order.len() < resources.len() {
        let before = order.len();
        for id in resources {
            let free = target.dependencies.get(*id).into_iter().flatten().all(|on| order.contains(&on.as_str()));
            if free && !order.contains(id) {
                order.push(id);
            }
        }
        if order.len() == before {
            break;
        }
    }
    order
}

/// What resources are now, but for those that will be something else.
struct Foreseen<'a> {
    standing: Standing<'a>,
    unknown: BTreeSet<String>,
}

impl Resources for Foreseen<'_> {
    fn reference(&self, id: &str) -> Option<Value> {
        if self.unknown.contains(id) { None } else { self.standing.reference(id) }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Option<Value> {
        if self.unknown.contains(id) { None } else { self.standing.attribute(id, attribute) }
    }
}

fn addition(target: &Target, id: &str) -> ResourceChange {
    ResourceChange {
        policy_action: None,
        action: "Add".to_owned(),
        logical_resource_id: id.to_owned(),
        physical_resource_id: None,
        resource_type: target.template.resources[id].kind.clone(),
        replacement: None,
        scope: Vec::new(),
        details: Vec::new(),
    }
}

fn removal(thing: &Physical) -> ResourceChange {
    let policy = match thing.deletion_policy {
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Retain | DeletionPolicy::RetainExceptOnCreate => "Retain",
    };
    ResourceChange {
        policy_action: Some(policy.to_owned()),
        action: "Remove".to_owned(),
        logical_resource_id: thing.logical_id.clone(),
        physical_resource_id: thing.physical_id.clone(),
        resource_type: thing.kind.clone(),
        replacement: None,
        scope: Vec::new(),
        details: Vec::new(),
    }
}

fn modification(
    target: &Target,
    id: &str,
    thing: &Physical,
    kind: &Kind,
    foreseen: &Foreseen<'_>,
) -> Result<Option<ResourceChange>, Problem> {
    let resource = &target.template.resources[id];
    let mut details = property_details(target, id, thing, kind, foreseen)?;
    details.extend(other_details(target, resource, thing, kind));
    if details.is_empty() && thing.state == State::Ready {
        return Ok(None);
    }
    let recreates = |word: &str| details.iter().any(|detail| detail.target.requires_recreation == word);
    let certain =
        |detail: &ResourceChangeDetail| detail.target.requires_recreation == "Always" && detail.evaluation == "Static";
    let replacement = if details.iter().any(certain) {
        "True"
    } else if recreates("Always") || recreates("Conditionally") {
        "Conditional"
    } else {
        "False"
    };
    let policy = match resource.update_replace_policy {
        DeletionPolicy::Delete => "ReplaceAndDelete",
        DeletionPolicy::Retain | DeletionPolicy::RetainExceptOnCreate => "ReplaceAndRetain",
    };
    let mut scope: Vec<String> = Vec::new();
    for detail in &details {
        if !scope.contains(&detail.target.attribute) {
            scope.push(detail.target.attribute.clone());
        }
    }
    Ok(Some(ResourceChange {
        policy_action: (replacement != "False").then(|| policy.to_owned()),
        action: "Modify".to_owned(),
        logical_resource_id: id.to_owned(),
        physical_resource_id: thing.physical_id.clone(),
        resource_type: resource.kind.clone(),
        replacement: Some(replacement.to_owned()),
        scope,
        details,
    }))
}

fn property_details(
    target: &Target,
    id: &str,
    thing: &Physical,
    kind: &Kind,
    foreseen: &Foreseen<'_>,
) -> Result<Vec<ResourceChangeDetail>, Problem> {
    let resource = &target.template.resources[id];
    let mut details = Vec::new();
    let mut known = Map::new();
    for (name, _) in &resource.properties {
        let pending = match target.property(id, name, foreseen) {
            Ok(Some(value)) => {
                known.insert(name.clone(), value);
                continue;
            }
            Ok(None) => continue,
            Err(Problem::Pending { resource, attribute }) => (resource, attribute),
            Err(wrong) => return Err(wrong),
        };
        // A property that waits is compared only when it no longer waits.
        known.insert(name.clone(), thing.properties.get(name).cloned().unwrap_or_default());
        let (source, cause) = match pending {
            (resource, Some(attribute)) => ("ResourceAttribute", format!("{resource}.{attribute}")),
            (resource, None) => ("ResourceReference", resource),
        };
        let replaces = kind.property(name).map(|property| (property.replaces, property.replaces_inside.is_empty()));
        let recreation = match replaces {
            Some((true, _)) => "Always",
            Some((false, false)) => "Conditionally",
            _ => "Never",
        };
        details.push(detail(name, recreation, "Dynamic", (source, Some(cause))));
    }
    for name in plan::differences(&thing.properties, &known) {
        let parameter = target
            .sources(id, &name)
            .into_iter()
            .find(|mention| mention.attribute.is_none() && target.template.parameters.contains_key(mention.name));
        let source = match parameter {
            Some(mention) => ("ParameterReference", Some(mention.name.to_owned())),
            None => ("DirectModification", None),
        };
        let replaces = plan::replaces(kind, &name, &thing.properties, &known);
        details.push(detail(&name, if replaces { "Always" } else { "Never" }, "Static", source));
    }
    Ok(details)
}

fn detail(name: &str, recreation: &str, evaluation: &str, source: (&str, Option<String>)) -> ResourceChangeDetail {
    let (change_source, causing_entity) = source;
    ResourceChangeDetail {
        target: ResourceTargetDefinition {
            attribute: if name == "Tags" { "Tags" } else { "Properties" }.to_owned(),
            name: (name != "Tags").then(|| name.to_owned()),
            requires_recreation: recreation.to_owned(),
        },
        evaluation: evaluation.to_owned(),
        change_source: change_source.to_owned(),
        causing_entity,
    }
}

/// What changes of a resource beside its properties.
fn other_details(target: &Target, resource: &Resource, thing: &Physical, kind: &Kind) -> Vec<ResourceChangeDetail> {
    let metadata = match (&thing.metadata, &resource.metadata) {
        (Some(one), Some(other)) => !same(one, other),
        (one, other) => one.is_some() != other.is_some(),
    };
    let changed = [
        ("Tags", kind.has_tags() && thing.tags != target.deployment.tags),
        ("Metadata", metadata),
        ("DeletionPolicy", thing.deletion_policy != resource.deletion_policy),
        ("UpdateReplacePolicy", thing.update_replace_policy != resource.update_replace_policy),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed
        .map(|(attribute, _)| ResourceChangeDetail {
            target: ResourceTargetDefinition {
                attribute: attribute.to_owned(),
                name: None,
                requires_recreation: "Never".to_owned(),
            },
            evaluation: "Static".to_owned(),
            change_source: "DirectModification".to_owned(),
            causing_entity: None,
        })
        .collect()
}

#[cfg(test)]
mod tests;

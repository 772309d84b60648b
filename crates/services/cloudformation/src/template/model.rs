//! A template's sections.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{
    Error,
    expression::{Expression, Place},
    parameter::Declaration,
    syntax, text_of,
};

/// The longest template that may be sent, in bytes.
const BODY_MAX: usize = 51_200;
/// AWS's quotas of one template.
const LIMITS: [(&str, usize); 4] = [("Parameters", 200), ("Mappings", 200), ("Resources", 500), ("Outputs", 200)];
const DESCRIPTION_MAX: usize = 1024;

/// A template that has been read and could be right.
#[derive(Clone, Debug)]
pub struct Template {
    /// For people.
    pub description: Option<String>,
    /// For tools.
    pub metadata: Option<Value>,
    /// `AWSTemplateFormatVersion`, if it is given.
    pub version: Option<String>,
    /// Its parameters, in their order.
    pub parameters: IndexMap<String, Declaration>,
    /// Two levels of names above a value.
    pub mappings: Map<String, Value>,
    /// Conditions by name.
    pub conditions: IndexMap<String, Expression>,
    /// Resources by logical id, in their order.
    pub resources: IndexMap<String, Resource>,
    /// Outputs by name, in their order.
    pub outputs: IndexMap<String, Output>,
}

/// A resource as the template asks for it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its type: `AWS::AppMesh::Route`.
    pub kind: String,
    /// Its properties, in their order.
    pub properties: Vec<(String, Expression)>,
    /// What it waits for besides what it refers to.
    pub depends_on: Vec<String>,
    /// The condition under which it exists.
    pub condition: Option<String>,
    /// What becomes of the real thing when the resource leaves the stack.
    pub deletion_policy: DeletionPolicy,
    /// What becomes of the old real thing when it is replaced.
    pub update_replace_policy: DeletionPolicy,
    /// For tools.
    pub metadata: Option<Value>,
    /// For people.
    pub description: Option<String>,
}

/// What becomes of a real thing that the stack lets go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DeletionPolicy {
    /// It is deleted.
    #[default]
    Delete,
    /// It stays.
    Retain,
    /// It stays, unless the stack operation that created it is rolled back.
    RetainExceptOnCreate,
}

/// An output as the template asks for it.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its value.
    pub value: Expression,
    /// For people.
    pub description: Option<String>,
    /// The name under which other stacks may import it.
    pub export: Option<Expression>,
    /// The condition under which it exists.
    pub condition: Option<String>,
}

const SECTIONS: [&str; 8] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
];
const UNSUPPORTED_SECTIONS: [&str; 3] = ["Transform", "Rules", "Hooks"];

impl Template {
    /// Reads `body` and refuses what can never be right.
    pub fn read(body: &str) -> Result<Self, Error> {
        if body.len() > BODY_MAX {
            return Err(Error::TooLong { limit: BODY_MAX });
        }
        let tree = syntax::read(body)?;
        let Value::Object(sections) = &tree else { return Err(Error::Structure) };
        check_sections(sections)?;
        check_values(&tree, "")?;
        let template = Self {
            description: description(sections.get("Description"), "")?,
            metadata: sections.get("Metadata").cloned(),
            version: version(sections)?,
            parameters: named(sections, "Parameters", "Parameter", Declaration::read)?,
            mappings: mappings(sections)?,
            conditions: named(sections, "Conditions", "Condition", |_, value| {
                Expression::read(value, Place::Conditions)
            })?,
            resources: named(sections, "Resources", "Resource", resource)?,
            outputs: named(sections, "Outputs", "Output", output)?,
        };
        if template.resources.is_empty() {
            return Err(Error::NoResources);
        }
        Ok(template)
    }
}

fn check_sections(sections: &Map<String, Value>) -> Result<(), Error> {
    if let Some(section) = UNSUPPORTED_SECTIONS.iter().find(|section| sections.contains_key(**section)) {
        return Err(Error::UnsupportedSection { section: (*section).to_owned() });
    }
    let unknown: Vec<_> = sections.keys().filter(|key| !SECTIONS.contains(&key.as_str())).cloned().collect();
    if !unknown.is_empty() {
        return Err(Error::UnknownSections(unknown));
    }
    for (what, limit) in LIMITS {
        let count = sections.get(what).and_then(Value::as_object).map_or(0, Map::len);
        if count > limit {
            return Err(Error::TooMany { what, count, limit });
        }
    }
    Ok(())
}

/// Refuses nulls, as AWS does, and references to stores that are not here.
fn check_values(value: &Value, path: &str) -> Result<(), Error> {
    match value {
        Value::Null => Err(Error::Null { path: path.to_owned() }),
        Value::String(text) => match text.find("{{resolve:") {
            Some(start) => {
                let end = text[start..].find("}}").map_or(text.len(), |length| start + length + 2);
                let reference = text[start..end].to_owned();
                Err(Error::DynamicReference { path: path.to_owned(), reference })
            }
            None => Ok(()),
        },
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| check_values(item, &format!("{path}/{index}")))
        }
        Value::Object(members) => {
            members.iter().try_for_each(|(key, member)| check_values(member, &format!("{path}/{key}")))
        }
        Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn version(sections: &Map<String, Value>) -> Result<Option<String>, Error> {
    match sections.get("AWSTemplateFormatVersion").map(text_of) {
        None => Ok(None),
        Some(Some(version)) if version == "2010-09-09" => Ok(Some(version)),
        Some(_) => Err(Error::Version),
    }
}

fn description(value: Option<&Value>, path: &str) -> Result<Option<String>, Error> {
    match value.map(text_of) {
        None => Ok(None),
        Some(Some(text)) if text.len() <= DESCRIPTION_MAX => Ok(Some(text)),
        Some(Some(_)) => Err(Error::at(path, format!("'Description' length is greater than {DESCRIPTION_MAX}."))),
        Some(None) => Err(Error::at(path, "Description must be a string.")),
    }
}

/// Reads a section of named things.
fn named<T>(
    sections: &Map<String, Value>,
    section: &'static str,
    what: &'static str,
    read: impl Fn(&str, &Value) -> Result<T, Error>,
) -> Result<IndexMap<String, T>, Error> {
    let members = match sections.get(section) {
        None => return Ok(IndexMap::new()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(Error::at(format!("/{section}"), format!("'{section}' must be an object."))),
    };
    members
        .iter()
        .map(|(name, value)| {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(Error::Name { what, name: name.clone() });
            }
            Ok((name.clone(), read(name, value)?))
        })
        .collect()
}

fn mappings(sections: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let members = match sections.get("Mappings") {
        None => return Ok(Map::new()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(Error::at("/Mappings", "'Mappings' must be an object.")),
    };
    for (name, keys) in members {
        let path = format!("/Mappings/{name}");
        let Some(keys) = keys.as_object() else {
            return Err(Error::at(path, "Every Mappings member must be a map."));
        };
        for (key, attributes) in keys {
            let Some(attributes) = attributes.as_object() else {
                return Err(Error::at(format!("{path}/{key}"), "Every Mappings member must be a map."));
            };
            let odd = attributes.iter().find(|(_, value)| match value {
                Value::Array(items) => items.iter().any(|item| text_of(item).is_none()),
                value => text_of(value).is_none(),
            });
            if let Some((attribute, _)) = odd {
                let path = format!("{path}/{key}/{attribute}");
                return Err(Error::at(path, "Every Mappings attribute must be a String or a List."));
            }
        }
    }
    Ok(members.clone())
}

const RESOURCE_MEMBERS: [&str; 8] = [
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
];
/// Attributes that steer types which are not here.
const UNSUPPORTED_RESOURCE_MEMBERS: [&str; 2] = ["CreationPolicy", "UpdatePolicy"];

fn resource(name: &str, value: &Value) -> Result<Resource, Error> {
    let path = format!("/Resources/{name}");
    let Some(members) = value.as_object() else {
        return Err(Error::at(path, "resource definition is malformed"));
    };
    for key in members.keys() {
        if UNSUPPORTED_RESOURCE_MEMBERS.contains(&key.as_str()) {
            return Err(Error::at(path, format!("{key} does not apply to the resource types that are supported here")));
        }
        if !RESOURCE_MEMBERS.contains(&key.as_str()) {
            return Err(Error::UnknownResourceMember { property: key.clone() });
        }
    }
    let Some(kind) = members.get("Type").and_then(Value::as_str) else {
        return Err(Error::at(path, "Every Resources object must contain a Type member."));
    };
    Ok(Resource {
        kind: kind.to_owned(),
        properties: properties(members.get("Properties"), &path)?,
        depends_on: depends_on(members.get("DependsOn"), &path)?,
        condition: condition(members.get("Condition"), &path)?,
        deletion_policy: deletion_policy(members, "DeletionPolicy", &path)?,
        update_replace_policy: deletion_policy(members, "UpdateReplacePolicy", &path)?,
        metadata: members.get("Metadata").cloned(),
        description: description(members.get("Description"), &path)?,
    })
}

fn properties(value: Option<&Value>, path: &str) -> Result<Vec<(String, Expression)>, Error> {
    let Some(value) = value else { return Ok(Vec::new()) };
    match Expression::read(value, Place::Values)? {
        Expression::Object(members) => Ok(members),
        _ => Err(Error::at(path, "Every Properties member must be an object.")),
    }
}

fn depends_on(value: Option<&Value>, path: &str) -> Result<Vec<String>, Error> {
    let names = match value {
        None => return Ok(Vec::new()),
        Some(Value::String(name)) => return Ok(vec![name.clone()]),
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    names.ok_or_else(|| Error::at(path, "Every DependsOn value must be a string."))
}

fn condition(value: Option<&Value>, path: &str) -> Result<Option<String>, Error> {
    match value {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(_) => Err(Error::at(path, "Every Condition member must be a string.")),
    }
}

fn deletion_policy(members: &Map<String, Value>, key: &str, path: &str) -> Result<DeletionPolicy, Error> {
    match (members.get(key).map(Value::as_str), key) {
        (None | Some(Some("Delete")), _) => Ok(DeletionPolicy::Delete),
        (Some(Some("Retain")), _) => Ok(DeletionPolicy::Retain),
        (Some(Some("RetainExceptOnCreate")), "DeletionPolicy") => Ok(DeletionPolicy::RetainExceptOnCreate),
        (Some(Some("Snapshot")), _) => {
            Err(Error::at(path, format!("{key} Snapshot is not supported for this resource type.")))
        }
        (Some(Some(other)), _) => Err(Error::at(path, format!("Unrecognized {key} {other}"))),
        (Some(None), _) => Err(Error::at(path, format!("Every {key} member must be a string."))),
    }
}

fn output(name: &str, value: &Value) -> Result<Output, Error> {
    let malformed = |problem| Error::Output { output: name.to_owned(), problem };
    let members = value.as_object().ok_or_else(|| malformed("It must be an object."))?;
    if members.keys().any(|key| !matches!(key.as_str(), "Value" | "Description" | "Export" | "Condition")) {
        return Err(malformed("It may have Value, Description, Export and Condition, and nothing else."));
    }
    let Some(value) = members.get("Value") else {
        return Err(Error::at(format!("/Outputs/{name}"), "Every Outputs member must contain a Value object"));
    };
    let export = match members.get("Export") {
        None => None,
        Some(Value::Object(export)) if export.len() == 1 => {
            Some(export.get("Name").ok_or_else(|| malformed("An Export has a Name and nothing else."))?)
        }
        Some(_) => return Err(malformed("An Export has a Name and nothing else.")),
    };
    let path = format!("/Outputs/{name}");
    Ok(Output {
        value: Expression::read(value, Place::Values)?,
        description: description(members.get("Description"), &path)?,
        export: export.map(|name| Expression::read(name, Place::Values)).transpose()?,
        condition: condition(members.get("Condition"), &path)?,
    })
}

//! What an expression is worth, given everything around it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::{Error, Expression, Part, Template, cidr, text_of};

/// The pseudo parameters' sources.
#[derive(Clone, Debug, Default)]
pub struct Pseudo {
    /// `AWS::AccountId`.
    pub account: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::StackId`.
    pub stack_id: String,
}

impl Pseudo {
    /// The value of the pseudo parameter called `name`; `None` if none is. `AWS::NoValue` is no value and not here.
    fn value(&self, name: &str) -> Option<Value> {
        Some(match name {
            "AWS::AccountId" => Value::from(self.account.as_str()),
            "AWS::NotificationARNs" => Value::Array(Vec::new()),
            "AWS::Partition" => Value::from("aws"),
            "AWS::Region" => Value::from(self.region.as_str()),
            "AWS::StackId" => Value::from(self.stack_id.as_str()),
            "AWS::StackName" => Value::from(self.stack_name.as_str()),
            "AWS::URLSuffix" => Value::from("amazonaws.com"),
            _ => return None,
        })
    }

    /// Whether `name` is a pseudo parameter.
    pub fn knows(name: &str) -> bool {
        name == "AWS::NoValue" || Self::default().value(name).is_some()
    }
}

/// What is known of the real things that a template's resources have become.
pub trait Resources {
    /// What `Ref` gives for the resource; `None` while it is not known.
    fn reference(&self, resource: &str) -> Option<Value>;
    /// What `Fn::GetAtt` gives; `None` while it is not known.
    fn attribute(&self, resource: &str, attribute: &str) -> Option<Value>;
}

/// Nothing exists yet.
impl Resources for () {
    fn reference(&self, _: &str) -> Option<Value> {
        None
    }

    fn attribute(&self, _: &str, _: &str) -> Option<Value> {
        None
    }
}

/// Everything an expression may look at.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The template it stands in.
    pub template: &'a Template,
    /// Each parameter's text.
    pub parameters: &'a BTreeMap<String, String>,
    /// The pseudo parameters.
    pub pseudo: &'a Pseudo,
    /// Which conditions hold.
    pub conditions: &'a BTreeMap<String, bool>,
    /// What the imported exports are worth.
    pub imports: &'a BTreeMap<String, String>,
    /// What the resources have become.
    pub resources: &'a dyn Resources,
}

/// An expression has no value, for good or for now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It never will.
    #[error(transparent)]
    Wrong(#[from] Error),
    /// It waits for a resource.
    #[error("waits for {resource}{}", .attribute.as_ref().map(|name| format!(".{name}")).unwrap_or_default())]
    Pending {
        /// The resource.
        resource: String,
        /// The attribute, or `None` for what `Ref` gives.
        attribute: Option<String>,
    },
}

/// Availability zones of `region`, the same three letters everywhere.
pub fn zones(region: &str) -> Vec<String> {
    ["a", "b", "c"].map(|letter| format!("{region}{letter}")).to_vec()
}

type Result<T, E = Problem> = std::result::Result<T, E>;

fn wrong<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::function(text).into())
}

impl Surroundings<'_> {
    /// The value of `expression`; `None` is `AWS::NoValue`, which takes what holds it out of the template.
    pub fn evaluate(&self, expression: &Expression) -> Result<Option<Value>> {
        let value = match expression {
            Expression::Scalar(value) => value.clone(),
            Expression::List(items) => Value::Array(self.list(items)?),
            Expression::Object(members) => Value::Object(self.object(members)?),
            Expression::Ref(name) if name == "AWS::NoValue" => return Ok(None),
            Expression::Ref(name) => self.reference(name)?,
            Expression::GetAtt(resource, attribute) => self.attribute(resource, &self.text(attribute)?)?,
            Expression::If(condition, yes, no) => {
                let holds = self.condition(condition)?;
                return self.evaluate(if holds { yes } else { no });
            }
            Expression::Sub(parts, variables) => self.sub(parts, variables)?,
            Expression::Join(delimiter, list) => self.join(delimiter, list)?,
            Expression::Select(index, list) => self.select(index, list)?,
            Expression::Split(delimiter, text) => {
                Value::Array(self.text(text)?.split(delimiter.as_str()).map(Value::from).collect())
            }
            Expression::GetAzs(region) => {
                let region = self.text(region)?;
                let region = if region.is_empty() { &self.pseudo.region } else { &region };
                Value::from(zones(region))
            }
            Expression::FindInMap(names) => self.find_in_map(names)?,
            Expression::ImportValue(name) => {
                let name = self.text(name)?;
                let value = self.imports.get(&name).ok_or(Error::NoExport(name))?;
                Value::from(value.as_str())
            }
            Expression::Base64(text) => Value::from(BASE64_STANDARD.encode(self.text(text)?)),
            Expression::Cidr(parts) => {
                let [block, count, bits] = [self.text(&parts[0])?, self.text(&parts[1])?, self.text(&parts[2])?];
                Value::from(cidr::split(&block, &count, &bits)?)
            }
            Expression::Equals(..)
            | Expression::And(_)
            | Expression::Or(_)
            | Expression::Not(_)
            | Expression::Condition(_) => Value::Bool(self.holds(expression)?),
        };
        Ok(Some(value))
    }

    /// Whether a condition's `expression` holds.
    pub fn holds(&self, expression: &Expression) -> Result<bool> {
        match expression {
            Expression::Equals(one, other) => {
                let (one, other) = (self.present(one)?, self.present(other)?);
                Ok(super::same(&one, &other))
            }
            Expression::And(parts) => parts.iter().try_fold(true, |all, part| Ok(self.holds(part)? && all)),
            Expression::Or(parts) => parts.iter().try_fold(false, |any, part| Ok(self.holds(part)? || any)),
            Expression::Not(part) => Ok(!self.holds(part)?),
            Expression::Condition(name) => self.condition(name),
            _ => wrong("every condition must be one of Fn::And, Fn::Equals, Fn::Not, Fn::Or and Condition"),
        }
    }

    fn condition(&self, name: &str) -> Result<bool> {
        let missing = || Error::UnresolvedCondition { name: name.to_owned(), block: "Resources" };
        Ok(*self.conditions.get(name).ok_or_else(missing)?)
    }

    fn list(&self, items: &[Expression]) -> Result<Vec<Value>> {
        items.iter().filter_map(|item| self.evaluate(item).transpose()).collect()
    }

    fn object(&self, members: &[(String, Expression)]) -> Result<Map<String, Value>> {
        let mut object = Map::new();
        for (key, member) in members {
            if let Some(value) = self.evaluate(member)? {
                object.insert(key.clone(), value);
            }
        }
        Ok(object)
    }

    fn reference(&self, name: &str) -> Result<Value> {
        if let Some(declaration) = self.template.parameters.get(name) {
            let text = self.parameters.get(name).ok_or_else(|| Error::MissingParameters(vec![name.to_owned()]))?;
            return Ok(declaration.value(text));
        }
        let known = self.pseudo.value(name).or_else(|| self.resources.reference(name));
        known.ok_or_else(|| Problem::Pending { resource: name.to_owned(), attribute: None })
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<Value> {
        self.resources
            .attribute(resource, attribute)
            .ok_or_else(|| Problem::Pending { resource: resource.to_owned(), attribute: Some(attribute.to_owned()) })
    }

    /// A value that must be there.
    fn present(&self, expression: &Expression) -> Result<Value> {
        match self.evaluate(expression)? {
            Some(value) => Ok(value),
            None => wrong("AWS::NoValue cannot be used here"),
        }
    }

    /// A value that must be text.
    pub fn text(&self, expression: &Expression) -> Result<String> {
        match text_of(&self.present(expression)?) {
            Some(text) => Ok(text),
            None => wrong("a string was expected, and a list or an object is given"),
        }
    }

    fn sub(&self, parts: &[Part], variables: &[(String, Expression)]) -> Result<Value> {
        let mut text = String::new();
        for part in parts {
            let value = match part {
                Part::Text(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Part::Name(name) => match variables.iter().find(|(variable, _)| variable == name) {
                    Some((_, variable)) => self.present(variable)?,
                    None => self.reference(name)?,
                },
                Part::Attribute(resource, attribute) => self.attribute(resource, attribute)?,
            };
            match text_of(&value) {
                Some(value) => text.push_str(&value),
                None => return wrong("Fn::Sub variables must be strings; a list or an object cannot be put into text"),
            }
        }
        Ok(Value::String(text))
    }

    fn items(&self, list: &Expression, usage: &str) -> Result<Vec<Value>> {
        match self.present(list)? {
            Value::Array(items) => Ok(items),
            _ => wrong(usage),
        }
    }

    fn join(&self, delimiter: &str, list: &Expression) -> Result<Value> {
        let items = self.items(list, "every Fn::Join object requires a list of strings to be joined")?;
        match items.iter().map(text_of).collect::<Option<Vec<_>>>() {
            Some(texts) => Ok(Value::String(texts.join(delimiter))),
            None => wrong("every Fn::Join object requires a list of strings to be joined"),
        }
    }

    fn select(&self, index: &Expression, list: &Expression) -> Result<Value> {
        const USAGE: &str = "Fn::Select requires a list argument with two elements: an integer index and a list";
        let index = self.text(index)?;
        let Ok(position) = index.parse::<usize>() else { return wrong(USAGE) };
        let items = self.items(list, USAGE)?;
        match items.into_iter().nth(position) {
            Some(item) => Ok(item),
            None => wrong(format!("Fn::Select cannot select nonexistent value at index {index}")),
        }
    }

    fn find_in_map(&self, names: &[Expression; 3]) -> Result<Value> {
        let [map, key, attribute] = [self.text(&names[0])?, self.text(&names[1])?, self.text(&names[2])?];
        let Some(keys) = self.template.mappings.get(&map) else {
            return wrong(format!("Mapping named '{map}' is not present in the 'Mappings' section of template."));
        };
        match keys.get(&key).and_then(|attributes| attributes.get(&attribute)) {
            Some(value) => Ok(value.clone()),
            None => wrong(format!("Unable to get mapping for {map}::{key}::{attribute}")),
        }
    }
}

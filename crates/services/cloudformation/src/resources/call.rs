//! What the code of a resource type is given, and what it gives back.

use std::{collections::BTreeMap, time::Duration};

use api::{Fault, Operation};
use names::{Scope, Tags, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wire::Caller;

use super::read;
use crate::{rows::Physical, template::text_of};

/// The tags that CloudFormation hangs on all that can have tags.
const STACK_ID: &str = "aws:cloudformation:stack-id";
const STACK_NAME: &str = "aws:cloudformation:stack-name";
const LOGICAL_ID: &str = "aws:cloudformation:logical-id";

/// One real thing that something is to be done to.
pub struct Call<'a> {
    /// The way to every service.
    pub caller: &'a Caller,
    /// The stack's account and region.
    pub scope: &'a Scope,
    /// The stack's name.
    pub stack_name: &'a str,
    /// The stack's ARN.
    pub stack_id: &'a str,
    /// The thing.
    pub thing: &'a Physical,
    /// The names and ids of the other real things of the same resource.
    pub siblings: &'a [String],
}

/// A thing that was made or found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// Its own name or id; `None` while the service has not told.
    pub id: Option<String>,
    /// What `Fn::GetAtt` gives.
    pub attributes: Map<String, Value>,
}

impl Made {
    /// A thing named `id` with these attributes.
    pub fn new(id: impl Into<String>, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        Self { id: Some(id.into()), attributes }
    }
}

/// How far a thing is that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It is ready, and this is what is known of it.
    Ready(Made),
    /// It is not, for this reason.
    NotYet(String),
    /// Its update is a canary, which has not come to its end.
    Judged(Judged),
}

/// How a canary stands that has not come to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What has happened and is not in the events yet, the oldest first.
    pub news: Vec<(Timestamp, String)>,
    /// How long it may take in all; none where somebody decides about that.
    pub limit: Option<Duration>,
    /// Why it fails when it has taken so long.
    pub late: String,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service refused.
    #[error("{}", reason(.0))]
    Fault(#[from] Fault),
    /// The properties are not right, or the thing did not become what it should.
    #[error("{0}")]
    Wrong(String),
}

/// A service's refusal as a reason in an event.
fn reason(fault: &Fault) -> String {
    let Fault { code, status, message } = fault;
    let handler = match code.as_str() {
        code if code.contains("AlreadyExists") || code.contains("Duplicate") => "AlreadyExists",
        code if code.contains("NotFound") => "NotFound",
        code if code.contains("Limit") => "ServiceLimitExceeded",
        code if code.contains("AccessDenied") => "AccessDenied",
        _ if *status >= 500 => "ServiceInternalError",
        _ => "InvalidRequest",
    };
    format!(
        "Resource handler returned message: \"{message} (Status Code: {status}; Error Code: {code})\" \
         (HandlerErrorCode: {handler})"
    )
}

impl Failure {
    /// Whether the same call may go through later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.status >= 500 || fault.code.contains("Throttl"))
    }

    /// Whether something else is still in the way of a deletion.
    pub fn is_in_use(&self) -> bool {
        let Self::Fault(fault) = self else { return false };
        ["DependencyViolation", "InUse", "Conflict"].iter().any(|word| fault.code.contains(word))
    }

    /// Whether the thing is not there. `codes` are the service's words for it.
    pub fn is_missing(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Fault(fault) if codes.contains(&fault.code.as_str()))
    }
}

impl Call<'_> {
    /// Calls `Op` in the stack's scope.
    pub async fn send<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, Failure> {
        Ok(self.caller.call::<Op>(self.scope, request).await?)
    }

    /// Calls `Op` to look for something: `None` when the service answers with one of `missing`.
    pub async fn look<Op: Operation>(
        &self,
        request: Op::Request,
        missing: &[&str],
    ) -> Result<Option<Op::Response>, Failure> {
        match self.send::<Op>(request).await {
            Ok(response) => Ok(Some(response)),
            Err(failure) if failure.is_missing(missing) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads `members`, spelt as in a template, as a request or a part of one.
    pub fn read<T: DeserializeOwned>(&self, members: Map<String, Value>) -> Result<T, Failure> {
        read::read(Value::Object(members)).map_err(|mismatch| {
            let id = &self.thing.logical_id;
            Failure::Wrong(format!("Properties validation failed for resource {id} with message: {mismatch}"))
        })
    }

    /// Those of the properties that have one of `names`.
    pub fn properties(&self, names: &[&str]) -> Map<String, Value> {
        let properties = names.iter().filter_map(|name| Some(((*name).to_owned(), self.property(name)?.clone())));
        properties.collect()
    }

    /// The property `name`.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.thing.properties.get(name)
    }

    /// The property `name` as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.property(name).and_then(text_of)
    }

    /// Whether the thing may still have the property `name`, which is no longer asked for.
    pub fn lost(&self, name: &str) -> bool {
        self.property(name).is_none() && self.thing.before.iter().any(|had| had.contains_key(name))
    }

    /// A property that must be given, as text.
    pub fn needed(&self, name: &str) -> Result<String, Failure> {
        self.text(name).ok_or_else(|| Failure::Wrong(format!("Property {name} cannot be empty.")))
    }

    /// The thing's own name or id.
    pub fn id(&self) -> Result<&str, Failure> {
        self.thing.physical_id.as_deref().ok_or_else(|| Failure::Wrong("the resource has no id yet".to_owned()))
    }

    /// The name that `property` gives, or one made up as `<stack>-<logical id>-<token>` and no longer than `longest`.
    pub fn name(&self, property: &str, longest: usize) -> String {
        self.text(property)
            .unwrap_or_else(|| made_up(self.stack_name, &self.thing.logical_id, &self.thing.token, longest))
    }

    /// All tags the thing is to have: CloudFormation's own, the stack's, and those of its properties.
    pub fn tags(&self) -> Tags {
        let mut tags: Tags = self.thing.tags.clone();
        tags.extend(own_tags(self.property("Tags")));
        tags.insert(STACK_ID.to_owned(), self.stack_id.to_owned());
        tags.insert(STACK_NAME.to_owned(), self.stack_name.to_owned());
        tags.insert(LOGICAL_ID.to_owned(), self.thing.logical_id.clone());
        tags
    }

    /// [`Self::tags`] as a list of `Key` and `Value`.
    pub fn tag_list(&self) -> Value {
        let item = |(key, value): (String, String)| {
            Value::Object(Map::from_iter([("Key".to_owned(), key.into()), ("Value".to_owned(), value.into())]))
        };
        Value::Array(self.tags().into_iter().map(item).collect())
    }

    /// Whether `tags` are those of a thing that this resource made.
    pub fn is_ours(&self, tags: &Tags) -> bool {
        let has = |key: &str, value: &str| tags.get(key).is_some_and(|found| found == value);
        has(STACK_ID, self.stack_id) && has(LOGICAL_ID, &self.thing.logical_id)
    }

    /// What the tags `present` need to become [`Self::tags`]: what to set and what to take away.
    pub fn tag_changes(&self, present: &Tags) -> (Tags, Vec<String>) {
        let wanted = self.tags();
        let gone = present.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        let set = wanted.into_iter().filter(|(key, value)| present.get(key) != Some(value)).collect();
        (set, gone)
    }
}

/// The tags that a resource's own properties give, as a list of pairs or as a map.
fn own_tags(property: Option<&Value>) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text_of(tag.get("Key")?)?, text_of(tag.get("Value")?)?));
    match property {
        Some(Value::Array(tags)) => tags.iter().filter_map(pair).collect(),
        Some(Value::Object(tags)) => {
            tags.iter().filter_map(|(key, value)| Some((key.clone(), text_of(value)?))).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// `<stack>-<logical id>-<token>`, stack and logical id cut alike where the whole is longer than `longest`.
fn made_up(stack: &str, logical_id: &str, token: &str, longest: usize) -> String {
    let whole = format!("{stack}-{logical_id}-{token}");
    if whole.len() <= longest {
        return whole;
    }
    let room = longest.saturating_sub(token.len() + 2);
    let (stack_room, id_room) = match (stack.len(), logical_id.len()) {
        (stack, id) if stack <= room / 2 => (stack, id.min(room - stack)),
        (stack, id) if id <= room / 2 => (stack.min(room - id), id),
        _ => (room / 2, room - room / 2),
    };
    format!("{}-{}-{token}", stack[..stack_room].trim_end_matches('-'), &logical_id[..id_room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_fit() {
        assert_eq!(made_up("flask", "Log", "ABCDEFGHIJKL", 255), "flask-Log-ABCDEFGHIJKL");
        let long = made_up("a-stack-with-a-long-name", "PublicLoadBalancer", "ABCDEFGHIJKL", 32);
        assert_eq!(long, "a-stack-w-PublicLoa-ABCDEFGHIJKL");
        assert_eq!(
            made_up("s", "PublicLoadBalancerOfTheStack", "ABCDEFGHIJKL", 32),
            "s-PublicLoadBalance-ABCDEFGHIJKL"
        );
    }

    #[test]
    fn a_refusal_names_the_services_code() {
        let failure = Failure::from(Fault::client("ConflictException", "mesh m already exists"));
        assert_eq!(
            failure.to_string(),
            "Resource handler returned message: \"mesh m already exists (Status Code: 400; Error Code: ConflictException)\" (HandlerErrorCode: InvalidRequest)"
        );
        assert!(failure.is_in_use() && !failure.is_passing());
        assert!(Failure::from(Fault::internal("x")).is_passing());
    }
}

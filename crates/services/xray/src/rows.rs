//! What is kept: sampling rules and groups, as they are asked for. Nothing has to be made true for either, so there is
//! no observed side.

use std::collections::BTreeMap;

use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// The rule and the group that are always there.
pub(crate) const DEFAULT: &str = "Default";

/// How much is traced of the requests that match. Its key is its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Of two that match, the lower decides; then the name.
    pub(crate) priority: i32,
    /// The part that is traced beyond the reservoir.
    pub(crate) rate: f64,
    /// Requests that are traced each second, over all clients.
    pub(crate) reservoir: i32,
    pub(crate) matching: Matching,
    pub(crate) tags: Tags,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

/// Which requests a rule is for; clients compare, here it is only kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Matching {
    pub(crate) resource: String,
    pub(crate) service: String,
    pub(crate) service_type: String,
    pub(crate) host: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Row for Rule {
    const KIND: &'static str = "xray/sampling-rule";
}

impl Rule {
    /// AWS's own rule, until somebody changes it.
    pub(crate) fn default_rule() -> Self {
        let any = || "*".to_owned();
        let never = Timestamp::from_millis(0);
        Self {
            name: DEFAULT.to_owned(),
            priority: 10_000,
            rate: 0.05,
            reservoir: 1,
            matching: Matching {
                resource: any(),
                service: any(),
                service_type: any(),
                host: any(),
                method: any(),
                path: any(),
                attributes: BTreeMap::new(),
            },
            tags: Tags::new(),
            created: never,
            modified: never,
        }
    }

    pub(crate) fn key(scope: &Scope, name: &str) -> Key {
        Key::new(scope, name)
    }

    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new("xray", scope, format!("sampling-rule/{}", self.name)).to_string()
    }
}

/// When rules of a scope were last changed, taken away included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RulesChanged {
    pub(crate) at: Timestamp,
}

impl Row for RulesChanged {
    const KIND: &'static str = "xray/sampling-rules-changed";
}

impl RulesChanged {
    pub(crate) fn key(scope: &Scope) -> Key {
        Key::new(scope, "rules")
    }
}

/// Traces that one filter expression finds. Its key is its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// What tells it from an earlier one of its name, in its ARN.
    pub(crate) id: String,
    /// Empty for all traces.
    pub(crate) expression: String,
    pub(crate) tags: Tags,
}

impl Row for Group {
    const KIND: &'static str = "xray/group";
}

impl Group {
    /// The group of all traces.
    pub(crate) fn default_group() -> Self {
        Self { name: DEFAULT.to_owned(), id: String::new(), expression: String::new(), tags: Tags::new() }
    }

    pub(crate) fn key(scope: &Scope, name: &str) -> Key {
        Key::new(scope, name)
    }

    pub(crate) fn arn(&self, scope: &Scope) -> String {
        let path = if self.id.is_empty() { self.name.clone() } else { format!("{}/{}", self.name, self.id) };
        Arn::new("xray", scope, format!("group/{path}")).to_string()
    }
}

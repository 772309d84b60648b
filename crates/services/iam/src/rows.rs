//! What is kept: roles, each with its policies.

use std::collections::{BTreeMap, BTreeSet};

use names::{AccountId, Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// A role, at its name in small letters in the scope that stands for all regions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) id: String,
    /// `/`, or `/some/where/`.
    pub(crate) path: String,
    /// Who may take it on, as JSON, as it was written.
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    /// Seconds.
    pub(crate) max_session_duration: i32,
    pub(crate) boundary: Option<String>,
    /// Documents by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs of managed policies.
    pub(crate) attached: BTreeSet<String>,
    pub(crate) tags: Tags,
    pub(crate) created: Timestamp,
    /// Whether it is made for a service, which alone may change it.
    pub(crate) service_linked: bool,
}

impl Row for Role {
    const KIND: &'static str = "iam/role";
}

impl Role {
    /// Where the role called `name` is kept: names differ in more than case.
    pub(crate) fn key(scope: &Scope, name: &str) -> Key {
        Key::new(&scope.global(), name.to_ascii_lowercase())
    }

    pub(crate) fn arn(&self, account: &AccountId) -> String {
        Arn::global("iam", account, format!("role{}{}", self.path, self.name)).to_string()
    }
}

//! Task definitions: what was registered, once and for all.

use api::ecs::{RegisterTaskDefinitionRequest, TaskDefinitionStatus};
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// A family: the name that revisions share. It remembers its last number, so that none is given twice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Family {
    /// The number of the last revision, deleted or not.
    pub latest: u32,
}

impl Row for Family {
    const KIND: &'static str = "ecs/family";
}

/// A revision of a task definition. Only its status and tags ever change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskDefinition {
    /// What was registered, checked and with defaults filled in.
    pub definition: RegisterTaskDefinitionRequest,
    /// Its number in the family, from 1.
    pub revision: u32,
    /// Whether it can be used.
    pub status: TaskDefinitionStatus,
    /// Its tags.
    pub tags: Tags,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Who registered it.
    pub registered_by: String,
    /// When it was deregistered.
    pub deregistered_at: Option<Timestamp>,
    /// When its deletion was asked for.
    pub delete_requested_at: Option<Timestamp>,
}

impl Row for TaskDefinition {
    const KIND: &'static str = "ecs/task-definition";
}

impl TaskDefinition {
    /// The key of a revision. The number is padded, so that rows come in the order of numbers.
    pub(crate) fn key(scope: &Scope, family: &str, revision: u32) -> Key {
        Key::new(scope, format!("{family}:{revision:010}"))
    }

    /// How the names of all keys of `family` begin, and of no other family: a family's name has no colon.
    pub(crate) fn prefix(family: &str) -> String {
        format!("{family}:")
    }

    /// `family:revision`, as people write it.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.definition.family, self.revision)
    }

    /// The ARN of a revision.
    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new("ecs", scope, format!("task-definition/{}", self.name())).to_string()
    }
}

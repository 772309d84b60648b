//! Clusters and account settings.

use std::collections::BTreeMap;

use api::ecs::CapacityProviderStrategyItem;
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// A cluster: a name under which services and tasks are kept together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cluster {
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
    /// Its switches.
    pub settings: BTreeMap<String, String>,
    /// The capacity providers it names.
    pub capacity_providers: Vec<String>,
    /// The strategy of tasks that name none.
    pub strategy: Vec<CapacityProviderStrategyItem>,
    /// When it was deleted. A deleted cluster can be described for a while, as on AWS.
    pub deleted_at: Option<Timestamp>,
}

impl Row for Cluster {
    const KIND: &'static str = "ecs/cluster";
}

impl Cluster {
    /// The key of the cluster called `name`.
    pub(crate) fn key(scope: &Scope, name: &str) -> Key {
        Key::new(scope, name)
    }

    /// The ARN of the cluster called `name`.
    pub(crate) fn arn(scope: &Scope, name: &str) -> String {
        Arn::new("ecs", scope, format!("cluster/{name}")).to_string()
    }

    /// Whether services and tasks may be put into it.
    pub(crate) fn is_active(&self) -> bool {
        self.deleted_at.is_none()
    }
}

/// A setting of the account in a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// What it was set to.
    pub value: String,
}

impl Row for Setting {
    const KIND: &'static str = "ecs/setting";
}

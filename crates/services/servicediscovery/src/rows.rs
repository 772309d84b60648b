//! What is kept: namespaces, services, instances, and the operations that callers ask after.
//!
//! There are no observed rows: what resolvers answer follows from these rows alone, and what failed is told again.

use std::collections::BTreeMap;

use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// A namespace, at its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Namespace {
    pub(crate) id: String,
    pub(crate) name: String,
    /// None for one that is asked by API alone.
    pub(crate) dns: Option<PrivateDns>,
    pub(crate) description: Option<String>,
    pub(crate) creator_request_id: Option<String>,
    /// The operation that made it, for a creator that asks again.
    pub(crate) operation_id: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
}

/// Where a namespace's names are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PrivateDns {
    pub(crate) vpc: String,
    pub(crate) hosted_zone_id: String,
    /// Seconds for which "no such name" may be remembered.
    pub(crate) soa_ttl: u32,
}

/// A service, at its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) namespace_id: String,
    pub(crate) name: String,
    /// None for one that is asked by API alone.
    pub(crate) dns: Option<Dns>,
    /// Whether somebody reports its instances' health.
    pub(crate) custom_health: bool,
    pub(crate) description: Option<String>,
    pub(crate) creator_request_id: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: Tags,
    /// Grows with every change of its instances.
    pub(crate) revision: i64,
}

/// The records that each instance of a service gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dns {
    pub(crate) routing: Routing,
    pub(crate) records: BTreeMap<RecordType, u32>,
}

/// How many instances one answer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Routing {
    /// Up to eight.
    Multivalue,
    /// One.
    Weighted,
}

/// The types of records there are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum RecordType {
    A,
    Srv,
}

/// An instance, at its service's id, a slash and its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) service_id: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) creator_request_id: Option<String>,
    /// None if nobody reports it.
    pub(crate) health: Option<Health>,
}

/// What was reported of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Health {
    Healthy,
    Unhealthy,
}

/// Something that was done, at its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    /// As the API spells it: `CREATE_NAMESPACE`.
    pub(crate) kind: String,
    pub(crate) done: Timestamp,
    /// Ids by `NAMESPACE`, `SERVICE`, `INSTANCE`.
    pub(crate) targets: BTreeMap<String, String>,
}

impl Row for Namespace {
    const KIND: &'static str = "servicediscovery/namespace";
}

impl Row for Service {
    const KIND: &'static str = "servicediscovery/service";
}

impl Row for Instance {
    const KIND: &'static str = "servicediscovery/instance";
}

impl Row for Operation {
    const KIND: &'static str = "servicediscovery/operation";
}

impl Namespace {
    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new("servicediscovery", scope, format!("namespace/{}", self.id)).to_string()
    }

    /// The names are the same for DNS, whatever their case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl Service {
    pub(crate) fn arn(&self, scope: &Scope) -> String {
        Arn::new("servicediscovery", scope, format!("service/{}", self.id)).to_string()
    }

    /// The names are the same for DNS, whatever their case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl Instance {
    pub(crate) fn key(scope: &Scope, service_id: &str, id: &str) -> Key {
        Key::new(scope, format!("{service_id}/{id}"))
    }

    /// What the keys of a service's instances begin with.
    pub(crate) fn prefix(service_id: &str) -> String {
        format!("{service_id}/")
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.health != Some(Health::Unhealthy)
    }
}

impl Health {
    pub(crate) fn spelled(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Healthy, Self::Unhealthy].into_iter().find(|health| health.spelled() == text)
    }
}

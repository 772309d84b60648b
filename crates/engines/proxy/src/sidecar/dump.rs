//! `/config_dump`: what came from the control plane, in Envoy's shape (`envoy.admin.v3.ConfigDump`), so that tools which
//! read Envoy's read this.
//!
//! Every resource is shown as it came, with the version and the moment in which it became what it is. What this proxy
//! understood of all that is at `/serin/config`.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

use super::{
    Process,
    messages::{Messages, typed},
    settings::Door,
};
use crate::{
    mesh::Plane,
    xds::received::{Kept, Kind, Received, Resource},
};

/// What is asked for.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    /// The entries of one list alone, by its name.
    pub(super) list: Option<&'a str>,
    /// Resources whose whole name fits.
    pub(super) name: Option<Regex>,
    /// Endpoints, too.
    pub(super) endpoints: bool,
}

/// One kind of resources of a dump.
struct Part {
    /// The type of the whole: `ClustersConfigDump`.
    kind: &'static str,
    /// The members of the whole besides its lists.
    members: Value,
    /// Names, types and entries of the lists.
    lists: Vec<(&'static str, &'static str, Vec<Value>)>,
}

/// The dump; none if there is no list of the name that is asked for.
pub(super) async fn dump(process: &Process, plane: &Plane, wanted: &Wanted<'_>) -> Option<Value> {
    let view = View { received: &process.received, messages: Messages::load(), wanted };
    let (cold, waiting) = plane.unready().await;
    let mut parts = vec![view.clusters(&cold)];
    if wanted.endpoints || wanted.list == Some("dynamic_endpoint_configs") {
        parts.push(view.plain(
            Kind::Endpoints,
            "EndpointsConfigDump",
            "dynamic_endpoint_configs",
            "DynamicEndpointConfig",
            "endpoint_config",
        ));
    }
    parts.push(view.listeners(&waiting));
    parts.push(view.plain(
        Kind::Routes,
        "RoutesConfigDump",
        "dynamic_route_configs",
        "DynamicRouteConfig",
        "route_config",
    ));
    parts.push(view.secrets());
    let configs: Vec<Value> = match wanted.list {
        Some(list) => {
            let found = parts.into_iter().find_map(|part| part.list(list));
            return found.map(|entries| json!({ "configs": entries }));
        }
        None => std::iter::once(bootstrap(process)).chain(parts.into_iter().map(Part::whole)).collect(),
    };
    Some(json!({ "configs": configs }))
}

impl Part {
    fn url(kind: &str) -> String {
        format!("type.googleapis.com/envoy.admin.v3.{kind}")
    }

    fn whole(self) -> Value {
        let mut whole = typed(&Self::url(self.kind), self.members);
        for (name, _, entries) in self.lists.into_iter().filter(|(_, _, entries)| !entries.is_empty()) {
            whole[name] = Value::Array(entries);
        }
        whole
    }

    /// The entries of one list, each with its type.
    fn list(self, wanted: &str) -> Option<Vec<Value>> {
        let (_, kind, entries) = self.lists.into_iter().find(|(name, _, _)| *name == wanted)?;
        let url = Self::url(&format!("{}.{kind}", self.kind));
        Some(entries.into_iter().map(|entry| typed(&url, entry)).collect())
    }
}

/// What is shown, and how.
struct View<'a> {
    received: &'a Received,
    messages: Messages,
    wanted: &'a Wanted<'a>,
}

impl View<'_> {
    fn clusters(&self, cold: &BTreeSet<String>) -> Part {
        let kept = self.received.of(Kind::Clusters);
        let entries = |is_cold: bool| {
            let those = self.shown(&kept).filter(|(name, _)| cold.contains(*name) == is_cold);
            those.map(|(_, resource)| self.versioned("cluster", resource)).collect::<Vec<_>>()
        };
        let (mut active, warming) = (entries(false), entries(true));
        active.extend(refused(&kept));
        Part {
            kind: "ClustersConfigDump",
            members: json!({ "version_info": kept.version }),
            lists: vec![
                ("dynamic_active_clusters", "DynamicCluster", active),
                ("dynamic_warming_clusters", "DynamicCluster", warming),
            ],
        }
    }

    fn listeners(&self, waiting: &BTreeSet<String>) -> Part {
        let kept = self.received.of(Kind::Listeners);
        let one = |(name, resource): (&String, &Resource)| {
            let state = if waiting.contains(name) { "warming_state" } else { "active_state" };
            json!({ "name": name, state: self.versioned("listener", resource) })
        };
        let mut entries: Vec<Value> = self.shown(&kept).map(one).collect();
        entries.extend(refused(&kept));
        Part {
            kind: "ListenersConfigDump",
            members: json!({ "version_info": kept.version }),
            lists: vec![("dynamic_listeners", "DynamicListener", entries)],
        }
    }

    fn secrets(&self) -> Part {
        let kept = self.received.of(Kind::Secrets);
        let one = |(name, resource): (&String, &Resource)| {
            let mut entry = self.versioned("secret", resource);
            entry["name"] = json!(name);
            entry
        };
        let mut entries: Vec<Value> = self.shown(&kept).map(one).collect();
        entries.extend(refused(&kept));
        Part {
            kind: "SecretsConfigDump",
            members: json!({}),
            lists: vec![("dynamic_active_secrets", "DynamicSecret", entries)],
        }
    }

    fn plain(
        &self,
        kind: Kind,
        whole: &'static str,
        list: &'static str,
        entry: &'static str,
        member: &'static str,
    ) -> Part {
        let kept = self.received.of(kind);
        let mut entries: Vec<Value> = self.shown(&kept).map(|(_, resource)| self.versioned(member, resource)).collect();
        entries.extend(refused(&kept));
        Part { kind: whole, members: json!({}), lists: vec![(list, entry, entries)] }
    }

    fn shown<'k>(&'k self, kept: &'k Kept) -> impl Iterator<Item = (&'k String, &'k Resource)> {
        let fits = |name: &str| self.wanted.name.as_ref().is_none_or(|wanted| wanted.is_match(name));
        kept.resources.iter().filter(move |(name, _)| fits(name))
    }

    fn versioned(&self, member: &str, resource: &Resource) -> Value {
        let message = self.messages.json(&resource.message);
        json!({ "version_info": resource.version, member: message, "last_updated": resource.at })
    }
}

/// An entry for what was refused last: which resource it is about, its reason says.
fn refused(kept: &Kept) -> Option<Value> {
    let refusal = kept.refusal.as_ref()?;
    Some(json!({ "error_state": {
        "last_update_attempt": refusal.at,
        "details": refusal.reason,
        "version_info": refusal.version,
    } }))
}

/// What the proxy was told at its start, as far as that has a place in Envoy's bootstrap.
fn bootstrap(process: &Process) -> Value {
    let settings = &process.settings;
    let address = match &settings.admin {
        Door::Tcp(at) => {
            json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
        }
        Door::Unix(path) => json!({ "pipe": { "path": path } }),
    };
    let node = json!({ "id": settings.node_id, "cluster": settings.node_cluster, "user_agent_name": "serin" });
    let bootstrap = json!({ "node": node, "admin": { "address": address } });
    let members = json!({ "bootstrap": bootstrap, "last_updated": process.started_at.to_iso8601() });
    typed(&Part::url("BootstrapConfigDump"), members)
}

//! The table: groups of cases as their files have them, and what a group need not say.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Identity, instances::Instances, issued::Acm};

/// Cases that share a mesh.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Group {
    /// What it is about.
    pub about: String,
    /// What the nodes `a` and `b`, the router `api` and requests speak, where the group says nothing else.
    #[serde(default)]
    pub protocol: MeshProtocol,
    /// What of the mesh is not as [`Group::whole_mesh`] has it anyway.
    #[serde(default)]
    pub mesh: Map<String, Value>,
    /// Backends that fail their health checks.
    #[serde(default)]
    pub sick: BTreeSet<String>,
    /// What Cloud Map finds: the attributes of each instance.
    #[serde(default)]
    pub instances: Vec<BTreeMap<String, String>>,
    /// What ACM has issued.
    #[serde(default)]
    pub acm: Acm,
    /// One case after the other, in their order, as they touch each other.
    #[serde(default)]
    pub in_order: bool,
    /// The mesh is refused, by the API or by a proxy, with a text that fits this pattern.
    pub refused: Option<String>,
    /// The requests.
    pub cases: Vec<Case>,
}

/// What the services are asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The mesh, whole.
    pub mesh: Value,
    /// What Cloud Map finds.
    pub instances: Instances,
    /// What ACM has issued.
    pub acm: Acm,
}

/// The protocols of App Mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MeshProtocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC.
    Grpc,
    /// Bytes.
    Tcp,
}

/// A request and what comes of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique in the table.
    pub name: String,
    /// The request.
    #[serde(default)]
    pub send: Send,
    /// What comes of it.
    #[serde(default)]
    pub expect: Expect,
}

/// Where a request enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// From the application beside the proxy, outwards.
    #[default]
    Egress,
    /// From elsewhere in the VPC, to the application beside the proxy.
    Ingress,
    /// From elsewhere in the VPC, to the virtual gateway.
    Gateway,
    /// From the task to the proxy's admin port.
    Admin,
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// gRPC.
    Grpc,
    /// A line of text.
    Tcp,
    /// HTTP/1.1 that asks for another protocol.
    Websocket,
}

/// A request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Where it enters.
    #[serde(default)]
    pub via: Via,
    /// What it speaks; the group's protocol if it does not say.
    pub protocol: Option<Protocol>,
    method: Option<String>,
    path: Option<String>,
    host: Option<String>,
    /// The port it is sent to.
    pub port: Option<u16>,
    /// The backend whose address it is sent to; any address if it does not say.
    pub to: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
    /// Whether it is sent within TLS.
    #[serde(default)]
    pub tls: bool,
    /// The certificate that is shown then: `own`, of the test's own authority, or a SPIFFE id, of the house's.
    pub certificate: Option<String>,
    /// How often it is sent.
    pub times: Option<usize>,
    /// Whether all of these are sent at once.
    #[serde(default)]
    pub together: bool,
}

/// Texts that must fit: as they are, by an expression behind `~`, or absent where there is none.
pub(crate) type Patterns = BTreeMap<String, Option<String>>;

/// What comes of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The status of every answer, 200 if nothing is said; or how many answers of each.
    pub status: Option<Value>,
    /// The backend that answers, or how many answers of each backend.
    pub from: Option<Value>,
    /// The answer's headers.
    pub answer: Patterns,
    /// What the server's certificate says: its `names`, its `issuer`, its `serial`.
    pub shown: Patterns,
    /// What the backend sees: `method`, `path`, `authority`, `protocol`, `body`, or a header.
    pub seen: Patterns,
    /// The gRPC status.
    pub grpc: Option<String>,
    /// The body.
    pub body: Option<String>,
    /// The backends that saw an attempt, in their order.
    pub attempts: Option<Value>,
    /// There is no answer: the connection is closed.
    pub closed: bool,
    /// The answer begins and ends before it is whole.
    pub cut: bool,
    /// The shortest time an answer takes, in milliseconds.
    pub after: Option<u64>,
    /// The longest.
    pub within: Option<u64>,
    /// A line that comes in the proxy's access log.
    pub log: Option<String>,
    /// A line that comes on the proxy's standard output.
    pub output: Option<String>,
}

impl MeshProtocol {
    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        }
    }

    fn port(self) -> u16 {
        if self == Self::Tcp { 4000 } else { 3000 }
    }

    fn client(self) -> Protocol {
        match self {
            Self::Http => Protocol::Http1,
            Self::Http2 => Protocol::Http2,
            Self::Grpc => Protocol::Grpc,
            Self::Tcp => Protocol::Tcp,
        }
    }
}

impl Send {
    /// What it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol.unwrap_or(Protocol::Http1)
    }

    /// Its method.
    pub fn method(&self) -> &str {
        let default = if self.protocol() == Protocol::Grpc { "POST" } else { "GET" };
        self.method.as_deref().unwrap_or(default)
    }

    /// Its path, with the query.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/")
    }

    /// The host it names.
    pub fn host(&self) -> String {
        let host = self.host.clone();
        host.unwrap_or_else(|| format!("api.local:{}", self.port.unwrap_or(3000)))
    }
}

impl Group {
    /// The mesh, with what it does not say: nodes `a` and `b` found by DNS, a router `api` behind the service
    /// `api.local`, a route of it to `a`, and a node `client` that may speak to every service.
    pub fn whole_mesh(&self) -> Value {
        let listener = json!({ "portMapping": { "port": self.protocol.port(), "protocol": self.protocol.word() } });
        let mut mesh = json!({
            "nodes": { "a": {}, "b": {}, "client": {} },
            "routers": { "api": { "listeners": [listener] } },
        });
        if !self.mesh.contains_key("services") {
            let router = json!({ "virtualRouter": { "virtualRouterName": "api" } });
            mesh["services"] = json!({ "api.local": { "provider": router } });
        }
        if !self.mesh.contains_key("routes") {
            mesh["routes"] = json!({ "all": self.route_to_a() });
        }
        merge(&mut mesh, &Value::Object(self.mesh.clone()));
        let services: Vec<String> = keys(&mesh["services"]);
        for name in keys(&mesh["nodes"]) {
            let mut node = if name == "client" {
                let backend = |name: &String| json!({ "virtualService": { "virtualServiceName": name } });
                json!({ "backends": services.iter().map(backend).collect::<Vec<_>>() })
            } else {
                json!({ "listeners": [listener],
                        "serviceDiscovery": { "dns": { "hostname": format!("{name}.local") } } })
            };
            merge(&mut node, &mesh["nodes"][&name]);
            mesh["nodes"][&name] = node;
        }
        let routes = mesh["routes"].take();
        let full = |name: &str| if name.contains('/') { name.to_owned() } else { format!("api/{name}") };
        let routes = routes.as_object().cloned().unwrap_or_default();
        mesh["routes"] = routes.into_iter().map(|(name, spec)| (full(&name), spec)).collect::<Map<_, _>>().into();
        mesh
    }

    fn route_to_a(&self) -> Value {
        let action = json!({ "weightedTargets": [{ "virtualNode": "a", "weight": 1 }] });
        match self.protocol {
            MeshProtocol::Http => json!({ "httpRoute": { "match": { "prefix": "/" }, "action": action } }),
            MeshProtocol::Http2 => json!({ "http2Route": { "match": { "prefix": "/" }, "action": action } }),
            MeshProtocol::Grpc => json!({ "grpcRoute": { "match": {}, "action": action } }),
            MeshProtocol::Tcp => json!({ "tcpRoute": { "action": action } }),
        }
    }

    /// All that the services are asked for.
    pub fn asked(&self) -> Asked {
        Asked { mesh: self.whole_mesh(), instances: self.instances.clone(), acm: self.acm.clone() }
    }

    /// Whose proxies it needs.
    pub fn identities(&self) -> &'static [Identity] {
        let gateway = self.mesh.contains_key("gateways");
        if gateway { &[Identity::Client, Identity::Gateway] } else { &[Identity::Client] }
    }

    fn settle(mut self) -> Self {
        for case in &mut self.cases {
            case.send.protocol.get_or_insert(self.protocol.client());
            let port = match case.send.via {
                Via::Gateway => 8080,
                Via::Admin => 9901,
                _ => self.protocol.port(),
            };
            case.send.port.get_or_insert(port);
        }
        self
    }
}

fn keys(object: &Value) -> Vec<String> {
    object.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
}

/// Lays `over` upon `base`: objects member by member, nothing else in parts, and `null` takes away.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    merge(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// Every group of the table, file by file.
///
/// # Panics
/// When a file is not as it should be, or two cases have one name.
pub fn load() -> Vec<Group> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = std::fs::read_dir(&folder).expect("the table");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let mut groups = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file of cases");
        let read: Vec<Group> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        groups.extend(read.into_iter().map(Group::settle));
    }
    let mut seen = BTreeSet::new();
    for case in groups.iter().flat_map(|group| &group.cases) {
        assert!(seen.insert(case.name.clone()), "two cases are called {}", case.name);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert!(load().iter().map(|group| group.cases.len()).sum::<usize>() > 0);
    }

    #[test]
    fn what_a_group_says_lies_over_what_goes_without_saying() {
        let mut base = json!({ "a": { "b": 1, "c": [1, 2] }, "d": 1 });
        merge(&mut base, &json!({ "a": { "c": [3] }, "d": null, "e": 2 }));
        assert_eq!(base, json!({ "a": { "b": 1, "c": [3] }, "e": 2 }));
    }
}

//! A real Envoy takes every mesh of `tests/golden`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#[path = "support/meshes.rs"]
mod meshes;
#[path = "../../../engines/xds/tests/support/mod.rs"]
mod support;

use std::{path::Path, sync::Arc};

use appmesh::plan::{Mesh, plan};
use prost::Message;
use support::{envoy::Envoy, node, serve, until};
use xds::{
    Cache, Kind, Node, Snapshot,
    pb::envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{Address, address::Address::SocketAddress, socket_address::PortSpecifier},
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::Listener,
            route::v3::RouteConfiguration,
        },
        extensions::transport_sockets::tls::v3::Secret,
    },
};

const NODE: &str = "mesh/m/virtualNode/n";

fn by_id(node: &Node) -> Vec<String> {
    vec![node.id.clone()]
}

/// The same on a port that is free: many tests run on one machine.
fn on_a_free_port(snapshot: &Snapshot) -> Snapshot {
    let mut builder = Snapshot::builder();
    for resource in snapshot.resources(Kind::Cluster).values() {
        builder.cluster(&Cluster::decode(resource.body().value.as_slice()).unwrap());
    }
    for resource in snapshot.resources(Kind::Endpoint).values() {
        builder.endpoints(&ClusterLoadAssignment::decode(resource.body().value.as_slice()).unwrap());
    }
    for resource in snapshot.resources(Kind::Route).values() {
        builder.route(&RouteConfiguration::decode(resource.body().value.as_slice()).unwrap());
    }
    for resource in snapshot.resources(Kind::Secret).values() {
        builder.secret(&Secret::decode(resource.body().value.as_slice()).unwrap());
    }
    for resource in snapshot.resources(Kind::Listener).values() {
        let mut listener = Listener::decode(resource.body().value.as_slice()).unwrap();
        let Some(Address { address: Some(SocketAddress(socket)) }) = &mut listener.address else { panic!("no socket") };
        socket.port_specifier = Some(PortSpecifier::PortValue(0));
        builder.listener(&listener);
    }
    builder.build()
}

/// A certificate and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// The text of a mesh with real certificates in the place of those it names.
fn with_certificates(text: &str, directory: &Path) -> String {
    let (certificate, key) = certificate();
    let mut text = text.replace("/certs/", &format!("{}/", directory.display()));
    for file in ["client", "strict", "permissive", "disabled", "gateway", "ca"] {
        std::fs::write(directory.join(format!("{file}.pem")), &certificate).unwrap();
        std::fs::write(directory.join(format!("{file}.key")), &key).unwrap();
    }
    for (word, real) in [("CHAIN", &certificate), ("KEY", &key), ("ROOT", &certificate)] {
        let real = serde_json::to_string(real).unwrap();
        // From `"CHAIN(who)"` to the certificate, quotes and all.
        text = text
            .split('"')
            .map(|part| {
                if part.ends_with(word) || part.starts_with(&format!("{word}(")) {
                    real.trim_matches('"')
                } else {
                    part
                }
            })
            .collect::<Vec<_>>()
            .join("\"");
    }
    text
}

fn mesh(name: &str) -> Mesh {
    let directory = tempfile::tempdir().unwrap().keep();
    let log = directory.join("access").display().to_string();
    let text = meshes::text(name).replace("/var/log/access", &log).replace("/dev/stdout", &log);
    let mut text = with_certificates(&text, &directory);
    // Names that need no name server.
    for line in text.clone().lines().filter(|line| line.contains("\"dns\": { \"hostname\"")) {
        let host = line.split("\"hostname\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        text = text.replace(&format!("\"hostname\": \"{host}\""), "\"hostname\": \"localhost\"");
    }
    meshes::read(&text)
}

#[tokio::test]
async fn every_mesh_is_taken_whole() {
    let cache = Cache::new(by_id);
    cache.set(&node(NODE), Snapshot::default());
    let envoy = Envoy::start(NODE, serve(&cache).await, false).await;
    for name in meshes::names() {
        for (of, plan) in plan(&mesh(&name)) {
            let revision = cache.set(&node(NODE), on_a_free_port(&plan.snapshot));
            let answered = |proxies: &[Arc<xds::ProxyState>]| {
                proxies.iter().any(|proxy| proxy.revision() == revision || proxy.refusals().next().is_some())
            };
            let proxies = until(&cache, NODE, answered).await;
            let refusals: Vec<_> = proxies.iter().flat_map(|proxy| proxy.refusals()).collect();
            assert!(refusals.is_empty(), "{name}: {of}: {refusals:#?}");
        }
    }
    assert!(envoy.is_live().await);
}

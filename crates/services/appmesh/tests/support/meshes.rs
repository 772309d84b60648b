//! The meshes of `tests/golden`, as files have them.
#![allow(
    unreachable_pub,
    clippy::similar_names,
    clippy::match_wildcard_for_single_variants,
    reason = "each test file uses its part"
)]

use std::{collections::BTreeMap, path::PathBuf};

use appmesh::plan::{Certificate, GatewayRouteName, Mesh, RouteName};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where the meshes are, and beside each what becomes of it.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The names of the meshes.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = files.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// The text of the mesh `name`.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()
}

/// The mesh in `text`.
pub fn read(text: &str) -> Mesh {
    let mut mesh: Value = serde_json::from_str(text).unwrap();
    let routes: BTreeMap<String, _> = part(&mut mesh, "routes");
    let name_of = |path: String| {
        let (router, route) = path.split_once('/').unwrap();
        RouteName { router: router.to_owned(), route: route.to_owned() }
    };
    let trials: BTreeMap<String, _> = part(&mut mesh, "trials");
    let gateway_routes: BTreeMap<String, _> = part(&mut mesh, "gatewayRoutes");
    let gateway_route_of = |path: String| {
        let (gateway, route) = path.split_once('/').unwrap();
        GatewayRouteName { gateway: gateway.to_owned(), route: route.to_owned() }
    };
    let certificates: BTreeMap<String, [String; 3]> = part(&mut mesh, "certificates");
    Mesh {
        name: part(&mut mesh, "name"),
        spec: part(&mut mesh, "spec"),
        nodes: part(&mut mesh, "nodes"),
        routers: part(&mut mesh, "routers"),
        routes: routes.into_iter().map(|(path, spec)| (name_of(path), spec)).collect(),
        services: part(&mut mesh, "services"),
        gateways: part(&mut mesh, "gateways"),
        gateway_routes: gateway_routes.into_iter().map(|(path, spec)| (gateway_route_of(path), spec)).collect(),
        instances: part(&mut mesh, "instances"),
        injections: BTreeMap::new(),
        trials: trials.into_iter().map(|(path, trial)| (name_of(path), trial)).collect(),
        certificates: certificates.into_iter().map(|(name, text)| (name, certificate(&text))).collect(),
        authorities: part(&mut mesh, "authorities"),
    }
}

fn certificate([chain, private_key, authorities]: &[String; 3]) -> Certificate {
    Certificate { chain: chain.clone(), private_key: private_key.clone(), authorities: authorities.clone() }
}

fn part<T: DeserializeOwned + Default>(mesh: &mut Value, member: &str) -> T {
    match mesh.get_mut(member).map(Value::take) {
        Some(value) => serde_json::from_value(value).unwrap_or_else(|error| panic!("{member}: {error}")),
        None => T::default(),
    }
}

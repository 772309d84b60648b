//! What each target begins from: good inputs of every kind, and what was found once.

use envoy_types::pb::{
    envoy::config::{
        cluster::v3::Cluster,
        core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
        endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier},
        listener::v3::{Filter, FilterChain, Listener, filter::ConfigType},
        route::v3::{
            Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route, route_action::ClusterSpecifier,
            route_match::PathSpecifier,
        },
    },
    envoy::extensions::{
        filters::network::http_connection_manager::v3::{
            HttpConnectionManager, http_connection_manager::RouteSpecifier,
        },
        transport_sockets::tls::v3::Secret,
    },
    google::protobuf::Any,
};
use prost::Message;

/// The seeds of the target called `name`; one without has none.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "request-head" | "route" => requests(),
        "connection" => requests().into_iter().map(|bytes| [&b"\x03"[..], &bytes].concat()).collect(),
        "response-head" => texts(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.0 304\r\nConnection: keep-alive, x-a\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]),
        "chunks" => texts(&[
            "\u{3}5;a=\"b c\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\nY: \r\n\r\nmore",
            "\u{1}00005\r\nhello\r\n0;x\r\n\r\n",
        ]),
        "http2-client" => http2(&[GET, CALL, ODD]),
        "http2-server" => http2(&[b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x02\0\x01\0\0\0\x01hi", CONTINUED]),
        "field-blocks" => vec![
            b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff".to_vec(),
            b"\x3f\x11\x40\x01a\x01b\xbe\n\xbe\x0f\x0d\x01".to_vec(),
        ],
        "path" => texts(&["a/b/c?d=e", "a/./b/../c", "%2e%2E/%61//b\\c", "a/..;x/b", "%%361", "a%2F..%5c\"<>{}"]),
        "log-format" => texts(&[
            "[%START_TIME(%Y-%m-%dT%H:%M:%3fZ)%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH):10% %PROTOCOL%\"\n",
            "%RESPONSE_CODE% %COMMON_DURATION(DS_RX_BEG:US_TX_END:ms)% %% %TRAILER(x)% %DOWNSTREAM_PEER_CERT_V_START(%s)%",
        ]),
        "resources" => resources(),
        "hello" => vec![hello()],
        "dns" => vec![question(b"\x03api\x05local\0\0\x01\0\x01"), question(b"\x05local\0\0\x1c\0\x01")],
        "template" => texts(&[
            include_str!("../../../examples/todo/templates/mesh.yaml"),
            "Resources:\n  A:\n    Type: B\n    Properties:\n      C: !Sub ['${X}-${AWS::Region}', {X: !GetAtt D.E}]\n      \
             F: !If [G, !Ref H, !Select [0, !Split [',', !ImportValue I]]]\n      J: !Join ['', [!Base64 k, !Cidr [l, 1, 2]]]\n",
            r#"{"Conditions": {"A": {"Fn::Equals": [{"Ref": "B"}, "c"]}}, "Resources": {"D": {"Type": "E", "Condition": "A"}}}"#,
        ]),
        "trace-filter" => texts(&[
            "service(\"api\") { fault = true AND responsetime > 0.5 } OR !annotation.x BEGINSWITH \"y\"",
            "edge(\"a\", id(name: \"b\", type: \"client\")) { error } AND http.status != 200 AND duration >= 1",
        ]),
        "trace-segment" => texts(&[
            r#"{"name":"a","id":"70de5b6f19ff9a0a","start_time":1.478e9,"trace_id":"1-581cf771-a006649127e371903a2de979","end_time":1.478e9,"http":{"request":{"method":"GET"},"response":{"status":200}},"subsegments":[{"id":"53995c3f42cd8ad8","name":"b","start_time":1.0,"in_progress":true}]}"#,
        ]),
        "log-pattern" => texts(&[
            "{ ($.a = \"b*\") && ($.c[0].d > 4) || ($.e IS NULL) }",
            "[ip, user, ..., status_code=4*, bytes > 10]",
            "?ERROR ?\"a b\" -%x.*y%",
            "%((((((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))))))%",
        ]),
        "log-query" => texts(&[
            "fields @timestamp, @message as m | filter status >= 400 and m like /a(b)?/ | parse @message '* [*]' as a, b \
             | stats count(*) as n, avg(d) by bin(5m), a | sort n desc | limit 20",
        ]),
        _ => Vec::new(),
    }
}

/// `GET /` of `a`, whole.
const GET: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a";
/// A `POST` with a body and trailers, padded, and a window that is opened.
const CALL: &[u8] = b"\0\0\x06\x01\x04\0\0\0\x01\x83\x86\x84\x41\x01a\0\0\x05\0\x08\0\0\0\x01\x02hi\0\0\0\0\x04\x08\0\0\0\0\x01\0\0\x01\0\
    \0\0\x05\x01\x05\0\0\0\x01\0\x01a\x01b";
/// SETTINGS, PING, PRIORITY, `RST_STREAM`, GOAWAY, and a frame nobody knows.
const ODD: &[u8] =
    b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x01\0\0\x08\x06\0\0\0\0\x0012345678\0\0\x05\x02\0\0\0\0\x03\0\0\0\0\x10\
    \0\0\x04\x03\0\0\0\0\x01\0\0\0\x08\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01\x63\0\0\0\0\0x";
/// A head in two frames.
const CONTINUED: &[u8] = b"\0\0\x01\x01\0\0\0\0\x01\x88\0\0\x05\x09\x04\0\0\0\x01\0\x01a\x01b\0\0\0\0\x01\0\0\0\x01";

/// Frames behind the step in which they come.
fn http2(all: &[&[u8]]) -> Vec<Vec<u8>> {
    let step = |frames: &&[u8]| [&b"\x05"[..], *frames].concat();
    all.iter().map(step).collect()
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "GET /a/12345?x=wy HTTP/1.1\r\nHost: api.example.com:80\r\nX-A: aab\r\n\r\n",
        "POST http://api/m HTTP/1.1\r\nHost: b\r\nConnection: keep-alive, X-B\r\nX-B: c\r\nContent-Length: 5\r\n\r\nhelloGET / \
         HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nPUT /g HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: \
         b\r\n\r\nHEAD /h HTTP/1.0\r\n\r\n",
        "GET /q HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: \r\nTE: trailers\r\nContent-Type: application/grpc\r\n\r\n",
    ])
}

fn question(name: &[u8]) -> Vec<u8> {
    [&b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0"[..], name].concat()
}

fn hello() -> Vec<u8> {
    let extensions = b"\0\0\0\x0e\0\x0c\0\0\x09localhost\0\x10\0\x05\0\x03\x02h2";
    let short = |length: usize| u16::try_from(length).unwrap_or(0).to_be_bytes();
    let rest = [&b"\0\0\x02\x13\x01\x01\0"[..], &short(extensions.len()), extensions].concat();
    let body = [&[3, 3][..], &[7; 32], &rest].concat();
    let handshake = [&[1, 0][..], &short(body.len()), &body].concat();
    [&[22, 3, 1][..], &short(handshake.len()), &handshake].concat()
}

/// A resource of each kind, behind the number of its kind.
fn resources() -> Vec<Vec<u8>> {
    let of = |kind: u8, bytes: Vec<u8>| [vec![kind], bytes].concat();
    vec![
        of(0, listener().encode_to_vec()),
        of(1, routes().encode_to_vec()),
        of(
            2,
            Cluster { name: "c".to_owned(), load_assignment: Some(endpoints()), ..Cluster::default() }.encode_to_vec(),
        ),
        of(3, endpoints().encode_to_vec()),
        of(4, Secret { name: "s".to_owned(), ..Secret::default() }.encode_to_vec()),
    ]
}

fn address() -> Address {
    let socket = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(80)),
        ..SocketAddress::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

fn endpoints() -> ClusterLoadAssignment {
    let endpoint = Endpoint { address: Some(address()), ..Endpoint::default() };
    let host = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![host], ..LocalityLbEndpoints::default() };
    ClusterLoadAssignment {
        cluster_name: "c".to_owned(),
        endpoints: vec![locality],
        ..ClusterLoadAssignment::default()
    }
}

fn routes() -> RouteConfiguration {
    let matches = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..RouteMatch::default() };
    let to =
        RouteAction { cluster_specifier: Some(ClusterSpecifier::Cluster("c".to_owned())), ..RouteAction::default() };
    let route = Route { r#match: Some(matches), action: Some(route::Action::Route(to)), ..Route::default() };
    let host = VirtualHost {
        name: "v".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    RouteConfiguration { name: "r".to_owned(), virtual_hosts: vec![host], ..RouteConfiguration::default() }
}

fn listener() -> Listener {
    let manager = HttpConnectionManager {
        stat_prefix: "p".to_owned(),
        route_specifier: Some(RouteSpecifier::RouteConfig(routes())),
        ..HttpConnectionManager::default()
    };
    let url = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let typed = Any { type_url: url.to_owned(), value: manager.encode_to_vec() };
    let filter = Filter { name: "f".to_owned(), config_type: Some(ConfigType::TypedConfig(typed)) };
    let chain = FilterChain { filters: vec![filter], ..FilterChain::default() };
    Listener { name: "l".to_owned(), address: Some(address()), filter_chains: vec![chain], ..Listener::default() }
}

//! The server as a client sees it, over gRPC.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use support::{node, serve, serve_routes, until};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};
use tower::ServiceExt;
use xds::{
    Authorize, Cache, Denied, Identity, Kind, Limits, Node, NodeName, Nodes, Snapshot, TurnedAway,
    pb::{
        envoy::{
            config::{cluster::v3::Cluster, core::v3 as core},
            service::discovery::v3::{
                DeltaDiscoveryRequest, DiscoveryRequest, DiscoveryResponse,
                aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
            },
        },
        google::{
            protobuf::{Struct, Value, value},
            rpc,
        },
    },
};

fn by_id(node: &Node) -> Vec<String> {
    vec![node.id.clone()]
}

fn impatient() -> Limits {
    Limits { streams: 4, streams_per_node: 2, unknown_node_wait: Duration::from_millis(20), ..Limits::default() }
}

fn clusters(names: &[&str]) -> Snapshot {
    let mut builder = Snapshot::builder();
    for name in names {
        builder.cluster(&Cluster { name: (*name).to_owned(), ..Cluster::default() });
    }
    builder.build()
}

async fn client(address: SocketAddr) -> AggregatedDiscoveryServiceClient<tonic::transport::Channel> {
    AggregatedDiscoveryServiceClient::connect(format!("http://{address}")).await.unwrap()
}

/// A stream in the dialect of the whole world.
struct Client {
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

impl Client {
    async fn open(address: SocketAddr, id: &str) -> Self {
        Self::try_open(address, id, None).await.unwrap()
    }

    async fn open_as(address: SocketAddr, id: &str, token: &str) -> Self {
        Self::try_open(address, id, Some(token)).await.unwrap()
    }

    async fn try_open(address: SocketAddr, id: &str, token: Option<&str>) -> Result<Self, tonic::Status> {
        let (requests, receiver) = mpsc::channel(8);
        let metadata = Value { kind: Some(value::Kind::StringValue("arn:task/1".to_owned())) };
        let metadata = Struct { fields: [("task".to_owned(), metadata)].into() };
        let node = core::Node { id: id.to_owned(), metadata: Some(metadata), ..core::Node::default() };
        requests.send(DiscoveryRequest { node: Some(node), ..request(Kind::Cluster, "", "") }).await.unwrap();
        let mut call = tonic::Request::new(ReceiverStream::new(receiver));
        if let Some(token) = token {
            call.metadata_mut().insert("authorization", token.parse().unwrap());
        }
        let responses = client(address).await.stream_aggregated_resources(call).await?.into_inner();
        Ok(Self { requests, responses })
    }

    async fn next(&mut self) -> Result<DiscoveryResponse, tonic::Status> {
        let next = tokio::time::timeout(support::PATIENCE, self.responses.message()).await.expect("nothing comes");
        next.map(|message| message.expect("the stream ended without a word"))
    }

    async fn accept(&self, response: &DiscoveryResponse) {
        let kind = Kind::of_url(&response.type_url).unwrap();
        self.requests.send(request(kind, &response.version_info, &response.nonce)).await.unwrap();
    }

    async fn refuse(&self, response: &DiscoveryResponse, version: &str, reason: &str) {
        let error = rpc::Status { code: 13, message: reason.to_owned(), details: Vec::new() };
        let kind = Kind::of_url(&response.type_url).unwrap();
        let request = DiscoveryRequest { error_detail: Some(error), ..request(kind, version, &response.nonce) };
        self.requests.send(request).await.unwrap();
    }
}

fn request(kind: Kind, version: &str, nonce: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: kind.url().to_owned(),
        version_info: version.to_owned(),
        response_nonce: nonce.to_owned(),
        ..DiscoveryRequest::default()
    }
}

#[tokio::test]
async fn a_proxy_is_served_and_its_acknowledgement_is_seen() {
    let cache = Cache::new(by_id);
    let revision = cache.set(&node("n"), clusters(&["a"]));
    let mut client = Client::open(serve(&cache).await, "n").await;
    let response = client.next().await.unwrap();
    assert_eq!((response.resources.len(), response.type_url.as_str()), (1, Kind::Cluster.url()));
    assert_eq!(cache.proxies()[0].kind(Kind::Cluster).revision, 0, "sent is not acknowledged");
    client.accept(&response).await;
    let proxies = until(&cache, "n", |proxies| proxies.iter().any(|proxy| proxy.revision() == revision)).await;
    assert_eq!(*proxies[0].kind(Kind::Cluster).version, response.version_info);
    assert_eq!(proxies[0].node.metadata["task"], "arn:task/1");

    drop(client);
    until(&cache, "n", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_refusal_is_kept_with_its_reason_until_something_better_comes() {
    let cache = Cache::new(by_id);
    cache.set(&node("n"), clusters(&["a"]));
    let mut client = Client::open(serve(&cache).await, "n").await;
    let good = client.next().await.unwrap();
    client.accept(&good).await;
    cache.set(&node("n"), clusters(&["a", "bad"]));
    let bad = client.next().await.unwrap();
    client.refuse(&bad, &good.version_info, "bad: no such address").await;
    let refused = |proxies: &[Arc<xds::ProxyState>]| proxies.iter().any(|proxy| proxy.refusals().next().is_some());
    let proxies = until(&cache, "n", refused).await;
    let (kind, refusal) = proxies[0].refusals().next().unwrap();
    assert_eq!((kind, refusal.reason.as_str()), (Kind::Cluster, "bad: no such address"));
    assert_eq!(refusal.resources, ["bad"]);

    let revision = cache.set(&node("n"), clusters(&["a", "mended"]));
    let mended = client.next().await.unwrap();
    assert_ne!(mended.version_info, bad.version_info);
    client.accept(&mended).await;
    let proxies = until(&cache, "n", |proxies| proxies[0].revision() == revision).await;
    assert_eq!(proxies[0].refusals().count(), 0);
}

#[tokio::test]
async fn a_node_that_nobody_knows_is_told_so_and_one_that_comes_in_time_is_served() {
    let cache = Cache::with_limits(by_id, impatient());
    let address = serve(&cache).await;
    let status = Client::open(address, "nobody").await.next().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("`nobody`"), "{status}");
    let kept = cache.turned_away();
    let [TurnedAway { id, caller, reason, times: 1, .. }] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((id.as_deref(), caller.as_str(), reason.as_str()), (Some("nobody"), "127.0.0.1", status.message()));
    cache.set(&node("nobody"), clusters(&["a"]));
    assert!(Client::open(address, "nobody").await.next().await.is_ok());
    assert_eq!(cache.turned_away(), [], "it is somebody now");

    let cache = Cache::new(by_id);
    let mut early = Client::open(serve(&cache).await, "soon").await;
    cache.set(&node("soon"), clusters(&["a"]));
    assert_eq!(early.next().await.unwrap().resources.len(), 1);
}

#[tokio::test]
async fn a_short_name_serves_as_long_as_it_means_one_node() {
    let cache = Cache::with_limits(by_id, impatient());
    let address = serve(&cache).await;
    let name = |name: &str| NodeName { name: name.to_owned(), alias: Some("short".to_owned()) };
    cache.set(&name("long/1"), clusters(&["a"]));
    assert!(Client::open(address, "short").await.next().await.is_ok());
    cache.set(&name("long/2"), clusters(&["a"]));
    let status = Client::open(address, "short").await.next().await.unwrap_err();
    assert!(status.message().contains("long/1") && status.message().contains("long/2"), "{status}");
    cache.clear("long/2");
    assert!(Client::open(address, "short").await.next().await.is_ok());
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_the_others_go_on() {
    let cache = Cache::with_limits(by_id, impatient());
    cache.set(&node("n"), clusters(&["a"]));
    let address = serve(&cache).await;
    let (mut one, mut two) = (Client::open(address, "n").await, Client::open(address, "n").await);
    let (first, second) = (one.next().await.unwrap(), two.next().await.unwrap());
    let status = Client::open(address, "n").await.next().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    one.accept(&first).await;
    two.accept(&second).await;
    cache.set(&node("n"), clusters(&["b"]));
    assert!(one.next().await.is_ok() && two.next().await.is_ok());
}

/// Knows who calls by a header, and what each may be.
struct ByHeader;

impl Authorize for ByHeader {
    fn authenticate(&self, request: &http::request::Parts) -> Result<Identity, Denied> {
        let who = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let name = who.ok_or_else(|| Denied("send a token".to_owned()))?.to_owned();
        Ok(Identity { nodes: Nodes::Only(vec![name.clone()]), name, streams_max: Some(1) })
    }
}

#[tokio::test]
async fn a_proxy_is_served_only_as_the_node_that_it_proves_to_be() {
    let cache = Cache::with_limits(by_id, impatient());
    cache.set(&node("mine"), clusters(&["a"]));
    cache.set(&node("other"), clusters(&["a"]));
    let address = serve_routes(xds::guarded_routes(cache.clone(), Arc::new(ByHeader))).await;

    let status = Client::try_open(address, "mine", None).await.err().unwrap();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "send a token"));
    for id in ["other", "nobody"] {
        let status = Client::open_as(address, id, "mine").await.next().await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{status}: nor is it told who there is");
        assert!(status.message().contains("`mine`") && status.message().contains(id), "{status}");
    }
    let kept: Vec<_> = cache.turned_away().into_iter().map(|one| (one.id, one.caller)).collect();
    let as_mine = |id: &str| (Some(id.to_owned()), "mine".to_owned());
    assert_eq!(kept, [(None, "127.0.0.1".to_owned()), as_mine("nobody"), as_mine("other")]);
    let mut served = Client::open_as(address, "mine", "mine").await;
    served.next().await.unwrap();
    assert_eq!(&*cache.proxies()[0].identity, "mine");
    let status = Client::try_open(address, "mine", Some("mine")).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    drop(served);
    until(&cache, "mine", <[_]>::is_empty).await;
}

#[tokio::test]
async fn ten_thousand_streams_of_one_connection_are_refused_and_the_others_go_on() {
    // Whoever says nothing for so long is not let go of while this goes on, however slow the machine.
    let cache = Cache::with_limits(by_id, Limits { first_message_wait: support::PATIENCE * 10, ..Limits::default() });
    cache.set(&node("n"), clusters(&["a"]));
    let address = serve(&cache).await;
    let mut well_behaved = Client::open(address, "n").await;
    let first = well_behaved.next().await.unwrap();
    well_behaved.accept(&first).await;

    let greedy = client(address).await;
    let mut open = Vec::new();
    let mut refused = 0;
    let begun = Instant::now();
    for _ in 0..10_000 {
        // Silent, as one that hopes to be held for ever.
        let (requests, receiver) = mpsc::channel(1);
        match greedy.clone().stream_aggregated_resources(ReceiverStream::new(receiver)).await {
            Ok(responses) => open.push((requests, responses)),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                refused += 1;
            }
        }
    }
    // One that stays silent is given up after ten seconds, and makes room for another.
    let turns = 1 + usize::try_from(begun.elapsed().as_secs()).unwrap() / 10;
    let most = Limits::default().streams_per_connection;
    assert!((most..=most * turns).contains(&open.len()), "{} are open after {:?}", open.len(), begun.elapsed());
    assert_eq!(refused, 10_000 - open.len());
    cache.set(&node("n"), clusters(&["b"]));
    assert_eq!(well_behaved.next().await.unwrap().resources.len(), 1);
}

#[tokio::test]
async fn a_request_that_is_too_large_ends_its_own_stream_alone() {
    let cache = Cache::new(by_id);
    cache.set(&node("n"), clusters(&["a"]));
    let address = serve(&cache).await;
    let (mut large, mut other) = (Client::open(address, "n").await, Client::open(address, "n").await);
    large.next().await.unwrap();
    other.next().await.unwrap();
    let names = vec!["x".repeat(1 << 20); 5];
    large.requests.send(DiscoveryRequest { resource_names: names, ..request(Kind::Endpoint, "", "") }).await.unwrap();
    let status = large.next().await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    cache.set(&node("n"), clusters(&["b"]));
    assert!(other.next().await.is_ok());
}

#[tokio::test]
async fn a_proxy_that_refuses_everything_for_ever_keeps_nobody_busy() {
    let cache = Cache::new(by_id);
    cache.set(&node("n"), clusters(&["a"]));
    let address = serve(&cache).await;
    let (mut refuses, mut accepts) = (Client::open(address, "n").await, Client::open(address, "n").await);
    for round in 0..50 {
        let bad = refuses.next().await.unwrap();
        refuses.refuse(&bad, "", "no").await;
        let good = accepts.next().await.unwrap();
        accepts.accept(&good).await;
        cache.set(&node("n"), clusters(&[&format!("{round}")]));
    }
    let bad = refuses.next().await.unwrap();
    refuses.refuse(&bad, "", "no").await;
    let more = tokio::time::timeout(Duration::from_millis(300), refuses.responses.message()).await;
    assert!(more.is_err(), "sent without a change: {more:?}");
}

#[tokio::test]
async fn a_proxy_that_neither_reads_nor_answers_holds_up_nobody() {
    let cache = Cache::new(by_id);
    cache.set(&node("n"), clusters(&["a"]));
    let address = serve(&cache).await;
    let _stuck = Client::open(address, "n").await;
    let mut client = Client::open(address, "n").await;
    for round in 0..100 {
        let response = client.next().await.unwrap();
        client.accept(&response).await;
        cache.set(&node("n"), clusters(&[&format!("{round}")]));
    }
}

#[tokio::test]
async fn a_node_that_ends_and_a_server_that_stops_say_so() {
    let cache = Cache::new(by_id);
    cache.set(&node("ends"), clusters(&["a"]));
    cache.set(&node("stays"), clusters(&["a"]));
    let address = serve(&cache).await;
    let (mut ends, mut stays) = (Client::open(address, "ends").await, Client::open(address, "stays").await);
    ends.next().await.unwrap();
    stays.next().await.unwrap();
    cache.clear("ends");
    assert_eq!(ends.next().await.unwrap_err().code(), Code::InvalidArgument);
    cache.stop();
    assert_eq!(stays.next().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_kind_we_have_nothing_of_is_answered_once() {
    let cache = Cache::new(by_id);
    cache.set(&node("n"), clusters(&["a"]));
    let mut client = Client::open(serve(&cache).await, "n").await;
    client.next().await.unwrap();
    let url = "type.googleapis.com/envoy.service.runtime.v3.Runtime";
    let ask = |nonce: &str| DiscoveryRequest {
        type_url: url.to_owned(),
        response_nonce: nonce.to_owned(),
        ..DiscoveryRequest::default()
    };
    client.requests.send(ask("")).await.unwrap();
    let answer = client.next().await.unwrap();
    assert_eq!((answer.type_url.as_str(), answer.resources.len()), (url, 0));
    client.requests.send(ask(&answer.nonce)).await.unwrap();
    cache.set(&node("n"), clusters(&["b"]));
    assert_eq!(client.next().await.unwrap().type_url, Kind::Cluster.url(), "the answer was answered");
}

#[tokio::test]
async fn delta_says_what_came_and_what_went() {
    let cache = Cache::new(by_id);
    cache.set(&node("n"), clusters(&["a", "b"]));
    let (requests, receiver) = mpsc::channel(8);
    let node_of = |id: &str| Some(core::Node { id: id.to_owned(), ..core::Node::default() });
    let ask = |nonce: String, node| DeltaDiscoveryRequest {
        type_url: Kind::Cluster.url().to_owned(),
        response_nonce: nonce,
        node,
        ..DeltaDiscoveryRequest::default()
    };
    requests.send(ask(String::new(), node_of("n"))).await.unwrap();
    let mut client = client(serve(&cache).await).await;
    let mut responses = client.delta_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let all = responses.message().await.unwrap().unwrap();
    assert_eq!(all.resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    requests.send(ask(all.nonce, None)).await.unwrap();
    cache.set(&node("n"), clusters(&["b", "c"]));
    let change = responses.message().await.unwrap().unwrap();
    assert_eq!(change.resources.iter().map(|resource| resource.name.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(change.removed_resources, ["a"]);
}

#[tokio::test]
async fn an_envoy_that_speaks_version_2_is_told_what_to_do() {
    let path = "/envoy.service.discovery.v2.AggregatedDiscoveryService/StreamAggregatedResources";
    let request = http::Request::post(path).body(axum::body::Body::empty()).unwrap();
    let answer = xds::routes(Cache::new(by_id)).oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "12");
    assert!(answer.headers()["grpc-message"].to_str().unwrap().contains("1.17"));
}

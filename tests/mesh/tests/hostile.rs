//! Clients of the control plane that mean no good, or know no better, while requests go on at a steady rate and weights
//! change: whoever behaves is served as if they were not there.

use std::{net::SocketAddrV4, path::Path, time::Duration};

use conformance::{CONTROL_PLANE, Group, Identity, Loads, Stage, alone};
use futures::future::join_all;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};
use xds::{
    Kind,
    pb::{
        envoy::{
            config::core::v3::Node,
            service::discovery::v3::{
                DiscoveryRequest, DiscoveryResponse,
                aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
            },
        },
        google::rpc,
    },
};

/// How many requests there are before and after changes.
const ENOUGH: usize = 200;
/// How long anything may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many streams are too many.
const STREAMS: usize = 10_000;
/// On how many connections.
const CONNECTIONS: usize = 10;
/// How many such clients there are of each sort.
const CROWD: usize = 20;

type Client = AggregatedDiscoveryServiceClient<Channel>;

async fn stage() -> Stage {
    let group: Group = serde_json::from_value(json!({ "about": "hostile", "cases": [] })).expect("a group");
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    stage.apply(&group).await;
    stage
}

/// A connection to the control plane from elsewhere in the VPC.
async fn connect(stage: &Stage) -> Client {
    let sockets = stage.world.sockets().clone();
    let connector = tower::service_fn(move |_: http::Uri| {
        let sockets = sockets.clone();
        async move { sockets.connect(None, CONTROL_PLANE, PATIENCE).await.map(TokioIo::new) }
    });
    let at: SocketAddrV4 = CONTROL_PLANE;
    let endpoint = Endpoint::from_shared(format!("http://{at}")).expect("an address");
    Client::new(endpoint.connect_with_connector(connector).await.expect("a connection"))
}

fn request(kind: Kind, nonce: &str, refusal: Option<&str>) -> DiscoveryRequest {
    let node = Node { id: Identity::Client.id(), cluster: "hostile".to_owned(), ..Node::default() };
    let status = |reason: &str| rpc::Status { code: 13, message: reason.to_owned(), details: Vec::new() };
    DiscoveryRequest {
        node: Some(node),
        type_url: kind.url().to_owned(),
        response_nonce: nonce.to_owned(),
        error_detail: refusal.map(status),
        ..DiscoveryRequest::default()
    }
}

/// A stream of one who says he is the virtual node `client`.
struct Stream {
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

async fn open(mut client: Client) -> Result<Stream, Status> {
    let (requests, receiver) = mpsc::channel(8);
    requests.send(request(Kind::Cluster, "", None)).await.expect("room for one");
    let responses = client.stream_aggregated_resources(ReceiverStream::new(receiver)).await?.into_inner();
    Ok(Stream { requests, responses })
}

/// Opens a stream and says nothing, as one that hopes to be held for ever.
async fn silent(mut client: Client) -> Result<(mpsc::Sender<DiscoveryRequest>, Streaming<DiscoveryResponse>), Status> {
    let (requests, receiver) = mpsc::channel(1);
    Ok((requests, client.stream_aggregated_resources(ReceiverStream::new(receiver)).await?.into_inner()))
}

/// Refuses all that comes, for ever, and asks for more of it.
async fn refuse(mut stream: Stream) {
    while let Ok(Some(response)) = stream.responses.message().await {
        let kind = Kind::of_url(&response.type_url).expect("a kind that was asked for");
        if stream.requests.send(request(kind, &response.nonce, Some("never"))).await.is_err() {
            return;
        }
    }
}

fn weights(a: u32, b: u32) -> Value {
    let targets = json!([{ "virtualNode": "a", "weight": a }, { "virtualNode": "b", "weight": b }]);
    json!({ "meshName": "m", "virtualRouterName": "api", "routeName": "all",
            "spec": { "httpRoute": { "match": { "prefix": "/" }, "action": { "weightedTargets": targets } } } })
}

/// Weights change, and the proxies that behave acknowledge each change.
async fn changes_arrive(stage: &Stage, loads: &Loads) {
    for round in 1..6 {
        stage.change("UpdateRoute", weights(round, 1)).await;
        loads.more(ENOUGH / 4).await;
    }
}

/// How far the proxies of the virtual node `client` are: each one's refusal, and whether it has acknowledged all.
async fn told(stage: &Stage) -> Vec<(Option<String>, bool)> {
    let listed = stage.control.call("ListProxies", json!({ "meshName": "m" })).await;
    let listed = listed.unwrap_or_else(|refused| panic!("{refused}"));
    let of = |one: &Value| (one["refusal"].as_str().map(str::to_owned), one["upToDate"] == true);
    listed["proxies"].as_array().into_iter().flatten().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_acknowledge_hold_up_nobody_and_are_seen() {
    let _alone = alone().await;
    let stage = stage().await;
    let loads = Loads::start(&stage, "/");
    let client = connect(&stage).await;
    let mut silent = Vec::new();
    for _ in 0..CROWD {
        silent.push(open(client.clone()).await.expect("a stream"));
    }
    for stream in &mut silent {
        stream.responses.message().await.expect("an answer").expect("an answer");
    }
    changes_arrive(&stage, &loads).await;
    let told = told(&stage).await;
    let behind = told.iter().filter(|(_, up_to_date)| !up_to_date).count();
    assert_eq!((told.len(), behind), (CROWD + 2, CROWD), "{told:?}");
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_refuse_for_ever_hold_up_nobody_and_are_quoted() {
    let _alone = alone().await;
    let stage = stage().await;
    let loads = Loads::start(&stage, "/");
    let client = connect(&stage).await;
    let mut refusing = tokio::task::JoinSet::new();
    for _ in 0..CROWD {
        refusing.spawn(refuse(open(client.clone()).await.expect("a stream")));
    }
    changes_arrive(&stage, &loads).await;
    let quoted = async {
        loop {
            let told = told(&stage).await;
            let refused = told.iter().filter(|(said, _)| said.as_ref().is_some_and(|said| said.contains("never")));
            if refused.count() == CROWD {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, quoted).await.expect("refusals that are quoted");
    assert_eq!(told.iter().filter(|(_, up_to_date)| *up_to_date).count(), 2, "{told:?}");
    loads.more(ENOUGH).await;
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_are_refused_beyond_what_a_connection_may_have_and_harm_nobody() {
    let _alone = alone().await;
    let stage = stage().await;
    let loads = Loads::start(&stage, "/");
    let mut greedy = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let client = connect(&stage).await;
        greedy.spawn(async move { join_all((0..STREAMS / CONNECTIONS).map(|_| silent(client.clone()))).await });
    }
    // While they come, and when they are there.
    changes_arrive(&stage, &loads).await;
    let all = greedy.join_all().await;
    changes_arrive(&stage, &loads).await;
    let most = xds::Limits::default().streams_per_connection;
    for streams in &all {
        let (held, refused): (Vec<_>, Vec<_>) = streams.iter().partition(|stream| stream.is_ok());
        // More than there is room for at once only where one was sent away for its silence meanwhile.
        assert!(held.len() >= most && refused.len() > most, "{} held, {} refused", held.len(), refused.len());
        let codes = refused.iter().filter_map(|refused| refused.as_ref().err()).map(Status::code);
        assert!(codes.clone().all(|code| code == Code::ResourceExhausted), "{:?}", codes.collect::<Vec<_>>());
    }
    loads.unharmed().await;
}

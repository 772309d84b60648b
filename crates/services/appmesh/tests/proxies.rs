//! What proxies are told, and what is said of them: the service, its controllers, and proxies over gRPC.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#[path = "support/house.rs"]
mod house;
#[path = "../../../engines/xds/tests/support/mod.rs"]
mod support;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use api::{
    acm::inside::{GetKeyPair, GetKeyPairRequest, GetKeyPairResponse},
    servicediscovery::{DiscoverInstances, DiscoverInstancesRequest, DiscoverInstancesResponse, HttpInstanceSummary},
};
use house::{House, node, route};
use names::{AccountId, Region, Scope};
use prost::Message;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use xds::{
    Kind,
    pb::{
        envoy::{
            config::{core::v3 as core, endpoint::v3::ClusterLoadAssignment},
            service::discovery::v3::{
                DiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
            },
        },
        google::{
            protobuf::{Struct, Value as ProtoValue, value},
            rpc,
        },
    },
};

const GATEWAY: &str = "mesh/flask-mesh/virtualNode/gateway-vn";
const TASK: &str = "arn:aws:ecs:us-east-1:000000000000:task/flask/0123";

/// What a proxy does with new routes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Willing,
    Asleep,
    Unwilling,
}

/// A proxy that asks for all there is and does what its mood says; it leaves when it is dropped.
struct Proxy {
    mood: watch::Sender<Mood>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    fn start(address: SocketAddr, id: &str) -> Self {
        let (mood, moods) = watch::channel(Mood::Willing);
        let task = tokio::spawn(converse(address, id.to_owned(), moods));
        Self { mood, task }
    }
}

fn node_of(id: String) -> core::Node {
    let text = |text: &str| ProtoValue { kind: Some(value::Kind::StringValue(text.to_owned())) };
    let object = |key: &str, inner: ProtoValue| Struct { fields: [(key.to_owned(), inner)].into() };
    let wrap = |inner: Struct| ProtoValue { kind: Some(value::Kind::StructValue(inner)) };
    let ecs = wrap(object("ecsTaskArn", text(TASK)));
    let platform = wrap(object("ecsPlatformInfo", ecs));
    core::Node { id, metadata: Some(object("aws.appmesh.platformInfo", platform)), ..core::Node::default() }
}

async fn converse(address: SocketAddr, id: String, mut moods: watch::Receiver<Mood>) {
    let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{address}")).await.unwrap();
    let (requests, receiver) = mpsc::channel(16);
    let ask = |kind: Kind, names: &BTreeSet<String>| DiscoveryRequest {
        type_url: kind.url().to_owned(),
        resource_names: names.iter().cloned().collect(),
        ..DiscoveryRequest::default()
    };
    let none = BTreeSet::new();
    let first = DiscoveryRequest { node: Some(node_of(id)), ..ask(Kind::Cluster, &none) };
    requests.send(first).await.unwrap();
    requests.send(ask(Kind::Listener, &none)).await.unwrap();
    let routes: BTreeSet<String> = ["rds_egress_http_3000", "rds_ingress_http_3000"].map(str::to_owned).into();
    requests.send(ask(Kind::Route, &routes)).await.unwrap();
    let mut responses = client.stream_aggregated_resources(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    while let Ok(Some(response)) = responses.message().await {
        let kind = Kind::of_url(&response.type_url).unwrap();
        let mut answer = ask(kind, if kind == Kind::Route { &routes } else { &none });
        answer.version_info = response.version_info;
        answer.response_nonce = response.nonce;
        if kind == Kind::Route {
            let mood = *moods.wait_for(|mood| *mood != Mood::Asleep).await.unwrap();
            let error = rpc::Status { message: "I would rather not".to_owned(), ..rpc::Status::default() };
            answer.error_detail = (mood == Mood::Unwilling).then_some(error);
        }
        if requests.send(answer).await.is_err() {
            return;
        }
    }
}

async fn status(house: &House, wait: u32) -> Value {
    let request = json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr", "routeName": "api-route",
                          "waitSeconds": wait });
    house.ok("DescribeRouteStatus", request).await
}

/// Waits until the status of the route is as `wanted`.
async fn until(house: &House, wanted: impl Fn(&Value) -> bool) -> Value {
    let watch = house.store.watch(&["appmesh/route.observed"]);
    let found = tokio::time::timeout(support::PATIENCE, async {
        loop {
            let status = status(house, 0).await;
            if wanted(&status) {
                return status;
            }
            watch.next().await;
        }
    });
    let Ok(status) = found.await else { panic!("still {}", status(house, 0).await) };
    status
}

fn acknowledged(proxies: u32, of: u32) -> impl Fn(&Value) -> bool {
    move |status| status["acknowledged"] == proxies && status["proxies"] == of
}

#[tokio::test]
async fn weights_are_applied_when_every_proxy_has_acknowledged_them() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let address = support::serve(&house.cache).await;
    let (_one, two) = (Proxy::start(address, GATEWAY), Proxy::start(address, GATEWAY));
    let all = until(&house, acknowledged(2, 2)).await;
    assert_eq!((&all["appliedVersion"], &all["askedVersion"]), (&json!(1), &json!(1)));

    two.mood.send_replace(Mood::Asleep);
    house.ok("UpdateRoute", route(&[("api-vn", 2), ("api-v2-vn", 1)])).await;
    let half = until(&house, acknowledged(1, 2)).await;
    assert_eq!((&half["askedVersion"], &half["appliedVersion"]), (&json!(2), &json!(1)), "one has not yet");
    assert_eq!((&half["asked"][0]["weight"], &half["applied"][0]["weight"]), (&json!(2), &json!(1)));

    let waiting = status(&house, 30);
    let (applied, ()) = tokio::join!(waiting, async {
        two.mood.send_replace(Mood::Willing);
    });
    assert_eq!((&applied["appliedVersion"], &applied["acknowledged"]), (&json!(2), &json!(2)));
    assert_eq!(applied["applied"][0]["weight"], 2);
}

#[tokio::test]
async fn a_refusal_is_told_with_who_and_why_and_the_weights_stay() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let address = support::serve(&house.cache).await;
    let proxy = Proxy::start(address, GATEWAY);
    until(&house, acknowledged(1, 1)).await;
    proxy.mood.send_replace(Mood::Unwilling);
    house.ok("UpdateRoute", route(&[("api-vn", 0), ("api-v2-vn", 1)])).await;
    let refused = until(&house, |status| !status["refusals"].as_array().unwrap().is_empty()).await;
    assert_eq!((&refused["appliedVersion"], &refused["acknowledged"]), (&json!(1), &json!(0)));
    let refusal = &refused["refusals"][0];
    assert_eq!((&refusal["node"], &refusal["taskArn"]), (&json!(GATEWAY), &json!(TASK)));
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.contains("rds_egress_http_3000") && reason.contains("I would rather not"), "{reason}");

    let proxies = house.ok("ListProxies", json!({ "meshName": "flask-mesh" })).await["proxies"].clone();
    assert_eq!(proxies[0]["virtualNodeName"], "gateway-vn");
    assert_eq!((&proxies[0]["upToDate"], &proxies[0]["taskArn"]), (&json!(false), &json!(TASK)));
}

#[tokio::test]
async fn only_proxies_that_carry_the_route_are_asked() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let address = support::serve(&house.cache).await;
    let _gateway = Proxy::start(address, GATEWAY);
    let _api = Proxy::start(address, "arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualNode/api-vn");
    until(&house, acknowledged(1, 1)).await;
    let proxies = house.ok("ListProxies", json!({ "meshName": "flask-mesh" })).await["proxies"].clone();
    let names: Vec<_> = proxies.as_array().unwrap().iter().map(|proxy| proxy["virtualNodeName"].clone()).collect();
    assert_eq!(names, ["api-vn", "gateway-vn"]);
}

#[tokio::test]
async fn a_proxy_that_asks_for_what_is_not_there_is_told_of_where_it_belongs() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let address = support::serve(&house.cache).await;
    let mistaken = "mesh/flask-mesh/virtualNode/gatewy-vn";
    let elsewhere = "arn:aws:appmesh:eu-west-1:000000000000:mesh/flask-mesh/virtualNode/api-vn";
    let _short = Proxy::start(address, mistaken);
    let _full = Proxy::start(address, elsewhere);
    let both = async {
        while house.cache.turned_away().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, both).await.expect("both are turned away");
    let told = async |region: &str| {
        let scope = Scope::new(AccountId::default(), Region::new(region));
        let answer = house.call_in(&scope, "ListTurnedAwayProxies", json!({})).await.unwrap();
        answer["proxies"].as_array().unwrap().clone()
    };
    // The task it runs in says of which region's mesh a short name is.
    let here = told("us-east-1").await;
    assert_eq!(here.len(), 1, "{here:?}");
    assert_eq!((&here[0]["node"], &here[0]["caller"]), (&json!(mistaken), &json!("127.0.0.1")));
    let reason = here[0]["reason"].as_str().unwrap();
    assert!(reason.contains(mistaken) && reason.contains("correct the node id"), "{reason}");
    assert_eq!(told("eu-west-1").await[0]["node"], elsewhere);
    assert_eq!(told("eu-west-2").await, Vec::<Value>::new());
}

#[tokio::test]
async fn without_a_proxy_a_route_is_applied_as_asked() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let applied = status(&house, 30).await;
    assert_eq!((&applied["appliedVersion"], &applied["proxies"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn after_a_restart_nothing_counts_as_applied_before_the_proxies_are_back() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let address = support::serve(&house.cache).await;
    let proxy = Proxy::start(address, GATEWAY);
    until(&house, acknowledged(1, 1)).await;
    drop(proxy);
    // What is asked for while the proxies are away, by a control plane that dies before it can hand it out.
    let store = house.store.clone();
    house.cache.stop();
    drop(house);
    let mut house = House::on(store);
    house.ok("UpdateRoute", route(&[("api-vn", 0), ("api-v2-vn", 1)])).await;
    house.run();
    let away = until(&house, |status| status["askedVersion"] == 2 && status["acknowledged"] == 0).await;
    assert_eq!(away["appliedVersion"], 1);
    let _proxy = Proxy::start(support::serve(&house.cache).await, GATEWAY);
    assert_eq!(status(&house, 30).await["appliedVersion"], 2);
}

#[tokio::test]
async fn a_deleted_route_is_forgotten_and_its_successor_starts_anew() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let _proxy = Proxy::start(support::serve(&house.cache).await, GATEWAY);
    until(&house, acknowledged(1, 1)).await;
    house.ok("UpdateRoute", route(&[("api-vn", 1), ("api-v2-vn", 1)])).await;
    until(&house, |status| status["appliedVersion"] == 2).await;
    let of_route = json!({ "meshName": "flask-mesh", "virtualRouterName": "api-vr", "routeName": "api-route" });
    house.ok("DeleteRoute", of_route.clone()).await;
    assert_eq!(house.fails("DescribeRouteStatus", of_route).await.0, "NotFoundException");
    house.ok("CreateRoute", route(&[("api-vn", 1)])).await;
    assert_eq!(status(&house, 30).await["appliedVersion"], 1);
}

#[tokio::test]
async fn the_streams_of_a_virtual_node_that_is_deleted_end() {
    let mut house = House::new();
    house.run();
    house.article().await;
    house.ok("CreateVirtualNode", node("extra", "extra.local", &[])).await;
    let name = "arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualNode/extra";
    let _proxy = Proxy::start(support::serve(&house.cache).await, name);
    support::until(&house.cache, name, |proxies| proxies.len() == 1).await;
    house.ok("DeleteVirtualNode", json!({ "meshName": "flask-mesh", "virtualNodeName": "extra" })).await;
    support::until(&house.cache, name, <[_]>::is_empty).await;
    assert!(house.cache.get(name).is_none());
}

#[tokio::test]
async fn the_proxies_of_a_gateway_carry_the_routes_behind_it() {
    let mut house = House::new();
    house.run();
    house.article().await;
    let gateway = json!({ "meshName": "flask-mesh", "virtualGatewayName": "entry", "spec": {
        "listeners": [{ "portMapping": { "port": 3000, "protocol": "http" } }] } });
    house.ok("CreateVirtualGateway", gateway).await;
    let target = json!({ "virtualService": { "virtualServiceName": "api.flask.sample" } });
    let route_in = json!({ "meshName": "flask-mesh", "virtualGatewayName": "entry", "gatewayRouteName": "all",
        "spec": { "httpRoute": { "match": { "prefix": "/" }, "action": { "target": target } } } });
    house.ok("CreateGatewayRoute", route_in).await;
    let address = support::serve(&house.cache).await;
    let name = "mesh/flask-mesh/virtualGateway/entry";
    let _one = Proxy::start(address, name);
    until(&house, acknowledged(1, 1)).await;
    house.ok("UpdateRoute", route(&[("api-vn", 2), ("api-v2-vn", 1)])).await;
    let applied = until(&house, |status| status["appliedVersion"] == 2).await;
    assert_eq!(applied["acknowledged"], 1);
    let proxies = house.ok("ListProxies", json!({ "meshName": "flask-mesh" })).await["proxies"].clone();
    assert_eq!(proxies[0]["virtualGatewayName"], "entry");
    assert_eq!(proxies[0]["virtualNodeName"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_who_does_without_it_and_no_more_when_it_can() {
    let mut house = House::new();
    house.run();
    house.article().await;
    house.ok("UpdateVirtualNode", node("api-vn", "api.local", &["later.local"])).await;
    let faults = async |wanted: usize| {
        let watch = house.store.watch(&["appmesh/mesh.observed"]);
        let found = tokio::time::timeout(support::PATIENCE, async {
            loop {
                let answer = house.ok("ListProxies", json!({ "meshName": "flask-mesh" })).await;
                if answer["faults"].as_array().unwrap().len() == wanted {
                    return answer["faults"].clone();
                }
                watch.next().await;
            }
        });
        found.await.unwrap()
    };
    let said = faults(1).await;
    assert_eq!(said[0], "virtualNode/api-vn: backend later.local is no virtual service of the mesh (yet)");
    let service = json!({ "meshName": "flask-mesh", "virtualServiceName": "later.local", "spec": {} });
    house.ok("CreateVirtualService", service).await;
    faults(0).await;
}

/// A Cloud Map of one service with two instances, and a third that has not the attribute asked for.
async fn discover(
    _: wire::Context<()>,
    request: DiscoverInstancesRequest,
) -> Result<DiscoverInstancesResponse, api::Fault> {
    assert_eq!((request.namespace_name.as_str(), request.service_name.as_str()), ("local", "green"));
    let instance = |address: &str, color: &str| HttpInstanceSummary {
        attributes: [("AWS_INSTANCE_IPV4", address), ("color", color)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..HttpInstanceSummary::default()
    };
    let all = [instance("10.0.2.2", "green"), instance("10.0.1.1", "green"), instance("10.0.3.3", "blue")];
    let asked = |instance: &HttpInstanceSummary| {
        request.query_parameters.iter().all(|(key, value)| instance.attributes.get(key) == Some(value))
    };
    let instances = all.into_iter().filter(asked).collect();
    Ok(DiscoverInstancesResponse { instances, ..DiscoverInstancesResponse::default() })
}

#[tokio::test]
async fn instances_of_cloud_map_become_endpoints() {
    let mut house = House::new();
    let definition = wire::Definition {
        signing_name: "servicediscovery",
        protocol: wire::Protocol::RestJson,
        invalid: "InvalidInput",
    };
    let operations = vec![wire::bind::<DiscoverInstances, _, _, _, _>(discover)];
    house.caller.fill([wire::Service::new(definition, &Arc::new(()), operations)]);
    house.run();
    house.article().await;
    let mut green = node("api-vn", "", &[]);
    green["spec"]["serviceDiscovery"] = json!({ "awsCloudMap": {
        "namespaceName": "local", "serviceName": "green", "attributes": [{ "key": "color", "value": "green" }] } });
    house.ok("UpdateVirtualNode", green).await;
    let _proxy = Proxy::start(support::serve(&house.cache).await, GATEWAY);
    let name = "arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualNode/gateway-vn";
    let has_endpoints = || {
        let snapshot = house.cache.get(name)?.0;
        let endpoints = snapshot.resources(Kind::Endpoint).get("cds_egress_flask-mesh_api-vn_http_3000")?;
        ClusterLoadAssignment::decode(endpoints.body().value.as_slice()).ok()
    };
    support::until(&house.cache, name, |_| has_endpoints().is_some()).await;
    let text = format!("{:?}", has_endpoints().unwrap());
    assert!(text.contains("10.0.1.1") && text.contains("10.0.2.2") && !text.contains("10.0.3.3"), "{text}");
}

/// What the fake ACM answers: how often its certificate was renewed.
type Renewals = std::sync::atomic::AtomicU32;

async fn key_pair(cx: wire::Context<Renewals>, request: GetKeyPairRequest) -> Result<GetKeyPairResponse, api::Fault> {
    if request.certificate_arn.ends_with("gone") {
        return Err(api::Fault { code: "ResourceNotFoundException".into(), status: 400, message: "no".into() });
    }
    let renewals = cx.service().load(std::sync::atomic::Ordering::Relaxed);
    Ok(GetKeyPairResponse {
        certificate_chain: format!("leaf {renewals} -----BEGIN CERTIFICATE----- root"),
        private_key: "key".to_owned(),
        not_after: names::Timestamp::default(),
    })
}

/// A house that has certificates, and how often they were renewed.
fn with_certificates() -> (House, Arc<Renewals>) {
    let house = House::new();
    let definition =
        wire::Definition { signing_name: "acm", protocol: wire::Protocol::RestJson, invalid: "ValidationException" };
    let renewals = Arc::new(Renewals::default());
    let operations = vec![wire::bind::<GetKeyPair, _, _, _, _>(key_pair)];
    house.caller.fill([wire::Service::new(definition, &renewals, operations)]);
    (house, renewals)
}

/// The virtual node `name` of the article, whose listener shows the certificate `arn` of ACM.
fn secured(name: &str, arn: &str) -> Value {
    let mut node = node(name, "api.flask.sample", &[]);
    node["spec"]["listeners"][0]["tls"] =
        json!({ "mode": "STRICT", "certificate": { "acm": { "certificateArn": arn } } });
    node
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/one";
const API: &str = "arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualNode/api-vn";

#[tokio::test]
async fn a_renewed_certificate_changes_secrets_alone() {
    let (mut house, renewals) = with_certificates();
    house.run();
    house.article().await;
    house.ok("UpdateVirtualNode", secured("api-vn", CERTIFICATE)).await;
    let _proxy = Proxy::start(support::serve(&house.cache).await, API);
    let secret = || {
        let snapshot = house.cache.get(API)?.0;
        let secret = snapshot.resources(Kind::Secret).get(CERTIFICATE)?;
        Some(String::from_utf8_lossy(&secret.body().value).into_owned())
    };
    support::until(&house.cache, API, |_| secret().is_some_and(|secret| secret.contains("leaf 0"))).await;
    let before = house.cache.get(API).unwrap().0;
    renewals.store(1, std::sync::atomic::Ordering::Relaxed);
    // What ACM writes when it has renewed: the change wakes whoever reads, whatever is in it.
    let key = store::Key::new(&names::Scope::default(), "one");
    house.store.write(|tx| tx.put(&key, &Renewed {})).unwrap();
    let waited = tokio::time::timeout(support::PATIENCE, async {
        while !secret().is_some_and(|secret| secret.contains("leaf 1")) {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
    let after = house.cache.get(API).unwrap().0;
    for kind in Kind::ALL {
        assert_eq!(before.version(kind) == after.version(kind), kind != Kind::Secret, "{kind:?}");
    }
}

/// A row of ACM, as far as it matters here: that it is there.
#[derive(serde::Serialize, serde::Deserialize)]
struct Renewed {}

impl store::Row for Renewed {
    const KIND: &'static str = "acm/certificate";
}

#[tokio::test]
async fn a_certificate_that_is_gone_is_named_and_the_rest_goes_on() {
    let (mut house, _) = with_certificates();
    house.run();
    house.article().await;
    house.ok("UpdateVirtualNode", secured("api-vn", "arn:aws:acm:us-east-1:000000000000:certificate/gone")).await;
    let watch = house.store.watch(&["appmesh/mesh.observed"]);
    let request = json!({ "meshName": "flask-mesh" });
    let found = tokio::time::timeout(support::PATIENCE, async {
        loop {
            let faults = house.ok("ListProxies", request.clone()).await["faults"].clone();
            if faults.as_array().is_some_and(|faults| faults.len() == 2) {
                return faults;
            }
            watch.next().await;
        }
    });
    let faults = found.await.unwrap();
    let text = faults.to_string();
    assert!(text.contains("virtualNode/api-vn: port 3000 of api-vn takes no TLS: certificate arn:aws:acm"), "{text}");
    assert!(text.contains("virtualNode/gateway-vn: nothing is sent to api-vn on port 3000: certificate"), "{text}");
    let routed =
        house.cache.get("arn:aws:appmesh:us-east-1:000000000000:mesh/flask-mesh/virtualNode/gateway-vn").unwrap().0;
    assert!(routed.resources(Kind::Route).contains_key("rds_egress_http_3000"), "the other version is still served");
}

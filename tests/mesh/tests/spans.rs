//! Spans of OpenTelemetry's: both data planes send a collector the same of a request, and tell the server of it.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::Duration,
};

use conformance::{Group, Identity, Kind, Outcome, Plane, Stage};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value as Any,
    trace::v1::Span,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// Where the collector is, beside each proxy.
const COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 4317);
/// A service of the mesh.
const SERVICE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 8, 0, 1), 3000);
const TRACE: &str = "58406cf0a006649127e371903a2de979";
const PARENT: &str = "53995c3f42cd8ad8";
/// How long spans may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service's name, and a span of it.
type Told = (String, Span);

struct Collector(mpsc::UnboundedSender<Told>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let name = attributes.into_iter().find(|attribute| attribute.key == "service.name");
            let name = name.and_then(|name| text(name.value?.value?)).unwrap_or_default();
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                // Whoever has heard enough does not listen any more.
                let _ = self.0.send((name.clone(), span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn text(value: Any) -> Option<String> {
    if let Any::StringValue(text) = value { Some(text) } else { None }
}

/// Collects what is told beside `plane`.
async fn collect(plane: &Plane) -> mpsc::UnboundedReceiver<Told> {
    let (telling, told) = mpsc::unbounded_channel();
    let listener = plane.task.sockets.listen(COLLECTOR).await.expect("the collector's port");
    let server = Server::builder().add_service(TraceServiceServer::new(Collector(telling)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    told
}

/// The span that the server was told of: Envoy sends what it has each five seconds.
async fn told(telling: &mut mpsc::UnboundedReceiver<Told>, known: &mut Vec<Told>, outcome: &Outcome) -> Told {
    let parent = outcome.seen["headers"]["traceparent"].as_str().unwrap_or_else(|| panic!("{outcome:?}"));
    let told = async {
        loop {
            let is_it = |(_, span): &Told| parent == format!("00-{TRACE}-{}-01", hex::encode(&span.span_id));
            if let Some(place) = known.iter().position(is_it) {
                return known.swap_remove(place);
            }
            known.push(telling.recv().await.expect("a collector"));
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("a span in time")
}

/// What is the same on both data planes: all but the ids, which are random, and what names one or the other.
fn described(span: &Span) -> BTreeMap<String, String> {
    const OWN: [&str; 2] = ["peer.address", "guid:x-request-id"];
    let attributes = span.attributes.iter().cloned();
    let told = attributes.map(|attribute| {
        let value = attribute.value.and_then(|value| text(value.value?)).expect("a text");
        (attribute.key.clone(), if OWN.contains(&attribute.key.as_str()) { "told".to_owned() } else { value })
    });
    let facts = [
        ("name", span.name.clone()),
        ("kind", span.kind.to_string()),
        ("status", span.status.as_ref().map_or(0, |status| status.code).to_string()),
        ("parent", hex::encode(&span.parent_span_id)),
    ];
    told.chain(facts.map(|(key, value)| (format!("({key})"), value))).collect()
}

/// Asks for `path`, from the task or from elsewhere to it; the backend does as it is told.
async fn ask(stage: &Stage, plane: &Plane, outward: bool, path: &str, action: &str) -> Outcome {
    let send = json!({ "path": path, "headers": {
        "traceparent": format!("00-{TRACE}-{PARENT}-01"), "tracestate": "a=b", "user-agent": "test",
        "x-do": action,
    }});
    let send = serde_json::from_value(send).expect("a request");
    if outward {
        return stage.client(&plane.task.sockets).send(&send, SERVICE, "").await;
    }
    let target = SocketAddrV4::new(plane.task.address, 3000);
    stage.client(stage.world.sockets()).send(&send, target, "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_data_planes_tell_the_same_of_a_request() {
    let mesh = json!({ "nodes": { "client": {
        "serviceDiscovery": { "dns": { "hostname": "client.local" } },
        "listeners": [{ "portMapping": { "port": 3000, "protocol": "http" } }],
    }}});
    let group = serde_json::from_value(json!({ "about": "spans", "mesh": mesh, "cases": [] }));
    let group: Group = group.expect("a group");
    let stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    let mut stage = stage.telling(&[("ENABLE_ENVOY_OTEL_TRACING", "1")]);
    stage.apply(&group).await;
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let plane = stage.plane(Identity::Client, kind).expect("a proxy");
        let mut telling = collect(plane).await;
        let long = format!("/{}?q=1", "long/".repeat(100));
        let mut outcomes = Vec::new();
        for (outward, path, action) in [
            (true, "/", ""),
            (true, "/failing", "500*9"),
            (true, "/wrong", "404"),
            (true, long.as_str(), ""),
            (false, "/", ""),
            (false, "/wrong", "404"),
        ] {
            outcomes.push(ask(&stage, plane, outward, path, action).await);
        }
        let (mut spans, mut known) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            let (service, span) = told(&mut telling, &mut known, &outcome).await;
            assert_eq!(
                (service.as_str(), hex::encode(&span.trace_id).as_str()),
                ("m/client", TRACE),
                "{}",
                kind.as_str()
            );
            assert_eq!(outcome.seen["headers"]["tracestate"], "a=b", "{}", kind.as_str());
            let took = Duration::from_nanos(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano));
            assert!(took > Duration::ZERO && took <= outcome.elapsed, "{}: {took:?}", kind.as_str());
            spans.push(described(&span));
        }
        all.push(spans);
    }
    let [envoy, own] = &all[..] else { panic!("two data planes") };
    assert_eq!(envoy, own);
}

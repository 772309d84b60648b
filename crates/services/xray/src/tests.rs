//! The service through the wire's in-process dispatch, fed as the article's SDK feeds it.

use api::{Fault, Operation, xray as model};
use names::{Scope, Timestamp};
use serde_json::json;
use telemetry::{Limits, Telemetry};
use wire::Caller;

use super::*;

const TRACE: &str = "1-6553f100-0123456789abcdef01234567";

fn house() -> Caller {
    let caller = Caller::default();
    let traces = Telemetry::in_memory(Limits::default()).unwrap().traces();
    caller.fill([service(traces, Clock::System).service]);
    caller
}

async fn call<Op: Operation>(house: &Caller, request: Op::Request) -> Result<Op::Response, Fault> {
    house.call::<Op>(&Scope::default(), request).await
}

/// What one request to the gateway leaves behind.
fn request(number: u64, version: &str, fault: bool) -> Vec<String> {
    let id = |part: u64| format!("{:016x}", number * 8 + part);
    let gateway = json!({
        "name": "gateway_todo", "id": id(0), "trace_id": TRACE, "start_time": 1000.0, "end_time": 1000.05,
        "http": {"request": {"url": "gateway.flask.sample"}},
        "subsegments": [{"name": "api.flask.sample", "id": id(1), "start_time": 1000.01, "end_time": 1000.04,
                         "namespace": "remote", "http": {"response": {"status": 200}}}],
    });
    let api = json!({
        "name": format!("api_{version}_todo"), "id": id(2), "trace_id": TRACE, "parent_id": id(0),
        "start_time": 1000.02, "end_time": 1000.03, "fault": fault, "annotations": {"version": version},
    });
    let proxy = json!({
        "name": "flask-mesh/gateway-vn", "id": id(3), "trace_id": TRACE, "parent_id": id(1),
        "origin": "AWS::AppMesh::Proxy", "start_time": 1000.011, "end_time": 1000.039,
    });
    [gateway, api, proxy].iter().map(ToString::to_string).collect()
}

async fn put(house: &Caller, documents: Vec<String>) -> Vec<model::UnprocessedTraceSegment> {
    let request = model::PutTraceSegmentsRequest { trace_segment_documents: documents };
    call::<model::PutTraceSegments>(house, request).await.unwrap().unprocessed_trace_segments
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

async fn graph(house: &Caller) -> Vec<model::Service> {
    let request = model::GetServiceGraphRequest {
        start_time: seconds(900),
        end_time: seconds(1100),
        ..model::GetServiceGraphRequest::default()
    };
    call::<model::GetServiceGraph>(house, request).await.unwrap().services
}

fn summaries(filter: &str) -> model::GetTraceSummariesRequest {
    model::GetTraceSummariesRequest {
        start_time: seconds(900),
        end_time: seconds(1100),
        filter_expression: Some(filter.to_owned()),
        ..model::GetTraceSummariesRequest::default()
    }
}

#[tokio::test]
async fn the_article_s_graph_shows_client_gateway_and_both_versions() {
    let house = house();
    for number in 0..3 {
        let refused = put(&house, request(number, if number == 2 { "2" } else { "1" }, number == 1)).await;
        assert!(refused.is_empty());
    }
    let services = graph(&house).await;
    let name = |number: Option<i32>| {
        let service = services.iter().find(|service| service.reference_id == number).unwrap();
        (service.name.clone().unwrap(), service.r#type.clone())
    };
    let mut edges: Vec<_> = services
        .iter()
        .flat_map(|from| from.edges.iter().map(move |edge| (from, edge)))
        .map(|(from, edge)| {
            let (to, _) = name(edge.reference_id);
            let statistics = edge.summary_statistics.as_ref().unwrap();
            let kind = from.r#type.as_deref().unwrap_or("service");
            let faults = statistics.fault_statistics.as_ref().unwrap().total_count;
            format!("{kind} -> {to}: {:?} ok, {faults:?} faults", statistics.ok_count)
        })
        .collect();
    edges.sort();
    assert_eq!(
        edges,
        [
            "client -> gateway_todo: Some(3) ok, Some(0) faults",
            "service -> api_1_todo: Some(1) ok, Some(1) faults",
            "service -> api_2_todo: Some(1) ok, Some(0) faults",
            "service -> flask-mesh/gateway-vn: Some(3) ok, Some(0) faults",
        ]
    );
    let gateway = services.iter().find(|s| s.name.as_deref() == Some("gateway_todo") && s.r#type.is_none()).unwrap();
    let statistics = gateway.summary_statistics.as_ref().unwrap();
    assert_eq!(
        (gateway.root, statistics.total_count, statistics.total_response_time),
        (Some(true), Some(3), Some(0.15))
    );
    assert_eq!(gateway.response_time_histogram[0].count, Some(3));
}

#[tokio::test]
async fn a_trace_is_given_whole() {
    let house = house();
    put(&house, request(0, "1", false)).await;
    let absent = "1-00000000-000000000000000000000000".to_owned();
    let ask = model::BatchGetTracesRequest { trace_ids: vec![TRACE.to_owned(), absent.clone()], next_token: None };
    let found = call::<model::BatchGetTraces>(&house, ask).await.unwrap();
    assert_eq!((found.traces[0].segments.len(), found.traces[0].duration), (3, Some(0.05)));
    assert_eq!(found.unprocessed_trace_ids, [absent]);
    let ask = model::GetTraceGraphRequest { trace_ids: vec![TRACE.to_owned()], next_token: None };
    assert_eq!(call::<model::GetTraceGraph>(&house, ask).await.unwrap().services.len(), 4);
}

#[tokio::test]
async fn traces_are_found_by_expression() {
    let house = house();
    put(&house, request(0, "2", true)).await;
    for (filter, expected) in [
        ("", 1),
        ("service(\"api_2_todo\") { fault }", 1),
        ("service(\"api_1_todo\")", 0),
        ("annotation.version = \"2\" AND responsetime < 1", 1),
    ] {
        let found = call::<model::GetTraceSummaries>(&house, summaries(filter)).await.unwrap();
        assert_eq!((found.trace_summaries.len(), found.traces_processed_count), (expected, Some(1)), "{filter}");
    }
    let found = call::<model::GetTraceSummaries>(&house, summaries("")).await.unwrap().trace_summaries;
    assert_eq!(found[0].entry_point.as_ref().unwrap().name.as_deref(), Some("gateway_todo"));
    assert_eq!(found[0].annotations["version"][0].service_ids[0].name.as_deref(), Some("api_2_todo"));
    let wrong = call::<model::GetTraceSummaries>(&house, summaries("coldstart")).await.unwrap_err();
    assert_eq!((wrong.code.as_str(), wrong.status), ("InvalidRequestException", 400));
    let backward = model::GetTraceSummariesRequest { end_time: seconds(1), ..summaries("") };
    assert!(call::<model::GetTraceSummaries>(&house, backward).await.is_err());
}

#[tokio::test]
async fn wrong_documents_are_named_one_by_one() {
    let house = house();
    let mut documents = request(0, "1", false);
    documents.push("{\"id\":\"x\"}".to_owned());
    let refused = put(&house, documents).await;
    assert_eq!((refused.len(), refused[0].id.as_deref()), (1, Some("x")));
    assert_eq!(graph(&house).await.len(), 4);
}

#[tokio::test]
async fn sampling_is_aws_s_default() {
    let house = house();
    let rules = call::<model::GetSamplingRules>(&house, model::GetSamplingRulesRequest::default()).await.unwrap();
    let rule = rules.sampling_rule_records[0].sampling_rule.clone().unwrap();
    assert_eq!((rule.rule_name.as_deref(), rule.reservoir_size), (Some("Default"), 1));
    let document = |name: &str| model::SamplingStatisticsDocument {
        rule_name: name.to_owned(),
        client_id: "0123456789abcdef01234567".to_owned(),
        ..model::SamplingStatisticsDocument::default()
    };
    let ask =
        model::GetSamplingTargetsRequest { sampling_statistics_documents: vec![document("Default"), document("x")] };
    let targets = call::<model::GetSamplingTargets>(&house, ask).await.unwrap();
    assert_eq!((targets.sampling_target_documents.len(), targets.unprocessed_statistics.len()), (1, 1));
}

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
    let store = Store::in_memory().unwrap();
    caller.fill([service(store, traces, Clock::System, Ids::counting()).service]);
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

fn rule(name: &str, priority: i32, rate: f64, reservoir: i32) -> model::CreateSamplingRuleRequest {
    let any = || "*".to_owned();
    let sampling_rule = model::SamplingRule {
        rule_name: Some(name.to_owned()),
        resource_arn: any(),
        priority,
        fixed_rate: rate,
        reservoir_size: reservoir,
        service_name: any(),
        service_type: any(),
        host: any(),
        http_method: any(),
        url_path: any(),
        version: 1,
        ..model::SamplingRule::default()
    };
    model::CreateSamplingRuleRequest { sampling_rule, tags: Vec::new() }
}

async fn names(house: &Caller) -> Vec<String> {
    let rules = call::<model::GetSamplingRules>(house, model::GetSamplingRulesRequest::default()).await.unwrap();
    rules.sampling_rule_records.into_iter().filter_map(|record| record.sampling_rule?.rule_name).collect()
}

async fn targets(house: &Caller, rule: &str, client: u64) -> model::SamplingTargetDocument {
    let document = model::SamplingStatisticsDocument {
        rule_name: rule.to_owned(),
        client_id: format!("{client:024}"),
        request_count: 10,
        sampled_count: 1,
        ..model::SamplingStatisticsDocument::default()
    };
    let ask = model::GetSamplingTargetsRequest { sampling_statistics_documents: vec![document] };
    call::<model::GetSamplingTargets>(house, ask).await.unwrap().sampling_target_documents.remove(0)
}

#[tokio::test]
async fn rules_are_made_changed_and_taken_away() {
    let house = house();
    call::<model::CreateSamplingRule>(&house, rule("late", 200, 0.5, 4)).await.unwrap();
    call::<model::CreateSamplingRule>(&house, rule("early", 100, 1.0, 0)).await.unwrap();
    assert_eq!(names(&house).await, ["early", "late", "Default"]);
    let target = targets(&house, "late", 1).await;
    assert_eq!((target.fixed_rate, target.reservoir_quota), (Some(0.5), Some(4)));
    let update = model::SamplingRuleUpdate {
        rule_name: Some("late".to_owned()),
        fixed_rate: Some(0.25),
        ..model::SamplingRuleUpdate::default()
    };
    let request = model::UpdateSamplingRuleRequest { sampling_rule_update: update };
    call::<model::UpdateSamplingRule>(&house, request).await.unwrap();
    assert_eq!(targets(&house, "late", 2).await.reservoir_quota, Some(0), "all is granted to another");
    let report =
        call::<model::GetSamplingStatisticSummaries>(&house, model::GetSamplingStatisticSummariesRequest::default())
            .await
            .unwrap();
    assert!(report.sampling_statistic_summaries.iter().all(|summary| summary.rule_name.as_deref() == Some("late")));
    let requests: i32 = report.sampling_statistic_summaries.iter().filter_map(|summary| summary.request_count).sum();
    assert_eq!(requests, 20);
    let delete = |name: &str| model::DeleteSamplingRuleRequest { rule_name: Some(name.to_owned()), rule_arn: None };
    call::<model::DeleteSamplingRule>(&house, delete("late")).await.unwrap();
    assert_eq!(names(&house).await, ["early", "Default"]);
    for name in ["late", "Default"] {
        let refused = call::<model::DeleteSamplingRule>(&house, delete(name)).await.unwrap_err();
        assert!(refused.message.contains(name), "{refused}");
    }
}

#[tokio::test]
async fn what_a_rule_can_not_be_is_refused_by_name() {
    let house = house();
    call::<model::CreateSamplingRule>(&house, rule("one", 1, 0.5, 1)).await.unwrap();
    for (wrong, reason) in [
        (rule("one", 1, 0.5, 1), "already"),
        (rule("Default", 1, 0.5, 1), "already"),
        (rule("", 1, 0.5, 1), "RuleName"),
        (rule("x", 0, 0.5, 1), "Priority"),
        (rule("x", 1, 1.5, 1), "FixedRate"),
        (rule("x", 1, 0.5, -1), "ReservoirSize"),
    ] {
        let refused = call::<model::CreateSamplingRule>(&house, wrong).await.unwrap_err();
        assert!(refused.code == "InvalidRequestException" && refused.message.contains(reason), "{refused}");
    }
    let update = |update| model::UpdateSamplingRuleRequest { sampling_rule_update: update };
    let default =
        || model::SamplingRuleUpdate { rule_name: Some("Default".to_owned()), ..model::SamplingRuleUpdate::default() };
    let refused = update(model::SamplingRuleUpdate { priority: Some(1), ..default() });
    assert!(call::<model::UpdateSamplingRule>(&house, refused).await.unwrap_err().message.contains("FixedRate"));
    let taken = update(model::SamplingRuleUpdate { fixed_rate: Some(1.0), ..default() });
    call::<model::UpdateSamplingRule>(&house, taken).await.unwrap();
    assert_eq!(targets(&house, "Default", 1).await.fixed_rate, Some(1.0));
    for number in 2..=25 {
        call::<model::CreateSamplingRule>(&house, rule(&format!("rule-{number}"), 1, 0.5, 1)).await.unwrap();
    }
    let refused = call::<model::CreateSamplingRule>(&house, rule("more", 1, 0.5, 1)).await.unwrap_err();
    assert_eq!(refused.code, "RuleLimitExceededException");
}

fn group(name: &str, expression: &str) -> model::CreateGroupRequest {
    model::CreateGroupRequest {
        group_name: name.to_owned(),
        filter_expression: Some(expression.to_owned()),
        ..model::CreateGroupRequest::default()
    }
}

#[tokio::test]
async fn a_group_is_a_filter_with_a_name() {
    let house = house();
    put(&house, request(0, "2", true)).await;
    for (name, expression) in [("second", "service(\"api_2_todo\")"), ("first", "service(\"api_1_todo\")")] {
        call::<model::CreateGroup>(&house, group(name, expression)).await.unwrap();
    }
    for (name, nodes, found) in [("second", 4, 1), ("first", 0, 0), ("Default", 4, 1)] {
        let ask = model::GetServiceGraphRequest {
            start_time: seconds(900),
            end_time: seconds(1100),
            group_name: Some(name.to_owned()),
            ..model::GetServiceGraphRequest::default()
        };
        assert_eq!(call::<model::GetServiceGraph>(&house, ask).await.unwrap().services.len(), nodes, "{name}");
        let ask = summaries(&format!("group.name = \"{name}\""));
        let traces = call::<model::GetTraceSummaries>(&house, ask).await.unwrap().trace_summaries;
        assert_eq!(traces.len(), found, "{name}");
    }
    let groups = call::<model::GetGroups>(&house, model::GetGroupsRequest::default()).await.unwrap().groups;
    assert_eq!(groups.len(), 3);
    let refused = call::<model::CreateGroup>(&house, group("wrong", "rootcause.json = 1")).await.unwrap_err();
    assert!(refused.message.contains("root causes"), "{refused}");
    let insights = model::InsightsConfiguration { insights_enabled: Some(true), notifications_enabled: None };
    let refused = model::CreateGroupRequest { insights_configuration: Some(insights), ..group("insights", "") };
    let refused = call::<model::CreateGroup>(&house, refused).await.unwrap_err();
    assert!(refused.message.contains("InsightsEnabled"), "{refused}");
    let delete = |name: &str| model::DeleteGroupRequest { group_name: Some(name.to_owned()), group_arn: None };
    call::<model::DeleteGroup>(&house, delete("first")).await.unwrap();
    assert!(call::<model::DeleteGroup>(&house, delete("first")).await.is_err());
    assert!(call::<model::DeleteGroup>(&house, delete("Default")).await.is_err());
}

#[tokio::test]
async fn groups_and_rules_have_tags() {
    let house = house();
    let made = call::<model::CreateGroup>(&house, group("all", "")).await.unwrap().group.unwrap();
    let made_rule = call::<model::CreateSamplingRule>(&house, rule("one", 1, 0.5, 1)).await.unwrap();
    let rule_arn = made_rule.sampling_rule_record.unwrap().sampling_rule.unwrap().rule_arn;
    for arn in [made.group_arn.unwrap(), rule_arn.unwrap()] {
        let tags = vec![model::Tag { key: "team".to_owned(), value: "todo".to_owned() }];
        let request = model::TagResourceRequest { resource_arn: arn.clone(), tags: tags.clone() };
        call::<model::TagResource>(&house, request).await.unwrap();
        let ask = model::ListTagsForResourceRequest { resource_arn: arn.clone(), next_token: None };
        assert_eq!(call::<model::ListTagsForResource>(&house, ask.clone()).await.unwrap().tags, tags);
        let request = model::UntagResourceRequest { resource_arn: arn, tag_keys: vec!["team".to_owned()] };
        call::<model::UntagResource>(&house, request).await.unwrap();
        assert!(call::<model::ListTagsForResource>(&house, ask).await.unwrap().tags.is_empty());
    }
    let ask =
        model::ListTagsForResourceRequest { resource_arn: "arn:aws:xray:x:y:group/z".to_owned(), next_token: None };
    assert_eq!(call::<model::ListTagsForResource>(&house, ask).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn requests_are_counted_over_time() {
    let house = house();
    put(&house, request(0, "1", true)).await;
    let ask = |selector: &str, period| model::GetTimeSeriesServiceStatisticsRequest {
        start_time: seconds(900),
        end_time: seconds(1100),
        entity_selector_expression: Some(selector.to_owned()),
        period,
        ..model::GetTimeSeriesServiceStatisticsRequest::default()
    };
    let found = ask("service(\"api_1_todo\")", None);
    let found = call::<model::GetTimeSeriesServiceStatistics>(&house, found).await.unwrap();
    let entry = &found.time_series_service_statistics[0];
    let faults = entry.service_summary_statistics.as_ref().unwrap().fault_statistics.as_ref().unwrap().total_count;
    assert_eq!((entry.timestamp, faults, entry.edge_summary_statistics.is_none()), (Some(seconds(960)), Some(1), true));
    for (wrong, reason) in [(ask("fault", None), "EntitySelector"), (ask("", Some(17)), "Period")] {
        let refused = call::<model::GetTimeSeriesServiceStatistics>(&house, wrong).await.unwrap_err();
        assert!(refused.message.contains(reason), "{refused}");
    }
}

#[tokio::test]
async fn what_is_not_kept_here_is_refused_by_name() {
    let house = house();
    let ask = model::PutEncryptionConfigRequest { key_id: Some("key".to_owned()), r#type: "KMS".to_owned() };
    assert!(call::<model::PutEncryptionConfig>(&house, ask).await.unwrap_err().message.contains("KMS"));
    let ask = model::UpdateTraceSegmentDestinationRequest { destination: Some("CloudWatchLogs".to_owned()) };
    assert!(
        call::<model::UpdateTraceSegmentDestination>(&house, ask).await.unwrap_err().message.contains("CloudWatchLogs")
    );
    let found = call::<model::GetEncryptionConfig>(&house, model::GetEncryptionConfigRequest {}).await.unwrap();
    assert_eq!(found.encryption_config.unwrap().r#type.as_deref(), Some("NONE"));
}

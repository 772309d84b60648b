//! The service through the wire's in-process dispatch.

use api::{Fault, Operation, logs as model};
use names::{ManualClock, Scope};
use std::time::Duration;
use telemetry::Limits;
use wire::Caller;

use super::*;

const NOW: i64 = 1_700_000_000_000;

/// The service at a time that stands still.
fn house() -> Caller {
    let hand = ManualClock::default();
    hand.advance(Duration::from_millis(NOW.unsigned_abs()));
    let telemetry = Telemetry::in_memory(Limits::default()).unwrap();
    let caller = Caller::default();
    caller.fill([service(telemetry, Clock::Manual(hand), names::Ids::counting()).service]);
    caller
}

async fn call<Op: Operation>(house: &Caller, request: Op::Request) -> Result<Op::Response, Fault> {
    house.call::<Op>(&Scope::default(), request).await
}

async fn refusal<Op: Operation>(house: &Caller, request: Op::Request) -> String {
    match call::<Op>(house, request).await {
        Ok(_) => panic!("{} was not refused", Op::NAME),
        Err(fault) => fault.code,
    }
}

fn group(name: &str) -> model::CreateLogGroupRequest {
    model::CreateLogGroupRequest { log_group_name: name.to_owned(), ..Default::default() }
}

fn stream(name: &str) -> model::CreateLogStreamRequest {
    model::CreateLogStreamRequest { log_group_name: "g".to_owned(), log_stream_name: name.to_owned() }
}

fn events(stream: &str, offsets: &[i64]) -> model::PutLogEventsRequest {
    let event = |offset: &i64| model::InputLogEvent { timestamp: NOW + offset, message: format!("at {offset}") };
    model::PutLogEventsRequest {
        log_group_name: "g".to_owned(),
        log_stream_name: stream.to_owned(),
        log_events: offsets.iter().map(event).collect(),
        sequence_token: None,
    }
}

fn read(token: Option<&String>, head: bool) -> model::GetLogEventsRequest {
    model::GetLogEventsRequest {
        log_group_name: Some("g".to_owned()),
        log_stream_name: "s".to_owned(),
        next_token: token.cloned(),
        limit: Some(2),
        start_from_head: Some(head),
        ..Default::default()
    }
}

fn search(pattern: &str) -> model::FilterLogEventsRequest {
    model::FilterLogEventsRequest {
        log_group_name: Some("g".to_owned()),
        filter_pattern: Some(pattern.to_owned()),
        ..Default::default()
    }
}

fn messages(events: &[model::OutputLogEvent]) -> Vec<&str> {
    events.iter().filter_map(|event| event.message.as_deref()).collect()
}

/// A house with the group `g` and the stream `s`.
async fn furnished() -> Caller {
    let house = house();
    call::<model::CreateLogGroup>(&house, group("g")).await.unwrap();
    call::<model::CreateLogStream>(&house, stream("s")).await.unwrap();
    house
}

#[tokio::test]
async fn following_a_stream_gives_each_event_once() {
    let house = furnished().await;
    let empty = call::<model::GetLogEvents>(&house, read(None, false)).await.unwrap();
    call::<model::PutLogEvents>(&house, events("s", &[0, 1, 2])).await.unwrap();
    let first = call::<model::GetLogEvents>(&house, read(empty.next_forward_token.as_ref(), true)).await.unwrap();
    assert_eq!(messages(&first.events), ["at 0", "at 1"]);
    let second = call::<model::GetLogEvents>(&house, read(first.next_forward_token.as_ref(), true)).await.unwrap();
    assert_eq!(messages(&second.events), ["at 2"]);
    let end = call::<model::GetLogEvents>(&house, read(second.next_forward_token.as_ref(), true)).await.unwrap();
    assert!(end.events.is_empty());
    assert_eq!(end.next_forward_token, second.next_forward_token, "the same token at the end");
    call::<model::PutLogEvents>(&house, events("s", &[2])).await.unwrap();
    let more = call::<model::GetLogEvents>(&house, read(end.next_forward_token.as_ref(), true)).await.unwrap();
    assert_eq!(messages(&more.events), ["at 2"]);
}

#[tokio::test]
async fn reading_backward_ends_at_the_beginning() {
    let house = furnished().await;
    call::<model::PutLogEvents>(&house, events("s", &[0, 1, 2])).await.unwrap();
    let last = call::<model::GetLogEvents>(&house, read(None, false)).await.unwrap();
    assert_eq!(messages(&last.events), ["at 1", "at 2"]);
    let first = call::<model::GetLogEvents>(&house, read(last.next_backward_token.as_ref(), false)).await.unwrap();
    assert_eq!(messages(&first.events), ["at 0"]);
    let end = call::<model::GetLogEvents>(&house, read(first.next_backward_token.as_ref(), false)).await.unwrap();
    assert_eq!((end.events.len(), &end.next_backward_token), (0, &first.next_backward_token));
    let back = call::<model::GetLogEvents>(&house, read(end.next_forward_token.as_ref(), true)).await.unwrap();
    assert_eq!(messages(&back.events), ["at 0", "at 1"]);
}

#[tokio::test]
async fn a_search_goes_over_all_streams() {
    let house = furnished().await;
    call::<model::CreateLogStream>(&house, stream("t")).await.unwrap();
    call::<model::PutLogEvents>(&house, events("s", &[0, 10, 20])).await.unwrap();
    call::<model::PutLogEvents>(&house, events("t", &[5, 20])).await.unwrap();
    let found = call::<model::FilterLogEvents>(&house, search("")).await.unwrap();
    let streams: Vec<_> = found.events.iter().filter_map(|event| event.log_stream_name.as_deref()).collect();
    assert_eq!((streams, found.next_token), (vec!["s", "t", "s", "s", "t"], None));
    let ids: std::collections::BTreeSet<_> = found.events.iter().map(|event| event.event_id.clone()).collect();
    assert_eq!(ids.len(), 5);
    let twenty = call::<model::FilterLogEvents>(&house, search("\"at 20\"")).await.unwrap();
    assert_eq!(twenty.events.len(), 2);
    let timed = model::FilterLogEventsRequest { start_time: Some(NOW + 5), end_time: Some(NOW + 10), ..search("") };
    assert_eq!(call::<model::FilterLogEvents>(&house, timed).await.unwrap().events.len(), 2);
    let page = model::FilterLogEventsRequest { limit: Some(3), start_from_head: Some(false), ..search("") };
    let latest = call::<model::FilterLogEvents>(&house, page.clone()).await.unwrap();
    assert_eq!(latest.events[0].timestamp, Some(NOW + 20));
    let rest = model::FilterLogEventsRequest { next_token: latest.next_token, ..page };
    assert_eq!(call::<model::FilterLogEvents>(&house, rest).await.unwrap().events.len(), 2);
    assert_eq!(refusal::<model::FilterLogEvents>(&house, search("\"open")).await, "InvalidParameterException");
}

#[tokio::test]
async fn batches_that_cannot_be_are_refused_and_strays_are_named() {
    let house = furnished().await;
    for wrong in [&[1, 0][..], &[], &[-25 * 3600 * 1000, 0]] {
        assert_eq!(refusal::<model::PutLogEvents>(&house, events("s", wrong)).await, "InvalidParameterException");
    }
    let mut large = events("s", &[0]);
    large.log_events[0].message = "x".repeat(BATCH);
    let fault = call::<model::PutLogEvents>(&house, large).await.unwrap_err();
    assert!(fault.message.starts_with("Upload too large"), "{fault}");
    let day = 24 * 3600 * 1000;
    let old = call::<model::PutLogEvents>(&house, events("s", &[-15 * day, -14 * day + 1])).await.unwrap();
    assert_eq!(old.rejected_log_events_info.unwrap().too_old_log_event_end_index, Some(1));
    assert_eq!(refusal::<model::PutLogEvents>(&house, events("absent", &[0])).await, "ResourceNotFoundException");
}

/// As many bytes as a batch can have, without what each event counts besides.
const BATCH: usize = 1_048_576;

#[tokio::test]
async fn groups_are_described_as_they_are() {
    let house = furnished().await;
    let keep = |days| model::PutRetentionPolicyRequest { log_group_name: "g".to_owned(), retention_in_days: days };
    call::<model::PutRetentionPolicy>(&house, keep(30)).await.unwrap();
    assert_eq!(refusal::<model::PutRetentionPolicy>(&house, keep(2)).await, "InvalidParameterException");
    let described = call::<model::DescribeLogGroups>(&house, model::DescribeLogGroupsRequest::default()).await.unwrap();
    let found = &described.log_groups[0];
    assert_eq!(found.retention_in_days, Some(30));
    assert_eq!(found.arn.as_deref(), Some("arn:aws:logs:us-east-1:000000000000:log-group:g:*"));
    assert_eq!(refusal::<model::CreateLogGroup>(&house, group("g")).await, "ResourceAlreadyExistsException");
    assert_eq!(refusal::<model::CreateLogGroup>(&house, group("a b")).await, "InvalidParameterException");
    let sealed = model::CreateLogGroupRequest { kms_key_id: Some("k".to_owned()), ..group("h") };
    assert!(call::<model::CreateLogGroup>(&house, sealed).await.unwrap_err().message.contains("kmsKeyId"));
    let delete = || model::DeleteLogGroupRequest { log_group_name: "g".to_owned() };
    call::<model::DeleteLogGroup>(&house, delete()).await.unwrap();
    assert_eq!(refusal::<model::DeleteLogGroup>(&house, delete()).await, "ResourceNotFoundException");
}

#[tokio::test]
async fn groups_and_streams_are_listed_in_pages() {
    let house = furnished().await;
    for name in ["a", "b"] {
        call::<model::CreateLogGroup>(&house, group(name)).await.unwrap();
        call::<model::CreateLogStream>(&house, stream(name)).await.unwrap();
    }
    let groups = |next_token| model::DescribeLogGroupsRequest { limit: Some(2), next_token, ..Default::default() };
    let first = call::<model::DescribeLogGroups>(&house, groups(None)).await.unwrap();
    let rest = call::<model::DescribeLogGroups>(&house, groups(first.next_token)).await.unwrap();
    assert_eq!((rest.log_groups[0].log_group_name.as_deref(), rest.next_token), (Some("g"), None));
    let streams = |next_token| model::DescribeLogStreamsRequest {
        log_group_identifier: Some("arn:aws:logs:us-east-1:000000000000:log-group:g:*".to_owned()),
        limit: Some(2),
        next_token,
        ..Default::default()
    };
    let first = call::<model::DescribeLogStreams>(&house, streams(None)).await.unwrap();
    let rest = call::<model::DescribeLogStreams>(&house, streams(first.next_token)).await.unwrap();
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s";
    assert_eq!((rest.log_streams[0].arn.as_deref(), rest.next_token), (Some(arn), None));
}

#[tokio::test]
async fn both_spellings_mean_the_same_tags() {
    let house = furnished().await;
    let tags = || [("team".to_owned(), "todo".to_owned())].into();
    let request = model::TagLogGroupRequest { log_group_name: "g".to_owned(), tags: tags() };
    call::<model::TagLogGroup>(&house, request).await.unwrap();
    let resource_arn = "arn:aws:logs:us-east-1:000000000000:log-group:g".to_owned();
    let list = model::ListTagsForResourceRequest { resource_arn: resource_arn.clone() };
    assert_eq!(call::<model::ListTagsForResource>(&house, list).await.unwrap().tags, tags());
    let many = (0..51).map(|number| (number.to_string(), String::new())).collect();
    let many = model::TagResourceRequest { resource_arn: resource_arn.clone(), tags: many };
    assert_eq!(refusal::<model::TagResource>(&house, many).await, "TooManyTagsException");
    let untag = model::UntagResourceRequest { resource_arn, tag_keys: vec!["team".to_owned()] };
    call::<model::UntagResource>(&house, untag).await.unwrap();
    let list = model::ListTagsLogGroupRequest { log_group_name: "g".to_owned() };
    assert!(call::<model::ListTagsLogGroup>(&house, list).await.unwrap().tags.is_empty());
}

fn start(query: &str) -> model::StartQueryRequest {
    model::StartQueryRequest {
        log_group_names: vec!["g".to_owned()],
        start_time: NOW / 1000,
        end_time: NOW / 1000,
        query_string: query.to_owned(),
        ..Default::default()
    }
}

/// What the query found, once it has ended.
async fn found(house: &Caller, request: model::StartQueryRequest) -> model::GetQueryResultsResponse {
    let query_id = call::<model::StartQuery>(house, request).await.unwrap().query_id.unwrap();
    let request = model::GetQueryResultsRequest { query_id, ..Default::default() };
    loop {
        let answer = call::<model::GetQueryResults>(house, request.clone()).await.unwrap();
        if answer.status.as_deref() != Some("Running") {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_query_is_started_and_asked_for_what_it_found() {
    let house = furnished().await;
    call::<model::PutLogEvents>(&house, events("s", &[0, 10, 1000])).await.unwrap();
    let answer = found(&house, start("parse 'at *' as n | filter n >= 10 | display n")).await;
    assert_eq!(answer.status.as_deref(), Some("Complete"));
    // The second that ends the range is part of it, what follows is not.
    let values: Vec<_> = answer.results.iter().filter_map(|row| row[0].value.as_deref()).collect();
    assert_eq!(values, ["10"]);
    let statistics = answer.statistics.unwrap();
    assert_eq!((statistics.records_scanned, statistics.records_matched), (Some(2.0), Some(1.0)));

    let all = found(&house, model::StartQueryRequest { start_time: NOW, ..start("fields @message") }).await;
    assert_eq!(all.results.len(), 2, "milliseconds are understood");
    let queries =
        call::<model::DescribeQueries>(&house, model::DescribeQueriesRequest::default()).await.unwrap().queries;
    assert_eq!(queries.len(), 2);
    assert_eq!(queries[0].query_string.as_deref(), Some("fields @message"));
    let query_id = queries[0].query_id.clone().unwrap();
    let page = model::GetQueryResultsRequest { query_id: query_id.clone(), max_items: Some(1), next_token: None };
    let first = call::<model::GetQueryResults>(&house, page.clone()).await.unwrap();
    let rest = model::GetQueryResultsRequest { next_token: first.next_token, ..page };
    let rest = call::<model::GetQueryResults>(&house, rest).await.unwrap();
    assert_eq!((first.results.len(), rest.results.len(), rest.next_token), (1, 1, None));
    let stop = model::StopQueryRequest { query_id };
    assert_eq!(refusal::<model::StopQuery>(&house, stop).await, "InvalidParameterException");
}

#[tokio::test]
async fn queries_that_cannot_be_are_refused() {
    let house = furnished().await;
    let fault = call::<model::StartQuery>(&house, start("fields a | fliter b")).await.unwrap_err();
    assert_eq!(fault.code, "MalformedQueryException");
    assert!(
        fault.message.contains("unexpected symbol found fliter") && fault.message.ends_with("line 1 and position 12")
    );
    let absent = model::StartQueryRequest { log_group_names: vec!["absent".to_owned()], ..start("limit 1") };
    assert_eq!(refusal::<model::StartQuery>(&house, absent).await, "ResourceNotFoundException");
    for wrong in [
        model::StartQueryRequest { log_group_names: Vec::new(), ..start("limit 1") },
        model::StartQueryRequest { log_group_name: Some("g".to_owned()), ..start("limit 1") },
        model::StartQueryRequest { end_time: 0, ..start("limit 1") },
        model::StartQueryRequest { limit: Some(10_001), ..start("limit 1") },
        model::StartQueryRequest { query_language: Some("SQL".to_owned()), ..start("limit 1") },
    ] {
        assert_eq!(refusal::<model::StartQuery>(&house, wrong).await, "InvalidParameterException");
    }
    let unknown = model::GetQueryResultsRequest { query_id: "none".to_owned(), ..Default::default() };
    assert_eq!(refusal::<model::GetQueryResults>(&house, unknown).await, "ResourceNotFoundException");
}

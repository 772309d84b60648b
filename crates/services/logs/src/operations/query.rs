//! Logs Insights: queries are started, looked after and stopped.

use std::sync::{Arc, atomic::Ordering};

use api::logs as model;
use names::Scope;
use telemetry::logs::{
    Range,
    insights::{Query, ROWS_MAX},
};

use super::{Cx, page_size, work};
use crate::{
    Error,
    identifier::{group_of, invalid},
    queries::Run,
};

/// The one language here.
const LANGUAGE: &str = "CWLI";
/// Groups of one query.
const GROUPS_MAX: usize = 50;
/// Queries of one page.
const QUERIES_MAX: usize = 1000;
/// A moment later than this, the year 5138 in seconds, is meant in milliseconds, which AWS takes as well.
const SECONDS_MAX: i64 = 100_000_000_000;

/// `StartQuery`.
pub(super) async fn start_query(cx: Cx, request: model::StartQueryRequest) -> Result<model::StartQueryResponse, Error> {
    speaks(request.query_language.as_deref())?;
    let groups = groups(cx.scope(), &request)?;
    let rows_max = page_size(request.limit, ROWS_MAX)?;
    let (start, end) = (millis(request.start_time), millis(request.end_time));
    if start > end {
        return Err(invalid("startTime must not be after endTime"));
    }
    let query = Query::parse(&request.query_string)?;
    // The end is part of the range, to the last of its milliseconds.
    let range = Range { start, end: end.saturating_add(1000) };
    let named = groups.clone();
    work(&cx, move |w| named.iter().try_for_each(|group| Ok(w.logs.group(&w.scope, group).map(drop)?))).await?;
    let (id, scope, text) = (cx.ids.uuid(), cx.scope().clone(), request.query_string);
    let run = Arc::new(Run::new(id.clone(), scope, groups, text, cx.clock.now()));
    cx.queries.add(Arc::clone(&run))?;
    let logs = cx.logs.clone();
    tokio::task::spawn_blocking(move || run.run(&logs, &query, range, rows_max));
    Ok(model::StartQueryResponse { query_id: Some(id) })
}

fn speaks(language: Option<&str>) -> Result<(), Error> {
    match language {
        None | Some(LANGUAGE) => Ok(()),
        Some(other) => Err(invalid(format!("The query language {other} is not supported here; {LANGUAGE} is."))),
    }
}

fn millis(moment: i64) -> i64 {
    if moment > SECONDS_MAX { moment } else { moment.saturating_mul(1000) }
}

/// The groups, which must be named in one of three ways.
fn groups(scope: &Scope, request: &model::StartQueryRequest) -> Result<Vec<String>, Error> {
    let ways = [request.log_group_name.as_slice(), &request.log_group_names, &request.log_group_identifiers];
    let mut given = ways.into_iter().filter(|names| !names.is_empty());
    let (Some(names), None) = (given.next(), given.next()) else {
        return Err(invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given"));
    };
    if names.len() > GROUPS_MAX {
        return Err(invalid(format!("A query can search at most {GROUPS_MAX} log groups")));
    }
    let mut groups: Vec<String> = names.iter().map(|name| group_of(scope, name)).collect::<Result<_, _>>()?;
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// `GetQueryResults`.
pub(super) async fn get_query_results(
    cx: Cx,
    request: model::GetQueryResultsRequest,
) -> Result<model::GetQueryResultsResponse, Error> {
    let run = cx.queries.find(cx.scope(), &request.query_id)?;
    let (status, rows) = run.standing();
    let size = page_size(request.max_items, ROWS_MAX)?;
    let start = request.next_token.as_deref().map_or(Some(0), |token| token.parse::<usize>().ok());
    let start =
        start.filter(|start| *start <= rows.len()).ok_or_else(|| invalid("nextToken is none of this query's"))?;
    let end = start.saturating_add(size).min(rows.len());
    let field =
        |(name, value): &(String, String)| model::ResultField { field: Some(name.clone()), value: Some(value.clone()) };
    #[expect(clippy::cast_precision_loss, reason = "counts fit")]
    let count = |count: u64| Some(count as f64);
    let progress = &run.progress;
    Ok(model::GetQueryResultsResponse {
        query_language: Some(LANGUAGE.to_owned()),
        results: rows[start..end].iter().map(|row| row.iter().map(field).collect()).collect(),
        statistics: Some(model::QueryStatistics {
            records_matched: count(progress.matched.load(Ordering::Relaxed)),
            records_scanned: count(progress.scanned.load(Ordering::Relaxed)),
            bytes_scanned: count(progress.bytes.load(Ordering::Relaxed)),
            log_groups_scanned: count(run.groups.len() as u64),
            result_count: count(rows.len() as u64),
        }),
        status: Some(status.to_owned()),
        next_token: (end < rows.len()).then(|| end.to_string()),
    })
}

/// `StopQuery`.
pub(super) async fn stop_query(cx: Cx, request: model::StopQueryRequest) -> Result<model::StopQueryResponse, Error> {
    let run = cx.queries.find(cx.scope(), &request.query_id)?;
    if !run.stop() {
        return Err(invalid(format!("The query {} has ended already", run.id)));
    }
    Ok(model::StopQueryResponse { success: Some(true) })
}

/// `DescribeQueries`.
pub(super) async fn describe_queries(
    cx: Cx,
    request: model::DescribeQueriesRequest,
) -> Result<model::DescribeQueriesResponse, Error> {
    speaks(request.query_language.as_deref())?;
    let size = page_size(request.max_results, QUERIES_MAX)?;
    let is_meant = |run: &Run| {
        request.log_group_name.as_ref().is_none_or(|group| run.groups.contains(group))
            && request.status.as_ref().is_none_or(|status| run.standing().0 == status)
    };
    let mut runs: Vec<_> = cx.queries.all(cx.scope()).into_iter().filter(|run| is_meant(run)).collect();
    if let Some(token) = &request.next_token {
        let place = runs.iter().position(|run| run.id == *token);
        runs.drain(..place.ok_or_else(|| invalid("nextToken is not known any more"))?);
    }
    let next_token = runs.get(size).map(|run| run.id.clone());
    runs.truncate(size);
    let info = |run: &Arc<Run>| model::QueryInfo {
        query_language: Some(LANGUAGE.to_owned()),
        query_id: Some(run.id.clone()),
        query_string: Some(run.text.clone()),
        status: Some(run.standing().0.to_owned()),
        create_time: Some(run.started.as_millis()),
        log_group_name: run.groups.first().cloned(),
    };
    Ok(model::DescribeQueriesResponse { queries: runs.iter().map(info).collect(), next_token })
}

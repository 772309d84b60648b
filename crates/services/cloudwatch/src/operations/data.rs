//! `GetMetricData`: many series at once, some calculated from others, in pages.

use api::cloudwatch as model;
use names::Timestamp;

use super::{Cx, ascending, place, token, work};
use crate::{
    Error,
    metric::invalid,
    query::{self, Query, Source},
    series::{Grid, Series, Span},
};

/// Queries in one request.
const QUERIES_MAX: usize = 500;
/// Datapoints on a page.
const DATAPOINTS_MAX: usize = 100_800;
/// Periods that one series may have: more than two weeks of minutes.
const PERIODS_MAX: i64 = 100_000;

/// `GetMetricData`.
pub(super) async fn get_metric_data(
    cx: Cx,
    request: model::GetMetricDataRequest,
) -> Result<model::GetMetricDataResponse, Error> {
    if request.metric_data_queries.is_empty() || request.metric_data_queries.len() > QUERIES_MAX {
        return Err(Error::Validation(format!("MetricDataQueries must have 1 to {QUERIES_MAX} members")));
    }
    if request.start_time >= request.end_time {
        return Err(Error::Validation("The parameter StartTime must be less than the parameter EndTime".to_owned()));
    }
    let queries = query::plan(&request.metric_data_queries)?;
    let span = Span { start: request.start_time, end: request.end_time };
    demand_few(&queries, span)?;
    let ascending = ascending(request.scan_by.as_deref())?;
    let limit = match request.max_datapoints {
        None => DATAPOINTS_MAX,
        Some(most) => {
            usize::try_from(most).ok().filter(|most| (1..=DATAPOINTS_MAX).contains(most)).ok_or_else(|| {
                invalid(format!("The value {most} for parameter MaxDatapoints is invalid: 1 to {DATAPOINTS_MAX}."))
            })?
        }
    };
    let start = place(request.next_token.as_deref())?;
    let asked: Vec<String> = request.metric_data_queries.iter().map(|query| query.id.clone()).collect();
    let (mut series, queries) =
        work(&cx, move |metrics, scope| Ok((query::answer(metrics, scope, &queries, (span, Grid::Aligned))?, queries)))
            .await?;
    let mut page = Page { skip: start, room: limit, seen: 0 };
    let mut results = Vec::new();
    for id in asked {
        let Some(query) = queries.iter().find(|query| query.id == id && query.answered) else { continue };
        results.push(page.result(query, series.remove(&id).unwrap_or_default(), ascending));
    }
    let next_token = (page.seen > start + limit).then(|| token(start + limit));
    Ok(model::GetMetricDataResponse { metric_data_results: results, next_token, messages: Vec::new() })
}

fn demand_few(queries: &[Query], span: Span) -> Result<(), Error> {
    for query in queries {
        let Source::Metric(of) = &query.source else { continue };
        if (span.end.as_millis() - span.start.as_millis()) / of.period > PERIODS_MAX {
            let text = "ask for less time, or for longer periods";
            return Err(Error::Validation(format!("{} has more than {PERIODS_MAX} periods: {text}", query.id)));
        }
    }
    Ok(())
}

/// Which datapoints, counted over all series, are on the page.
struct Page {
    skip: usize,
    room: usize,
    /// Datapoints gone by.
    seen: usize,
}

impl Page {
    fn result(&mut self, query: &Query, series: Series, ascending: bool) -> model::MetricDataResult {
        let all = series.values.len();
        let mut values: Vec<(i64, f64)> = series.values.into_iter().collect();
        if !ascending {
            values.reverse();
        }
        let first = self.skip.saturating_sub(self.seen).min(all);
        let last = (self.skip + self.room).saturating_sub(self.seen).min(all);
        self.seen += all;
        let (moments, values): (Vec<_>, Vec<_>) = values[first..last.max(first)].iter().copied().unzip();
        model::MetricDataResult {
            id: Some(query.id.clone()),
            label: Some(query.name()),
            timestamps: moments.into_iter().map(Timestamp::from_millis).collect(),
            values,
            status_code: Some(if last < all { "PartialData" } else { "Complete" }.to_owned()),
            messages: Vec::new(),
        }
    }
}

//! How the requests of services went, period by period.

use std::time::Duration;

use api::xray as model;
use telemetry::traces::{Selector, Series};

use super::{Cx, group, invalid, span, work};
use crate::{Error, show};

/// The longest time asked for, as at AWS.
const SPAN_MAX: Duration = Duration::from_hours(6);

/// `GetTimeSeriesServiceStatistics`.
pub(super) async fn get_time_series_service_statistics(
    cx: Cx,
    request: model::GetTimeSeriesServiceStatisticsRequest,
) -> Result<model::GetTimeSeriesServiceStatisticsResponse, Error> {
    let span = span(request.start_time, request.end_time)?;
    if span.end.since(span.start) > SPAN_MAX {
        return Err(invalid("StartTime and EndTime can be at most 6 hours apart"));
    }
    if request.forecast_statistics == Some(true) {
        return Err(invalid("ForecastStatistics is not here: faults are not foretold"));
    }
    if request.next_token.is_some() {
        return Err(invalid("NextToken is none that was given: a series comes in one page"));
    }
    let period = match request.period {
        None | Some(60) => Duration::from_mins(1),
        Some(300) => Duration::from_mins(5),
        Some(other) => return Err(invalid(format!("Period {other} is not one of 60, 300"))),
    };
    let filter = group::filter_of(&cx, request.group_name, request.group_arn)?;
    let selector = Selector::parse(request.entity_selector_expression.as_deref().unwrap_or_default());
    let selector = selector.map_err(|error| invalid(format!("EntitySelectorExpression: {error}")))?;
    let of_service = selector.is_of_services();
    let series = work(&cx, move |traces, scope| traces.series(scope, span, &filter, &selector, period)).await?;
    Ok(model::GetTimeSeriesServiceStatisticsResponse {
        time_series_service_statistics: shown(series, of_service),
        contains_old_group_versions: Some(false),
        next_token: None,
    })
}

fn shown(series: Series, of_service: bool) -> Vec<model::TimeSeriesServiceStatistics> {
    let entry = |(timestamp, found)| {
        let statistics = Some(show::statistics(&found));
        let (edge, service) = if of_service { (None, statistics) } else { (statistics, None) };
        model::TimeSeriesServiceStatistics {
            timestamp: Some(timestamp),
            edge_summary_statistics: edge,
            service_summary_statistics: service,
            response_time_histogram: show::histogram(&found.histogram),
        }
    };
    series.into_iter().map(entry).collect()
}

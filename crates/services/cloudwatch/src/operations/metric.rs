//! Numbers: reported, listed, and asked for one metric at a time.

use std::collections::BTreeMap;

use api::cloudwatch as model;
use names::Timestamp;
use telemetry::metrics::{MetricId, MetricQuery, Point};

use super::{Cx, work};
use crate::{
    Error,
    metric::{self, invalid},
    query::no_statistic,
    series::{Span, folded},
    statistic::Statistic,
};

/// Metrics in one report.
const DATA_MAX: usize = 1000;
/// Metrics on a page.
const PAGE: usize = 500;
/// Datapoints of one answer.
const DATAPOINTS_MAX: i64 = 1440;
/// Seconds that a period may have beside multiples of 60.
const PERIODS: &[i32] = &[1, 5, 10, 20, 30];
/// What counts as recent.
const RECENT_MILLIS: i64 = 3 * 3600 * 1000;

/// `PutMetricData`.
pub(super) async fn put_metric_data(cx: Cx, request: model::PutMetricDataRequest) -> Result<model::Done, Error> {
    let model::PutMetricDataRequest { namespace, metric_data } = request;
    if namespace.starts_with("AWS/") {
        let text = "namespaces that begin with AWS/ are the house's own";
        return Err(invalid(format!("The value {namespace} for parameter Namespace is invalid: {text}.")));
    }
    if metric_data.is_empty() {
        return Err(Error::Missing("The parameter MetricData is needed.".to_owned()));
    }
    if metric_data.len() > DATA_MAX {
        return Err(invalid(format!("The collection MetricData must not have more than {DATA_MAX} members.")));
    }
    let now = cx.clock.now();
    let reported =
        metric_data.iter().map(|datum| metric::report(&namespace, datum, now)).collect::<Result<Vec<_>, _>>()?;
    work(&cx, move |metrics, scope| Ok(metrics.add(scope, &reported, now)?)).await?;
    Ok(model::Done {})
}

/// `ListMetrics`.
pub(super) async fn list_metrics(
    cx: Cx,
    request: model::ListMetricsRequest,
) -> Result<model::ListMetricsResponse, Error> {
    let since = match request.recently_active.as_deref() {
        None => None,
        Some("PT3H") => Some(Timestamp::from_millis(cx.clock.now().as_millis() - RECENT_MILLIS)),
        Some(other) => {
            return Err(invalid(format!("The value {other} for parameter RecentlyActive is invalid: PT3H.")));
        }
    };
    let dimensions = request.dimensions.into_iter().map(|filter| (filter.name, filter.value)).collect();
    let query = MetricQuery { namespace: request.namespace, name: request.metric_name, dimensions, since };
    let found = work(&cx, move |metrics, scope| Ok(metrics.list(scope, &query)?)).await?;
    let key = |metric: &MetricId| format!("{}\0{}\0{:?}", metric.namespace, metric.name, metric.dimensions);
    let page = wire::page(found, key, PAGE, request.next_token.as_deref());
    let (found, next_token) = page.map_err(|_| invalid("The value for parameter NextToken is invalid."))?;
    Ok(model::ListMetricsResponse { metrics: found.into_iter().map(shown).collect(), next_token })
}

fn shown(metric: MetricId) -> model::Metric {
    let dimensions = metric.dimensions.into_iter().map(|(name, value)| model::Dimension { name, value });
    model::Metric {
        namespace: Some(metric.namespace),
        metric_name: Some(metric.name),
        dimensions: dimensions.collect(),
    }
}

/// `GetMetricStatistics`.
pub(super) async fn get_metric_statistics(
    cx: Cx,
    request: model::GetMetricStatisticsRequest,
) -> Result<model::GetMetricStatisticsResponse, Error> {
    let metric = metric::id(&request.namespace, &request.metric_name, &request.dimensions)?;
    let period = metric::period(request.period, PERIODS)?;
    if request.start_time >= request.end_time {
        let text = "The parameter StartTime must be less than the parameter EndTime.";
        return Err(invalid(text));
    }
    let span = Span { start: request.start_time, end: request.end_time }.aligned(period);
    let asked = (span.end.as_millis() - span.start.as_millis()) / period;
    if asked > DATAPOINTS_MAX {
        return Err(Error::InvalidCombination(format!(
            "You have requested up to {asked} datapoints, which exceeds the limit of {DATAPOINTS_MAX}. You may reduce the \
             datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    let statistics = statistics(&request)?;
    let unit = request.unit.as_deref().map(|unit| metric::unit(Some(unit))).transpose()?.map(str::to_owned);
    let read = move |metrics: &telemetry::Metrics, scope: &names::Scope| {
        Ok(metrics.points(scope, &metric, unit.as_deref(), (span.start, span.end))?)
    };
    let points = work(&cx, read).await?;
    Ok(model::GetMetricStatisticsResponse {
        label: Some(request.metric_name),
        datapoints: datapoints(&points, (span.start, period), &statistics),
    })
}

fn statistics(request: &model::GetMetricStatisticsRequest) -> Result<Vec<(String, Statistic)>, Error> {
    if request.statistics.is_empty() && request.extended_statistics.is_empty() {
        return Err(Error::Missing("Must specify either Statistics or ExtendedStatistics.".to_owned()));
    }
    let is_extended = |statistic: Statistic| matches!(statistic, Statistic::Percentile(_));
    let read = |name: &String, extended: bool| {
        let found = Statistic::parse(name).filter(|statistic| is_extended(*statistic) == extended);
        found.map(|statistic| (name.clone(), statistic)).ok_or_else(|| no_statistic(name))
    };
    let plain = request.statistics.iter().map(|name| read(name, false));
    plain.chain(request.extended_statistics.iter().map(|name| read(name, true))).collect()
}

fn datapoints(
    points: &[Point],
    (start, period): (Timestamp, i64),
    statistics: &[(String, Statistic)],
) -> Vec<model::Datapoint> {
    let mut by_unit: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in points {
        by_unit.entry(&point.unit).or_default().push(point);
    }
    let mut datapoints = Vec::new();
    for (unit, points) in by_unit {
        for (moment, set) in folded(points.into_iter(), start, period) {
            let mut datapoint = model::Datapoint {
                timestamp: Some(Timestamp::from_millis(moment)),
                unit: Some(unit.to_owned()),
                ..model::Datapoint::default()
            };
            for (name, statistic) in statistics {
                let value = statistic.of(&set);
                match statistic {
                    Statistic::SampleCount => datapoint.sample_count = value,
                    Statistic::Average => datapoint.average = value,
                    Statistic::Sum => datapoint.sum = value,
                    Statistic::Minimum => datapoint.minimum = value,
                    Statistic::Maximum => datapoint.maximum = value,
                    Statistic::Percentile(_) => {
                        datapoint.extended_statistics.extend(value.map(|value| (name.clone(), value)));
                    }
                }
            }
            datapoints.push(datapoint);
        }
    }
    datapoints
}

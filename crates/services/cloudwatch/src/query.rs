//! Queries: series of metrics, and series calculated from others, told apart and put in order before any is read.

use std::collections::{BTreeMap, BTreeSet};

use api::cloudwatch as model;
use names::{Scope, Timestamp};
use telemetry::{Metrics, metrics::MetricId};

use crate::{
    Error,
    expression::{self, Expression, Inputs},
    metric::{self, invalid},
    series::{Grid, Series, Span, series},
    statistic::Statistic,
};

/// Seconds that the period of a query may have beside multiples of 60.
const PERIODS: &[i32] = &[1, 5, 10, 20, 30];

/// A query that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) id: String,
    pub(crate) label: Option<String>,
    pub(crate) answered: bool,
    pub(crate) source: Source,
}

/// Where a query's values come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Metric(OfMetric),
    Expression(Expression),
}

/// A statistic of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OfMetric {
    pub(crate) metric: MetricId,
    /// Milliseconds.
    pub(crate) period: i64,
    pub(crate) statistic: Statistic,
    pub(crate) unit: Option<String>,
}

impl Query {
    /// What the series is called where nobody said.
    pub(crate) fn name(&self) -> String {
        match (&self.label, &self.source) {
            (Some(label), _) => label.clone(),
            (None, Source::Metric(of)) => of.metric.name.clone(),
            (None, Source::Expression(_)) => self.id.clone(),
        }
    }
}

/// The queries, each behind those it reads.
pub(crate) fn plan(queries: &[model::MetricDataQuery]) -> Result<Vec<Query>, Error> {
    let mut ids = BTreeSet::new();
    for query in queries {
        let fits = query.id.starts_with(|c: char| c.is_ascii_lowercase())
            && query.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && query.id.len() <= 255;
        if !fits {
            let text = "it begins with a small letter; letters, digits and _ follow";
            return Err(validation(&format!("The value `{}` for parameter Id is invalid: {text}.", query.id)));
        }
        if !ids.insert(query.id.as_str()) {
            return Err(validation(&format!("The values for parameter Id are not unique: {} stands twice.", query.id)));
        }
    }
    let read = queries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    in_order(read)
}

fn validation(message: &str) -> Error {
    Error::Validation(message.to_owned())
}

fn read(query: &model::MetricDataQuery) -> Result<Query, Error> {
    let source = match (&query.metric_stat, &query.expression) {
        (Some(stat), None) => Source::Metric(of_metric(stat)?),
        (None, Some(text)) => {
            Source::Expression(expression::parse(text).map_err(|wrong| validation(&wrong.to_string()))?)
        }
        _ => {
            return Err(Error::Validation(format!("The query {} needs one of MetricStat and Expression.", query.id)));
        }
    };
    if let (Some(period), Source::Metric(of)) = (query.period, &source)
        && i64::from(period) * 1000 != of.period
    {
        return Err(Error::InvalidCombination(format!("The query {} has two Periods.", query.id)));
    }
    let answered = query.return_data.unwrap_or(true);
    Ok(Query { id: query.id.clone(), label: query.label.clone(), answered, source })
}

fn of_metric(stat: &model::MetricStat) -> Result<OfMetric, Error> {
    let asked = &stat.metric;
    let (namespace, name) = (asked.namespace.as_deref(), asked.metric_name.as_deref());
    let metric = metric::id(namespace.unwrap_or_default(), name.unwrap_or_default(), &asked.dimensions)?;
    let statistic = Statistic::parse(&stat.stat).ok_or_else(|| no_statistic(&stat.stat))?;
    let unit = stat.unit.as_deref().map(|unit| metric::unit(Some(unit))).transpose()?.map(str::to_owned);
    Ok(OfMetric { metric, period: metric::period(stat.period, PERIODS)?, statistic, unit })
}

/// The refusal of a statistic that is not here.
pub(crate) fn no_statistic(name: &str) -> Error {
    invalid(format!(
        "The value {name} for a statistic is invalid here: SampleCount, Average, Sum, Minimum, Maximum or a percentile \
         such as p99.9 is wanted."
    ))
}

/// Every query behind those it reads; refused where one reads what is not there, or itself.
fn in_order(mut waiting: Vec<Query>) -> Result<Vec<Query>, Error> {
    let all: BTreeSet<String> = waiting.iter().map(|query| query.id.clone()).collect();
    let mut ordered: Vec<Query> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let there: BTreeSet<String> = ordered.iter().map(|query| query.id.clone()).collect();
        let ready = |query: &Query| match &query.source {
            Source::Metric(_) => true,
            Source::Expression(expression) => expression.ids().iter().all(|id| there.contains(*id)),
        };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        if now.is_empty() {
            return Err(unreadable(&later, &all));
        }
        ordered.extend(now);
        waiting = later;
    }
    Ok(ordered)
}

fn unreadable(queries: &[Query], all: &BTreeSet<String>) -> Error {
    for query in queries {
        let Source::Expression(expression) = &query.source else { continue };
        if let Some(missing) = expression.ids().into_iter().find(|id| !all.contains(*id)) {
            return Error::Validation(format!("The expression {} reads {missing}, which is no query's Id.", query.id));
        }
    }
    let ids: Vec<_> = queries.iter().map(|query| query.id.as_str()).collect();
    Error::Validation(format!("The expressions {} read each other in a circle.", ids.join(", ")))
}

/// The series of each query, by id. Takes as long as the disk does.
pub(crate) fn answer(
    metrics: &Metrics,
    scope: &Scope,
    queries: &[Query],
    (span, grid): (Span, Grid),
) -> Result<BTreeMap<String, Series>, Error> {
    let mut all: BTreeMap<String, Series> = BTreeMap::new();
    for query in queries {
        let found = match &query.source {
            Source::Metric(of) => of.read(metrics, scope, span.on(grid, of.period))?,
            Source::Expression(expression) => {
                let is_metric = |query: &&Query| matches!(query.source, Source::Metric(_));
                let of_metrics = queries.iter().filter(is_metric).map(|query| query.id.as_str()).collect();
                let inputs = Inputs { series: &all, metrics: of_metrics, span, grid };
                expression::evaluate(expression, &inputs)
                    .map_err(|wrong| Error::Validation(format!("Error in expression `{}`: {wrong}", query.id)))?
            }
        };
        all.insert(query.id.clone(), found);
    }
    Ok(all)
}

impl OfMetric {
    /// Its values in `span`, whose periods begin at its start.
    pub(crate) fn read(&self, metrics: &Metrics, scope: &Scope, span: Span) -> Result<Series, Error> {
        let points = metrics.points(scope, &self.metric, self.unit.as_deref(), (span.start, span.end))?;
        Ok(series(&points, span.start, self.period, self.statistic))
    }
}

/// The time of the last `periods` periods that are over at `now`: they end at a full minute, or, where they are
/// shorter, at a multiple of their length.
pub(crate) fn last_periods(now: Timestamp, period: i64, periods: i64) -> Span {
    let step = period.min(60_000);
    let end = now.as_millis().div_euclid(step) * step;
    Span { start: Timestamp::from_millis(end - periods * period), end: Timestamp::from_millis(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_metric(id: &str) -> model::MetricDataQuery {
        let metric =
            model::Metric { namespace: Some("n".to_owned()), metric_name: Some("m".to_owned()), dimensions: vec![] };
        let stat = model::MetricStat { metric, period: 60, stat: "Sum".to_owned(), unit: None };
        model::MetricDataQuery { id: id.to_owned(), metric_stat: Some(stat), ..model::MetricDataQuery::default() }
    }

    fn calculated(id: &str, expression: &str) -> model::MetricDataQuery {
        let expression = Some(expression.to_owned());
        model::MetricDataQuery { id: id.to_owned(), expression, ..model::MetricDataQuery::default() }
    }

    #[test]
    fn queries_come_behind_what_they_read() {
        let planned = plan(&[calculated("e2", "e1 + m"), calculated("e1", "m * 2"), of_metric("m")]).unwrap();
        assert_eq!(planned.iter().map(|query| query.id.as_str()).collect::<Vec<_>>(), ["m", "e1", "e2"]);
    }

    #[test]
    fn queries_that_make_no_sense_are_refused() {
        for (queries, wanted) in [
            (vec![calculated("e1", "e2"), calculated("e2", "e1")], "in a circle"),
            (vec![calculated("e1", "m9")], "which is no query's Id"),
            (vec![of_metric("m"), of_metric("m")], "stands twice"),
            (vec![of_metric("M")], "small letter"),
            (vec![model::MetricDataQuery { expression: Some("1".to_owned()), ..of_metric("m") }], "needs one of"),
            (vec![model::MetricDataQuery { period: Some(120), ..of_metric("m") }], "two Periods"),
        ] {
            let refused = plan(&queries).unwrap_err().to_string();
            assert!(refused.contains(wanted), "{refused}");
        }
    }

    #[test]
    fn the_last_periods_are_over() {
        let span = last_periods(Timestamp::from_millis(125_000), 300_000, 2);
        assert_eq!((span.start.as_millis(), span.end.as_millis()), (120_000 - 600_000, 120_000));
        let span = last_periods(Timestamp::from_millis(125_000), 10_000, 1);
        assert_eq!((span.start.as_millis(), span.end.as_millis()), (110_000, 120_000));
    }
}

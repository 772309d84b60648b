//! What an alarm watches and by which rule: the one place where what was put is checked and read.

use api::cloudwatch::PutMetricAlarmRequest;
use names::Scope;
use telemetry::Metrics;

use crate::{
    Error,
    metric::{self, invalid},
    plan::{Comparison, Missing, Rule},
    query::{self, OfMetric, Query, Source, no_statistic},
    series::{Grid, Series, Span},
    statistic::Statistic,
};

/// Seconds that an alarm's period may have beside multiples of 60.
const PERIODS: &[i32] = &[10, 20, 30];
/// How long all periods may be together, in milliseconds: a day, or a week where each is an hour or more.
const DAY: i64 = 24 * 3600 * 1000;
const HOUR: i64 = 3600 * 1000;

/// What is watched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watched {
    pub(crate) rule: Rule,
    /// Milliseconds.
    pub(crate) period: i64,
    queries: Vec<Query>,
    /// The query that is compared.
    compared: String,
}

impl Watched {
    /// What `asked` watches, if it makes sense.
    pub(crate) fn of(asked: &PutMetricAlarmRequest) -> Result<Self, Error> {
        let rule = rule(asked)?;
        let (queries, compared) = if asked.metrics.is_empty() { one(asked)? } else { calculated(asked)? };
        let periods = queries.iter().filter_map(|query| match &query.source {
            Source::Metric(of) => Some(of.period),
            Source::Expression(_) => None,
        });
        let period = periods
            .max()
            .ok_or_else(|| Error::Validation("Metrics must have at least one query with a MetricStat".to_owned()))?;
        let whole = period.saturating_mul(i64::try_from(rule.periods).unwrap_or(i64::MAX));
        if whole > if period >= HOUR { 7 * DAY } else { DAY } {
            let text = "must not be longer than a day, or a week where the period is an hour or more";
            return Err(Error::Validation(format!("Metrics are watched too far back: all periods together {text}")));
        }
        Ok(Self { rule, period, queries, compared })
    }

    /// Its values in `span`.
    pub(crate) fn series(&self, metrics: &Metrics, scope: &Scope, time: (Span, Grid)) -> Result<Series, Error> {
        let mut all = query::answer(metrics, scope, &self.queries, time)?;
        Ok(all.remove(&self.compared).unwrap_or_default())
    }

    /// The metric, where it watches just one.
    pub(crate) fn metric(&self) -> Option<&OfMetric> {
        match self.queries.as_slice() {
            [Query { source: Source::Metric(of), .. }] => Some(of),
            _ => None,
        }
    }
}

fn rule(asked: &PutMetricAlarmRequest) -> Result<Rule, Error> {
    let needed = |member: &str| Error::Missing(format!("The parameter {member} is needed."));
    let comparison = asked.comparison_operator.as_deref().ok_or_else(|| needed("ComparisonOperator"))?;
    let comparison = Comparison::parse(comparison).ok_or_else(|| {
        let text = "alarms on anomalies are not here, compare with a Threshold";
        invalid(format!("The value {comparison} for parameter ComparisonOperator is invalid: {text}."))
    })?;
    let threshold = asked.threshold.filter(|threshold| threshold.is_finite()).ok_or_else(|| needed("Threshold"))?;
    let count = |value: i32, member: &str| {
        let count = usize::try_from(value).ok().filter(|count| *count >= 1);
        count.ok_or_else(|| invalid(format!("The value {value} for parameter {member} is invalid: at least 1.")))
    };
    let periods = count(asked.evaluation_periods.ok_or_else(|| needed("EvaluationPeriods"))?, "EvaluationPeriods")?;
    let to_alarm = asked.datapoints_to_alarm.map_or(Ok(periods), |value| count(value, "DatapointsToAlarm"))?;
    if to_alarm > periods {
        return Err(Error::Validation("DatapointsToAlarm must not be more than EvaluationPeriods".to_owned()));
    }
    let missing = asked.treat_missing_data.as_deref().unwrap_or("missing");
    let missing = Missing::parse(missing).ok_or_else(|| {
        let text = "missing, ignore, breaching or notBreaching";
        Error::Validation(format!("The value {missing} for parameter TreatMissingData is invalid: {text}"))
    })?;
    if let Some(other) = asked.evaluate_low_sample_count_percentile.as_deref()
        && other != "evaluate"
    {
        let text = "percentiles are always evaluated here";
        return Err(Error::Validation(format!("EvaluateLowSampleCountPercentile {other} is not supported: {text}")));
    }
    Ok(Rule { comparison, threshold, periods, to_alarm, missing })
}

/// The one query of an alarm on a metric.
fn one(asked: &PutMetricAlarmRequest) -> Result<(Vec<Query>, String), Error> {
    let needed = |member: &str| Error::Missing(format!("The parameter {member} is needed."));
    let name = asked.metric_name.as_deref().ok_or_else(|| needed("MetricName"))?;
    let namespace = asked.namespace.as_deref().ok_or_else(|| needed("Namespace"))?;
    let statistic = match (&asked.statistic, &asked.extended_statistic) {
        (Some(name), None) | (None, Some(name)) => Statistic::parse(name).ok_or_else(|| no_statistic(name))?,
        _ => return Err(Error::Validation("Exactly one of Statistic and ExtendedStatistic is needed".to_owned())),
    };
    let period = metric::period(asked.period.ok_or_else(|| needed("Period"))?, PERIODS)?;
    let unit = asked.unit.as_deref().map(|unit| metric::unit(Some(unit))).transpose()?.map(str::to_owned);
    let of = OfMetric { metric: metric::id(namespace, name, &asked.dimensions)?, period, statistic, unit };
    let query = Query { id: "m".to_owned(), label: None, answered: true, source: Source::Metric(of) };
    Ok((vec![query], "m".to_owned()))
}

/// The queries of an alarm on an expression.
fn calculated(asked: &PutMetricAlarmRequest) -> Result<(Vec<Query>, String), Error> {
    let beside = asked.metric_name.is_some()
        || asked.namespace.is_some()
        || asked.statistic.is_some()
        || asked.extended_statistic.is_some()
        || asked.period.is_some()
        || asked.unit.is_some()
        || !asked.dimensions.is_empty();
    if beside {
        let text = "MetricName, Namespace, Dimensions, Period, Unit, Statistic or ExtendedStatistic";
        return Err(Error::InvalidCombination(format!("Metrics cannot be given together with {text}.")));
    }
    let queries = query::plan(&asked.metrics)?;
    let answered: Vec<_> = queries.iter().filter(|query| query.answered).map(|query| query.id.clone()).collect();
    match answered.as_slice() {
        [one] => Ok((queries, one.clone())),
        _ => Err(Error::Validation("Exactly one of the Metrics must have ReturnData true".to_owned())),
    }
}

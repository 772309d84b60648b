//! Alarms: what they watch, their states, and one with its metric as a chart and what became of it.

use api::{
    Fault,
    cloudwatch::{
        AlarmHistoryItem, DescribeAlarmHistory, DescribeAlarmHistoryRequest, DescribeAlarms, DescribeAlarmsRequest,
        Dimension, GetMetricData, GetMetricDataRequest, Metric, MetricAlarm, MetricDataQuery, MetricStat,
    },
};
use maud::{Markup, html};
use names::Timestamp;

use crate::{
    ask::{Cx, all},
    drawing::chart::{self, Chart},
    pages::overview::empty,
    view::{Place, View},
    words::{date, nothing, state, time},
};

/// Periods that a chart shows, unless the alarm looks at more.
const PERIODS_SHOWN: i64 = 60;
/// Changes that a page lists, the latest.
const CHANGES_MAX: i32 = 50;
/// The id of the one metric of an alarm that calculates nothing.
const METRIC: &str = "metric";

/// The list.
pub(crate) async fn list(cx: Cx) -> Result<View, Fault> {
    let alarms = all!(cx, DescribeAlarms, DescribeAlarmsRequest::default(), metric_alarms);
    Ok(View::new(&cx, Place::Alarms, "Alarms")
        .part("alarms", if alarms.is_empty() { empty("alarm") } else { table(&cx, &alarms) })
        .command("aws cloudwatch describe-alarms"))
}

fn table(cx: &Cx, alarms: &[MetricAlarm]) -> Markup {
    html! {
        table {
            thead { tr { th { "Alarm" } th { "State" } th { "Since" } th { "Watches" } th.wide { "Why" } } }
            tbody { @for alarm in alarms { tr {
                td { a href=(cx.link(&["alarms", &alarm.alarm_name])) { (alarm.alarm_name) } }
                td { (state(alarm.state_value.as_deref().unwrap_or_default())) }
                td.number { @if let Some(at) = alarm.state_updated_timestamp { (date(at)) } }
                td { (rule(alarm)) }
                td.why { (alarm.state_reason.as_deref().unwrap_or_default()) }
            } } }
        }
    }
}

/// One alarm.
pub(crate) async fn view(cx: Cx) -> Result<View, Fault> {
    let name = cx.path("alarm").to_owned();
    let request = DescribeAlarmsRequest { alarm_names: vec![name.clone()], ..Default::default() };
    let alarm = cx.call::<DescribeAlarms>(request).await?.metric_alarms.into_iter().next();
    let alarm = alarm.ok_or_else(|| Fault::new("NotFound", 404, format!("There is no alarm {name}.")))?;
    let request = DescribeAlarmHistoryRequest {
        alarm_name: Some(name.clone()),
        max_records: Some(CHANGES_MAX),
        ..Default::default()
    };
    let changes = cx.call::<DescribeAlarmHistory>(request).await?.alarm_history_items;
    let values = values(&cx, &alarm).await?;
    Ok(View::new(&cx, Place::Alarms, &name)
        .below("Alarms", cx.link(&["alarms"]))
        .part("standing", standing(&alarm))
        .part("metric", metric(&alarm, &values))
        .part("changes", history(&changes))
        .command(format!("aws cloudwatch describe-alarms --alarm-names {name}"))
        .command(format!("aws cloudwatch describe-alarm-history --alarm-name {name}")))
}

fn standing(alarm: &MetricAlarm) -> Markup {
    let actions = alarm.alarm_actions.len() + alarm.ok_actions.len() + alarm.insufficient_data_actions.len();
    html! {
        p.standing role="status" {
            (state(alarm.state_value.as_deref().unwrap_or_default()))
            @if let Some(at) = alarm.state_updated_timestamp { " since " (date(at)) }
        }
        @if let Some(text) = &alarm.alarm_description { p { (text) } }
        p.quiet { (alarm.state_reason.as_deref().unwrap_or_default()) }
        p { (rule(alarm)) }
        @if actions > 0 {
            p.quiet { "It names " (actions) " actions, which nothing here takes; deployments and canaries read its state." }
        }
    }
}

/// What must hold for the alarm, in words.
fn rule(alarm: &MetricAlarm) -> Markup {
    let is = match alarm.comparison_operator.as_deref().unwrap_or_default() {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => "≥",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "≤",
        other => other,
    };
    let periods = alarm.evaluation_periods.unwrap_or(1);
    let needed = alarm.datapoints_to_alarm.unwrap_or(periods);
    html! {
        (watched(alarm)) " " (is) " " (alarm.threshold.unwrap_or_default())
        @if periods > 1 { ", in " (needed) " of " (periods) " periods" }
        @if let Some(seconds) = period(alarm) { " of " (crate::words::span(f64::from(seconds))) }
    }
}

/// The metric in words: `Sum of RequestCount (LoadBalancer app/web/1)`.
fn watched(alarm: &MetricAlarm) -> String {
    let statistic = alarm.statistic.as_deref().or(alarm.extended_statistic.as_deref());
    if let (Some(name), Some(statistic)) = (&alarm.metric_name, statistic) {
        return format!("{statistic} of {name}{}", of(&alarm.dimensions));
    }
    let shown = alarm.metrics.iter().find(|query| query.return_data != Some(false));
    let label = shown.and_then(|query| query.label.clone().or_else(|| query.expression.clone()));
    label.unwrap_or_else(|| "a calculated metric".to_owned())
}

fn of(dimensions: &[Dimension]) -> String {
    if dimensions.is_empty() {
        return String::new();
    }
    let named: Vec<_> = dimensions.iter().map(|one| format!("{} {}", one.name, one.value)).collect();
    format!(" ({})", named.join(", "))
}

/// The seconds of its longest period.
fn period(alarm: &MetricAlarm) -> Option<i32> {
    let calculated = alarm.metrics.iter().filter_map(|query| Some(query.metric_stat.as_ref()?.period)).max();
    alarm.period.or(calculated)
}

/// Its metric in the latest periods: when each began, and the value.
async fn values(cx: &Cx, alarm: &MetricAlarm) -> Result<Vec<(Timestamp, f64)>, Fault> {
    let period = i64::from(period(alarm).unwrap_or(60).max(1));
    let now = cx.console.clock.now();
    let shown = PERIODS_SHOWN.max(i64::from(alarm.evaluation_periods.unwrap_or(1)));
    let request = GetMetricDataRequest {
        metric_data_queries: queries(alarm),
        start_time: Timestamp::from_millis(now.as_millis() - shown * period * 1000),
        end_time: now,
        scan_by: Some("TimestampAscending".to_owned()),
        ..Default::default()
    };
    let answer = cx.call::<GetMetricData>(request).await?;
    let result = answer.metric_data_results.into_iter().next().unwrap_or_default();
    Ok(result.timestamps.into_iter().zip(result.values).collect())
}

/// What the alarm watches, as a question.
fn queries(alarm: &MetricAlarm) -> Vec<MetricDataQuery> {
    if !alarm.metrics.is_empty() {
        return alarm.metrics.clone();
    }
    let metric = Metric {
        namespace: alarm.namespace.clone(),
        metric_name: alarm.metric_name.clone(),
        dimensions: alarm.dimensions.clone(),
    };
    let stat = alarm.statistic.clone().or_else(|| alarm.extended_statistic.clone()).unwrap_or_default();
    let period = alarm.period.unwrap_or(60);
    let metric_stat = Some(MetricStat { metric, period, stat, unit: alarm.unit.clone() });
    vec![MetricDataQuery { id: METRIC.to_owned(), metric_stat, ..Default::default() }]
}

fn metric(alarm: &MetricAlarm, values: &[(Timestamp, f64)]) -> Markup {
    let first = values.first().map_or(0, |(at, _)| at.as_millis());
    #[expect(clippy::cast_precision_loss, reason = "charts are hours long")]
    let points = values.iter().map(|(at, value)| ((at.as_millis() - first) as f64 / 1000.0, *value)).collect();
    let drawn = Chart {
        title: "The metric in the latest periods, with the threshold; the table below says the same",
        lines: vec![("", points)],
        threshold: alarm.threshold.map(|threshold| (threshold, format!("threshold {}", number(threshold)))),
        is_logarithmic: false,
        write: number,
    };
    html! {
        h2 { (watched(alarm)) }
        @if values.is_empty() { (nothing("Nothing was reported in the latest periods.")) } @else {
            (chart::draw(&drawn))
            details id="values" {
                summary { "As a table" }
                table {
                    thead { tr { th { "Period from" } th { "Value" } } }
                    tbody { @for (at, value) in values.iter().rev() { tr {
                        td.number { (time(*at)) }
                        td.number { (number(*value)) }
                    } } }
                }
            }
        }
    }
}

/// A value with as many digits as say something.
fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { 4 };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn history(changes: &[AlarmHistoryItem]) -> Markup {
    html! {
        h2 { "What happened" }
        @if changes.is_empty() { (nothing("Nothing yet.")) } @else {
            table {
                thead { tr { th { "When" } th { "Kind" } th.wide { "What" } } }
                tbody { @for change in changes { tr {
                    td.number { @if let Some(at) = change.timestamp { (date(at)) } }
                    td { (kind(change.history_item_type.as_deref().unwrap_or_default())) }
                    td { (change.history_summary.as_deref().unwrap_or_default()) }
                } } }
            }
        }
    }
}

/// What kind of change it is, in words.
fn kind(kind: &str) -> &str {
    match kind {
        "StateUpdate" => "state",
        "ConfigurationUpdate" => "configuration",
        "Action" => "action",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BAD, assert_harmless, cx};

    fn alarm() -> MetricAlarm {
        MetricAlarm {
            alarm_name: BAD.into(),
            alarm_description: Some(BAD.into()),
            metric_name: Some("HTTPCode_Target_5XX_Count".into()),
            statistic: Some("Sum".into()),
            dimensions: vec![Dimension { name: "LoadBalancer".into(), value: BAD.into() }],
            comparison_operator: Some("GreaterThanOrEqualToThreshold".into()),
            threshold: Some(5.0),
            evaluation_periods: Some(3),
            datapoints_to_alarm: Some(2),
            period: Some(60),
            state_value: Some(BAD.into()),
            state_reason: Some(BAD.into()),
            ..MetricAlarm::default()
        }
    }

    #[test]
    fn names_are_text_and_never_markup() {
        let alarm = alarm();
        assert_harmless(&table(&cx(), std::slice::from_ref(&alarm)));
        assert_harmless(&standing(&alarm));
        assert_harmless(&metric(&alarm, &[(Timestamp::from_millis(0), 1.0)]));
        let change = AlarmHistoryItem { history_summary: Some(BAD.into()), ..AlarmHistoryItem::default() };
        assert_harmless(&history(&[change]));
    }

    #[test]
    fn a_rule_reads_as_people_say_it() {
        let alarm = MetricAlarm { dimensions: Vec::new(), ..alarm() };
        assert_eq!(rule(&alarm).0, "Sum of HTTPCode_Target_5XX_Count ≥ 5, in 2 of 3 periods of 60.0 s");
        assert_eq!([number(5.0), number(0.25), number(1234.5), number(0.1 + 0.2)], ["5", "0.25", "1234", "0.3"]);
    }

    #[test]
    fn a_chart_shows_the_threshold_and_has_a_table() {
        let html = metric(&alarm(), &[(Timestamp::from_millis(0), 1.0), (Timestamp::from_millis(60_000), 7.0)]).0;
        for part in ["threshold 5", "<svg", "<table>", "00:01:00", "role=\"img\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}

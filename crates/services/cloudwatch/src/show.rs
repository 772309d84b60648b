//! Alarms in the words of the API.

use api::cloudwatch as model;
use names::Scope;

use crate::rows::{Alarm, AlarmObserved, arn};

pub(crate) fn alarm(scope: &Scope, alarm: Alarm, observed: Option<AlarmObserved>) -> model::MetricAlarm {
    let observed = AlarmObserved::of(&alarm, observed);
    let Alarm { asked, updated, .. } = alarm;
    model::MetricAlarm {
        alarm_arn: Some(arn(scope, &asked.alarm_name)),
        alarm_name: asked.alarm_name,
        alarm_configuration_updated_timestamp: Some(updated),
        alarm_description: asked.alarm_description,
        actions_enabled: Some(asked.actions_enabled.unwrap_or(true)),
        ok_actions: asked.ok_actions,
        alarm_actions: asked.alarm_actions,
        insufficient_data_actions: asked.insufficient_data_actions,
        metric_name: asked.metric_name,
        namespace: asked.namespace,
        statistic: asked.statistic,
        extended_statistic: asked.extended_statistic,
        dimensions: asked.dimensions,
        period: asked.period,
        unit: asked.unit,
        evaluation_periods: asked.evaluation_periods,
        datapoints_to_alarm: asked.datapoints_to_alarm,
        threshold: asked.threshold,
        comparison_operator: asked.comparison_operator,
        treat_missing_data: asked.treat_missing_data,
        evaluate_low_sample_count_percentile: asked.evaluate_low_sample_count_percentile,
        metrics: asked.metrics,
        state_value: Some(observed.found.state.as_str().to_owned()),
        state_reason: Some(observed.found.reason),
        state_reason_data: observed.found.data,
        state_updated_timestamp: Some(observed.updated),
        state_transitioned_timestamp: Some(observed.transitioned),
    }
}

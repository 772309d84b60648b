//! The table of operations, and what they share.

mod alarm;
mod data;
mod describe;
mod metric;
mod tag;
mod watched;

use api::cloudwatch as model;
use names::{Scope, Timestamp};
use telemetry::{Metrics, metrics::AlarmEvent};
use wire::{Bound, Context, bind};

pub(crate) use self::watched::Watched;
use crate::{CloudWatch, Error};

pub(crate) fn operations() -> Vec<Bound<CloudWatch>> {
    vec![
        bind::<model::PutMetricData, _, _, _, _>(metric::put_metric_data),
        bind::<model::ListMetrics, _, _, _, _>(metric::list_metrics),
        bind::<model::GetMetricStatistics, _, _, _, _>(metric::get_metric_statistics),
        bind::<model::GetMetricData, _, _, _, _>(data::get_metric_data),
        bind::<model::PutMetricAlarm, _, _, _, _>(alarm::put_metric_alarm),
        bind::<model::DeleteAlarms, _, _, _, _>(alarm::delete_alarms),
        bind::<model::SetAlarmState, _, _, _, _>(alarm::set_alarm_state),
        bind::<model::EnableAlarmActions, _, _, _, _>(alarm::enable_alarm_actions),
        bind::<model::DisableAlarmActions, _, _, _, _>(alarm::disable_alarm_actions),
        bind::<model::DescribeAlarms, _, _, _, _>(describe::describe_alarms),
        bind::<model::DescribeAlarmsForMetric, _, _, _, _>(describe::describe_alarms_for_metric),
        bind::<model::DescribeAlarmHistory, _, _, _, _>(describe::describe_alarm_history),
        bind::<model::TagResource, _, _, _, _>(tag::tag_resource),
        bind::<model::UntagResource, _, _, _, _>(tag::untag_resource),
        bind::<model::ListTagsForResource, _, _, _, _>(tag::list_tags_for_resource),
    ]
}

type Cx = Context<CloudWatch>;

/// Does `work` on a thread where it may wait for the disk.
async fn work<T: Send + 'static>(
    cx: &Cx,
    work: impl FnOnce(&Metrics, &Scope) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (metrics, scope) = (cx.metrics.clone(), cx.scope().clone());
    tokio::task::spawn_blocking(move || work(&metrics, &scope)).await?
}

/// Keeps that somebody changed alarms.
async fn tell(cx: &Cx, names: &[String], what: &str) -> Result<(), Error> {
    let now = cx.clock.now();
    let events: Vec<_> = names.iter().map(|name| changed(name, what, now)).collect();
    work(cx, move |metrics, scope| Ok(metrics.tell(scope, &events)?)).await
}

fn changed(name: &str, what: &str, now: Timestamp) -> AlarmEvent {
    AlarmEvent {
        alarm: name.to_owned(),
        time: now,
        kind: "ConfigurationUpdate".to_owned(),
        summary: format!("Alarm \"{name}\" {what}"),
        data: serde_json::json!({ "version": "1.0", "type": what }).to_string(),
    }
}

/// How many are on a page, between 1 and `most`.
fn page_size(asked: Option<i32>, default: usize, most: usize) -> Result<usize, Error> {
    let Some(asked) = asked else { return Ok(default) };
    usize::try_from(asked).ok().filter(|asked| (1..=most).contains(asked)).ok_or_else(|| {
        Error::InvalidValue(format!("The value {asked} for a number of records is invalid: 1 to {most}."))
    })
}

/// The place where a page begins, from a token that is its number.
fn place(token: Option<&str>) -> Result<usize, Error> {
    token.map_or(Ok(0), |token| token.strip_prefix("at-").and_then(|at| at.parse().ok()).ok_or(Error::BadToken))
}

fn token(place: usize) -> String {
    format!("at-{place}")
}

/// Whether the earliest comes first.
fn ascending(scan_by: Option<&str>) -> Result<bool, Error> {
    match scan_by {
        None | Some("TimestampDescending") => Ok(false),
        Some("TimestampAscending") => Ok(true),
        Some(other) => Err(Error::InvalidValue(format!(
            "The value {other} for parameter ScanBy is invalid: TimestampDescending or TimestampAscending."
        ))),
    }
}

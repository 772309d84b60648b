//! Alarms as they are, and what became of them.

use api::cloudwatch as model;
use names::Scope;
use telemetry::metrics::{AlarmEvent, AlarmQuery};

use super::{Cx, ascending, page_size, place, token, watched::Watched, work};
use crate::{
    Error, metric,
    rows::{Alarm, AlarmObserved},
    show,
    statistic::Statistic,
};

/// Records on a page where nobody says.
const PAGE: usize = 50;
/// Records on a page at most.
const PAGE_MAX: usize = 100;
/// The one kind of alarm there is.
const KIND: &str = "MetricAlarm";

/// Every alarm, as it is shown, by name.
fn all(cx: &Cx) -> Result<Vec<(Alarm, model::MetricAlarm)>, Error> {
    let scope: &Scope = cx.scope();
    let alarms = cx.store.list::<Alarm>(scope)?;
    let shown = |(key, alarm): (_, Alarm)| {
        let observed: Option<AlarmObserved> = cx.store.get(&key)?;
        Ok((alarm.clone(), show::alarm(scope, alarm, observed)))
    };
    alarms.into_iter().map(shown).collect()
}

fn of_kind(types: &[String]) -> bool {
    types.is_empty() || types.iter().any(|kind| kind == KIND)
}

/// `DescribeAlarms`.
pub(super) async fn describe_alarms(
    cx: Cx,
    request: model::DescribeAlarmsRequest,
) -> Result<model::DescribeAlarmsResponse, Error> {
    if !request.alarm_names.is_empty() && request.alarm_name_prefix.is_some() {
        let text = "AlarmNames and AlarmNamePrefix cannot be given together.";
        return Err(Error::InvalidCombination(text.to_owned()));
    }
    let limit = page_size(request.max_records, PAGE, PAGE_MAX)?;
    if !of_kind(&request.alarm_types) {
        return Ok(model::DescribeAlarmsResponse::default());
    }
    let fits = |alarm: &model::MetricAlarm| {
        let name = &alarm.alarm_name;
        let actions = [&alarm.ok_actions, &alarm.alarm_actions, &alarm.insufficient_data_actions];
        let has_action = |prefix: &String| actions.into_iter().flatten().any(|action| action.starts_with(prefix));
        (request.alarm_names.is_empty() || request.alarm_names.contains(name))
            && request.alarm_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && request.state_value.as_ref().is_none_or(|state| alarm.state_value.as_ref() == Some(state))
            && request.action_prefix.as_ref().is_none_or(has_action)
    };
    let alarms: Vec<_> = all(&cx)?.into_iter().map(|(_, alarm)| alarm).filter(fits).collect();
    let page = wire::page(alarms, |alarm| alarm.alarm_name.clone(), limit, request.next_token.as_deref());
    let (metric_alarms, next_token) = page.map_err(|_| Error::BadToken)?;
    Ok(model::DescribeAlarmsResponse { metric_alarms, next_token })
}

/// `DescribeAlarmsForMetric`.
pub(super) async fn describe_alarms_for_metric(
    cx: Cx,
    request: model::DescribeAlarmsForMetricRequest,
) -> Result<model::DescribeAlarmsForMetricResponse, Error> {
    let metric = metric::id(&request.namespace, &request.metric_name, &request.dimensions)?;
    let statistic = request.statistic.as_ref().or(request.extended_statistic.as_ref());
    let statistic = statistic.map(|name| Statistic::parse(name).ok_or_else(|| crate::query::no_statistic(name)));
    let statistic = statistic.transpose()?;
    let watches = |alarm: &Alarm| {
        let watched = Watched::of(&alarm.asked).ok();
        watched.as_ref().and_then(Watched::metric).is_some_and(|of| {
            of.metric == metric
                && statistic.is_none_or(|statistic| of.statistic == statistic)
                && request.period.is_none_or(|period| of.period == i64::from(period) * 1000)
                && request.unit.as_ref().is_none_or(|unit| of.unit.as_ref() == Some(unit))
        })
    };
    let alarms = all(&cx)?.into_iter().filter(|(alarm, _)| watches(alarm)).map(|(_, shown)| shown);
    Ok(model::DescribeAlarmsForMetricResponse { metric_alarms: alarms.collect() })
}

/// `DescribeAlarmHistory`.
pub(super) async fn describe_alarm_history(
    cx: Cx,
    request: model::DescribeAlarmHistoryRequest,
) -> Result<model::DescribeAlarmHistoryResponse, Error> {
    let limit = page_size(request.max_records, PAGE, PAGE_MAX)?;
    let skip = place(request.next_token.as_deref())?;
    if !of_kind(&request.alarm_types) {
        return Ok(model::DescribeAlarmHistoryResponse::default());
    }
    let query = AlarmQuery {
        alarm: request.alarm_name,
        kind: request.history_item_type,
        start: request.start_date,
        end: request.end_date,
        ascending: ascending(request.scan_by.as_deref())?,
        skip,
        limit: limit + 1,
    };
    let mut events = work(&cx, move |metrics, scope| Ok(metrics.alarm_events(scope, &query)?)).await?;
    let next_token = (events.len() > limit).then(|| token(skip + limit));
    events.truncate(limit);
    let alarm_history_items = events.into_iter().map(item).collect();
    Ok(model::DescribeAlarmHistoryResponse { alarm_history_items, next_token })
}

fn item(event: AlarmEvent) -> model::AlarmHistoryItem {
    model::AlarmHistoryItem {
        alarm_name: Some(event.alarm),
        alarm_type: Some(KIND.to_owned()),
        timestamp: Some(event.time),
        history_item_type: Some(event.kind),
        history_summary: Some(event.summary),
        history_data: Some(event.data),
    }
}

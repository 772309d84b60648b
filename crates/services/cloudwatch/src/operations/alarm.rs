//! Alarms: put, deleted, switched, set by hand.

use api::cloudwatch as model;
use names::Tags;

use super::{Cx, tag, tell, watched::Watched};
use crate::{
    Error,
    metric::invalid,
    rows::{Alarm, AlarmObserved, Found, SetByHand, State},
};

/// Alarms in one account and region.
const ALARMS_MAX: usize = 5000;
/// Alarms in one request.
const NAMES_MAX: usize = 100;
/// Actions for one state.
const ACTIONS_MAX: usize = 5;

/// `PutMetricAlarm`.
pub(super) async fn put_metric_alarm(cx: Cx, request: model::PutMetricAlarmRequest) -> Result<model::Done, Error> {
    let mut asked = request;
    check(&asked)?;
    let tags = tag::checked(std::mem::take(&mut asked.tags))?;
    let (name, now) = (asked.alarm_name.clone(), cx.clock.now());
    let key = Alarm::key(cx.scope(), &name);
    let is_new = cx.store.write(|tx| {
        let before: Option<Alarm> = tx.get(&key)?;
        if before.is_none() && tx.list::<Alarm>(cx.scope())?.len() >= ALARMS_MAX {
            return Err(Error::Limit(format!("There can be at most {ALARMS_MAX} alarms; delete some.")));
        }
        let is_new = before.is_none();
        let alarm = match before {
            Some(before) => Alarm { asked, updated: now, ..before },
            None => Alarm { asked, tags, created: now, updated: now, set: None },
        };
        tx.put(&key, &alarm)?;
        Ok(is_new)
    })?;
    tell(&cx, &[name], if is_new { "created" } else { "updated" }).await?;
    Ok(model::Done {})
}

fn check(asked: &model::PutMetricAlarmRequest) -> Result<(), Error> {
    if !(1..=255).contains(&asked.alarm_name.chars().count()) {
        return Err(Error::Validation("AlarmName must have 1 to 255 characters".to_owned()));
    }
    if asked.alarm_description.as_ref().is_some_and(|text| text.chars().count() > 1024) {
        return Err(Error::Validation("AlarmDescription must have at most 1024 characters".to_owned()));
    }
    for (member, actions) in [
        ("OKActions", &asked.ok_actions),
        ("AlarmActions", &asked.alarm_actions),
        ("InsufficientDataActions", &asked.insufficient_data_actions),
    ] {
        if actions.len() > ACTIONS_MAX {
            return Err(Error::Validation(format!("{member} must have at most {ACTIONS_MAX} members")));
        }
        if let Some(wrong) = actions.iter().find(|action| !action.starts_with("arn:") || action.len() > 1024) {
            return Err(Error::Validation(format!("Invalid arn syntax in {member}: {wrong}")));
        }
    }
    Watched::of(asked).map(drop)
}

/// The alarms that are named, all of which are there.
fn named(names: Vec<String>) -> Result<Vec<String>, Error> {
    if names.is_empty() {
        return Err(Error::Missing("The parameter AlarmNames is needed.".to_owned()));
    }
    if names.len() > NAMES_MAX {
        return Err(invalid(format!("The collection AlarmNames must not have more than {NAMES_MAX} members.")));
    }
    Ok(names)
}

/// `DeleteAlarms`: all of them, or none where one is not there.
pub(super) async fn delete_alarms(cx: Cx, request: model::AlarmNames) -> Result<model::Done, Error> {
    let names = named(request.alarm_names)?;
    cx.store.write(|tx| {
        for name in &names {
            let key = Alarm::key(cx.scope(), name);
            if !tx.delete::<Alarm>(&key)? {
                return Err(Error::NoAlarm(name.clone()));
            }
        }
        Ok(())
    })?;
    tell(&cx, &names, "deleted").await?;
    Ok(model::Done {})
}

/// `EnableAlarmActions`.
pub(super) async fn enable_alarm_actions(cx: Cx, request: model::AlarmNames) -> Result<model::Done, Error> {
    switch(&cx, named(request.alarm_names)?, true).await
}

/// `DisableAlarmActions`.
pub(super) async fn disable_alarm_actions(cx: Cx, request: model::AlarmNames) -> Result<model::Done, Error> {
    switch(&cx, named(request.alarm_names)?, false).await
}

/// Names that nothing is called by are passed over, as at AWS.
async fn switch(cx: &Cx, names: Vec<String>, enabled: bool) -> Result<model::Done, Error> {
    let now = cx.clock.now();
    let switched = cx.store.write(|tx| {
        let mut switched = Vec::new();
        for name in names {
            let key = Alarm::key(cx.scope(), &name);
            let Some(mut alarm) = tx.get::<Alarm>(&key)? else { continue };
            alarm.asked.actions_enabled = Some(enabled);
            alarm.updated = now;
            tx.put(&key, &alarm)?;
            switched.push(name);
        }
        Ok::<_, Error>(switched)
    })?;
    tell(cx, &switched, "updated").await?;
    Ok(model::Done {})
}

/// `SetAlarmState`.
pub(super) async fn set_alarm_state(cx: Cx, request: model::SetAlarmStateRequest) -> Result<model::Done, Error> {
    let model::SetAlarmStateRequest { alarm_name, state_value, state_reason, state_reason_data } = request;
    let state = State::parse(&state_value).ok_or_else(|| {
        Error::Validation(format!("StateValue {state_value} is not one of OK, ALARM, INSUFFICIENT_DATA"))
    })?;
    if state_reason.chars().count() > 1023 {
        return Err(Error::Validation("StateReason must have at most 1023 characters".to_owned()));
    }
    if let Some(data) = &state_reason_data {
        let json = serde_json::from_str::<serde_json::Value>(data);
        json.map_err(|error| Error::Format(format!("StateReasonData is not JSON: {error}")))?;
    }
    let (key, now) = (Alarm::key(cx.scope(), &alarm_name), cx.clock.now());
    cx.store.write(|tx| {
        let mut alarm: Alarm = tx.get(&key)?.ok_or_else(|| Error::NoAlarm(alarm_name.clone()))?;
        let heard = tx.get::<AlarmObserved>(&key)?.map_or(0, |seen| seen.heard);
        let number = alarm.set.map_or(heard, |set| set.number.max(heard)) + 1;
        let found = Found { state, reason: state_reason, data: state_reason_data };
        alarm.set = Some(SetByHand { number, found, at: now });
        tx.put(&key, &alarm).map_err(Error::from)
    })?;
    Ok(model::Done {})
}

/// Tags of the alarm called `name`, changed.
pub(super) fn retag(cx: &Cx, name: &str, change: impl FnOnce(&mut Tags) -> Result<(), Error>) -> Result<(), Error> {
    let key = Alarm::key(cx.scope(), name);
    cx.store.write(|tx| {
        let mut alarm: Alarm = tx.get(&key)?.ok_or_else(|| Error::NoResource(name.to_owned()))?;
        change(&mut alarm.tags)?;
        tx.put(&key, &alarm).map_err(Error::from)
    })
}

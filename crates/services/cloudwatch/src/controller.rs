//! Evaluates alarms, again and again.

use std::{sync::Arc, time::Duration};

use names::Timestamp;
use reconcile::{Controller, Next};
use serde_json::json;
use store::Key;
use telemetry::metrics::AlarmEvent;

use crate::{
    CloudWatch, Error,
    operations::Watched,
    plan,
    query::last_periods,
    rows::{Alarm, AlarmObserved, Found, State},
    series::Grid,
};

/// How often an alarm is evaluated.
const INTERVAL: Duration = Duration::from_secs(10);

/// The controller.
pub(crate) struct Alarms(Arc<CloudWatch>);

impl Alarms {
    pub(crate) fn new(state: Arc<CloudWatch>) -> Self {
        Self(state)
    }

    /// What the metrics say of `alarm` now; none where it stays as it is.
    async fn look(&self, key: &Key, alarm: &Alarm, now: Timestamp) -> Result<Option<Found>, Error> {
        let (watched, asked) = (Watched::of(&alarm.asked)?, alarm.asked.clone());
        let (metrics, scope) = (self.0.metrics.clone(), key.scope.clone());
        tokio::task::spawn_blocking(move || {
            let periods = i64::try_from(watched.rule.periods).unwrap_or(i64::MAX);
            let span = last_periods(now, watched.period, periods.saturating_add(plan::PERIODS_BESIDE));
            let series = watched.series(&metrics, &scope, (span, Grid::FromStart))?;
            let state = plan::evaluate(&watched.rule, &series.values, span, watched.period);
            Ok(state.map(|state| plan::explain(state, &watched.rule, (&series.values, span), &asked, watched.period)))
        })
        .await?
    }

    /// Keeps what became of the alarm.
    async fn record(
        &self,
        key: &Key,
        alarm: &Alarm,
        before: Option<State>,
        after: &AlarmObserved,
        now: Timestamp,
    ) -> Result<(), Error> {
        let found = after.found.clone();
        let mut events = Vec::new();
        if let Some(before) = before {
            events.push(transition(&key.name, before, &found, now));
            events.extend(actions(alarm, found.state).iter().map(|action| untaken(&key.name, action, now)));
        }
        let (metrics, scope) = (self.0.metrics.clone(), key.scope.clone());
        tokio::task::spawn_blocking(move || metrics.tell(&scope, &events)).await??;
        self.0.store.write(|tx| match tx.get::<Alarm>(key)? {
            Some(_) => tx.put(key, after).map_err(Error::from),
            None => Ok(()),
        })
    }
}

/// The actions that are to be taken when `alarm` comes to `state`.
fn actions(alarm: &Alarm, state: State) -> &[String] {
    if alarm.asked.actions_enabled == Some(false) {
        return &[];
    }
    match state {
        State::Ok => &alarm.asked.ok_actions,
        State::Alarm => &alarm.asked.alarm_actions,
        State::InsufficientData => &alarm.asked.insufficient_data_actions,
    }
}

fn transition(alarm: &str, before: State, found: &Found, now: Timestamp) -> AlarmEvent {
    let (old, new) = (before.as_str(), found.state.as_str());
    let reason = found.data.as_deref().and_then(|data| serde_json::from_str::<serde_json::Value>(data).ok());
    let data = json!({
        "version": "1.0",
        "oldState": { "stateValue": old },
        "newState": { "stateValue": new, "stateReason": found.reason, "stateReasonData": reason },
    });
    AlarmEvent {
        alarm: alarm.to_owned(),
        time: now,
        kind: "StateUpdate".to_owned(),
        summary: format!("Alarm updated from {old} to {new}"),
        data: data.to_string(),
    }
}

fn untaken(alarm: &str, action: &str, now: Timestamp) -> AlarmEvent {
    let error = "Serin has nothing that takes the actions of alarms";
    AlarmEvent {
        alarm: alarm.to_owned(),
        time: now,
        kind: "Action".to_owned(),
        summary: format!("Failed to execute action {action}"),
        data: json!({ "actionState": "Failed", "notificationResource": action, "error": error }).to_string(),
    }
}

impl Controller for Alarms {
    type Error = Error;

    const NAME: &'static str = "cloudwatch/alarm";

    fn watches(&self) -> &'static [&'static str] {
        &["cloudwatch/alarm"]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        let asked = self.0.store.list_all::<Alarm>()?.into_iter().map(|(key, _)| key);
        let seen = self.0.store.list_all::<AlarmObserved>()?.into_iter().map(|(key, _)| key);
        Ok(asked.chain(seen).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let (store, now) = (&self.0.store, self.0.clock.now());
        let Some(alarm) = store.get::<Alarm>(key)? else {
            store.write(|tx| tx.delete::<AlarmObserved>(key))?;
            return Ok(Next::Settled);
        };
        let seen = store.get::<AlarmObserved>(key)?;
        let mut after = AlarmObserved::of(&alarm, seen.clone());
        let heard = seen.as_ref().map_or(0, |seen| seen.heard) != after.heard;
        // What is set by hand holds until the alarm is evaluated next.
        if !heard && let Some(found) = self.look(key, &alarm, now).await? {
            after.becomes(found, now);
        }
        if seen.as_ref() != Some(&after) {
            let before = seen.as_ref().map_or(State::InsufficientData, |seen| seen.found.state);
            self.record(key, &alarm, (before != after.found.state).then_some(before), &after, now).await?;
        }
        Ok(Next::After(INTERVAL))
    }
}

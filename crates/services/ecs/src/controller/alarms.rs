//! The alarm controller: looks at the alarms that a deployment on its way is watched by, and notes those that sound.
//!
//! As on AWS, a deployment that begins while one of its alarms sounds already is not watched by any: it may be the one
//! that mends what the alarm is about. What sounded once during a deployment counts, even if it has ended since.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use api::{
    cloudwatch::{DescribeAlarms, DescribeAlarmsRequest, MetricAlarm},
    ecs::DeploymentRolloutState,
};
use reconcile::{Controller, Next};
use store::{Change, Key, Row};

use super::Error;
use crate::{
    Ecs,
    rows::{Service, ServiceAlarms, ServiceDeployment, ServiceObserved, digits},
};

/// The kind of rows by which CloudWatch tells that an alarm has changed.
const ALARM: &str = "cloudwatch/alarm.observed";
/// How soon to look again where no change was noticed.
const POLL: Duration = Duration::from_secs(5);
/// How many alarms one answer has, as on AWS.
const PAGE: i32 = 100;
/// How long after a rolling deployment is reached its alarms are watched at most, where nothing is said, as on AWS.
const BAKE_MAX: Duration = Duration::from_mins(5);
/// How long CloudWatch takes at most to evaluate an alarm once its last period is over.
const EVALUATION: Duration = Duration::from_secs(10);
/// What CloudWatch calls the state of an alarm that sounds.
const SOUNDING: &str = "ALARM";

/// Watches alarms.
pub(super) struct Alarms {
    ecs: Arc<Ecs>,
}

impl Alarms {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs }
    }

    /// The deployment at `key` that is watched by alarms, and their names.
    fn watched(&self, key: &Key) -> Result<Option<(String, Vec<String>)>, Error> {
        let store = &self.ecs.store;
        let Some(service) = store.get::<Service>(key)?.filter(|service| service.deleted_at.is_none()) else {
            return Ok(None);
        };
        let observed = store.get::<ServiceObserved>(key)?.unwrap_or_default();
        let Some(latest) = observed.deployments.first() else { return Ok(None) };
        let id = latest.revision.deployment.clone();
        let ended = observed.release.as_ref().is_some_and(|release| release.end.is_some());
        let goes = latest.rollout == DeploymentRolloutState::InProgress && !latest.rollback && !ended;
        if !goes || id != observed.taken_up {
            return Ok(None);
        }
        let story = ServiceDeployment::key(&key.scope, &service.cluster, &service.name, digits(&id));
        let asked = store.get::<ServiceDeployment>(&story)?.and_then(|story| story.configuration.alarms);
        Ok(asked.filter(|alarms| alarms.enable).map(|alarms| (id, alarms.alarm_names)))
    }
}

impl Controller for Alarms {
    type Error = Error;
    const NAME: &'static str = "ecs/alarms";

    fn watches(&self) -> &'static [&'static str] {
        &[ServiceObserved::KIND, ALARM]
    }

    /// An alarm concerns the services that are watched by it.
    fn keys_of(&self, change: &Change) -> Vec<Key> {
        if change.kind != ALARM {
            return vec![change.key.clone()];
        }
        let services = self.ecs.store.list::<Service>(&change.key.scope).unwrap_or_default();
        let watched = services.into_iter().filter(|(_, service)| {
            let alarms = service.deployment.alarms.as_ref();
            alarms.is_some_and(|alarms| alarms.enable && alarms.alarm_names.contains(&change.key.name))
        });
        watched.map(|(key, _)| key).collect()
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.ecs.store.list_all::<ServiceObserved>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let Some((deployment, names)) = self.watched(key)? else { return Ok(Next::Settled) };
        let request =
            DescribeAlarmsRequest { alarm_names: names.clone(), max_records: Some(PAGE), ..Default::default() };
        let found = self.ecs.caller.call::<DescribeAlarms>(&key.scope, request).await?.metric_alarms;
        self.ecs.store.write(|tx| {
            let before = tx.get::<ServiceAlarms>(key)?.filter(|before| before.deployment == deployment);
            let after = look(&deployment, &names, &found, before.as_ref());
            if before.as_ref() != Some(&after) {
                tx.put(key, &after)?;
            }
            Ok(if after.ignored { Next::Settled } else { Next::After(POLL) })
        })
    }
}

/// What is known of the alarms called `names` of `deployment`, of which these were `found` now.
fn look(deployment: &str, names: &[String], found: &[MetricAlarm], before: Option<&ServiceAlarms>) -> ServiceAlarms {
    let sounds = |alarm: &&MetricAlarm| alarm.state_value.as_deref() == Some(SOUNDING);
    let sounding = found.iter().filter(sounds).map(|alarm| alarm.alarm_name.clone());
    let is_missing = |name: &&String| !found.iter().any(|alarm| alarm.alarm_name == **name);
    let missing: Vec<String> = names.iter().filter(is_missing).cloned().collect();
    let bake = found.iter().map(horizon).max().unwrap_or_default().min(BAKE_MAX);
    let after = ServiceAlarms {
        deployment: deployment.to_owned(),
        ignored: false,
        sounding: Vec::new(),
        missing,
        bake_seconds: bake.as_secs(),
    };
    match before {
        None => ServiceAlarms { ignored: found.iter().any(|alarm| sounds(&alarm)), ..after },
        Some(before) if before.ignored => before.clone(),
        Some(before) => {
            let all: BTreeSet<String> = before.sounding.iter().cloned().chain(sounding).collect();
            ServiceAlarms { sounding: all.into_iter().collect(), ..after }
        }
    }
}

/// How long after something happened `alarm` can begin to sound because of it.
fn horizon(alarm: &MetricAlarm) -> Duration {
    let seconds = |given: Option<i32>| given.and_then(|given| u64::try_from(given).ok()).unwrap_or(0);
    let of_metrics = alarm.metrics.iter().map(|metric| {
        let own = metric.metric_stat.as_ref().map(|stat| stat.period);
        seconds(metric.period).max(seconds(own))
    });
    let period = of_metrics.max().unwrap_or(0).max(seconds(alarm.period));
    Duration::from_secs(period.saturating_mul(seconds(alarm.evaluation_periods).max(1))) + EVALUATION
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(name: &str, state: &str) -> MetricAlarm {
        MetricAlarm {
            alarm_name: name.to_owned(),
            state_value: Some(state.to_owned()),
            period: Some(10),
            evaluation_periods: Some(3),
            ..MetricAlarm::default()
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_sounded_at_the_beginning_is_not_watched_at_all() {
        let both = names(&["errors", "slow"]);
        let first = look("d", &both, &[alarm("errors", "ALARM"), alarm("slow", "OK")], None);
        assert!(first.ignored && first.sounding.is_empty());
        let later = look("d", &both, &[alarm("errors", "OK"), alarm("slow", "ALARM")], Some(&first));
        assert_eq!(later, first);
    }

    #[test]
    fn what_sounded_once_counts_and_what_is_not_there_is_named() {
        let both = names(&["errors", "slow"]);
        let quiet = look("d", &both, &[alarm("errors", "INSUFFICIENT_DATA")], None);
        assert_eq!((quiet.ignored, &quiet.missing), (false, &names(&["slow"])));
        let sounds = look("d", &both, &[alarm("errors", "ALARM"), alarm("slow", "OK")], Some(&quiet));
        let over = look("d", &both, &[alarm("errors", "OK"), alarm("slow", "OK")], Some(&sounds));
        assert_eq!((over.sounding, over.missing), (names(&["errors"]), Vec::new()));
    }

    #[test]
    fn it_bakes_until_the_slowest_alarm_could_have_sounded_but_not_for_ever() {
        let slow = MetricAlarm { period: Some(3600), ..alarm("slow", "OK") };
        let one = names(&["errors"]);
        assert_eq!(look("d", &one, &[alarm("errors", "OK")], None).bake_seconds, 40);
        assert_eq!(look("d", &one, &[alarm("errors", "OK"), slow], None).bake_seconds, 300);
    }
}

//! The story of a service's deployments: a row for each, written as it goes, and one for each revision.

use api::ecs::{
    DeploymentConfiguration, ServiceDeploymentRollbackMonitorsStatus as Monitor, ServiceDeploymentStatus as Status,
};
use names::{Scope, Timestamp};
use store::{Key, Transaction};

use super::super::Error;
use crate::{
    Words,
    plan::{release::Cause, service::View},
    rows::{AlarmsSeen, Rollback, Service, ServiceDeployment, ServiceObserved, ServiceRevision, digits},
};

/// How many deployments and revisions of a service are kept.
const KEPT_MAX: usize = 50;

/// The deployment that was asked for last, as it is written down.
pub(super) struct Story {
    now: Timestamp,
    record: Option<ServiceDeployment>,
    before: Option<ServiceDeployment>,
    /// What is to be told of it.
    news: Vec<String>,
}

impl Story {
    /// Takes up what was asked if it is new, and reads what is written of it.
    pub(super) fn read(
        tx: &mut Transaction<'_>,
        scope: &Scope,
        service: &Service,
        observed: &mut ServiceObserved,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let key = |id: &str| ServiceDeployment::key(scope, &service.cluster, &service.name, digits(id));
        let sources: Vec<String> = observed.deployments.iter().map(|d| d.revision.digits().to_owned()).collect();
        let last = key(&observed.taken_up);
        let last_record = tx.get::<ServiceDeployment>(&last)?;
        if !observed.take_up(service, now) {
            return Ok(Self { now, record: last_record.clone(), before: last_record, news: Vec::new() });
        }
        if let Some(mut overtaken) = last_record.filter(ServiceDeployment::is_open) {
            overtaken.end(Status::Stopped, Some("A newer service deployment overtook this one.".to_owned()), now);
            tx.put(&last, &overtaken)?;
        }
        let latest = observed.deployments.first();
        let revision = ServiceRevision {
            cluster: service.cluster.clone(),
            service: service.name.clone(),
            revision: service.revision.clone(),
            load_balancers: latest.map(|latest| latest.load_balancers().to_vec()).unwrap_or_default(),
        };
        tx.put(&key(&service.revision.deployment), &revision)?;
        forget_oldest(tx, scope, service)?;
        let asked = ServiceDeployment::asked(service);
        let record = ServiceDeployment { status: Status::InProgress, started_at: Some(now), sources, ..asked };
        Ok(Self { now, record: Some(record), before: None, news: Vec::new() })
    }

    /// How the service was to change when the deployment began.
    pub(super) fn configuration(&self) -> Option<&DeploymentConfiguration> {
        self.record.as_ref().map(|record| &record.configuration)
    }

    /// What is to be told, once.
    pub(super) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// Takes over what the circuit breaker sees, and who looks at the alarms.
    pub(super) fn watch(&mut self, view: &View) {
        let Some(record) = self.record.as_mut().filter(|record| record.status == Status::InProgress) else { return };
        let Some(latest) = view.deployments.first() else { return };
        record.breaker.status = if view.breaker.is_some() { Monitor::Monitoring } else { Monitor::Disabled };
        record.breaker.failures = view.failed(latest);
        record.breaker.threshold = view.breaker_threshold();
        let Some(asked) = record.configuration.alarms.as_ref().filter(|alarms| alarms.enable) else { return };
        let alarms = view.alarms.as_ref();
        let missing = alarms.map(|alarms| alarms.missing.clone()).unwrap_or_default();
        let before = record.alarms.take().unwrap_or_default();
        if !missing.is_empty() && before.missing != missing {
            self.news.push(Words(&record.service).no_alarms(&missing));
        }
        let status = if alarms.is_some() { Monitor::Monitoring } else { Monitor::Disabled };
        record.alarms =
            Some(AlarmsSeen { status, names: asked.alarm_names.clone(), triggered: before.triggered, missing });
    }

    /// The circuit breaker, or an alarm, has acted.
    pub(super) fn trip(&mut self, cause: &Cause) {
        let Some(record) = &mut self.record else { return };
        match (cause, &mut record.alarms) {
            (Cause::Breaker, _) => record.breaker.status = Monitor::Triggered,
            (Cause::Alarms(sounding), Some(alarms)) => {
                alarms.status = Monitor::Triggered;
                alarms.triggered.clone_from(sounding);
            }
            _ => {}
        }
    }

    /// What was to be reached is reached: the revision asked for, or the one before.
    pub(super) fn completed(&mut self) {
        let now = self.now;
        let Some(record) = self.record.as_mut().filter(|record| record.is_open()) else { return };
        if record.status == Status::RollbackInProgress {
            record.end(Status::RollbackSuccessful, None, now);
        } else {
            if record.breaker.status == Monitor::Monitoring {
                record.breaker.status = Monitor::MonitoringComplete;
            }
            if let Some(alarms) = record.alarms.as_mut().filter(|alarms| alarms.status == Monitor::Monitoring) {
                alarms.status = Monitor::MonitoringComplete;
            }
            record.end(Status::Successful, None, now);
        }
    }

    /// It was given up where it was.
    pub(super) fn stopped(&mut self, reason: &str) {
        if let Some(record) = &mut self.record {
            record.end(Status::Stopped, Some(reason.to_owned()), self.now);
        }
    }

    /// It goes back to the deployment `to`.
    pub(super) fn going_back(&mut self, reason: &str, to: &str) {
        if let Some(record) = &mut self.record {
            record.status = Status::RollbackInProgress;
            record.reason = Some(reason.to_owned());
            record.rollback = Some(Rollback { reason: reason.to_owned(), at: self.now, to: digits(to).to_owned() });
        }
    }

    /// Writes down what has changed.
    pub(super) fn write(
        self,
        tx: &mut Transaction<'_>,
        scope: &Scope,
        observed: &ServiceObserved,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(mut record) = self.record else { return Ok(()) };
        if let Some(release) = &observed.release {
            record.follow(release);
        }
        if self.before.as_ref() != Some(&record) {
            record.updated_at = now;
            tx.put(&ServiceDeployment::key(scope, &record.cluster, &record.service, &record.id), &record)?;
        }
        Ok(())
    }
}

impl ServiceDeployment {
    fn end(&mut self, status: Status, reason: Option<String>, now: Timestamp) {
        self.status = status;
        self.reason = reason.or(self.reason.take());
        self.finished_at = Some(now);
        self.stopped_at = (status == Status::Stopped).then_some(now);
    }
}

/// Forgets the oldest of what is kept, so that there is room for one more.
fn forget_oldest(tx: &mut Transaction<'_>, scope: &Scope, service: &Service) -> Result<(), Error> {
    let under = format!("{}/{}/", service.cluster, service.name);
    let mut kept = tx.list_under::<ServiceRevision>(scope, &under)?;
    kept.sort_by_key(|(_, row)| row.revision.created_at);
    let surplus = kept.len().saturating_sub(KEPT_MAX);
    for (key, _) in kept.into_iter().take(surplus) {
        tx.delete::<ServiceRevision>(&key)?;
        tx.delete::<ServiceDeployment>(&key)?;
    }
    Ok(())
}

/// Forgets the whole story of the service at `key`.
pub(super) fn forget(tx: &mut Transaction<'_>, key: &Key) -> Result<(), Error> {
    let under = format!("{}/", key.name);
    for (key, _) in tx.list_under::<ServiceDeployment>(&key.scope, &under)? {
        tx.delete::<ServiceDeployment>(&key)?;
    }
    for (key, _) in tx.list_under::<ServiceRevision>(&key.scope, &under)? {
        tx.delete::<ServiceRevision>(&key)?;
    }
    Ok(())
}

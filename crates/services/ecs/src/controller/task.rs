//! The task controller: one step of one task at a time.

use std::{sync::Arc, time::Duration};

use api::ecs::TaskStopCode;
use container::TaskState;
use reconcile::{Controller, Next};
use store::{Key, Row};

use super::{Error, follow::Followers};
use crate::{
    Ecs,
    operations::remove_if_unused,
    plan::task::{Facts, Step, next, stop_of},
    rows::{Status, Stop, Task, TaskDefinition, TaskLogs, TaskObserved, TaskRuntime},
};

/// How soon to look again at what tells no events: an interface that is being made, a shim that was told to stop.
pub(super) const POLL: Duration = Duration::from_millis(200);

/// Takes tasks from station to station.
pub(super) struct TaskController {
    pub(super) ecs: Arc<Ecs>,
    followers: Followers,
}

impl TaskController {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { followers: Followers::new(Arc::clone(&ecs)), ecs }
    }
}

impl Controller for TaskController {
    type Error = Error;
    const NAME: &'static str = "ecs/task";

    fn watches(&self) -> &'static [&'static str] {
        &[Task::KIND, TaskRuntime::KIND, TaskLogs::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        let mut keys: Vec<Key> = self.ecs.store.list_all::<Task>()?.into_iter().map(|(key, _)| key).collect();
        keys.extend(self.ecs.store.list_all::<TaskObserved>()?.into_iter().map(|(key, _)| key));
        keys.dedup();
        Ok(keys)
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let store = &self.ecs.store;
        let Some(task) = store.get::<Task>(key)? else { return self.forget(key, None) };
        let observed = store.get::<TaskObserved>(key)?.unwrap_or_default();
        let runtime = store.get::<TaskRuntime>(key)?.map(|row| row.state);
        let followed = Status::Activating..=Status::Deprovisioning;
        if observed.status == Status::Stopping || (runtime.is_some() && followed.contains(&observed.status)) {
            self.followers.ensure(key, &task);
        }
        let logs_carried = store.get::<TaskLogs>(key)?.is_some_and(|logs| logs.complete);
        let facts = Facts { runtime: runtime.as_ref(), logs_carried, now: self.ecs.clock.now() };
        let step = next(&task, &observed, facts);
        tracing::debug!(task = %task.id, status = observed.status.as_str(), ?step, "A task's next step is planned.");
        let visit = Visit { ecs: &self.ecs, key, task: &task, before: &observed, runtime: runtime.as_ref() };
        self.perform(step, &visit).await
    }
}

/// One look at one task: what was read, for whoever does the step.
pub(super) struct Visit<'a> {
    pub(super) ecs: &'a Ecs,
    pub(super) key: &'a Key,
    pub(super) task: &'a Task,
    pub(super) before: &'a TaskObserved,
    pub(super) runtime: Option<&'a TaskState>,
}

impl Visit<'_> {
    /// Notes what the task has become, and tells its service's story `events` with it. Only what changed is written.
    pub(super) fn note(&self, after: TaskObserved, events: &[String]) -> Result<(), Error> {
        if after == *self.before && events.is_empty() {
            return Ok(());
        }
        let after = TaskObserved { version: self.before.version + 1, ..after };
        let now = self.ecs.clock.now();
        self.ecs.store.write(|tx| {
            tx.put(self.key, &after)?;
            let service = Ecs::service_key(&self.key.scope, self.task);
            if let Some(service) = service.filter(|_| !events.is_empty())
                && let Some(mut observed) = tx.get::<crate::rows::ServiceObserved>(&service)?
            {
                for event in events {
                    observed.tell(self.ecs.ids.uuid(), now, event.clone());
                }
                tx.put(&service, &observed)?;
            }
            Ok(())
        })
    }

    /// Notes that the task goes on at `status`, and looks again at once.
    pub(super) fn go_on(&self, after: TaskObserved, status: Status, events: &[String]) -> Result<Next, Error> {
        self.note(TaskObserved { status, ..after }, events)?;
        Ok(Next::After(Duration::ZERO))
    }

    /// Notes that the task failed before it ran; it leaves at the next look.
    pub(super) fn fail(&self, reason: String) -> Result<Next, Error> {
        let at = self.ecs.clock.now();
        let stop = Stop { code: TaskStopCode::TaskFailedToStart, reason, at, failed: true };
        self.note(TaskObserved { stop: Some(stop), ..self.before.clone() }, &[])?;
        Ok(Next::After(Duration::ZERO))
    }

    /// The task's definition; none if it was removed by hand.
    pub(super) fn definition(&self) -> Result<Option<TaskDefinition>, Error> {
        let key = TaskDefinition::key(&self.key.scope, &self.task.family, self.task.revision);
        Ok(self.ecs.store.get(&key)?)
    }
}

impl TaskController {
    async fn perform(&self, step: Step, visit: &Visit<'_>) -> Result<Next, Error> {
        match step {
            Step::CreateInterface => visit.create_interface().await,
            Step::Prepare => visit.prepare().await,
            Step::Launch => visit.launch().await,
            Step::Register => visit.register().await,
            Step::Observe(wait) => visit.observe(wait).await,
            Step::Leave(status) => visit.leave(status),
            Step::Deregister => visit.deregister().await,
            Step::AwaitDrained(wait) => visit.await_drained(wait).await,
            Step::Terminate => visit.terminate().await,
            Step::Ended => visit.ended(),
            Step::AwaitLogs(wait) | Step::Wait(Some(wait)) => Ok(Next::After(wait)),
            Step::Wait(None) => Ok(Next::Settled),
            Step::Release => visit.release().await,
            Step::Forget => self.forget(visit.key, Some(visit.task)),
        }
    }

    /// Removes all rows of a task, and its definition if that only waited for it.
    fn forget(&self, key: &Key, task: Option<&Task>) -> Result<Next, Error> {
        self.ecs.store.write(|tx| {
            tx.delete::<Task>(key)?;
            tx.delete::<TaskObserved>(key)?;
            tx.delete::<TaskRuntime>(key)?;
            tx.delete::<TaskLogs>(key)?;
            let definition = task.map(|task| TaskDefinition::key(&key.scope, &task.family, task.revision));
            if let Some(row) = definition.map(|key| tx.get::<TaskDefinition>(&key)).transpose()?.flatten() {
                remove_if_unused(tx, &key.scope, &row)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(Next::Settled)
    }
}

impl Visit<'_> {
    /// The task has to stop: notes why, and where it goes.
    fn leave(&self, status: Status) -> Result<Next, Error> {
        let now = self.ecs.clock.now();
        let mut after = self.before.clone();
        if after.stop.is_none() {
            let ended = self.runtime.filter(|state| state.stop.is_some() || state.is_final());
            let own = ended.map(|state| stop_of(state, now));
            after.stop = self.task.stop.clone().or(own);
        }
        after.stopping_at.get_or_insert(now);
        after.fitness = crate::rows::Fitness::Unknown;
        self.go_on(after, status, &[])
    }

    async fn terminate(&self) -> Result<Next, Error> {
        let reason = self.task.end(self.before).map_or("Task stopped", |stop| stop.reason.as_str());
        if self.ecs.runtime.stop(&self.task.id, reason).await? {
            // The follower tells when it is done; in case it can't, this looks again.
            Ok(Next::After(POLL))
        } else {
            self.ended()
        }
    }

    fn ended(&self) -> Result<Next, Error> {
        let mut after = self.before.clone();
        after.execution_stopped_at.get_or_insert(self.ecs.clock.now());
        self.go_on(after, Status::Deprovisioning, &[])
    }
}

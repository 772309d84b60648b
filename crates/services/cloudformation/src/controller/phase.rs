//! From one phase of a stack to the next.
//!
//! | phase | what its steps do | if all are done | if one fails |
//! |---|---|---|---|
//! | `CREATE_IN_PROGRESS` | make all | `CREATE_COMPLETE` | `ROLLBACK_IN_PROGRESS`, or as `OnFailure` says |
//! | `ROLLBACK_IN_PROGRESS` | remove all | `ROLLBACK_COMPLETE` | `ROLLBACK_FAILED` |
//! | `UPDATE_IN_PROGRESS` | make all as the new template says | `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS` | `UPDATE_ROLLBACK_IN_PROGRESS` |
//! | `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS` | remove what is left over | `UPDATE_COMPLETE` | the same |
//! | `UPDATE_ROLLBACK_IN_PROGRESS` | make all as the old template says | `UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS` | `UPDATE_ROLLBACK_FAILED` |
//! | `UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS` | remove what is left over | `UPDATE_ROLLBACK_COMPLETE` | the same |
//! | `DELETE_IN_PROGRESS` | remove all | `DELETE_COMPLETE` | `DELETE_FAILED` |

use std::{collections::BTreeSet, time::Duration};

use api::cloudformation::{OnFailure, Output, ResourceStatus, StackStatus};
use names::{Scope, Timestamp};
use store::{Key, Row, Transaction};

use super::ledger::Ledger;
use crate::{
    error::Error,
    exports, plan,
    rows::{ChangeSet, Deployment, Event, Export, Goal, Physical, Progress, Stack, State, Step, StepState, Work},
    target::{Standing, Target, pseudo},
    template::DeletionPolicy,
};

/// Events kept of one stack.
const EVENTS_MAX: u64 = 1000;
/// How long a deleted stack can still be asked for by its ARN.
const DELETED_KEPT: Duration = Duration::from_hours(2160);
/// What is said of the first event of a request.
const USER_INITIATED: &str = "User Initiated";

impl Ledger<'_, '_> {
    /// Begins the request that the stack's row holds, whatever was under way.
    pub(super) fn begin_request(&mut self) -> Result<(), Error> {
        self.break_off(false)?;
        self.prune_events()?;
        self.progress.generation = self.stack.generation;
        self.progress.started = self.now();
        let initiated = Some(USER_INITIATED.to_owned());
        match self.stack.goal.clone() {
            Goal::Review => self.stack_is(StackStatus::ReviewInProgress, initiated),
            Goal::Deploy(deployment) => self.begin_deployment(*deployment, initiated),
            Goal::Delete { retain } => {
                self.begin_deletion(StackStatus::DeleteInProgress, initiated, &retain)?;
                self.forget_exports(&BTreeSet::new())
            }
            Goal::RollBack { .. } if self.progress.current.is_none() => {
                self.begin_deletion(StackStatus::RollbackInProgress, initiated, &[])
            }
            Goal::RollBack { skip } => self.begin_rollback(initiated, &skip),
        }
    }

    fn begin_deployment(&mut self, deployment: Deployment, initiated: Option<String>) -> Result<(), Error> {
        let target = self.read(&deployment)?;
        self.progress.attempt = Some(deployment);
        let remains: Vec<&Physical> = self.things.iter().filter(|thing| half_made(thing)).collect();
        self.progress.steps = plan::remake(&target, &remains);
        if self.progress.status == StackStatus::ReviewInProgress {
            return self.stack_is(StackStatus::CreateInProgress, initiated);
        }
        self.progress.updated = Some(self.now());
        self.stack_is(StackStatus::UpdateInProgress, initiated)
    }

    fn read(&self, deployment: &Deployment) -> Result<Target, Error> {
        Ok(Target::read(deployment, pseudo(&self.key().scope, &self.stack.name, &self.stack.id))?)
    }

    /// Ends the present phase, all of whose steps that could be taken are taken, and begins the next.
    pub(super) fn turn(&mut self) -> Result<(), Error> {
        let done = self.progress.steps.iter().all(|step| step.state == StepState::Done);
        match self.progress.status {
            StackStatus::CreateInProgress | StackStatus::UpdateInProgress if done => self.complete(),
            StackStatus::CreateInProgress | StackStatus::UpdateInProgress => self.fail(None),
            StackStatus::UpdateRollbackInProgress if done => {
                let skip = self.skipped();
                self.clean_up(StackStatus::UpdateRollbackCompleteCleanupInProgress, &skip)
            }
            StackStatus::UpdateRollbackInProgress => {
                self.break_off(true)?;
                let reason = self.failures();
                self.stack_is(StackStatus::UpdateRollbackFailed, Some(reason))
            }
            StackStatus::UpdateCompleteCleanupInProgress => self.stack_is(StackStatus::UpdateComplete, None),
            StackStatus::UpdateRollbackCompleteCleanupInProgress => {
                self.stack_is(StackStatus::UpdateRollbackComplete, None)
            }
            StackStatus::RollbackInProgress if done => self.stack_is(StackStatus::RollbackComplete, None),
            StackStatus::DeleteInProgress if done => {
                self.progress.deleted = Some(self.now());
                self.forget_old_stacks()?;
                self.stack_is(StackStatus::DeleteComplete, None)
            }
            StackStatus::RollbackInProgress => {
                let reason = self.failures();
                self.stack_is(StackStatus::RollbackFailed, Some(reason))
            }
            StackStatus::DeleteInProgress => {
                let reason = self.failures();
                self.stack_is(StackStatus::DeleteFailed, Some(reason))
            }
            _ => Ok(()),
        }
    }

    fn skipped(&self) -> Vec<String> {
        match &self.stack.goal {
            Goal::RollBack { skip } => skip.clone(),
            _ => Vec::new(),
        }
    }

    /// Everything is made: publishes what the stack gives out.
    fn complete(&mut self) -> Result<(), Error> {
        let Some(deployment) = self.progress.attempt.clone() else { return Ok(()) };
        let outputs = self.read(&deployment)?.outputs(&Standing(&self.things));
        let outputs = match outputs {
            Ok(outputs) => outputs,
            Err(problem) => return self.fail(Some(problem.to_string())),
        };
        if let Some(refusal) = self.publish(&outputs)? {
            return self.fail(Some(refusal));
        }
        self.progress.outputs = outputs;
        self.progress.current = Some(deployment);
        match self.progress.status {
            StackStatus::CreateInProgress => self.stack_is(StackStatus::CreateComplete, None),
            _ => self.clean_up(StackStatus::UpdateCompleteCleanupInProgress, &[]),
        }
    }

    /// Makes the exports those of `outputs`; gives the reason if another stack is in the way.
    fn publish(&mut self, outputs: &[Output]) -> Result<Option<String>, Error> {
        let scope = self.key().scope.clone();
        let (id, name) = (self.stack.id.clone(), self.stack.name.clone());
        let mut kept = BTreeSet::new();
        for output in outputs {
            let Some(export) = &output.export_name else { continue };
            if let Some(other) =
                self.tx().get::<Export>(&Key::new(&scope, export))?.filter(|other| other.stack_id != id)
            {
                return Ok(Some(format!(
                    "Export with name {export} is already exported by stack {}",
                    other.stack_name
                )));
            }
            kept.insert(export.clone());
        }
        for (key, export) in exports::of(self.tx(), &scope, &id)? {
            let value = outputs.iter().find(|output| output.export_name.as_ref() == Some(&key.name));
            let users = exports::importers(self.tx(), &scope, &key.name)?;
            if value.map(|output| &output.output_value) != Some(&export.value) && !users.is_empty() {
                let (verb, users) = (if value.is_some() { "updated" } else { "deleted" }, users.join(", "));
                return Ok(Some(format!("Export {} cannot be {verb} as it is in use by {users}", key.name)));
            }
        }
        self.forget_exports(&kept)?;
        for output in outputs {
            let Some(export) = &output.export_name else { continue };
            let value = output.output_value.clone();
            let row = Export { stack_id: id.clone(), stack_name: name.clone(), value };
            self.tx().put(&Key::new(&scope, export), &row)?;
        }
        Ok(None)
    }

    fn forget_exports(&mut self, kept: &BTreeSet<String>) -> Result<(), Error> {
        let (scope, id) = (self.key().scope.clone(), self.stack.id.clone());
        for (key, _) in exports::of(self.tx(), &scope, &id)? {
            if !kept.contains(&key.name) {
                self.tx().delete::<Export>(&key)?;
            }
        }
        Ok(())
    }

    /// Making failed, for `reason` or for what the steps say: goes back, unless that is not wanted.
    pub(super) fn fail(&mut self, reason: Option<String>) -> Result<(), Error> {
        self.break_off(true)?;
        let reason = reason.unwrap_or_else(|| self.failures());
        let wanted = self.progress.attempt.as_ref().and_then(|attempt| attempt.on_failure);
        let stop = if reason.ends_with('.') { "" } else { "." };
        let requested = Some(format!("{reason}{stop} Rollback requested by user."));
        match (self.progress.status, wanted) {
            (StackStatus::CreateInProgress, Some(OnFailure::DoNothing)) => {
                self.stack_is(StackStatus::CreateFailed, Some(reason))
            }
            (StackStatus::CreateInProgress, Some(OnFailure::Delete)) => {
                self.begin_deletion(StackStatus::DeleteInProgress, Some(reason), &[])
            }
            (StackStatus::CreateInProgress, _) => self.begin_deletion(StackStatus::RollbackInProgress, requested, &[]),
            (_, Some(OnFailure::DoNothing)) => self.stack_is(StackStatus::UpdateFailed, Some(reason)),
            _ if self.progress.current.is_none() => self.stack_is(StackStatus::UpdateFailed, Some(reason)),
            _ => self.begin_rollback(Some(reason), &[]),
        }
    }

    /// Goes back to the deployment that stood.
    fn begin_rollback(&mut self, reason: Option<String>, skip: &[String]) -> Result<(), Error> {
        let Some(current) = self.progress.current.clone() else { return Ok(()) };
        self.progress.steps = plan::ensure(&self.read(&current)?, skip);
        self.stack_is(StackStatus::UpdateRollbackInProgress, reason)
    }

    /// Removes every real thing, but lets those in `retain` go.
    fn begin_deletion(&mut self, status: StackStatus, reason: Option<String>, retain: &[String]) -> Result<(), Error> {
        let forced = self.forced();
        let work = |thing: &Physical| {
            let kept = match thing.deletion_policy {
                _ if half_made(thing) => false,
                DeletionPolicy::Delete => false,
                DeletionPolicy::Retain => status == StackStatus::DeleteInProgress || !forced,
                DeletionPolicy::RetainExceptOnCreate => status == StackStatus::DeleteInProgress,
            };
            if kept || retain.contains(&thing.logical_id) { Work::LetGo } else { Work::Remove }
        };
        let present: Vec<&Physical> = self.things.iter().filter(|thing| thing.state != State::Gone).collect();
        self.progress.steps = plan::removal(&present, work);
        self.stack_is(status, reason)
    }

    fn forced(&self) -> bool {
        self.progress.attempt.as_ref().is_some_and(|attempt| attempt.retain_except_on_create)
    }

    /// Removes the real things that no resource is any more.
    fn clean_up(&mut self, status: StackStatus, skip: &[String]) -> Result<(), Error> {
        let back = status == StackStatus::UpdateRollbackCompleteCleanupInProgress;
        let forced = self.forced();
        let steps = std::mem::take(&mut self.progress.steps);
        let replaced = |thing: &Physical| steps.iter().any(|step| step.logical_id == thing.logical_id);
        let work = |thing: &Physical| {
            let policy = match (replaced(thing), back) {
                _ if half_made(thing) => DeletionPolicy::Delete,
                // What a failed update made in another's place was never the resource.
                (true, true) => DeletionPolicy::Delete,
                (true, false) => thing.update_replace_policy,
                (false, _) => thing.deletion_policy,
            };
            match policy {
                DeletionPolicy::Delete => Work::Remove,
                DeletionPolicy::Retain if back && forced => Work::Remove,
                DeletionPolicy::RetainExceptOnCreate if back => Work::Remove,
                DeletionPolicy::Retain | DeletionPolicy::RetainExceptOnCreate => Work::LetGo,
            }
        };
        self.progress.steps = plan::removal(&plan::surplus(&self.things, &steps, skip), work);
        let never_made: Vec<Physical> =
            self.things.iter().filter(|thing| thing.state == State::Gone).cloned().collect();
        never_made.iter().try_for_each(|thing| self.forget(thing))?;
        self.stack_is(status, None)
    }

    /// Gives up what is under way; `told` writes it into the events.
    fn break_off(&mut self, told: bool) -> Result<(), Error> {
        for index in 0..self.progress.steps.len() {
            let Step { logical_id, serial, state, .. } = self.progress.steps[index].clone();
            if state == StepState::Open {
                self.end_step(index, StepState::Cancelled);
            }
            let Some(thing) = serial.and_then(|serial| self.thing(&logical_id, serial)) else { continue };
            let (status, reason) = match thing.state {
                State::Creating | State::Created => (ResourceStatus::CreateFailed, "Resource creation cancelled"),
                State::Updating | State::Updated => (ResourceStatus::UpdateFailed, "Resource update cancelled"),
                State::Deleting | State::Deleted => {
                    self.put(&Physical { state: State::Broken, ..thing })?;
                    continue;
                }
                State::Ready | State::Broken | State::Gone => continue,
            };
            if told {
                self.thing_is(thing, State::Broken, status, Some(reason.to_owned()), None)?;
            } else {
                self.put(&Physical { state: State::Broken, ..thing })?;
            }
        }
        Ok(())
    }

    /// Why the phase failed, in AWS's words.
    fn failures(&self) -> String {
        let of = |statuses: &[ResourceStatus]| {
            let failed = self.progress.steps.iter().filter(|step| {
                let thing = step.serial.and_then(|serial| self.thing(&step.logical_id, serial));
                let ended = matches!(step.state, StepState::Failed(_) | StepState::Cancelled);
                ended && thing.is_some_and(|thing| statuses.contains(&thing.status))
            });
            failed.map(|step| step.logical_id.as_str()).collect::<Vec<_>>().join(", ")
        };
        let kinds = [
            (ResourceStatus::CreateFailed, "create"),
            (ResourceStatus::UpdateFailed, "update"),
            (ResourceStatus::DeleteFailed, "delete"),
        ];
        let lists = kinds.map(|(status, verb)| (of(&[status]), verb));
        let sentences = lists.iter().filter(|(names, _)| !names.is_empty());
        let sentences: Vec<_> =
            sentences.map(|(names, verb)| format!("The following resource(s) failed to {verb}: [{names}].")).collect();
        sentences.join(" ")
    }

    /// Forgets stacks that were deleted so long ago that AWS would not show them either.
    fn forget_old_stacks(&mut self) -> Result<(), Error> {
        let (now, scope) = (self.now(), self.key().scope.clone());
        for (key, progress) in self.tx().list::<Progress>(&scope)? {
            if progress.deleted.is_some_and(|deleted| now.since(deleted) > DELETED_KEPT) {
                let prefix = format!("{}/", key.name);
                self.tx().delete::<Stack>(&key)?;
                self.tx().delete::<Progress>(&key)?;
                forget_under::<Physical>(self.tx(), &scope, &prefix)?;
                forget_under::<Event>(self.tx(), &scope, &prefix)?;
                forget_under::<ChangeSet>(self.tx(), &scope, &prefix)?;
            }
        }
        Ok(())
    }

    /// Forgets the oldest events beyond what is kept.
    fn prune_events(&mut self) -> Result<(), Error> {
        let Some(first) = self.progress.events.checked_sub(EVENTS_MAX) else { return Ok(()) };
        let (scope, prefix) = (self.key().scope.clone(), format!("{}/", self.key().name));
        let last = format!("{prefix}{first:010}");
        for (key, _) in self.tx().list_under::<Event>(&scope, &prefix)? {
            if key.name < last {
                self.tx().delete::<Event>(&key)?;
            }
        }
        Ok(())
    }
}

fn forget_under<R: Row>(tx: &mut Transaction<'_>, scope: &Scope, prefix: &str) -> Result<(), Error> {
    for (key, _) in tx.list_under::<R>(scope, prefix)? {
        tx.delete::<R>(&key)?;
    }
    Ok(())
}

/// What was never finished is removed whatever its policy says.
fn half_made(thing: &Physical) -> bool {
    let failed = matches!(thing.status, ResourceStatus::CreateFailed | ResourceStatus::UpdateFailed);
    thing.state == State::Broken && thing.before.is_empty() && !thing.chosen && failed
}

/// Why the present phase must end now, if it must.
pub(super) fn interruption(progress: &Progress, cancelled: Option<u64>, now: Timestamp) -> Option<String> {
    let minutes = progress.attempt.as_ref().and_then(|attempt| attempt.timeout_minutes);
    match progress.status {
        StackStatus::CreateInProgress => {
            let limit = u64::from(minutes?) * 60;
            let late = now.since(progress.started).as_secs() >= limit;
            late.then(|| "Stack creation time exceeded the specified timeout".to_owned())
        }
        StackStatus::UpdateInProgress if cancelled == Some(progress.generation) => Some(USER_INITIATED.to_owned()),
        _ => None,
    }
}

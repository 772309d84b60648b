//! One transaction's view of a stack: everything the controller writes goes through here, so that a status never
//! changes without its event.

use std::time::Duration;

use api::cloudformation::{ResourceStatus, StackEvent, StackStatus};
use names::{Ids, Timestamp};
use serde_json::{Map, Value};
use store::{Key, Transaction};

use crate::{
    error::Error,
    rows::{Event, Goal, Physical, Progress, Stack, State, StepState},
};

/// The type under which a stack's own events stand.
const STACK: &str = "AWS::CloudFormation::Stack";

/// A stack's rows inside a transaction.
pub(super) struct Ledger<'a, 't> {
    tx: &'a mut Transaction<'t>,
    key: Key,
    now: Timestamp,
    ids: Ids,
    pub(super) stack: Stack,
    pub(super) progress: Progress,
    pub(super) things: Vec<Physical>,
}

impl<'a, 't> Ledger<'a, 't> {
    /// Opens the ledger of the stack at `key`; `None` if there is no such stack.
    pub(super) fn open(
        tx: &'a mut Transaction<'t>,
        key: &Key,
        now: Timestamp,
        ids: &Ids,
    ) -> Result<Option<Self>, Error> {
        let Some(stack) = tx.get::<Stack>(key)? else { return Ok(None) };
        let progress = tx.get::<Progress>(key)?.unwrap_or_else(|| unstarted(now));
        let things = tx.list_under::<Physical>(&key.scope, &format!("{}/", key.name))?;
        let things = things.into_iter().map(|(_, thing)| thing).collect();
        Ok(Some(Self { tx, key: key.clone(), now, ids: ids.clone(), stack, progress, things }))
    }

    /// Writes what has been changed.
    pub(super) fn close(self) -> Result<(), Error> {
        Ok(self.tx.put(&self.key, &self.progress)?)
    }

    /// The time of this transaction.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Rows of other kinds.
    pub(super) fn tx(&mut self) -> &mut Transaction<'t> {
        self.tx
    }

    /// The stack's key.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// New ids.
    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Moves the stack to `status`.
    pub(super) fn stack_is(&mut self, status: StackStatus, reason: Option<String>) -> Result<(), Error> {
        self.progress.status = status;
        self.progress.reason.clone_from(&reason);
        let event = StackEvent {
            stack_id: self.stack.id.clone(),
            event_id: self.ids.uuid(),
            stack_name: self.stack.name.clone(),
            logical_resource_id: self.stack.name.clone(),
            physical_resource_id: Some(self.stack.id.clone()),
            resource_type: STACK.to_owned(),
            timestamp: self.tick(),
            resource_status: status.as_str().to_owned(),
            resource_status_reason: reason,
            resource_properties: None,
            client_request_token: self.stack.token.clone(),
        };
        self.note(event)
    }

    /// Moves `thing` to `state` and `status`, and keeps it. `shown` are its properties as events may show them.
    pub(super) fn thing_is(
        &mut self,
        mut thing: Physical,
        state: State,
        status: ResourceStatus,
        reason: Option<String>,
        shown: Option<&Map<String, Value>>,
    ) -> Result<Physical, Error> {
        thing.state = state;
        thing.since = self.now;
        thing.tries = 0;
        thing.status = status;
        thing.reason = reason;
        self.tell(&thing, shown)?;
        self.put(&thing)?;
        Ok(thing)
    }

    /// Writes an event that says how far `thing` is.
    pub(super) fn tell(&mut self, thing: &Physical, shown: Option<&Map<String, Value>>) -> Result<(), Error> {
        let shown = shown.map(serde_json::to_string).transpose();
        let timestamp = self.tick();
        let event = StackEvent {
            stack_id: self.stack.id.clone(),
            event_id: format!("{}-{}-{}", thing.logical_id, thing.status, timestamp.to_iso8601()),
            stack_name: self.stack.name.clone(),
            logical_resource_id: thing.logical_id.clone(),
            physical_resource_id: Some(thing.physical_id.clone().unwrap_or_default()),
            resource_type: thing.kind.clone(),
            timestamp,
            resource_status: thing.status.as_str().to_owned(),
            resource_status_reason: thing.reason.clone(),
            // Values that cannot be written as JSON do not come out of JSON.
            resource_properties: shown.unwrap_or_default(),
            client_request_token: self.stack.token.clone(),
        };
        self.note(event)
    }

    /// A time for an event that no earlier event of the stack has, so that times order them and name them.
    fn tick(&mut self) -> Timestamp {
        let earliest = self.progress.last_event.plus(Duration::from_millis(1));
        self.progress.last_event = self.now.max(earliest);
        self.progress.last_event
    }

    fn note(&mut self, event: StackEvent) -> Result<(), Error> {
        let key = Key::new(&self.key.scope, format!("{}/{:010}", self.key.name, self.progress.events));
        self.progress.events += 1;
        Ok(self.tx.put(&key, &Event(event))?)
    }

    /// Keeps `thing` as it is.
    pub(super) fn put(&mut self, thing: &Physical) -> Result<(), Error> {
        self.tx.put(&thing.key(&self.key), thing)?;
        match self.things.iter_mut().find(|other| other.incarnation() == thing.incarnation()) {
            Some(other) => other.clone_from(thing),
            None => self.things.push(thing.clone()),
        }
        Ok(())
    }

    /// Forgets `thing`.
    pub(super) fn forget(&mut self, thing: &Physical) -> Result<(), Error> {
        self.tx.delete::<Physical>(&thing.key(&self.key))?;
        self.things.retain(|other| other.incarnation() != thing.incarnation());
        Ok(())
    }

    /// Makes `serial` what the resource `logical_id` is; says whether it was something else before.
    pub(super) fn choose(&mut self, logical_id: &str, serial: u32) -> Result<bool, Error> {
        let turned: Vec<Physical> = self
            .things
            .iter()
            .filter(|thing| thing.logical_id == logical_id && thing.chosen != (thing.serial == serial))
            .map(|thing| Physical { chosen: thing.serial == serial, ..thing.clone() })
            .collect();
        turned.iter().try_for_each(|thing| self.put(thing))?;
        Ok(!turned.is_empty())
    }

    /// The real thing `serial` of `logical_id`.
    pub(super) fn thing(&self, logical_id: &str, serial: u32) -> Option<Physical> {
        self.things.iter().find(|thing| thing.logical_id == logical_id && thing.serial == serial).cloned()
    }

    /// `thing` is no longer the stack's; a stack that goes keeps the record of it.
    pub(super) fn is_gone(&mut self, index: usize, thing: &Physical) -> Result<(), Error> {
        let keeps = [StackStatus::DeleteInProgress, StackStatus::RollbackInProgress];
        if !keeps.contains(&self.progress.status) {
            self.forget(thing)?;
        }
        self.end_step(index, StepState::Done);
        Ok(())
    }

    /// Ends the step at `index`.
    pub(super) fn end_step(&mut self, index: usize, state: StepState) {
        if let Some(step) = self.progress.steps.get_mut(index) {
            step.state = state;
        }
    }
}

/// A stack that nothing has been done for.
fn unstarted(now: Timestamp) -> Progress {
    Progress {
        generation: 0,
        status: StackStatus::ReviewInProgress,
        reason: None,
        started: now,
        updated: None,
        deleted: None,
        current: None,
        attempt: None,
        outputs: Vec::new(),
        steps: Vec::new(),
        events: 0,
        last_event: Timestamp::default(),
    }
}

/// How far a stack is for whoever asks: a request that the controller has not seen yet counts as begun.
pub fn status(stack: &Stack, progress: Option<&Progress>) -> StackStatus {
    match (progress, &stack.goal) {
        (Some(progress), _) if progress.generation >= stack.generation => progress.status,
        (_, Goal::Review) => StackStatus::ReviewInProgress,
        (_, Goal::Delete { .. }) => StackStatus::DeleteInProgress,
        (None, _) => StackStatus::CreateInProgress,
        (Some(progress), Goal::Deploy(_)) if progress.status == StackStatus::ReviewInProgress => {
            StackStatus::CreateInProgress
        }
        (Some(_), Goal::Deploy(_)) => StackStatus::UpdateInProgress,
        (Some(progress), Goal::RollBack { .. }) if progress.current.is_none() => StackStatus::RollbackInProgress,
        (Some(_), Goal::RollBack { .. }) => StackStatus::UpdateRollbackInProgress,
    }
}

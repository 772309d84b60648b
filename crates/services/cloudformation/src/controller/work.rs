//! Takes one step: writes down what it is about to do, calls the service, writes down what came of it.

use std::time::Duration;

use api::cloudformation::{ResourceStatus, StackStatus};
use store::Key;
use tracing::{debug, info};

use super::{
    Ledger, POLL, Stacks,
    begin::{Next, described},
};
use crate::{
    error::Error,
    resources::{Call, Entry, Failure, Judged, Made, Settled},
    rows::{Canary, Physical, Stack, State, StepState},
    target::{Target, pseudo},
};

/// Calls of one kind that may fail in passing before the step fails.
const TRIES_MAX: u32 = 8;
/// The wait after the first of them; doubles with each that follows.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// How long a deletion waits for whatever still uses the thing.
const IN_USE_PATIENCE: Duration = Duration::from_mins(1);

/// What came of looking at a step.
pub(super) enum Outcome {
    /// It is done, or failed.
    Ended,
    /// It is looked at again after this time.
    Waits(Duration),
}

/// Takes the steps of one stack's present phase.
pub(super) struct Worker<'a> {
    stacks: &'a Stacks,
    key: &'a Key,
    stack: Stack,
    /// What the phase makes, if it makes anything.
    target: Option<Target>,
}

/// What a service made of a call.
enum Reply {
    Made(Made),
    Ready(Made),
    NotYet(String),
    Judged(Judged),
    Taken,
    Gone,
}

impl<'a> Worker<'a> {
    /// A worker for the stack at `key`.
    pub(super) fn new(stacks: &'a Stacks, key: &'a Key) -> Result<Self, Error> {
        let (stack, target) = stacks
            .change(key, |ledger| {
                let deployment = match ledger.progress.status {
                    StackStatus::CreateInProgress | StackStatus::UpdateInProgress => &ledger.progress.attempt,
                    StackStatus::UpdateRollbackInProgress => &ledger.progress.current,
                    _ => &None,
                };
                let (name, id) = (&ledger.stack.name, &ledger.stack.id);
                let target =
                    deployment.as_ref().map(|deployment| Target::read(deployment, pseudo(&key.scope, name, id)));
                Ok((ledger.stack.clone(), target.transpose()?))
            })?
            .ok_or_else(|| Error::NoStack(key.name.clone()))?;
        Ok(Self { stacks, key, stack, target })
    }

    /// Takes the step at `index` as far as it goes now.
    pub(super) async fn step(&self, index: usize) -> Result<Outcome, Error> {
        let begun =
            self.stacks.change(self.key, |ledger| ledger.begin(index, self.target.as_ref(), &self.stacks.catalogue))?;
        let mut next = begun.unwrap_or(Next::Nothing);
        loop {
            let Next::Call { thing, fresh } = next else { return Ok(Outcome::Ended) };
            let early = thing.retry_at.since(self.stacks.clock.now());
            if thing.tries > 0 && !early.is_zero() {
                return Ok(Outcome::Waits(early));
            }
            let result = self.call(&thing, fresh).await?;
            match self.record(index, *thing, result)? {
                Recorded::Next(following) => next = following,
                Recorded::Wait(wait) => return Ok(Outcome::Waits(wait)),
            }
        }
    }

    /// Calls the service as the thing's state says.
    async fn call(&self, thing: &Physical, fresh: bool) -> Result<Result<Reply, Failure>, Error> {
        let Some(entry) = self.stacks.catalogue.get(&thing.kind) else {
            return Ok(Err(Failure::Wrong(format!("Unrecognized resource type: {}", thing.kind))));
        };
        let siblings = self.siblings(thing)?;
        let call = Call {
            caller: &self.stacks.caller,
            scope: &self.key.scope,
            stack_name: &self.stack.name,
            stack_id: &self.stack.id,
            thing,
            siblings: &siblings,
        };
        debug!(resource = thing.logical_id, state = ?thing.state, fresh, "A service is called.");
        Ok(match thing.state {
            State::Creating => make(entry, &call, fresh).await.map(Reply::Made),
            State::Updating => (entry.update)(&call).await.map(Reply::Made),
            State::Deleting => take(entry, &call).await,
            State::Deleted => (entry.remains)(&call).await.map(|remains| match remains {
                Some(why) => Reply::NotYet(why),
                None => Reply::Gone,
            }),
            State::Created | State::Updated | State::Ready | State::Broken | State::Gone => {
                (entry.settle)(&call).await.map(|settled| match settled {
                    Settled::Ready(made) => Reply::Ready(made),
                    Settled::NotYet(why) => Reply::NotYet(why),
                    Settled::Judged(judged) => Reply::Judged(judged),
                })
            }
        })
    }

    /// The names and ids of the other real things of the same resource.
    fn siblings(&self, thing: &Physical) -> Result<Vec<String>, Error> {
        let prefix = format!("{}/{}/", self.key.name, thing.logical_id);
        let all = self.stacks.store.list_under::<Physical>(&self.key.scope, &prefix)?;
        let others = all.into_iter().map(|(_, other)| other).filter(|other| other.serial != thing.serial);
        Ok(others.filter_map(|other| other.physical_id).collect())
    }

    fn record(&self, index: usize, thing: Physical, result: Result<Reply, Failure>) -> Result<Recorded, Error> {
        let waited = self.stacks.clock.now().since(thing.since);
        let patience = self.stacks.catalogue.get(&thing.kind);
        let patience = patience.map_or(Duration::ZERO, |entry| (entry.patience)(&thing.properties));
        match result {
            Ok(Reply::NotYet(_)) if waited < patience => Ok(Recorded::Wait(POLL)),
            Ok(Reply::NotYet(why)) => {
                let failure = Failure::Wrong(format!("Resource timed out waiting for completion: {why}"));
                self.failed(index, thing, &failure)
            }
            Ok(Reply::Judged(judged)) if judged.limit.is_some_and(|limit| waited >= limit) => {
                self.failed(index, thing, &Failure::Wrong(judged.late))
            }
            Ok(Reply::Judged(judged)) => self.told(thing, judged),
            Ok(Reply::Made(made)) => self.made(thing, made),
            Ok(Reply::Ready(made)) => self.ready(index, thing, made),
            Ok(Reply::Taken) => {
                let thing = Physical { state: State::Deleted, tries: 0, ..thing };
                self.write(|ledger| {
                    ledger.put(&thing)?;
                    Ok(Next::again(thing))
                })
            }
            Ok(Reply::Gone) => self.write(|ledger| {
                let thing = ledger.thing_is(thing, State::Gone, ResourceStatus::DeleteComplete, None, None)?;
                ledger.is_gone(index, &thing)?;
                Ok(Next::Nothing)
            }),
            Err(failure) if thing.state == State::Deleting && failure.is_in_use() && waited < IN_USE_PATIENCE => {
                Ok(Recorded::Wait(POLL))
            }
            Err(failure) if failure.is_passing() && thing.tries < TRIES_MAX => {
                let wait = RETRY_MIN.saturating_mul(2_u32.saturating_pow(thing.tries)).min(RETRY_MAX);
                info!(resource = thing.logical_id, %failure, retry_in = ?wait, "A call failed in passing.");
                let retry_at = self.stacks.clock.now().plus(wait);
                let thing = Physical { tries: thing.tries + 1, retry_at, ..thing };
                self.write(|ledger| ledger.put(&thing).map(|()| Next::Nothing))?;
                Ok(Recorded::Wait(wait))
            }
            Err(failure) => self.failed(index, thing, &failure),
        }
    }

    fn write(&self, change: impl FnOnce(&mut Ledger<'_, '_>) -> Result<Next, Error>) -> Result<Recorded, Error> {
        Ok(Recorded::Next(self.stacks.change(self.key, change)?.unwrap_or(Next::Nothing)))
    }

    /// The service has the thing, ready or not.
    fn made(&self, mut thing: Physical, made: Made) -> Result<Recorded, Error> {
        let (state, initiated) = match thing.state {
            State::Creating => (State::Created, true),
            _ => (State::Updated, false),
        };
        thing.physical_id = made.id.or(thing.physical_id);
        thing.attributes.extend(made.attributes);
        self.write(|ledger| {
            let status = thing.status;
            let thing = if initiated {
                let reason = Some("Resource creation Initiated".to_owned());
                ledger.thing_is(thing, state, status, reason, None)?
            } else {
                let thing = Physical { state, since: ledger.now(), tries: 0, ..thing };
                ledger.put(&thing)?;
                thing
            };
            Ok(Next::again(thing))
        })
    }

    /// The canary that the update is goes on: what happened to it goes into the events.
    fn told(&self, mut thing: Physical, judged: Judged) -> Result<Recorded, Error> {
        if !judged.news.is_empty() {
            self.write(|ledger| {
                for (at, what) in judged.news {
                    thing.reason = Some(what);
                    thing.canary = thing.canary.take().map(|canary| Canary { told: Some(at), ..canary });
                    ledger.tell(&thing, None)?;
                }
                ledger.put(&thing)?;
                Ok(Next::Nothing)
            })?;
        }
        Ok(Recorded::Wait(POLL))
    }

    /// The thing is as asked: from now on it is what its resource is.
    fn ready(&self, index: usize, mut thing: Physical, made: Made) -> Result<Recorded, Error> {
        thing.physical_id = made.id.or(thing.physical_id);
        thing.attributes.extend(made.attributes);
        thing.before.clear();
        thing.canary = None;
        self.write(|ledger| {
            if let Some(target) = &self.target {
                thing = described(target, &ledger.things, thing);
            }
            let status = match thing.status {
                ResourceStatus::CreateInProgress => ResourceStatus::CreateComplete,
                _ => ResourceStatus::UpdateComplete,
            };
            let thing = ledger.thing_is(thing, State::Ready, status, None, None)?;
            ledger.choose(&thing.logical_id, thing.serial)?;
            ledger.end_step(index, StepState::Done);
            Ok(Next::Nothing)
        })
    }

    fn failed(&self, index: usize, thing: Physical, failure: &Failure) -> Result<Recorded, Error> {
        let reason = failure.to_string();
        let status = match (thing.state, thing.status) {
            (State::Deleting | State::Deleted, _) => ResourceStatus::DeleteFailed,
            (State::Creating | State::Created, ResourceStatus::CreateInProgress) => ResourceStatus::CreateFailed,
            _ => ResourceStatus::UpdateFailed,
        };
        info!(resource = thing.logical_id, %status, reason, "A resource failed.");
        self.write(|ledger| {
            ledger.thing_is(thing, State::Broken, status, Some(reason.clone()), None)?;
            ledger.end_step(index, StepState::Failed(reason));
            Ok(Next::Nothing)
        })
    }
}

/// What came of writing a call's result down.
enum Recorded {
    /// This is next.
    Next(Next),
    /// Nothing yet; again after this time.
    Wait(Duration),
}

/// Makes the thing, unless an earlier try has made it.
async fn make(entry: &Entry, call: &Call<'_>, fresh: bool) -> Result<Made, Failure> {
    let found = if fresh { None } else { (entry.find)(call).await? };
    let made = match found {
        Some(made) => made,
        None => (entry.create)(call).await?,
    };
    if !entry.completed_by_update {
        return Ok(made);
    }
    let thing = Physical { physical_id: made.id.clone(), attributes: made.attributes.clone(), ..call.thing.clone() };
    let completed = (entry.update)(&Call { thing: &thing, ..*call }).await?;
    Ok(Made { id: completed.id.or(made.id), attributes: completed.attributes })
}

/// Takes the thing away; one of which no id was ever heard is looked for first.
async fn take(entry: &Entry, call: &Call<'_>) -> Result<Reply, Failure> {
    if call.thing.physical_id.is_some() {
        (entry.delete)(call).await?;
        return Ok(Reply::Taken);
    }
    let Some(found) = (entry.find)(call).await? else { return Ok(Reply::Gone) };
    let thing = Physical { physical_id: found.id, attributes: found.attributes, ..call.thing.clone() };
    (entry.delete)(&Call { thing: &thing, ..*call }).await?;
    Ok(Reply::Taken)
}

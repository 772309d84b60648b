//! Decides what a step has to do, and writes it down before anybody is called.

use api::cloudformation::{ResourceStatus, StackStatus};
use serde_json::{Map, Value};

use super::Ledger;
use crate::{
    error::Error,
    plan::{self, Decision},
    resources::Catalogue,
    rows::{Canary, Physical, State, StepState, Work},
    target::{Standing, Target},
};

/// Letters and digits of a token.
const TOKEN_LENGTH: usize = 12;
const REPLACES: &str = "Requested update requires the creation of a new physical resource; hence creating one.";

/// What is to be done next for a step.
pub(super) enum Next {
    /// Nothing: it has ended.
    Nothing,
    /// The service is called as the thing's state says. `fresh`: it cannot have been called before.
    Call { thing: Box<Physical>, fresh: bool },
}

impl Next {
    /// The service is called for `thing`, of which it cannot have heard before.
    fn first(thing: Physical) -> Self {
        Self::Call { thing: Box::new(thing), fresh: true }
    }

    /// The service is called for `thing`, of which it may have heard.
    pub(super) fn again(thing: Physical) -> Self {
        Self::Call { thing: Box::new(thing), fresh: false }
    }
}

/// A resource that a step makes what its target says.
#[derive(Clone, Copy)]
struct Making<'a> {
    step: usize,
    target: &'a Target,
    id: &'a str,
}

impl Ledger<'_, '_> {
    /// Begins the step at `index`, unless it has begun or ended; `target` is what the phase makes.
    pub(super) fn begin(
        &mut self,
        index: usize,
        target: Option<&Target>,
        catalogue: &Catalogue,
    ) -> Result<Next, Error> {
        let Some(step) = self.progress.steps.get(index).cloned() else { return Ok(Next::Nothing) };
        if step.state != StepState::Open {
            return Ok(Next::Nothing);
        }
        let thing = step.serial.and_then(|serial| self.thing(&step.logical_id, serial));
        match (step.work, thing) {
            (Work::Ensure, Some(thing)) => Ok(Next::again(thing)),
            (Work::Ensure, None) => match target {
                Some(target) => self.make(Making { step: index, target, id: &step.logical_id }, catalogue),
                None => Ok(Next::Nothing),
            },
            (Work::Remove, Some(thing)) if matches!(thing.state, State::Deleting | State::Deleted) => {
                Ok(Next::again(thing))
            }
            (Work::Remove, Some(thing)) => {
                let status = ResourceStatus::DeleteInProgress;
                Ok(Next::first(self.thing_is(thing, State::Deleting, status, None, None)?))
            }
            (Work::LetGo, Some(thing)) => {
                let thing = self.thing_is(thing, State::Gone, ResourceStatus::DeleteSkipped, None, None)?;
                self.is_gone(index, &thing)?;
                Ok(Next::Nothing)
            }
            (Work::Remove | Work::LetGo, None) => {
                self.end_step(index, StepState::Done);
                Ok(Next::Nothing)
            }
        }
    }

    /// Decides how the resource becomes what is asked.
    fn make(&mut self, making: Making<'_>, catalogue: &Catalogue) -> Result<Next, Error> {
        let Making { target, id, .. } = making;
        let kind = target.template.resources[id].kind.as_str();
        let Some(entry) = catalogue.get(kind) else {
            return self.refuse(making, format!("Unrecognized resource type: {kind}"));
        };
        let properties = match target.properties(id, &Standing(&self.things)) {
            Ok(properties) => properties,
            Err(problem) => return self.refuse(making, problem.to_string()),
        };
        if let Err(failure) = entry.check(&properties) {
            return self.refuse(making, failure.to_string());
        }
        let things: Vec<&Physical> = self.things.iter().filter(|thing| thing.logical_id == id).collect();
        match plan::decide(entry.kind, &things, &properties, &target.deployment.tags) {
            Decision::Keep(serial) => self.keep(making, serial),
            Decision::Update { serial, .. } => match target.canary(id) {
                Ok(policy) => self.begin_update(making, serial, properties, policy),
                Err(problem) => self.refuse(making, problem.to_string()),
            },
            Decision::Create => self.begin_creation(making, properties, false),
            Decision::Replace { .. } => self.begin_creation(making, properties, true),
            Decision::Refuse(name) => {
                let reason = format!(
                    "CloudFormation cannot update a stack when a custom-named resource requires replacing. \
                     Rename {name} and update the stack again."
                );
                self.refuse(making, reason)
            }
        }
    }

    /// The resource cannot even be asked for.
    fn refuse(&mut self, making: Making<'_>, reason: String) -> Result<Next, Error> {
        let standing = self.things.iter().find(|thing| thing.logical_id == making.id && thing.chosen).cloned();
        let (thing, state, status) = match standing {
            Some(thing) => (thing.clone(), thing.state, ResourceStatus::UpdateFailed),
            None => (self.new_thing(making, Map::new()), State::Gone, ResourceStatus::CreateFailed),
        };
        self.progress.steps[making.step].serial = Some(thing.serial);
        self.thing_is(thing, state, status, Some(reason.clone()), None)?;
        self.end_step(making.step, StepState::Failed(reason));
        Ok(Next::Nothing)
    }

    fn keep(&mut self, making: Making<'_>, serial: u32) -> Result<Next, Error> {
        let Some(thing) = self.thing(making.id, serial) else { return Ok(Next::Nothing) };
        let thing = described(making.target, &self.things, thing);
        self.put(&thing)?;
        self.progress.steps[making.step].serial = Some(serial);
        let restored = self.choose(making.id, serial)?;
        if let Some(thing) = self.thing(making.id, serial)
            && (restored || thing.status == ResourceStatus::UpdateFailed)
        {
            self.thing_is(thing, State::Ready, ResourceStatus::UpdateComplete, None, None)?;
        }
        self.end_step(making.step, StepState::Done);
        Ok(Next::Nothing)
    }

    fn begin_update(
        &mut self,
        making: Making<'_>,
        serial: u32,
        properties: Map<String, Value>,
        policy: Option<Value>,
    ) -> Result<Next, Error> {
        let Making { step, target, id } = making;
        let Some(mut thing) = self.thing(id, serial) else { return Ok(Next::Nothing) };
        thing.canary = self.canary_of(&thing, policy);
        let mut depends_on = std::mem::take(&mut thing.depends_on);
        let had = std::mem::replace(&mut thing.properties, properties);
        if !thing.before.contains(&had) {
            thing.before.push(had);
        }
        thing.tags.clone_from(&target.deployment.tags);
        let mut thing = described(target, &self.things, thing);
        // Until the update is done it may refer to what it referred to before.
        depends_on.retain(|on| !thing.depends_on.contains(on));
        thing.depends_on.extend(depends_on);
        self.progress.steps[step].serial = Some(serial);
        let shown = target.shown_properties(id, &Standing(&self.things));
        let status = ResourceStatus::UpdateInProgress;
        Ok(Next::first(self.thing_is(thing, State::Updating, status, None, shown.as_ref())?))
    }

    /// The canary that the update of `thing` is to be. What is taken back is not tried on anybody.
    fn canary_of(&self, thing: &Physical, policy: Option<Value>) -> Option<Canary> {
        if self.progress.status == StackStatus::UpdateRollbackInProgress {
            return thing.canary.clone().map(|canary| Canary { policy: None, ..canary });
        }
        let revision = format!("{}-{}-{}", self.stack.name, self.progress.generation, thing.token);
        policy.map(|policy| Canary { revision, policy: Some(policy), told: None })
    }

    fn begin_creation(
        &mut self,
        making: Making<'_>,
        properties: Map<String, Value>,
        replaces: bool,
    ) -> Result<Next, Error> {
        let thing = self.new_thing(making, properties);
        self.progress.steps[making.step].serial = Some(thing.serial);
        let shown = making.target.shown_properties(making.id, &Standing(&self.things));
        let status = if replaces { ResourceStatus::UpdateInProgress } else { ResourceStatus::CreateInProgress };
        let reason = replaces.then(|| REPLACES.to_owned());
        Ok(Next::first(self.thing_is(thing, State::Creating, status, reason, shown.as_ref())?))
    }

    fn new_thing(&self, making: Making<'_>, properties: Map<String, Value>) -> Physical {
        let resource = &making.target.template.resources[making.id];
        let thing = Physical {
            logical_id: making.id.to_owned(),
            serial: plan::next_serial(&self.things, making.id),
            kind: resource.kind.clone(),
            token: self.ids().suffix(TOKEN_LENGTH),
            physical_id: None,
            state: State::Creating,
            chosen: false,
            properties,
            before: Vec::new(),
            tags: making.target.deployment.tags.clone(),
            attributes: Map::new(),
            depends_on: Vec::new(),
            deletion_policy: resource.deletion_policy,
            update_replace_policy: resource.update_replace_policy,
            generation: self.progress.generation,
            tries: 0,
            retry_at: self.now(),
            since: self.now(),
            status: ResourceStatus::CreateInProgress,
            reason: None,
            description: None,
            metadata: None,
            canary: None,
        };
        described(making.target, &self.things, thing)
    }
}

/// `thing` with all that the template of `target` says of it beside its properties, given the real `things`.
pub(super) fn described(target: &Target, things: &[Physical], mut thing: Physical) -> Physical {
    let resource = &target.template.resources[thing.logical_id.as_str()];
    thing.deletion_policy = resource.deletion_policy;
    thing.update_replace_policy = resource.update_replace_policy;
    thing.description.clone_from(&resource.description);
    thing.metadata.clone_from(&resource.metadata);
    let on = target.dependencies.get(&thing.logical_id).into_iter().flatten();
    let chosen = on.filter_map(|on| things.iter().find(|other| other.chosen && other.logical_id == *on));
    thing.depends_on = chosen.map(Physical::incarnation).collect();
    thing
}

//! What has to be done, worked out on paper: nothing here calls anybody or knows the time.
//!
//! A change of a stack is two graphs. The first makes every resource what the template says, each after those it
//! depends on ([`ensure`]); the second removes the real things that no resource is any more, each after those that
//! depended on it ([`removal`]). Rolling back is the same two graphs toward the template before, so nothing has to
//! remember how to undo. Whether *making* a resource what the template says means to create, update or replace it, or
//! to leave it alone, is known only when the resources it refers to are done, and [`decide`]d then.

use std::collections::{BTreeMap, BTreeSet};

use names::Tags;
use serde_json::{Map, Value};

use crate::{
    resources::Kind,
    rows::{Incarnation, Physical, State, Step, StepState, Work},
    target::Target,
    template::same,
};

/// The steps that make every resource of `target` what it says, but for those in `skip`.
pub fn ensure(target: &Target, skip: &[String]) -> Vec<Step> {
    let resources: Vec<&str> =
        target.resources().into_iter().filter(|id| !skip.iter().any(|skipped| skipped == id)).collect();
    let position = |id: &String| resources.iter().position(|other| other == id);
    let step = |id: &&str| Step {
        logical_id: (*id).to_owned(),
        work: Work::Ensure,
        serial: None,
        after: target.dependencies.get(*id).into_iter().flatten().filter_map(position).collect(),
        state: StepState::Open,
    };
    resources.iter().map(step).collect()
}

/// [`ensure`] for a stack whose earlier try left `remains` behind: each goes before its resource is made once more, since
/// both may have the same name.
pub fn remake(target: &Target, remains: &[&Physical]) -> Vec<Step> {
    let mut steps = removal(remains, |_| Work::Remove);
    let shift = steps.len();
    for mut step in ensure(target, &[]) {
        step.after.iter_mut().for_each(|index| *index += shift);
        let own = (0..shift).filter(|index| steps[*index].logical_id == step.logical_id);
        step.after.extend(own);
        steps.push(step);
    }
    steps
}

/// The steps that take the real things `gone` away, in the way that `work` says for each: what refers to another goes
/// before it.
///
/// Templates that came and went can leave real things that refer to each other in a circle; then the circle is cut at
/// its first member, so that the graph always ends.
pub fn removal(gone: &[&Physical], work: impl Fn(&Physical) -> Work) -> Vec<Step> {
    let incarnations: Vec<Incarnation> = gone.iter().map(|physical| physical.incarnation()).collect();
    let position = |other: &Incarnation| incarnations.iter().position(|incarnation| incarnation == other);
    let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); gone.len()];
    for (index, physical) in gone.iter().enumerate() {
        for dependency in physical.depends_on.iter().filter_map(position).filter(|other| *other != index) {
            after[dependency].insert(index);
        }
    }
    cut_circles(&mut after);
    let step = |(physical, after): (&&Physical, BTreeSet<usize>)| Step {
        logical_id: physical.logical_id.clone(),
        work: work(physical),
        serial: Some(physical.serial),
        after: after.into_iter().collect(),
        state: StepState::Open,
    };
    gone.iter().zip(after).map(step).collect()
}

/// Takes edges away until every node can be reached in some order.
fn cut_circles(after: &mut [BTreeSet<usize>]) {
    let mut done: BTreeSet<usize> = BTreeSet::new();
    while done.len() < after.len() {
        let free = (0..after.len()).find(|index| !done.contains(index) && after[*index].is_subset(&done));
        let next = free.or_else(|| (0..after.len()).find(|index| !done.contains(index)));
        if let Some(next) = next {
            after[next].retain(|before| done.contains(before));
            done.insert(next);
        }
    }
}

/// What making a resource as asked means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The real thing of this serial is as asked.
    Keep(u32),
    /// It becomes so when these properties are changed.
    Update {
        /// Its serial.
        serial: u32,
        /// What changes.
        changed: Vec<String>,
    },
    /// There is none.
    Create,
    /// There is one that cannot become so; a new one takes its place.
    Replace {
        /// The old one's serial.
        old: u32,
        /// What changes that cannot be changed.
        changed: Vec<String>,
    },
    /// A new one cannot stand beside the old one, since both would have this name.
    Refuse(String),
}

/// Decides how a resource of `kind` becomes what `properties` and the stack's `tags` ask for, given the real things it
/// has.
///
/// Among several real things (a replacement that is being rolled back has two) the one that is as asked is taken, then
/// one that can be changed into it; so rolling back a replacement finds the old one again.
pub fn decide(kind: &Kind, things: &[&Physical], properties: &Map<String, Value>, tags: &Tags) -> Decision {
    let mut usable: Vec<&&Physical> = things.iter().filter(|thing| is_usable(thing)).collect();
    usable.sort_by_key(|thing| (!thing.chosen, std::cmp::Reverse(thing.serial)));
    let mut update = None;
    for thing in &usable {
        let changed = changes(kind, thing, properties, tags);
        if changed.is_empty() && thing.state == State::Ready {
            return Decision::Keep(thing.serial);
        }
        let sets = || thing.before.iter().chain([&thing.properties]);
        let remade = |name: &String| sets().any(|had| replaces(kind, name, had, properties));
        if update.is_none() && !changed.iter().any(remade) {
            update = Some(Decision::Update { serial: thing.serial, changed });
        }
    }
    if let Some(update) = update {
        return update;
    }
    let Some(old) = usable.first() else { return Decision::Create };
    match clash(kind, &usable, properties) {
        Some(name) => Decision::Refuse(name),
        None => Decision::Replace { old: old.serial, changed: changes(kind, old, properties, tags) },
    }
}

/// A real thing that is there, or whose update went wrong; one whose creation went wrong is only good to be removed.
fn is_usable(thing: &Physical) -> bool {
    match thing.state {
        State::Ready => true,
        State::Broken => !thing.before.is_empty(),
        _ => false,
    }
}

/// Whether changing the property `name` from what it is in `had` to what it is in `wanted` makes a new real thing.
pub fn replaces(kind: &Kind, name: &str, had: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    let Some(property) = kind.property(name) else { return false };
    let member = |properties: &Map<String, Value>, inner: &str| properties.get(name)?.get(inner).cloned();
    let differs = |inner: &&str| match (member(had, inner), member(wanted, inner)) {
        (Some(one), Some(other)) => !same(&one, &other),
        (one, other) => one.is_some() != other.is_some(),
    };
    property.replaces || property.replaces_inside.iter().any(differs)
}

/// The properties in which `thing` differs, or may differ, from what is asked.
fn changes(kind: &Kind, thing: &Physical, properties: &Map<String, Value>, tags: &Tags) -> Vec<String> {
    let sets = thing.before.iter().chain([&thing.properties]);
    let mut changed: BTreeSet<String> = sets.flat_map(|had| differences(had, properties)).collect();
    if kind.has_tags() && thing.tags != *tags {
        changed.insert("Tags".to_owned());
    }
    changed.into_iter().collect()
}

/// The names under which two sets of properties differ.
pub fn differences(one: &Map<String, Value>, other: &Map<String, Value>) -> BTreeSet<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differs = |name: &&String| match (one.get(*name), other.get(*name)) {
        (Some(one), Some(other)) => !same(one, other),
        _ => true,
    };
    names.into_iter().filter(differs).cloned().collect()
}

/// The name that a new real thing would share with an old one.
fn clash(kind: &Kind, things: &[&&Physical], properties: &Map<String, Value>) -> Option<String> {
    let name = properties.get(*kind.identity.first()?).and_then(Value::as_str)?;
    let shares = |thing: &&&Physical| {
        kind.identity.iter().all(|property| match (thing.properties.get(*property), properties.get(*property)) {
            (Some(one), Some(other)) => same(one, other),
            (None, None) => true,
            _ => false,
        })
    };
    things.iter().any(shares).then(|| name.to_owned())
}

/// The serial that the next real thing of `logical_id` gets.
pub fn next_serial(things: &[Physical], logical_id: &str) -> u32 {
    things.iter().filter(|thing| thing.logical_id == logical_id).map(|thing| thing.serial + 1).max().unwrap_or(1)
}

/// The steps that can be taken now.
///
/// When `stop` is set, one failure ends it all, as in making resources; otherwise only what waits for the failed step
/// stays undone, as in removing them.
pub fn ready(steps: &[Step], stop: bool) -> Vec<usize> {
    let failed = |step: &Step| matches!(step.state, StepState::Failed(_));
    if stop && steps.iter().any(failed) {
        return Vec::new();
    }
    let done = |index: &usize| steps.get(*index).is_none_or(|step| step.state == StepState::Done);
    let open = steps.iter().enumerate().filter(|(_, step)| step.state == StepState::Open);
    open.filter(|(_, step)| step.after.iter().all(done)).map(|(index, _)| index).collect()
}

/// Which real things of a stack nobody is any more, once the steps of an update are done; what was in `skip` was not
/// looked at and stays.
pub fn surplus<'a>(things: &'a [Physical], steps: &[Step], skip: &[String]) -> Vec<&'a Physical> {
    let made = steps.iter().filter(|step| step.work == Work::Ensure);
    let kept: BTreeMap<&str, u32> = made.filter_map(|step| Some((step.logical_id.as_str(), step.serial?))).collect();
    let is_kept = |thing: &Physical| {
        kept.get(thing.logical_id.as_str()) == Some(&thing.serial) || (thing.chosen && skip.contains(&thing.logical_id))
    };
    things.iter().filter(|thing| thing.state != State::Gone && !is_kept(thing)).collect()
}

#[cfg(test)]
mod tests;

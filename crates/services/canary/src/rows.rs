//! What is asked of a canary, and what was seen of it.

use api::{
    appmesh::{RouteSpec, trial::Trial},
    canary::CanaryEvent,
};
use names::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

use crate::{
    judge::record::Decision,
    plan::{Command, Healthy, State},
    policy::{Policy, Weight},
    subject::Subject,
};

/// Events kept of one canary; the oldest go first.
const EVENTS_MAX: usize = 200;

/// A canary, as asked. Its key is its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Canary {
    /// What it is about.
    #[serde(flatten)]
    pub(crate) subject: Subject,
    /// What loses: a virtual node, or a task definition.
    pub(crate) baseline: String,
    /// What gains.
    pub(crate) canary: String,
    /// Which version of it; a change of it begins anew.
    pub(crate) revision: String,
    pub(crate) policy: Policy,
    /// The last thing that somebody asked of it, numbered.
    pub(crate) command: Option<(u64, Command)>,
    pub(crate) started: Timestamp,
}

impl Row for Canary {
    const KIND: &'static str = "canary/canary";
}

impl Canary {
    pub(crate) fn key(scope: &Scope, id: &str) -> Key {
        Key::new(scope, id)
    }

    /// Somebody asks something of it.
    pub(crate) fn ask(&mut self, command: Command) {
        let number = self.command.map_or(1, |(number, _)| number + 1);
        self.command = Some((number, command));
    }
}

/// A canary, as seen, at the key of the asked one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CanaryObserved {
    /// Where it stands.
    pub(crate) state: State,
    /// The number of the last command that was heard.
    pub(crate) heard: u64,
    /// Judgements begun; the record of the last is the one that counts.
    pub(crate) judgement: u32,
    /// What this canary last made of the route.
    pub(crate) route: Option<RouteSpec>,
    /// Who goes first on that route now.
    #[serde(default)]
    pub(crate) trial: Option<Trial>,
    /// The part of the new version that every proxy has acknowledged.
    pub(crate) applied: Option<Weight>,
    pub(crate) proxies: u32,
    pub(crate) healthy: Healthy,
    /// The last answer of the judge.
    pub(crate) decision: Option<Decision>,
    pub(crate) events: Vec<CanaryEvent>,
    /// Events so far, those that are not kept any more included.
    #[serde(default)]
    pub(crate) told: u64,
    /// When it ended, and how, where the ramp itself does not say.
    pub(crate) ended: Option<Timestamp>,
    pub(crate) abandoned: Option<String>,
    /// Grows with every change.
    pub(crate) version: u64,
}

impl Row for CanaryObserved {
    const KIND: &'static str = "canary/canary.observed";
}

impl CanaryObserved {
    /// A canary of which nothing was seen yet.
    pub(crate) fn begin(canary: &Canary, now: u64) -> Self {
        Self {
            state: State::begin(&canary.revision, now),
            heard: 0,
            judgement: 0,
            route: None,
            trial: None,
            applied: None,
            proxies: 0,
            healthy: Healthy { baseline: 0, canary: 0 },
            decision: None,
            events: Vec::new(),
            told: 0,
            ended: None,
            abandoned: None,
            version: 0,
        }
    }

    pub(crate) fn tell(&mut self, at: Timestamp, message: String) {
        if self.events.len() >= EVENTS_MAX {
            self.events.remove(0);
        }
        self.events.push(CanaryEvent { at, message });
        self.told += 1;
    }

    /// The events that are kept, each with its number among all.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &CanaryEvent)> {
        let kept = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        (self.told.saturating_sub(kept)..).zip(&self.events)
    }
}

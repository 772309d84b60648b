//! What is asked of a rehearsal, and how far it is.

use api::{appmesh::RouteSpec, rehearsal::RehearsalResult};
use names::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

use super::{Fault, Injection};
use crate::policy::Policy;

/// A rehearsal, as asked. Its key is its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rehearsal {
    pub(crate) mesh: String,
    pub(crate) router: String,
    pub(crate) route: String,
    /// The virtual node that has the route's traffic.
    pub(crate) node: String,
    /// The virtual node that is made for the rehearsal: the same application by another name.
    pub(crate) twin: String,
    /// The route before, which it has again at the end.
    pub(crate) before: RouteSpec,
    pub(crate) faults: Vec<Fault>,
    pub(crate) policy: Policy,
    /// Failed requests after which it stops.
    pub(crate) maximum_harm: u64,
    /// How long one fault may take, in seconds.
    pub(crate) longest_seconds: u64,
    /// How long it goes on without anybody asking for it, in seconds.
    pub(crate) lease_seconds: u64,
    pub(crate) started: Timestamp,
    /// When somebody last asked for it.
    pub(crate) heard: Timestamp,
    /// Somebody wants it to end.
    pub(crate) stopped: bool,
}

impl Row for Rehearsal {
    const KIND: &'static str = "canary/rehearsal";
}

impl Rehearsal {
    pub(crate) fn key(scope: &Scope, id: &str) -> Key {
        Key::new(scope, id)
    }

    /// Whether it is about this route.
    pub(crate) fn is_of(&self, mesh: &str, router: &str, route: &str) -> bool {
        (self.mesh.as_str(), self.router.as_str(), self.route.as_str()) == (mesh, router, route)
    }
}

/// How far a rehearsal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The twin is made.
    Preparing,
    /// The fault of this number has its canary.
    Faulty(usize),
    /// That is over: everything is put back, and then the fault of this number is next, if there is one.
    Leaving(Option<usize>),
    /// The twin goes.
    Clearing,
}

/// A rehearsal, as seen, at the key of the asked one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RehearsalObserved {
    pub(crate) stage: Stage,
    /// The present fault's canary.
    pub(crate) canary: Option<String>,
    /// When that was started.
    pub(crate) began: Option<Timestamp>,
    /// When the twin got its first request.
    pub(crate) first: Option<Timestamp>,
    /// How long half of the requests take at the virtual node at most, in microseconds.
    pub(crate) median: u64,
    /// What is being made now, of the virtual node and of its twin, and until when that was asked for.
    pub(crate) made: [Option<(Injection, Timestamp)>; 2],
    /// Requests to the twin and the failed ones of them; the old version's, and the failed ones of them.
    pub(crate) counted: [(u64, u64); 2],
    /// What was counted when the fault began.
    pub(crate) onset: Option<[(u64, u64); 2]>,
    pub(crate) results: Vec<RehearsalResult>,
    pub(crate) message: String,
    /// Why it ends before the last fault, if it does.
    pub(crate) cut_short: Option<String>,
    pub(crate) ended: Option<Timestamp>,
    /// Grows with every change.
    pub(crate) version: u64,
}

impl Row for RehearsalObserved {
    const KIND: &'static str = "canary/rehearsal.observed";
}

impl RehearsalObserved {
    /// One of which nothing was seen yet.
    pub(crate) fn begin() -> Self {
        Self {
            stage: Stage::Preparing,
            canary: None,
            began: None,
            first: None,
            median: 0,
            made: [None; 2],
            counted: [(0, 0); 2],
            onset: None,
            results: Vec::new(),
            message: "It begins.".to_owned(),
            cut_short: None,
            ended: None,
            version: 0,
        }
    }

    /// Forgets the fault that is over.
    pub(crate) fn turn_over(&mut self) {
        self.canary = None;
        self.began = None;
        self.first = None;
        self.counted = [(0, 0); 2];
        self.onset = None;
    }

    /// Requests that the present fault made fail: the twin's, and the old version's too where it hits both.
    pub(crate) fn failed(&self, fault: &Fault) -> u64 {
        let Some(onset) = self.onset else { return 0 };
        let since = |arm: usize| self.counted[arm].1.saturating_sub(onset[arm].1);
        since(0) + if fault.is_its_own() { 0 } else { since(1) }
    }

    /// Requests that the present fault made take longer.
    pub(crate) fn slowed(&self, fault: &Fault) -> u64 {
        let Some(onset) = self.onset else { return 0 };
        fault.slows(self.counted[0].0.saturating_sub(onset[0].0))
    }

    /// Requests that failed by the whole rehearsal, with `fault` as the present one.
    pub(crate) fn harm(&self, fault: Option<&Fault>) -> u64 {
        let before: u64 = self.results.iter().map(|result| result.failed).sum();
        before + fault.map_or(0, |fault| self.failed(fault))
    }
}

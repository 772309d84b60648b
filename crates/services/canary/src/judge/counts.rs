//! What a judge is given: integer counts of both versions, a tick at a time.

use serde::{Deserialize, Serialize};

use super::{arithmetic::real, boundary::Boundary, histogram::Histogram};

/// What one version answered in a tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Requests answered, or given up on.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// How long they took.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub latency: Histogram,
}

impl Arm {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many requests there were, and how many of them were bad, where it is the new version.
    pub(super) fn as_canary(&self, of: Badness) -> Counted {
        self.counts(of, Boundary::canary)
    }

    /// The same where it is the old version, of whose requests a part of one may be bad.
    pub(super) fn as_baseline(&self, of: Badness) -> Counted {
        self.counts(of, Boundary::baseline)
    }

    fn counts(&self, of: Badness, slower: fn(&Boundary, &Histogram) -> f64) -> Counted {
        let slower = |than: Boundary| slower(&than, &self.latency);
        let (requests, bad) = match of {
            Badness::Failed => (self.requests, real(self.errors)),
            Badness::SlowerThan(boundary) => (self.latency.total(), slower(boundary)),
            Badness::Between(above, upto) => (self.latency.total(), slower(above) - slower(upto)),
        };
        (requests, bad.clamp(0.0, real(requests)))
    }
}

/// Requests, and the bad ones of them.
pub(super) type Counted = (u64, f64);

/// What makes a request a bad one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Badness {
    /// It failed.
    Failed,
    /// It took longer than this.
    SlowerThan(Boundary),
    /// It took longer than the first, and not longer than the second.
    Between(Boundary, Boundary),
}

/// A route, with what both versions answered on it.
///
/// Versions are compared within each route, so that it does not matter which routes a version happened to get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratum {
    /// The route's name.
    pub name: String,
    /// The old version.
    pub baseline: Arm,
    /// The new version.
    pub canary: Arm,
    /// The part of `baseline` whose users fell into the first of two random halves: what the running A/A test reads.
    #[serde(default, skip_serializing_if = "Arm::is_empty")]
    pub half: Arm,
    /// Requests and failures of the old version by groups of users, where users stay with a version; else nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<(u64, u64)>,
}

/// What was counted since the tick before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// How long it lasted, in milliseconds.
    pub millis: u32,
    /// Whether a process of the new version has just begun to serve, and is cold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cold: bool,
    /// The routes.
    pub strata: Vec<Stratum>,
}

impl Tick {
    /// Requests that the new version answered.
    pub fn canary_requests(&self) -> u64 {
        self.strata.iter().fold(0, |total, stratum| total.saturating_add(stratum.canary.requests))
    }
}

/// Two groups of requests, and the bad ones in each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) canary: f64,
    pub(super) baseline: f64,
    pub(super) canary_bad: f64,
    pub(super) baseline_bad: f64,
}

impl Sample {
    /// The new version against the old.
    pub(super) fn of(stratum: &Stratum, badness: Badness) -> Self {
        Self::from((stratum.canary.as_canary(badness), stratum.baseline.as_baseline(badness)))
    }

    /// The first half of the old version against its second.
    pub(super) fn halves(stratum: &Stratum, badness: Badness) -> Self {
        let (all, all_bad) = stratum.baseline.as_baseline(badness);
        let (first, first_bad) = stratum.half.as_baseline(badness);
        let (first, first_bad) = (first.min(all), first_bad.min(all_bad));
        let second = all - first;
        Self::from(((first, first_bad), (second, (all_bad - first_bad).min(real(second)))))
    }

    /// Bad requests of both.
    pub(super) fn bad(&self) -> f64 {
        self.canary_bad + self.baseline_bad
    }

    /// Whether it says anything about the ratio of risks: something bad, and requests on both sides.
    pub(super) fn speaks(&self) -> bool {
        self.bad() > 0.0 && self.canary > 0.0 && self.baseline > 0.0
    }
}

/// From (requests, bad) of each group.
impl From<(Counted, Counted)> for Sample {
    fn from(((canary, canary_bad), (baseline, baseline_bad)): (Counted, Counted)) -> Self {
        Self { canary: real(canary), baseline: real(baseline), canary_bad, baseline_bad }
    }
}

/// Of whole requests.
#[cfg(test)]
impl From<((u64, u64), (u64, u64))> for Sample {
    fn from((canary, baseline): ((u64, u64), (u64, u64))) -> Self {
        Self::from(((canary.0, real(canary.1)), (baseline.0, real(baseline.1))))
    }
}

//! One thing that both versions are compared by, with all that is kept about it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    arithmetic::real,
    counts::{Badness, Sample, Tick},
    dispersion::Dispersion,
    eprocess::{Bet, EProcess, ERRORS, SLOWNESS},
    interval::{self, Interval},
};

/// What versions are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// The part of requests that fail.
    Errors,
    /// The part of requests that are slower than this many in a thousand of the old version's were before the canary.
    Latency(u16),
}

/// A metric that nobody measures.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "there is no metric {0:?}: choose of Errors, and LatencyP50, LatencyP90, LatencyP95, LatencyP99 or LatencyP99.9"
)]
pub struct UnknownMetric(String);

impl Metric {
    /// All of them, as they are compared where nothing else is asked for.
    pub const USUAL: [Self; 5] =
        [Self::Errors, Self::Latency(500), Self::Latency(900), Self::Latency(950), Self::Latency(990)];

    fn bets(self) -> &'static [Bet] {
        match self {
            Self::Errors => ERRORS,
            Self::Latency(_) => SLOWNESS,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors => f.write_str("Errors"),
            Self::Latency(permille) if permille % 10 == 0 => write!(f, "LatencyP{}", permille / 10),
            Self::Latency(permille) => write!(f, "LatencyP{}.{}", permille / 10, permille % 10),
        }
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let known = Self::USUAL.into_iter().chain([Self::Latency(999)]);
        known.into_iter().find(|metric| metric.to_string() == text).ok_or_else(|| UnknownMetric(text.to_owned()))
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// All that is kept about a metric.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub(super) metric: Metric,
    /// The part of the stake that is bet on it.
    pub(super) part: f64,
    /// What makes a request a bad one; none before the old version's latency is known.
    pub(super) badness: Option<Badness>,
    pub(super) process: EProcess,
    pub(super) dispersion: Dispersion,
    pub(super) evidence: interval::Evidence,
    pub(super) totals: Totals,
}

/// Requests of both versions, and the bad ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) canary: (u64, u64),
    pub(super) baseline: (u64, u64),
}

impl Totals {
    pub(super) fn add(&mut self, canary: (u64, u64), baseline: (u64, u64)) {
        for (total, more) in [(&mut self.canary, canary), (&mut self.baseline, baseline)] {
            total.0 = total.0.saturating_add(more.0);
            total.1 = total.1.saturating_add(more.1);
        }
    }
}

impl Comparison {
    pub(super) fn new(metric: Metric, part: f64, tolerance: f64) -> Self {
        Self {
            metric,
            part,
            badness: (metric == Metric::Errors).then_some(Badness::Failed),
            process: EProcess::with_onsets(metric.bets(), tolerance),
            dispersion: Dispersion::default(),
            evidence: interval::Evidence::default(),
            totals: Totals::default(),
        }
    }

    /// Takes in a tick; `compared` says whether the new version is warm enough to be compared.
    pub(super) fn observe(&mut self, tick: &Tick, compared: bool) {
        let Some(badness) = self.badness else { return };
        // The factor of before this tick: what a bet is divided by must not depend on its own outcome.
        let factor = self.dispersion.factor();
        for stratum in &tick.strata {
            self.dispersion.add(&stratum.name, &Sample::halves(stratum, badness));
            if compared {
                let sample = Sample::of(stratum, badness);
                self.process.add(&sample, factor);
                self.evidence.add(&sample, factor);
                self.totals.add(stratum.canary.counts(badness), stratum.baseline.counts(badness));
            }
        }
        self.dispersion.pass(tick.millis);
    }

    pub(super) fn interval(&self, alpha: f64) -> Interval {
        self.evidence.interval(self.metric.bets(), alpha)
    }

    /// Bad requests of the new version beyond what the old one's rate makes one expect.
    pub(super) fn excess(&self) -> f64 {
        let ((canary, canary_bad), (baseline, baseline_bad)) = (self.totals.canary, self.totals.baseline);
        let rate = if baseline == 0 { 0.0 } else { real(baseline_bad) / real(baseline) };
        (real(canary_bad) - real(canary) * rate).max(0.0)
    }
}

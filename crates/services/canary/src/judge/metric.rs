//! One thing that both versions are compared by, with all that is kept about it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    arithmetic::{count, real},
    boundary::{Boundary, Margin},
    counts::{Badness, Counted, Sample, Tick},
    dispersion::Dispersion,
    eprocess::{Bet, CLASSES, EProcess, ERRORS, LATENCY, SLOWNESS},
    histogram::Histogram,
    interval::{self, Interval},
    users::Users,
};

/// The quantile, in a thousand, by which latency as a whole is shown, and its clusters are measured.
const SHOWN: u16 = 950;

/// What versions are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// The part of requests that fail.
    Errors,
    /// How the slower half of the requests is spread over quantiles that the old version had before the canary.
    Latency,
    /// The part of requests that are slower than this many in a thousand of the old version's were before the canary.
    SlowerThan(u16),
}

/// A metric that nobody measures.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "there is no metric {0:?}: choose of Errors, and LatencyP50, LatencyP90, LatencyP95, LatencyP99 or LatencyP99.9"
)]
pub struct UnknownMetric(String);

impl Metric {
    /// Those that are compared where nothing else is asked for.
    pub const USUAL: [Self; 2] = [Self::Errors, Self::Latency];
    /// All of them.
    const ALL: [Self; 7] = [
        Self::Errors,
        Self::Latency,
        Self::SlowerThan(500),
        Self::SlowerThan(900),
        Self::SlowerThan(950),
        Self::SlowerThan(990),
        Self::SlowerThan(999),
    ];

    /// What is bet on.
    fn bets(self) -> &'static [Bet] {
        match self {
            Self::Errors => ERRORS,
            Self::Latency => LATENCY,
            Self::SlowerThan(_) => SLOWNESS,
        }
    }

    /// What its interval is reckoned with: one class.
    fn interval_bets(self) -> &'static [Bet] {
        if self == Self::Errors { ERRORS } else { SLOWNESS }
    }

    /// What it counts and shows, and the classes it bets on, once the old version's latency is known.
    fn badness(self, usual: &Histogram, margin: Margin) -> Option<(Badness, Vec<Badness>)> {
        let boundary = |permille| usual.quantile(permille).map(|bucket| Boundary::new(bucket, margin, usual));
        let slower = |permille| boundary(permille).map(Badness::SlowerThan);
        match self {
            Self::Errors => Some((Badness::Failed, vec![Badness::Failed])),
            Self::SlowerThan(permille) => slower(permille).map(|badness| (badness, vec![badness])),
            Self::Latency => {
                let begins: Vec<Boundary> = CLASSES.iter().filter_map(|permille| boundary(*permille)).collect();
                let between = begins.windows(2).map(|pair| Badness::Between(pair[0], pair[1]));
                let last = begins.last().map(|boundary| Badness::SlowerThan(*boundary))?;
                Some((slower(SHOWN)?, between.chain(std::iter::once(last)).collect()))
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors => f.write_str("Errors"),
            Self::Latency => f.write_str("Latency"),
            Self::SlowerThan(permille) if permille % 10 == 0 => write!(f, "LatencyP{}", permille / 10),
            Self::SlowerThan(permille) => write!(f, "LatencyP{}.{}", permille / 10, permille % 10),
        }
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        Self::ALL.into_iter().find(|metric| metric.to_string() == text).ok_or_else(|| UnknownMetric(text.to_owned()))
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
    /// The classes of bad requests that are bet on.
    classes: Vec<Badness>,
    pub(super) process: EProcess,
    dispersion: Dispersion,
    users: Users,
    pub(super) evidence: interval::Evidence,
    pub(super) totals: Totals,
}

/// Requests of both versions, and the bad ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Totals {
    canary: Counted,
    baseline: Counted,
}

impl Totals {
    pub(super) fn add(&mut self, canary: Counted, baseline: Counted) {
        for (total, more) in [(&mut self.canary, canary), (&mut self.baseline, baseline)] {
            total.0 = total.0.saturating_add(more.0);
            total.1 += more.1;
        }
    }

    /// Of the new version, in whole requests.
    pub(super) fn canary(&self) -> (u64, u64) {
        (self.canary.0, count(self.canary.1.round()))
    }

    /// Of the old version, in whole requests.
    pub(super) fn baseline(&self) -> (u64, u64) {
        (self.baseline.0, count(self.baseline.1.round()))
    }

    /// Bad requests of the new version beyond what the old one's rate makes one expect; negative if there are fewer.
    pub(super) fn excess(&self) -> f64 {
        let (requests, bad) = self.baseline;
        let rate = if requests == 0 { 0.0 } else { bad / real(requests) };
        self.canary.1 - real(self.canary.0) * rate
    }
}

impl Comparison {
    pub(super) fn new(metric: Metric, part: f64, tolerance: f64, (prior, doubt): (f64, f64)) -> Self {
        let known = metric.badness(&Histogram::default(), Margin::default());
        Self {
            metric,
            part,
            badness: known.as_ref().map(|(badness, _)| *badness),
            classes: known.map(|(_, classes)| classes).unwrap_or_default(),
            process: EProcess::with_onsets(metric.bets(), tolerance),
            dispersion: Dispersion::new(prior, doubt),
            users: Users::new(prior, doubt),
            evidence: interval::Evidence::default(),
            totals: Totals::default(),
        }
    }

    /// Fixes what slow means, unless that is fixed, by the old version's latency.
    pub(super) fn learn(&mut self, usual: &Histogram, margin: Margin) {
        if let (None, Some((badness, classes))) = (self.badness, self.metric.badness(usual, margin)) {
            self.badness = Some(badness);
            self.classes = classes;
        }
    }

    /// Takes in a tick; `compared` says whether the new version is warm enough to be compared.
    pub(super) fn observe(&mut self, tick: &Tick, compared: bool) {
        let Some(badness) = self.badness else { return };
        // The factor of before this tick: what a bet is divided by must not depend on its own outcome.
        let factor = self.factor();
        for stratum in &tick.strata {
            self.dispersion.add(&stratum.name, &Sample::halves(stratum, badness));
            if self.metric == Metric::Errors {
                self.users.add(&stratum.name, &stratum.users);
            }
            if compared {
                let sample = Sample::of(stratum, badness);
                let mut classes = [sample; CLASSES.len()];
                let classes = &mut classes[..self.classes.len()];
                for (sample, class) in classes.iter_mut().zip(&self.classes) {
                    *sample = Sample::of(stratum, *class);
                }
                self.process.add(classes, factor);
                self.evidence.add(&sample, factor);
                self.totals.add(stratum.canary.as_canary(badness), stratum.baseline.as_baseline(badness));
            }
        }
        self.dispersion.pass(tick.millis);
    }

    /// How many bad requests come from one cause, be it of a moment or a user who stays; 1 where none are known to.
    pub(super) fn factor(&self) -> f64 {
        self.dispersion.factor().max(self.users.factor())
    }

    pub(super) fn interval(&self, alpha: f64) -> Interval {
        self.evidence.interval(self.metric.interval_bets(), alpha)
    }

    /// Bad requests of the new version beyond what the old one's rate makes one expect.
    pub(super) fn excess(&self) -> f64 {
        self.totals.excess().max(0.0)
    }
}

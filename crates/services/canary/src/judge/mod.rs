//! The judge: two versions' counts in, a verdict out.
//!
//! Nine tools in ten ask once a minute whether a number is above a line, and forgive a few times. This judge compares
//! the two versions with each other, in the same seconds and on the same routes, by bets that nobody can win while they
//! are equally good (`eprocess.rs`). That makes three promises hold together: a healthy version is taken back with
//! probability α at most, over the whole rollout, however often one looks and whatever the weights do; what hits both
//! versions hits neither; and silence is no evidence of anything.
//!
//! It has no clock, no randomness, no I/O: the same ticks give the same verdicts, bit for bit, which is what [`record`]
//! rests on. Of several metrics the fortunes are averaged, not the thresholds divided: an average of e-processes is one
//! (Vovk and Wang, "E-values: Calibration, combination and applications", 2021).

mod arithmetic;
mod boundary;
mod certificate;
mod counts;
mod dispersion;
mod eprocess;
mod evidence;
mod explain;
mod histogram;
mod interval;
mod metric;
pub mod record;
mod users;

use serde::{Deserialize, Serialize};

use arithmetic::{count, ln, log_sum, real};
use certificate::Certificate;
use counts::{Badness, Sample};
use eprocess::{EProcess, ERRORS};
use metric::Comparison;

pub use boundary::Margin;
pub use counts::{Arm, Stratum, Tick};
pub use evidence::{Compared, Evidence, Route};
pub use explain::explain;
pub use histogram::Histogram;
pub use interval::Interval;
pub use metric::{Metric, UnknownMetric};

/// Requests of the old version after which it is known well enough to be compared with.
const BASELINE_REQUESTS: u64 = 5000;
/// Requests of the old version that must be known before latencies are compared.
const LATENCY_SAMPLES_MIN: u64 = 500;
/// Every so many milliseconds a slice of what is kept back is bet.
const ONSET_MILLIS: u64 = 60_000;
/// The rate of requests is measured over the last one to two of these.
const RATE_MILLIS: u64 = 60_000;
/// From a fortune of ten on, evidence is mounting: nothing is widened.
const CAUTION: f64 = 10.0;
/// Routes whose counts are told apart in the evidence; the rest is one.
const ROUTES_MAX: usize = 256;

/// How a canary is to be judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The probability that a healthy version is taken back, at most.
    pub alpha: f64,
    /// The probability that a version as bad as a certificate denies is certified, at most.
    pub beta: f64,
    /// What versions are compared by, each with the ratio of risks that is borne. Errors and latencies get half the
    /// stake each.
    pub metrics: Vec<(Metric, f64)>,
    /// How much longer requests may take at the new version; nothing in records that do not say.
    #[serde(default)]
    pub margin: Margin,
    /// What the estimate of clusters of failures begins with, in the variance of independent requests: the more, the
    /// longer clusters go unnoticed, and the less chance has a part.
    #[serde(default = "first_prior")]
    pub error_prior: f64,
    /// The same for slow requests, of which there are more.
    #[serde(default = "first_prior")]
    pub latency_prior: f64,
    /// How many of its own errors are added to the estimate of clusters of failures; none in records that do not say.
    #[serde(default)]
    pub error_doubt: f64,
    /// A version is also certified that has shown to fail less than this many times as often as the old one.
    pub relative_bound: f64,
    /// Latencies are not compared before a new process has served so many requests …
    pub cold_requests: u64,
    /// … and for so many milliseconds.
    pub cold_millis: u64,
}

/// That of records which do not say.
fn first_prior() -> f64 {
    3.0
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            beta: 0.05,
            metrics: Metric::USUAL.map(|metric| (metric, 1.0)).to_vec(),
            margin: Margin::USUAL,
            error_prior: 4.0,
            latency_prior: 50.0,
            error_doubt: 2.0,
            relative_bound: 2.0,
            cold_requests: 20,
            cold_millis: 3000,
        }
    }
}

/// What one wants to know of a judge.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The new version is good enough if it is certified to fail less often than this.
    pub bound: f64,
    /// Whether an answer is due now: whoever would still go on is inconclusive then.
    pub last: bool,
}

/// What a judge answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing speaks against the new version, and not yet enough for it: go on watching.
    GoOn,
    /// Something speaks against it, not enough to take it back: do not widen.
    Hold,
    /// It is good enough: widen.
    Certified,
    /// It is worse than the old one: take it back.
    TakeBack,
    /// Time is up, and there was too little traffic to tell.
    Inconclusive(Need),
}

/// What is missing for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Requests to the new version; none where no number of them would do at the rate it fails.
    pub requests: Option<u64>,
    /// How long they take to come at the present rate, in milliseconds; none where none come.
    pub millis: Option<u64>,
}

/// Requests within a while, for a rate.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    requests: u64,
    millis: u64,
}

/// A judge in the middle of a canary.
#[derive(Clone, Debug)]
pub struct Judge {
    settings: Settings,
    comparisons: Vec<Comparison>,
    certificate: Certificate,
    /// Each half of the old version against the other: evidence that the assumptions do not hold here.
    halves: [EProcess; 2],
    /// The old version's latency before it is compared.
    usual: Histogram,
    routes: std::collections::BTreeMap<String, metric::Totals>,
    baseline_requests: u64,
    cold: Rate,
    /// Whether the new version has answered a request yet, and how long ago the first was.
    begun: bool,
    seen_millis: u64,
    opened: u64,
    rates: [Rate; 2],
    alarmed: bool,
}

impl Judge {
    /// A judge who has seen nothing.
    pub fn new(settings: Settings) -> Self {
        let latencies = settings.metrics.iter().filter(|(metric, _)| *metric != Metric::Errors).count();
        let errors = settings.metrics.len() - latencies;
        let groups = real(u64::from(latencies > 0) + u64::from(errors > 0));
        let part = |metric| {
            let of = if metric == Metric::Errors { errors } else { latencies };
            1.0 / groups / real(of as u64)
        };
        let comparison = |(metric, tolerance): &(Metric, f64)| {
            let of_errors = (settings.error_prior, settings.error_doubt);
            let clusters = if *metric == Metric::Errors { of_errors } else { (settings.latency_prior, 0.0) };
            Comparison::new(*metric, part(*metric), *tolerance, clusters)
        };
        Self {
            comparisons: settings.metrics.iter().map(comparison).collect(),
            certificate: Certificate::new(settings.relative_bound),
            halves: [EProcess::new(ERRORS, 1.0), EProcess::new(ERRORS, 1.0)],
            usual: Histogram::default(),
            routes: std::collections::BTreeMap::new(),
            baseline_requests: 0,
            cold: Rate::default(),
            begun: false,
            seen_millis: 0,
            opened: 0,
            rates: [Rate::default(); 2],
            alarmed: false,
            settings,
        }
    }

    /// Takes in what happened since the last tick.
    pub fn observe(&mut self, tick: &Tick) {
        let requests = tick.canary_requests();
        self.begun |= requests > 0;
        self.learn_latency(tick, requests > 0);
        let warm = self.warm(tick, requests);
        let factor = self.error_dispersion();
        for comparison in &mut self.comparisons {
            comparison.observe(tick, comparison.metric == Metric::Errors || warm);
        }
        for stratum in &tick.strata {
            self.baseline_requests = self.baseline_requests.saturating_add(stratum.baseline.requests);
            self.count(stratum, factor);
        }
        self.pass(tick.millis, requests);
        self.alarmed |= self.log_value() >= -ln(self.settings.alpha);
    }

    /// Fixes what slow means, at the old version's latency before the canary: by what is already known when it begins.
    fn learn_latency(&mut self, tick: &Tick, begun: bool) {
        if self.comparisons.iter().all(|comparison| comparison.badness.is_some()) {
            return;
        }
        if begun && self.usual.total() >= LATENCY_SAMPLES_MIN {
            let margin = self.settings.margin;
            self.comparisons.iter_mut().for_each(|comparison| comparison.learn(&self.usual, margin));
        } else {
            tick.strata.iter().for_each(|stratum| self.usual.merge(&stratum.baseline.latency));
        }
    }

    /// Whether the new version was warm when the tick began.
    fn warm(&mut self, tick: &Tick, requests: u64) -> bool {
        if tick.cold {
            self.cold = Rate::default();
        }
        let warm = self.cold.requests >= self.settings.cold_requests && self.cold.millis >= self.settings.cold_millis;
        if !warm && (requests > 0 || self.cold.requests > 0) {
            self.cold.requests = self.cold.requests.saturating_add(requests);
            self.cold.millis = self.cold.millis.saturating_add(u64::from(tick.millis));
        }
        warm
    }

    fn error_dispersion(&self) -> f64 {
        let errors = self.comparisons.iter().find(|comparison| comparison.metric == Metric::Errors);
        errors.map_or(1.0, Comparison::factor)
    }

    fn count(&mut self, stratum: &Stratum, factor: f64) {
        let (requests, failed) = stratum.canary.as_canary(Badness::Failed);
        self.certificate.add(real(requests), failed, factor);
        self.certificate.compared.add(&[Sample::of(stratum, Badness::Failed)], factor);
        let halves = Sample::halves(stratum, Badness::Failed);
        let swapped = Sample {
            canary: halves.baseline,
            baseline: halves.canary,
            canary_bad: halves.baseline_bad,
            baseline_bad: halves.canary_bad,
        };
        self.halves[0].add(&[halves], factor);
        self.halves[1].add(&[swapped], factor);
        if !self.routes.contains_key(&stratum.name) {
            let name = if self.routes.len() < ROUTES_MAX { stratum.name.clone() } else { String::new() };
            self.routes.entry(name).or_default();
        }
        let name = if self.routes.contains_key(&stratum.name) { stratum.name.as_str() } else { "" };
        if let Some(totals) = self.routes.get_mut(name) {
            totals.add((requests, failed), stratum.baseline.as_baseline(Badness::Failed));
        }
    }

    fn pass(&mut self, millis: u32, requests: u64) {
        let millis = u64::from(millis);
        self.rates[0].requests = self.rates[0].requests.saturating_add(requests);
        self.rates[0].millis += millis;
        if self.rates[0].millis >= RATE_MILLIS {
            self.rates = [Rate::default(), self.rates[0]];
        }
        if !self.begun {
            return;
        }
        self.seen_millis = self.seen_millis.saturating_add(millis);
        if self.seen_millis / ONSET_MILLIS > self.opened {
            self.opened = self.seen_millis / ONSET_MILLIS;
            self.comparisons.iter_mut().for_each(|comparison| comparison.process.open());
        }
    }

    /// ln of the fortune of all bets against "the new version is no worse".
    pub fn log_value(&self) -> f64 {
        let parts = self.comparisons.iter();
        log_sum(parts.map(|comparison| ln(comparison.part) + comparison.process.log_value()))
    }

    /// The answer to `question`. Whoever was once to be taken back remains so.
    pub fn verdict(&self, question: &Question) -> Verdict {
        if self.alarmed {
            return Verdict::TakeBack;
        }
        if self.log_value() >= ln(CAUTION) {
            return if question.last { Verdict::Inconclusive(self.need(question)) } else { Verdict::Hold };
        }
        if self.certificate.log_value(question.bound) >= -ln(self.settings.beta) {
            return Verdict::Certified;
        }
        if question.last { Verdict::Inconclusive(self.need(question)) } else { Verdict::GoOn }
    }

    /// Whether so much was seen of the old version that it can well be compared with: how long it takes, and how far its
    /// failures come in clusters.
    pub fn knows_baseline(&self) -> bool {
        self.baseline_requests >= BASELINE_REQUESTS
    }

    /// What is missing until the new version is certified.
    pub fn need(&self, question: &Question) -> Need {
        let limit = -ln(self.settings.beta);
        let needed = self.certificate.needed(question.bound, limit, self.error_dispersion());
        let requests = self.rates.iter().map(|rate| real(rate.requests)).sum::<f64>();
        let millis = self.rates.iter().map(|rate| real(rate.millis)).sum::<f64>();
        let wait = needed.filter(|_| requests > 0.0).map(|needed| count((needed / requests * millis).ceil()));
        Need { requests: needed.map(|needed| count(needed.ceil())), millis: wait }
    }

    /// Failed requests of the new version beyond those that the old one's rate makes one expect: what the canary has
    /// cost.
    pub fn harm(&self) -> u64 {
        let errors = self.comparisons.iter().find(|comparison| comparison.metric == Metric::Errors);
        errors.map_or(0, |comparison| count(comparison.excess()))
    }
}

#[cfg(test)]
mod tests;

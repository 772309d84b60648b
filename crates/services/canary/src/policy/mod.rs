//! What a user asks of a canary: the ramp, how it is judged, and what is done in doubt.
//!
//! Its JSON is what stands in a template under `Metadata: {"Serin::Canary": {…}}`, which AWS stores and ignores: so the
//! same template stays valid there. Everything has a default; `{}` is a policy. What is not understood is refused by
//! name.

mod audience;
mod forms;
mod number;
mod webhook;

use serde::{Deserialize, Serialize};

use crate::judge::{Margin, Metric, Settings};

pub use audience::{Cookie, Header, Match, Range, Sticky, StickyCookie, Testers};
pub use number::Weight;
use number::{number, optional, truth};
pub(crate) use webhook::place;
pub use webhook::{Message, Secret, Webhook, When};

/// Steps that a ramp may have.
const STEPS_MAX: usize = 100;
/// The longest time that may be asked for, in seconds: thirty days.
const SECONDS_MAX: u64 = 30 * 24 * 3600;
/// A step's bound where none is given: this, in percent, divided by the step's weight in percent …
const BOUND_AT_ONE_PERCENT: f64 = 25.0;
/// … but no looser than this many percent …
const BOUND_LOOSEST: f64 = 25.0;
/// … and no tighter.
const BOUND_TIGHTEST: f64 = 0.5;
/// The steps where none are given, in tenths of a percent.
const USUAL_STEPS: [u16; 6] = [10, 20, 50, 100, 250, 500];

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Policy {
    /// The parts of the traffic that the new version gets one after the other, before it is baked.
    pub steps: Vec<Step>,
    /// How long the old version is read before the first step, unless enough is known of it earlier.
    #[serde(deserialize_with = "number")]
    pub baseline_seconds: u64,
    /// A step lasts so long at least.
    #[serde(deserialize_with = "number")]
    pub minimum_step_seconds: u64,
    /// After so long without a certificate, a step is inconclusive.
    #[serde(deserialize_with = "number")]
    pub maximum_step_seconds: u64,
    /// What the old version keeps while the new one bakes.
    pub hold_back_percent: Weight,
    /// How long the new version is watched before the old one goes.
    #[serde(deserialize_with = "number")]
    pub bake_seconds: u64,
    /// What versions are compared by.
    pub metrics: Vec<Watched>,
    /// How much longer requests may take at the new version.
    pub latency_margin: LatencyMargin,
    /// The probability that a healthy version is taken back, at most.
    #[serde(deserialize_with = "number")]
    pub false_take_back: f64,
    /// The probability that a version which fails as often as a step's bound passes it, at most.
    #[serde(deserialize_with = "number")]
    pub false_certificate: f64,
    /// A version that fails less than this many times as often as the old one is certified too.
    #[serde(deserialize_with = "number")]
    pub relative_bound: f64,
    /// Failed requests beyond the old version's rate after which the new one is taken back, whatever the judge says.
    #[serde(deserialize_with = "optional", skip_serializing_if = "Option::is_none")]
    pub harm_budget: Option<u64>,
    /// What is done with a version that is worse.
    pub on_take_back: OnTakeBack,
    /// What is done where too little traffic came to tell.
    pub on_inconclusive: OnInconclusive,
    /// How often a canary that was not found worse, but unhealthy or inconclusive, is begun again.
    #[serde(deserialize_with = "number")]
    pub retries: u32,
    /// Judges, and acts as if the verdict had been good.
    #[serde(deserialize_with = "truth")]
    pub dry_run: bool,
    /// So long a new version may take until its first copy is healthy.
    #[serde(deserialize_with = "number")]
    pub healthy_seconds: u64,
    /// So long it may be without a healthy copy later.
    #[serde(deserialize_with = "number")]
    pub unhealthy_seconds: u64,
    /// What is left out of the comparison of latencies.
    pub cold_start: ColdStart,
    /// Whose requests go to the new version before its weight sends anybody there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub testers: Option<Testers>,
    /// By what users are known who are to stay with the version that they have come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Programs that are asked before the ramp goes on, or told how it ended.
    pub webhooks: Vec<Webhook>,
    /// Where people are told what happens.
    pub messages: Vec<Message>,
    /// Under what address they reach the house, for links to approve by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_address: Option<String>,
}

/// One part of a ramp; in JSON also just its weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    /// The part of the traffic, in percent.
    pub weight: Weight,
    /// What the new version must be certified to fail less often than, in percent, before the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_error_percent: Option<f64>,
    /// Whether somebody has to approve before it begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gate: bool,
}

/// A metric and what is borne of it; in JSON also just its name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Watched {
    /// The metric.
    pub name: Metric,
    /// How many times as often a request may be bad at the new version; 1 where not given.
    pub tolerance: f64,
}

/// How much longer a request may take at the new version without being slower: the larger of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct LatencyMargin {
    /// In percent of the time that it takes at the old version.
    #[serde(deserialize_with = "number")]
    pub percent: f64,
    /// In milliseconds.
    #[serde(deserialize_with = "number")]
    pub milliseconds: f64,
}

/// What is left out of the comparison of latencies after a process of the new version has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct ColdStart {
    /// So many requests …
    #[serde(deserialize_with = "number")]
    pub requests: u64,
    /// … and so many seconds.
    #[serde(deserialize_with = "number")]
    pub seconds: u64,
}

/// What is done with a version that is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnTakeBack {
    /// The old version gets all traffic again.
    #[default]
    TakeBack,
    /// Everything stays as it is until somebody decides: where going back is worse, as after a migration of data.
    Freeze,
}

/// What is done where too little traffic came to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnInconclusive {
    /// The step goes on until there is enough, or somebody decides.
    #[default]
    Hold,
    /// The old version gets all traffic again.
    TakeBack,
    /// The ramp goes on as if it had been certified.
    Promote,
}

/// A policy that cannot be followed.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// It is not of the form of a policy.
    #[error("Serin::Canary: {0}")]
    Form(String),
    /// It has no steps, or too many.
    #[error("Serin::Canary: Steps has {0} entries: give 1 to {STEPS_MAX}")]
    Steps(usize),
    /// A step is smaller than the one before.
    #[error("Serin::Canary: Steps fall from {before} to {after}: each must be above the one before it")]
    Falling {
        /// The one before.
        before: Weight,
        /// The smaller one.
        after: Weight,
    },
    /// The first step gives the new version nothing, or the last one everything.
    #[error("Serin::Canary: Steps has {0}: a step leaves both versions a part, above 0 and below 100 %")]
    Whole(Weight),
    /// The old version would get more in the bake than in the last step.
    #[error(
        "Serin::Canary: HoldBackPercent is {held}, and the last of Steps leaves the old version {left}: hold back less"
    )]
    HoldBack {
        /// What is held back.
        held: Weight,
        /// What the last step leaves.
        left: Weight,
    },
    /// Users stay, and latencies are to be compared.
    #[error(
        "Serin::Canary: Sticky: users who stay are compared by Errors alone, as nobody knows how far slow requests are \
         those of a few: say \"Metrics\": [\"Errors\"]"
    )]
    StickyLatency,
    /// A number is out of its range.
    #[error("Serin::Canary: {name} is {value}: give {range}")]
    Range {
        /// Of which setting.
        name: &'static str,
        /// The number.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A step could never be long enough.
    #[error("Serin::Canary: MinimumStepSeconds is {minimum}, above MaximumStepSeconds, which is {maximum}")]
    Times {
        /// The minimum.
        minimum: u64,
        /// The maximum.
        maximum: u64,
    },
    /// Too many are to be asked or told.
    #[error("Serin::Canary: {name} has {count} entries: give at most 10")]
    Webhooks {
        /// Of which setting.
        name: &'static str,
        /// How many.
        count: usize,
    },
    /// An address cannot be asked.
    #[error("Serin::Canary: {name} has {place}: {why}")]
    Url {
        /// Of which setting.
        name: &'static str,
        /// The address, without what may be a secret.
        place: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Anybody could guess the secret.
    #[error("Serin::Canary: Webhooks[].Secret is too short: give at least 16 characters")]
    Secret,
    /// Nothing, or something twice, is to be compared.
    #[error("Serin::Canary: Metrics must name at least one metric, and none twice")]
    Metrics,
}

impl Default for Policy {
    fn default() -> Self {
        let judge = Settings::default();
        let step = |tenths| Step {
            weight: Weight::tenths(tenths).unwrap_or_default(),
            maximum_error_percent: None,
            gate: false,
        };
        Self {
            steps: USUAL_STEPS.map(step).to_vec(),
            baseline_seconds: 60,
            minimum_step_seconds: 15,
            maximum_step_seconds: 3600,
            hold_back_percent: Weight::tenths(50).unwrap_or_default(),
            bake_seconds: 600,
            metrics: judge
                .metrics
                .iter()
                .map(|(name, tolerance)| Watched { name: *name, tolerance: *tolerance })
                .collect(),
            latency_margin: LatencyMargin::default(),
            false_take_back: judge.alpha,
            false_certificate: judge.beta,
            relative_bound: judge.relative_bound,
            harm_budget: None,
            on_take_back: OnTakeBack::default(),
            on_inconclusive: OnInconclusive::default(),
            retries: 0,
            dry_run: false,
            healthy_seconds: 600,
            unhealthy_seconds: 60,
            cold_start: ColdStart::default(),
            testers: None,
            sticky: None,
            webhooks: Vec::new(),
            messages: Vec::new(),
            link_address: None,
        }
    }
}

impl Default for ColdStart {
    fn default() -> Self {
        let judge = Settings::default();
        Self { requests: judge.cold_requests, seconds: judge.cold_millis / 1000 }
    }
}

impl Default for LatencyMargin {
    fn default() -> Self {
        #[expect(clippy::cast_precision_loss, reason = "two thousand")]
        let milliseconds = Margin::USUAL.micros as f64 / 1000.0;
        Self { percent: Margin::USUAL.percent, milliseconds }
    }
}

impl LatencyMargin {
    /// As the judge takes it; once it was seen to be within its range.
    fn margin(self) -> Margin {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
        let micros = (self.milliseconds * 1000.0).round() as u64;
        Margin { percent: self.percent, micros }
    }
}

impl Policy {
    /// The policy in `json`, if it can be followed.
    pub fn parse(json: &str) -> Result<Self, Error> {
        Self::from_value(serde_json::from_str(json).map_err(|error| Error::Form(error.to_string()))?)
    }

    /// The policy in `value`, if it can be followed.
    pub fn from_value(value: serde_json::Value) -> Result<Self, Error> {
        if !value.is_object() {
            return Err(Error::Form("it must be an object; an empty one asks for the usual ramp".to_owned()));
        }
        let policy: Self = serde_json::from_value(value).map_err(|error| Error::Form(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// Fails with the first thing that cannot be followed.
    pub fn check(&self) -> Result<(), Error> {
        self.check_steps()?;
        self.check_times()?;
        self.testers.as_ref().map_or(Ok(()), Testers::check)?;
        self.sticky.as_ref().map_or(Ok(()), Sticky::check)?;
        if self.sticky.is_some() && self.metrics.iter().any(|watched| watched.name != Metric::Errors) {
            return Err(Error::StickyLatency);
        }
        self.check_webhooks()?;
        range("FalseTakeBack", self.false_take_back, 1e-9..=0.5, "0.000000001 to 0.5")?;
        range("FalseCertificate", self.false_certificate, 1e-9..=0.5, "0.000000001 to 0.5")?;
        range("RelativeBound", self.relative_bound, 1.01..=1000.0, "1.01 to 1000")?;
        range("LatencyMargin.Percent", self.latency_margin.percent, 0.0..=1000.0, "0 to 1000")?;
        range("LatencyMargin.Milliseconds", self.latency_margin.milliseconds, 0.0..=600_000.0, "0 to 600000")?;
        for (place, watched) in self.metrics.iter().enumerate() {
            range("Tolerance", watched.tolerance, 1.0..=1000.0, "1 to 1000")?;
            if self.metrics[..place].iter().any(|other| other.name == watched.name) {
                return Err(Error::Metrics);
            }
        }
        if self.metrics.is_empty() { Err(Error::Metrics) } else { Ok(()) }
    }

    fn check_steps(&self) -> Result<(), Error> {
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return Err(Error::Steps(self.steps.len()));
        }
        for pair in self.steps.windows(2) {
            let (before, after) = (pair[0].weight, pair[1].weight);
            if after <= before {
                return Err(Error::Falling { before, after });
            }
        }
        for step in &self.steps {
            if step.weight == Weight::NONE || step.weight == Weight::ALL {
                return Err(Error::Whole(step.weight));
            }
            if let Some(bound) = step.maximum_error_percent {
                range("MaximumErrorPercent", bound, 0.0001..=99.0, "0.0001 to 99")?;
            }
        }
        let left = self.steps[self.steps.len() - 1].weight.rest();
        let held = self.hold_back_percent;
        if held > left { Err(Error::HoldBack { held, left }) } else { Ok(()) }
    }

    fn check_times(&self) -> Result<(), Error> {
        for (name, seconds) in [
            ("BaselineSeconds", self.baseline_seconds),
            ("MinimumStepSeconds", self.minimum_step_seconds),
            ("MaximumStepSeconds", self.maximum_step_seconds),
            ("BakeSeconds", self.bake_seconds),
            ("HealthySeconds", self.healthy_seconds),
            ("UnhealthySeconds", self.unhealthy_seconds),
            ("ColdStart.Seconds", self.cold_start.seconds),
        ] {
            if seconds > SECONDS_MAX {
                #[expect(clippy::cast_precision_loss, reason = "only shown")]
                let value = seconds as f64;
                return Err(Error::Range { name, value, range: "at most 2592000, which is thirty days" });
            }
        }
        let (minimum, maximum) = (self.minimum_step_seconds, self.maximum_step_seconds);
        if minimum > maximum { Err(Error::Times { minimum, maximum }) } else { Ok(()) }
    }

    /// What must be certified at the step in place `step`, or at the last one beyond it, as a probability.
    pub fn bound(&self, step: usize) -> f64 {
        let Some(step) = self.steps.get(step).or(self.steps.last()) else { return BOUND_TIGHTEST / 100.0 };
        let usual = (BOUND_AT_ONE_PERCENT / step.weight.percent()).clamp(BOUND_TIGHTEST, BOUND_LOOSEST);
        step.maximum_error_percent.unwrap_or(usual) / 100.0
    }

    /// How long a canary may take that gets all the time that is its due, in seconds: until its first copy is healthy and
    /// the old version was read, in each step, for each approval and each question to webhooks, in its bake and while that
    /// is drawn out by doubt, at every try.
    pub fn longest_seconds(&self) -> u64 {
        let gates = self.steps.iter().filter(|step| step.gate).count();
        let waits = u64::try_from(self.steps.len() + gates + self.waits_for_webhooks() + 1).unwrap_or(u64::MAX);
        let steps = self.maximum_step_seconds.saturating_mul(waits);
        let alone = self.testers.as_ref().map_or(0, |testers| testers.seconds);
        let before = self.healthy_seconds.saturating_add(self.baseline_seconds.max(alone));
        let once = before.saturating_add(steps).saturating_add(self.bake_seconds);
        once.saturating_mul(u64::from(self.retries).saturating_add(1))
    }

    /// How a judge goes about it.
    pub fn settings(&self) -> Settings {
        let judge = Settings::default();
        Settings {
            alpha: self.false_take_back,
            beta: self.false_certificate,
            metrics: self.metrics.iter().map(|watched| (watched.name, watched.tolerance)).collect(),
            margin: self.latency_margin.margin(),
            error_prior: judge.error_prior,
            latency_prior: judge.latency_prior,
            error_doubt: judge.error_doubt,
            relative_bound: self.relative_bound,
            cold_requests: self.cold_start.requests,
            cold_millis: self.cold_start.seconds * 1000,
        }
    }
}

fn range(
    name: &'static str,
    value: f64,
    allowed: std::ops::RangeInclusive<f64>,
    range: &'static str,
) -> Result<(), Error> {
    if allowed.contains(&value) { Ok(()) } else { Err(Error::Range { name, value, range }) }
}

#[cfg(test)]
mod tests;

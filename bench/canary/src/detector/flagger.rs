//! Flagger's loop, as version 1.44 documents it: each interval, the canary's success rate (and p99) of the last
//! interval against a constant; failures add up, and are acted on at the next interval; no data is a failure.

use canary::judge::{Arm, Histogram, Tick};

use super::{Decision, Detector};
use crate::traffic::real;

/// Seconds between looks, as by default.
const INTERVAL: u64 = 60;
/// The most traffic before promotion.
const WEIGHT_MAX: f64 = 0.5;
/// The least success rate, as in its examples.
const SUCCESS_MIN: f64 = 0.99;
/// The longest p99, in microseconds, as in its examples.
const P99_MAX: u64 = 500_000;

/// Flagger with a step of weight and a threshold of failures.
pub(crate) struct Flagger {
    step: f64,
    threshold: u32,
    latency: bool,
    held: bool,
    weight: f64,
    failures: u32,
    window: Arm,
}

impl Flagger {
    /// Its ramp: a step each interval up to half, then everything. Success rate alone.
    pub(crate) fn ramp(step: f64, threshold: u32) -> Self {
        let window = Arm::default();
        Self { step, threshold, latency: false, held: false, weight: step, failures: 0, window }
    }

    /// At one weight, also against a p99.
    pub(crate) fn held(weight: f64, threshold: u32) -> Self {
        Self { latency: true, held: true, ..Self::ramp(weight, threshold) }
    }

    fn passes(&self) -> bool {
        let Arm { requests, errors, latency } = &self.window;
        if *requests == 0 {
            return false;
        }
        let slow = real(latency.above(Histogram::bucket_of(P99_MAX))) / real(latency.total().max(1));
        1.0 - real(*errors) / real(*requests) >= SUCCESS_MIN && !(self.latency && slow > 0.01)
    }
}

impl Detector for Flagger {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn observe(&mut self, tick: &Tick, now: u64) -> Decision {
        for stratum in &tick.strata {
            self.window.requests += stratum.canary.requests;
            self.window.errors += stratum.canary.errors;
            self.window.latency.merge(&stratum.canary.latency);
        }
        if !now.is_multiple_of(INTERVAL) {
            return Decision::GoOn;
        }
        if self.failures >= self.threshold {
            return Decision::TakeBack;
        }
        let passes = self.passes();
        self.window = Arm::default();
        if !passes {
            self.failures += 1;
        } else if self.weight >= WEIGHT_MAX {
            return Decision::Promote;
        } else if !self.held {
            self.weight = (self.weight + self.step).min(WEIGHT_MAX);
        }
        Decision::GoOn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::Random, run, traffic::Service};

    #[test]
    fn it_takes_six_minutes_to_take_back_a_version_that_fails_half_its_requests() {
        let mut service = Service::steady(50.0, 0.001);
        service.fault.errors = 0.5;
        let outcome = run::one(&service, &mut Flagger::ramp(0.1, 5), Random::new(1, 1), 3600);
        assert_eq!(outcome.taken_back, Some(360));
        assert!((800.0..1000.0).contains(&outcome.harm), "{}", outcome.harm);
    }
}

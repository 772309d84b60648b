//! Argo Rollouts as its documentation's example has it: 20, 40, 60, 80 % for ten minutes each, an analysis from the
//! second step on, each five minutes, success rate at least 95 %, given up after more than three failures.

use canary::judge::Tick;

use super::{Decision, Detector};
use crate::traffic::real;

const STEP_SECONDS: u64 = 600;
const INTERVAL: u64 = 300;
const SUCCESS_MIN: f64 = 0.95;
const FAILURE_LIMIT: u32 = 3;
const WEIGHTS: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// Argo Rollouts in the middle of its example.
#[derive(Default)]
pub(crate) struct Argo {
    step: usize,
    failures: u32,
    requests: u64,
    errors: u64,
}

impl Detector for Argo {
    fn weight(&self) -> f64 {
        WEIGHTS[self.step]
    }

    fn observe(&mut self, tick: &Tick, now: u64) -> Decision {
        self.requests += tick.strata.iter().map(|stratum| stratum.canary.requests).sum::<u64>();
        self.errors += tick.strata.iter().map(|stratum| stratum.canary.errors).sum::<u64>();
        if now.is_multiple_of(INTERVAL) {
            if now >= STEP_SECONDS && self.requests > 0 && 1.0 - real(self.errors) / real(self.requests) < SUCCESS_MIN {
                self.failures += 1;
            }
            (self.requests, self.errors) = (0, 0);
        }
        if self.failures > FAILURE_LIMIT {
            return Decision::TakeBack;
        }
        if now.is_multiple_of(STEP_SECONDS) {
            if self.step + 1 == WEIGHTS.len() {
                return Decision::Promote;
            }
            self.step += 1;
        }
        Decision::GoOn
    }
}

//! What is written on the back of an envelope: a one-sided z-test of two proportions at 1 %, on all counts so far,
//! every ten seconds until it says yes. On Flagger's ramp.

use canary::judge::Tick;

use super::{Decision, Detector};
use crate::traffic::real;

const INTERVAL: u64 = 10;
const STEP_SECONDS: u64 = 60;
/// The quantile of the normal distribution at 99 %.
const LIMIT: f64 = 2.326_348;

/// The peeker.
pub(crate) struct Peeking {
    weight: f64,
    canary: (u64, u64),
    baseline: (u64, u64),
}

impl Peeking {
    pub(crate) fn new() -> Self {
        Self { weight: 0.1, canary: (0, 0), baseline: (0, 0) }
    }

    fn z(&self) -> f64 {
        let ((n, x), (m, y)) = (self.canary, self.baseline);
        let (n, x, m, y) = (real(n), real(x), real(m), real(y));
        let pooled = (x + y) / (n + m);
        let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
        if variance > 0.0 { (x / n - y / m) / variance.sqrt() } else { 0.0 }
    }
}

impl Detector for Peeking {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn observe(&mut self, tick: &Tick, now: u64) -> Decision {
        for stratum in &tick.strata {
            self.canary.0 += stratum.canary.requests;
            self.canary.1 += stratum.canary.errors;
            self.baseline.0 += stratum.baseline.requests;
            self.baseline.1 += stratum.baseline.errors;
        }
        if now.is_multiple_of(INTERVAL) && self.canary.0 > 0 && self.baseline.0 > 0 && self.z() > LIMIT {
            return Decision::TakeBack;
        }
        if now.is_multiple_of(STEP_SECONDS) {
            if self.weight >= 0.5 {
                return Decision::Promote;
            }
            self.weight = (self.weight + 0.1).min(0.5);
        }
        Decision::GoOn
    }
}

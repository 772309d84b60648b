//! Serin's judge at a weight that others choose: held, or changed at random.

use canary::judge::{Judge, Question, Settings, Tick, Verdict};

use super::{Decision, Detector};
use crate::random::Random;

/// Weights change this often, in seconds.
const CHANGE_SECONDS: u64 = 150;
/// What they change to.
const WEIGHTS: [f64; 8] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];

/// A judge who is listened to only where he takes back.
pub(crate) struct Held {
    judge: Judge,
    weight: f64,
    changes: Option<Random>,
}

impl Held {
    /// At one weight.
    pub(crate) fn at(weight: f64) -> Self {
        Self { judge: Judge::new(Settings::default()), weight, changes: None }
    }

    /// At weights that change by `random`.
    pub(crate) fn changing(random: Random) -> Self {
        Self { changes: Some(random), ..Self::at(WEIGHTS[0]) }
    }
}

impl Detector for Held {
    fn weight(&self) -> f64 {
        self.weight
    }

    fn prepare(&mut self, tick: &Tick) -> bool {
        self.judge.observe(tick);
        self.judge.knows_baseline()
    }

    fn observe(&mut self, tick: &Tick, now: u64) -> Decision {
        self.judge.observe(tick);
        if let Some(random) = &mut self.changes
            && now.is_multiple_of(CHANGE_SECONDS)
        {
            self.weight = WEIGHTS[(random.bits() % 8) as usize];
        }
        let taken_back = self.judge.verdict(&Question { bound: 0.005, last: false }) == Verdict::TakeBack;
        if taken_back { Decision::TakeBack } else { Decision::GoOn }
    }
}

//! Serin's own judge and ramp, as the program runs them: the usual policy, a look each second.

use canary::{
    judge::{Judge, Tick},
    plan::{self, Action, Healthy, Observation, Phase, State},
    policy::{Policy, Weight},
};

use super::{Decision, Detector};

/// A canary by the usual policy, whose proxies acknowledge at once.
pub(crate) struct Ours {
    policy: Policy,
    judge: Judge,
    state: State,
    seen: Observation,
}

impl Ours {
    pub(crate) fn new() -> Self {
        // The arena shows the old version before: time begins with the first request to the new one.
        let policy = Policy { baseline_seconds: 0, ..Policy::default() };
        let judge = Judge::new(policy.settings());
        let state = State::begin("v2", 0);
        let verdict = judge.verdict(&state.question(&policy));
        let healthy = Healthy { baseline: 1, canary: 1 };
        let revision = state.revision.clone();
        let seen = Observation {
            revision,
            verdict,
            harm: 0,
            known: true,
            healthy,
            applied: Some(Weight::NONE),
            command: None,
            answer: None,
        };
        let mut ours = Self { policy, judge, state, seen };
        // From nothing to the first step; time begins with the first request.
        while ours.state.phase != (Phase::Watching { step: 0 }) {
            ours.step(0);
        }
        ours
    }

    fn step(&mut self, now: u64) {
        self.seen.verdict = self.judge.verdict(&self.state.question(&self.policy));
        let (state, actions) = plan::step(&self.state, &self.policy, &self.seen, now * 1000);
        self.state = state;
        for action in actions {
            if let Action::Shift(weight) = action {
                self.seen.applied = Some(weight);
            }
        }
    }
}

impl Detector for Ours {
    fn weight(&self) -> f64 {
        self.seen.applied.unwrap_or(Weight::NONE).percent() / 100.0
    }

    fn prepare(&mut self, tick: &Tick) -> bool {
        self.judge.observe(tick);
        self.judge.knows_baseline()
    }

    fn observe(&mut self, tick: &Tick, now: u64) -> Decision {
        self.judge.observe(tick);
        self.step(now);
        match self.state.phase {
            Phase::TakingBack(_) | Phase::TakenBack(_) => Decision::TakeBack,
            Phase::Finishing | Phase::Done => Decision::Promote,
            _ => Decision::GoOn,
        }
    }

    fn passed(&self) -> bool {
        self.state.phase == Phase::Baking
    }
}

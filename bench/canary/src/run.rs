//! One rollout, and many of them.

use std::sync::atomic::{AtomicU64, Ordering};

use canary::{judge::Tick, policy::Policy};

use crate::{
    detector::{Decision, Detector},
    random::Random,
    traffic::{Service, Times, Traffic, real},
};

/// What came of a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// When the new version was taken back, in seconds.
    pub(crate) taken_back: Option<u64>,
    /// When it got everything.
    pub(crate) promoted: Option<u64>,
    /// When it had passed all that is asked of it.
    pub(crate) passed: Option<u64>,
    /// Failed requests that it has caused, also after a promotion, until the end.
    pub(crate) harm: f64,
}

/// Runs `detector` over `service` for `seconds`.
#[cfg(test)]
pub(crate) fn one(service: &Service, detector: &mut dyn Detector, random: Random, seconds: u64) -> Outcome {
    rollout(service, &Times::of(service), detector, random, seconds)
}

fn rollout(service: &Service, times: &Times, detector: &mut dyn Detector, random: Random, seconds: u64) -> Outcome {
    let mut traffic = Traffic::new(service, times, random);
    let mut tick = Tick::default();
    // As in the program: so long at most, less where that is enough.
    let before = i64::try_from(Policy::default().baseline_seconds).unwrap_or(i64::MAX);
    for second in -before..0 {
        traffic.tick(&mut tick, second, 1, 0.0, detector.control());
        if detector.prepare(&tick) {
            break;
        }
    }
    let mut outcome = Outcome::default();
    for now in 1..=seconds {
        let begun = i64::try_from(now - 1).unwrap_or(i64::MAX);
        traffic.tick(&mut tick, begun, 1, detector.weight(), detector.control());
        outcome.harm += service.harm(begun, &tick.strata[0].canary);
        let decision = detector.observe(&tick, now);
        if outcome.passed.is_none() && detector.passed() {
            outcome.passed = Some(now);
        }
        match decision {
            Decision::GoOn => {}
            Decision::TakeBack => {
                outcome.taken_back = Some(now);
                break;
            }
            Decision::Promote => {
                outcome.promoted = Some(now);
                outcome.harm += after(service, now, seconds);
                break;
            }
        }
    }
    outcome
}

/// What a version that has everything costs from `now` until the end, on average.
fn after(service: &Service, now: u64, seconds: u64) -> f64 {
    let (common, canary) = service.error_rates(i64::MAX / 2);
    real(seconds - now) * service.rate * (canary - common)
}

/// Runs of one kind: the seed of the first, how many, how long, on how many threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    pub(crate) seed: u64,
    pub(crate) count: u64,
    pub(crate) seconds: u64,
    pub(crate) threads: usize,
}

/// Runs a detector over `service` again and again. The outcomes do not depend on the number of threads.
pub(crate) fn many(
    service: &Service,
    detector: &(dyn Fn(Random) -> Box<dyn Detector> + Sync),
    runs: Runs,
) -> Vec<Outcome> {
    let times = Times::of(service);
    let next = AtomicU64::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs.count {
                return outcomes;
            }
            let mut detector = detector(Random::new(!runs.seed, run));
            let random = Random::new(runs.seed, run);
            outcomes.push((run, rollout(service, &times, &mut *detector, random, runs.seconds)));
        }
    };
    let mut outcomes = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..runs.threads).map(|_| scope.spawn(work)).collect();
        let mut outcomes = work();
        for thread in threads {
            outcomes.extend(thread.join().expect("a run does not panic"));
        }
        outcomes
    });
    outcomes.sort_by_key(|(run, _)| *run);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

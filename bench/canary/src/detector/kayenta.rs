//! Kayenta's judge: the averages of minutes of canary and baseline, a baseline of the canary's size, by Mann and
//! Whitney at 98 %, with a tolerance of a quarter of the estimated shift. It looks at all minutes so far, every ten
//! minutes of an hour.

use canary::judge::Tick;

use super::{
    Decision, Detector,
    mann_whitney::{rank_sum, size},
};
use crate::traffic::real;

const WEIGHT: f64 = 0.1;
const MINUTE: u64 = 60;
const LOOK_SECONDS: u64 = 600;
const LIFETIME_SECONDS: u64 = 3600;
const TOLERANCE: f64 = 0.25;
/// The quantile of the normal distribution at 99 %: 98 % between both.
const LIMIT: f64 = 2.326_348;

/// Kayenta in the middle of its hour.
#[derive(Default)]
pub(crate) struct Kayenta {
    canary: Vec<f64>,
    control: Vec<f64>,
    minute: [(u64, u64); 2],
}

impl Detector for Kayenta {
    fn weight(&self) -> f64 {
        WEIGHT
    }

    fn control(&self) -> f64 {
        WEIGHT / (1.0 - WEIGHT)
    }

    fn observe(&mut self, tick: &Tick, now: u64) -> Decision {
        for stratum in &tick.strata {
            for (counts, arm) in self.minute.iter_mut().zip([&stratum.canary, &stratum.half]) {
                counts.0 += arm.requests;
                counts.1 += arm.errors;
            }
        }
        if now.is_multiple_of(MINUTE) {
            let [canary, control] = std::mem::take(&mut self.minute);
            if canary.0 > 0 && control.0 > 0 {
                self.canary.push(real(canary.1) / real(canary.0));
                self.control.push(real(control.1) / real(control.0));
            }
        }
        if now.is_multiple_of(LOOK_SECONDS) && is_high(&self.canary, &self.control) {
            return Decision::TakeBack;
        }
        if now >= LIFETIME_SECONDS { Decision::Promote } else { Decision::GoOn }
    }
}

/// Whether the judge calls `canary` high, with no minimum of effect.
fn is_high(canary: &[f64], control: &[f64]) -> bool {
    let values = || canary.iter().chain(control);
    let first = values().next().copied().unwrap_or_default();
    if canary.is_empty() || control.is_empty() || values().all(|value| value.total_cmp(&first).is_eq()) {
        return false;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / size(values.len());
    let no_less = mean(canary) >= mean(control);
    no_less && lower_end(canary, control) > TOLERANCE * estimate(canary, control).abs()
}

/// Hodges and Lehmann's estimate of the shift: where the statistic is 0.
fn estimate(canary: &[f64], control: &[f64]) -> f64 {
    crossing(canary, control, 0.0, false)
}

/// The lower end of the interval of shifts.
fn lower_end(canary: &[f64], control: &[f64]) -> f64 {
    crossing(canary, control, LIMIT, true)
}

/// The shift of `canary` at which the statistic falls to `limit`: one of the differences between both, where it steps.
fn crossing(canary: &[f64], control: &[f64], limit: f64, corrected: bool) -> f64 {
    let mut steps: Vec<f64> = canary.iter().flat_map(|value| control.iter().map(move |other| value - other)).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup_by(|left, right| left.total_cmp(right).is_eq());
    let below = |place: usize| {
        let next = steps.get(place + 1).map_or(steps[place] + 1.0, |next| steps[place].midpoint(*next));
        statistic(canary, control, next, corrected) <= limit
    };
    let places: Vec<usize> = (0..steps.len()).collect();
    steps[places.partition_point(|place| !below(*place)).min(steps.len() - 1)]
}

/// The normal deviate of the rank sum of `canary` less `shift`.
fn statistic(canary: &[f64], control: &[f64], shift: f64, corrected: bool) -> f64 {
    let shifted: Vec<f64> = canary.iter().map(|value| value - shift).collect();
    let (n, k) = (size(canary.len()), size(control.len()));
    let (sum, ties) = rank_sum(&shifted, control);
    let distance = sum - n * (n + 1.0) / 2.0 - n * k / 2.0;
    let correction = if corrected && distance != 0.0 { 0.5 * distance.signum() } else { 0.0 };
    let variance = n * k / 12.0 * (n + k + 1.0 - ties / ((n + k) * (n + k - 1.0)));
    if variance > 0.0 { (distance - correction) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first `worse` of ten minutes a hundred times as high, as in spinnaker/spinnaker#6278.
    fn minutes(worse: usize) -> Vec<f64> {
        (0..10).map(|minute| if minute < worse { 100.0 } else { 1.0 }).collect()
    }

    #[test]
    fn seventy_times_the_mean_passes_and_the_eighth_minute_fails() {
        let control = [1.0; 10];
        assert!(!is_high(&minutes(7), &control));
        assert!(is_high(&minutes(8), &control));
        assert!((estimate(&minutes(7), &control) - 99.0).abs() < 0.001);
        assert!(lower_end(&minutes(7), &control).abs() < 0.001);
    }

    #[test]
    fn sparse_errors_pass() {
        // spinnaker/kayenta#426.
        assert!(!is_high(&[0.0, 1.0, 2.0, 1.0, 0.0, 0.0], &[0.0; 6]));
    }

    #[test]
    fn a_shift_of_many_minutes_is_high_and_none_is_not() {
        let control: Vec<f64> = (0..30).map(f64::from).collect();
        let canary: Vec<f64> = control.iter().map(|value| value + 40.0).collect();
        assert!(is_high(&canary, &control));
        assert!(!is_high(&control, &control));
        assert!(!is_high(&[1.0; 5], &[1.0; 5]));
    }
}

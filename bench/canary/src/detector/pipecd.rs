//! `PipeCD`'s analysis of canary and baseline: the averages of the last five minutes, one-sided by Mann and Whitney at
//! 5 %, again and again. The first failure is the last.

use canary::judge::Tick;

use super::{
    Decision, Detector,
    mann_whitney::{rank_sum, size},
};
use crate::traffic::real;

const WEIGHT: f64 = 0.1;
const MINUTE: u64 = 60;
/// Averages that are compared, of each version.
const POINTS: usize = 5;
const SIGNIFICANCE: f64 = 0.05;
const DURATION: u64 = 3600;

/// `PipeCD` in the middle of its analysis.
#[derive(Default)]
pub(crate) struct PipeCd {
    points: Vec<(f64, f64)>,
    minute: [(u64, u64); 2],
}

impl Detector for PipeCd {
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
            let [canary, control] = std::mem::take(&mut self.minute).map(|(n, x)| real(x) / real(n.max(1)));
            self.points.push((canary, control));
        }
        if self.points.len() == POINTS {
            let (canary, control): (Vec<f64>, Vec<f64>) = self.points.drain(..).unzip();
            if probability(&canary, &control) <= SIGNIFICANCE {
                return Decision::TakeBack;
            }
        }
        if now >= DURATION { Decision::Promote } else { Decision::GoOn }
    }
}

/// How often the ranks of `canary` would sum to as much as they do if it were chance, by trying all choices.
fn probability(canary: &[f64], control: &[f64]) -> f64 {
    let all: Vec<f64> = canary.iter().chain(control).copied().collect();
    let (seen, _) = rank_sum(canary, control);
    let (mut as_high, mut choices) = (0, 0);
    for choice in 0..1_u32 << all.len() {
        if choice.count_ones() as usize != canary.len() {
            continue;
        }
        let (chosen, rest): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(place, _)| choice >> place & 1 == 1);
        let values = |places: Vec<(usize, &f64)>| places.into_iter().map(|(_, value)| *value).collect::<Vec<_>>();
        choices += 1;
        as_high += usize::from(rank_sum(&values(chosen), &values(rest)).0 >= seen - 1e-9);
    }
    size(as_high) / size(choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_is_that_of_chance() {
        let low = [1.0, 2.0, 3.0, 4.0, 5.0];
        let high = [6.0, 7.0, 8.0, 9.0, 10.0];
        assert!((probability(&high, &low) - 1.0 / 252.0).abs() < 1e-12);
        assert!((probability(&low, &high) - 1.0).abs() < 1e-12);
        assert!((probability(&[0.0; 5], &[0.0; 5]) - 1.0).abs() < 1e-12);
    }
}

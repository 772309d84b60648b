//! What many outcomes come to.

use crate::{run::Outcome, traffic::real};

/// Rarer than one in ten thousand is not put down to chance.
const CHANCE: f64 = 1e-4;
/// So many standard errors are put down to chance.
const ERRORS_BY_CHANCE: f64 = 3.5;

/// Many outcomes of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    count: u64,
    taken_back: Vec<f64>,
    passed: Vec<f64>,
    harm: Vec<f64>,
    promoted: u64,
}

impl Summary {
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let seconds = |of: fn(&Outcome) -> Option<u64>| sorted(outcomes.iter().filter_map(of).map(real).collect());
        Self {
            count: outcomes.len() as u64,
            taken_back: seconds(|outcome| outcome.taken_back),
            passed: seconds(|outcome| outcome.passed),
            harm: sorted(outcomes.iter().map(|outcome| outcome.harm).collect()),
            promoted: outcomes.iter().filter(|outcome| outcome.promoted.is_some()).count() as u64,
        }
    }

    /// How many runs there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The part that was taken back, in percent.
    pub(crate) fn taken_back(&self) -> f64 {
        real(self.taken_back.len() as u64) / real(self.count) * 100.0
    }

    /// The part that was promoted, in percent.
    pub(crate) fn promoted(&self) -> f64 {
        real(self.promoted) / real(self.count) * 100.0
    }

    /// The median time until it was taken back, in seconds.
    pub(crate) fn median(&self) -> Option<f64> {
        quantile(&self.taken_back, 0.5)
    }

    /// The time until it had passed, in seconds, in this part of the runs that did.
    pub(crate) fn passed(&self, part: f64) -> Option<f64> {
        quantile(&self.passed, part)
    }

    /// Failed requests caused, on average.
    pub(crate) fn harm(&self) -> f64 {
        self.harm.iter().sum::<f64>() / real(self.count)
    }

    /// Failed requests caused, in this part of the runs at most.
    pub(crate) fn harm_at(&self, part: f64) -> f64 {
        quantile(&self.harm, part).unwrap_or(0.0)
    }

    /// What chance may add to the average harm.
    pub(crate) fn harm_by_chance(&self) -> f64 {
        let mean = self.harm();
        let variance = self.harm.iter().map(|harm| (harm - mean) * (harm - mean)).sum::<f64>() / real(self.count);
        ERRORS_BY_CHANCE * (variance / real(self.count)).sqrt()
    }
}

fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = (real(sorted.len() as u64) * part) as usize;
    sorted.get(place).or(sorted.last()).copied()
}

/// The highest percentage of `count` runs that may be put down to chance where each has a probability of `percent`.
pub(crate) fn by_chance(count: u64, percent: f64) -> f64 {
    let risk = percent / 100.0;
    // P(at most `limit`) of the binomial distribution, term by term.
    let mut term = libm::pow(1.0 - risk, real(count));
    let (mut sum, mut limit) = (term, 0);
    while 1.0 - sum > CHANCE && limit < count {
        term *= real(count - limit) / real(limit + 1) * risk / (1.0 - risk);
        sum += term;
        limit += 1;
    }
    real(limit) / real(count) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_matters_less_the_more_runs_there_are() {
        let limits = [100, 1000, 10_000].map(|count| by_chance(count, 1.0));
        assert!(limits[0] > 4.0 && limits[1] < 3.0 && limits[2] < 1.5, "{limits:?}");
        assert!((by_chance(1000, 0.0)).abs() < 1e-12);
    }
}

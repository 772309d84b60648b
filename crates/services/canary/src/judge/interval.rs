//! How much worse one version is: a confidence sequence for the ratio of their risks.
//!
//! It holds every ratio that the bets of `eprocess.rs`, with that ratio as their claim, have not refuted. So it covers
//! the true one at every look at once with the promised probability (Howard, Ramdas and others, "Time-uniform,
//! nonparametric, nonasymptotic confidence sequences", 2021). A ratio's fortune depends on the share of requests in
//! each tick that held a bad one; shares are kept by level, an eighth of a power of two wide, and each bound reads a
//! level at the end that makes the interval wider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    arithmetic::{count, exp, ln, ln_1p, log_sum, real},
    counts::Sample,
    eprocess::{Bet, share},
    histogram::Histogram,
};

/// Odds of one request in this many are told apart from none.
const ODDS_UNIT: f64 = 1_048_576.0;
/// Ratios beyond e to this power are not told apart from infinity.
const LOG_RATIO_MAX: f64 = 14.0;
/// Halvings of the range of logarithms: enough for four digits.
const HALVINGS: usize = 22;

/// The ratios that the evidence leaves possible.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lowest.
    pub lower: f64,
    /// The highest; none where the evidence sets no limit.
    pub upper: Option<f64>,
}

/// What is kept of the samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    canary_bad: f64,
    /// All bad requests, by level of the odds of the two versions' requests.
    bad: BTreeMap<u16, f64>,
}

impl Evidence {
    pub(super) fn add(&mut self, sample: &Sample, dispersion: f64) {
        if sample.speaks() {
            self.canary_bad += sample.canary_bad / dispersion;
            let level = Histogram::bucket_of(count(sample.canary / sample.baseline * ODDS_UNIT));
            *self.bad.entry(level).or_default() += sample.bad() / dispersion;
        }
    }

    /// The interval that misses the true ratio at any look with probability `alpha` at most.
    pub(super) fn interval(&self, bets: &[Bet], alpha: f64) -> Interval {
        let limit = ln(2.0 / alpha);
        let refuted_above = |log_ratio| self.fortune(bets, exp(log_ratio), Side::Worse) >= limit;
        let refuted_below = |log_ratio| self.fortune(bets, exp(log_ratio), Side::Better) >= limit;
        let lower = boundary(|middle| !refuted_above(middle));
        let upper = boundary(refuted_below);
        Interval { lower: lower.map_or(0.0, exp), upper: upper.map(exp) }
    }

    /// ln of what bets against `ratio` have become.
    fn fortune(&self, bets: &[Bet], ratio: f64, side: Side) -> f64 {
        let ratios = bets.iter().flat_map(|bet| bet.ratios.iter().map(|theta| (*theta, bet.part)));
        let terms = ratios.map(|(theta, part)| {
            let theta = if side == Side::Worse { theta } else { 1.0 / theta };
            let price = |(level, bad): (&u16, &f64)| bad * ln_1p(share(odds(*level, side), ratio) * (theta - 1.0));
            ln(part) + self.canary_bad * ln(theta) - self.bad.iter().map(price).sum::<f64>()
        });
        log_sum(terms)
    }
}

/// What is bet on: that the true ratio is above the claimed one, or below.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Worse,
    Better,
}

/// The end of a level that makes the bets on `side` worth less.
fn odds(level: u16, side: Side) -> f64 {
    let end = match side {
        Side::Worse => Histogram::end_of(level),
        Side::Better if level == 0 => 0,
        Side::Better => Histogram::end_of(level - 1),
    };
    real(end) / ODDS_UNIT
}

/// The least logarithm from which on `holds`; none where it holds nowhere, or everywhere.
fn boundary(holds: impl Fn(f64) -> bool) -> Option<f64> {
    let (mut low, mut high) = (-LOG_RATIO_MAX, LOG_RATIO_MAX);
    if holds(low) || !holds(high) {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = low.midpoint(high);
        if holds(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::{super::eprocess::ERRORS, *};

    fn interval(samples: &[(u64, u64, u64, u64)]) -> Interval {
        let mut evidence = Evidence::default();
        for (canary, canary_bad, baseline, baseline_bad) in samples {
            evidence.add(&Sample::from(((*canary, *canary_bad), (*baseline, *baseline_bad))), 1.0);
        }
        evidence.interval(ERRORS, 0.01)
    }

    #[test]
    fn nothing_seen_leaves_everything_possible() {
        assert_eq!(interval(&[]), Interval { lower: 0.0, upper: None });
        assert_eq!(interval(&[(0, 0, 1000, 10), (100, 0, 0, 0), (50, 0, 50, 0)]), Interval { lower: 0.0, upper: None });
    }

    #[test]
    fn it_closes_in_on_the_true_ratio() {
        let little = interval(&[(1000, 50, 9000, 90)]);
        let much = interval(&[(100_000, 5000, 900_000, 9000)]);
        for Interval { lower, upper } in [little, much] {
            assert!(lower < 5.0 && upper.is_some_and(|upper| upper > 5.0), "{lower} {upper:?}");
        }
        assert!(little.lower > 2.0, "{little:?}");
        // Levels are an eighth wide, and so is what remains however much is seen.
        assert!(much.lower > 4.0 && much.upper < Some(6.0), "{much:?}");
    }

    #[test]
    fn only_the_canary_failing_sets_no_upper_limit() {
        let seen = interval(&[(100, 20, 900, 0)]);
        assert!(seen.lower > 5.0 && seen.upper.is_none(), "{seen:?}");
    }
}

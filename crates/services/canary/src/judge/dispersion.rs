//! How far failures come in clusters, measured on the old version.
//!
//! The bets take requests for independent. Retries and users who stick to a version break that: one cause makes several
//! failures, all on one side. The old version's users are split at random into two halves, and how unevenly the bad
//! requests fall to the halves shows the size of clusters, whatever the common rate does in the meantime: with clusters
//! of size k, the variance of one half's part is E[k²]/E[k] times that of independent requests. Counts divided by that
//! quotient bet no more than independent causes would: a cluster's factor, raised to a power of at most 1, has
//! expectation at most 1 (Jensen).
//!
//! A few clusters say little of how large others are: after one of three, one of twenty would win a bet. So the estimate is
//! an upper one. To the measured sum a multiple of its own error is added, the root of the squared deviations of its
//! windows, as far as these are beyond what chance makes of independent requests: single failures leave no doubt, one
//! cluster doubles the estimate, and with their number the doubt goes. It rests on windows that are over when a bet is
//! made, so what a bet is divided by does not depend on its outcome.

use std::collections::BTreeMap;

use super::counts::Sample;

/// Bad requests within so many milliseconds may belong together.
const WINDOW_MILLIS: u64 = 5000;
/// The squared deviation of a window that is put down to chance, in those that independent requests have on average.
const CHANCE: f64 = 3.0;
/// Routes that are kept apart; what is beyond them is one.
const STRATA_MAX: usize = 256;

/// The two halves within one window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    first: f64,
    second: f64,
    first_bad: f64,
    second_bad: f64,
}

/// The quotient of measured and expected variance.
#[derive(Clone, Debug)]
pub(super) struct Dispersion {
    /// The variance, as of independent requests, that the estimate begins with: little, so that the first cluster shows.
    prior: f64,
    /// How many of its own errors are added to what is measured.
    doubt: f64,
    windows: BTreeMap<String, Window>,
    millis: u64,
    measured: f64,
    expected: f64,
    /// The squared error of what is measured.
    squares: f64,
}

impl Dispersion {
    pub(super) fn new(prior: f64, doubt: f64) -> Self {
        Self { prior, doubt, windows: BTreeMap::new(), millis: 0, measured: 0.0, expected: 0.0, squares: 0.0 }
    }

    /// Takes in the first half of the old version against its second.
    pub(super) fn add(&mut self, stratum: &str, halves: &Sample) {
        if halves.canary + halves.baseline <= 0.0 {
            return;
        }
        if !self.windows.contains_key(stratum) {
            let name = if self.windows.len() < STRATA_MAX { stratum } else { "" };
            self.windows.entry(name.to_owned()).or_default();
        }
        let known = if self.windows.contains_key(stratum) { stratum } else { "" };
        if let Some(window) = self.windows.get_mut(known) {
            window.first += halves.canary;
            window.second += halves.baseline;
            window.first_bad += halves.canary_bad;
            window.second_bad += halves.baseline_bad;
        }
    }

    /// Lets `millis` pass.
    pub(super) fn pass(&mut self, millis: u32) {
        self.millis = self.millis.saturating_add(u64::from(millis));
        if self.millis < WINDOW_MILLIS {
            return;
        }
        self.millis = 0;
        for window in self.windows.values_mut() {
            let (measured, expected) = window.variance();
            self.measured += measured;
            self.expected += expected;
            self.squares += window.surprise(measured - expected);
            *window = Window::default();
        }
    }

    /// How many bad requests come from one cause; 1 where none are known to belong together.
    pub(super) fn factor(&self) -> f64 {
        let doubt = self.doubt * self.squares.sqrt();
        ((self.measured + doubt + self.prior) / (self.expected + self.prior)).max(1.0)
    }
}

impl Window {
    /// The measured and the expected variance of the first half's part, of which neither says anything without the
    /// other.
    fn variance(&self) -> (f64, f64) {
        let bad = self.first_bad + self.second_bad;
        if bad <= 0.0 || self.first <= 0.0 || self.second <= 0.0 {
            return (0.0, 0.0);
        }
        let all = self.first + self.second;
        let share = self.first / all;
        let unevenness = self.first_bad - share * bad;
        // Of a finite number of requests, drawn without replacement.
        let passed = (all - bad) / (all - 1.0).max(1.0);
        (unevenness * unevenness, share * (1.0 - share) * bad * passed)
    }

    /// The square of a deviation, less what chance makes of it: the variance of the square of a fair coin's deviation
    /// is n(n - 1)/8 for n throws.
    fn surprise(&self, deviation: f64) -> f64 {
        let bad = self.first_bad + self.second_bad;
        let by_chance = CHANCE * bad * (bad - 1.0).max(0.0) / 8.0;
        (deviation * deviation - by_chance).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(windows: &[(u64, u64)]) -> f64 {
        doubted(windows, 0.0)
    }

    fn doubted(windows: &[(u64, u64)], doubt: f64) -> f64 {
        let mut dispersion = Dispersion::new(1.0, doubt);
        for (first, second) in windows {
            dispersion.add("route", &Sample::from(((1000, *first), (1000, *second))));
            dispersion.pass(5000);
        }
        dispersion.factor()
    }

    #[test]
    fn single_failures_are_independent() {
        assert!((factor(&[(1, 0), (0, 1), (1, 0), (1, 0)]) - 1.0).abs() < 1e-9);
        assert!((factor(&[]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn clusters_show_their_size() {
        let clusters: Vec<_> = (0..200).map(|window| if window % 3 == 0 { (6, 0) } else { (0, 6) }).collect();
        let measured = factor(&clusters);
        assert!((5.5..6.5).contains(&measured), "{measured}");
    }

    #[test]
    fn few_clusters_are_taken_for_larger_ones_and_many_for_what_they_are() {
        let clusters: Vec<_> = (0..400).map(|window| if window % 3 == 0 { (6, 0) } else { (0, 6) }).collect();
        let seen = [1, 10, 400].map(|count| doubted(&clusters[..count], 2.0));
        assert!(seen[0] > 7.5 && seen[0] > seen[1] && seen[1] > seen[2] && seen[2] < 6.8, "{seen:?}");
        let single = [(1, 0), (0, 1), (1, 1), (2, 0), (0, 1)];
        assert!((doubted(&single, 2.0) - factor(&single)).abs() < 1e-9);
    }

    #[test]
    fn a_common_surge_is_no_cluster() {
        let surge: Vec<_> = (0..100).map(|window| (50 * (window % 7), 50 * (window % 7))).collect();
        assert!(factor(&surge) <= 1.0);
    }

    #[test]
    fn routes_beyond_the_limit_are_one() {
        let mut dispersion = Dispersion::new(1.0, 2.0);
        for route in 0..2 * STRATA_MAX {
            dispersion.add(&format!("route {route}"), &Sample::from(((10, 1), (10, 0))));
        }
        assert_eq!(dispersion.windows.len(), STRATA_MAX + 1);
    }
}

//! Evidence that the new version is good: that nothing alarmed is not enough to promote it.
//!
//! A gambler bets against "each request to the new version fails with probability `bound` at least". For every r < 1,
//! `r^x · ((1 - r·bound)/(1 - bound))^(n - x)` is what becomes of a bet on r times the bound after `x` failures in `n`
//! requests; its factor for one request has expectation 1 at the bound and less above it, so by Ville's inequality the
//! average over several r ever reaches 1/β with probability β at most if the version is that bad (Waudby-Smith and
//! Ramdas, "Estimating means of bounded random variables by betting", 2024, with constant bets).
//!
//! A service that fails one request in fifty by nature could never be certified so. A tenth of the stake therefore goes
//! on "its risk is less than `relative` times the old version's", by the bets of `eprocess.rs`.

use super::{
    arithmetic::{ln, ln_1p, log_add, log_sum},
    eprocess::{EProcess, LOWER},
};

/// Parts of the bound that are bet on, and the part of the stake on each.
const RATIOS: [(f64, f64); 4] = [(0.0, 0.3), (0.1, 0.2), (0.25, 0.25), (0.5, 0.25)];
/// The part of the stake on the comparison with the old version.
const COMPARED: f64 = 0.1;
/// Doublings after which so many requests are as good as never: 2^40 are a million millions.
const DOUBLINGS: u32 = 40;

/// Requests to the new version so far, those that failed, and how it compares.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    requests: f64,
    failed: f64,
    pub(super) compared: EProcess,
}

impl Certificate {
    /// `relative`: what the risk is compared with, in risks of the old version.
    pub(super) fn new(relative: f64) -> Self {
        Self { requests: 0.0, failed: 0.0, compared: EProcess::new(LOWER, relative) }
    }

    /// Failures that come in clusters count `1/dispersion` each, and so do successes.
    pub(super) fn add(&mut self, requests: f64, failed: f64, dispersion: f64) {
        self.requests += requests / dispersion;
        self.failed += failed / dispersion;
    }

    /// ln of the fortune of the bets against `bound`.
    pub(super) fn log_value(&self, bound: f64) -> f64 {
        log_add(
            ln(1.0 - COMPARED) + absolute(self.requests, self.failed, bound),
            ln(COMPARED) + self.compared.log_value(),
        )
    }

    /// How many requests more are needed until the fortune is `log_limit`, if they go on to fail as often as until now;
    /// none where that would never do.
    pub(super) fn needed(&self, bound: f64, log_limit: f64, dispersion: f64) -> Option<f64> {
        let rate = if self.requests > 0.0 { self.failed / self.requests } else { 0.0 };
        if rate >= bound {
            return None;
        }
        let enough = |more: f64| {
            ln(1.0 - COMPARED) + absolute(self.requests + more, self.failed + more * rate, bound) >= log_limit
        };
        let mut high = 1.0;
        while !enough(high) {
            high *= 2.0;
            if high > f64::from(2_u32).powi(DOUBLINGS.cast_signed()) {
                return None;
            }
        }
        let mut low = 0.0;
        while high - low > high / 256.0 {
            let middle = low.midpoint(high);
            if enough(middle) { high = middle } else { low = middle }
        }
        Some(high * dispersion)
    }
}

/// ln of the average of the bets on the version itself.
fn absolute(requests: f64, failed: f64, bound: f64) -> f64 {
    let passed = requests - failed;
    let log_missed = ln_1p(-bound);
    let terms = RATIOS.iter().map(|(ratio, part)| {
        let lost = if failed > 0.0 { failed * ln(*ratio) } else { 0.0 };
        lost + passed * (ln_1p(-ratio * bound) - log_missed) + ln(*part)
    });
    log_sum(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests without a failure after which `bound` is certified at 5 %.
    fn clean(bound: f64) -> u32 {
        let certified = |requests: &u32| {
            let mut certificate = Certificate::new(2.0);
            certificate.add(f64::from(*requests), 0.0, 1.0);
            certificate.log_value(bound) >= ln(20.0)
        };
        (0..10_000).find(certified).expect("it is certified at last")
    }

    #[test]
    fn a_tighter_bound_takes_more_requests() {
        let needed = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005].map(clean);
        assert!(needed.is_sorted(), "{needed:?}");
        assert!(needed[0] <= 18 && needed[5] <= 800, "{needed:?}");
    }

    #[test]
    fn what_is_needed_is_what_certifies() {
        let mut certificate = Certificate::new(2.0);
        certificate.add(100.0, 0.0, 1.0);
        let needed = certificate.needed(0.01, ln(20.0), 1.0).expect("it can be certified");
        certificate.add(needed, 0.0, 1.0);
        assert!(certificate.log_value(0.01) >= ln(20.0));
        certificate.add(1000.0, 100.0, 1.0);
        assert_eq!(certificate.needed(0.01, ln(20.0), 1.0), None);
    }

    #[test]
    fn each_bet_is_fair_at_the_bound_and_loses_above_it() {
        for (ratio, _) in RATIOS {
            let expected = |risk: f64, bound: f64| risk * ratio + (1.0 - risk) * (1.0 - ratio * bound) / (1.0 - bound);
            assert!((expected(0.01, 0.01) - 1.0).abs() < 1e-12);
            assert!(expected(0.02, 0.01) < 1.0 && expected(0.5, 0.01) < 1.0);
        }
    }
}

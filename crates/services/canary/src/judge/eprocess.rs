//! Evidence that one version is worse than another, which may be looked at as often as one likes.
//!
//! A gambler bets against "the new version's risk is at most `tolerance` times the old one's". In each tick, `m` of all
//! requests were bad, `x` of them at the new version, whose share of the requests was `s`. With
//! `q = tolerance·s / (tolerance·s + 1 - s)`, a bet on the ratio θ multiplies the stake by
//!
//! ```text
//! θ^x / (1 + q(θ - 1))^m
//! ```
//!
//! Nobody can expect to win at that while the claim holds. Let `n`, `N` be the requests and `p`, `P` the risks of the
//! new and the old version, and g = 1 + q(θ - 1). By 1 + y ≤ e^y the expected factor is at most exp(np(θ/g - 1) +
//! NP(1/g - 1)), and np + NP times g is at least npθ + NP just when the new version's part of np + NP is at most q,
//! which is the claim (θ > 1; for θ < 1 the claim is "at least"). So the stake is a non-negative supermartingale that
//! begins at 1, whatever the weights do and however the common risk swings, and by Ville's inequality (1939) it ever
//! reaches 1/α with probability α at most. Given m the count x is hypergeometric where the risks are equal, for which
//! Hoeffding (1963, theorem 4) gives the same bound. The form is that of Lindon and Malek, "Anytime-Valid Inference for
//! Multinomial Count Data" (2022); a sum over strata as in Turner and Grünwald (2023); mixtures over θ go back to
//! Robbins (1970).
//!
//! Requests may be bad in several ways that exclude each other, such as taking longer than the old version's median,
//! than nine of ten, than 99 of 100. A bet with a θ for each class multiplies the factors. Let φ = θ/g of a class: the
//! same bound needs the sum of φ over the new version's requests, which is 1 plus, over the classes, the step in φ
//! times the part that is at least as slow. If θ does not fall from class to class nor does φ, and the sum is largest
//! where every such part is `tolerance` times the old version's: there the bound is met with equality. So the claim is
//! that the new version has at most `tolerance` times as many requests beyond each of the quantiles.
//!
//! The stake is spread over several θ, and a part of it is kept back to be bet later, a slice each minute: so a fault
//! that begins late is not judged by the good half hour before it (after Shin, Ramdas and Rinaldo's e-detectors, 2024;
//! here the slices sum to one stake, so the guarantee stays Ville's). Slices opened at different times with the same θ
//! are one number from then on, and the whole takes a few words of memory however long it runs.

use super::{
    arithmetic::{ln, ln_1p, log_add, log_sum, real},
    counts::Sample,
};

/// Ratios of risks that are bet on together, one for each class of bad requests, and the part of the stake that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bet {
    pub(super) ratios: &'static [f64],
    pub(super) part: f64,
}

const fn bet(ratios: &'static [f64], part: f64) -> Bet {
    Bet { ratios, part }
}

/// Bets on failures: from a fourth more to a thousand times as many.
pub(super) const ERRORS: &[Bet] = &[
    bet(&[1.25], 0.08),
    bet(&[1.5], 0.10),
    bet(&[2.0], 0.14),
    bet(&[3.0], 0.14),
    bet(&[5.0], 0.14),
    bet(&[10.0], 0.14),
    bet(&[30.0], 0.10),
    bet(&[100.0], 0.08),
    bet(&[1000.0], 0.08),
];

/// Bets on requests slower than a quantile, which are more frequent and vary less.
pub(super) const SLOWNESS: &[Bet] = &[
    bet(&[1.05], 0.07),
    bet(&[1.1], 0.09),
    bet(&[1.25], 0.12),
    bet(&[1.5], 0.16),
    bet(&[2.0], 0.16),
    bet(&[3.0], 0.14),
    bet(&[5.0], 0.12),
    bet(&[10.0], 0.08),
    bet(&[30.0], 0.06),
];

/// The quantiles of the old version, in a thousand, above which the classes of [`LATENCY`] begin.
pub(super) const CLASSES: [u16; 5] = [500, 750, 900, 950, 990];

/// Bets on the slower half of the requests as a whole. First, that everything takes longer: what a shift of the
/// logarithm by 0.1 to 2.4 standard deviations does to the classes, were it normal. Then, that only the slowest do.
/// Within a bet the ratios do not fall: that is what makes it a bet on "slower".
pub(super) const LATENCY: &[Bet] = &[
    bet(&[1.0, 1.04, 1.1, 1.15, 1.24], 0.06),
    bet(&[1.0, 1.13, 1.25, 1.37, 1.6], 0.14),
    bet(&[1.01, 1.21, 1.41, 1.62, 2.04], 0.18),
    bet(&[1.0, 1.32, 1.66, 2.04, 2.9], 0.12),
    bet(&[1.0, 1.41, 1.9, 2.5, 4.0], 0.08),
    bet(&[1.0, 1.5, 2.7, 4.7, 12.0], 0.06),
    bet(&[1.0, 1.0, 1.8, 5.8, 50.0], 0.02),
    bet(&[1.0, 1.0, 1.0, 1.0, 1.5], 0.06),
    bet(&[1.0, 1.0, 1.0, 1.0, 2.5], 0.08),
    bet(&[1.0, 1.0, 1.0, 1.0, 5.0], 0.04),
    bet(&[1.0, 1.0, 1.0, 1.0, 30.0], 0.05),
    bet(&[1.0, 1.0, 1.0, 1.5, 4.0], 0.06),
    bet(&[1.0, 1.0, 1.0, 3.0, 15.0], 0.05),
];

/// Bets that the risk is lower than claimed: those of the certificate.
pub(super) const LOWER: &[Bet] = &[bet(&[0.1], 0.2), bet(&[0.25], 0.2), bet(&[0.5], 0.4), bet(&[0.75], 0.2)];

/// The part of the stake that is kept back for faults that begin late.
const KEPT_BACK: f64 = 0.3;
/// Half of what is kept back has been bet after so many minutes.
const HALF_LIFE: f64 = 30.0;

/// The fortune of a gambler; see the file's doc.
#[derive(Clone, Debug)]
pub(super) struct EProcess {
    bets: &'static [Bet],
    tolerance: f64,
    /// ln θ of each class of each bet.
    log_ratios: Vec<Vec<f64>>,
    /// ln of what each bet has become.
    fortunes: Vec<f64>,
    /// What is kept back at the beginning.
    kept_back: f64,
    /// How many slices have been bet.
    opened: u32,
    log_value: f64,
}

impl EProcess {
    /// Bets everything at once.
    pub(super) fn new(bets: &'static [Bet], tolerance: f64) -> Self {
        Self::with(bets, tolerance, 0.0)
    }

    /// Keeps a part back for [`EProcess::open`].
    pub(super) fn with_onsets(bets: &'static [Bet], tolerance: f64) -> Self {
        Self::with(bets, tolerance, KEPT_BACK)
    }

    fn with(bets: &'static [Bet], tolerance: f64, kept_back: f64) -> Self {
        Self {
            bets,
            tolerance,
            log_ratios: bets.iter().map(|bet| bet.ratios.iter().map(|ratio| ln(*ratio)).collect()).collect(),
            fortunes: bets.iter().map(|bet| ln(bet.part * (1.0 - kept_back))).collect(),
            kept_back,
            opened: 0,
            log_value: 0.0,
        }
    }

    /// Takes in what happened in one stratum: for each class its bad requests, of the same requests. Bad requests that
    /// come in clusters count `1/dispersion` each.
    pub(super) fn add(&mut self, classes: &[Sample], dispersion: f64) {
        if !classes.iter().any(Sample::speaks) {
            return;
        }
        let share = share(classes[0].canary / classes[0].baseline, self.tolerance);
        for ((bet, log_ratios), fortune) in self.bets.iter().zip(&self.log_ratios).zip(&mut self.fortunes) {
            let ratios = bet.ratios.iter().zip(log_ratios);
            let won = |(sample, (ratio, log_ratio)): (&Sample, (&f64, &f64))| {
                sample.canary_bad * log_ratio - sample.bad() * ln_1p(share * (ratio - 1.0))
            };
            *fortune += classes.iter().zip(ratios).map(won).sum::<f64>() / dispersion;
        }
        self.log_value = self.sum();
    }

    /// Bets the next slice of what was kept back. To be called at times that do not depend on what is about to happen.
    pub(super) fn open(&mut self) {
        let slice = self.left(self.opened) - self.left(self.opened + 1);
        self.opened += 1;
        if slice > 0.0 {
            for (bet, fortune) in self.bets.iter().zip(&mut self.fortunes) {
                *fortune = log_add(*fortune, ln(slice * bet.part));
            }
            self.log_value = self.sum();
        }
    }

    /// What is still kept back after `opened` slices.
    fn left(&self, opened: u32) -> f64 {
        self.kept_back * HALF_LIFE / (HALF_LIFE + real(u64::from(opened)))
    }

    fn sum(&self) -> f64 {
        let left = ln(self.left(self.opened));
        log_sum(self.fortunes.iter().copied().chain(std::iter::once(left)))
    }

    /// ln of the fortune, begun with 1.
    pub(super) fn log_value(&self) -> f64 {
        self.log_value
    }
}

/// The new version's part of the bad requests, where its risk is `ratio` times the old one's and it gets `odds`
/// requests for each of the old one's.
pub(super) fn share(odds: f64, ratio: f64) -> f64 {
    let scaled = odds * ratio;
    scaled / (scaled + 1.0)
}

//! What a verdict rests on, in numbers that can be kept, shown and computed again.

use serde::{Deserialize, Serialize};

use super::{
    Interval, Judge, Metric, Need, Question,
    arithmetic::{exp, ln},
    counts::Badness,
    metric::{Comparison, Totals},
};

/// Routes that are named in the evidence: those with most excess failures.
const ROUTES_SHOWN: usize = 5;
/// Fortunes above e to this power are shown as it.
const LOG_SHOWN_MAX: f64 = 600.0;

/// What a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// ln of the fortune of the bets against the new version.
    pub log_e: f64,
    /// The fortune at which it is taken back.
    pub limit: f64,
    /// ln of the fortune of the bets for it, against the bound of the question.
    pub log_certificate: f64,
    /// The fortune at which it is certified.
    pub certificate_limit: f64,
    /// A version that fails less than this many times as often as the old one is certified too.
    pub relative_bound: f64,
    /// By metric.
    pub compared: Vec<Compared>,
    /// The routes with most excess failures, most first.
    pub routes: Vec<Route>,
    /// ln of the fortune of bets that two halves of the old version differ. Beyond 4.6 the judge's promises do not hold
    /// here.
    pub log_halves: f64,
    /// Failed requests beyond those that the old version's rate makes one expect.
    pub harm: u64,
    /// What is missing for a certificate.
    pub need: Need,
}

/// What is known by one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The metric.
    pub metric: Metric,
    /// Requests longer than this many microseconds count as slow, where it is about latency and known.
    pub slow_micros: Option<u64>,
    /// The same for the new version, where it may take a margin longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_slow_micros: Option<u64>,
    /// ln of the fortune of its bets.
    pub log_e: f64,
    /// Requests to the new version, and the bad ones of them.
    pub canary: (u64, u64),
    /// Requests to the old version, and the bad ones of them.
    pub baseline: (u64, u64),
    /// How many times as often the new version is bad.
    pub ratio: Interval,
    /// How many bad requests come from one cause.
    pub dispersion: f64,
}

/// What is known about one route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Requests to the new version, and the failed ones of them.
    pub canary: (u64, u64),
    /// Requests to the old version, and the failed ones of them.
    pub baseline: (u64, u64),
}

impl Evidence {
    /// The fortune of the bets against the new version.
    pub fn e_value(&self) -> f64 {
        exp(self.log_e.min(LOG_SHOWN_MAX))
    }
}

impl Judge {
    /// What the answer to `question` rests on.
    pub fn evidence(&self, question: &Question) -> Evidence {
        Evidence {
            log_e: self.log_value(),
            limit: 1.0 / self.settings.alpha,
            log_certificate: self.certificate.log_value(question.bound),
            certificate_limit: 1.0 / self.settings.beta,
            relative_bound: self.settings.relative_bound,
            compared: self.comparisons.iter().map(|comparison| self.compared(comparison)).collect(),
            routes: self.worst_routes(),
            log_halves: self.halves[0].log_value().max(self.halves[1].log_value()) - ln(2.0),
            harm: self.harm(),
            need: self.need(question),
        }
    }

    fn compared(&self, comparison: &Comparison) -> Compared {
        let micros = match comparison.badness {
            Some(Badness::SlowerThan(boundary)) => Some(boundary.micros()),
            Some(Badness::Failed | Badness::Between(..)) | None => None,
        };
        Compared {
            metric: comparison.metric,
            slow_micros: micros.map(|(_, baseline)| baseline),
            canary_slow_micros: micros.filter(|(canary, baseline)| canary != baseline).map(|(canary, _)| canary),
            log_e: comparison.process.log_value(),
            canary: comparison.totals.canary(),
            baseline: comparison.totals.baseline(),
            ratio: comparison.interval(self.settings.alpha),
            dispersion: comparison.factor(),
        }
    }

    fn worst_routes(&self) -> Vec<Route> {
        let mut routes: Vec<_> = self.routes.iter().map(|(name, totals)| (totals.excess(), name, totals)).collect();
        routes.retain(|(excess, _, _)| *excess > 0.0);
        routes.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(right.1)));
        let route = |(_, name, totals): (f64, &String, &Totals)| Route {
            name: name.clone(),
            canary: totals.canary(),
            baseline: totals.baseline(),
        };
        routes.into_iter().take(ROUTES_SHOWN).map(route).collect()
    }
}

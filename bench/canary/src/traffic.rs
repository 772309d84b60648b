//! Traffic that nobody sent: requests to two versions, second by second.
//!
//! Arrivals are Poisson; failures are independent, or come in clusters that stay on one version; times are log-normal
//! with a median of 60 ms and a p99 of 300 ms, as in a web service. What is common to both versions may swing.

use canary::judge::{Arm, Histogram, Stratum, Tick};

use crate::random::Random;

/// ln of the median time, in microseconds.
pub(crate) const LOG_MEDIAN: f64 = 11.002_099_841; // 60 ms
/// Of ln of the time: puts the 99th of a hundred at 300 ms.
pub(crate) const DEVIATION: f64 = 0.691_83;
/// Quantiles of the standard normal distribution.
const Z90: f64 = 1.281_552;
const Z99: f64 = 2.326_348;
/// Sixteen bits of randomness choose a time.
const TABLE: usize = 1 << 16;
/// How many levels a swing of latencies has.
const SWINGS: usize = 8;
/// Buckets of a histogram.
const BUCKETS: usize = 256;

/// What happens to both versions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Common {
    /// The same all the time.
    Steady,
    /// The error rate swings by nine tenths, the latency by half, within ten minutes.
    Swinging,
    /// From the first minute on, something both depend on fails one request in twenty, for five minutes.
    Incident,
}

/// What is wrong with the new version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault {
    /// From this second on.
    pub(crate) from: u64,
    /// Its error rate, if above the common one.
    pub(crate) errors: f64,
    /// How many times as long everything takes.
    pub(crate) scale: f64,
    /// How many microseconds longer everything takes.
    pub(crate) added: f64,
    /// How many times as long the slowest hundredth takes, while nine of ten are as fast as ever.
    pub(crate) tail: f64,
}

impl Fault {
    /// Nothing.
    pub(crate) const NONE: Self = Self { from: 0, errors: 0.0, scale: 1.0, added: 0.0, tail: 1.0 };
}

/// A service with two versions.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Requests each second.
    pub(crate) rate: f64,
    /// The error rate of the old version.
    pub(crate) errors: f64,
    /// The mean size of clusters of failures.
    pub(crate) cluster: f64,
    /// ln of the median time, in microseconds.
    pub(crate) log_median: f64,
    /// The standard deviation of ln of the time.
    pub(crate) deviation: f64,
    pub(crate) common: Common,
    pub(crate) fault: Fault,
}

impl Service {
    /// A steady one with nothing wrong.
    pub(crate) fn steady(rate: f64, errors: f64) -> Self {
        Self {
            rate,
            errors,
            cluster: 1.0,
            log_median: LOG_MEDIAN,
            deviation: DEVIATION,
            common: Common::Steady,
            fault: Fault::NONE,
        }
    }

    /// Error rates of the old and the new version at `second`, which may be before the beginning.
    pub(crate) fn error_rates(&self, second: i64) -> (f64, f64) {
        let common = match self.common {
            Common::Steady => self.errors,
            Common::Swinging => self.errors * (1.0 + 0.9 * libm::sin(phase(second))),
            Common::Incident if (60..360).contains(&second) => 0.05,
            Common::Incident => self.errors,
        };
        let faulty = second >= i64::try_from(self.fault.from).unwrap_or(i64::MAX);
        (common, if faulty { common.max(self.fault.errors) } else { common })
    }

    /// The part of the new version's failures that are its own fault.
    pub(crate) fn harm(&self, second: i64, canary: &Arm) -> f64 {
        let (common, _) = self.error_rates(second);
        real(canary.errors) - real(canary.requests) * common
    }
}

/// Where in its swing of ten minutes `second` is.
fn phase(second: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "below 600")]
    let within = second.rem_euclid(600) as f64;
    within / 600.0 * std::f64::consts::TAU
}

/// Draws the traffic of one run.
pub(crate) struct Traffic<'a> {
    service: &'a Service,
    times: &'a Times,
    random: Random,
    counts: Box<[u32; BUCKETS]>,
}

/// Times to draw from, made once for all runs.
pub(crate) struct Times {
    /// By level of the common swing: of the old and the new version.
    tables: Vec<[Box<[u8]>; 2]>,
}

impl Times {
    pub(crate) fn of(service: &Service) -> Self {
        let levels = if service.common == Common::Swinging { SWINGS } else { 1 };
        let table = |level: usize| {
            let swing = if levels == 1 { 1.0 } else { 1.0 + 0.5 * libm::sin(level_phase(level)) };
            let healthy = Fault { scale: swing, ..Fault::NONE };
            let faulty = Fault { scale: swing * service.fault.scale, ..service.fault };
            [table(service, healthy), table(service, faulty)]
        };
        Self { tables: (0..levels).map(table).collect() }
    }
}

fn level_phase(level: usize) -> f64 {
    real(level as u64) / real(SWINGS as u64) * std::f64::consts::TAU
}

/// The bucket of the time at each 65536th of the distribution.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds, and there are 232 buckets")]
fn table(service: &Service, fault: Fault) -> Box<[u8]> {
    let Service { log_median, deviation, .. } = service;
    let stretch = 1.0 + libm::log(fault.tail) / (deviation * (Z99 - Z90));
    let bucket = |place: usize| {
        let z = normal((real(place as u64) + 0.5) / real(TABLE as u64));
        let z = if z > Z90 { Z90 + (z - Z90) * stretch } else { z };
        Histogram::bucket_of((libm::exp(log_median + deviation * z) * fault.scale + fault.added) as u64) as u8
    };
    (0..TABLE).map(bucket).collect()
}

/// The quantile of the standard normal distribution, by halving.
fn normal(part: f64) -> f64 {
    let (mut low, mut high) = (-6.0_f64, 6.0_f64);
    for _ in 0..40 {
        let middle = low.midpoint(high);
        if 0.5 * libm::erfc(-middle / std::f64::consts::SQRT_2) < part { low = middle } else { high = middle }
    }
    low.midpoint(high)
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(service: &'a Service, times: &'a Times, random: Random) -> Self {
        Self { service, times, random, counts: Box::new([0; BUCKETS]) }
    }

    /// What happens from `second` on for `seconds`, with `weight` of the requests at the new version and `control` of
    /// the old version's in the first half.
    pub(crate) fn tick(&mut self, tick: &mut Tick, second: i64, seconds: u32, weight: f64, control: f64) {
        let (common, canary) = self.service.error_rates(second);
        let requests = self.service.rate * f64::from(seconds);
        let old = requests * (1.0 - weight);
        tick.millis = seconds * 1000;
        tick.strata.resize_with(1, Stratum::default);
        let stratum = &mut tick.strata[0];
        self.arm(&mut stratum.canary, requests * weight, canary, second, 1);
        self.arm(&mut stratum.half, old * control, common, second, 0);
        self.arm(&mut stratum.baseline, old * (1.0 - control), common, second, 0);
        stratum.baseline.requests += stratum.half.requests;
        stratum.baseline.errors += stratum.half.errors;
        let half = std::mem::take(&mut stratum.half.latency);
        stratum.baseline.latency.merge(&half);
        stratum.half.latency = half;
    }

    fn arm(&mut self, arm: &mut Arm, requests: f64, errors: f64, second: i64, version: usize) {
        arm.errors = self.failures(requests * errors);
        arm.requests = arm.errors + self.random.poisson(requests * (1.0 - errors));
        let levels = self.times.tables.len();
        let level = usize::try_from(second.rem_euclid(600)).unwrap_or(0) * levels / 600;
        let faulty = second >= i64::try_from(self.service.fault.from).unwrap_or(i64::MAX);
        let table = &self.times.tables[level][if faulty { version } else { 0 }];
        let (mut lowest, mut highest) = (BUCKETS - 1, 0);
        let mut bits = 0;
        for drawn in 0..arm.requests {
            if drawn % 4 == 0 {
                bits = self.random.bits();
            }
            let bucket = usize::from(table[(bits & 0xffff) as usize]);
            bits >>= 16;
            self.counts[bucket] += 1;
            lowest = lowest.min(bucket);
            highest = highest.max(bucket);
        }
        arm.latency.clear();
        for bucket in lowest..=highest {
            let count = std::mem::take(&mut self.counts[bucket]);
            arm.latency.add(u16::try_from(bucket).unwrap_or(u16::MAX), u64::from(count));
        }
    }

    fn failures(&mut self, mean: f64) -> u64 {
        let cluster = self.service.cluster;
        if cluster <= 1.0 {
            return self.random.poisson(mean);
        }
        (0..self.random.poisson(mean / cluster)).map(|_| self.random.cluster(cluster)).sum()
    }
}

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "simulated counts are small")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(service: &Service, seconds: u32) -> Tick {
        let times = Times::of(service);
        let mut tick = Tick::default();
        Traffic::new(service, &times, Random::new(1, 1)).tick(&mut tick, 0, seconds, 0.1, 0.5);
        tick
    }

    #[test]
    fn traffic_is_split_by_weight_and_fails_by_rate() {
        let mut service = Service::steady(500.0, 0.01);
        service.fault.errors = 0.5;
        let tick = draw(&service, 100);
        let Stratum { canary, baseline, half, .. } = &tick.strata[0];
        assert!((4700..5300).contains(&canary.requests) && (2300..2700).contains(&canary.errors), "{canary:?}");
        assert!((44_000..46_000).contains(&baseline.requests) && (390..510).contains(&baseline.errors));
        assert!((22_000..23_000).contains(&half.requests));
        assert_eq!(baseline.latency.total(), baseline.requests);
    }

    #[test]
    fn times_have_the_quantiles_they_should() {
        let mut service = Service::steady(500.0, 0.0);
        service.fault.tail = 2.0;
        let tick = draw(&service, 1000);
        let Stratum { canary, baseline, .. } = &tick.strata[0];
        let millis = |arm: &Arm, permille| real(Histogram::end_of(arm.latency.quantile(permille).unwrap())) / 1000.0;
        for (permille, old, new) in [(500, 60.0, 60.0), (900, 145.6, 145.6), (990, 300.0, 600.0)] {
            assert!(
                (millis(baseline, permille) / old - 1.0).abs() < 0.15,
                "{permille}: {}",
                millis(baseline, permille)
            );
            assert!((millis(canary, permille) / new - 1.0).abs() < 0.15, "{permille}: {}", millis(canary, permille));
        }
    }
}

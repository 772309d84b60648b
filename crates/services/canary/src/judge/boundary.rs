//! Where slow begins, for each version: the new one may take a margin longer.
//!
//! No two versions take exactly as long, and the one with little traffic is slower by fractions of a millisecond for
//! colder connections and caches alone. So the claim that the bets of `eprocess.rs` are against is "the new version
//! takes at most [`Margin`] longer": as many of its requests take longer than a boundary as take longer than the
//! boundary less the margin at the old one. The proof there asks only what part of each version's requests is bad, not
//! that it is bad for the same reason, so it holds as it is.
//!
//! Times are known by bucket, and a margin of a few percent is less than a bucket. The boundary of the new version is put where
//! a bucket ends; that of the old one is then within a bucket, of whose requests the part is counted that would lie
//! beyond it were they spread evenly. Where they become fewer with time, which they do beyond the usual, that is at
//! least the true part, which speaks for the new version (a chord of a convex curve is above it). Where what is known
//! of the old version says otherwise, as of one that always takes the same time, all of the bucket is counted.
//! A bet on a part of a request is fair, too: θ^w ≤ 1 + w(θ - 1), for w from 0 to 1.

use serde::{Deserialize, Serialize};

use super::{
    arithmetic::{count, real},
    histogram::Histogram,
};

/// A rise in density by so many standard deviations is not put down to chance.
const DEVIATIONS: f64 = 2.0;

/// How much longer a request may take at the new version without being slower: the larger of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// In percent of the time that it takes at the old version.
    pub percent: f64,
    /// In microseconds.
    pub micros: u64,
}

impl Margin {
    /// What is borne where nothing else is asked for.
    pub const USUAL: Self = Self { percent: 3.0, micros: 2000 };

    /// The longest that `micros` at the old version may become at the new one.
    fn after(self, micros: f64) -> f64 {
        micros + (micros * self.percent / 100.0).max(real(self.micros))
    }

    /// What at the old version may become `micros` at the new one.
    fn before(self, micros: f64) -> f64 {
        (micros / (1.0 + self.percent / 100.0)).min(micros - real(self.micros)).max(0.0)
    }
}

/// Where slow begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Boundary {
    /// At the new version: with the bucket after this one.
    canary: u16,
    /// At the old one: with the bucket after this one, …
    baseline: u16,
    /// … and this part of this one's own requests.
    part: f64,
    /// Where that is, in microseconds.
    baseline_micros: u64,
}

impl Boundary {
    /// The first at which the old version's part, by what is `usual` of it, is beyond `bucket` and none of `margin` is
    /// cut off.
    pub(super) fn new(bucket: u16, margin: Margin, usual: &Histogram) -> Self {
        let longest = count(margin.after(real(Histogram::end_of(bucket))).ceil());
        let canary = Histogram::bucket_of(longest.saturating_sub(1));
        let exact = margin.before(real(Histogram::end_of(canary)));
        let baseline = Histogram::bucket_of(count(exact));
        let start = baseline.checked_sub(1).map_or(0, Histogram::end_of);
        let end = Histogram::end_of(baseline);
        if canary == Histogram::BUCKET_MAX {
            return Self { canary, baseline: canary, part: 0.0, baseline_micros: Histogram::end_of(canary) };
        }
        if falls(usual, baseline) {
            let part = ((real(end) - exact) / real(end - start)).clamp(0.0, 1.0);
            Self { canary, baseline, part, baseline_micros: count(exact.round()) }
        } else {
            Self { canary, baseline, part: 1.0, baseline_micros: start }
        }
    }

    /// How many requests of the new version took longer.
    pub(super) fn canary(&self, latency: &Histogram) -> f64 {
        real(latency.above(self.canary))
    }

    /// How many requests of the old version did, by its own boundary.
    pub(super) fn baseline(&self, latency: &Histogram) -> f64 {
        real(latency.above(self.baseline)) + self.part * real(latency.at(self.baseline))
    }

    /// In microseconds, for the new version and the old one.
    pub(super) fn micros(&self) -> (u64, u64) {
        (Histogram::end_of(self.canary), self.baseline_micros)
    }
}

/// Whether requests become no denser into `bucket` and within it, as far as `usual` can tell.
fn falls(usual: &Histogram, bucket: u16) -> bool {
    let before = bucket.checked_sub(1);
    !before.is_some_and(|before| rises(usual, before, bucket)) && !rises(usual, bucket, bucket + 1)
}

/// Whether requests are denser in the bucket `second` than in `first`, beyond chance.
fn rises(usual: &Histogram, first: u16, second: u16) -> bool {
    let width = |bucket: u16| real(Histogram::end_of(bucket) - bucket.checked_sub(1).map_or(0, Histogram::end_of));
    let (had, has) = (real(usual.at(first)), real(usual.at(second)));
    let (wide_first, wide_second) = (width(first), width(second));
    let variance = has * wide_first * wide_first + had * wide_second * wide_second;
    has * wide_first - had * wide_second > DEVIATIONS * variance.sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A service whose requests become fewer with time, from `least` microseconds on.
    fn falling(least: f64) -> Histogram {
        let mut usual = Histogram::default();
        for place in 1..2000_u64 {
            usual.record(count(least / (real(place) / 2000.0).sqrt()));
        }
        usual
    }

    #[test]
    fn without_a_margin_both_versions_have_the_same_boundary() {
        for bucket in 0..Histogram::BUCKET_MAX {
            let boundary = Boundary::new(bucket, Margin::default(), &falling(3000.0));
            assert_eq!((boundary.canary, boundary.part), (bucket, 1.0));
            assert_eq!(boundary.micros(), (Histogram::end_of(bucket), Histogram::end_of(bucket)));
        }
    }

    #[test]
    fn what_is_fast_has_the_margin_in_milliseconds_and_what_is_slow_that_in_percent() {
        let boundary = Boundary::new(Histogram::bucket_of(800), Margin::USUAL, &falling(500.0));
        let (canary, baseline) = boundary.micros();
        assert_eq!(canary - baseline, 2000);
        assert!((832..1100).contains(&baseline), "{baseline}");
        let boundary = Boundary::new(Histogram::bucket_of(300_000), Margin::USUAL, &falling(100_000.0));
        let (canary, baseline) = boundary.micros();
        assert!((real(canary) / real(baseline) - 1.03).abs() < 1e-4, "{canary} {baseline}");
    }

    #[test]
    fn of_a_service_that_always_takes_the_same_time_nothing_is_guessed() {
        let mut usual = Histogram::default();
        usual.add(Histogram::bucket_of(65_000), 10_000);
        let boundary = Boundary::new(Histogram::bucket_of(60_000), Margin::USUAL, &usual);
        assert!((boundary.part - 1.0).abs() < 1e-12, "{boundary:?}");
        // Whether it is two percent longer on one side of an edge or the other, it is not slower.
        for micros in 55_000..75_000 {
            let (mut old, mut new) = (Histogram::default(), Histogram::default());
            old.add(Histogram::bucket_of(micros), 100);
            new.add(Histogram::bucket_of(micros + micros * 2 / 100), 100);
            let boundary = Boundary::new(old.quantile(500).unwrap(), Margin::USUAL, &old);
            assert!(boundary.canary(&new) <= boundary.baseline(&old), "{micros}: {boundary:?}");
        }
    }

    proptest! {
        #[test]
        fn a_version_within_the_margin_has_no_more_slow_requests(
            bucket in 30..180_u16, percent in 0.0..50.0, micros in 0..20_000_u64, least in 500.0..50_000.0,
        ) {
            // The same requests, each longer by the whole margin: drawn so finely that chance has no part.
            let margin = Margin { percent, micros };
            let boundary = Boundary::new(bucket, margin, &falling(least));
            let (mut old, mut new) = (Histogram::default(), Histogram::default());
            for place in 1..4000_u64 {
                let time = least / (real(place) / 4000.0).sqrt();
                old.record(count(time));
                new.record(count(margin.after(time)));
            }
            let (canary, baseline) = (boundary.canary(&new), boundary.baseline(&old));
            prop_assert!(canary <= baseline * 1.02 + 2.0, "{canary} {baseline} {boundary:?}");
        }
    }
}

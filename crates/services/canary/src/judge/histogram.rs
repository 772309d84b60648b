//! How long requests took, in the buckets that our proxy counts in: an eighth of a power of two wide, from one
//! microsecond to nine minutes.
//!
//! Kept sparse: in a second few of the 232 buckets hold anything, and a record holds many seconds.

use serde::{Deserialize, Serialize};

/// Buckets in each power of two, as its exponent.
const PER_OCTAVE_BITS: u32 = 3;
const PER_OCTAVE: u64 = 1 << PER_OCTAVE_BITS;

/// Counts by bucket, in order of buckets, none of them zero. In JSON: `[[bucket, count], …]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(Vec<(u16, u64)>);

impl Histogram {
    /// The last bucket; what took longer is counted in it.
    pub(super) const BUCKET_MAX: u16 = 231;

    /// The bucket that `microseconds` fall into.
    pub fn bucket_of(microseconds: u64) -> u16 {
        if microseconds < PER_OCTAVE {
            return u16::try_from(microseconds).unwrap_or(0);
        }
        let octave = microseconds.ilog2();
        let within = (microseconds >> (octave - PER_OCTAVE_BITS)) % PER_OCTAVE;
        let bucket = u64::from(octave - PER_OCTAVE_BITS + 1) * PER_OCTAVE + within;
        u16::try_from(bucket).unwrap_or(Self::BUCKET_MAX).min(Self::BUCKET_MAX)
    }

    /// The first time, in microseconds, that is above `bucket`.
    pub fn end_of(bucket: u16) -> u64 {
        let next = u64::from(bucket.min(Self::BUCKET_MAX)) + 1;
        if next < PER_OCTAVE {
            return next;
        }
        let (octave, within) = (next / PER_OCTAVE, next % PER_OCTAVE);
        (PER_OCTAVE + within) << (octave - 1)
    }

    /// Counts `count` more in `bucket`.
    pub fn add(&mut self, bucket: u16, count: u64) {
        if count == 0 {
            return;
        }
        let bucket = bucket.min(Self::BUCKET_MAX);
        match self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.0[place].1 = self.0[place].1.saturating_add(count),
            Err(place) => self.0.insert(place, (bucket, count)),
        }
    }

    /// Counts one request that took `microseconds`.
    pub fn record(&mut self, microseconds: u64) {
        self.add(Self::bucket_of(microseconds), 1);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(bucket, count)| self.add(*bucket, *count));
    }

    /// Forgets everything, and keeps its memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much was counted.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |total, (_, count)| total.saturating_add(*count))
    }

    /// How much was counted in `bucket`.
    pub fn at(&self, bucket: u16) -> u64 {
        self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket).map_or(0, |place| self.0[place].1)
    }

    /// How much was counted above `bucket`.
    pub fn above(&self, bucket: u16) -> u64 {
        let slower = self.0.iter().filter(|(other, _)| *other > bucket);
        slower.fold(0, |total, (_, count)| total.saturating_add(*count))
    }

    /// The bucket that holds the quantile of `permille`, none where nothing was counted.
    pub fn quantile(&self, permille: u16) -> Option<u16> {
        let wanted = (u128::from(self.total()) * u128::from(permille)).div_ceil(1000).max(1);
        let mut counted = 0_u128;
        for (bucket, count) in &self.0 {
            counted += u128::from(*count);
            if counted >= wanted {
                return Some(*bucket);
            }
        }
        self.0.last().map(|(bucket, _)| *bucket)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_bucket_ends_where_the_next_begins() {
        for bucket in 0..Histogram::BUCKET_MAX {
            let end = Histogram::end_of(bucket);
            assert_eq!(Histogram::bucket_of(end - 1), bucket);
            assert_eq!(Histogram::bucket_of(end), bucket + 1);
        }
        assert_eq!(Histogram::bucket_of(u64::MAX), Histogram::BUCKET_MAX);
    }

    #[test]
    fn quantiles_are_read_from_below() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), None);
        histogram.add(10, 50);
        histogram.add(20, 49);
        histogram.add(30, 1);
        assert_eq!(histogram.quantile(500), Some(10));
        assert_eq!(histogram.quantile(510), Some(20));
        assert_eq!(histogram.quantile(990), Some(20));
        assert_eq!(histogram.quantile(1000), Some(30));
        assert_eq!((histogram.above(20), histogram.above(9), histogram.total()), (1, 100, 100));
    }

    proptest! {
        #[test]
        fn at_most_the_rest_is_above_a_quantile(counts in proptest::collection::vec((0..300_u16, 0..1000_u64), 1..40)) {
            let mut histogram = Histogram::default();
            for (bucket, count) in &counts {
                histogram.add(*bucket, *count);
            }
            if let Some(bucket) = histogram.quantile(900) {
                prop_assert!(histogram.above(bucket) * 10 <= histogram.total());
            }
        }
    }
}

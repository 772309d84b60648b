//! How numbers spread, so that their quantiles are known to a part in a hundred however many they are.
//!
//! Numbers are counted in buckets whose bounds grow by the same factor, as in Masson, Rim and Lee's `DDSketch`
//! (VLDB 2019): the middle of its bucket is never further from a number than the accuracy says, and spreads add up
//! without losing any of it.

use std::collections::BTreeMap;

/// The relative accuracy of quantiles.
const ACCURACY: f64 = 0.01;
/// From one bucket's bound to the next.
const FACTOR: f64 = (1.0 + ACCURACY) / (1.0 - ACCURACY);
/// Buckets below 1 that are told apart: down to 10⁻³⁰⁰ or so.
const MIDDLE: i32 = 40_000;

/// Counts by bucket. Bucket 0 is zero itself, negative ones are of negative numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread(BTreeMap<i32, f64>);

impl Spread {
    /// `value`, `times` times.
    pub fn of(value: f64, times: f64) -> Self {
        Self(BTreeMap::from([(bucket(value), times)]))
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        for (bucket, times) in &other.0 {
            *self.0.entry(*bucket).or_default() += times;
        }
    }

    /// The number that this part (0 to 1) of all do not exceed; none where there are none.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let rank = part.clamp(0.0, 1.0) * self.0.values().sum::<f64>();
        let mut seen = 0.0;
        let found = self.0.iter().find(|(_, times)| {
            seen += **times;
            seen >= rank && seen > 0.0
        });
        found.or_else(|| self.0.last_key_value()).map(|(bucket, _)| middle(*bucket))
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(&self.0).expect("a map of numbers is JSON")
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a double is far smaller than an i32 can be")]
fn bucket(value: f64) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    let step = (value.abs().ln() / FACTOR.ln()).ceil() as i32;
    let bucket = (step + MIDDLE).max(1);
    if value < 0.0 { -bucket } else { bucket }
}

fn middle(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let size = 2.0 * FACTOR.powi(bucket.abs() - MIDDLE) / (FACTOR + 1.0);
    if bucket < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_near(mut numbers in prop::collection::vec(-1e9_f64..1e9, 1..200), part in 0.0_f64..=1.0) {
            let mut spread = Spread::default();
            for number in &numbers {
                spread.add(&Spread::of(*number, 1.0));
            }
            numbers.sort_by(f64::total_cmp);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
            let rank = ((part * numbers.len() as f64).ceil() as usize).max(1) - 1;
            let (near, found) = (numbers[rank], spread.quantile(part).unwrap());
            prop_assert!((found - near).abs() <= near.abs() * (ACCURACY + 1e-9), "{found} for {near}");
            prop_assert_eq!(Spread::read(&spread.write()), Some(spread));
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_the_smallest_is_kept() {
        assert_eq!(Spread::default().quantile(0.5), None);
        let tiny = Spread::of(f64::MIN_POSITIVE, 1.0).quantile(0.5).unwrap();
        assert!(tiny > 0.0 && tiny < 1e-300);
        assert_eq!(Spread::of(0.0, 2.0).quantile(1.0), Some(0.0));
    }
}

//! How long things took, counted by two significant digits: fine enough to draw, and never more than a few hundred
//! steps however much is counted.

use std::collections::BTreeMap;

/// Counts by duration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<u64, u32>);

impl Histogram {
    /// Counts something that took `seconds`.
    pub fn add(&mut self, seconds: f64) {
        *self.0.entry(round(seconds)).or_default() += 1;
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        for (micros, count) in &other.0 {
            *self.0.entry(*micros).or_default() += count;
        }
    }

    /// The durations, in seconds, with their counts.
    #[expect(clippy::cast_precision_loss, reason = "two digits need seven bits")]
    pub fn entries(&self) -> impl Iterator<Item = (f64, u32)> + '_ {
        self.0.iter().map(|(micros, count)| (*micros as f64 / 1e6, *count))
    }
}

/// Microseconds, to two significant digits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float saturates on its way to an integer, and durations are not negative"
)]
fn round(seconds: f64) -> u64 {
    let micros = (seconds.max(0.0) * 1e6).round() as u64;
    let mut unit = 1;
    while micros / unit >= 100 {
        unit *= 10;
    }
    micros.saturating_add(unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_are_kept() {
        let mut histogram = Histogram::default();
        for seconds in [0.0, 0.004, 0.0412, 0.0408, 12.34, f64::MAX] {
            histogram.add(seconds);
        }
        let entries: Vec<_> = histogram.entries().take(4).collect();
        assert_eq!(entries, [(0.0, 1), (0.004, 1), (0.041, 2), (12.0, 1)]);
    }
}

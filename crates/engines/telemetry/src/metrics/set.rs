//! Numbers in short: how many, their sum, the least, the greatest, and how they spread.

use super::Spread;

/// Some numbers, in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// How many; AWS lets a reporter say fractions.
    pub samples: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
    /// How they spread; none where the single numbers were never told.
    pub spread: Option<Spread>,
}

impl Set {
    /// `value`, `times` times.
    pub fn of(value: f64, times: f64) -> Self {
        let spread = Some(Spread::of(value, times));
        Self { samples: times, sum: value * times, minimum: value, maximum: value, spread }
    }

    /// A set of which the single numbers are not told. They are known all the same if they are all alike.
    pub fn in_short(samples: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        #[expect(clippy::float_cmp, reason = "alike is alike to the last bit")]
        let alike = minimum == maximum;
        let spread = alike.then(|| Spread::of(minimum, samples));
        Self { samples, sum, minimum, maximum, spread }
    }

    /// Adds the numbers of `other`.
    pub fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.spread = match (self.spread.take(), &other.spread) {
            (Some(mut spread), Some(other)) => {
                spread.add(other);
                Some(spread)
            }
            _ => None,
        };
    }

    /// The number that `percent` of 100 of them do not exceed, to a part in a hundred; none where it is not known.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let found = self.spread.as_ref()?.quantile(percent / 100.0)?;
        Some(match percent {
            ..=0.0 => self.minimum,
            100.0.. => self.maximum,
            _ => found.clamp(self.minimum, self.maximum),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_add_up() {
        let mut set = Set::of(2.0, 3.0);
        set.add(&Set::of(-1.0, 1.0));
        assert_eq!((set.samples, set.sum, set.minimum, set.maximum), (4.0, 5.0, -1.0, 2.0));
        assert_eq!((set.percentile(0.0), set.percentile(100.0)), (Some(-1.0), Some(2.0)));
    }

    #[test]
    fn what_was_told_in_short_has_no_percentiles() {
        assert_eq!(Set::in_short(2.0, 3.0, 1.0, 2.0).percentile(50.0), None);
        assert_eq!(Set::in_short(2.0, 3.0, 1.5, 1.5).percentile(50.0), Some(1.5));
        let mut set = Set::of(1.0, 1.0);
        set.add(&Set::in_short(2.0, 3.0, 1.0, 2.0));
        assert_eq!(set.percentile(50.0), None);
    }
}

//! Statistics: what is made of a set of numbers.

use telemetry::metrics::Set;

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// What this many of a hundred do not exceed.
    Percentile(f64),
}

impl Statistic {
    /// The statistic that AWS calls `name`; none where it is none, or one that is not here.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => Self::Percentile(percent(name)?),
        })
    }

    /// Its value for `set`; none where that is not known.
    pub(crate) fn of(self, set: &Set) -> Option<f64> {
        let value = match self {
            Self::SampleCount => set.samples,
            Self::Average => set.sum / set.samples,
            Self::Sum => set.sum,
            Self::Minimum => set.minimum,
            Self::Maximum => set.maximum,
            Self::Percentile(percent) => set.percentile(percent)?,
        };
        value.is_finite().then_some(value)
    }
}

/// `p99.9`, with at most ten digits behind the point.
fn percent(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    let plain =
        digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.starts_with(|c: char| c.is_ascii_digit());
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let percent: f64 = digits.parse().ok().filter(|_| plain && fraction <= 10)?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_known_by_their_names() {
        assert_eq!(Statistic::parse("Sum"), Some(Statistic::Sum));
        assert_eq!(Statistic::parse("p99.9"), Some(Statistic::Percentile(99.9)));
        for wrong in ["sum", "p", "p101", "p-1", "p.5", "p1e1", "p1.00000000001", "tm99", ""] {
            assert_eq!(Statistic::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_average_of_nothing_is_not_known() {
        assert_eq!(Statistic::Average.of(&Set::of(1.0, 0.0)), None);
        assert_eq!(Statistic::Average.of(&Set::of(1.5, 4.0)), Some(1.5));
    }
}

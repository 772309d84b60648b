//! The few real numbers behind a verdict, computed the same everywhere.
//!
//! A replay has to give the same bits on another machine and from another build. IEEE 754 fixes the four operations,
//! but not logarithms: those come from the `libm` crate, compiled in, and never from the platform. Nothing here depends
//! on the order of a hash map or on fused operations, which Rust does not introduce by itself.

/// A count as a real number; above 2^53 it is rounded to the nearest.
#[expect(clippy::cast_precision_loss, reason = "counts above 2^53 may be off by a part in 10^15")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// A real number as a count: not a number and negative give 0, too large gives the largest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float saturates on its way to an integer"
)]
pub(super) fn count(value: f64) -> u64 {
    value as u64
}

pub(super) fn ln(value: f64) -> f64 {
    libm::log(value)
}

pub(super) fn exp(value: f64) -> f64 {
    libm::exp(value)
}

/// ln(1 + `value`), exact for small values.
pub(super) fn ln_1p(value: f64) -> f64 {
    libm::log1p(value)
}

/// ln(e^`left` + e^`right`), without overflow; either may be -∞.
pub(super) fn log_add(left: f64, right: f64) -> f64 {
    let (low, high) = if left < right { (left, right) } else { (right, left) };
    if low == f64::NEG_INFINITY { high } else { high + ln_1p(exp(low - high)) }
}

/// ln Σ e^term, without overflow; -∞ of nothing.
pub(super) fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let high = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if high == f64::NEG_INFINITY {
        return high;
    }
    high + ln(terms.map(|term| exp(term - high)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_logarithms_neither_overflow_nor_vanish() {
        assert!((log_sum([0.0, 0.0].into_iter()) - ln(2.0)).abs() < 1e-15);
        assert!((log_sum([1e300, 1e300 - 1.0].into_iter()) - 1e300).abs() <= 1e285);
        assert!(log_sum([f64::NEG_INFINITY; 2].into_iter()).is_infinite());
        assert!((log_add(f64::NEG_INFINITY, 3.0) - 3.0).abs() < 1e-15);
        assert!((log_add(-1e9, -1e9) - (-1e9 + ln(2.0))).abs() < 1e-6);
    }

    #[test]
    fn the_bits_of_logarithms_are_fixed() {
        // From this build; a change of any is a change of every record, and needs a new version of the format.
        assert_eq!(ln(10.0).to_bits(), 0x4002_6bb1_bbb5_5516);
        assert_eq!(exp(1.0).to_bits(), 0x4005_bf0a_8b14_576a);
        assert_eq!(ln_1p(0.01).to_bits(), 0x3f84_60d6_ccca_3677);
    }
}

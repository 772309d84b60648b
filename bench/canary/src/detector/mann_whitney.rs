//! The test of Mann and Whitney ("On a test of whether one of two random variables is stochastically larger than the
//! other", 1947), which Kayenta and `PipeCD` put to averages of minutes.

/// The sum of the ranks of `first` among both, ties sharing theirs, and the sum of t³ - t over ties of t.
pub(super) fn rank_sum(first: &[f64], second: &[f64]) -> (f64, f64) {
    let mut all: Vec<(f64, bool)> = first.iter().map(|value| (*value, true)).collect();
    all.extend(second.iter().map(|value| (*value, false)));
    all.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut sum, mut ties, mut place) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|left, right| left.0.total_cmp(&right.0).is_eq()) {
        let size = size(group.len());
        let rank = place + size.midpoint(1.0);
        sum += rank * self::size(group.iter().filter(|(_, first)| *first).count());
        ties += size * size * size - size;
        place += size;
    }
    (sum, ties)
}

/// A length as a real number.
#[expect(clippy::cast_precision_loss, reason = "short lists")]
pub(super) fn size(length: usize) -> f64 {
    length as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_ranks() {
        assert_eq!(rank_sum(&[1.0, 2.0], &[3.0]), (3.0, 0.0));
        assert_eq!(rank_sum(&[2.0, 2.0], &[2.0, 1.0]), (6.0, 24.0));
    }
}

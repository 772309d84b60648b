//! How long requests took.

use std::time::Duration;

/// Times of requests.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    nanos: Vec<u64>,
    sorted: bool,
}

impl Samples {
    pub(crate) fn add(&mut self, time: Duration) {
        self.nanos.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.sorted = false;
    }

    pub(crate) fn count(&self) -> u64 {
        self.nanos.len() as u64
    }

    /// Microseconds that `share` of the requests did not exceed; zero where there were none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among fewer than 2^53"
    )]
    pub(crate) fn quantile(&mut self, share: f64) -> f64 {
        if !self.sorted {
            self.nanos.sort_unstable();
            self.sorted = true;
        }
        let rank = (self.nanos.len() as f64 * share).ceil() as usize;
        self.nanos.get(rank.max(1) - 1).map_or(0.0, |nanos| *nanos as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_of_its_rank() {
        let mut samples = Samples::default();
        for millis in (1..=100).rev() {
            samples.add(Duration::from_millis(millis));
        }
        let quantiles = [0.5, 0.99, 1.0].map(|share| format!("{:.1}", samples.quantile(share)));
        assert_eq!(quantiles, ["50000.0", "99000.0", "100000.0"]);
        assert_eq!(Samples::default().quantile(0.5).to_bits(), 0);
    }
}

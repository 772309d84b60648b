//! Random numbers that are the same on every machine, so that a run can be repeated.

/// Blackman and Vigna's xoshiro256++ ("Scrambled linear pseudorandom number generators", 2021).
#[derive(Clone, Debug)]
pub(crate) struct Random([u64; 4]);

/// Poisson numbers with a larger mean are drawn by rejection.
const MULTIPLIED_MAX: f64 = 20.0;

impl Random {
    /// The generator of one run of one scenario.
    pub(crate) fn new(scenario: u64, run: u64) -> Self {
        // Filled by SplitMix64, as its authors advise.
        let mut state = scenario.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run.wrapping_mul(0xd134_2543_de82_ef95);
        Self([(); 4].map(|()| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    /// Sixty-four random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "fifty-three bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of independent events, `mean` on average.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean < MULTIPLIED_MAX {
            let (limit, mut product, mut count) = (libm::exp(-mean), self.unit(), 0);
            while product > limit {
                product *= self.unit();
                count += 1;
            }
            return count;
        }
        self.rejected(mean)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was seen not to be negative")]
    #[expect(clippy::many_single_char_names, reason = "the paper's own")]
    fn rejected(&mut self, mean: f64) -> u64 {
        // Hörmann's transformed rejection, PTRS ("The transformed rejection method for generating Poisson random
        // variables", 1993).
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.unit() - 0.5;
            let v = 1.0 - self.unit();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let accepted = libm::log(v * inverse_alpha / (a / (us * us) + b))
                <= k * libm::log(mean) - mean - libm::lgamma(k + 1.0);
            if accepted {
                return k as u64;
            }
        }
    }

    /// The size of a cluster, 1 or more, `mean` on average, geometric.
    pub(crate) fn cluster(&mut self, mean: f64) -> u64 {
        let mut size = 1;
        while self.unit() > 1.0 / mean {
            size += 1;
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_numbers_have_mean_and_variance_alike() {
        let mut random = Random::new(1, 1);
        for mean in [0.3, 5.0, 19.0, 25.0, 450.0] {
            let drawn: Vec<f64> =
                (0..20_000_u32).map(|_| f64::from(u32::try_from(random.poisson(mean)).unwrap())).collect();
            let average = drawn.iter().sum::<f64>() / 20_000.0;
            let variance = drawn.iter().map(|x| (x - average) * (x - average)).sum::<f64>() / 20_000.0;
            assert!((average / mean - 1.0).abs() < 0.03, "{mean}: {average}");
            assert!((variance / mean - 1.0).abs() < 0.06, "{mean}: {variance}");
        }
    }

    #[test]
    fn a_run_can_be_repeated() {
        let mut once = Random::new(3, 4);
        let mut again = Random::new(3, 4);
        assert!((0..100).all(|_| once.bits() == again.bits()));
        assert_ne!(Random::new(3, 5).bits(), Random::new(4, 4).bits());
    }
}

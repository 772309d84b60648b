//! How far failures come from few users, where users stay with a version.
//!
//! Then all that one user meets is on one side for as long as the canary lasts. A user whose every request fails since
//! last week is one cause and not hundreds, and within the seconds in which retries show (`dispersion.rs`) he fails but
//! once or twice. So the old version's users are also counted in groups, at random and for good, from the beginning on.
//! How unevenly failures fall to the groups shows E[k²]/E[k], where k is how often one user has failed *by now*: it grows
//! as long as he does. The reading begins before the new version has anybody, so nobody has been with that for longer.
//!
//! As there, the estimate is an upper one: a multiple of its own error is added, which few large users make large.

use std::collections::BTreeMap;

use super::arithmetic::real;

/// The squared deviation of a group that is put down to chance, in those that independent requests have on average.
const CHANCE: f64 = 3.0;
/// Routes that are kept apart; what is beyond them is one.
const STRATA_MAX: usize = 256;

/// Requests of a group of users, and those that failed, so far.
type Group = (f64, f64);

/// The old version's users, in groups.
#[derive(Clone, Debug)]
pub(super) struct Users {
    prior: f64,
    doubt: f64,
    strata: BTreeMap<String, Vec<Group>>,
}

impl Users {
    /// With the variance that the estimate begins with, and how many of its own errors are added to it.
    pub(super) fn new(prior: f64, doubt: f64) -> Self {
        Self { prior, doubt, strata: BTreeMap::new() }
    }

    /// Takes in what `groups` have asked on a route, and how much of it failed; nothing where users do not stay.
    pub(super) fn add(&mut self, stratum: &str, groups: &[(u64, u64)]) {
        if groups.is_empty() {
            return;
        }
        let known = self.strata.contains_key(stratum) || self.strata.len() < STRATA_MAX;
        let totals = self.strata.entry(if known { stratum } else { "" }.to_owned()).or_default();
        totals.resize(totals.len().max(groups.len()), (0.0, 0.0));
        for (total, (requests, failed)) in totals.iter_mut().zip(groups) {
            total.0 += real(*requests);
            total.1 += real((*failed).min(*requests));
        }
    }

    /// How many failures come from one user; 1 where none are known to belong together.
    pub(super) fn factor(&self) -> f64 {
        let (mut measured, mut expected, mut squares) = (0.0, 0.0, 0.0);
        for groups in self.strata.values() {
            let (all, bad) = groups.iter().fold((0.0, 0.0), |sum, group| (sum.0 + group.0, sum.1 + group.1));
            if all <= 0.0 || bad <= 0.0 {
                continue;
            }
            // Of a finite number of requests, drawn without replacement.
            let passed = (all - bad) / (all - 1.0).max(1.0);
            for (requests, failed) in groups {
                let share = requests / all;
                let unevenness = failed - share * bad;
                let variance = share * (1.0 - share) * bad * passed;
                let deviation = unevenness * unevenness - variance;
                measured += unevenness * unevenness;
                expected += variance;
                let by_chance = CHANCE * (2.0 * variance * variance + variance);
                squares += (deviation * deviation - by_chance).max(0.0);
            }
        }
        ((measured + self.doubt * f64::sqrt(squares) + self.prior) / (expected + self.prior)).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Arm, Histogram, Judge, Metric, Settings, Stratum, Tick};

    const GROUPS: usize = 64;

    fn factor(failed: impl Fn(usize) -> u64) -> f64 {
        let mut users = Users::new(4.0, 2.0);
        let groups: Vec<_> = (0..GROUPS).map(|group| (1000, failed(group))).collect();
        users.add("route", &groups);
        users.factor()
    }

    #[test]
    fn failures_of_many_are_independent_and_those_of_one_are_one() {
        assert!(factor(|_| 3) < 1.01);
        assert!((factor(|_| 0) - 1.0).abs() < 1e-9);
        let one = factor(|group| if group == 7 { 200 } else { 0 });
        assert!(one > 150.0, "{one}");
        let two = factor(|group| if group % 40 == 3 { 100 } else { 0 });
        assert!(two > 90.0, "{two}");
    }

    #[test]
    fn nothing_is_known_where_users_are_not_told_apart() {
        let mut users = Users::new(4.0, 2.0);
        users.add("route", &[]);
        assert!((users.factor() - 1.0).abs() < 1e-9);
    }

    /// Numbers that are the same everywhere, from 0 to 1 (Steele, Lea and Flood's `SplitMix64`).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            real((mixed ^ (mixed >> 31)) >> 11) / real(1 << 53)
        }

        fn group(&mut self) -> usize {
            (0..GROUPS).find(|group| self.next() * real((GROUPS - group) as u64) < 1.0).unwrap_or(GROUPS - 1)
        }
    }

    /// Whether a version like the old one is taken back, of whose users `faulty` fail whatever they ask, once in two
    /// seconds each, for a minute of reading and five of a ramp to one half. All stay with their version.
    fn is_taken_back(seed: u64, faulty: usize, told_apart: bool) -> bool {
        let mut random = Random(seed);
        let places: Vec<(f64, usize)> = (0..faulty).map(|_| (random.next(), random.group())).collect();
        let settings = Settings { metrics: vec![(Metric::Errors, 1.0)], ..Settings::default() };
        let mut judge = Judge::new(settings);
        for second in 0..360 {
            let share = [0.0, 0.01, 0.05, 0.1, 0.25, 0.5][second / 60];
            let mut arms = [(0, 0); 2];
            let mut users = vec![(0, 0); GROUPS];
            let mut ask = |place: f64, group: usize, fails: bool| {
                let new = place < share;
                let arm = &mut arms[usize::from(new)];
                *arm = (arm.0 + 1, arm.1 + u64::from(fails));
                if !new {
                    users[group] = (users[group].0 + 1, users[group].1 + u64::from(fails));
                }
            };
            for _ in 0..50 {
                let (place, group) = (random.next(), random.group());
                ask(place, group, random.next() < 0.002);
            }
            for (place, group) in &places {
                if random.next() < 0.5 {
                    ask(*place, *group, true);
                }
            }
            let arm = |(requests, errors)| Arm { requests, errors, latency: Histogram::default() };
            let half = Arm { requests: arms[0].0 / 2, errors: arms[0].1 / 2, latency: Histogram::default() };
            let users = if told_apart { users } else { Vec::new() };
            let (baseline, canary) = (arm(arms[0]), arm(arms[1]));
            let stratum = Stratum { name: "all".to_owned(), baseline, canary, half, users };
            judge.observe(&Tick { millis: 1000, cold: false, strata: vec![stratum] });
        }
        judge.log_value() >= f64::ln(100.0)
    }

    #[test]
    fn users_with_a_fault_of_their_own_take_back_no_version_that_is_as_good() {
        let taken_back =
            |faulty, told_apart| (0..100).filter(|seed| is_taken_back(*seed * 7919 + 1, faulty, told_apart)).count();
        for faulty in [1, 3, 12] {
            let ours = taken_back(faulty, true);
            assert!(ours <= 3, "of a hundred with {faulty} such users {ours} were taken back");
        }
        let naive = taken_back(3, false);
        assert!(naive > 20, "where nobody looks {naive} are: this is worth it");
    }
}

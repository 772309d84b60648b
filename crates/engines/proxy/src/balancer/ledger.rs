//! What balancers count of requests: totals since the process began, by balancer, group and target.
//!
//! Whoever reads takes differences, so that reading loses nothing, and nobody needs to be told that it was read.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Targets that are counted for; of what is gone the totals are let go of beyond it.
const KEPT_MAX: usize = 10_000;
/// From the middle of one bucket of times to the next: times are known to a part in a hundred.
const FACTOR: f64 = 1.02;

/// Totals of a balancer, or of one target behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The balancer.
    pub balancer: String,
    /// The group and the target in it. No target where the group had none to give a request to, and no group where the
    /// balancer answered before it chose one.
    pub target: Option<(String, Option<SocketAddr>)>,
    /// What was counted.
    pub totals: Totals,
}

/// Totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Totals {
    /// Requests that were given to the target.
    pub requests: u64,
    /// Its answers, by the first digit of their status, from 1.
    pub answers: [u64; 5],
    /// The balancer's own answers in the same way, redirections and errors among them: where there is a target, those
    /// in the place of its answer.
    pub own: [u64; 5],
    /// Connections to it that did not come about.
    pub connection_errors: u64,
    /// All times until its answers began, in microseconds.
    pub micros: u64,
    /// How many of these times there were, by bucket; see [`Totals::seconds`].
    pub times: BTreeMap<u32, u64>,
    /// The part of all this whose users are in the first of two random halves.
    pub half: Half,
}

/// What was counted of the users in one half.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Half {
    /// Requests that were answered, by the target or in its place.
    pub requests: u64,
    /// Those with a status of 500 or above.
    pub errors: u64,
    /// Times until answers began, as in [`Totals`].
    pub times: BTreeMap<u32, u64>,
}

impl Half {
    fn count(&mut self, status: u16) {
        self.requests += 1;
        self.errors += u64::from(status >= 500);
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            errors: self.errors.saturating_sub(before.errors),
            times: times_since(&self.times, &before.times),
        }
    }
}

impl Totals {
    /// Requests that were answered, by the target or in its place.
    pub fn answered(&self) -> u64 {
        self.answers.iter().chain(&self.own).sum()
    }

    /// Those of them with a status of 500 or above.
    pub fn failed(&self) -> u64 {
        self.answers[4] + self.own[4]
    }

    /// The time that stands for all of a bucket, in seconds.
    pub fn seconds(bucket: u32) -> f64 {
        FACTOR.powf(f64::from(bucket)) / 1e6
    }

    /// What was counted since it was `before`; all of it where `before` is more, which it is of another process.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let is_later = self.requests >= before.requests
            && self.connection_errors >= before.connection_errors
            && self.own.iter().zip(&before.own).all(|(now, before)| now >= before);
        if !is_later {
            return self.clone();
        }
        let each =
            |now: &[u64; 5], before: &[u64; 5]| std::array::from_fn(|place| now[place].saturating_sub(before[place]));
        Self {
            requests: self.requests - before.requests,
            answers: each(&self.answers, &before.answers),
            own: each(&self.own, &before.own),
            connection_errors: self.connection_errors - before.connection_errors,
            micros: self.micros.saturating_sub(before.micros),
            times: times_since(&self.times, &before.times),
            half: self.half.since(&before.half),
        }
    }
}

fn times_since(now: &BTreeMap<u32, u64>, before: &BTreeMap<u32, u64>) -> BTreeMap<u32, u64> {
    let since =
        now.iter().map(|(bucket, count)| (*bucket, count.saturating_sub(before.get(bucket).copied().unwrap_or(0))));
    since.filter(|(_, count)| *count > 0).collect()
}

/// Whose totals: the balancer, and the group and target.
type Whose = (String, Option<(String, Option<SocketAddr>)>);

/// All totals. One for the core.
#[derive(Default)]
pub(crate) struct Ledger(RefCell<BTreeMap<Whose, Rc<Tally>>>);

/// Totals as they grow.
#[derive(Default)]
pub(crate) struct Tally(RefCell<Totals>, Cell<bool>);

impl Ledger {
    /// The totals of a balancer, or of a group or a target behind it.
    pub(crate) fn tally(&self, balancer: &str, target: Option<(&str, Option<SocketAddr>)>) -> Rc<Tally> {
        let mut all = self.0.borrow_mut();
        if all.len() >= KEPT_MAX {
            all.retain(|_, tally| Rc::strong_count(tally) > 1);
        }
        let whose = (balancer.to_owned(), target.map(|(group, address)| (group.to_owned(), address)));
        Rc::clone(all.entry(whose).or_default())
    }

    /// Everything, if anything was counted since the last call.
    pub(crate) fn read(&self) -> Option<Vec<Counted>> {
        let all = self.0.borrow();
        // Each is asked, so that none is new still at the next call.
        let news = all.values().filter(|tally| tally.1.take()).count();
        let counted = |((balancer, target), tally): (&Whose, &Rc<Tally>)| Counted {
            balancer: balancer.clone(),
            target: target.clone(),
            totals: tally.0.borrow().clone(),
        };
        (news > 0).then(|| all.iter().map(counted).collect())
    }
}

impl Tally {
    /// A request was given to the target.
    pub(crate) fn request(&self) {
        self.count(|totals| totals.requests += 1);
    }

    /// The target answered a user, of the first half or not, so long after the request.
    pub(crate) fn answer(&self, status: u16, took: Option<Duration>, first_half: bool) {
        self.count(|totals| {
            add(&mut totals.answers, status);
            if first_half {
                totals.half.count(status);
            }
            if let Some(took) = took {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                totals.micros = totals.micros.saturating_add(micros);
                *totals.times.entry(bucket(micros)).or_default() += 1;
                if first_half {
                    *totals.half.times.entry(bucket(micros)).or_default() += 1;
                }
            }
        });
    }

    /// The balancer answered a user, of the first half or not, by itself.
    pub(crate) fn own(&self, status: u16, first_half: bool) {
        self.count(|totals| {
            add(&mut totals.own, status);
            if first_half {
                totals.half.count(status);
            }
        });
    }

    /// A connection did not come about.
    pub(crate) fn connection_error(&self) {
        self.count(|totals| totals.connection_errors += 1);
    }

    fn count(&self, how: impl FnOnce(&mut Totals)) {
        how(&mut self.0.borrow_mut());
        self.1.set(true);
    }
}

fn add(by_digit: &mut [u64; 5], status: u16) {
    if let Some(count) = usize::from(status / 100).checked_sub(1).and_then(|place| by_digit.get_mut(place)) {
        *count += 1;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a logarithm")]
fn bucket(micros: u64) -> u32 {
    ((micros.max(1) as f64).ln() / FACTOR.ln()).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_take_differences() {
        let ledger = Ledger::default();
        assert_eq!(ledger.read(), None);
        let target = SocketAddr::from(([10, 0, 0, 1], 80));
        let tally = ledger.tally("b", Some(("g", Some(target))));
        tally.request();
        tally.answer(200, Some(Duration::from_millis(20)), false);
        ledger.tally("b", None).own(503, false);
        let first = ledger.read().unwrap();
        assert_eq!(ledger.read(), None, "there is no news");
        tally.request();
        tally.answer(500, Some(Duration::from_millis(40)), true);
        tally.own(502, false);
        let second = ledger.read().unwrap();
        let since = second[1].totals.since(&first[1].totals);
        assert_eq!((since.requests, since.answers, since.micros), (1, [0, 0, 0, 0, 1], 40_000));
        assert_eq!((since.answered(), since.failed()), (2, 2), "in its place too");
        assert_eq!(since.half, Half { requests: 1, errors: 1, times: since.times.clone() });
        let (bucket, count) = since.times.first_key_value().unwrap();
        assert!((Totals::seconds(*bucket) - 0.04).abs() < 0.0005 && *count == 1);
        assert_eq!(first[0].totals.own, [0, 0, 0, 0, 1]);
        // A new process begins anew.
        assert_eq!(first[1].totals.since(&second[1].totals), first[1].totals);
    }

    #[test]
    fn what_is_no_status_is_no_answer_of_any_kind() {
        let tally = Tally::default();
        for status in [0, 99, 600, u16::MAX] {
            tally.answer(status, None, false);
        }
        assert_eq!(tally.0.borrow().answers, [0; 5]);
    }
}

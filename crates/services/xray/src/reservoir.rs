//! Reservoirs: so many requests a second are traced by each rule, over all its clients together.
//!
//! A client reports what it did with a rule every ten seconds and is told its *quota*: how many requests it may trace
//! in each second until a certain time. Until it is told, it borrows one a second. The reservoir is spread evenly over
//! the clients that report. What was granted to others holds until they ask again, so a client that comes in late gets
//! only what is free, and its fair share once the others have reported: at no time do quotas that hold exceed the
//! reservoir together.
//!
//! All of this is in memory. After a restart the first quotas may meet ones from before, for half a minute.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use names::{Scope, Timestamp};

/// How long a quota holds, and how long a client is taken for one after its last report.
pub(crate) const QUOTA_LIFE: Duration = Duration::from_secs(30);
/// Clients of one rule that are known at once; others get the fixed rate alone.
const CLIENTS_MAX: usize = 1000;
/// Rules of which anything is known at once.
const RULES_MAX: usize = 10_000;
/// What a minute's counts are about.
const MINUTE_MILLIS: i64 = 60_000;
/// Minutes of which counts are given.
const MINUTES_KEPT: usize = 10;

/// What clients do with rules, by scope and the rule's name.
#[derive(Default)]
pub(crate) struct Reservoirs(BTreeMap<(Scope, String), Reservoir>);

#[derive(Default)]
struct Reservoir {
    clients: BTreeMap<String, Grant>,
    minutes: VecDeque<Minute>,
}

/// What a client may do.
struct Grant {
    quota: i32,
    until: Timestamp,
}

/// What clients did with a rule in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Minute {
    /// When it began, in milliseconds since 1970.
    pub(crate) begun: i64,
    pub(crate) requests: i32,
    pub(crate) sampled: i32,
    pub(crate) borrowed: i32,
}

/// What one client says of one rule.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report<'a> {
    pub(crate) client: &'a str,
    pub(crate) requests: i32,
    pub(crate) sampled: i32,
    pub(crate) borrowed: i32,
}

impl Reservoirs {
    /// Takes a report and gives the client's quota of a reservoir of `size`, and until when it holds.
    pub(crate) fn report(
        &mut self,
        of: (Scope, String),
        size: i32,
        report: Report<'_>,
        now: Timestamp,
    ) -> (i32, Timestamp) {
        if self.0.len() >= RULES_MAX && !self.0.contains_key(&of) {
            self.0.pop_first();
        }
        let reservoir = self.0.entry(of).or_default();
        reservoir.count(report, now);
        (reservoir.grant(report.client, size, now), now.plus(QUOTA_LIFE))
    }

    /// What clients did with the rules of `scope` lately, by rule and minute.
    pub(crate) fn minutes(&self, scope: &Scope) -> Vec<(String, Minute)> {
        let ours = self.0.iter().filter(|((of, _), _)| of == scope);
        ours.flat_map(|((_, rule), reservoir)| reservoir.minutes.iter().map(|minute| (rule.clone(), *minute))).collect()
    }

    /// Forgets a rule.
    pub(crate) fn remove(&mut self, of: &(Scope, String)) {
        self.0.remove(of);
    }
}

impl Reservoir {
    fn grant(&mut self, client: &str, size: i32, now: Timestamp) -> i32 {
        self.clients.retain(|_, grant| grant.until > now);
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(client) {
            return 0;
        }
        let until = now.plus(QUOTA_LIFE);
        self.clients.entry(client.to_owned()).or_insert(Grant { quota: 0, until });
        let (count, place) =
            (self.clients.len(), self.clients.keys().take_while(|name| name.as_str() < client).count());
        let (count, place) = (i32::try_from(count).unwrap_or(i32::MAX), i32::try_from(place).unwrap_or(i32::MAX));
        let fair = size / count + i32::from(place < size % count);
        let granted: i32 = self.clients.iter().filter(|(name, _)| *name != client).map(|(_, grant)| grant.quota).sum();
        let quota = fair.min(size - granted).max(0);
        self.clients.insert(client.to_owned(), Grant { quota, until });
        quota
    }

    fn count(&mut self, report: Report<'_>, now: Timestamp) {
        let begun = now.as_millis() - now.as_millis().rem_euclid(MINUTE_MILLIS);
        if self.minutes.back().is_none_or(|minute| minute.begun != begun) {
            self.minutes.push_back(Minute { begun, ..Minute::default() });
        }
        if self.minutes.len() > MINUTES_KEPT {
            self.minutes.pop_front();
        }
        if let Some(minute) = self.minutes.back_mut() {
            minute.requests = minute.requests.saturating_add(report.requests);
            minute.sampled = minute.sampled.saturating_add(report.sampled);
            minute.borrowed = minute.borrowed.saturating_add(report.borrowed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> (Scope, String) {
        (Scope::default(), "rule".to_owned())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn ask(reservoirs: &mut Reservoirs, client: &str, size: i32, seconds: i64) -> i32 {
        let report = Report { client, requests: 10, sampled: 2, borrowed: 1 };
        reservoirs.report(rule(), size, report, at(seconds)).0
    }

    #[test]
    fn who_comes_late_gets_a_fair_share_once_the_others_have_asked_again() {
        let mut reservoirs = Reservoirs::default();
        assert_eq!(ask(&mut reservoirs, "a", 10, 0), 10);
        assert_eq!(ask(&mut reservoirs, "b", 10, 1), 0, "all is granted");
        assert_eq!(ask(&mut reservoirs, "a", 10, 10), 5);
        assert_eq!(ask(&mut reservoirs, "b", 10, 11), 5);
        assert_eq!(ask(&mut reservoirs, "b", 10, 41), 10, "who has not asked for long is gone");
    }

    #[test]
    fn quotas_never_exceed_the_reservoir_whoever_asks_when() {
        for size in [0, 1, 3, 7, 100] {
            let (mut reservoirs, mut held, mut state) = (Reservoirs::default(), BTreeMap::new(), 7_u64);
            for step in 0..500 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let client = format!("client-{}", (state >> 33) % 9);
                let quota = ask(&mut reservoirs, &client, size, step * 3);
                held.insert(client, (quota, step * 3 + 30));
                held.retain(|_, (_, until)| *until > step * 3);
                let total: i32 = held.values().map(|(quota, _)| quota).sum();
                assert!(total <= size && quota >= 0, "{total} of {size}");
            }
        }
    }

    #[test]
    fn reports_are_counted_by_the_minute_and_the_old_are_forgotten() {
        let mut reservoirs = Reservoirs::default();
        ask(&mut reservoirs, "a", 1, 1);
        ask(&mut reservoirs, "b", 1, 59);
        ask(&mut reservoirs, "a", 1, 61);
        let minutes = reservoirs.minutes(&Scope::default());
        assert_eq!(minutes[0].1, Minute { begun: 0, requests: 20, sampled: 4, borrowed: 2 });
        assert_eq!(minutes.len(), 2);
        for minute in 0..20 {
            ask(&mut reservoirs, "a", 1, minute * 60);
        }
        assert_eq!(reservoirs.minutes(&Scope::default()).len(), MINUTES_KEPT);
    }
}

//! Graphs of whole minutes, kept in memory: a graph of hours is put together from them, and only minutes in which
//! something has come in since are looked at again.
//!
//! What is kept here is made from the documents and never differs from what they say: whatever comes in or goes takes
//! away the minutes it may have a part in, also those that somebody is reading just then.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Graph;

/// Milliseconds of a minute.
pub(super) const MINUTE_MILLIS: i64 = 60_000;
/// A caller is looked for so many minutes before what it calls: it begins earlier, and its segment comes in later.
pub(super) const BEFORE: i64 = 2;
/// So many after it, for clocks that disagree, and for the segment of who was called.
pub(super) const AFTER: i64 = 1;
/// Minutes kept over all scopes.
const MINUTES_MAX: usize = 50_000;

/// The graphs, by scope and minute.
#[derive(Default)]
pub(crate) struct Minutes(Mutex<State>);

#[derive(Default)]
struct State {
    graphs: BTreeMap<(String, i64), Arc<Graph>>,
    readings: BTreeMap<u64, Reading>,
    next: u64,
}

/// Minutes that somebody makes graphs of, and those of them that have changed meanwhile.
struct Reading {
    scope: String,
    minutes: RangeInclusive<i64>,
    changed: BTreeSet<i64>,
}

/// The minute of a moment, in milliseconds since 1970.
pub(super) fn minute_of(millis: i64) -> i64 {
    millis.div_euclid(MINUTE_MILLIS)
}

impl Minutes {
    pub(super) fn get(&self, scope: &str, minute: i64) -> Option<Arc<Graph>> {
        self.lock().graphs.get(&(scope.to_owned(), minute)).cloned()
    }

    /// Notes that graphs of `minutes` are made now; to be followed by [`Self::finish`].
    pub(super) fn begin(&self, scope: &str, minutes: RangeInclusive<i64>) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        state.readings.insert(number, Reading { scope: scope.to_owned(), minutes, changed: BTreeSet::new() });
        number
    }

    /// Keeps the graphs that were made, but for those of minutes that have changed since.
    pub(super) fn finish(&self, number: u64, graphs: impl IntoIterator<Item = (i64, Arc<Graph>)>) {
        let mut state = self.lock();
        let Some(reading) = state.readings.remove(&number) else { return };
        for (minute, graph) in graphs {
            if !reading.changed.contains(&minute) {
                state.graphs.insert((reading.scope.clone(), minute), graph);
            }
        }
        while state.graphs.len() > MINUTES_MAX {
            state.graphs.pop_first();
        }
    }

    /// Takes away what segments that begin in `minutes` may have a part in.
    pub(crate) fn change(&self, scope: &str, minutes: &BTreeSet<i64>) {
        let mut state = self.lock();
        for minute in minutes {
            for near in minute - AFTER..=minute + BEFORE {
                state.graphs.remove(&(scope.to_owned(), near));
                let readings = state.readings.values_mut();
                for reading in readings.filter(|reading| reading.scope == scope && reading.minutes.contains(&near)) {
                    reading.changed.insert(near);
                }
            }
        }
    }

    /// Every step under the lock is whole, so a panic in another caller leaves it as good as ever.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(minutes: &Minutes) -> Vec<i64> {
        (0..20).filter(|minute| minutes.get("a", *minute).is_some()).collect()
    }

    #[test]
    fn what_comes_in_takes_away_what_it_may_have_a_part_in() {
        let minutes = Minutes::default();
        let number = minutes.begin("a", 0..=9);
        minutes.finish(number, (0..=9).map(|minute| (minute, Arc::default())));
        minutes.change("b", &BTreeSet::from([5]));
        assert_eq!(kept(&minutes).len(), 10);
        minutes.change("a", &BTreeSet::from([5]));
        assert_eq!(kept(&minutes), [0, 1, 2, 3, 8, 9]);
    }

    #[test]
    fn what_changed_while_it_was_read_is_not_kept() {
        let minutes = Minutes::default();
        let number = minutes.begin("a", 0..=3);
        minutes.change("a", &BTreeSet::from([3]));
        minutes.finish(number, (0..=3).map(|minute| (minute, Arc::default())));
        assert_eq!(kept(&minutes), [0, 1]);
    }
}

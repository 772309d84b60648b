//! Graphs of whole minutes, kept in memory: a graph of hours is put together from them.
//!
//! Of the minutes in which things come in, what each trace tells is kept too ([`Tellings`]), so that whatever comes in
//! costs one trace and not a minute. What is kept here is made from the documents and never differs from what they say:
//! a change is noted also in a minute that somebody makes just then, and is seen to by the next who asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Graph, tellings::Tellings};

/// Milliseconds of a minute.
pub(super) const MINUTE_MILLIS: i64 = 60_000;
/// A caller is looked for so many minutes before what it calls: it begins earlier, and its segment comes in later.
pub(super) const BEFORE: i64 = 2;
/// So many after it, for clocks that disagree, and for the segment of who was called.
pub(super) const AFTER: i64 = 1;
/// Minutes kept over all scopes.
const MINUTES_MAX: usize = 50_000;
/// Tellings kept over all minutes: some 20 MB. The minutes that were made last have them.
const TELLINGS_MAX: usize = 400_000;
/// Changed traces noted for a minute; with more it is made from all its documents.
const CHANGED_MAX: usize = 5000;

/// The graphs, by scope and minute.
#[derive(Default)]
pub(crate) struct Minutes {
    state: Mutex<State>,
    /// Held by who makes graphs: all others want the same ones.
    making: Mutex<()>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<(String, i64), Entry>,
    /// The minutes that have tellings, in the order in which they were made.
    told: BTreeMap<u64, (String, i64)>,
    tellings: usize,
    next: u64,
}

struct Entry {
    kept: Kept,
    /// The traces that have changed since.
    changed: BTreeSet<String>,
}

enum Kept {
    /// Somebody makes it.
    Making,
    /// What each trace tells, its number among these, and the sum.
    Told(Tellings, u64, Arc<Graph>),
    /// The sum alone.
    Summed(Arc<Graph>),
}

/// What a minute was made of.
pub(super) type Made = (i64, Tellings, Arc<Graph>);

/// The minute of a moment, in milliseconds since 1970.
pub(super) fn minute_of(millis: i64) -> i64 {
    millis.div_euclid(MINUTE_MILLIS)
}

impl Minutes {
    /// The graph of a minute, if it is there and nothing has changed.
    pub(super) fn get(&self, scope: &str, minute: i64) -> Option<Arc<Graph>> {
        let state = self.lock();
        let entry = state.entries.get(&(scope.to_owned(), minute)).filter(|entry| entry.changed.is_empty())?;
        match &entry.kept {
            Kept::Making => None,
            Kept::Told(_, _, graph) | Kept::Summed(graph) => Some(graph.clone()),
        }
    }

    /// To be held while graphs are made.
    pub(super) fn maker(&self) -> MutexGuard<'_, ()> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a minute was told, and the traces that have changed since; to be followed by [`Self::finish`].
    pub(super) fn take(&self, scope: &str, minute: i64) -> Option<(Tellings, BTreeSet<String>)> {
        let mut state = self.lock();
        let entry = state.entries.get_mut(&(scope.to_owned(), minute))?;
        let changed = std::mem::take(&mut entry.changed);
        match std::mem::replace(&mut entry.kept, Kept::Making) {
            Kept::Told(tellings, number, _) => {
                state.told.remove(&number);
                state.tellings -= tellings.count();
                Some((tellings, changed))
            }
            Kept::Making | Kept::Summed(_) => None,
        }
    }

    /// The first of `minutes` and those after it of which nothing is kept: they are made now, and what changes in them
    /// is noted. To be followed by [`Self::finish`].
    pub(super) fn begin(&self, scope: &str, minutes: RangeInclusive<i64>) -> RangeInclusive<i64> {
        let mut state = self.lock();
        let (first, mut last) = (*minutes.start(), *minutes.start());
        for minute in minutes {
            let key = (scope.to_owned(), minute);
            if minute > first && state.entries.contains_key(&key) {
                break;
            }
            last = minute;
            state.entries.insert(key, Entry { kept: Kept::Making, changed: BTreeSet::new() });
        }
        first..=last
    }

    /// Keeps what was made of `minutes`, unless something has gone from them meanwhile.
    pub(super) fn finish(&self, scope: &str, minutes: RangeInclusive<i64>, made: Vec<Made>) {
        let mut state = self.lock();
        for (minute, tellings, graph) in made {
            state.keep((scope.to_owned(), minute), tellings, graph);
        }
        for minute in minutes {
            let key = (scope.to_owned(), minute);
            if state.entries.get(&key).is_some_and(|entry| matches!(entry.kept, Kept::Making)) {
                state.entries.remove(&key);
            }
        }
        while state.entries.len() > MINUTES_MAX {
            let first = state.entries.keys().next().cloned();
            if let Some(key) = first {
                state.forget(&key);
            }
        }
    }

    /// Notes that segments of these traces came in, by the minute they begin in.
    pub(super) fn change<'t>(&self, scope: &str, traces: impl Iterator<Item = (i64, &'t str)>) {
        let mut state = self.lock();
        if state.entries.is_empty() {
            return;
        }
        for (minute, trace) in traces {
            for near in minute - AFTER..=minute + BEFORE {
                state.note((scope.to_owned(), near), trace, near == minute);
            }
        }
    }

    /// Takes away what segments that began in `minutes`, and are gone, may have had a part in.
    pub(crate) fn forget(&self, scope: &str, minutes: &BTreeSet<i64>) {
        let mut state = self.lock();
        for minute in minutes {
            (minute - AFTER..=minute + BEFORE).for_each(|near| state.forget(&(scope.to_owned(), near)));
        }
    }

    /// Every step under the lock is whole, so a panic in another caller leaves it as good as ever.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, key: (String, i64), tellings: Tellings, graph: Arc<Graph>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        self.next += 1;
        self.tellings += tellings.count();
        entry.kept = Kept::Told(tellings, self.next, graph);
        self.told.insert(self.next, key);
        while self.tellings > TELLINGS_MAX {
            let Some((_, oldest)) = self.told.pop_first() else { return };
            self.sum_up(&oldest);
        }
    }

    /// Lets go of what each trace told, and of the sum too if it is no longer true.
    fn sum_up(&mut self, key: &(String, i64)) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let Kept::Told(tellings, _, graph) = &entry.kept else { return };
        self.tellings -= tellings.count();
        entry.kept = Kept::Summed(graph.clone());
        if !entry.changed.is_empty() {
            self.entries.remove(key);
        }
    }

    /// Notes in one minute that `trace` changed; `within` tells whether it was in this very minute. Another one is
    /// concerned only if the trace tells something there.
    fn note(&mut self, key: (String, i64), trace: &str, within: bool) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let concerned = match &entry.kept {
            Kept::Making => true,
            Kept::Told(tellings, ..) => within || tellings.have(trace),
            Kept::Summed(_) => return self.forget(&key),
        };
        if concerned && !entry.changed.contains(trace) {
            entry.changed.insert(trace.to_owned());
        }
        if entry.changed.len() > CHANGED_MAX {
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &(String, i64)) {
        if let Some(Entry { kept: Kept::Told(tellings, number, _), .. }) = self.entries.remove(key) {
            self.told.remove(&number);
            self.tellings -= tellings.count();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::Segment;

    fn made(minute: i64) -> Made {
        let document = format!(
            r#"{{"name":"api","id":"0000000000000001","trace_id":"{}","start_time":{}.0,"end_time":{}.5}}"#,
            trace(minute),
            minute * 60,
            minute * 60
        );
        let mut tellings = Tellings::default();
        tellings.tell(minute, &trace(minute), &[Segment::parse(&document).unwrap()]);
        let graph = Arc::new(tellings.graph());
        (minute, tellings, graph)
    }

    fn trace(minute: i64) -> String {
        format!("1-6553f100-{minute:024x}")
    }

    fn ten() -> Minutes {
        let minutes = Minutes::default();
        let begun = minutes.begin("a", 0..=9);
        assert_eq!(begun, 0..=9);
        minutes.finish("a", begun, (0..=9).map(made).collect());
        minutes
    }

    fn unchanged(minutes: &Minutes) -> Vec<i64> {
        (0..20).filter(|minute| minutes.get("a", *minute).is_some()).collect()
    }

    #[test]
    fn what_comes_in_changes_its_minute_and_those_in_which_its_trace_is_told_of() {
        let minutes = ten();
        minutes.change("b", [(5, trace(5).as_str())].into_iter());
        assert_eq!(unchanged(&minutes).len(), 10);
        minutes.change("a", [(5, trace(0).as_str()), (7, trace(8).as_str())].into_iter());
        assert_eq!(unchanged(&minutes), [0, 1, 2, 3, 4, 6, 9]);
        assert_eq!(minutes.take("a", 5).unwrap().1, BTreeSet::from([trace(0)]));
    }

    #[test]
    fn what_goes_takes_away_what_it_may_have_a_part_in() {
        let minutes = ten();
        minutes.forget("a", &BTreeSet::from([5]));
        assert_eq!(unchanged(&minutes), [0, 1, 2, 3, 8, 9]);
        assert!(minutes.take("a", 5).is_none());
        assert_eq!(minutes.lock().tellings, 12);
    }

    #[test]
    fn what_changed_while_it_was_made_is_seen_to_by_the_next_and_what_went_is_not_kept() {
        let minutes = Minutes::default();
        let begun = minutes.begin("a", 0..=9);
        minutes.change("a", [(3, "t")].into_iter());
        minutes.forget("a", &BTreeSet::from([8]));
        minutes.finish("a", begun, (0..=9).map(made).collect());
        assert_eq!(unchanged(&minutes), [0, 1, 6]);
        assert_eq!(minutes.take("a", 3).unwrap().1, BTreeSet::from(["t".to_owned()]));
        assert!(minutes.take("a", 8).is_none());
    }

    #[test]
    fn making_stops_where_something_is_kept() {
        let minutes = ten();
        minutes.forget("a", &BTreeSet::from([5]));
        assert_eq!(minutes.begin("a", 4..=9), 4..=7);
    }

    #[test]
    fn a_minute_of_which_too_much_changes_is_made_anew() {
        let minutes = ten();
        for number in 0..=i64::try_from(CHANGED_MAX).unwrap() {
            minutes.change("a", [(9, trace(number).as_str())].into_iter());
        }
        assert!(minutes.take("a", 9).is_none());
    }
}

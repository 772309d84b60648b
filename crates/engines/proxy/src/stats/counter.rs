//! Numbers that one thread writes and any may read.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// A number that grows. Only its core adds to it, so adding needs no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that grows and shrinks. Only its core changes it.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, amount: i64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Status codes have three digits; what is outside of 100 to 599 counts as 599.
const CODES: usize = 500;

/// How often each status code was answered.
#[derive(Debug)]
pub(crate) struct StatusCounts {
    by_code: Box<[Counter]>,
}

impl Default for StatusCounts {
    fn default() -> Self {
        Self { by_code: (0..CODES).map(|_| Counter::default()).collect() }
    }
}

impl StatusCounts {
    pub(crate) fn record(&self, status: u16) {
        self.by_code[usize::from(status).saturating_sub(100).min(CODES - 1)].increment();
    }

    /// Adds the counts to `totals`, pairs of code and count in ascending order of code.
    pub(crate) fn add_to(&self, totals: &mut std::collections::BTreeMap<u16, u64>) {
        for (code, counter) in (100..).zip(&self.by_code) {
            match counter.get() {
                0 => {}
                count => *totals.entry(code).or_default() += count,
            }
        }
    }
}

/// One set of numbers for each core that asked for one.
#[derive(Debug)]
pub(crate) struct PerCore<T>(Mutex<Vec<Arc<T>>>);

impl<T> Default for PerCore<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> PerCore<T> {
    /// A set for the calling core to write; asked for when configuration changes, not per request.
    pub(crate) fn local(&self) -> Arc<T> {
        let set = Arc::new(T::default());
        self.sets().push(Arc::clone(&set));
        set
    }
}

impl<T> PerCore<T> {
    fn sets(&self) -> std::sync::MutexGuard<'_, Vec<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows every core's set to `look`.
    pub(crate) fn each(&self, mut look: impl FnMut(&T)) {
        for set in self.sets().iter() {
            look(set);
        }
    }

    /// The sum over all cores of what `of` takes from a set.
    pub(crate) fn sum(&self, of: impl Fn(&T) -> &Counter) -> u64 {
        let mut total = 0;
        self.each(|set| total += of(set).get());
        total
    }

    /// The sum over all cores of a gauge.
    pub(crate) fn level(&self, of: impl Fn(&T) -> &Gauge) -> i64 {
        let mut total = 0;
        self.each(|set| total += of(set).get());
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_the_sum_of_the_cores() {
        let counts = PerCore::<Counter>::default();
        let (first, second) = (counts.local(), counts.local());
        first.add(3);
        second.increment();
        assert_eq!(counts.sum(|counter| counter), 4);
    }

    #[test]
    fn odd_status_codes_are_counted_too() {
        let statuses = StatusCounts::default();
        for status in [0, 100, 200, 200, 599, 999] {
            statuses.record(status);
        }
        let mut totals = std::collections::BTreeMap::new();
        statuses.add_to(&mut totals);
        assert_eq!(totals.into_iter().collect::<Vec<_>>(), [(100, 2), (200, 2), (599, 2)]);
    }
}

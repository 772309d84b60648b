//! Documents between arriving and being posted: so many and no more, and counts of what became of them.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

/// Bytes kept while the API is away; the oldest documents go first.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Documents kept, however small.
const DOCUMENTS_MAX: usize = 20_000;

/// Documents in the order they came.
#[derive(Default)]
pub(super) struct Buffer {
    held: Mutex<Held>,
    arrival: Notify,
    pub(super) counts: Counts,
}

#[derive(Default)]
struct Held {
    documents: VecDeque<String>,
    bytes: usize,
}

/// What became of documents since the last look.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) rejected: AtomicU64,
}

impl Counts {
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The counts, in the order of the fields, beginning anew.
    pub(super) fn take(&self) -> [u64; 4] {
        [&self.received, &self.sent, &self.dropped, &self.rejected].map(|counter| counter.swap(0, Ordering::Relaxed))
    }
}

impl Buffer {
    /// Adds a document at the end.
    pub(super) fn push(&self, document: String) {
        Counts::add(&self.counts.received, 1);
        let mut held = self.lock();
        held.bytes += document.len();
        held.documents.push_back(document);
        self.make_room(&mut held);
        drop(held);
        self.arrival.notify_one();
    }

    /// Puts documents back at the front, in their order: those that could not be sent.
    pub(super) fn give_back(&self, documents: Vec<String>) {
        let mut held = self.lock();
        for document in documents.into_iter().rev() {
            held.bytes += document.len();
            held.documents.push_front(document);
        }
        self.make_room(&mut held);
    }

    fn make_room(&self, held: &mut Held) {
        while held.bytes > BYTES_MAX || held.documents.len() > DOCUMENTS_MAX {
            let Some(oldest) = held.documents.pop_front() else { return };
            held.bytes -= oldest.len();
            Counts::add(&self.counts.dropped, 1);
        }
    }

    /// Takes documents from the front: at most `count`, and one more only while they have fewer than `bytes`.
    pub(super) fn take(&self, count: usize, bytes: usize) -> Vec<String> {
        let (mut held, mut taken, mut size) = (self.lock(), Vec::new(), 0);
        while taken.len() < count && size < bytes {
            let Some(document) = held.documents.pop_front() else { break };
            held.bytes -= document.len();
            size += document.len();
            taken.push(document);
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.lock().documents.len()
    }

    /// Waits until there is something.
    pub(super) async fn filled(&self) {
        while self.len() == 0 {
            self.arrival.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let buffer = Buffer::default();
        let large = "x".repeat(BYTES_MAX / 4);
        for number in 0..6 {
            buffer.push(format!("{number}{large}"));
        }
        let left: Vec<_> = buffer.take(10, usize::MAX).iter().map(|document| document[..1].to_owned()).collect();
        assert_eq!(left, ["3", "4", "5"]);
        assert_eq!(buffer.counts.take(), [6, 0, 3, 0]);
    }

    #[test]
    fn what_is_given_back_comes_first_again() {
        let buffer = Buffer::default();
        for number in 0..4 {
            buffer.push(number.to_string());
        }
        let taken = buffer.take(2, usize::MAX);
        buffer.give_back(taken);
        assert_eq!(buffer.take(10, usize::MAX), ["0", "1", "2", "3"]);
    }
}

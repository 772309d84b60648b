//! Windows (RFC 9113, 5.2): how much of bodies may come and go.

use super::frame::WINDOW_MAX;

/// What may come. What was taken is told to the other side half a window at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inflow {
    /// The other side may send so much.
    open: u32,
    /// So much came, and may come again: the other side has yet to be told.
    owed: u32,
    size: u32,
}

impl Inflow {
    /// A window that the other side believes to be `open`, and that is to be `size`.
    pub(super) fn new(open: u32, size: u32) -> Self {
        Self { open, owed: 0, size }
    }

    /// So much came; whether it was allowed.
    pub(super) fn take(&mut self, length: usize) -> bool {
        let left = u32::try_from(length).ok().and_then(|length| self.open.checked_sub(length));
        if let Some(left) = left {
            self.open = left;
        }
        left.is_some()
    }

    /// So much of it may come again; by how much the window is to be opened, if it is time to say so.
    pub(super) fn release(&mut self, length: usize) -> Option<u32> {
        self.owed = self.owed.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        if self.owed < self.size.div_ceil(2) {
            return None;
        }
        let more = std::mem::take(&mut self.owed).min(self.size.saturating_sub(self.open));
        self.open += more;
        (more > 0).then_some(more)
    }
}

/// What may go. A change of settings can leave it below nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outflow(i64);

impl Outflow {
    pub(super) fn new(size: u32) -> Self {
        Self(size.into())
    }

    /// How much may go now.
    pub(super) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// So much has gone.
    pub(super) fn take(&mut self, length: usize) {
        self.0 -= i64::try_from(length).unwrap_or(i64::MAX);
    }

    /// The window is `by` larger, or smaller; whether it may be.
    pub(super) fn shift(&mut self, by: i64) -> bool {
        self.0 += by;
        self.0 <= i64::from(WINDOW_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_opened_by_halves_and_never_beyond_its_size() {
        let mut inflow = Inflow::new(100, 100);
        assert!(inflow.take(60) && !inflow.take(41) && inflow.take(40));
        assert_eq!((inflow.release(49), inflow.release(1), inflow.release(50)), (None, Some(50), Some(50)));
        // It was larger than we want it to be: what is too much is not opened again.
        let mut large = Inflow::new(100, 40);
        assert!(large.take(70));
        assert_eq!((large.release(70), large.open), (Some(10), 40));
    }

    #[test]
    fn room_may_be_less_than_nothing_and_not_more_than_all() {
        let mut outflow = Outflow::new(10);
        outflow.take(5);
        assert!(outflow.shift(-8));
        assert_eq!(outflow.room(), 0);
        assert!(outflow.shift(4));
        assert_eq!(outflow.room(), 1);
        assert!(outflow.shift(i64::from(WINDOW_MAX) - 1) && !outflow.shift(1));
    }
}

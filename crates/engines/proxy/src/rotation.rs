//! Whose turn it is: smooth weighted round-robin.
//!
//! Each turn every member gains its weight, the one that has most is taken and pays the sum of all weights. Within
//! any run of as many turns as the sum of weights each member is taken exactly as often as its weight says, and the
//! turns of one member are spread, not bunched. So 2:1 is 2:1 in every three requests, where a random choice would
//! be 2:1 on average only.

use std::cell::{Cell, RefCell};

/// The turns of some members, for one thread.
#[derive(Debug)]
pub(crate) struct Rotation {
    weights: Box<[u32]>,
    sum: i64,
    /// All weights are one: a plain counter does.
    plain: bool,
    next: Cell<usize>,
    balance: RefCell<Box<[i64]>>,
}

impl Rotation {
    /// Turns by `weights`; a member of weight zero is never taken.
    pub(crate) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Box<[u32]> = weights.into_iter().collect();
        let sum = weights.iter().map(|weight| i64::from(*weight)).sum();
        let plain = weights.iter().all(|weight| *weight == 1);
        let balance = if plain { Box::default() } else { vec![0; weights.len()].into_boxed_slice() };
        Self { weights, sum, plain, next: Cell::new(0), balance: RefCell::new(balance) }
    }

    /// The weights it was made of.
    pub(crate) fn weights(&self) -> &[u32] {
        &self.weights
    }

    /// The member whose turn it is; none if no member has a weight.
    pub(crate) fn turn(&self) -> Option<usize> {
        match self.weights.len() {
            _ if self.sum == 0 => None,
            1 => Some(0),
            length if self.plain => {
                let turn = self.next.get();
                self.next.set(if turn + 1 == length { 0 } else { turn + 1 });
                Some(turn)
            }
            _ => Some(self.weighted_turn()),
        }
    }

    fn weighted_turn(&self) -> usize {
        let mut balance = self.balance.borrow_mut();
        let mut best = 0;
        for (member, weight) in self.weights.iter().enumerate() {
            balance[member] += i64::from(*weight);
            if balance[member] > balance[best] {
                best = member;
            }
        }
        balance[best] -= self.sum;
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(rotation: &Rotation, count: usize) -> Vec<usize> {
        (0..count).map_while(|_| rotation.turn()).collect()
    }

    #[test]
    fn two_to_one_is_exact_in_every_three() {
        assert_eq!(turns(&Rotation::new([2, 1]), 9), [0, 1, 0, 0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn equals_take_turns() {
        assert_eq!(turns(&Rotation::new([1, 1, 1]), 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn who_has_no_weight_has_no_turn() {
        assert_eq!(turns(&Rotation::new([0, 1]), 3), [1, 1, 1]);
        assert!(turns(&Rotation::new([0, 0]), 3).is_empty());
        assert!(turns(&Rotation::new([]), 3).is_empty());
        assert!(turns(&Rotation::new([0]), 3).is_empty());
    }

    proptest! {
        #[test]
        fn every_cycle_is_exact_from_wherever_it_is_looked_at(
            weights in proptest::collection::vec(0_u32..12, 1..6),
            skip in 0_usize..50,
        ) {
            let sum: u32 = weights.iter().sum();
            let rotation = Rotation::new(weights.clone());
            turns(&rotation, skip * sum as usize);
            let mut seen = vec![0; weights.len()];
            for turn in turns(&rotation, sum as usize) {
                seen[turn] += 1;
            }
            prop_assert_eq!(seen, weights);
        }
    }
}

//! Those who decide about canaries, behind one trait.
//!
//! Peers are loops of our own, written from what they document: no cluster is at hand. What favours them is left in: no
//! delay of a metric store, and weights that apply at once.

mod argo;
mod flagger;
mod held;
mod kayenta;
mod mann_whitney;
mod ours;
mod peeking;
mod pipecd;

use canary::judge::Tick;

pub(crate) use argo::Argo;
pub(crate) use flagger::Flagger;
pub(crate) use held::Held;
pub(crate) use kayenta::Kayenta;
pub(crate) use ours::Ours;
pub(crate) use peeking::Peeking;
pub(crate) use pipecd::PipeCd;

/// What one decides in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing yet.
    GoOn,
    /// The old version gets everything.
    TakeBack,
    /// The new version gets everything.
    Promote,
}

/// One who decides about a canary.
pub(crate) trait Detector {
    /// The part of the traffic that the new version gets in this second.
    fn weight(&self) -> f64;

    /// The part of the old version's requests that are told apart, for an A/A test or as a control of equal size.
    fn control(&self) -> f64 {
        0.5
    }

    /// Takes in what the old version does before the canary; whether that is known well enough.
    fn prepare(&mut self, _tick: &Tick) -> bool {
        false
    }

    /// Takes in the second that ends at `now`, counted from the beginning.
    fn observe(&mut self, tick: &Tick, now: u64) -> Decision;

    /// Whether the new version has passed all that is asked of it before it gets nearly everything.
    fn passed(&self) -> bool {
        false
    }
}

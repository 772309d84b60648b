//! Makes the world match what was asked for, again and again.
//!
//! A [`Controller`] answers one question about one key: *what is the next step?* It is told no event, only the key, and
//! reads both sides itself, so a wake-up that was lost, doubled or reordered cannot change what it does. The driver
//! ([`Boxed::run`]) wakes it when a row it watches changes and, now and then, for every key there is; it never runs a key
//! twice at once, and backs off from one that fails. The idea is Kubernetes' level-triggered reconciler.

mod controller;
mod driver;

pub use controller::{Boxed, Controller, Next, System, boxed};
pub use driver::Pace;

//! Every reader of bytes that strangers send, as a function of bytes: it answers or refuses, and panics where a promise
//! is broken.
//!
//! [`run`] drives one by a deterministic mutator from its seeds, a fixed number of times: that is a test like others, and
//! finds today what it found yesterday. `fuzz/` at the root hands the same functions to libFuzzer, which looks at the
//! code's branches and goes on for as long as it is let. What either finds becomes a seed here.

mod mutate;
mod seeds;
mod targets;

pub use mutate::run;
pub use seeds::seeds;
pub use targets::{Target, targets};

/// Runs the target called `name`, for libFuzzer.
///
/// # Panics
/// When a promise is broken, or there is no such target.
pub fn one(name: &str, data: &[u8]) {
    let target = targets().remove(name).unwrap_or_else(|| panic!("there is no target {name}"));
    target(data);
}

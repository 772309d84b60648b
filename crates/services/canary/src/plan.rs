//! The ramp: which part of the traffic the new version gets next. Pure.
//!
//! [`step`] is given where a canary stands, what was asked of it, what is seen, and the time; it answers where the
//! canary stands then and what is to be done. It is called again and again, and what it asks for is idempotent: an
//! action that was lost, with a controller that died, is asked for again.
//!
//! ```text
//! Clearing → Waiting → Watching 0 … n → Baking → Finishing → Done
//!                 ╲        │  ⇅ Gated     │          │
//!                  ╲───────┴──────────────┴──────────┴─→ TakingBack → TakenBack      (or Frozen)
//! ```
//!
//! Before the first step, and before each later one, the policy's webhooks may have a say (`gate.rs`): the phase stays what
//! it is, and is judged as ever, until all of them say yes.
//!
//! Three rules stand above the phases. A time counts only while all proxies have acknowledged the weight, so nothing is
//! judged that is not yet true. A verdict to take back is honoured in every phase, also while somebody is asked to
//! approve. And traffic goes neither onto nor away from the only healthy copy, whatever a phase or a user asks for.

mod gate;
mod machine;
mod state;

pub use gate::{Answer, Asking, Consent, Says};
pub use machine::step;
pub use state::{Action, Command, Healthy, Notice, Observation, Phase, Reason, State};

#[cfg(test)]
mod tests;

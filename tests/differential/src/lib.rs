//! The same odd messages, byte by byte, to three proxies: ours, a real Envoy and a real nginx; and what each of them
//! said to the client and to the server behind it.
//!
//! `cases/` is the table: JSON, a file a subject. What comes of it is the page `docs/guides/odd-messages.md`, which the
//! test holds against what happens. In what they may differ stands in `differences.json`, each difference by a name: a case
//! in which they do not agree says which of them it is, one in which they do says none.
//!
//! ```text
//!   Client ──▶ lane 1 of ours ──▶ Origin      a lane is a listener and an origin of its own,
//!          ──▶ lane 1 of Envoy ──▶ Origin     so that no case can be seen by another
//!          ──▶ lane 1 of nginx ──▶ Origin
//! ```
//!
//! Behind every odd request goes a plain one for `/next`: who answers it has found the end of the odd one where it is.
//! Nothing is waited for but ends: a client reads until its connection is closed, an origin until the proxies are gone.

mod case;
mod client;
mod message;
mod origin;
mod outcome;
mod page;
mod run;
mod subject;

pub use case::{Case, Differences, Subject, load, load_differences};
pub use outcome::{Outcome, Results};
pub use page::render;
pub use run::run;

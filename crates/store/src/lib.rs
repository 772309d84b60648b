//! Where the house keeps what was asked (desired) and what was seen (observed).
//!
//! A row is a JSON document with a kind (`ecs/service`, `ecs/service.observed`) and a [`Key`]: a scope and a name.
//! Operations write desired rows, controllers write observed ones, each in one transaction ([`Store::write`]) that is on
//! disk before it is acknowledged. Who wants to notice a change subscribes to kinds ([`Store::watch`]) and is handed
//! keys, never data: a wake-up may be lost, doubled or late without harm, for whoever wakes reads both sides anew.
//!
//! SQLite in WAL mode with full sync, one writer. Calls are synchronous and short: a commit is one fsync, and keeping
//! them synchronous keeps every operation's transaction in plain sight. What was rejected: an async facade over a
//! thread, which made each read-modify-write a closure that could not borrow.

mod error;
mod row;
mod schema;
mod sqlite;
mod watch;

pub use error::Error;
pub use row::{Key, Row};
pub use sqlite::{Store, Transaction};
pub use watch::{Change, Watch};

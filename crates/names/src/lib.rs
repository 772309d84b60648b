//! The words everybody in the house uses: who asks ([`Scope`]), what a thing is called ([`Arn`]),
//! what time it is ([`Timestamp`]) and where new ids come from ([`Ids`]).
//!
//! Pure data and no I/O. Clocks and randomness are values that are passed in, so that planners and
//! tests never depend on the machine they run on.

mod arn;
mod clock;
mod ids;
mod scope;
mod tags;

pub use arn::{Arn, ParseArnError};
pub use clock::{Clock, ManualClock, Timestamp};
pub use ids::Ids;
pub use scope::{AccountId, ParseAccountIdError, Region, Scope};
pub use tags::Tags;

//! Zones in, answers out: the resolver that a VPC's tasks ask.
//!
//! It knows a set of private zones, and whom to ask about other names. Whoever owns the names writes [`Zones`], plain data that can
//! travel; [`Table`] is the same, checked and made ready to be asked; [`serve`] answers on a UDP and a TCP socket from
//! whatever table is the newest, and is handed its sockets, because they must be born inside the VPC's namespace.
//!
//! The answers:
//! - a name that is there: its records, with the time to live that was asked, each answer beginning one record later
//!   than the last, so that clients that take the first are spread evenly;
//! - a name that is there but not with that type (`AAAA` above all): success with no records, and the zone's SOA;
//! - a name of our zones that is not there: NXDOMAIN and the SOA;
//! - any other name: passed on to [`Upstreams`], and their answer given as it is. Without any it is REFUSED: NXDOMAIN
//!   would be a lie that clients keep.
//!
//! There is no cache and no recursion of our own, hence nothing to poison. Names are compared without case and given back in the
//! case they were asked in.

mod answer;
mod forward;
mod serve;
mod table;
mod zones;

pub use answer::{Transport, answer};
pub use forward::Upstreams;
pub use serve::serve;
pub use table::{Error, Table};
pub use zones::{Data, RecordSet, Zone, Zones};

//! Packet rules, spoken to the kernel in its own tongue: `nf_tables` over netlink.
//!
//! A [`Transaction`] replaces a whole table at once: until it is committed nothing happens, and then all of it does,
//! between one packet and the next. [`Rule`] says which packets and what becomes of them, in the words of packets;
//! `expression` turns those into the small register machine the kernel runs; `message` is how bytes are framed.
//!
//! Written by hand because what exists binds a C library, starts the `nft` program or is under the GPL, and we need
//! eight messages and eleven expressions. Their numbers are from the kernel's `linux/netfilter/nf_tables.h`, named as
//! there. To see what is set: `nft list ruleset` in the namespace.

mod expression;
mod message;
mod rule;
mod transaction;

pub(crate) use rule::Rule;
pub(crate) use transaction::{Base, Hook, Kind, Transaction};

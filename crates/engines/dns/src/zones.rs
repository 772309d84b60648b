//! Zones as their owners write them: plain data, in any order, that can cross a socket.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// All zones one resolver answers for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zones {
    /// The zones. Two with the same apex are one.
    pub zones: Vec<Zone>,
}

/// A part of the name space that is ours alone: what is not in it does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// The name all its names end in: `flask.sample`.
    pub apex: String,
    /// How many seconds a client may remember that a name does not exist.
    pub negative_ttl: u32,
    /// The names.
    pub records: Vec<RecordSet>,
}

/// All records of one type of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSet {
    /// The whole name: `api.flask.sample`.
    pub name: String,
    /// How many seconds a client may remember it.
    pub ttl: u32,
    /// How many of the records one answer carries at most; the next answer begins with the next record.
    pub answers_max: usize,
    /// The records. A set of none is a name that does not exist.
    pub data: Vec<Data>,
}

/// What a record says of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Data {
    /// Its address (`A`).
    Address(Ipv4Addr),
    /// Where it is served (`SRV`).
    Service {
        /// Lower is asked first.
        priority: u16,
        /// The share among equals.
        weight: u16,
        /// The port.
        port: u16,
        /// The name of the host.
        target: String,
    },
}

impl Zones {
    /// These zones and those of `others`, as when several owners name things in one VPC.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.zones.extend(others.zones);
        self
    }
}

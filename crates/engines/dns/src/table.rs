//! Zones made ready to be asked: checked once, then only looked up.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicUsize, Ordering},
};

use hickory_proto::rr::{
    LowerName, Name, RData, RecordType,
    rdata::{A, SOA, SRV},
};

use crate::zones::{Data, RecordSet, Zone, Zones};

/// More records than this never stand in one answer, so that every answer fits a TCP message.
const ANSWERS_MAX: usize = 500;

/// Zones as the resolver holds them; it never changes, a newer one takes its place.
#[derive(Debug, Default)]
pub struct Table {
    zones: HashMap<LowerName, SOA>,
    sets: HashMap<(LowerName, RecordType), Set>,
    /// Every name that exists: owners of records and the names above them, up to the apex.
    names: HashSet<LowerName>,
}

/// One record set, and where its next answer begins.
#[derive(Debug)]
struct Set {
    ttl: u32,
    answers_max: usize,
    data: Vec<RData>,
    next: AtomicUsize,
}

/// What the table has to say of a name.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'a> {
    /// These records, with their time to live.
    Records(Vec<(u32, RData)>),
    /// The name exists, with no record of the wanted type.
    NoData(Negative<'a>),
    /// There is no such name.
    NoName(Negative<'a>),
    /// The name belongs to nobody here.
    Elsewhere,
}

/// The authority behind an answer without records: the zone and its SOA.
pub(crate) type Negative<'a> = (&'a LowerName, &'a SOA);

/// These are not zones.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name breaks DNS's rules.
    #[error("`{name}` is not a domain name; labels have at most 63 letters and names 255")]
    Name {
        /// The name.
        name: String,
        /// What the parser said.
        #[source]
        source: hickory_proto::ProtoError,
    },
    /// A name stands in a zone that it doesn't end in.
    #[error("`{name}` is not a name of the zone `{apex}`; put it in its own zone")]
    Outside {
        /// The name.
        name: String,
        /// The zone.
        apex: String,
    },
}

impl Table {
    /// The table of `zones`.
    pub fn new(zones: &Zones) -> Result<Self, Error> {
        let mut table = Self::default();
        for zone in &zones.zones {
            table.add_zone(zone)?;
        }
        Ok(table)
    }

    fn add_zone(&mut self, zone: &Zone) -> Result<(), Error> {
        let apex = name(&zone.apex)?;
        let lower = LowerName::new(&apex);
        for set in &zone.records {
            self.add_set(&lower, set)?;
        }
        self.names.insert(lower.clone());
        self.zones.insert(lower, authority(&apex, zone.negative_ttl)?);
        Ok(())
    }

    fn add_set(&mut self, apex: &LowerName, set: &RecordSet) -> Result<(), Error> {
        let owner = LowerName::new(&name(&set.name)?);
        if !apex.zone_of(&owner) {
            return Err(Error::Outside { name: set.name.clone(), apex: apex.to_string() });
        }
        for data in &set.data {
            let data = record_data(data)?;
            let entry = self.sets.entry((owner.clone(), data.record_type())).or_insert_with(|| Set::new(set));
            entry.data.push(data);
        }
        if !set.data.is_empty() {
            self.add_name(apex, owner);
        }
        Ok(())
    }

    /// Enters `name` and what is above it: under a name that exists, the names on the way exist too (RFC 8020).
    fn add_name(&mut self, apex: &LowerName, mut name: LowerName) {
        while &name != apex && self.names.insert(name.clone()) {
            name = name.base_name();
        }
    }

    /// What there is of `kind` under `name`.
    pub(crate) fn find(&self, name: &LowerName, kind: RecordType) -> Found<'_> {
        let Some(zone) = self.zone_of(name) else { return Found::Elsewhere };
        if kind == RecordType::SOA && name == zone.0 {
            return Found::Records(vec![(zone.1.minimum, RData::SOA(zone.1.clone()))]);
        }
        let kinds: &[RecordType] =
            if kind == RecordType::ANY { &[RecordType::A, RecordType::SRV] } else { std::slice::from_ref(&kind) };
        let records: Vec<_> =
            kinds.iter().filter_map(|k| self.sets.get(&(name.clone(), *k))).flat_map(Set::turn).collect();
        match (records.is_empty(), self.names.contains(name)) {
            (false, _) => Found::Records(records),
            (true, true) => Found::NoData(zone),
            (true, false) => Found::NoName(zone),
        }
    }

    /// The zone `name` belongs to: the longest apex it ends in.
    fn zone_of(&self, name: &LowerName) -> Option<Negative<'_>> {
        let mut name = name.clone();
        loop {
            if let Some(zone) = self.zones.get_key_value(&name) {
                return Some(zone);
            }
            if name.is_root() {
                return None;
            }
            name = name.base_name();
        }
    }
}

impl Set {
    fn new(set: &RecordSet) -> Self {
        Self {
            ttl: set.ttl,
            answers_max: set.answers_max.clamp(1, ANSWERS_MAX),
            data: Vec::new(),
            next: AtomicUsize::new(0),
        }
    }

    /// The records of one answer; each call begins one record later.
    fn turn(&self) -> impl Iterator<Item = (u32, RData)> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.answers_max.min(self.data.len());
        (0..count).map(move |i| (self.ttl, self.data[first.wrapping_add(i) % self.data.len()].clone()))
    }
}

/// `text` as a whole name, with or without its last dot.
fn name(text: &str) -> Result<Name, Error> {
    let mut name = Name::from_ascii(text).map_err(|source| Error::Name { name: text.to_owned(), source })?;
    name.set_fqdn(true);
    Ok(name)
}

fn record_data(data: &Data) -> Result<RData, Error> {
    Ok(match data {
        Data::Address(address) => RData::A(A::from(*address)),
        Data::Service { priority, weight, port, target } => {
            RData::SRV(SRV::new(*priority, *weight, *port, name(target)?))
        }
    })
}

/// The SOA of a zone that nobody transfers: only its negative time to live has a reader.
fn authority(apex: &Name, negative_ttl: u32) -> Result<SOA, Error> {
    let under = |label: &str| {
        let name = format!("{label}.{}", apex.to_ascii());
        apex.prepend_label(label).map_err(|source| Error::Name { name, source })
    };
    let (server, mailbox) = (under("ns")?, under("hostmaster")?);
    Ok(SOA::new(server, mailbox, 1, 7200, 900, 1_209_600, negative_ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(names: &[(&str, &[u8])]) -> Zones {
        let records = names
            .iter()
            .map(|(name, ends)| RecordSet {
                name: (*name).to_owned(),
                ttl: 300,
                answers_max: 8,
                data: ends.iter().map(|end| Data::Address([10, 0, 0, *end].into())).collect(),
            })
            .collect();
        Zones { zones: vec![Zone { apex: "flask.sample".to_owned(), negative_ttl: 15, records }] }
    }

    fn find<'a>(table: &'a Table, text: &str, kind: RecordType) -> Found<'a> {
        table.find(&LowerName::new(&name(text).unwrap()), kind)
    }

    fn first(table: &Table, text: &str) -> String {
        match find(table, text, RecordType::A) {
            Found::Records(records) => records[0].1.to_string(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_record_is_first_as_often_as_the_others() {
        let table = Table::new(&zones(&[("api.flask.sample", &[1, 2, 3])])).unwrap();
        let seen: Vec<_> = (0..6).map(|_| first(&table, "API.flask.sample")).collect();
        assert_eq!(seen, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    }

    #[test]
    fn one_answer_carries_no_more_than_was_allowed() {
        let ends: Vec<u8> = (1..=20).collect();
        let table = Table::new(&zones(&[("api.flask.sample", &ends)])).unwrap();
        let Found::Records(records) = find(&table, "api.flask.sample", RecordType::A) else { panic!("no records") };
        assert_eq!(records.len(), 8);
        assert!(records.iter().all(|(ttl, _)| *ttl == 300));
    }

    #[test]
    fn a_name_between_two_names_exists_and_has_no_data() {
        let table = Table::new(&zones(&[("a.b.flask.sample", &[1])])).unwrap();
        assert!(matches!(find(&table, "b.flask.sample", RecordType::A), Found::NoData(_)));
        assert!(matches!(find(&table, "a.b.flask.sample", RecordType::AAAA), Found::NoData(_)));
        assert!(matches!(find(&table, "flask.sample", RecordType::A), Found::NoData(_)));
        assert!(matches!(find(&table, "c.flask.sample", RecordType::A), Found::NoName(_)));
        assert!(matches!(find(&table, "sample", RecordType::A), Found::Elsewhere));
        assert!(matches!(find(&table, "xflask.sample", RecordType::A), Found::Elsewhere));
    }

    #[test]
    fn a_set_of_none_is_no_name() {
        let table = Table::new(&zones(&[("api.flask.sample", &[])])).unwrap();
        assert!(matches!(find(&table, "api.flask.sample", RecordType::A), Found::NoName(_)));
    }

    #[test]
    fn zones_with_one_apex_are_one_and_a_longer_apex_wins() {
        let mut inner = zones(&[("api.inner.flask.sample", &[9])]);
        inner.zones[0].apex = "inner.flask.sample".to_owned();
        let all = zones(&[("a.flask.sample", &[1])]).with(zones(&[("b.flask.sample", &[2])])).with(inner);
        let table = Table::new(&all).unwrap();
        assert_eq!(first(&table, "a.flask.sample"), "10.0.0.1");
        assert_eq!(first(&table, "b.flask.sample"), "10.0.0.2");
        match find(&table, "x.inner.flask.sample", RecordType::A) {
            Found::NoName((apex, _)) => assert_eq!(apex.to_string(), "inner.flask.sample."),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_name_or_no_name_of_the_zone_is_refused() {
        let label = "a".repeat(64);
        for wrong in ["elsewhere.example".to_owned(), format!("{label}.flask.sample"), "a..flask.sample".to_owned()] {
            assert!(Table::new(&zones(&[(wrong.as_str(), &[1])])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn zones_cross_a_socket() {
        let zones = zones(&[("api.flask.sample", &[1])]);
        let text = serde_json::to_string(&zones).unwrap();
        assert_eq!(serde_json::from_str::<Zones>(&text).unwrap(), zones);
    }
}

//! The readers, by name.

use std::{collections::BTreeMap, sync::LazyLock};

use cloudformation::template::Template;
use dns::{Data, RecordSet, Table, Transport, Zone, Zones};
use hickory_proto::op::Message;
use telemetry::{
    logs::{Pattern, insights::Query},
    traces::{Filter, Segment},
};

/// Takes any bytes, and panics where a promise is broken.
pub type Target = fn(&[u8]);

/// All of them, by name: the proxy's, and those of the rest of the house.
pub fn targets() -> BTreeMap<&'static str, Target> {
    let mut all: BTreeMap<&'static str, Target> = proxy::fuzzing::targets();
    let house: [(&'static str, Target); 6] = [
        ("dns", dns_message),
        ("template", template),
        ("trace-filter", trace_filter),
        ("trace-segment", trace_segment),
        ("log-pattern", log_pattern),
        ("log-query", log_query),
    ];
    all.extend(house);
    all
}

/// A DNS query: what is answered can be read, and belongs to the question.
fn dns_message(data: &[u8]) {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let address = Data::Address([10, 0, 0, 1].into());
        let record = RecordSet { name: "api.local".to_owned(), ttl: 10, answers_max: 1, data: vec![address] };
        let zone = Zone { apex: "local".to_owned(), negative_ttl: 10, records: vec![record] };
        Table::new(&Zones { zones: vec![zone] }).expect("names that fit")
    });
    for transport in [Transport::Udp, Transport::Tcp] {
        if let Some(answer) = dns::answer(&TABLE, transport, data) {
            let message = Message::from_vec(&answer).expect("an answer that can be read");
            assert_eq!(message.metadata.id.to_be_bytes(), data[..2], "the answer is to another question");
        }
    }
}

fn text(data: &[u8], read: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
}

/// A template of CloudFormation, in JSON or YAML with its short forms.
fn template(data: &[u8]) {
    text(data, |text| drop(Template::read(text)));
}

/// A filter expression of X-Ray.
fn trace_filter(data: &[u8]) {
    text(data, |text| drop(Filter::parse(text)));
}

/// A segment document of X-Ray.
fn trace_segment(data: &[u8]) {
    text(data, |text| drop(Segment::parse(text)));
}

/// A filter pattern of CloudWatch Logs.
fn log_pattern(data: &[u8]) {
    text(data, |text| drop(Pattern::parse(text)));
}

/// A query of Logs Insights.
fn log_query(data: &[u8]) {
    text(data, |text| drop(Query::parse(text)));
}

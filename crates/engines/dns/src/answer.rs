//! One message in, one message out. Pure but for the turns that record sets take.

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, LowerName, Name, RData, Record, RecordType},
};

use crate::table::{Found, Negative, Table};

/// The least a client accepts over UDP (RFC 1035).
const UDP_PAYLOAD_MIN: u16 = 512;
/// The most we send over UDP: what crosses any path unfragmented (DNS flag day 2020).
const UDP_PAYLOAD_MAX: u16 = 1232;
/// The fixed part every message begins with.
const HEADER_LENGTH: usize = 12;
/// A query has one question and, at most, an OPT and a signature besides.
const OTHER_RECORDS_MAX: u16 = 4;

/// What carries the message: it decides how long an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams; a long answer is cut off and asked again over TCP.
    Udp,
    /// A stream; any answer fits.
    Tcp,
}

/// The answer to `packet` out of `table`; none for what is not even the beginning of a query.
pub fn answer(table: &Table, transport: Transport, packet: &[u8]) -> Option<Vec<u8>> {
    consider(table, transport, packet).map(|answer| answer.message)
}

/// What is to be said, and whether somebody else may know better.
pub(crate) struct Answer {
    pub(crate) message: Vec<u8>,
    /// The name is of none of our zones, and one that may be asked about elsewhere.
    pub(crate) elsewhere: bool,
}

impl Answer {
    /// Nobody who knows could be asked.
    pub(crate) fn failed(mut self) -> Vec<u8> {
        const RESPONSE_CODE: usize = 3;
        if let Some(byte) = self.message.get_mut(RESPONSE_CODE) {
            *byte = (*byte & 0xf0) | ResponseCode::ServFail.low();
        }
        self.message
    }
}

pub(crate) fn consider(table: &Table, transport: Transport, packet: &[u8]) -> Option<Answer> {
    let head = Head::of(packet)?;
    let ((response, elsewhere), payload_max) = match Message::from_vec(packet) {
        _ if !head.sane => ((head.failure(ResponseCode::FormErr), false), UDP_PAYLOAD_MIN),
        Err(_) => ((head.failure(ResponseCode::FormErr), false), UDP_PAYLOAD_MIN),
        Ok(query) => {
            let asked = query.edns.as_ref().map_or(UDP_PAYLOAD_MIN, Edns::max_payload);
            (respond(table, &query), asked.clamp(UDP_PAYLOAD_MIN, UDP_PAYLOAD_MAX))
        }
    };
    let message = encode(&response, transport, payload_max)
        .or_else(|| encode(&head.failure(ResponseCode::ServFail), transport, UDP_PAYLOAD_MIN))?;
    Some(Answer { message, elsewhere })
}

/// What is read before the message is parsed: who is answered even if the rest is broken.
struct Head {
    id: u16,
    op_code: OpCode,
    recursion_desired: bool,
    sane: bool,
}

impl Head {
    /// The head of a query. A response gets no answer, or two resolvers could talk for ever.
    fn of(packet: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_LENGTH] = packet.first_chunk()?;
        let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let is_response = header[2] & 0x80 != 0;
        let op_code = OpCode::from_u8((header[2] >> 3) & 0x0f);
        // Counts are checked first, because a parser makes room by them.
        let others = number(6).saturating_add(number(8)).saturating_add(number(10));
        let sane = op_code != OpCode::Query || (number(4) == 1 && others <= OTHER_RECORDS_MAX);
        (!is_response).then(|| Self { id: number(0), op_code, recursion_desired: header[2] & 1 != 0, sane })
    }

    fn failure(&self, code: ResponseCode) -> Message {
        let mut message = Message::error_msg(self.id, self.op_code, code);
        message.metadata.recursion_desired = self.recursion_desired;
        message
    }
}

/// The response, and whether it is about a name that others may know.
fn respond(table: &Table, query: &Message) -> (Message, bool) {
    let mut response = Message::response(query.id, query.op_code);
    response.metadata.recursion_desired = query.recursion_desired;
    response.add_queries(query.queries.iter().cloned());
    if let Some(edns) = &query.edns {
        let mut ours = Edns::new();
        ours.set_max_payload(UDP_PAYLOAD_MAX);
        response.set_edns(ours);
        if edns.version() > 0 {
            response.metadata.response_code = ResponseCode::BADVERS;
            return (response, false);
        }
    }
    let (kind, code) = (query.message_type, query.op_code);
    let elsewhere = if let (MessageType::Query, OpCode::Query, Some(question)) = (kind, code, query.queries.first()) {
        look_up(table, question, &mut response)
    } else {
        response.metadata.response_code = ResponseCode::NotImp;
        false
    };
    (response, elsewhere)
}

/// Puts into `response` what there is; whether it is about a name that others may know.
fn look_up(table: &Table, question: &Query, response: &mut Message) -> bool {
    let internet = matches!(question.query_class(), DNSClass::IN | DNSClass::ANY);
    let transfer = matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
    let found = if internet && !transfer {
        table.find(&LowerName::new(question.name()), question.query_type())
    } else {
        Found::Elsewhere
    };
    let elsewhere = found == Found::Elsewhere;
    response.metadata.authoritative = !elsewhere;
    match found {
        Found::Records(records) => {
            let owner = question.name();
            response.add_answers(records.into_iter().map(|(ttl, data)| Record::from_rdata(owner.clone(), ttl, data)));
        }
        Found::NoData(zone) => _ = response.add_authority(authority(zone)),
        Found::NoName(zone) => {
            response.metadata.response_code = ResponseCode::NXDomain;
            response.add_authority(authority(zone));
        }
        Found::Elsewhere => response.metadata.response_code = ResponseCode::Refused,
    }
    elsewhere && internet && !transfer && !is_local(question.name())
}

/// Whether a name means something to each machine or link alone (RFC 6761, RFC 6762).
fn is_local(name: &Name) -> bool {
    let last = name.iter().next_back().unwrap_or_default();
    last.eq_ignore_ascii_case(b"localhost") || last.eq_ignore_ascii_case(b"local")
}

/// The record that tells how long "no" may be remembered (RFC 2308).
fn authority((apex, soa): Negative<'_>) -> Record {
    Record::from_rdata(Name::from(apex), soa.minimum, RData::SOA(soa.clone()))
}

fn encode(message: &Message, transport: Transport, payload_max: u16) -> Option<Vec<u8>> {
    let bytes = message.to_vec().ok()?;
    if transport == Transport::Tcp || bytes.len() <= usize::from(payload_max) {
        return Some(bytes);
    }
    message.truncate().to_vec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::{Data, RecordSet, Zone, Zones};

    fn table(addresses: u8) -> Table {
        let data = (0..addresses).map(|end| Data::Address([10, 0, 0, end].into())).collect();
        let records = vec![RecordSet { name: "api.flask.sample".to_owned(), ttl: 300, answers_max: 255, data }];
        let zone = Zone { apex: "flask.sample".to_owned(), negative_ttl: 15, records };
        Table::new(&Zones { zones: vec![zone] }).unwrap()
    }

    fn ask(table: &Table, query: &Message, transport: Transport) -> Message {
        Message::from_vec(&answer(table, transport, &query.to_vec().unwrap()).unwrap()).unwrap()
    }

    fn query(name: &str, kind: RecordType) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    #[test]
    fn the_case_that_was_asked_comes_back() {
        let reply = ask(&table(1), &query("Api.FLASK.sample.", RecordType::A), Transport::Udp);
        assert_eq!(reply.answers[0].name.to_ascii(), "Api.FLASK.sample.");
        assert!(reply.authoritative && reply.recursion_desired && !reply.recursion_available);
    }

    #[test]
    fn each_kind_of_no_is_its_own() {
        let table = table(1);
        for (name, kind, code, authorities) in [
            ("api.flask.sample.", RecordType::AAAA, ResponseCode::NoError, 1),
            ("nobody.flask.sample.", RecordType::A, ResponseCode::NXDomain, 1),
            ("example.com.", RecordType::A, ResponseCode::Refused, 0),
            ("flask.sample.", RecordType::AXFR, ResponseCode::Refused, 0),
        ] {
            let reply = ask(&table, &query(name, kind), Transport::Udp);
            assert_eq!((reply.response_code, reply.authorities.len()), (code, authorities), "{name} {kind}");
            assert!(reply.authorities.iter().all(|soa| soa.ttl == 15));
        }
    }

    #[test]
    fn a_long_answer_is_cut_off_over_udp_and_whole_over_tcp() {
        let table = table(200);
        let mut plain = query("api.flask.sample.", RecordType::A);
        let cut = ask(&table, &plain, Transport::Udp);
        assert!(cut.truncation && cut.answers.is_empty());
        assert_eq!(ask(&table, &plain, Transport::Tcp).answers.len(), 200);
        let mut edns = Edns::new();
        edns.set_max_payload(65_535);
        plain.set_edns(edns);
        assert!(ask(&table, &plain, Transport::Udp).truncation, "no more than crosses any path, whatever is asked");
    }

    #[test]
    fn a_client_with_edns_gets_more_at_once() {
        let mut asked = query("api.flask.sample.", RecordType::A);
        let mut edns = Edns::new();
        edns.set_max_payload(4096);
        asked.set_edns(edns);
        let reply = ask(&table(60), &asked, Transport::Udp);
        assert!(!reply.truncation && reply.edns.is_some());
        assert_eq!(reply.answers.len(), 60);
    }

    #[test]
    fn a_later_edns_is_told_our_version() {
        let mut asked = query("api.flask.sample.", RecordType::A);
        let mut edns = Edns::new();
        edns.set_version(1);
        asked.set_edns(edns);
        // 16 is BADVERS in an OPT and BADSIG in a signature; the parser prefers the latter.
        assert_eq!(u16::from(ask(&table(1), &asked, Transport::Udp).response_code), 16);
    }

    #[test]
    fn broken_queries_are_told_so_and_noise_is_dropped() {
        let table = table(1);
        let good = query("api.flask.sample.", RecordType::A).to_vec().unwrap();
        let code = |packet: &[u8]| {
            let reply = answer(&table, Transport::Udp, packet)?;
            Some(Message::from_vec(&reply).unwrap().response_code)
        };
        assert_eq!(code(&good[..good.len() - 3]), Some(ResponseCode::FormErr));
        let mut many = good.clone();
        many[4..6].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(code(&many), Some(ResponseCode::FormErr));
        let mut notify = good.clone();
        notify[2] = (4 << 3) | 1;
        assert_eq!(code(&notify), Some(ResponseCode::NotImp));
        let mut response = good.clone();
        response[2] |= 0x80;
        for noise in [&good[..11], &[], &response] {
            assert_eq!(code(noise), None);
        }
    }

    #[test]
    fn no_packet_makes_it_panic() {
        let table = table(3);
        let good = query("api.flask.sample.", RecordType::A).to_vec().unwrap();
        for at in 0..good.len() {
            for byte in 0..=255 {
                let mut packet = good.clone();
                packet[at] = byte;
                _ = answer(&table, Transport::Udp, &packet);
            }
        }
    }
}

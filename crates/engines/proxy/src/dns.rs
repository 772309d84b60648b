//! Names to addresses, asked of the task's nameservers.
//!
//! The resolver of the C library can't be used: it blocks, keeps what it found in ways of its own, says nothing of
//! times to live, and does not work in a static binary. This one asks for A and AAAA records, one kind after the other
//! as the configuration wants them, over UDP and, if the answer does not fit, over TCP, and that is all it does.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::model::AddressFamily;

/// Where nameservers are written.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// How long a nameserver is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// How often each nameserver is asked.
const ROUNDS: usize = 2;

/// No more nameservers than this are asked, as the C library has it.
const NAMESERVERS_MAX: usize = 3;

/// The longest datagram that is read.
const DATAGRAM_MAX: usize = 4096;

/// Aliases that are followed within an answer.
const ALIASES_MAX: usize = 8;

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{0}` is not a name that DNS knows")]
    Name(String),
    #[error("the nameserver {server} says of `{name}`: {code}")]
    Refused { name: String, server: SocketAddr, code: ResponseCode },
    #[error("the nameserver {server} does not answer in time")]
    Silent { server: SocketAddr },
    #[error("the nameserver {server} can't be asked")]
    Socket { server: SocketAddr, source: io::Error },
    #[error("the nameserver {server} answers something else than was asked")]
    Nonsense { server: SocketAddr },
    #[error("{RESOLV_CONF} names no nameserver")]
    NoNameserver,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// In the order they came. None: the name is there, or is known not to be, and has no address.
    pub(crate) addresses: Vec<IpAddr>,
    /// How long they are good.
    pub(crate) time_to_live: Duration,
}

/// Asks nameservers.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    servers: Vec<SocketAddr>,
}

impl Resolver {
    /// One that asks `servers`.
    pub(crate) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers }
    }

    /// One that asks the nameservers of this machine or task; none if nothing is written about them.
    pub(crate) fn of_system() -> Self {
        Self::new(
            std::fs::read_to_string(Path::new(RESOLV_CONF)).map_or_else(|_| Vec::new(), |text| nameservers(&text)),
        )
    }

    /// The addresses of `name`, of the families wanted: where one is only liked better, the other is what is left.
    pub(crate) async fn resolve(&self, name: &str, family: AddressFamily) -> Result<Addresses, Error> {
        let (first, second) = match family {
            AddressFamily::V4Only => (RecordType::A, None),
            AddressFamily::V6Only => (RecordType::AAAA, None),
            AddressFamily::V4Preferred => (RecordType::A, Some(RecordType::AAAA)),
            AddressFamily::V6Preferred | AddressFamily::All => (RecordType::AAAA, Some(RecordType::A)),
        };
        let found = self.records(name, first).await;
        let Some(second) = second else { return found };
        if family != AddressFamily::All && found.as_ref().is_ok_and(|found| !found.addresses.is_empty()) {
            return found;
        }
        match (found, self.records(name, second).await) {
            (Ok(one), Ok(other)) => Ok(one.and(other)),
            // Where one family is enough, what is there of it counts.
            (Err(_), Ok(other)) if family != AddressFamily::All && !other.addresses.is_empty() => Ok(other),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// The addresses that `name` has in records of this type.
    async fn records(&self, name: &str, record: RecordType) -> Result<Addresses, Error> {
        if let Some(addresses) = without_asking(name, record) {
            return Ok(addresses);
        }
        let mut absolute = Name::from_utf8(name).map_err(|_| Error::Name(name.to_owned()))?;
        absolute.set_fqdn(true);
        let mut failure = Error::NoNameserver;
        for _ in 0..ROUNDS {
            for server in &self.servers {
                match ask(*server, &absolute, record).await {
                    Ok(addresses) => return Ok(addresses),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }
}

impl Addresses {
    /// These and others, which are good as long as both are; an answer without any does not count for that.
    fn and(self, other: Self) -> Self {
        let time_to_live = match (self.addresses.is_empty(), other.addresses.is_empty()) {
            (true, false) => other.time_to_live,
            (false, true) => self.time_to_live,
            _ => self.time_to_live.min(other.time_to_live),
        };
        Self { addresses: [self.addresses, other.addresses].concat(), time_to_live }
    }
}

/// What needs no nameserver: addresses, and names of the own machine (RFC 6761, 6.3).
fn without_asking(name: &str, record: RecordType) -> Option<Addresses> {
    const GOOD_FOR: Duration = Duration::from_hours(1);
    let bare = name.strip_suffix('.').unwrap_or(name);
    let local = bare.eq_ignore_ascii_case("localhost") || bare.to_ascii_lowercase().ends_with(".localhost");
    let known =
        if local { vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] } else { vec![name.parse().ok()?] };
    let wanted = |address: &IpAddr| address.is_ipv4() == (record == RecordType::A);
    Some(Addresses { addresses: known.into_iter().filter(wanted).collect(), time_to_live: GOOD_FOR })
}

fn nameservers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    };
    text.lines().filter_map(server).take(NAMESERVERS_MAX).map(|address| SocketAddr::new(address, 53)).collect()
}

async fn ask(server: SocketAddr, name: &Name, record: RecordType) -> Result<Addresses, Error> {
    let mut query = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.clone(), record));
    let packet = query.to_vec().map_err(|_| Error::Name(name.to_utf8()))?;
    let socket = |source| Error::Socket { server, source };
    let silent = |_| Error::Silent { server };
    let mut answer = timeout(ANSWER_MAX, over_udp(server, &packet)).await.map_err(silent)?.map_err(socket)?;
    if answer.get(2).is_some_and(|flags| flags & 0x02 != 0) {
        answer = timeout(ANSWER_MAX, over_tcp(server, &packet)).await.map_err(silent)?.map_err(socket)?;
    }
    let answer = Message::from_vec(&answer).map_err(|_| Error::Nonsense { server })?;
    let same_question = answer.queries.first().is_some_and(|asked| asked.name == *name && asked.query_type == record);
    if answer.metadata.id != query.metadata.id || !same_question {
        return Err(Error::Nonsense { server });
    }
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(addresses(&answer, name)),
        code => Err(Error::Refused { name: name.to_utf8(), server, code }),
    }
}

/// Asks over UDP; datagrams that answer another question are overlooked, as anybody may send one.
async fn over_udp(server: SocketAddr, packet: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(packet).await?;
    let mut answer = vec![0; DATAGRAM_MAX];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length > 2 && answer[..2] == packet[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, packet: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), packet].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The addresses of `name` in `answer`, through aliases; the shortest time to live counts.
fn addresses(answer: &Message, name: &Name) -> Addresses {
    /// Where an answer says nothing it is asked again soon.
    const NEGATIVE: u32 = 5;
    let mut name = name.clone();
    let mut time_to_live = u32::MAX;
    for _ in 0..ALIASES_MAX {
        let alias = answer.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == name => Some((target.0.clone(), record.ttl)),
            _ => None,
        });
        let Some((target, ttl)) = alias else { break };
        (name, time_to_live) = (target, time_to_live.min(ttl));
    }
    let mut found = Vec::new();
    for record in answer.answers.iter().filter(|record| record.name == name) {
        found.push(match &record.data {
            RData::A(address) => IpAddr::V4(address.0),
            RData::AAAA(address) => IpAddr::V6(address.0),
            _ => continue,
        });
        time_to_live = time_to_live.min(record.ttl);
    }
    let seconds = if found.is_empty() { NEGATIVE } else { time_to_live };
    Addresses { addresses: found, time_to_live: Duration::from_secs(u64::from(seconds)) }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Record, rdata};

    use super::*;

    /// A nameserver that answers each query with what `answer` makes of it.
    async fn nameserver(answer: impl Fn(&mut Message) + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut packet).await {
                let mut message = Message::from_vec(&packet[..length]).unwrap();
                message.metadata.message_type = MessageType::Response;
                answer(&mut message);
                socket.send_to(&message.to_vec().unwrap(), client).await.unwrap();
            }
        });
        address
    }

    fn name(text: &str) -> Name {
        Name::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn addresses_come_through_an_alias_with_the_shortest_time_to_live() {
        let server = nameserver(|message| {
            let alias = RData::CNAME(rdata::CNAME(name("real.sample.")));
            message.add_answer(Record::from_rdata(name("api.sample."), 7, alias));
            for last in [4, 5] {
                let address = RData::A(rdata::A(Ipv4Addr::new(10, 0, 0, last)));
                message.add_answer(Record::from_rdata(name("real.sample."), 10, address));
            }
        })
        .await;
        let found = Resolver::new(vec![server]).resolve("api.sample", AddressFamily::V4Only).await.unwrap();
        assert_eq!(found.addresses, [IpAddr::from([10, 0, 0, 4]), IpAddr::from([10, 0, 0, 5])]);
        assert_eq!(found.time_to_live, Duration::from_secs(7));
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_has_no_addresses_and_a_refusal_is_an_error() {
        let nobody = nameserver(|message| message.metadata.response_code = ResponseCode::NXDomain).await;
        assert!(
            Resolver::new(vec![nobody])
                .resolve("gone.sample", AddressFamily::V4Only)
                .await
                .unwrap()
                .addresses
                .is_empty()
        );
        let refuser = nameserver(|message| message.metadata.response_code = ResponseCode::Refused).await;
        assert!(matches!(
            Resolver::new(vec![refuser]).resolve("a.b", AddressFamily::V4Only).await,
            Err(Error::Refused { .. })
        ));
        assert!(matches!(
            Resolver::new(Vec::new()).resolve("a.b", AddressFamily::V4Only).await,
            Err(Error::NoNameserver)
        ));
    }

    #[tokio::test]
    async fn a_forged_answer_is_overlooked_and_the_next_nameserver_is_asked() {
        let forger = nameserver(|message| message.metadata.id ^= 1).await;
        let honest = nameserver(|message| {
            let address = RData::A(rdata::A(Ipv4Addr::LOCALHOST));
            let asked = message.queries[0].name.clone();
            message.add_answer(Record::from_rdata(asked, 3600, address));
        })
        .await;
        let found = Resolver::new(vec![forger, honest]).resolve("a.b", AddressFamily::V4Only).await.unwrap();
        assert_eq!(found.addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    #[tokio::test]
    async fn addresses_and_localhost_are_not_asked_for() {
        let resolver = Resolver::new(Vec::new());
        for (name, address) in [("10.1.2.3", "10.1.2.3"), ("localhost", "127.0.0.1"), ("api.localhost.", "127.0.0.1")] {
            assert_eq!(
                resolver.resolve(name, AddressFamily::V4Only).await.unwrap().addresses,
                [address.parse::<IpAddr>().unwrap()]
            );
        }
    }

    /// A nameserver that knows `a.four` by IPv4, `a.six` by IPv6 and `a.both` by both.
    async fn two_families() -> Resolver {
        let server = nameserver(|message| {
            let (asked, kind) = (message.queries[0].name.clone(), message.queries[0].query_type);
            let last = asked.to_utf8();
            if kind == RecordType::A && !last.ends_with("six.") {
                let data = RData::A(rdata::A(Ipv4Addr::new(10, 0, 0, 4)));
                message.add_answer(Record::from_rdata(asked, 20, data));
            } else if kind == RecordType::AAAA && !last.ends_with("four.") {
                let data = RData::AAAA(rdata::AAAA(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 6)));
                message.add_answer(Record::from_rdata(asked, 10, data));
            }
        });
        Resolver::new(vec![server.await])
    }

    #[tokio::test]
    async fn a_family_that_is_liked_better_comes_first_and_one_that_is_alone_is_alone() {
        use AddressFamily::{All, V4Only, V4Preferred, V6Only, V6Preferred};
        let resolver = two_families().await;
        let (four, six) = ("10.0.0.4", "fd00::6");
        for (name, family, wanted) in [
            ("a.both", V4Only, &[four][..]),
            ("a.both", V6Only, &[six]),
            ("a.both", V4Preferred, &[four]),
            ("a.both", V6Preferred, &[six]),
            ("a.both", All, &[six, four]),
            ("a.four", V6Only, &[]),
            ("a.four", V6Preferred, &[four]),
            ("a.four", All, &[four]),
            ("a.six", V4Only, &[]),
            ("a.six", V4Preferred, &[six]),
            ("fd00::1", V6Only, &["fd00::1"]),
            ("fd00::1", V4Only, &[]),
            ("10.0.0.1", V6Preferred, &["10.0.0.1"]),
            ("localhost", V6Preferred, &["::1"]),
            ("localhost", V4Preferred, &["127.0.0.1"]),
        ] {
            let found = resolver.resolve(name, family).await.unwrap();
            let wanted: Vec<IpAddr> = wanted.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(found.addresses, wanted, "{name} {family:?}");
        }
        assert_eq!(resolver.resolve("a.both", All).await.unwrap().time_to_live, Duration::from_secs(10));
        assert_eq!(resolver.resolve("a.four", V6Preferred).await.unwrap().time_to_live, Duration::from_secs(20));
    }

    #[tokio::test]
    async fn a_nameserver_that_refuses_one_family_is_believed_about_the_other() {
        let server = nameserver(|message| match message.queries[0].query_type {
            RecordType::A => {
                let asked = message.queries[0].name.clone();
                message.add_answer(Record::from_rdata(asked, 60, RData::A(rdata::A(Ipv4Addr::LOCALHOST))));
            }
            _ => message.metadata.response_code = ResponseCode::ServFail,
        });
        let resolver = Resolver::new(vec![server.await]);
        let found = resolver.resolve("a.b", AddressFamily::V6Preferred).await.unwrap();
        assert_eq!(found.addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert!(resolver.resolve("a.b", AddressFamily::V6Only).await.is_err());
        assert!(resolver.resolve("a.b", AddressFamily::All).await.is_err());
    }

    #[test]
    fn resolv_conf_is_read_as_the_c_library_does() {
        let text = "# comment\nsearch a.b\nnameserver 10.0.0.2\nnameserver nonsense\nnameserver ::1\noptions ndots:2\n";
        let wanted: Vec<SocketAddr> = vec!["10.0.0.2:53".parse().unwrap(), "[::1]:53".parse().unwrap()];
        assert_eq!(nameservers(text), wanted);
    }
}

//! Names to addresses, asked of the task's nameservers.
//!
//! The resolver of the C library can't be used: it blocks, keeps what it found in ways of its own, says nothing of
//! times to live, and does not work in a static binary. This one asks for A records, over UDP and, if the answer does
//! not fit, over TCP, and that is all it does.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
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

    /// The addresses of `name`.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Addresses, Error> {
        if let Some(addresses) = without_asking(name) {
            return Ok(addresses);
        }
        let mut absolute = Name::from_utf8(name).map_err(|_| Error::Name(name.to_owned()))?;
        absolute.set_fqdn(true);
        let mut failure = Error::NoNameserver;
        for _ in 0..ROUNDS {
            for server in &self.servers {
                match ask(*server, &absolute).await {
                    Ok(addresses) => return Ok(addresses),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }
}

/// What needs no nameserver: addresses, and names of the own machine (RFC 6761, 6.3).
fn without_asking(name: &str) -> Option<Addresses> {
    const GOOD_FOR: Duration = Duration::from_hours(1);
    let bare = name.strip_suffix('.').unwrap_or(name);
    let local = bare.eq_ignore_ascii_case("localhost") || bare.to_ascii_lowercase().ends_with(".localhost");
    let address = if local { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { name.parse().ok() };
    address.map(|address| Addresses { addresses: vec![address], time_to_live: GOOD_FOR })
}

fn nameservers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    };
    text.lines().filter_map(server).take(NAMESERVERS_MAX).map(|address| SocketAddr::new(address, 53)).collect()
}

async fn ask(server: SocketAddr, name: &Name) -> Result<Addresses, Error> {
    let mut query = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.clone(), RecordType::A));
    let packet = query.to_vec().map_err(|_| Error::Name(name.to_utf8()))?;
    let socket = |source| Error::Socket { server, source };
    let silent = |_| Error::Silent { server };
    let mut answer = timeout(ANSWER_MAX, over_udp(server, &packet)).await.map_err(silent)?.map_err(socket)?;
    if answer.get(2).is_some_and(|flags| flags & 0x02 != 0) {
        answer = timeout(ANSWER_MAX, over_tcp(server, &packet)).await.map_err(silent)?.map_err(socket)?;
    }
    let answer = Message::from_vec(&answer).map_err(|_| Error::Nonsense { server })?;
    let same_question = answer.queries.first().is_some_and(|asked| asked.name == *name);
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
        if let RData::A(address) = &record.data {
            found.push(IpAddr::V4(address.0));
            time_to_live = time_to_live.min(record.ttl);
        }
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
        let found = Resolver::new(vec![server]).resolve("api.sample").await.unwrap();
        assert_eq!(found.addresses, [IpAddr::from([10, 0, 0, 4]), IpAddr::from([10, 0, 0, 5])]);
        assert_eq!(found.time_to_live, Duration::from_secs(7));
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_has_no_addresses_and_a_refusal_is_an_error() {
        let nobody = nameserver(|message| message.metadata.response_code = ResponseCode::NXDomain).await;
        assert!(Resolver::new(vec![nobody]).resolve("gone.sample").await.unwrap().addresses.is_empty());
        let refuser = nameserver(|message| message.metadata.response_code = ResponseCode::Refused).await;
        assert!(matches!(Resolver::new(vec![refuser]).resolve("a.b").await, Err(Error::Refused { .. })));
        assert!(matches!(Resolver::new(Vec::new()).resolve("a.b").await, Err(Error::NoNameserver)));
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
        let found = Resolver::new(vec![forger, honest]).resolve("a.b").await.unwrap();
        assert_eq!(found.addresses, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    #[tokio::test]
    async fn addresses_and_localhost_are_not_asked_for() {
        let resolver = Resolver::new(Vec::new());
        for (name, address) in [("10.1.2.3", "10.1.2.3"), ("localhost", "127.0.0.1"), ("api.localhost.", "127.0.0.1")] {
            assert_eq!(resolver.resolve(name).await.unwrap().addresses, [address.parse::<IpAddr>().unwrap()]);
        }
    }

    #[test]
    fn resolv_conf_is_read_as_the_c_library_does() {
        let text = "# comment\nsearch a.b\nnameserver 10.0.0.2\nnameserver nonsense\nnameserver ::1\noptions ndots:2\n";
        let wanted: Vec<SocketAddr> = vec!["10.0.0.2:53".parse().unwrap(), "[::1]:53".parse().unwrap()];
        assert_eq!(nameservers(text), wanted);
    }
}

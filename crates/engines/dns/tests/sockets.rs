//! The resolver as clients see it: the real `dig`, and raw bytes where `dig` is too well-behaved.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dns::{Data, RecordSet, Table, Upstreams, Zone, Zones};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    process::Command,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

struct Resolver {
    address: SocketAddr,
    newest: watch::Sender<Arc<Table>>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Resolver {
    async fn start(table: Table) -> Self {
        Self::asking(table, Upstreams::none()).await
    }

    /// One that asks others about names that are not of its zones.
    async fn asking(table: Table, upstreams: Upstreams) -> Self {
        // A free port for both: UDP picks, TCP follows.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let (newest, table) = watch::channel(Arc::new(table));
        Self { address, newest, serving: tokio::spawn(dns::serve(udp, tcp, table, upstreams)) }
    }

    async fn dig(&self, arguments: &[&str]) -> String {
        let port = self.address.port().to_string();
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=5", "+nocookie"])
            .args(arguments)
            .output()
            .await
            .expect("dig is installed (Debian's package is bind9-dnsutils)");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn table(addresses: u8) -> Table {
    let data = (1..=addresses).map(|end| Data::Address([10, 0, 0, end].into())).collect();
    let set = |name: &str, data| RecordSet { name: name.to_owned(), ttl: 300, answers_max: 255, data };
    let service = Data::Service { priority: 1, weight: 1, port: 3000, target: "i-1.web.flask.sample".to_owned() };
    let records = vec![set("api.flask.sample", data), set("web.flask.sample", vec![service])];
    Table::new(&Zones { zones: vec![Zone { apex: "flask.sample".to_owned(), negative_ttl: 15, records }] }).unwrap()
}

#[tokio::test]
async fn dig_gets_addresses_with_their_time_to_live_and_in_turns() {
    let resolver = Resolver::start(table(2)).await;
    let first = resolver.dig(&["api.flask.sample", "+noall", "+answer"]).await;
    let lines: Vec<Vec<&str>> = first.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["api.flask.sample.", "300", "IN", "A", "10.0.0.1"]);
    assert_eq!(lines.len(), 2);
    let second = resolver.dig(&["api.flask.sample", "+short"]).await;
    assert_eq!(second, "10.0.0.2\n10.0.0.1\n");
}

#[tokio::test]
async fn dig_sees_each_kind_of_no() {
    let resolver = Resolver::start(table(1)).await;
    let absent = resolver.dig(&["nobody.flask.sample"]).await;
    assert!(absent.contains("status: NXDOMAIN") && absent.contains("\t15\tIN\tSOA\tns.flask.sample."), "{absent}");
    let untyped = resolver.dig(&["api.flask.sample", "AAAA"]).await;
    assert!(untyped.contains("status: NOERROR") && untyped.contains("ANSWER: 0, AUTHORITY: 1"), "{untyped}");
    let foreign = resolver.dig(&["example.com"]).await;
    assert!(foreign.contains("status: REFUSED"), "{foreign}");
}

#[tokio::test]
async fn dig_follows_a_cut_answer_over_tcp() {
    let resolver = Resolver::start(table(200)).await;
    let cut = resolver.dig(&["api.flask.sample", "+ignore"]).await;
    assert!(cut.contains("flags: qr aa tc"), "{cut}");
    let whole = resolver.dig(&["api.flask.sample"]).await;
    assert!(whole.contains("ANSWER: 200") && whole.contains("(TCP)"), "{whole}");
}

#[tokio::test]
async fn dig_gets_ports_of_services() {
    let resolver = Resolver::start(table(1)).await;
    assert_eq!(resolver.dig(&["web.flask.sample", "SRV", "+short"]).await, "1 1 3000 i-1.web.flask.sample.\n");
}

#[tokio::test]
async fn a_newer_table_is_used_from_the_next_question_on() {
    let resolver = Resolver::start(table(1)).await;
    assert_eq!(resolver.dig(&["api.flask.sample", "+short"]).await, "10.0.0.1\n");
    resolver.newest.send_replace(Arc::new(Table::default()));
    assert!(resolver.dig(&["api.flask.sample"]).await.contains("status: REFUSED"));
}

/// A query for `api.flask.sample A`, written by hand.
fn query() -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["api", "flask", "sample", ""] {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend_from_slice(label.as_bytes());
    }
    packet.extend_from_slice(&[0, 1, 0, 1]);
    packet
}

#[tokio::test]
async fn noise_gets_no_answer_and_the_next_question_does() {
    let resolver = Resolver::start(table(1)).await;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    client.connect(resolver.address).await.unwrap();
    client.send(b"noise").await.unwrap();
    client.send(&[]).await.unwrap();
    client.send(&query()).await.unwrap();
    let mut reply = [0; 512];
    let length = timeout(Duration::from_secs(5), client.recv(&mut reply)).await.unwrap().unwrap();
    assert_eq!(&reply[..2], &[0xab, 0xcd], "only the question is answered");
    assert_eq!(&reply[length - 4..length], &[10, 0, 0, 1]);
}

#[tokio::test]
async fn questions_share_a_connection_and_silent_connections_keep_nobody_out() {
    let resolver = Resolver::start(table(1)).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(resolver.address).await.unwrap());
    }
    let mut client = TcpStream::connect(resolver.address).await.unwrap();
    let packet = query();
    for _ in 0..3 {
        client.write_u16(u16::try_from(packet.len()).unwrap()).await.unwrap();
        client.write_all(&packet).await.unwrap();
        let length = timeout(Duration::from_secs(30), client.read_u16()).await.unwrap().unwrap();
        let mut reply = vec![0; usize::from(length)];
        client.read_exact(&mut reply).await.unwrap();
        assert!(reply.ends_with(&[10, 0, 0, 1]));
    }
}

/// A resolver with one name, as the machine's own would have it.
async fn elsewhere() -> Resolver {
    let data = vec![Data::Address([198, 51, 100, 7].into())];
    let many = (0..=255).map(|end| Data::Address([198, 51, 100, end].into())).collect();
    let set = |name: &str, data| RecordSet { name: name.to_owned(), ttl: 60, answers_max: 300, data };
    let records = vec![set("www.example.com", data), set("many.example.com", many)];
    let zone = Zone { apex: "example.com".to_owned(), negative_ttl: 15, records };
    Resolver::start(Table::new(&Zones { zones: vec![zone] }).unwrap()).await
}

#[tokio::test]
async fn other_names_are_asked_of_others_by_datagram_and_by_stream() {
    let other = elsewhere().await;
    let address = other.address;
    let resolver = Resolver::asking(table(1), Upstreams::new(move || vec![address])).await;
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(resolver.dig(&["www.example.com", "+short", transport]).await, "198.51.100.7\n");
        assert_eq!(resolver.dig(&["api.flask.sample", "+short", transport]).await, "10.0.0.1\n");
        assert!(resolver.dig(&["no.example.com", transport]).await.contains("status: NXDOMAIN"));
        assert!(resolver.dig(&["no.flask.sample", transport]).await.contains("status: NXDOMAIN"));
        for local in ["localhost", "printer.local"] {
            assert!(resolver.dig(&[local, transport]).await.contains("status: REFUSED"), "{local}");
        }
    }
    // Too long for a datagram: `dig` asks again by a stream.
    assert_eq!(resolver.dig(&["many.example.com", "+short"]).await.lines().count(), 256);
}

#[tokio::test]
async fn one_that_is_dead_is_passed_over_and_none_that_lives_is_a_failure() {
    let other = elsewhere().await;
    // Nobody listens where a socket was a moment ago.
    let dead = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let servers = vec![dead, other.address];
    let resolver = Resolver::asking(table(1), Upstreams::new(move || servers.clone())).await;
    assert_eq!(resolver.dig(&["www.example.com", "+short"]).await, "198.51.100.7\n");
    let alone = Resolver::asking(table(1), Upstreams::new(move || vec![dead])).await;
    for transport in ["+notcp", "+tcp"] {
        assert!(alone.dig(&["www.example.com", transport]).await.contains("status: SERVFAIL"));
    }
}

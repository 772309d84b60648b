//! From a task to the internet and back, with an internet of our own: the machine that the edge runs on is a namespace,
//! and what it reaches is another. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
    time::{Duration, Instant},
};

use edge::{Client, Options, protocol};
use ipnet::Ipv4Net;
use network::{
    Namespace, Sockets, Vpc,
    egress::{LISTENER, Outside, Reach},
    security::{Group, Peer, Policy, Protocol, Rule},
    task, vpc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

const PATIENCE: Duration = Duration::from_secs(20);

const SITE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
const MACHINE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// A machine beside ours, on a network that is not of the internet.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 7);

/// What lies around the machine: a site, a resolver, a neighbour.
struct World {
    _vpc: Vpc,
    machine: Namespace,
    site: tokio::task::JoinHandle<()>,
    resolver: tokio::task::JoinHandle<()>,
}

impl World {
    async fn new() -> Self {
        let vpc = Vpc::create().await.unwrap();
        let extra = [SITE, RESOLVER, NEIGHBOUR].into();
        vpc.converge(&vpc::Spec { routers: [GATEWAY].into(), resolver: None, extra }).await.unwrap();
        let place = task::Spec {
            interface_id: "eni-machine".to_owned(),
            mac: [2, 0, 0, 0, 2, 5],
            address: MACHINE,
            subnet: Ipv4Net::new(GATEWAY, 24).unwrap().trunc(),
            router: GATEWAY,
        };
        let machine = vpc.attach(&place).await.unwrap();
        let sockets = vpc.sockets().unwrap();
        let (site, resolver) = (site(&sockets).await, resolver(&sockets).await);
        Self { _vpc: vpc, machine, site, resolver }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.site.abort();
        self.resolver.abort();
    }
}

/// Answers whoever connects, at any of the world's addresses, with the address it sees.
async fn site(sockets: &Sockets) -> tokio::task::JoinHandle<()> {
    let listener = sockets.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, peer)) = listener.accept().await {
            let mut asked = [0; 4];
            if stream.read_exact(&mut asked).await.is_ok() {
                let _ = stream.write_all(format!("hello {}", peer.ip()).as_bytes()).await;
            }
        }
    })
}

/// Knows `www.example.com`.
async fn resolver(sockets: &Sockets) -> tokio::task::JoinHandle<()> {
    let address = SocketAddrV4::new(RESOLVER, 53);
    let (udp, tcp) = (sockets.udp(address).await.unwrap(), sockets.listen(address).await.unwrap());
    let data = vec![dns::Data::Address(SITE)];
    let set = dns::RecordSet { name: "www.example.com".to_owned(), ttl: 10, answers_max: 8, data };
    let zone = dns::Zone { apex: "example.com".to_owned(), negative_ttl: 5, records: vec![set] };
    let (_, table) = watch::channel(Arc::new(dns::Table::new(&dns::Zones { zones: vec![zone] }).unwrap()));
    tokio::spawn(async move { dns::serve(udp, tcp, table, dns::Upstreams::none()).await.unwrap() })
}

/// An edge on the machine, with one VPC and a task in it that has a way out.
struct House {
    directory: tempfile::TempDir,
    client: Client,
    world: World,
    task: Sockets,
    _task: Namespace,
}

impl House {
    async fn new(reach: Reach) -> Self {
        let (world, directory) = (World::new().await, tempfile::tempdir().unwrap());
        let resolvers = directory.path().join("resolv.conf");
        std::fs::write(&resolvers, format!("nameserver {RESOLVER}\n")).unwrap();
        let socket = directory.path().join("edge.sock");
        let options = Options {
            socket: socket.clone(),
            control_plane: "127.0.0.1:1".parse().unwrap(),
            version: "test".to_owned(),
            resolvers,
            sections: Vec::new(),
        };
        let machine = world.machine.try_clone().unwrap();
        // A runtime of one thread, so that whatever it opens is the machine's.
        tokio::spawn(async move {
            let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            machine.run("run an edge", move || run().block_on(edge::run(options))).await.unwrap().unwrap();
        });
        let client = Client::new(socket);
        let begun = Instant::now();
        while let Err(error) = client.hello().await {
            assert!(begun.elapsed() < PATIENCE, "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let task = vpc_with_task(&client, reach).await;
        Self { directory, client, world, task: Sockets::of(&task).unwrap(), _task: task }
    }

    /// What `address` says; the kind of error if it says nothing.
    async fn ask(&self, address: SocketAddrV4) -> Result<String, ErrorKind> {
        let failed = |error: network::Error| error.io().map_or(ErrorKind::Other, std::io::Error::kind);
        let mut stream = self.task.connect(None, address, PATIENCE).await.map_err(failed)?;
        said(&mut stream).await.map_err(|error| error.kind())
    }

    async fn resolve(&self, name: &str) -> u8 {
        let socket = self.task.udp("0.0.0.0:0".parse().unwrap()).await.unwrap();
        let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend(label.as_bytes());
        }
        question.extend([0, 0, 1, 0, 1]);
        socket.send_to(&question, "10.0.0.2:53").await.unwrap();
        let mut buffer = [0; 512];
        tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
        buffer[7]
    }

    async fn stop(self) {
        self.client.shutdown().await.unwrap();
        drop((self.directory, self.world));
    }
}

async fn said(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"who?").await?;
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("it ends, well or badly")?;
    Ok(text)
}

async fn vpc_with_task(client: &Client, egress: Reach) -> Namespace {
    let (router, resolver) = (Ipv4Addr::new(10, 0, 1, 1), Some(Ipv4Addr::new(10, 0, 0, 2)));
    let wanted =
        protocol::Vpc { id: "vpc-1".to_owned(), routers: [router].into(), resolver, egress, ..Default::default() };
    assert_eq!(client.vpcs(vec![wanted]).await.unwrap(), []);
    let held = client.hello().await.unwrap().vpcs.remove("vpc-1").unwrap();
    let vpc = Vpc::open(&held.namespace).unwrap();
    let address = Ipv4Addr::new(10, 0, 1, 5);
    let everywhere = Rule { protocol: Protocol::All, peer: Peer::Net("0.0.0.0/0".parse().unwrap()) };
    let spec = vpc::Spec { routers: [router].into(), resolver, ..vpc::Spec::default() };
    let policy = Policy {
        groups: [("sg-1".to_owned(), Group { ingress: vec![], egress: vec![everywhere] })].into(),
        interfaces: [(address, ["sg-1".to_owned()].into())].into(),
        infrastructure: spec.infrastructure(),
        outside: Some(Outside {
            cidr: "10.0.0.0/16".parse().unwrap(),
            reach: egress,
            ways: BTreeMap::from([(address, ["0.0.0.0/0".parse().unwrap()].into())]),
        }),
    };
    vpc.secure(&policy).await.unwrap();
    let subnet = Ipv4Net::new(router, 24).unwrap().trunc();
    let place = task::Spec { interface_id: "eni-5".to_owned(), mac: [2, 0, 10, 0, 1, 5], address, subnet, router };
    vpc.attach(&place).await.unwrap()
}

#[tokio::test]
async fn a_task_finds_a_site_by_name_and_talks_to_it_from_the_machines_address() {
    let house = House::new(Reach::Public).await;
    assert_eq!(house.resolve("www.example.com").await, 1);
    assert_eq!(house.ask(SocketAddrV4::new(SITE, 80)).await.unwrap(), format!("hello {MACHINE}"));
    house.stop().await;
}

#[tokio::test]
async fn nobody_is_dialled_who_is_not_of_the_internet() {
    let house = House::new(Reach::Public).await;
    let own = Sockets::of(&house.world.machine).unwrap();
    let _listening = own.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80)).await.unwrap();
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::ConnectionRefused, ErrorKind::BrokenPipe];
    let in_vain = [
        SocketAddrV4::new(MACHINE, 80),
        SocketAddrV4::new(NEIGHBOUR, 80),
        // Nobody listens there; nobody is there.
        SocketAddrV4::new(SITE, 81),
        SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 99), 80),
        // The listener itself, without having been turned there.
        LISTENER,
    ];
    for address in in_vain {
        let answer = house.ask(address).await;
        assert!(answer.as_ref().is_err_and(|kind| kinds.contains(kind)), "{address}: {answer:?}");
    }
    house.stop().await;
}

#[tokio::test]
async fn private_networks_are_dialled_where_that_is_wanted_and_the_machine_never() {
    let house = House::new(Reach::All).await;
    let own = Sockets::of(&house.world.machine).unwrap();
    let _listening = own.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80)).await.unwrap();
    assert_eq!(house.ask(SocketAddrV4::new(NEIGHBOUR, 80)).await.unwrap(), format!("hello {MACHINE}"));
    house.ask(SocketAddrV4::new(MACHINE, 80)).await.unwrap_err();
    house.stop().await;
}

#[tokio::test]
async fn without_a_reach_nothing_is_dialled_and_no_name_is_asked_for() {
    let house = House::new(Reach::None).await;
    assert_eq!(house.ask(SocketAddrV4::new(SITE, 80)).await, Err(ErrorKind::ConnectionRefused));
    assert_eq!(house.resolve("www.example.com").await, 0);
    house.stop().await;
}

//! The edge with real namespaces. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};

use edge::{
    Client, ClientError, Error, ItemError, Options, Section, Vpcs,
    protocol::{self, Vpc},
};
use futures::future::BoxFuture;
use network::{Namespace, Sockets, task};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// An edge inside this test.
struct Edge {
    directory: tempfile::TempDir,
    client: Client,
    running: JoinHandle<Result<(), Error>>,
}

impl Edge {
    async fn start(control_plane: SocketAddr, sections: Vec<Box<dyn Section>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("edge.sock");
        let resolvers = directory.path().join("resolv.conf");
        let options =
            Options { socket: socket.clone(), control_plane, version: "test".to_owned(), resolvers, sections };
        let running = tokio::spawn(edge::run(options));
        let client = Client::new(socket);
        answering(&client).await;
        Self { directory, client, running }
    }

    async fn stop(self) {
        self.client.shutdown().await.unwrap();
        self.running.await.unwrap().unwrap();
        assert!(!self.directory.path().join("edge.sock").exists());
    }
}

/// Waits until an edge answers, and says who it is.
async fn answering(client: &Client) -> edge::Hello {
    let begun = Instant::now();
    loop {
        match client.hello().await {
            Ok(hello) => return hello,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Where nothing listens.
fn nowhere() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

fn vpc(id: &str) -> Vpc {
    Vpc {
        id: id.to_owned(),
        routers: [Ipv4Addr::new(10, 0, 1, 1)].into(),
        resolver: Some(Ipv4Addr::new(10, 0, 0, 2)),
        ..Vpc::default()
    }
}

/// A task at 10.0.1.`host` in a VPC that `client`'s edge holds.
async fn task(client: &Client, id: &str, host: u8) -> Namespace {
    let held = client.hello().await.unwrap().vpcs.remove(id).unwrap();
    let vpc = network::Vpc::open(&held.namespace).unwrap();
    assert_eq!(vpc.namespace().identity().inode, held.inode);
    let router = Ipv4Addr::new(10, 0, 1, 1);
    let place = task::Spec {
        interface_id: format!("eni-{host}"),
        mac: [2, 0, 10, 0, 1, host],
        address: Ipv4Addr::new(10, 0, 1, host),
        subnet: "10.0.1.0/24".parse().unwrap(),
        router,
    };
    vpc.attach(&place).await.unwrap()
}

fn zones(name: &str, address: [u8; 4]) -> dns::Zones {
    let data = vec![dns::Data::Address(address.into())];
    let set = dns::RecordSet { name: name.to_owned(), ttl: 10, answers_max: 8, data };
    let (_, apex) = name.split_once('.').unwrap();
    dns::Zones { zones: vec![dns::Zone { apex: apex.to_owned(), negative_ttl: 5, records: vec![set] }] }
}

/// The address that `resolver` gives for `name`; none if it gives none.
async fn resolve(from: &Namespace, resolver: &str, name: &str) -> Option<Ipv4Addr> {
    let socket = Sockets::of(from).unwrap().udp("0.0.0.0:0".parse().unwrap()).await.unwrap();
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    socket.send_to(&question, resolver).await.unwrap();
    let mut buffer = [0; 512];
    let length = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    let answers = buffer[7];
    (answers > 0).then(|| Ipv4Addr::from(<[u8; 4]>::try_from(&buffer[length - 4..length]).unwrap()))
}

#[tokio::test]
async fn tasks_of_each_vpc_get_the_names_of_their_own() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let client = &edge.client;
    assert_eq!(client.vpcs(vec![vpc("vpc-1"), vpc("vpc-2")]).await.unwrap(), []);
    let (one, two) = (task(client, "vpc-1", 5).await, task(client, "vpc-2", 5).await);
    let all = [("vpc-1", [10, 0, 1, 11]), ("vpc-2", [10, 0, 1, 22])]
        .map(|(id, address)| (id.to_owned(), zones("api.flask.sample", address)));
    assert_eq!(client.zones("servicediscovery", all.into()).await.unwrap(), []);
    for resolver in ["10.0.0.2:53", "169.254.169.253:53"] {
        assert_eq!(resolve(&one, resolver, "api.flask.sample").await, Some(Ipv4Addr::new(10, 0, 1, 11)));
        assert_eq!(resolve(&two, resolver, "api.flask.sample").await, Some(Ipv4Addr::new(10, 0, 1, 22)));
        assert_eq!(resolve(&one, resolver, "other.flask.sample").await, None);
    }
    edge.stop().await;
}

#[tokio::test]
async fn names_of_several_owners_stand_side_by_side_and_may_come_before_their_vpc() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let client = &edge.client;
    let of = |zones| BTreeMap::from([("vpc-1".to_owned(), zones)]);
    client.zones("servicediscovery", of(zones("api.flask.sample", [10, 0, 1, 11]))).await.unwrap();
    client.zones("elbv2", of(zones("lb.elb.internal", [10, 0, 1, 12]))).await.unwrap();
    client.vpcs(vec![vpc("vpc-1")]).await.unwrap();
    let task = task(client, "vpc-1", 5).await;
    assert!(resolve(&task, "10.0.0.2:53", "api.flask.sample").await.is_some());
    assert!(resolve(&task, "10.0.0.2:53", "lb.elb.internal").await.is_some());
    client.zones("servicediscovery", BTreeMap::new()).await.unwrap();
    assert!(resolve(&task, "10.0.0.2:53", "api.flask.sample").await.is_none());
    assert!(resolve(&task, "10.0.0.2:53", "lb.elb.internal").await.is_some());
    edge.stop().await;
}

#[tokio::test]
async fn a_wrong_name_is_an_error_of_its_vpc_and_leaves_the_names_before() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let client = &edge.client;
    client.vpcs(vec![vpc("vpc-1")]).await.unwrap();
    let task = task(client, "vpc-1", 5).await;
    let of = |zones| BTreeMap::from([("vpc-1".to_owned(), zones)]);
    client.zones("a", of(zones("api.flask.sample", [10, 0, 1, 11]))).await.unwrap();
    let errors = client.zones("b", of(zones(&format!("{}.sample", "x".repeat(64)), [10, 0, 1, 12]))).await.unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].item, "vpc-1");
    assert!(resolve(&task, "10.0.0.2:53", "api.flask.sample").await.is_some());
    // Nor do they stand in the way of others.
    assert_eq!(client.zones("a", of(zones("new.flask.sample", [10, 0, 1, 11]))).await.unwrap(), []);
    assert!(resolve(&task, "10.0.0.2:53", "new.flask.sample").await.is_some());
    edge.stop().await;
}

#[tokio::test]
async fn the_relay_reaches_the_control_plane_wherever_it_is_and_refuses_at_once_when_it_is_gone() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let client = &edge.client;
    client.vpcs(vec![vpc("vpc-1")]).await.unwrap();
    let task = task(client, "vpc-1", 5).await;
    let sockets = Sockets::of(&task).unwrap();
    for port in [4566, 80] {
        relays(client, &sockets, port).await;
    }
    edge.stop().await;
}

/// What a relay at `port` does for a task at 10.0.1.5 of `vpc-1`.
async fn relays(client: &Client, sockets: &Sockets, port: u16) {
    let relay = SocketAddrV4::new(Ipv4Addr::new(169, 254, 170, 2), port);
    client.relay(nowhere()).await.unwrap();
    let begun = Instant::now();
    let mut stream = sockets.connect(None, relay, PATIENCE).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(begun.elapsed() < PATIENCE);

    let control_plane = TcpListener::bind("127.0.0.1:0").await.unwrap();
    client.relay(control_plane.local_addr().unwrap()).await.unwrap();
    let mut stream = sockets.connect(None, relay, PATIENCE).await.unwrap();
    let (mut served, _) = control_plane.accept().await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut header = [0; 16 + 12 + 3 + 5];
    served.read_exact(&mut header).await.unwrap();
    assert_eq!((&header[16..20], &header[31..]), ([10, 0, 1, 5].as_slice(), b"vpc-1".as_slice()), "who calls");
    assert_eq!(header[26..28], port.to_be_bytes(), "where");
    let mut buffer = [0; 4];
    served.read_exact(&mut buffer).await.unwrap();
    served.write_all(b"pong").await.unwrap();
    drop(served);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!((&buffer, answer.as_str()), (b"ping", "pong"));
}

#[tokio::test]
async fn telling_it_again_disturbs_nobody_and_leaving_a_vpc_out_lets_go_of_it() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let client = &edge.client;
    client.vpcs(vec![vpc("vpc-1"), vpc("vpc-2")]).await.unwrap();
    let before = client.hello().await.unwrap();
    client.vpcs(vec![vpc("vpc-1"), vpc("vpc-2")]).await.unwrap();
    assert_eq!(client.hello().await.unwrap(), before);
    client.vpcs(vec![vpc("vpc-2")]).await.unwrap();
    let after = client.hello().await.unwrap();
    assert_eq!(after.vpcs.keys().collect::<Vec<_>>(), ["vpc-2"]);
    assert_eq!(after.vpcs["vpc-2"], before.vpcs["vpc-2"]);
    edge.stop().await;
}

#[tokio::test]
async fn a_new_edge_adopts_the_namespace_that_somebody_kept() {
    let first = Edge::start(nowhere(), vec![]).await;
    first.client.vpcs(vec![vpc("vpc-1")]).await.unwrap();
    let held = first.client.hello().await.unwrap().vpcs.remove("vpc-1").unwrap();
    let kept = Namespace::open(&held.namespace).unwrap();
    let task = task(&first.client, "vpc-1", 5).await;
    first.stop().await;

    let second = Edge::start(nowhere(), vec![]).await;
    let adopted = Vpc { adopt: Some(kept.path()), ..vpc("vpc-1") };
    assert_eq!(second.client.vpcs(vec![adopted]).await.unwrap(), []);
    assert_eq!(second.client.hello().await.unwrap().vpcs["vpc-1"].inode, held.inode);
    let of = BTreeMap::from([("vpc-1".to_owned(), zones("api.flask.sample", [10, 0, 1, 11]))]);
    second.client.zones("servicediscovery", of).await.unwrap();
    assert!(resolve(&task, "10.0.0.2:53", "api.flask.sample").await.is_some());

    // One whose namespace is gone is made anew.
    let gone = Vpc { adopt: Some(PathBuf::from("/proc/1/fd/999999")), ..vpc("vpc-2") };
    second.client.vpcs(vec![gone]).await.unwrap();
    assert!(second.client.hello().await.unwrap().vpcs.contains_key("vpc-2"));
    second.stop().await;
}

#[tokio::test]
async fn a_vpc_that_cannot_be_made_is_named_and_the_others_are_made() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let bad = Vpc { extra: [Ipv4Addr::new(224, 0, 0, 1)].into(), ..vpc("vpc-bad") };
    let errors = edge.client.vpcs(vec![bad, vpc("vpc-good")]).await.unwrap();
    assert_eq!(errors.iter().map(|error| error.item.as_str()).collect::<Vec<_>>(), ["vpc-bad"], "{errors:?}");
    let good = task(&edge.client, "vpc-good", 5).await;
    assert!(resolve(&good, "10.0.0.2:53", "api.flask.sample").await.is_none());
    edge.stop().await;
}

/// A section that tries to listen at the addresses it is told.
struct Listeners(Vec<TcpListener>);

impl Section for Listeners {
    fn name(&self) -> &'static str {
        "listeners"
    }

    fn apply<'a>(&'a mut self, desired: serde_json::Value, vpcs: &'a Vpcs) -> BoxFuture<'a, Vec<ItemError>> {
        Box::pin(async move {
            let address = desired.as_str().unwrap().parse().unwrap();
            match vpcs.sockets("vpc-1").unwrap().listen(address).await {
                Ok(listener) => {
                    self.0.push(listener);
                    Vec::new()
                }
                Err(error) => vec![ItemError::new(desired.as_str().unwrap(), &error)],
            }
        })
    }
}

#[tokio::test]
async fn a_plugged_section_is_told_its_state_and_reaches_into_vpcs() {
    let edge = Edge::start(nowhere(), vec![Box::new(Listeners(Vec::new()))]).await;
    let balancer = Vpc { extra: [Ipv4Addr::new(10, 0, 1, 9)].into(), ..vpc("vpc-1") };
    edge.client.vpcs(vec![balancer]).await.unwrap();
    assert_eq!(edge.client.plugged("listeners", &"10.0.1.9:80").await.unwrap(), []);
    let errors = edge.client.plugged("listeners", &"10.0.1.10:80").await.unwrap();
    assert_eq!(errors[0].item, "10.0.1.10:80");
    assert!(errors[0].error.contains("can't listen on 10.0.1.10:80: Cannot assign requested address"), "{errors:?}");
    let refused = edge.client.plugged("balancers", &()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the edge process refused: this edge has no section `balancers`");
    edge.stop().await;
}

#[tokio::test]
async fn there_is_only_one_edge_at_a_socket() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let options = Options {
        socket: edge.client.socket().to_owned(),
        control_plane: nowhere(),
        version: "test".to_owned(),
        resolvers: PathBuf::from("/nonexistent/resolv.conf"),
        sections: Vec::new(),
    };
    assert!(matches!(edge::run(options).await, Err(Error::Running(_))));
    edge.client.hello().await.unwrap();
    edge.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_the_conversation_goes_on() {
    let edge = Edge::start(nowhere(), vec![]).await;
    let mut stream = tokio::net::UnixStream::connect(edge.client.socket()).await.unwrap();
    stream.write_all(b"{\"apply\":{\"weather\":1}}\n\"hello\"\n").await.unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stream));
    let refused = lines.next_line().await.unwrap().unwrap();
    assert!(refused.starts_with("{\"refused\":\"this is not a request"), "{refused}");
    let reply: protocol::Reply = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert!(matches!(reply, protocol::Reply::Hello(_)));
    edge.stop().await;
}

/// An edge in a process of its own, which ends with the test.
struct Process(Child);

impl Process {
    fn start(socket: &std::path::Path) -> Self {
        let tests = std::env::current_exe().unwrap();
        let program = tests.parent().unwrap().parent().unwrap().join("examples/edge");
        Self(Command::new(program).arg(socket).arg("127.0.0.1:1").spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_process_ignores_the_terminal_ends_with_sigterm_and_follows_one_that_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("edge.sock");
    let client = Client::new(&socket);

    let mut first = Process::start(&socket);
    assert_eq!(answering(&client).await.pid, first.0.id());
    client.vpcs(vec![vpc("vpc-1")]).await.unwrap();
    first.signal(Signal::SIGINT);
    first.signal(Signal::SIGHUP);
    assert_eq!(client.hello().await.unwrap().pid, first.0.id());
    first.signal(Signal::SIGKILL);
    first.0.wait().unwrap();

    let mut second = Process::start(&socket);
    let hello = answering(&client).await;
    assert_eq!((hello.pid, hello.vpcs.len()), (second.0.id(), 0));
    second.signal(Signal::SIGTERM);
    assert!(second.0.wait().unwrap().success());
    assert!(matches!(client.hello().await, Err(ClientError::Absent { .. })));
}

//! Security groups in real namespaces. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use common::{BALANCER, PATIENCE, SILENCE, ask, ask_in_vain, serve, spec, task, vpc};
use network::{
    Error, Namespace, Vpc,
    security::{Group, Peer, Policy, Protocol, Rule},
};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

fn from_net(protocol: Protocol, net: &str) -> Rule {
    Rule { protocol, peer: Peer::Net(net.parse().unwrap()) }
}

fn from_group(protocol: Protocol, group: &str) -> Rule {
    Rule { protocol, peer: Peer::Group(group.to_owned()) }
}

/// A group with these ingress rules that lets everything out, as a new one does on AWS.
fn open_out(ingress: Vec<Rule>) -> Group {
    Group { ingress, egress: vec![from_net(Protocol::All, "0.0.0.0/0")] }
}

fn policy(groups: &[(&str, Group)], interfaces: &[([u8; 4], &[&str])]) -> Policy {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Policy {
        groups: groups.iter().map(|(name, group)| ((*name).to_owned(), group.clone())).collect(),
        interfaces: interfaces.iter().map(|(address, names)| (Ipv4Addr::from(*address), owned(names))).collect(),
        infrastructure: spec().infrastructure(),
        outside: None,
    }
}

/// A client, a server and a stranger.
async fn three(vpc: &Vpc) -> [Namespace; 3] {
    let server = task(vpc, 2, 5).await;
    serve(&server, "server", "0.0.0.0:80").await;
    serve(&server, "server", "0.0.0.0:8080").await;
    [task(vpc, 1, 5).await, server, task(vpc, 1, 6).await]
}

const ADDRESSES: [[u8; 4]; 3] = [[10, 0, 1, 5], [10, 0, 2, 5], [10, 0, 1, 6]];

#[tokio::test]
async fn members_of_the_named_group_come_in_and_others_do_not() {
    let vpc = vpc().await;
    let [client, _server, stranger] = three(&vpc).await;
    let server = open_out(vec![from_group(Protocol::Tcp(80, 80), "sg-client")]);
    let groups = [("sg-client", open_out(vec![])), ("sg-server", server), ("sg-other", open_out(vec![]))];
    let interfaces: [([u8; 4], &[&str]); 3] =
        [(ADDRESSES[0], &["sg-client"]), (ADDRESSES[1], &["sg-server"]), (ADDRESSES[2], &["sg-other"])];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    assert_eq!(ask(&client, "10.0.2.5:80").await, "server peer=10.0.1.5 for=itself");
    ask_in_vain(&client, "10.0.2.5:8080").await;
    ask_in_vain(&stranger, "10.0.2.5:80").await;
}

#[tokio::test]
async fn a_network_and_a_range_of_ports_let_in_what_fits_both() {
    let vpc = vpc().await;
    let [client, _server, stranger] = three(&vpc).await;
    let server = open_out(vec![from_net(Protocol::Tcp(1000, 9000), "10.0.1.5/32")]);
    let groups = [("sg-server", server), ("sg-out", open_out(vec![]))];
    let interfaces: [([u8; 4], &[&str]); 3] =
        [(ADDRESSES[0], &["sg-out"]), (ADDRESSES[1], &["sg-server"]), (ADDRESSES[2], &["sg-out"])];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    assert_eq!(ask(&client, "10.0.2.5:8080").await, "server peer=10.0.1.5 for=itself");
    ask_in_vain(&client, "10.0.2.5:80").await;
    ask_in_vain(&stranger, "10.0.2.5:8080").await;
}

#[tokio::test]
async fn what_may_come_in_must_also_be_let_out() {
    let vpc = vpc().await;
    let [client, _server, stranger] = three(&vpc).await;
    let server = open_out(vec![from_net(Protocol::All, "0.0.0.0/0")]);
    let client_group = Group { ingress: vec![], egress: vec![from_group(Protocol::Tcp(80, 80), "sg-server")] };
    let groups = [("sg-server", server), ("sg-client", client_group), ("sg-mute", Group::default())];
    let interfaces: [([u8; 4], &[&str]); 3] =
        [(ADDRESSES[0], &["sg-client"]), (ADDRESSES[1], &["sg-server"]), (ADDRESSES[2], &["sg-mute"])];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    assert_eq!(ask(&client, "10.0.2.5:80").await, "server peer=10.0.1.5 for=itself");
    ask_in_vain(&client, "10.0.2.5:8080").await;
    ask_in_vain(&stranger, "10.0.2.5:80").await;
}

#[tokio::test]
async fn the_rules_of_all_groups_of_an_interface_add_up() {
    let vpc = vpc().await;
    let [client, _server, _stranger] = three(&vpc).await;
    let http = Group { ingress: vec![from_net(Protocol::Tcp(80, 80), "0.0.0.0/0")], egress: vec![] };
    let alternative = Group { ingress: vec![from_net(Protocol::Tcp(8080, 8080), "0.0.0.0/0")], egress: vec![] };
    let groups = [("sg-a", http), ("sg-b", alternative), ("sg-out", open_out(vec![]))];
    let interfaces: [([u8; 4], &[&str]); 2] = [(ADDRESSES[0], &["sg-out"]), (ADDRESSES[1], &["sg-a", "sg-b"])];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    assert_eq!(ask(&client, "10.0.2.5:80").await, "server peer=10.0.1.5 for=itself");
    assert_eq!(ask(&client, "10.0.2.5:8080").await, "server peer=10.0.1.5 for=itself");
}

#[tokio::test]
async fn a_load_balancer_is_a_member_like_a_task() {
    let vpc = vpc().await;
    let [client, _server, stranger] = three(&vpc).await;
    serve(vpc.namespace(), "balancer", "10.0.1.200:80").await;
    let server = open_out(vec![from_group(Protocol::All, "sg-balancer")]);
    let balancer = open_out(vec![from_net(Protocol::Tcp(80, 80), "10.0.1.5/32")]);
    let groups = [("sg-server", server), ("sg-balancer", balancer), ("sg-out", open_out(vec![]))];
    let interfaces: [([u8; 4], &[&str]); 4] = [
        (ADDRESSES[0], &["sg-out"]),
        (ADDRESSES[1], &["sg-server"]),
        (ADDRESSES[2], &["sg-out"]),
        (BALANCER.octets(), &["sg-balancer"]),
    ];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    // To it.
    assert_eq!(ask(&client, "10.0.1.200:80").await, "balancer peer=10.0.1.5 for=itself");
    ask_in_vain(&stranger, "10.0.1.200:80").await;
    // From it, and from nobody else.
    let sockets = vpc.sockets().unwrap();
    sockets.connect(Some(BALANCER), "10.0.2.5:80".parse().unwrap(), PATIENCE).await.unwrap();
    ask_in_vain(&client, "10.0.2.5:80").await;
}

#[tokio::test]
async fn routers_resolver_and_control_plane_are_always_reached_and_reach_all() {
    let vpc = vpc().await;
    let [client, _server, _stranger] = three(&vpc).await;
    for address in ["10.0.0.2:53", "10.0.1.1:53", "169.254.169.253:53", "169.254.170.2:4566"] {
        serve(vpc.namespace(), "vpc", address).await;
    }
    let groups = [("sg-mute", Group::default())];
    let interfaces: [([u8; 4], &[&str]); 2] = [(ADDRESSES[0], &["sg-mute"]), (ADDRESSES[1], &["sg-mute"])];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    for address in ["10.0.0.2:53", "10.0.1.1:53", "169.254.169.253:53", "169.254.170.2:4566"] {
        assert_eq!(ask(&client, address).await, "vpc peer=10.0.1.5 for=itself");
    }
    assert_eq!(ask(vpc.namespace(), "10.0.2.5:80").await, "server peer=10.0.2.1 for=itself");
    ask_in_vain(&client, "10.0.2.5:80").await;
}

#[tokio::test]
async fn udp_and_icmp_are_told_apart() {
    let vpc = vpc().await;
    let [client, server, _stranger] = three(&vpc).await;
    let groups = [
        ("sg-server", open_out(vec![from_net(Protocol::Udp(53, 53), "0.0.0.0/0")])),
        ("sg-out", open_out(vec![from_net(Protocol::Icmp(Some(8), None), "0.0.0.0/0")])),
    ];
    let interfaces: [([u8; 4], &[&str]); 2] = [(ADDRESSES[0], &["sg-out"]), (ADDRESSES[1], &["sg-server"])];
    vpc.secure(&policy(&groups, &interfaces)).await.unwrap();
    ask_in_vain(&client, "10.0.2.5:80").await;
    let receiver = network::Sockets::of(&server).unwrap().udp("10.0.2.5:53".parse().unwrap()).await.unwrap();
    let sender = network::Sockets::of(&client).unwrap().udp("10.0.1.5:0".parse().unwrap()).await.unwrap();
    sender.send_to(b"ask", "10.0.2.5:53").await.unwrap();
    let mut buffer = [0; 8];
    let (_, from) = tokio::time::timeout(PATIENCE, receiver.recv_from(&mut buffer)).await.unwrap().unwrap();
    // The answer belongs to what was asked.
    receiver.send_to(b"answer", from).await.unwrap();
    tokio::time::timeout(PATIENCE, sender.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert!(ping(&server, "10.0.1.5").await, "echo requests to the client are allowed");
    assert!(!ping(&client, "10.0.2.5").await, "echo requests to the server are not");
}

/// Whether an ICMP echo is answered.
async fn ping(namespace: &Namespace, address: &'static str) -> bool {
    let work = move || {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), SockProtocol::Icmp).unwrap();
        let socket = std::net::UdpSocket::from(socket);
        socket.set_read_timeout(Some(SILENCE)).unwrap();
        let echo_request = [8, 0, 0, 0, 0, 0, 0, 1];
        socket.send_to(&echo_request, format!("{address}:0")).unwrap();
        socket.recv(&mut [0; 64]).is_ok()
    };
    namespace.run("ping", work).await.unwrap()
}

#[tokio::test]
async fn a_new_policy_holds_for_new_connections_and_lets_old_ones_be() {
    let vpc = vpc().await;
    let [client, server, _stranger] = three(&vpc).await;
    let open = [("sg", open_out(vec![from_net(Protocol::All, "0.0.0.0/0")]))];
    let closed = [("sg", open_out(vec![]))];
    let interfaces: [([u8; 4], &[&str]); 2] = [(ADDRESSES[0], &["sg"]), (ADDRESSES[1], &["sg"])];
    vpc.secure(&policy(&open, &interfaces)).await.unwrap();
    let listener = server.run("listen", || TcpListener::bind("10.0.2.5:90").unwrap()).await.unwrap();
    let mut near = client.run("connect", || TcpStream::connect("10.0.2.5:90").unwrap()).await.unwrap();
    let (mut far, _) = listener.accept().unwrap();
    vpc.secure(&policy(&closed, &interfaces)).await.unwrap();
    ask_in_vain(&client, "10.0.2.5:80").await;
    near.write_all(b"still here").unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 10];
    far.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"still here");
}

#[tokio::test]
async fn replacing_the_policy_loses_no_packet() {
    let vpc = vpc().await;
    let [client, server, _stranger] = three(&vpc).await;
    let open = [("sg", open_out(vec![from_net(Protocol::Tcp(80, 80), "0.0.0.0/0")]))];
    let interfaces: [([u8; 4], &[&str]); 2] = [(ADDRESSES[0], &["sg"]), (ADDRESSES[1], &["sg"])];
    let policy = policy(&open, &interfaces);
    vpc.secure(&policy).await.unwrap();
    let replacing = async {
        for _ in 0..50 {
            vpc.secure(&policy).await.unwrap();
        }
    };
    let asking = async {
        loop {
            assert_eq!(ask(&client, "10.0.2.5:80").await, "server peer=10.0.1.5 for=itself");
        }
    };
    tokio::select! {
        () = replacing => {}
        () = asking => {}
    }
    assert_eq!((sent_again(&client).await, sent_again(&server).await), (0, 0));
}

/// How many TCP segments `namespace` has sent a second time, which is what a lost packet shows by.
async fn sent_again(namespace: &Namespace) -> u64 {
    let read = || std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let text = namespace.run("read counters", read).await.unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap().split(' '), lines.next().unwrap().split(' '));
    names.zip(values).find(|(name, _)| *name == "RetransSegs").unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn thousands_of_members_fit_one_transaction() {
    let vpc = vpc().await;
    let groups = [("sg", open_out(vec![from_group(Protocol::All, "sg")]))];
    let mut policy = policy(&groups, &[]);
    for number in 0..3000_u32 {
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 16, 0)) + number);
        policy.interfaces.insert(address, ["sg".to_owned()].into());
    }
    vpc.secure(&policy).await.unwrap();
}

#[tokio::test]
async fn what_the_kernel_refuses_leaves_the_rules_before_in_force() {
    let vpc = vpc().await;
    let [client, _server, _stranger] = three(&vpc).await;
    let interfaces: [([u8; 4], &[&str]); 2] = [(ADDRESSES[0], &["sg"]), (ADDRESSES[1], &["sg"])];
    vpc.secure(&policy(&[("sg", open_out(vec![]))], &interfaces)).await.unwrap();
    let too_long = "x".repeat(300);
    let bad = policy(&[(&too_long, open_out(vec![]))], &interfaces);
    let error = vpc.secure(&bad).await.unwrap_err();
    assert!(
        matches!(&error, Error::Rules { table: "security", source } if source.to_string().contains("set xxx")),
        "{error:?}"
    );
    ask_in_vain(&client, "10.0.2.5:80").await;
}

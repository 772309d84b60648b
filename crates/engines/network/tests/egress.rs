//! What may leave a VPC, in real namespaces. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, UdpSocket},
};

use common::{PATIENCE, ask, serve, spec, task, vpc};
use network::{
    Namespace,
    egress::{Outside, Reach},
    security::{Group, Peer, Policy, Protocol, Rule},
};

const WITH_A_WAY: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 5);
const WITHOUT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 6);
const NARROW: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 7);

fn egress(protocol: Protocol, net: &str) -> Group {
    Group { ingress: vec![], egress: vec![Rule { protocol, peer: Peer::Net(net.parse().unwrap()) }] }
}

fn policy(reach: Reach) -> Policy {
    let set = |name: &str| BTreeSet::from([name.to_owned()]);
    let everywhere: BTreeSet<_> = ["0.0.0.0/0".parse().unwrap()].into();
    Policy {
        groups: [
            ("open".to_owned(), egress(Protocol::All, "0.0.0.0/0")),
            ("https".to_owned(), egress(Protocol::Tcp(443, 443), "0.0.0.0/0")),
        ]
        .into(),
        interfaces: [(WITH_A_WAY, set("open")), (WITHOUT, set("open")), (NARROW, set("https"))].into(),
        infrastructure: spec().infrastructure(),
        outside: Some(Outside {
            cidr: "10.0.0.0/16".parse().unwrap(),
            reach,
            ways: [(WITH_A_WAY, everywhere.clone()), (NARROW, everywhere)].into(),
        }),
    }
}

/// Three tasks of a VPC with `policy`, and somebody who takes what leaves.
async fn tasks(policy: &Policy) -> (network::Vpc, [Namespace; 3]) {
    let vpc = vpc().await;
    vpc.secure(policy).await.unwrap();
    serve(vpc.namespace(), "taken", &network::egress::LISTENER.to_string()).await;
    let tasks = [task(&vpc, 1, 5).await, task(&vpc, 1, 6).await, task(&vpc, 1, 7).await];
    (vpc, tasks)
}

const REFUSED: &str = "ConnectionRefused";

#[tokio::test]
async fn what_has_a_way_and_a_rule_is_taken_and_the_rest_is_refused_at_once() {
    let (_vpc, [open, without, narrow]) = tasks(&policy(Reach::Public)).await;
    assert_eq!(ask(&open, "198.51.100.7:80").await, "taken peer=10.0.1.5 for=198.51.100.7:80");
    assert_eq!(ask(&narrow, "198.51.100.7:443").await, "taken peer=10.0.1.7 for=198.51.100.7:443");
    assert_eq!(ask(&narrow, "198.51.100.7:80").await, REFUSED, "no rule of its group lets it out");
    assert_eq!(ask(&without, "198.51.100.7:80").await, REFUSED, "its subnet has no way out");
    for never in ["169.254.169.254:80", "10.1.0.1:80", "192.168.1.1:80", "100.64.0.1:80", "127.0.0.2:80"] {
        assert_eq!(ask(&open, never).await, REFUSED, "{never}");
    }
}

#[tokio::test]
async fn private_networks_are_reached_where_that_is_wanted_and_the_metadata_of_instances_never() {
    let (_vpc, [open, ..]) = tasks(&policy(Reach::All)).await;
    assert_eq!(ask(&open, "192.168.1.1:80").await, "taken peer=10.0.1.5 for=192.168.1.1:80");
    assert_eq!(ask(&open, "169.254.169.254:80").await, REFUSED);
}

#[tokio::test]
async fn a_route_leads_where_it_leads_and_no_further() {
    let mut policy = policy(Reach::Public);
    let one: BTreeMap<_, _> = [(WITH_A_WAY, ["198.51.100.0/24".parse().unwrap()].into())].into();
    policy.outside.as_mut().unwrap().ways = one;
    let (_vpc, [open, ..]) = tasks(&policy).await;
    assert_eq!(ask(&open, "198.51.100.7:80").await, "taken peer=10.0.1.5 for=198.51.100.7:80");
    assert_eq!(ask(&open, "203.0.113.7:80").await, REFUSED);
}

#[tokio::test]
async fn with_no_reach_nobody_leaves_and_inside_all_is_as_it_was() {
    let mut policy = policy(Reach::None);
    let inside = Rule { protocol: Protocol::All, peer: Peer::Net("10.0.0.0/16".parse().unwrap()) };
    policy.groups.get_mut("open").unwrap().ingress.push(inside);
    let (vpc, [open, without, _]) = tasks(&policy).await;
    assert_eq!(ask(&open, "198.51.100.7:80").await, REFUSED);
    serve(&without, "neighbour", "0.0.0.0:80").await;
    assert_eq!(ask(&open, "10.0.1.6:80").await, "neighbour peer=10.0.1.5 for=itself");
    serve(vpc.namespace(), "control", "169.254.170.2:4566").await;
    assert_eq!(ask(&open, "169.254.170.2:4566").await, "control peer=10.0.1.5 for=itself");
}

#[tokio::test]
async fn nobody_waits_for_an_address_that_nobody_has_or_for_a_datagram_that_would_leave() {
    let (_vpc, [open, ..]) = tasks(&policy(Reach::Public)).await;
    // A rule lets it leave; the VPC's router says that nobody is there.
    let answer = ask(&open, "10.0.77.77:80").await;
    assert!(["NetworkUnreachable", "HostUnreachable"].contains(&answer.as_str()), "{answer}");
    for outside in ["169.254.169.254:53", "198.51.100.7:53"] {
        let send = move || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.connect(outside).unwrap();
            socket.send(b"?").unwrap();
            socket.recv(&mut [0]).unwrap_err().kind()
        };
        let kind = open.run("send", send).await.unwrap();
        assert_eq!(kind, std::io::ErrorKind::HostUnreachable, "{outside}");
    }
}

//! VPCs and tasks in real namespaces. Needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::{
    fs,
    io::ErrorKind,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use common::{PATIENCE, ask, place, serve, spec, task, vpc};
use network::{Error, Identity, Vpc, vpc::Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn converging_twice_changes_nothing_and_a_new_balancer_is_one_step() {
    let vpc = Vpc::create().await.unwrap();
    assert_eq!(vpc.converge(&spec()).await.unwrap().len(), spec().addresses().len());
    assert_eq!(vpc.converge(&spec()).await.unwrap(), []);
    let mut more = spec();
    let address = Ipv4Addr::new(10, 0, 2, 77);
    more.extra.insert(address);
    assert_eq!(vpc.converge(&more).await.unwrap(), [Step::Add(address)]);
    assert_eq!(vpc.converge(&spec()).await.unwrap(), [Step::Remove(address)]);
}

#[tokio::test]
async fn tasks_reach_each_other_with_their_own_addresses_within_and_across_subnets() {
    let vpc = vpc().await;
    let (a, b, c) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await, task(&vpc, 2, 5).await);
    serve(&a, "a", "0.0.0.0:80").await;
    assert_eq!(ask(&b, "10.0.1.5:80").await, "a peer=10.0.1.6 for=itself");
    assert_eq!(ask(&c, "10.0.1.5:80").await, "a peer=10.0.2.5 for=itself");
    assert_eq!(ask(&a, "10.0.1.5:80").await, "a peer=10.0.1.5 for=itself");
    assert_eq!(ask(&a, "127.0.0.1:80").await, "a peer=127.0.0.1 for=itself");
}

#[tokio::test]
async fn an_address_that_is_nobodys_fails_at_once() {
    let vpc = vpc().await;
    let a = task(&vpc, 1, 5).await;
    let answer = ask(&a, "10.0.1.99:80").await;
    assert!(answer == "NetworkUnreachable" || answer == "HostUnreachable", "{answer}");
}

#[tokio::test]
async fn the_world_outside_is_refused_at_once() {
    let vpc = vpc().await;
    let a = task(&vpc, 1, 5).await;
    // Of a block kept for documentation, and of a private one that no VPC has.
    for address in ["203.0.113.7:443", "192.168.77.1:80"] {
        let begun = Instant::now();
        assert_eq!(ask(&a, address).await, "NetworkUnreachable", "{address}");
        assert!(begun.elapsed() < PATIENCE, "{address}");
    }
}

#[tokio::test]
async fn two_vpcs_with_the_same_addresses_do_not_meet() {
    let (one, two) = (vpc().await, vpc().await);
    let (a1, b1) = (task(&one, 1, 5).await, task(&one, 1, 6).await);
    let (a2, b2) = (task(&two, 1, 5).await, task(&two, 1, 6).await);
    serve(&a1, "one", "0.0.0.0:80").await;
    serve(&a2, "two", "0.0.0.0:80").await;
    assert_eq!(ask(&b1, "10.0.1.5:80").await, "one peer=10.0.1.6 for=itself");
    assert_eq!(ask(&b2, "10.0.1.5:80").await, "two peer=10.0.1.6 for=itself");
}

#[tokio::test]
async fn a_task_set_up_again_takes_the_place_of_the_old_one() {
    let vpc = vpc().await;
    let (old, b) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await);
    serve(&old, "old", "0.0.0.0:80").await;
    let new = task(&vpc, 1, 5).await;
    assert_ne!(old.identity(), new.identity());
    assert_eq!(ask(&b, "10.0.1.5:80").await, "ConnectionRefused");
    serve(&new, "new", "0.0.0.0:80").await;
    assert_eq!(ask(&b, "10.0.1.5:80").await, "new peer=10.0.1.6 for=itself");
    assert_eq!(vpc.attached().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_task_that_lost_its_vpc_is_put_on_the_new_one() {
    let lost = vpc().await;
    let a = task(&lost, 1, 5).await;
    serve(&a, "a", "0.0.0.0:80").await;
    drop(lost);
    let new = vpc().await;
    new.reattach(&a, &place(1, 5)).await.unwrap();
    new.reattach(&a, &place(1, 5)).await.unwrap();
    let b = task(&new, 1, 6).await;
    assert_eq!(ask(&b, "10.0.1.5:80").await, "a peer=10.0.1.6 for=itself");
}

#[tokio::test]
async fn a_detached_task_is_gone_and_detaching_again_is_fine() {
    let vpc = vpc().await;
    let _task = task(&vpc, 1, 5).await;
    vpc.detach(&place(1, 5).interface_id).await.unwrap();
    vpc.detach(&place(1, 5).interface_id).await.unwrap();
    assert!(vpc.attached().await.unwrap().is_empty());
}

#[tokio::test]
async fn letting_go_of_a_task_takes_it_off_its_vpc() {
    let vpc = vpc().await;
    drop(task(&vpc, 1, 5).await);
    // The kernel tears a namespace down in its own time.
    let gone = async {
        while !vpc.attached().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the link outlived its namespace");
}

#[tokio::test]
async fn a_task_cannot_speak_for_another() {
    let vpc = vpc().await;
    let (a, b) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await);
    let sockets = network::Sockets::of(&b).unwrap();
    let receiver = sockets.udp("10.0.1.6:53".parse().unwrap()).await.unwrap();
    // The task takes another's address for its own, which a container that is root can do.
    let stolen = network::vpc::Spec { extra: [Ipv4Addr::new(10, 0, 1, 7)].into(), ..network::vpc::Spec::default() };
    Vpc::of(a.try_clone().unwrap()).unwrap().converge(&stolen).await.unwrap();
    let send = |source: &'static str| {
        a.run("send", move || {
            let socket = std::net::UdpSocket::bind(source).unwrap();
            socket.send_to(source.as_bytes(), "10.0.1.6:53").unwrap();
        })
    };
    send("10.0.1.7:1000").await.unwrap();
    send("10.0.1.5:1000").await.unwrap();
    let mut buffer = [0; 32];
    let (length, _) = tokio::time::timeout(PATIENCE, receiver.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..length], b"10.0.1.5:1000", "the forged datagram came through");
}

#[tokio::test]
async fn sockets_of_a_vpc_serve_a_program_outside_of_it() {
    let vpc = vpc().await;
    let a = task(&vpc, 1, 5).await;
    let sockets = vpc.sockets().unwrap();
    serve(&a, "a", "0.0.0.0:80").await;
    let mut stream = sockets.connect(Some(common::BALANCER), "10.0.1.5:80".parse().unwrap(), PATIENCE).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "a peer=10.0.1.200 for=itself");

    let listener = sockets.listen("169.254.170.2:4566".parse().unwrap()).await.unwrap();
    let answer = tokio::spawn(async move {
        let (mut stream, peer) = listener.accept().await.unwrap();
        stream.write_all(peer.ip().to_string().as_bytes()).await.unwrap();
    });
    assert_eq!(ask(&a, "169.254.170.2:4566").await, "10.0.1.5");
    answer.await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_about_to_be_free_is_waited_for() {
    let vpc = vpc().await;
    let sockets = vpc.sockets().unwrap();
    let address = "169.254.169.253:53".parse().unwrap();
    let held = (sockets.udp(address).await.unwrap(), sockets.listen(address).await.unwrap());
    let after = async { tokio::join!(sockets.udp(address), sockets.listen(address)) };
    tokio::pin!(after);
    assert!(futures::poll!(&mut after).is_pending());
    drop(held);
    let (udp, listener) = after.await;
    assert_eq!(
        (udp.unwrap().local_addr().unwrap(), listener.unwrap().local_addr().unwrap()),
        (address.into(), address.into())
    );
}

#[tokio::test]
async fn a_refused_connection_says_so_in_the_error() {
    let vpc = vpc().await;
    let _a = task(&vpc, 1, 5).await;
    let error = vpc.sockets().unwrap().connect(None, "10.0.1.5:81".parse().unwrap(), PATIENCE).await.unwrap_err();
    assert_eq!(error.io().map(std::io::Error::kind), Some(ErrorKind::ConnectionRefused));
    assert_eq!(error.to_string(), "can't connect to 10.0.1.5:81");
}

#[tokio::test]
async fn a_vpc_is_opened_by_its_path_and_our_own_namespace_is_not() {
    let vpc = vpc().await;
    let again = Vpc::open(&vpc.namespace().path()).unwrap();
    assert_eq!(again.namespace().identity(), vpc.namespace().identity());
    assert!(matches!(Vpc::open("/proc/self/ns/net".as_ref()), Err(Error::Host(_))));
}

#[tokio::test]
async fn a_container_that_is_not_root_may_listen_on_port_80() {
    let vpc = vpc().await;
    let a = task(&vpc, 1, 5).await;
    let read = || fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    assert_eq!(a.run("read", read).await.unwrap().trim(), "0");
}

/// What anybody can see of this process's own namespace.
fn host() -> Vec<String> {
    let lines = |path: &str| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    let devices = lines("/proc/self/net/dev").into_iter().filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
    devices.chain(lines("/proc/self/net/fib_trie")).chain(lines("/proc/self/net/route")).collect()
}

#[tokio::test]
async fn our_own_namespace_gets_nothing() {
    let (before, identity) = (host(), Identity::of_thread().unwrap());
    let vpc = vpc().await;
    let (a, b) = (task(&vpc, 1, 5).await, task(&vpc, 2, 5).await);
    serve(&a, "a", "0.0.0.0:80").await;
    assert_eq!(ask(&b, "10.0.1.5:80").await, "a peer=10.0.2.5 for=itself");
    assert_eq!(host(), before);
    assert_eq!(Identity::of_thread().unwrap(), identity);
}

//! A VPC with tasks in it, made for one test; gone when the test ends.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
    os::fd::AsFd,
    thread,
    time::Duration,
};

use network::{Namespace, Vpc, task, vpc};
use nix::sys::socket::{getsockopt, sockopt::OriginalDst};

/// Long enough for a loaded machine to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Short, for what must not answer: a dropped packet is waited for this long.
pub(crate) const SILENCE: Duration = Duration::from_millis(400);

/// The routers of subnets 10.0.1.0/24 and 10.0.2.0/24, and a load balancer.
pub(crate) fn spec() -> vpc::Spec {
    vpc::Spec {
        routers: [Ipv4Addr::new(10, 0, 1, 1), Ipv4Addr::new(10, 0, 2, 1)].into(),
        resolver: Some(Ipv4Addr::new(10, 0, 0, 2)),
        extra: [BALANCER].into(),
    }
}

/// A load balancer's address.
pub(crate) const BALANCER: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 200);

/// A VPC with [`spec`].
pub(crate) async fn vpc() -> Vpc {
    let vpc = Vpc::create().await.unwrap();
    vpc.converge(&spec()).await.unwrap();
    vpc
}

/// What a task at 10.0.`subnet`.`host` asks for.
pub(crate) fn place(subnet: u8, host: u8) -> task::Spec {
    let router = Ipv4Addr::new(10, 0, subnet, 1);
    task::Spec {
        interface_id: format!("eni-{subnet:08x}{host:09x}"),
        mac: [2, 0, 10, 0, subnet, host],
        address: Ipv4Addr::new(10, 0, subnet, host),
        subnet: ipnet::Ipv4Net::new(router, 24).unwrap().trunc(),
        router,
    }
}

/// A task at 10.0.`subnet`.`host`.
pub(crate) async fn task(vpc: &Vpc, subnet: u8, host: u8) -> Namespace {
    vpc.attach(&place(subnet, host)).await.unwrap()
}

/// Answers each connection to `address` in `namespace` with `<name> peer=<ip> for=<original destination>`.
pub(crate) async fn serve(namespace: &Namespace, name: &'static str, address: &str) {
    let address: SocketAddr = address.parse().unwrap();
    let listener = namespace.run("listen", move || TcpListener::bind(address).unwrap()).await.unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap().ip();
            let _ = stream.write_all(format!("{name} peer={peer} for={}", original(&stream)).as_bytes());
        }
    });
}

/// Where the connection was meant to go; `itself` if it went there.
fn original(stream: &TcpStream) -> String {
    let meant = getsockopt(&stream.as_fd(), OriginalDst).map(|raw| {
        SocketAddr::V4(SocketAddrV4::new(u32::from_be(raw.sin_addr.s_addr).into(), u16::from_be(raw.sin_port)))
    });
    match meant {
        Ok(address) if address != stream.local_addr().unwrap() => address.to_string(),
        _ => "itself".to_owned(),
    }
}

/// What `address` answers to `namespace`, or the kind of error.
pub(crate) async fn ask(namespace: &Namespace, address: &str) -> String {
    ask_within(namespace, address, PATIENCE).await
}

/// Asserts that `address` stays silent toward `namespace`.
pub(crate) async fn ask_in_vain(namespace: &Namespace, address: &str) {
    assert_eq!(ask_within(namespace, address, SILENCE).await, "TimedOut", "{address}");
}

async fn ask_within(namespace: &Namespace, address: &str, patience: Duration) -> String {
    let address: SocketAddr = address.parse().unwrap();
    namespace.run("connect", move || read(address, patience)).await.unwrap()
}

/// What `address` answers to the calling thread.
pub(crate) fn read(address: SocketAddr, patience: Duration) -> String {
    let answer = TcpStream::connect_timeout(&address, patience).and_then(|mut stream| {
        stream.set_read_timeout(Some(patience))?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    });
    answer.unwrap_or_else(|error| format!("{:?}", error.kind()))
}

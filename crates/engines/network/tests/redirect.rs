//! App Mesh's redirects in real namespaces. Needs root.
#![expect(unsafe_code, reason = "only the bare system call changes the user of a single thread")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use common::{PATIENCE, ask, read, serve, task, vpc};
use network::{Namespace, Redirect};

/// As the article's task definitions have it.
fn redirect() -> Redirect {
    Redirect {
        ignored_uid: Some(1337),
        ignored_gid: None,
        proxy_ingress_port: 15000,
        proxy_egress_port: 15001,
        app_ports: [8080].into(),
        egress_ignored_ports: [22].into(),
        egress_ignored_addresses: ["169.254.170.2/32".parse().unwrap(), "169.254.169.254/32".parse().unwrap()].into(),
    }
}

/// What `address` answers to a process of user 1337 in `namespace`.
async fn ask_as_proxy(namespace: &Namespace, address: &str) -> String {
    ask_after(libc::SYS_setresuid, namespace, address).await
}

/// What `address` answers to a thread in `namespace` that has become 1337 by `call`.
async fn ask_after(call: libc::c_long, namespace: &Namespace, address: &str) -> String {
    let address = address.parse().unwrap();
    let ask = move || {
        // SAFETY: the call takes numbers only. Unlike the C library's, the kernel's changes this thread alone.
        assert_eq!(unsafe { libc::syscall(call, 1337, 1337, 1337) }, 0);
        read(address, PATIENCE)
    };
    namespace.run("ask as 1337", ask).await.unwrap()
}

#[tokio::test]
async fn what_the_application_sends_goes_to_the_proxy_with_its_destination_kept() {
    let vpc = vpc().await;
    let (a, b) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await);
    redirect().apply(&a).await.unwrap();
    serve(&a, "egress", "0.0.0.0:15001").await;
    serve(&b, "b", "0.0.0.0:80").await;
    serve(&b, "ssh", "0.0.0.0:22").await;
    serve(vpc.namespace(), "control", "169.254.170.2:4566").await;
    assert_eq!(ask(&a, "10.0.1.6:80").await, "egress peer=10.0.1.5 for=10.0.1.6:80");
    // Nobody has this address: what was asked for matters, not who would have answered.
    assert_eq!(ask(&a, "192.0.2.1:5000").await, "egress peer=10.0.1.5 for=192.0.2.1:5000");
    assert_eq!(ask_as_proxy(&a, "10.0.1.6:80").await, "b peer=10.0.1.5 for=itself");
    assert_eq!(ask(&a, "10.0.1.6:22").await, "ssh peer=10.0.1.5 for=itself");
    assert_eq!(ask(&a, "169.254.170.2:4566").await, "control peer=10.0.1.5 for=itself");
}

#[tokio::test]
async fn a_proxy_may_be_known_by_its_group_instead() {
    let vpc = vpc().await;
    let (a, b) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await);
    Redirect { ignored_uid: None, ignored_gid: Some(1337), ..redirect() }.apply(&a).await.unwrap();
    serve(&a, "egress", "0.0.0.0:15001").await;
    serve(&b, "b", "0.0.0.0:80").await;
    assert_eq!(ask_after(libc::SYS_setresgid, &a, "10.0.1.6:80").await, "b peer=10.0.1.5 for=itself");
    assert_eq!(ask_as_proxy(&a, "10.0.1.6:80").await, "egress peer=10.0.1.5 for=10.0.1.6:80");
}

#[tokio::test]
async fn what_a_task_sends_to_itself_never_meets_the_proxy() {
    let vpc = vpc().await;
    let a = task(&vpc, 1, 5).await;
    redirect().apply(&a).await.unwrap();
    serve(&a, "egress", "0.0.0.0:15001").await;
    serve(&a, "ingress", "0.0.0.0:15000").await;
    serve(&a, "app", "0.0.0.0:8080").await;
    assert_eq!(ask(&a, "127.0.0.1:8080").await, "app peer=127.0.0.1 for=itself");
    assert_eq!(ask(&a, "10.0.1.5:8080").await, "app peer=10.0.1.5 for=itself");
    assert_eq!(ask_as_proxy(&a, "127.0.0.1:8080").await, "app peer=127.0.0.1 for=itself");
}

#[tokio::test]
async fn what_comes_in_to_the_applications_ports_alone_goes_to_the_proxy() {
    let vpc = vpc().await;
    let (a, b) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await);
    redirect().apply(&a).await.unwrap();
    serve(&a, "ingress", "0.0.0.0:15000").await;
    serve(&a, "admin", "0.0.0.0:9901").await;
    assert_eq!(ask(&b, "10.0.1.5:8080").await, "ingress peer=10.0.1.6 for=10.0.1.5:8080");
    assert_eq!(ask(vpc.namespace(), "10.0.1.5:8080").await, "ingress peer=10.0.1.1 for=10.0.1.5:8080");
    assert_eq!(ask(&b, "10.0.1.5:9901").await, "admin peer=10.0.1.6 for=itself");
}

#[tokio::test]
async fn applying_again_replaces_what_was_there() {
    let vpc = vpc().await;
    let (a, b) = (task(&vpc, 1, 5).await, task(&vpc, 1, 6).await);
    redirect().apply(&a).await.unwrap();
    let other = Redirect { proxy_egress_port: 16001, ..redirect() };
    other.apply(&a).await.unwrap();
    serve(&a, "old", "0.0.0.0:15001").await;
    serve(&a, "new", "0.0.0.0:16001").await;
    serve(&b, "b", "0.0.0.0:80").await;
    assert_eq!(ask(&a, "10.0.1.6:80").await, "new peer=10.0.1.5 for=10.0.1.6:80");
}

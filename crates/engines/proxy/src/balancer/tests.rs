//! Load balancers on loopback, with small targets.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::Direct;

/// A target that says its name, and may be told to be ill.
struct Server {
    port: u16,
    well: Arc<AtomicBool>,
    held: Arc<AtomicBool>,
}

fn server(name: &'static str) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let well = Arc::new(AtomicBool::new(true));
    let held = Arc::new(AtomicBool::new(false));
    let state = (Arc::clone(&well), Arc::clone(&held));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (well, held) = state.clone();
            std::thread::spawn(move || converse(stream, name, &well, &held));
        }
    });
    Server { port, well, held }
}

/// Answers every request on a connection with the target's name and the head it got; while it is held, only pings.
fn converse(stream: TcpStream, name: &str, well: &AtomicBool, held: &AtomicBool) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    loop {
        let mut head = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if line.is_empty() {
                break;
            }
            head.push_str(&line.to_lowercase());
            head.push('\n');
        }
        if head.is_empty() {
            return;
        }
        while held.load(Ordering::SeqCst) && !head.contains("/ping") {
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = if well.load(Ordering::SeqCst) { "200 OK" } else { "500 Ill" };
        let body = format!("{name}\n{head}");
        if write!(out, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).is_err() {
            return;
        }
    }
}

fn group(id: &str, servers: &[&Server]) -> Group {
    let target = |s: &&Server| Target { address: Ipv4Addr::LOCALHOST, port: s.port, draining: false };
    Group {
        id: id.into(),
        check: Check {
            path: "/ping".into(),
            port: None,
            interval_seconds: 1,
            timeout_seconds: 1,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        },
        targets: servers.iter().map(target).collect(),
    }
}

fn config(action: Action, groups: Vec<Group>) -> Config {
    let everybody = Access { from: "0.0.0.0/0".parse().unwrap(), ports: (0, u16::MAX) };
    let balancer = BalancerConfig {
        id: "b".into(),
        host: "b.elb.localhost".into(),
        vpc: String::new(),
        addresses: vec![],
        allowed: vec![everybody],
        idle_timeout_seconds: 5,
        listeners: vec![Listener {
            port: 80,
            action,
            rules: Vec::new(),
            certificates: Vec::new(),
            versions: Versions::All,
        }],
    };
    Config { balancers: vec![balancer], groups }
}

/// A balancer that listens on a free port, which stands for port 80.
async fn balancer(config: Config) -> (Balancer, u16) {
    let balancer = Balancer::start(Arc::new(Direct), Clock::System, 1).unwrap();
    balancer.apply(config).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    balancer.listen(listener, Entry::Named { port: 80 }, CancellationToken::new()).await;
    (balancer, port)
}

async fn until(balancer: &Balancer, holds: impl Fn(&Seen) -> bool) {
    let mut seen = balancer.seen();
    let reached = tokio::time::timeout(Duration::from_secs(20), seen.wait_for(|seen| holds(seen))).await;
    assert!(reached.is_ok(), "never seen: {:?}", balancer.seen().borrow().clone());
}

fn all_healthy(seen: &Seen) -> bool {
    !seen.targets.is_empty() && seen.targets.iter().all(|target| target.state == "healthy")
}

async fn get(port: u16, host: &str) -> String {
    let host = host.to_owned();
    let ask = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "GET /todos HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

async fn answers(port: u16, count: usize) -> Vec<char> {
    let mut names = Vec::new();
    for _ in 0..count {
        let answer = get(port, "b.elb.localhost").await;
        names.push(answer.split("\r\n\r\n").nth(1).and_then(|body| body.chars().next()).unwrap_or('?'));
    }
    names
}

fn of(names: &[char], name: char) -> usize {
    names.iter().filter(|found| **found == name).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_between_groups_are_exact_and_headers_are_those_of_a_load_balancer() {
    let (a, b) = (server("a"), server("b"));
    let action = Action::Forward(vec![("ga".into(), 2), ("gb".into(), 1)]);
    let (balancer, port) = balancer(config(action, vec![group("ga", &[&a]), group("gb", &[&b])])).await;
    until(&balancer, all_healthy).await;
    let names = answers(port, 30).await;
    assert_eq!((of(&names, 'a'), of(&names, 'b')), (20, 10));
    let answer = get(port, "B.elb.localhost:4566").await;
    for part in [
        "x-forwarded-for: 9.9.9.9, 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-port: 80",
        "x-amzn-trace-id: root=1-",
    ] {
        assert!(answer.contains(part), "{part} is missing in {answer}");
    }
    assert!(!answer.contains("awselb"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_targets_and_the_balancer_itself_answer_is_counted() {
    let (a, b) = (server("a"), server("b"));
    let action = Action::Forward(vec![("ga".into(), 1), ("gb".into(), 1), ("empty".into(), 1)]);
    let groups = vec![group("ga", &[&a]), group("gb", &[&b]), group("empty", &[])];
    let (balancer, port) = balancer(config(action, groups)).await;
    until(&balancer, all_healthy).await;
    b.well.store(false, Ordering::SeqCst);
    answers(port, 30).await;
    let mut counted = balancer.counted();
    let whole = |all: &Vec<Counted>| {
        let targets: u64 = all.iter().map(|one| one.totals.requests).sum();
        targets + all.iter().map(|one| one.totals.own.iter().sum::<u64>()).sum::<u64>() == 30
    };
    let reached = tokio::time::timeout(Duration::from_secs(20), counted.wait_for(whole)).await;
    let all = reached.expect("all requests are counted").unwrap().clone();
    let of = |group: &str| {
        let is_of = |one: &&Counted| one.target.as_ref().is_some_and(|(found, at)| found == group && at.is_some());
        let one = all.iter().find(is_of).unwrap();
        assert!(one.totals.half.requests <= one.totals.answered() && one.totals.half.errors <= one.totals.failed());
        (one.totals.requests, one.totals.answers, one.totals.times.values().sum::<u64>())
    };
    assert_eq!(of("ga"), (10, [0, 10, 0, 0, 0], 10));
    assert_eq!(of("gb"), (10, [0, 0, 0, 0, 10], 10));
    let own = all.iter().find(|one| one.target == Some(("empty".to_owned(), None))).unwrap();
    assert_eq!((own.balancer.as_str(), own.totals.own), ("b", [0, 0, 0, 0, 10]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ill_target_gets_nothing_until_it_is_well() {
    let (a, b) = (server("a"), server("b"));
    let (balancer, port) = balancer(config(Action::Forward(vec![("g".into(), 1)]), vec![group("g", &[&a, &b])])).await;
    until(&balancer, all_healthy).await;
    b.well.store(false, Ordering::SeqCst);
    until(&balancer, |seen| seen.targets.iter().any(|t| t.reason.as_deref() == Some("Target.ResponseCodeMismatch")))
        .await;
    assert_eq!(of(&answers(port, 10).await, 'a'), 10);
    b.well.store(true, Ordering::SeqCst);
    until(&balancer, all_healthy).await;
    assert_eq!(of(&answers(port, 10).await, 'b'), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_target_gets_nothing_new() {
    let (a, b) = (server("a"), server("b"));
    let mut asked = config(Action::Forward(vec![("g".into(), 1)]), vec![group("g", &[&a, &b])]);
    let (balancer, port) = balancer(asked.clone()).await;
    until(&balancer, all_healthy).await;
    a.held.store(true, Ordering::SeqCst);
    let one = tokio::spawn(get(port, "b.elb.localhost"));
    let other = tokio::spawn(get(port, "b.elb.localhost"));
    let (mut held, quick) = {
        let (mut one, mut other) = (one, other);
        tokio::select! { done = &mut one => (other, done), done = &mut other => (one, done) }
    };
    assert!(quick.unwrap().starts_with("HTTP/1.1 200"));
    asked.groups[0].targets[0].draining = true;
    balancer.apply(asked).await;
    assert_eq!(of(&answers(port, 10).await, 'b'), 10);
    let is = |state: &'static str| move |seen: &Seen| seen.targets.iter().any(|target| target.state == state);
    until(&balancer, is("draining")).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut held).await.is_err(), "it was not in flight");
    a.held.store(false, Ordering::SeqCst);
    assert!(held.await.unwrap().starts_with("HTTP/1.1 200"));
    until(&balancer, is("drained")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_unknown_names_and_empty_groups_are_answered() {
    let a = server("a");
    let mut asked = config(Action::Forward(vec![("g".into(), 1)]), vec![group("g", &[])]);
    let (balancer, port) = balancer(asked.clone()).await;
    let answer = get(port, "b.elb.localhost").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("server: awselb/2.0"), "{answer}");
    assert!(get(port, "nobody.elb.localhost").await.starts_with("HTTP/1.1 404"));
    asked.balancers[0].allowed = vec![Access { from: "10.0.0.0/8".parse().unwrap(), ports: (80, 80) }];
    asked.groups = vec![group("g", &[&a])];
    balancer.apply(asked).await;
    assert!(get(port, "b.elb.localhost").await.starts_with("HTTP/1.1 403"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_configured_is_said_and_redirected() {
    let answer = Action::Answer { status: 200, content_type: "text/plain".into(), body: "hello".into() };
    let (balancer, port) = balancer(config(answer, vec![])).await;
    assert!(get(port, "b.elb.localhost").await.ends_with("hello"));
    let location = "https://#{host}:443/x/#{path}?#{query}".to_owned();
    balancer.apply(config(Action::Redirect { status: 301, location }, vec![])).await;
    let answer = get(port, "b.elb.localhost").await;
    assert!(
        answer.starts_with("HTTP/1.1 301") && answer.contains("location: https://b.elb.localhost:443/x/todos\r\n"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rule_that_holds_decides() {
    let (a, b) = (server("a"), server("b"));
    let forward = |group: &str| Action::Forward(vec![(group.into(), 1)]);
    let rule = |conditions: Vec<Condition>, action: Action| Rule { conditions, action };
    let path = |pattern: &str| Condition::Path(vec![pattern.into()]);
    let host = Condition::Host(vec!["B.elb.*".into()]);
    let mut asked = config(forward("ga"), vec![group("ga", &[&a]), group("gb", &[&b])]);
    asked.balancers[0].listeners[0].rules = vec![
        rule(vec![path("/other")], forward("ga")),
        rule(vec![path("/todos"), host, Condition::Source(vec!["127.0.0.0/8".parse().unwrap()])], forward("gb")),
    ];
    let (balancer, port) = balancer(asked.clone()).await;
    until(&balancer, all_healthy).await;
    assert_eq!(of(&answers(port, 3).await, 'b'), 3);
    let said = Action::Answer { status: 200, content_type: "text/plain".into(), body: "said".into() };
    let header = Condition::Header { name: "X-Forwarded-For".into(), values: vec!["9.9.*".into()] };
    asked.balancers[0].listeners[0].rules = vec![
        rule(vec![Condition::Method(vec!["POST".into()])], forward("gb")),
        rule(vec![header, Condition::Method(vec!["PUT".into(), "GET".into()])], said),
    ];
    balancer.apply(asked.clone()).await;
    assert!(get(port, "b.elb.localhost").await.ends_with("said"));
    asked.balancers[0].listeners[0].rules.pop();
    balancer.apply(asked).await;
    assert_eq!(of(&answers(port, 3).await, 'a'), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_died_costs_no_request() {
    let (a, dead) = (server("a"), TcpListener::bind("127.0.0.1:0").unwrap());
    let gone = Server { port: dead.local_addr().unwrap().port(), well: Arc::default(), held: Arc::default() };
    drop(dead);
    let (_balancer, port) =
        balancer(config(Action::Forward(vec![("g".into(), 1)]), vec![group("g", &[&a, &gone])])).await;
    // Before the first check both are tried.
    assert_eq!(of(&answers(port, 6).await, 'a'), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_listeners_choose_the_certificate_by_name_and_tell_the_target() {
    use crate::{
        testing::{Client, Client2},
        tls::testing::Authority,
    };
    let (authority, target) = (Authority::new("public"), server("1"));
    let certificate = |names: &[&str]| {
        let (chain, key) = authority.issue(names);
        Certificate { chain, key }
    };
    let action = Action::Forward(vec![("g".into(), 1)]);
    let mut secured = config(action.clone(), vec![group("g", &[&target])]);
    secured.balancers[0].listeners[0].certificates =
        vec![certificate(&["default.example"]), certificate(&["*.api.example"]), certificate(&["v1.api.example"])];
    let (balancer, port) = balancer(secured.clone()).await;
    until(&balancer, all_healthy).await;
    let address = ([127, 0, 0, 1], port).into();
    let client = |name: &str| {
        let mut tls = authority.client(name);
        tls.common.protocols = vec!["http/1.1".to_owned()];
        tls
    };
    for name in ["v1.api.example", "v2.api.example", "default.example"] {
        let mut caller = Client::secured(address, &client(name)).await.unwrap();
        let answer = caller.get(name, "/todos").await;
        assert!(answer.text().contains("x-forwarded-proto: https"), "{name}: {answer:?}");
    }
    let mut other = client("other.example");
    other.validate_server_name = false;
    let caller = Client::secured(address, &other).await.unwrap();
    let shown = caller.stream.session().unwrap().peer().unwrap().names[0].1.clone();
    assert_eq!(shown, "default.example");
    assert!(get(port, "b.elb.localhost").await.starts_with("HTTP/1.1 400"), "a bare request has come to a TLS port");
    let mut modern = client("v1.api.example");
    modern.common.protocols = vec!["h2".to_owned()];
    let caller = Client::secured(address, &modern).await.unwrap();
    let mut caller = Client2::over(caller.stream).await;
    let answer = caller.get("https://v1.api.example/todos").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.parts.status, 200);
    assert!(text.contains("x-forwarded-proto: https") && text.contains("host: v1.api.example"), "{text}");
    let mut strict = secured.clone();
    strict.balancers[0].listeners[0].versions = Versions::Tls13;
    balancer.apply(strict).await;
    let mut old = client("default.example");
    old.common.versions = Versions::Tls12;
    assert!(Client::secured(address, &old).await.is_err(), "TLS 1.2 where 1.3 alone is allowed");
    assert!(Client::secured(address, &client("default.example")).await.is_ok());
    let mut renewed = secured.clone();
    renewed.balancers[0].listeners[0].certificates = vec![certificate(&["renewed.example"])];
    balancer.apply(renewed).await;
    assert!(Client::secured(address, &client("renewed.example")).await.is_ok());
    assert!(Client::secured(address, &client("v1.api.example")).await.is_err());
    let mut broken = secured.balancers[0].listeners[0].clone();
    broken.certificates[0].key = authority.issue(&["default.example"]).1;
    assert!(broken.check().unwrap_err().to_string().contains("not that of the certificate"));
}

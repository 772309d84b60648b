//! What clients say of themselves, what servers are told of it, and what those inside may ask for. What is expected is
//! what Envoy 1.40 does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    mesh::Settings,
    model::{Action, Edge, Forward, GrpcTimeout, HttpManager, RetryPolicy},
    testing::{Answer, Client, Mesh, Server, cluster_at, prefix_route, table},
};

async fn mesh(server: &Server, edge: Edge, change: impl FnOnce(&mut Forward)) -> Mesh {
    let mut forward = Forward::to("api");
    change(&mut forward);
    let manager = HttpManager { routes: "routes".to_owned(), edge, ..HttpManager::default() };
    let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
    let routes = table(vec![prefix_route("/", Action::Forward(forward))]);
    Mesh::managed(clusters, routes, manager, Settings::default()).await
}

async fn ask(mesh: &Mesh, fields: &str) -> Answer {
    let mut client = Client::connect(mesh.address).await;
    client.say(format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")).await;
    client.answer("GET").await
}

fn inside() -> Edge {
    Edge { inside: vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()], ..Edge::default() }
}

fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

const SAID: &str = "x-request-id: mine\r\nx-envoy-internal: true\r\nx-envoy-external-address: 1.1.1.1\r\n\
                    x-forwarded-proto: https\r\nx-envoy-max-retries: 3\r\nx-envoy-retry-on: 5xx\r\n\
                    x-envoy-upstream-rq-timeout-ms: 700\r\nx-envoy-upstream-rq-per-try-timeout-ms: 300\r\n\
                    x-envoy-decorator-operation: deco\r\nx-envoy-other: o\r\nx-forwarded-client-cert: by=x\r\n";

#[tokio::test]
async fn what_is_believed_depends_on_where_the_client_is() {
    let server = Server::echoing_head().await;
    let edge = Edge { use_remote_address: true, ..Edge::default() };
    for (settings, forwarded_for, expected) in [
        // Forwarded for, internal, external address, scheme, id kept, decorator kept, time.
        (Edge::default(), "9.9.9.9", (Some("9.9.9.9"), None, Some("1.1.1.1"), "https", true, true, "15000")),
        (inside(), "9.9.9.9", (Some("9.9.9.9"), None, Some("1.1.1.1"), "https", true, true, "15000")),
        (inside(), "10.0.0.7", (Some("10.0.0.7"), Some("true"), Some("1.1.1.1"), "https", true, true, "300")),
        (
            inside(),
            "9.9.9.9, 10.0.0.7",
            (Some("9.9.9.9, 10.0.0.7"), None, Some("1.1.1.1"), "https", true, true, "15000"),
        ),
        (edge.clone(), "9.9.9.9", (Some("9.9.9.9,127.0.0.1"), None, Some("127.0.0.1"), "http", false, false, "15000")),
        (
            Edge { keeps_ids: true, skip_forwarded_for: true, ..edge.clone() },
            "9.9.9.9",
            (Some("9.9.9.9"), None, Some("127.0.0.1"), "http", true, false, "15000"),
        ),
        (
            Edge { trusted_hops: 1, ..edge.clone() },
            "9.9.9.9, 10.0.0.7",
            (Some("9.9.9.9, 10.0.0.7,127.0.0.1"), None, Some("10.0.0.7"), "https", false, false, "15000"),
        ),
    ] {
        let mesh = mesh(&server, settings.clone(), |_| {}).await;
        let answer = ask(&mesh, &format!("x-forwarded-for: {forwarded_for}\r\n{SAID}")).await;
        let head = answer.text();
        let found = (
            value(head, "x-forwarded-for"),
            value(head, "x-envoy-internal"),
            value(head, "x-envoy-external-address"),
            value(head, "x-forwarded-proto").unwrap(),
            value(head, "x-request-id") == Some("mine"),
            value(head, "x-envoy-decorator-operation").is_some(),
            value(head, "x-envoy-expected-rq-timeout-ms").unwrap(),
        );
        assert_eq!(found, expected, "{settings:?} {head}");
        assert_eq!(head.matches("x-request-id").count(), 1, "{head}");
        for gone in ["max-retries", "retry-on", "rq-timeout-ms: 700", "per-try", "client-cert"] {
            assert!(!head.contains(gone), "{gone}: {head}");
        }
        assert_eq!(value(head, "x-envoy-other"), Some("o"));
    }
}

#[tokio::test]
async fn a_client_at_the_edge_without_a_word_is_inside_if_its_address_is() {
    let server = Server::echoing_head().await;
    let mesh = mesh(&server, Edge { use_remote_address: true, ..inside() }, |_| {}).await;
    let answer = ask(&mesh, "x-envoy-upstream-rq-timeout-ms: 700\r\n").await;
    assert_eq!(value(answer.text(), "x-envoy-internal"), Some("true"));
    assert_eq!(value(answer.text(), "x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(value(answer.text(), "x-envoy-expected-rq-timeout-ms"), Some("700"));
}

#[tokio::test]
async fn ids_are_made_or_not_and_told_or_not() {
    let server = Server::echoing_head().await;
    let none = mesh(&server, Edge { generates_ids: false, ..Edge::default() }, |_| {}).await;
    assert!(!ask(&none, "").await.text().contains("x-request-id"));
    let told = mesh(&server, Edge { returns_ids: true, forwards_port: true, ..Edge::default() }, |_| {}).await;
    let answer = ask(&told, "").await;
    assert_eq!(answer.field("x-request-id"), value(answer.text(), "x-request-id"));
    assert_eq!(value(answer.text(), "x-forwarded-port"), Some(told.address.port().to_string().as_str()));
    assert_eq!(ask(&told, "x-request-id: mine\r\n").await.field("x-request-id"), Some("mine"));
}

#[tokio::test]
async fn those_inside_say_when_to_try_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Server::answering(move |asked| {
        counted.fetch_add(1, SeqCst);
        let status = value(&asked.head, "x-want").unwrap_or("200");
        let fields = value(&asked.head, "x-extra").unwrap_or("x-none: 1").trim_end().to_owned();
        format!("HTTP/1.1 {} X\r\n{fields}\r\ncontent-length: 0\r\n\r\n", status.trim_end())
    })
    .await;
    let mesh = mesh(&server, inside(), |_| {}).await;
    for (fields, attempts) in [
        ("x-want: 503\r\nx-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 3\r\n", 4),
        ("x-want: 409\r\nx-envoy-retry-on: retriable-4xx\r\n", 2),
        ("x-want: 418\r\nx-envoy-retry-on: retriable-status-codes\r\nx-envoy-retriable-status-codes: 418\r\n", 2),
        (
            "x-extra: x-again: 1\r\nx-envoy-retry-on: retriable-headers\r\nx-envoy-retriable-header-names: X-Again\r\n",
            2,
        ),
        ("x-extra: grpc-status: 14\r\nx-envoy-retry-grpc-on: unavailable\r\n", 2),
        ("x-extra: grpc-status: 5\r\nx-envoy-retry-grpc-on: unavailable\r\n", 1),
        ("x-want: 503\r\nx-envoy-retry-on: nonsense\r\n", 1),
        ("x-want: 503\r\n", 1),
    ] {
        asked.store(0, SeqCst);
        ask(&mesh, &format!("x-forwarded-for: 10.0.0.7\r\n{fields}")).await;
        assert_eq!(asked.load(SeqCst), attempts, "{fields}");
        asked.store(0, SeqCst);
        ask(&mesh, fields).await;
        assert_eq!(asked.load(SeqCst), 1, "nobody inside asks: {fields}");
    }
}

/// A server that never answers.
async fn silent() -> Server {
    Server::start(|mut conversation| async move {
        conversation.asked().await;
        conversation.more().await;
    })
    .await
}

#[tokio::test]
async fn an_exchange_has_its_time_from_the_very_beginning() {
    let server = silent().await;
    let limited = mesh(&server, Edge::default(), |forward| forward.duration = Some(Duration::from_millis(100))).await;
    let answer = ask(&limited, "").await;
    assert_eq!((answer.status, answer.text()), (504, "downstream duration timeout"));
    limited.counted("http.ingress.downstream_rq_max_duration_reached", 1).await;
    let asked = mesh(&server, Edge::default(), |forward| forward.grpc_timeout = Some(GrpcTimeout::default())).await;
    let answer = ask(&asked, "content-type: application/grpc\r\ngrpc-timeout: 100m\r\n").await;
    assert_eq!((answer.status, answer.field("grpc-status")), (200, Some("4")));
}

#[tokio::test]
async fn only_requests_that_fulfil_a_condition_are_tried_again() {
    use crate::model::{HeaderMatch, HeaderTest, Part};
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Server::answering(move |_| {
        counted.fetch_add(1, SeqCst);
        "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n".to_owned()
    })
    .await;
    let part = Part::named("x-again");
    let again = HeaderMatch { part, test: HeaderTest::Present(true), invert: false, missing_is_empty: false };
    let policy = RetryPolicy { server_error: true, request_headers: vec![again], ..RetryPolicy::default() };
    let mesh = mesh(&server, Edge::default(), |forward| forward.retry = Some(policy)).await;
    ask(&mesh, "").await;
    assert_eq!(asked.load(SeqCst), 1);
    ask(&mesh, "x-again: 1\r\n").await;
    assert_eq!(asked.load(SeqCst), 3);
}

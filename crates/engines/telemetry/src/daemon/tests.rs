//! The daemon between real sockets and an API that is only as good as the test says.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use names::{AccountId, Region};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::*;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A request as the API got it.
struct Got {
    path: String,
    authorization: String,
    body: Value,
}

/// An API that answers with the statuses it is given, then with 200.
async fn api(statuses: Vec<u16>) -> (SocketAddr, mpsc::UnboundedReceiver<Got>) {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    let statuses = Arc::new(Mutex::new(statuses));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (sender, statuses) = (sender.clone(), Arc::clone(&statuses));
            let service = service_fn(move |request: Request<Incoming>| {
                let (sender, statuses) = (sender.clone(), Arc::clone(&statuses));
                async move {
                    let path = request.uri().path().to_owned();
                    let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body = serde_json::from_slice(&body).unwrap();
                    let mut statuses = statuses.lock().unwrap();
                    let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
                    sender.send(Got { path, authorization, body }).unwrap();
                    Response::builder().status(status).body(Full::new(Bytes::from("{\"from\":\"api\"}")))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, receiver)
}

struct Daemon {
    udp: SocketAddr,
    tcp: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

fn settings(api: SocketAddr) -> Settings {
    Settings {
        bind: LOOPBACK,
        bind_tcp: LOOPBACK,
        endpoint: format!("http://{api}").parse().unwrap(),
        account: AccountId::default(),
        region: Region::new("eu-west-1"),
    }
}

async fn start(api: SocketAddr) -> Daemon {
    let (udp, tcp) = (UdpSocket::bind(LOOPBACK).await.unwrap(), TcpListener::bind(LOOPBACK).await.unwrap());
    let settings = settings(api);
    let (stop, stopped) = oneshot::channel();
    let (udp_address, tcp_address) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    let ended = tokio::spawn(serve(settings, Box::new(sign), udp, tcp, stopped));
    Daemon { udp: udp_address, tcp: tcp_address, stop, ended }
}

/// Says in plain words what a signature would be about.
fn sign(request: Outgoing<'_>) {
    assert!(request.headers.contains_key("host"));
    let Settings { account, region, .. } = request.settings;
    let about = format!("{account} {region} {} {}", request.path, request.body.len());
    request.headers.insert("authorization", about.parse().unwrap());
}

async fn send(daemon: &Daemon, documents: &[&str]) {
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    for document in documents {
        let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{document}");
        client.send_to(datagram.as_bytes(), daemon.udp).await.unwrap();
    }
}

async fn next(requests: &mut mpsc::UnboundedReceiver<Got>) -> Got {
    timeout(Duration::from_secs(20), requests.recv()).await.expect("a request arrives").unwrap()
}

fn documents(got: &Got) -> Vec<&str> {
    got.body["TraceSegmentDocuments"].as_array().unwrap().iter().map(|document| document.as_str().unwrap()).collect()
}

#[tokio::test]
async fn datagrams_are_posted_together() {
    let (address, mut requests) = api(Vec::new()).await;
    let daemon = start(address).await;
    send(&daemon, &["{\"id\":1}", "noise", "{\"id\":2}"]).await;
    let got = next(&mut requests).await;
    assert_eq!((got.path.as_str(), documents(&got)), ("/TraceSegments", vec!["{\"id\":1}", "{\"id\":2}"]));
    assert_eq!(got.authorization, format!("000000000000 eu-west-1 /TraceSegments {}", got.body.to_string().len()));
}

#[tokio::test]
async fn full_batches_wait_for_nobody() {
    const BATCHES: usize = 20;
    let (address, mut requests) = api(Vec::new()).await;
    let (buffer, post) = (Buffer::default(), Post::new(settings(address), Box::new(sign)));
    (0..BATCHES * 50).for_each(|number| buffer.push(number.to_string()));
    let begun = tokio::time::Instant::now();
    let all = async {
        for _ in 0..BATCHES {
            assert_eq!(documents(&next(&mut requests).await).len(), 50);
        }
    };
    tokio::select! { () = post.deliver(&buffer) => {}, () = all => {} }
    // Waiting for company each time would take twice as long.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nothing_is_lost_while_the_api_fails_and_what_it_refuses_is_let_go() {
    let (address, mut requests) = api(vec![500, 503, 400]).await;
    let daemon = start(address).await;
    send(&daemon, &["{\"id\":1}"]).await;
    for _ in 0..3 {
        assert_eq!(documents(&next(&mut requests).await), ["{\"id\":1}"]);
    }
    send(&daemon, &["{\"id\":2}"]).await;
    assert_eq!(documents(&next(&mut requests).await), ["{\"id\":2}"]);
}

#[tokio::test]
async fn what_is_held_is_sent_before_the_end() {
    let (address, mut requests) = api(Vec::new()).await;
    let daemon = start(address).await;
    send(&daemon, &["{\"id\":1}"]).await;
    // The daemon is stopped within the time a batch waits for company.
    tokio::time::sleep(Duration::from_millis(100)).await;
    daemon.stop.send(()).unwrap();
    assert_eq!(documents(&next(&mut requests).await), ["{\"id\":1}"]);
    daemon.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn sampling_questions_are_passed_on_and_others_are_not() {
    let (address, mut requests) = api(Vec::new()).await;
    let daemon = start(address).await;
    for (path, status, passed) in [("/GetSamplingRules", "200 OK", true), ("/Traces", "404 Not Found", false)] {
        let mut client = TcpStream::connect(daemon.tcp).await.unwrap();
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.ends_with("{\"from\":\"api\"}"), passed);
    }
    assert_eq!(next(&mut requests).await.path, "/GetSamplingRules");
    assert!(requests.try_recv().is_err());
}

//! Connections of clients, the well-behaved and the others.

use super::*;
use crate::{
    model::{Action, Codec, Config, Filter, Http2, Keepalive, Listener},
    testing::listener,
    tls::testing::Authority,
};

#[tokio::test]
async fn a_connection_that_is_drained_ends_and_loses_no_stream() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let server = Server2::start(move |_, mut respond| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            respond.send_response(Response::new(()), true).unwrap();
        }
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let (response, _) = client.begin(Request::get("http://a/").body(()).unwrap(), true).await;
    mesh.counted("cluster.api.upstream_rq_active", 1).await;
    mesh.plane.drain(false);
    let refused = async {
        while client.try_begin(Request::get("http://a/").body(()).unwrap(), true).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the connection to be closed for more", refused).await;
    go.send(true).unwrap();
    assert_eq!(whole(response).await.unwrap().parts.status, 200);
}

#[tokio::test]
async fn floods_end_their_connection_and_nothing_else() {
    let server = Server2::start(|_, respond| async move {
        std::future::pending::<()>().await;
        drop(respond);
    })
    .await;
    let mesh = to_http2(&server).await;
    let mut client = Client2::connect(mesh.address).await;
    let flood = async {
        // Rapid reset: each stream is given up as soon as it is there.
        while let Ok((_, mut stream)) = client.try_begin(post("http://a/"), false).await {
            stream.send_reset(Reason::CANCEL);
            tokio::task::yield_now().await;
        }
    };
    soon("the flood to be ended", flood).await;
    let mut other = Client2::connect(mesh.address).await;
    let (_response, _) = other.begin(post("http://a/"), false).await;
    mesh.counted("cluster.api.upstream_rq_active", 1).await;
}

#[tokio::test]
async fn what_is_not_http2_is_refused_and_hurts_nobody() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let server = Server::named("fine").await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let headers = |fields: &[u8]| {
        let length = u8::try_from(fields.len()).unwrap();
        [&[0, 0, length, 1, 5, 0, 0, 0, 1], fields].concat()
    };
    // :method GET, :scheme http, :path /, :authority a; literal fields without indexing.
    let get: &[u8] = b"\x82\x86\x84\x41\x01a";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a name with upper case", headers(&[get, b"\0\x02Ab\x01c"].concat())),
        ("a pseudo field behind a field", headers(&[get, b"\0\x02ab\x01c", b"\x84"].concat())),
        ("a pseudo field that is repeated", headers(&[get, b"\x84"].concat())),
        ("a line feed in a value", headers(&[get, b"\0\x02ab\x03a\nb"].concat())),
        ("a null in a value", headers(&[get, b"\0\x02ab\x03a\0b"].concat())),
        ("a field about the connection", headers(&[get, b"\0\x0aconnection\x05close"].concat())),
        ("a path with a space", headers(b"\x82\x86\x04\x03/ a\x41\x01a")),
        ("no path", headers(b"\x82\x86\x41\x01a")),
        ("DATA for nobody", b"\0\0\x01\0\0\0\0\0\x01x".to_vec()),
        ("CONTINUATION of nothing", b"\0\0\x01\x09\x04\0\0\0\x01\x82".to_vec()),
        ("a frame that is too large", b"\xff\xff\xff\0\0\0\0\0\x01".to_vec()),
        ("a window of nothing", b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0".to_vec()),
        ("broken compression", headers(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
    ];
    for (case, frames) in cases {
        let mut client = Client::connect(mesh.address).await;
        client.say([PREFACE, SETTINGS, &frames].concat()).await;
        let refused = soon(case, refusal(&mut client)).await;
        assert!(refused, "{case} was not refused");
        let fine = Client2::connect(mesh.address).await.get("http://a/").await;
        assert_eq!(fine.body, b"fine", "after {case}");
    }
    mesh.counted("cluster.api.upstream_rq_total", 13).await;
}

/// Whether the proxy resets a stream or ends the connection before it answers.
async fn refusal(client: &mut Client) -> bool {
    let mut bytes = Vec::new();
    loop {
        while bytes.len() >= 9 {
            let length = usize::from(bytes[1]) * 256 + usize::from(bytes[2]);
            if bytes.len() < 9 + length {
                break;
            }
            match bytes[3] {
                // HEADERS would be an answer: 400 is one that refuses.
                1 => return bytes[9] == 0x8c,
                3 | 7 => return true,
                _ => drop(bytes.drain(..9 + length)),
            }
        }
        match tokio::io::AsyncReadExt::read_buf(&mut client.stream, &mut bytes).await {
            Ok(1..) => {}
            _ => return true,
        }
    }
}

#[tokio::test]
async fn curl_gets_an_answer_and_uploads() {
    let server = Server::answering(|asked| {
        let body = format!("{} bytes", asked.body.len());
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
    .await;
    let mesh = Mesh::spreading(&[("api", server.address, 1)]).await;
    let curl = Command::new("curl")
        .args(["-sS", "--http2-prior-knowledge", "-w", " %{http_version} %{http_code}", "--data-binary", "@-"])
        .arg(format!("http://{}/", mesh.address))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut curl = curl.unwrap();
    let mut input = curl.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, &vec![b'x'; 300_000]).await.unwrap();
    drop(input);
    let output = soon("curl", curl.wait_with_output()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "300000 bytes 2 200");
}

#[tokio::test]
async fn a_listener_speaks_what_it_is_told_to() {
    let server = Server::named("hi").await;
    let routes = || table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]);
    let managed = |codec| {
        let manager = HttpManager { routes: "routes".to_owned(), codec, ..HttpManager::default() };
        let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
        Mesh::managed(clusters, routes(), manager, Settings::default())
    };
    let mesh = managed(Codec::Http1).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.status, 505);
    let mesh = managed(Codec::Http2).await;
    let mut client = Client::connect(mesh.address).await;
    client.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(soon("an end", refusal(&mut client)).await);
    assert_eq!(Client2::connect(mesh.address).await.get("http://a/").await.body, b"hi");
}

#[tokio::test]
async fn by_alpn_both_sides_agree_on_what_is_spoken() {
    let (authority, server) = (Authority::new("mesh"), Server::named("hi").await);
    let routes = || [("routes".to_owned(), table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]))].into();
    let manager = || HttpManager { routes: "routes".to_owned(), ..HttpManager::default() };
    for (offers, http2) in [(&["h2", "http/1.1"][..], 1), (&["http/1.1"], 0), (&[], 0)] {
        let mut tls = authority.server(&["api.example"]);
        tls.common.protocols = offers.iter().map(|name| (*name).to_owned()).collect();
        let mut main: Listener = listener(Filter::Http(manager()));
        main.chains[0].tls = Some(tls);
        let clusters = [("api".to_owned(), cluster_at(&[server.address]))].into();
        let config =
            Config { clusters, listeners: [("main".to_owned(), main)].into(), routes: routes(), ..Config::default() };
        let secured = Mesh::of(config, Settings::default()).await;
        let mut tls = authority.client("api.example");
        tls.common.protocols = vec!["h2".to_owned(), "http/1.1".to_owned()];
        let cluster = Cluster { tls: Some(tls), ..speaking(ServerVersion::Agreed, &[secured.address]) };
        let mesh = mesh_to(cluster, |_| {}).await;
        let mut client = Client::connect(mesh.address).await;
        for _ in 0..3 {
            assert_eq!(client.get("a", "/").await.text(), "hi", "{offers:?}");
        }
        assert_eq!(Client2::connect(mesh.address).await.get("http://a/").await.body, b"hi", "{offers:?}");
        secured.counted("http.ingress.downstream_cx_http2_total", http2).await;
        secured.counted("http.ingress.downstream_cx_http1_total", 1 - http2).await;
    }
}

#[tokio::test]
async fn who_does_not_answer_pings_is_gone() {
    let (interval, timeout) = (Duration::from_millis(50), Duration::from_millis(100));
    let http2 = Http2 { keepalive: Some(Keepalive { interval, timeout }), ..Http2::default() };
    let manager = HttpManager { routes: "routes".to_owned(), http2: http2.clone(), ..HttpManager::default() };
    let routes = table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]);
    // It takes the request, and says nothing.
    let silent = Server::start(|mut conversation| async move { while conversation.more().await {} }).await;
    let protocol = Protocol { version: ServerVersion::Http2, http2, ..Protocol::default() };
    let cluster = Cluster { protocol, ..cluster_at(&[silent.address]) };
    let mesh = Mesh::managed([("api".to_owned(), cluster)].into(), routes, manager, Settings::default()).await;
    assert_eq!(soon("an answer", Client::connect(mesh.address).await.get("a", "/")).await.status, 503);
    let mut client = Client::connect(mesh.address).await;
    client.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let gone = async {
        while tokio::io::AsyncReadExt::read_buf(&mut client.stream, &mut client.bytes).await.is_ok_and(|read| read > 0)
        {
        }
    };
    soon("the end of the connection", gone).await;
}

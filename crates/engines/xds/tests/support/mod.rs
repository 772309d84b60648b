//! What the tests of this crate share: a server on a port of its own, and a small HTTP client.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part, and may fail")]

pub mod envoy;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use xds::{Cache, NodeName, ProxyState};

/// The longest any test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Serves `cache` on loopback.
pub async fn serve(cache: &Cache) -> SocketAddr {
    serve_routes(xds::routes(cache.clone())).await
}

/// Serves `routes` on loopback.
pub async fn serve_routes(routes: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// A node without an alias.
pub fn node(name: &str) -> NodeName {
    NodeName { name: name.to_owned(), alias: None }
}

/// Waits until the proxies of the node `name` are as `wanted` says.
pub async fn until(cache: &Cache, name: &str, wanted: impl Fn(&[Arc<ProxyState>]) -> bool) -> Vec<Arc<ProxyState>> {
    let watch = cache.watch();
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let proxies = cache.proxies_of(name);
            if wanted(&proxies) {
                return proxies;
            }
            watch.next().await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("still {:#?}", cache.proxies_of(name)))
}

/// An HTTP server that answers everything with `body`.
pub async fn upstream(body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(move || async move { body });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// The status and body of `GET path` at `address` for `host`.
pub async fn get(address: SocketAddr, host: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}

/// How often each body came in `count` requests.
pub async fn bodies(address: SocketAddr, host: &str, count: usize) -> BTreeMap<String, usize> {
    let mut bodies = BTreeMap::new();
    for _ in 0..count {
        let (status, body) = get(address, host, "/").await.unwrap();
        *bodies.entry(format!("{status} {}", body.trim())).or_insert(0) += 1;
    }
    bodies
}

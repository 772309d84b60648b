//! Small servers and clients that tests talk to the data plane with. They are raw on purpose: a test says byte by
//! byte what goes over the wire.

mod client;
mod config;
mod http2;
mod server;

pub(crate) use client::{Answer, Client};
pub(crate) use config::{Mesh, cluster_at, listener, prefix_route, table};
pub(crate) use http2::{Client2, Server2, read, say, whole};
pub(crate) use server::{Asked, Server, ok};

use std::time::Duration;

/// Nothing in a test takes longer, or it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `work`, and fails the test if it takes too long.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Waits until `holds`.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The end of the head in `bytes`, if all of it is there.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a field in a head in lower case.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let named = |line: &'a str| line.split_once(':').filter(|(found, _)| found.eq_ignore_ascii_case(name));
    head.lines().find_map(named).map(|(_, value)| value.trim())
}

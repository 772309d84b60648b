//! HTTP/2 on either side, and on both.

mod calls;
mod clients;
mod exchanges;
mod floods;
mod servers;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Request, Response};
use tokio::{process::Command, sync::mpsc};

use crate::{
    mesh::Settings,
    model::{Cluster, Forward, HealthCheck, HttpManager, Probe, Protocol, RetryPolicy, ServerVersion},
    testing::{Client, Client2, Mesh, Server, Server2, cluster_at, prefix_route, read, say, soon, table, until, whole},
};

/// A cluster of servers that are known, and speak `version`.
fn speaking(version: ServerVersion, addresses: &[SocketAddr]) -> Cluster {
    Cluster { protocol: Protocol { version, ..Protocol::default() }, ..cluster_at(addresses) }
}

/// Everything goes to one cluster.
async fn mesh_to(cluster: Cluster, change: impl FnOnce(&mut Forward)) -> Mesh {
    let mut forward = Forward::to("api");
    change(&mut forward);
    let routes = table(vec![prefix_route("/", crate::model::Action::Forward(forward))]);
    Mesh::routing([("api".to_owned(), cluster)].into(), routes).await
}

async fn to_http2(server: &Server2) -> Mesh {
    mesh_to(speaking(ServerVersion::Http2, &[server.address]), |_| {}).await
}

/// The value of a field.
fn text<'a>(fields: &'a HeaderMap, name: &str) -> &'a str {
    fields[name].to_str().unwrap()
}

fn post(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

fn answer(text: &str) -> (Response<()>, String) {
    (Response::new(()), text.to_owned())
}

/// A call by gRPC.
fn call() -> Request<()> {
    let call = Request::post("http://api/pets.Pets/List").header("content-type", "application/grpc");
    call.header("te", "trailers").body(()).unwrap()
}

//! A fake proxy: asks as Envoy does, acknowledges all it gets, and does nothing else.
//!
//! It speaks gRPC's frames over HTTP/2 by hand and reads of a response only what an answer needs, so that thousands fit
//! beside what is measured.

use std::{collections::BTreeSet, fmt, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use clap::ValueEnum;
use h2::{SendStream, client};
use prost::Message;
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit};

use crate::{mesh, tally::Tally};

/// The bytes before a message: whether it is compressed, and its length.
const FRAME_HEAD: usize = 5;
const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const LISTENERS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

/// How proxies speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// State of the world
    World,
    /// Differences
    Delta,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::World => "state of the world",
            Self::Delta => "delta",
        })
    }
}

/// `Node` of Envoy's API, as much as is said.
#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    cluster: String,
}

/// `DiscoveryRequest`.
#[derive(Clone, PartialEq, Message)]
struct WorldRequest {
    #[prost(string, tag = "1")]
    version_info: String,
    #[prost(message, optional, tag = "2")]
    node: Option<Node>,
    #[prost(string, repeated, tag = "3")]
    resource_names: Vec<String>,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    response_nonce: String,
}

/// `DeltaDiscoveryRequest`.
#[derive(Clone, PartialEq, Message)]
struct DeltaRequest {
    #[prost(message, optional, tag = "1")]
    node: Option<Node>,
    #[prost(string, tag = "2")]
    type_url: String,
    #[prost(string, repeated, tag = "3")]
    resource_names_subscribe: Vec<String>,
    #[prost(string, tag = "6")]
    response_nonce: String,
}

/// What `DiscoveryResponse` and `DeltaDiscoveryResponse` have in common.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(string, tag = "1")]
    version: String,
    #[prost(string, tag = "4")]
    type_url: String,
    #[prost(string, tag = "5")]
    nonce: String,
}

/// Connects a proxy of `node`, gives up its `place` when it is configured, and goes on for ever.
pub(crate) async fn run(
    address: SocketAddr,
    dialect: Dialect,
    node: &'static str,
    tally: Arc<Tally>,
    place: OwnedSemaphorePermit,
) -> Result<()> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (requests, connection) = client::handshake(socket).await?;
    tokio::spawn(connection);
    let method = match dialect {
        Dialect::World => "StreamAggregatedResources",
        Dialect::Delta => "DeltaAggregatedResources",
    };
    let path = format!("http://{address}/envoy.service.discovery.v3.AggregatedDiscoveryService/{method}");
    let request = http::Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    let (response, stream) = requests.ready().await?.send_request(request.body(())?, false)?;
    let mut proxy = Proxy { dialect, stream, asked: BTreeSet::new(), node };
    proxy.ask(CLUSTERS)?;
    let mut body = response.await?.into_body();
    let (mut buffer, mut place) = (BytesMut::new(), Some(place));
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        buffer.extend_from_slice(&chunk);
        while let Some(message) = next_message(&mut buffer) {
            let is_routes = proxy.answer(message)?;
            if is_routes {
                place = None;
            }
            match node {
                mesh::BYSTANDER => tally.bystander(),
                _ if is_routes => tally.acknowledged(),
                _ => {}
            }
        }
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    bail!("the stream ended: {trailers:?} (place {})", place.is_some())
}

struct Proxy {
    dialect: Dialect,
    stream: SendStream<Bytes>,
    asked: BTreeSet<&'static str>,
    node: &'static str,
}

impl Proxy {
    /// Asks for a kind of resources.
    fn ask(&mut self, kind: &'static str) -> Result<()> {
        let id = format!("mesh/{}/virtualNode/{}", mesh::MESH, self.node);
        let node = self.asked.is_empty().then(|| Node { cluster: id.clone(), id });
        self.asked.insert(kind);
        self.say(kind, "", "", node)
    }

    /// Acknowledges a response, and asks for what comes next; answers whether these were routes.
    fn answer(&mut self, message: Bytes) -> Result<bool> {
        let Response { version, type_url, nonce } = Response::decode(message)?;
        self.say(&type_url, &version, &nonce, None)?;
        let next = match type_url.as_str() {
            CLUSTERS => LISTENERS,
            LISTENERS => ROUTES,
            _ => return Ok(type_url == ROUTES),
        };
        if !self.asked.contains(next) {
            self.ask(next)?;
        }
        Ok(false)
    }

    fn say(&mut self, kind: &str, version: &str, nonce: &str, node: Option<Node>) -> Result<()> {
        let names = || if kind == ROUTES { mesh::ROUTE_CONFIGURATIONS.map(str::to_owned).to_vec() } else { Vec::new() };
        let (type_url, response_nonce) = (kind.to_owned(), nonce.to_owned());
        let message = match self.dialect {
            Dialect::World => {
                let (version_info, resource_names) = (version.to_owned(), names());
                WorldRequest { version_info, node, resource_names, type_url, response_nonce }.encode_to_vec()
            }
            Dialect::Delta => {
                let resource_names_subscribe = if nonce.is_empty() { names() } else { Vec::new() };
                DeltaRequest { node, type_url, resource_names_subscribe, response_nonce }.encode_to_vec()
            }
        };
        let mut frame = BytesMut::with_capacity(FRAME_HEAD + message.len());
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).context("a request is small")?);
        frame.put_slice(&message);
        Ok(self.stream.send_data(frame.freeze(), false)?)
    }
}

/// Takes a whole message off `buffer`, if there is one.
fn next_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(buffer.get(1..FRAME_HEAD)?.try_into().ok()?) as usize;
    if buffer.len() < FRAME_HEAD + length {
        return None;
    }
    buffer.advance(FRAME_HEAD);
    Some(buffer.split_to(length).freeze())
}

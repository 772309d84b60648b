//! The stream to the control plane: what is asked, what comes, what is acknowledged.
//!
//! State of the world, on the aggregated stream (the *xDS REST and gRPC protocol* of Envoy's documentation). A response
//! is acknowledged when every core works by it; clusters wait for that until their endpoints are known and checked, so
//! that an acknowledgement means "routes may use them". A response that can't be honoured is refused with the reason, and
//! nothing of it is done. When the stream ends, traffic goes on by what came last, and another stream is tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node,
        service::discovery::v3::{
            DiscoveryRequest, DiscoveryResponse, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
        },
    },
    google::rpc::Status,
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use super::{
    clusters,
    credentials::Credentials,
    keepers::{Keepers, SECRET, Sockets},
    listeners,
    received::{Kind, Received},
    routes, tls,
};
use crate::{
    mesh::Plane,
    model::{Discovery, Keeper, RouteTable, SecretName},
};

/// Requests that may wait to be sent. Each answers one response, so there are never more than kinds of resources.
const REQUESTS: usize = 16;
/// The largest response, in bytes.
const RESPONSE_MAX: usize = 64 << 20;
/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long clusters are waited for before they are acknowledged all the same.
const WARM_MAX: Duration = Duration::from_secs(15);
/// The wait after a stream ended, doubled up to the second each time that nothing came.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often an idle connection is asked whether it is alive, and how long it may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(20));

impl Kind {
    const fn url(self) -> &'static str {
        match self {
            Self::Clusters => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secrets => SECRET,
            Self::Listeners => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    fn of(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.url() == url)
    }
}

/// Where the control plane is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ControlPlane {
    /// `host:port`, without TLS.
    Tcp(String),
    /// `host:port`, with TLS.
    Tls(String),
    /// A socket in the file system.
    Unix(String),
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) control_plane: ControlPlane,
    /// How it proves who it is.
    pub(crate) credentials: Credentials,
    /// Who it is.
    pub(crate) node: Node,
    /// Where secrets are that the control plane does not have.
    pub(crate) sockets: Sockets,
    /// How long is waited for all to come once, before the proxy counts as ready all the same. None: for ever.
    pub(crate) initial_fetch_timeout: Option<Duration>,
}

/// A client of a control plane.
pub(crate) struct Client {
    settings: Settings,
    plane: Plane,
    /// What came, for those who look.
    received: Arc<Received>,
    /// Turns true when everything has come once.
    configured: watch::Sender<bool>,
    known: BTreeMap<Kind, Known>,
    inline_routes: BTreeMap<String, RouteTable>,
    /// Tells which secrets are needed.
    needed: watch::Sender<BTreeSet<SecretName>>,
    /// Listeners have come.
    has_listeners: bool,
}

/// What is known of a kind of resource; outlives a stream.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The version that was accepted last.
    version: String,
    /// What is asked for; nothing for the kinds of which all is asked.
    names: BTreeSet<String>,
    subscribed: bool,
}

/// A stream.
struct Stream {
    requests: mpsc::Sender<DiscoveryRequest>,
    /// Tells that clusters are warm, with the response they came in.
    warm: mpsc::Sender<(String, String)>,
}

impl Client {
    pub(crate) fn new(
        settings: Settings,
        plane: Plane,
        configured: watch::Sender<bool>,
        received: Arc<Received>,
    ) -> Self {
        Self {
            settings,
            plane,
            received,
            configured,
            known: BTreeMap::new(),
            inline_routes: BTreeMap::new(),
            needed: watch::Sender::default(),
            has_listeners: false,
        }
    }

    /// Follows the control plane for ever.
    pub(crate) async fn run(mut self) {
        let (came, mut has_come) = mpsc::channel(1);
        let (sockets, node, plane) = (self.settings.sockets.clone(), self.settings.node.clone(), self.plane.clone());
        let keepers = Keepers { sockets, node, plane, came };
        let _keepers = AbortOnDropHandle::new(tokio::spawn(keepers.follow(self.needed.subscribe())));
        let _given_up = self.settings.initial_fetch_timeout.map(|limit| self.give_up_after(limit));
        let mut wait = BACKOFF.0;
        loop {
            let (ended, heard) = self.stream(&mut has_come).await;
            self.plane.registry().config.connected.store(0, Relaxed);
            if heard {
                wait = BACKOFF.0;
            }
            tracing::info!(reason = ended, again_in = ?wait, "the stream to the control plane ended");
            // Not all proxies come back at the same moment.
            sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Counts as ready after `limit`, whatever has come.
    fn give_up_after(&self, limit: Duration) -> AbortOnDropHandle<()> {
        let configured = self.configured.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(limit).await;
            if !configured.send_replace(true) {
                tracing::warn!(after = ?limit, "not all of the configuration has come");
            }
        }))
    }

    /// One stream, to its end: why it ended, and whether anything came.
    async fn stream(&mut self, has_come: &mut mpsc::Receiver<()>) -> (String, bool) {
        let channel = match self.connect().await {
            Ok(channel) => channel,
            Err(error) => return (format!("{:?} cannot be reached: {error}", self.settings.control_plane), false),
        };
        let (requests, outgoing) = mpsc::channel(REQUESTS);
        let (warm, mut warmed) = mpsc::channel(1);
        let stream = Stream { requests, warm };
        // The server answers with headers only after the first request.
        self.greet(&stream).await;
        let mut client = AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(RESPONSE_MAX);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        match self.settings.credentials.authorization() {
            Ok(None) => {}
            Ok(Some(value)) => drop(request.metadata_mut().insert("authorization", value)),
            Err(error) => return (error, false),
        }
        let opened = client.stream_aggregated_resources(request).await;
        let mut responses = match opened {
            Ok(responses) => responses.into_inner(),
            Err(status) => return (format!("refused: {status}"), false),
        };
        self.plane.registry().config.connected.store(1, Relaxed);
        let mut heard = false;
        loop {
            tokio::select! {
                response = responses.message() => match response {
                    Ok(Some(response)) => {
                        heard = true;
                        self.take(&stream, response).await;
                    }
                    Ok(None) => return ("the control plane closed it".to_owned(), heard),
                    Err(status) => return (status.to_string(), heard),
                },
                Some((version, nonce)) = warmed.recv() => self.accept(&stream, Kind::Clusters, version, nonce).await,
                Some(()) = has_come.recv() => self.look_whether_all_is_there().await,
            }
        }
    }

    async fn connect(&self) -> Result<Channel, String> {
        let endpoint = match &self.settings.control_plane {
            ControlPlane::Tcp(address) => Endpoint::from_shared(format!("http://{address}")),
            ControlPlane::Tls(address) => {
                let tls = self.settings.credentials.tls()?;
                Endpoint::from_shared(format!("https://{address}")).and_then(|endpoint| endpoint.tls_config(tls))
            }
            ControlPlane::Unix(path) => Endpoint::from_shared(format!("unix:{path}")),
        };
        let endpoint = endpoint.map_err(|error| causes(&error))?;
        let endpoint = endpoint.connect_timeout(CONNECT_MAX).http2_keep_alive_interval(KEEP_ALIVE.0);
        endpoint.keep_alive_timeout(KEEP_ALIVE.1).connect().await.map_err(|error| causes(&error))
    }

    /// Asks again for all that was asked for on the last stream; clusters at first.
    async fn greet(&mut self, stream: &Stream) {
        self.known.entry(Kind::Clusters).or_default().subscribed = true;
        for kind in Kind::ALL {
            if self.known.get(&kind).is_some_and(|known| known.subscribed) {
                self.ask(stream, kind, String::new(), None).await;
            }
        }
    }

    async fn take(&mut self, stream: &Stream, response: DiscoveryResponse) {
        let DiscoveryResponse { type_url, version_info: version, nonce, resources, .. } = response;
        let Some(kind) = Kind::of(&type_url) else {
            tracing::warn!(type_url, "the control plane sent what nobody asked for");
            return;
        };
        let result = match kind {
            Kind::Clusters => self.take_clusters(stream, &resources).await,
            Kind::Endpoints => self.take_endpoints(&resources).await,
            Kind::Secrets => self.take_secrets(&resources).await,
            Kind::Listeners => self.take_listeners(stream, &resources).await,
            Kind::Routes => self.take_routes(&resources).await,
        };
        if let Err(reason) = result {
            return self.reject(stream, kind, &version, nonce, reason).await;
        }
        self.received.keep(kind, &version, &self.plane.now().to_iso8601(), &resources);
        match kind {
            Kind::Clusters => self.warm_up(stream, version, nonce),
            _ => self.accept(stream, kind, version, nonce).await,
        }
    }

    async fn take_clusters(
        &mut self,
        stream: &Stream,
        resources: &[envoy_types::pb::google::protobuf::Any],
    ) -> Result<(), String> {
        let clusters = clusters::clusters(resources).map_err(|refusal| refusal.to_string())?;
        for (name, cluster) in &clusters {
            self.know_keepers("cluster", name, cluster.tls.iter().flat_map(|tls| tls.common.secrets()))?;
        }
        let discovered = clusters.values().filter_map(|cluster| match &cluster.discovery {
            Discovery::Eds { service_name } => Some(service_name.clone()),
            _ => None,
        });
        let names: BTreeSet<String> = discovered.collect();
        self.plane.set_clusters(clusters).await.map_err(|error| error.to_string())?;
        // Before the clusters are acknowledged: they are not warm without.
        self.subscribe(stream, Kind::Endpoints, names).await;
        self.subscribe_secrets(stream).await;
        Ok(())
    }

    /// Acknowledges the clusters once they are warm; meanwhile the stream is read on, since endpoints come by it.
    fn warm_up(&self, stream: &Stream, version: String, nonce: String) {
        let (plane, warm) = (self.plane.clone(), stream.warm.clone());
        tokio::spawn(async move {
            if !plane.warm(WARM_MAX).await {
                tracing::warn!(within = ?WARM_MAX, "not every cluster is warm");
            }
            // The stream may have ended meanwhile.
            let _ = warm.send((version, nonce)).await;
        });
    }

    async fn take_endpoints(&mut self, resources: &[envoy_types::pb::google::protobuf::Any]) -> Result<(), String> {
        let endpoints = clusters::endpoints(resources).map_err(|refusal| refusal.to_string())?;
        self.plane.set_endpoints(endpoints).await.map_err(|error| error.to_string())
    }

    async fn take_listeners(
        &mut self,
        stream: &Stream,
        resources: &[envoy_types::pb::google::protobuf::Any],
    ) -> Result<(), String> {
        let (listeners, inline) = listeners::listeners(resources).map_err(|refusal| refusal.to_string())?;
        for (name, listener) in &listeners {
            let tls = listener.chains.iter().filter_map(|chain| chain.tls.as_ref());
            self.know_keepers("listener", name, tls.flat_map(|tls| tls.common.secrets()))?;
        }
        let names = listeners::route_names(&listeners, &inline);
        self.plane.set_listeners(listeners).await.map_err(|error| error.to_string())?;
        self.has_listeners = true;
        if !inline.is_empty() {
            self.plane.set_routes(inline.clone()).await.map_err(|error| error.to_string())?;
        }
        self.inline_routes = inline;
        self.subscribe(stream, Kind::Routes, names).await;
        self.subscribe_secrets(stream).await;
        self.look_whether_all_is_there().await;
        Ok(())
    }

    async fn take_routes(&mut self, resources: &[envoy_types::pb::google::protobuf::Any]) -> Result<(), String> {
        let tables = routes::tables(resources).map_err(|refusal| refusal.to_string())?;
        self.plane.set_routes(tables).await.map_err(|error| error.to_string())?;
        self.look_whether_all_is_there().await;
        Ok(())
    }

    async fn take_secrets(&mut self, resources: &[envoy_types::pb::google::protobuf::Any]) -> Result<(), String> {
        let secrets = tls::secrets(resources).map_err(|refusal| refusal.to_string())?;
        self.plane.set_secrets(&Keeper::ControlPlane, secrets).await.map_err(|error| error.to_string())?;
        self.look_whether_all_is_there().await;
        Ok(())
    }

    /// Refuses a secret of somebody who is not known.
    fn know_keepers<'a>(
        &self,
        kind: &str,
        name: &str,
        mut secrets: impl Iterator<Item = &'a SecretName>,
    ) -> Result<(), String> {
        let unknown = |secret: &SecretName| match &secret.keeper {
            Keeper::ControlPlane => None,
            Keeper::Cluster(cluster) if self.settings.sockets.contains_key(cluster) => None,
            Keeper::Cluster(cluster) => Some(format!(
                "{kind} {name}: secret {}: the SDS cluster {cluster} is not known: set APPMESH_SDS_SOCKET_PATH",
                secret.name
            )),
        };
        secrets.find_map(unknown).map_or(Ok(()), Err)
    }

    /// Asks for the secrets that clusters and listeners need, at whoever has them.
    async fn subscribe_secrets(&mut self, stream: &Stream) {
        let needed = self.plane.secrets().await;
        let own = needed.iter().filter(|name| name.keeper == Keeper::ControlPlane).map(|name| name.name.clone());
        self.subscribe(stream, Kind::Secrets, own.collect()).await;
        self.needed.send_if_modified(|before| {
            let news = *before != needed;
            *before = needed;
            news
        });
    }

    async fn look_whether_all_is_there(&self) {
        if self.has_listeners && self.plane.is_listening().await {
            self.configured.send_replace(true);
        }
    }

    /// Asks for `names` of a kind, if that is not what is asked for already.
    async fn subscribe(&mut self, stream: &Stream, kind: Kind, names: BTreeSet<String>) {
        let known = self.known.entry(kind).or_default();
        let first = !known.subscribed && !names.is_empty();
        if !first && known.names == names {
            return;
        }
        (known.names, known.subscribed) = (names, true);
        self.received.retain(kind, |name| known.names.contains(name));
        self.ask(stream, kind, String::new(), None).await;
    }

    async fn accept(&mut self, stream: &Stream, kind: Kind, version: String, nonce: String) {
        tracing::debug!(?kind, version, "accepted");
        self.plane.registry().config.accepted(kind as usize);
        self.known.entry(kind).or_default().version = version;
        self.ask(stream, kind, nonce, None).await;
        if kind == Kind::Clusters && !self.known.get(&Kind::Listeners).is_some_and(|known| known.subscribed) {
            self.known.entry(Kind::Listeners).or_default().subscribed = true;
            self.ask(stream, Kind::Listeners, String::new(), None).await;
        }
    }

    async fn reject(&mut self, stream: &Stream, kind: Kind, version: &str, nonce: String, reason: String) {
        /// `INVALID_ARGUMENT` of `google.rpc.Code`.
        const INVALID_ARGUMENT: i32 = 3;
        tracing::warn!(?kind, reason, "refused");
        self.plane.registry().config.refused(kind as usize);
        self.received.refused(kind, version, &self.plane.now().to_iso8601(), &reason);
        let error = Status { code: INVALID_ARGUMENT, message: reason, details: Vec::new() };
        self.ask(stream, kind, nonce, Some(error)).await;
    }

    /// Sends what is known of a kind: a question, an acknowledgement, or a refusal.
    async fn ask(&self, stream: &Stream, kind: Kind, nonce: String, error: Option<Status>) {
        let known = self.known.get(&kind).cloned().unwrap_or_default();
        let request = DiscoveryRequest {
            version_info: known.version,
            node: Some(self.settings.node.clone()),
            resource_names: known.names.into_iter().collect(),
            type_url: kind.url().to_owned(),
            response_nonce: nonce,
            error_detail: error,
            ..DiscoveryRequest::default()
        };
        // A stream that takes no more is about to end, and its end is seen where it is read.
        let _ = stream.requests.send(request).await;
    }
}

/// An error and all its causes in one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

//! Secrets from servers of their own (SDS), which are reached by a socket in the file system, as SPIRE's agents are.
//!
//! Each secret has a stream, as Envoy asks for them. A secret that can't be used is refused with the reason, one that was
//! had before goes on; when a stream ends another is tried.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use envoy_types::pb::{
    envoy::{
        config::core::v3::Node,
        service::{
            discovery::v3::{DiscoveryRequest, DiscoveryResponse},
            secret::v3::secret_discovery_service_client::SecretDiscoveryServiceClient,
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
use tonic::transport::Endpoint;

use super::{client::causes, tls};
use crate::{
    mesh::Plane,
    model::{Keeper, SecretName},
};

/// The type of a secret.
pub(super) const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The wait after a stream ended, doubled up to the second each time that nothing came.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Requests that may wait to be sent: one answers each response.
const REQUESTS: usize = 4;

/// Where keepers of secrets are: the path of each one's socket, by the name of its cluster.
pub(crate) type Sockets = BTreeMap<String, String>;

/// Asks keepers for the secrets that are needed.
pub(super) struct Keepers {
    pub(super) sockets: Sockets,
    pub(super) node: Node,
    pub(super) plane: Plane,
    /// Told when a secret has come.
    pub(super) came: mpsc::Sender<()>,
}

impl Keepers {
    /// Follows what is `needed` until nobody says so any more.
    pub(super) async fn follow(self, mut needed: watch::Receiver<BTreeSet<SecretName>>) {
        let mut streams: HashMap<SecretName, AbortOnDropHandle<()>> = HashMap::new();
        loop {
            let names = needed.borrow_and_update().clone();
            streams.retain(|name, _| names.contains(name));
            for name in names {
                let Keeper::Cluster(cluster) = &name.keeper else { continue };
                let Some(path) = self.sockets.get(cluster) else { continue };
                let (node, plane, came) = (self.node.clone(), self.plane.clone(), self.came.clone());
                let asked = Asked { name: name.clone(), path: path.clone(), node, plane, came, version: String::new() };
                streams.entry(name).or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(asked.follow())));
            }
            if needed.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A secret that is asked for.
struct Asked {
    name: SecretName,
    path: String,
    node: Node,
    plane: Plane,
    came: mpsc::Sender<()>,
    /// The version that was accepted last.
    version: String,
}

impl Asked {
    async fn follow(mut self) {
        let mut wait = BACKOFF.0;
        loop {
            let before = self.version.clone();
            let reason = self.stream().await.err().unwrap_or_else(|| "it was closed".to_owned());
            if self.version != before {
                wait = BACKOFF.0;
            }
            let (secret, socket) = (&self.name, &self.path);
            tracing::info!(%secret, socket, reason, again_in = ?wait, "a stream of secrets ended");
            sleep(wait).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    async fn stream(&mut self) -> Result<(), String> {
        let endpoint = Endpoint::from_shared(format!("unix:{}", self.path)).map_err(|error| causes(&error))?;
        let channel = endpoint.connect_timeout(CONNECT_MAX).connect().await.map_err(|error| causes(&error))?;
        let (requests, outgoing) = mpsc::channel(REQUESTS);
        // The server answers with headers only after the first request.
        let _ = requests.send(self.request(String::new(), None)).await;
        let mut client = SecretDiscoveryServiceClient::new(channel);
        let opened = client.stream_secrets(ReceiverStream::new(outgoing)).await.map_err(|status| status.to_string())?;
        let mut responses = opened.into_inner();
        while let Some(response) = responses.message().await.map_err(|status| status.to_string())? {
            let nonce = response.nonce.clone();
            let answer = match self.take(response).await {
                Ok(()) => self.request(nonce, None),
                Err(reason) => {
                    tracing::warn!(secret = %self.name, reason, "refused");
                    self.request(nonce, Some(reason))
                }
            };
            if requests.send(answer).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn take(&mut self, response: DiscoveryResponse) -> Result<(), String> {
        let mut secrets = tls::secrets(&response.resources).map_err(|refusal| refusal.to_string())?;
        secrets.retain(|name, _| *name == self.name.name);
        self.plane.set_secrets(&self.name.keeper, secrets).await.map_err(|error| error.to_string())?;
        self.version = response.version_info;
        // Whoever waits for it may have gone.
        let _ = self.came.send(()).await;
        Ok(())
    }

    fn request(&self, nonce: String, refusal: Option<String>) -> DiscoveryRequest {
        /// `INVALID_ARGUMENT` of `google.rpc.Code`.
        const INVALID_ARGUMENT: i32 = 3;
        DiscoveryRequest {
            version_info: self.version.clone(),
            node: Some(self.node.clone()),
            resource_names: vec![self.name.name.clone()],
            type_url: SECRET.to_owned(),
            response_nonce: nonce,
            error_detail: refusal.map(|message| Status { code: INVALID_ARGUMENT, message, details: Vec::new() }),
            ..DiscoveryRequest::default()
        }
    }
}

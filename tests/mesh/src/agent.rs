//! An agent that keeps secrets beside each proxy, as SPIRE's do: a secret discovery service on a Unix socket, which the
//! proxy is told of by `APPMESH_SDS_SOCKET_PATH`. What a secret's name asks for, the agent has.

use std::{
    collections::BTreeMap,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, StreamExt};
use tokio::{
    net::UnixListener,
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use xds::pb::{
    envoy::{
        config::core::v3::{DataSource, data_source::Specifier},
        extensions::transport_sockets::tls::v3::{CertificateValidationContext, Secret, TlsCertificate, secret},
        service::{
            discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse},
            secret::v3::secret_discovery_service_server::{SecretDiscoveryService, SecretDiscoveryServiceServer},
        },
    },
    google::protobuf::Any,
};

use crate::certificates::Authority;

/// The trust domain whose identities it keeps.
pub(crate) const DOMAIN: &str = "agent.test";
/// The trust bundle by the name that SPIRE gives it where it is not asked for by its domain.
const ROOT: &str = "ROOTCA";
/// How the names of SPIFFE begin.
const SPIFFE: &str = "spiffe://";
/// The file of its socket, in the folder that a proxy shares with the test.
pub(crate) const SOCKET: &str = "agent.sock";
/// Where the service is asked.
const PATH: &str = "/envoy.service.secret.v3.SecretDiscoveryService/{method}";
/// The type of a secret.
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
/// Responses that may wait to be read.
const QUEUE: usize = 4;

/// The agent; clones are the same one.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    authority: Authority,
    /// Chains and keys in PEM, by the name of the secret.
    issued: Mutex<BTreeMap<String, (String, String)>>,
    /// Counts how often all was issued anew.
    round: watch::Sender<u64>,
}

impl Agent {
    pub(crate) fn new() -> Self {
        let (authority, round) = (Authority::new("agent"), watch::Sender::new(0));
        Self(Arc::new(Inner { authority, issued: Mutex::default(), round }))
    }

    /// Issues everything anew, and has proxies told.
    pub fn renew(&self) {
        self.issued().clear();
        self.0.round.send_modify(|round| *round += 1);
    }

    /// Its authority's certificate, in PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.0.authority.pem
    }

    /// Whether it keeps a secret of that name, rather than the house.
    pub(crate) fn keeps(name: &str) -> bool {
        name.strip_prefix(SPIFFE).is_none_or(|name| name.split('/').next() == Some(DOMAIN))
    }

    /// The certificate chain and the key of the secret `name`, in PEM.
    pub(crate) fn pair(&self, name: &str) -> (String, String) {
        let issue = || {
            let leaf = self.0.authority.sign(name);
            (leaf.pem, leaf.key_pem)
        };
        self.issued().entry(name.to_owned()).or_insert_with(issue).clone()
    }

    /// Answers on a socket at `path`.
    ///
    /// # Panics
    /// When there cannot be one.
    pub(crate) fn serve(&self, path: &Path) {
        let listener = UnixListener::bind(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let routes = axum::Router::new().route_service(PATH, SecretDiscoveryServiceServer::new(self.clone()));
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    fn issued(&self) -> MutexGuard<'_, BTreeMap<String, (String, String)>> {
        self.0.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secret(&self, name: &str) -> Secret {
        let inline =
            |text: String| Some(DataSource { specifier: Some(Specifier::InlineString(text)), ..Default::default() });
        let kind = if name == ROOT || name.strip_prefix(SPIFFE) == Some(DOMAIN) {
            let trusted_ca = inline(self.authority().to_owned());
            secret::Type::ValidationContext(CertificateValidationContext { trusted_ca, ..Default::default() })
        } else {
            let (chain, key) = self.pair(name);
            let (certificate_chain, private_key) = (inline(chain), inline(key));
            secret::Type::TlsCertificate(TlsCertificate { certificate_chain, private_key, ..Default::default() })
        };
        Secret { name: name.to_owned(), r#type: Some(kind) }
    }

    fn response(&self, names: &[String], round: u64) -> DiscoveryResponse {
        let pack = |name: &String| Any {
            type_url: SECRET.to_owned(),
            value: prost::Message::encode_to_vec(&self.secret(name)),
        };
        DiscoveryResponse {
            version_info: round.to_string(),
            nonce: round.to_string(),
            type_url: SECRET.to_owned(),
            resources: names.iter().filter(|name| Self::keeps(name)).map(pack).collect(),
            ..DiscoveryResponse::default()
        }
    }

    /// Answers the first request, and sends what is issued anew; of other requests only what they ask for counts.
    async fn follow(
        self,
        mut requests: Streaming<DiscoveryRequest>,
        responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
    ) {
        let mut rounds = self.0.round.subscribe();
        let mut names: Vec<String> = Vec::new();
        loop {
            let asked = tokio::select! {
                request = requests.next() => match request {
                    Some(Ok(request)) => Some(request.resource_names),
                    _ => return,
                },
                changed = rounds.changed() => match changed {
                    Ok(()) => None,
                    Err(_) => return,
                },
            };
            if asked.as_ref().is_some_and(|asked| *asked == names) {
                continue;
            }
            names = asked.unwrap_or(names);
            let round = *rounds.borrow_and_update();
            if responses.send(Ok(self.response(&names, round))).await.is_err() {
                return;
            }
        }
    }
}

#[tonic::async_trait]
impl SecretDiscoveryService for Agent {
    type DeltaSecretsStream = Pin<Box<dyn Stream<Item = Result<DeltaDiscoveryResponse, Status>> + Send>>;
    type StreamSecretsStream = ReceiverStream<Result<DiscoveryResponse, Status>>;

    async fn delta_secrets(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaSecretsStream>, Status> {
        Err(Status::unimplemented("secrets come by state of the world"))
    }

    async fn stream_secrets(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamSecretsStream>, Status> {
        let (responses, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(self.clone().follow(request.into_inner(), responses));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn fetch_secrets(&self, _: Request<DiscoveryRequest>) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("secrets come by a stream"))
    }
}

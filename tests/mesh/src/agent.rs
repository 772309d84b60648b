//! An agent that keeps secrets beside each proxy, as SPIRE's do: a secret discovery service on a Unix socket, which the
//! proxy is told of by `APPMESH_SDS_SOCKET_PATH`. What a secret's name asks for, the agent has. It can issue all of it
//! anew, and let one authority take the place of another, as such agents do when theirs grows old.

use std::{
    collections::BTreeMap,
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::StreamExt;
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
/// How long a proxy may take to say that it has what it was sent, on a machine that is busy.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// The agent; clones are the same one.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    authorities: [Authority; 2],
    /// What there is to have now.
    kept: Mutex<Kept>,
    /// Counts how often something of it became another.
    round: watch::Sender<u64>,
    /// The round that each open stream has acknowledged, by the stream's number.
    acknowledged: watch::Sender<BTreeMap<u64, u64>>,
    streams: AtomicU64,
}

struct Kept {
    /// Which authorities are to be trusted.
    trusted: Vec<Signer>,
    /// Which one signs.
    signer: Signer,
    /// Chains and keys in PEM, by the name of the secret.
    issued: BTreeMap<String, (String, String)>,
}

/// One of the agent's authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The one that signs from the beginning.
    First,
    /// Its successor.
    Second,
}

impl Agent {
    pub(crate) fn new() -> Self {
        let authorities = [Authority::new("agent"), Authority::new("agent's successor")];
        let kept = Kept { trusted: vec![Signer::First], signer: Signer::First, issued: BTreeMap::new() };
        Self(Arc::new(Inner {
            authorities,
            kept: Mutex::new(kept),
            round: watch::Sender::new(0),
            acknowledged: watch::Sender::default(),
            streams: AtomicU64::new(0),
        }))
    }

    /// Issues everything anew, signed by `signer`, and has proxies told.
    pub fn renew(&self, signer: Signer) {
        let mut kept = self.kept();
        kept.issued.clear();
        kept.signer = signer;
        drop(kept);
        self.next();
    }

    /// Has proxies trust these authorities of it, and no others.
    pub fn trust(&self, authorities: &[Signer]) {
        self.kept().trusted = authorities.to_vec();
        self.next();
    }

    fn next(&self) {
        self.0.round.send_modify(|round| *round += 1);
    }

    /// Waits until every proxy that asks for something has said that it has what there is now.
    ///
    /// # Panics
    /// When one does not in any reasonable time.
    pub async fn acknowledged(&self) {
        let round = *self.0.round.borrow();
        let mut all = self.0.acknowledged.subscribe();
        let there = all.wait_for(|all| !all.is_empty() && all.values().all(|acknowledged| *acknowledged >= round));
        let waited = tokio::time::timeout(ANSWER_MAX, there).await.map(drop);
        assert!(
            waited.is_ok(),
            "round {round} is acknowledged by none or not by all: {:?}",
            self.0.acknowledged.borrow()
        );
    }

    /// The certificates of its authorities, in PEM.
    pub(crate) fn authorities(&self) -> String {
        self.0.authorities.iter().map(|authority| authority.pem.as_str()).collect()
    }

    /// Whether it keeps a secret of that name, rather than the house.
    pub(crate) fn keeps(name: &str) -> bool {
        name.strip_prefix(SPIFFE).is_none_or(|name| name.split('/').next() == Some(DOMAIN))
    }

    /// The certificate chain and the key of the secret `name`, in PEM.
    pub(crate) fn pair(&self, name: &str) -> (String, String) {
        let mut kept = self.kept();
        let authority = self.authority(kept.signer);
        let issue = || {
            let leaf = authority.sign(name);
            (leaf.pem, leaf.key_pem)
        };
        kept.issued.entry(name.to_owned()).or_insert_with(issue).clone()
    }

    fn authority(&self, signer: Signer) -> &Authority {
        let [first, second] = &self.0.authorities;
        match signer {
            Signer::First => first,
            Signer::Second => second,
        }
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

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secret(&self, name: &str) -> Secret {
        let inline =
            |text: String| Some(DataSource { specifier: Some(Specifier::InlineString(text)), ..Default::default() });
        let kind = if name == ROOT || name.strip_prefix(SPIFFE) == Some(DOMAIN) {
            let trusted = self.kept().trusted.clone();
            let trusted_ca = inline(trusted.into_iter().map(|signer| self.authority(signer).pem.as_str()).collect());
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

    /// Answers the first request, and sends what became another; of other requests only what they ask for and what they
    /// acknowledge counts.
    async fn follow(
        self,
        mut requests: Streaming<DiscoveryRequest>,
        responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
    ) {
        let stream = Stream { number: self.0.streams.fetch_add(1, Relaxed), agent: self.clone() };
        let mut rounds = self.0.round.subscribe();
        let mut names: Vec<String> = Vec::new();
        loop {
            let asked = tokio::select! {
                request = requests.next() => match request {
                    Some(Ok(request)) => {
                        stream.take(&request);
                        Some(request.resource_names)
                    }
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

/// A stream of secrets while it is open.
struct Stream {
    number: u64,
    agent: Agent,
}

impl Stream {
    /// Takes down what a request says of what was sent before; a refusal says nothing.
    fn take(&self, request: &DiscoveryRequest) {
        let round = request.response_nonce.parse().ok().filter(|_| request.error_detail.is_none());
        self.agent.0.acknowledged.send_modify(|all| {
            let own = all.entry(self.number).or_default();
            *own = round.unwrap_or(*own);
        });
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.agent.0.acknowledged.send_modify(|all| _ = all.remove(&self.number));
    }
}

#[tonic::async_trait]
impl SecretDiscoveryService for Agent {
    type DeltaSecretsStream = Pin<Box<dyn futures::Stream<Item = Result<DeltaDiscoveryResponse, Status>> + Send>>;
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

//! The three ways to prove who one is to the xDS server, as a proxy on another machine meets them: over TCP, within TLS
//! where that is the proof, with the very server that `serin up` runs.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, sync::Arc};

use axum::Router;
use hyper_util::rt::TokioIo;
use names::{AccountId, Clock, Region, Scope};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use wire::sigv4;
use xds::{
    Cache, Kind, NodeName, Snapshot,
    pb::envoy::{
        config::{cluster::v3::Cluster, core::v3::Node},
        service::discovery::v3::{
            DiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
        },
    },
};

use super::{Guard, Tokens};

const PATH: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
/// The name that the server goes by.
const HOST: &str = "mesh.example";

/// An authority, with its own certificate in PEM.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A chain and its key, in PEM.
struct Pair {
    chain: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, name: SanType) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names.push(name);
        Pair { chain: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A proxy's certificate, for the SPIFFE id `uri`.
    fn proxy(&self, uri: &str) -> Pair {
        self.sign(SanType::URI(uri.try_into().unwrap()))
    }
}

/// The port of `serin up` as other machines see it.
struct Port {
    address: SocketAddr,
    /// Whom its own certificate is of.
    authority: Authority,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn node(name: &str) -> String {
    names::Arn::new("appmesh", &Scope::default(), format!("mesh/m/virtualNode/{name}")).to_string()
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

impl Port {
    /// One that knows the nodes `api` and `other`, and lets in who shows one of these.
    async fn open(tokens: &str, keys: &[(&str, &str)], clients: Option<&Authority>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("server");
        let own = authority.sign(SanType::DnsName(HOST.try_into().unwrap()));
        let (chain, key) = (write(folder.path(), "chain.pem", &own.chain), write(folder.path(), "key.pem", &own.key));
        let clients = clients.map(|clients| write(folder.path(), "clients.pem", &clients.pem));
        let tls = wire::Tls::read(&chain, &key, clients.as_deref()).unwrap();
        let guard = Guard {
            store: Store::in_memory().unwrap(),
            clock: Clock::System,
            account: AccountId::default(),
            secrets: keys
                .iter()
                .map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            tokens: Tokens::parse(tokens).unwrap(),
            certificates: clients.is_some(),
        };
        let cache = Cache::new(appmesh::identify);
        for name in ["api", "other"] {
            let mut builder = Snapshot::builder();
            builder.cluster(&Cluster { name: name.to_owned(), ..Cluster::default() });
            let alias = Some(format!("mesh/m/virtualNode/{name}"));
            cache.set(&NodeName { name: node(name), alias }, builder.build());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router: Router = xds::guarded_routes(cache, Arc::new(guard));
        tokio::spawn(wire::serve(listener, router, Some(tls), stop.clone()));
        Self { address, authority, stop, _folder: folder }
    }

    /// A channel in the clear.
    async fn plain(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A channel within TLS whose client shows `pair`, if it has one.
    async fn secured(&self, pair: Option<&Pair>) -> Result<Channel, tonic::transport::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = match pair {
            None => config.with_no_client_auth(),
            Some(Pair { chain, key }) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (connector, address) = (TlsConnector::from(Arc::new(config)), self.address);
        let connect = tower::service_fn(move |_: http::Uri| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                Ok::<_, std::io::Error>(TokioIo::new(
                    connector.connect(ServerName::try_from(HOST).unwrap(), stream).await?,
                ))
            }
        });
        Endpoint::from_static("http://mesh.example").connect_with_connector(connect).await
    }
}

/// Asks for clusters as the node `name`, with these headers; answers how many come.
async fn ask(channel: Channel, name: &str, headers: &[(&'static str, String)]) -> Result<usize, Status> {
    let first = DiscoveryRequest {
        node: Some(Node { id: node(name), ..Node::default() }),
        type_url: Kind::Cluster.url().to_owned(),
        ..DiscoveryRequest::default()
    };
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    requests.send(first).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut request = tonic::Request::new(stream);
    for (header, value) in headers {
        request.metadata_mut().insert(*header, value.parse().unwrap());
    }
    let mut client = AggregatedDiscoveryServiceClient::new(channel);
    let mut answers = client.stream_aggregated_resources(request).await?.into_inner();
    Ok(answers.message().await?.map_or(0, |answer| answer.resources.len()))
}

fn bearer(token: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {token}"))]
}

/// The headers of a call to the server at `host`, signed.
fn signed(host: &str, key: (&str, &str), service: &str) -> Vec<(&'static str, String)> {
    let mut headers = http::HeaderMap::new();
    headers.insert("host", host.parse().unwrap());
    let region = Region::new(Scope::default().region.as_str());
    sigv4::sign(key, (service, &region), Clock::System.now(), &mut headers, ("POST", PATH, b""));
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    vec![("authorization", text("authorization")), ("x-amz-date", text("x-amz-date"))]
}

#[tokio::test]
async fn a_client_certificate_opens_the_node_it_names_and_no_other() {
    let clients = Authority::new("clients");
    let port = Port::open("", &[], Some(&clients)).await;
    let right = clients.proxy("spiffe://mesh.example/mesh/m/virtualNode/api");
    assert_eq!(ask(port.secured(Some(&right)).await.unwrap(), "api", &[]).await.unwrap(), 1);
    let denied = ask(port.secured(Some(&right)).await.unwrap(), "other", &[]).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied, "{denied}");
    let nobody = clients.proxy("spiffe://mesh.example/build/7");
    let denied = ask(port.secured(Some(&nobody)).await.unwrap(), "api", &[]).await.unwrap_err();
    assert_eq!(denied.code(), Code::Unauthenticated);
    assert!(denied.message().contains("names no virtual node"), "{denied}");
}

#[tokio::test]
async fn a_client_certificate_of_another_authority_ends_in_the_handshake() {
    let (clients, others) = (Authority::new("clients"), Authority::new("others"));
    let port = Port::open("", &[], Some(&clients)).await;
    let wrong = others.proxy("spiffe://mesh.example/mesh/m/virtualNode/api");
    // By TLS 1.3 a client is done before the server has looked: it may hear of it at its first call.
    let refused = match port.secured(Some(&wrong)).await {
        Err(_) => true,
        Ok(channel) => ask(channel, "api", &[]).await.is_err_and(|status| status.code() != Code::PermissionDenied),
    };
    assert!(refused);
    let right = clients.proxy("spiffe://mesh.example/mesh/m/virtualNode/api");
    assert_eq!(ask(port.secured(Some(&right)).await.unwrap(), "api", &[]).await.unwrap(), 1, "others go on");
}

#[tokio::test]
async fn who_shows_no_certificate_is_told_what_to_show() {
    let clients = Authority::new("clients");
    let port = Port::open("", &[], Some(&clients)).await;
    for channel in [port.secured(None).await.unwrap(), port.plain().await] {
        let denied = ask(channel, "api", &[]).await.unwrap_err();
        assert_eq!(denied.code(), Code::Unauthenticated);
        assert!(denied.message().contains("by a client certificate"), "{denied}");
    }
}

#[tokio::test]
async fn a_token_opens_its_nodes_with_and_without_tls() {
    let port = Port::open(&format!("secret {}\n", node("api")), &[], None).await;
    for channel in [port.secured(None).await.unwrap(), port.plain().await] {
        assert_eq!(ask(channel.clone(), "api", &bearer("secret")).await.unwrap(), 1);
        let denied = ask(channel.clone(), "other", &bearer("secret")).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied, "{denied}");
        let denied = ask(channel.clone(), "api", &bearer("guessed")).await.unwrap_err();
        assert_eq!((denied.code(), denied.message()), (Code::Unauthenticated, "the token is not one of ours"));
        let denied = ask(channel, "api", &[]).await.unwrap_err();
        assert_eq!(denied.code(), Code::Unauthenticated, "{denied}");
    }
}

#[tokio::test]
async fn a_signature_opens_the_meshes_of_its_account_with_and_without_tls() {
    let port = Port::open("", &[("AKID", "secret")], None).await;
    let address = port.address.to_string();
    for (channel, host) in [(port.plain().await, address.as_str()), (port.secured(None).await.unwrap(), HOST)] {
        let with = |key, service| signed(host, key, service);
        assert_eq!(ask(channel.clone(), "api", &with(("AKID", "secret"), "appmesh")).await.unwrap(), 1);
        for (key, service) in
            [(("AKID", "wrong"), "appmesh"), (("OTHER", "secret"), "appmesh"), (("AKID", "secret"), "ecs")]
        {
            let denied = ask(channel.clone(), "api", &with(key, service)).await.unwrap_err();
            assert_eq!(denied.code(), Code::Unauthenticated, "{key:?} {service}: {denied}");
        }
        let denied = ask(channel, "api", &[]).await.unwrap_err();
        assert!(denied.message().contains("prove who you are"), "{denied}");
    }
}

//! The client against a control plane of the test, which says word for word what comes and sees what is answered.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{
                Address, AggregatedConfigSource, ApiConfigSource, ConfigSource, DataSource, GrpcService, Node,
                SocketAddress, TransportSocket, address,
                config_source::ConfigSourceSpecifier,
                data_source::Specifier,
                grpc_service::{EnvoyGrpc, TargetSpecifier},
                socket_address::PortSpecifier,
                transport_socket,
            },
            listener::v3::{Filter, FilterChain, Listener, filter},
            route::v3::{
                DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
                route_match::PathSpecifier,
            },
        },
        extensions::{
            filters::network::http_connection_manager::v3::{
                HttpConnectionManager, http_connection_manager::RouteSpecifier,
            },
            transport_sockets::tls::v3::{
                CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, Secret, TlsCertificate, secret,
            },
        },
        service::{
            discovery::v3::{
                DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
                aggregated_discovery_service_server::{AggregatedDiscoveryService, AggregatedDiscoveryServiceServer},
            },
            secret::v3::secret_discovery_service_server::{SecretDiscoveryService, SecretDiscoveryServiceServer},
        },
    },
    google::protobuf::Any,
};
use prost::{Message, Name};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream, UnixListenerStream};
use tokio_util::task::AbortOnDropHandle;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

use super::{
    client::{Client, ControlPlane, Settings},
    credentials::Credentials,
    received::{Kind, Received},
};
use crate::{
    mesh::{self, Plane},
    testing::{Client as Caller, soon, until},
    tls::testing::Authority,
};

/// A stream that was opened: what is asked, and where answers go.
struct Opened {
    /// What it showed.
    authorization: Option<String>,
    /// How many certificates it showed.
    certificates: usize,
    asked: Streaming<DiscoveryRequest>,
    answers: mpsc::Sender<Result<DiscoveryResponse, Status>>,
}

/// Hands streams that are opened to the test.
struct Scripted(mpsc::Sender<Opened>);

type Answers = ReceiverStream<Result<DiscoveryResponse, Status>>;
type DeltaAnswers = ReceiverStream<Result<DeltaDiscoveryResponse, Status>>;

impl Scripted {
    async fn open(&self, request: Request<Streaming<DiscoveryRequest>>) -> Result<Response<Answers>, Status> {
        let (answers, outgoing) = mpsc::channel(8);
        let shown = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let certificates = request.peer_certs().map_or(0, |certificates| certificates.len());
        let opened = Opened { authorization: shown, certificates, asked: request.into_inner(), answers };
        self.0.send(opened).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Scripted {
    type StreamAggregatedResourcesStream = Answers;
    type DeltaAggregatedResourcesStream = DeltaAnswers;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Answers>, Status> {
        self.open(request).await
    }

    async fn delta_aggregated_resources(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<DeltaAnswers>, Status> {
        Err(Status::unimplemented("delta"))
    }
}

#[tonic::async_trait]
impl SecretDiscoveryService for Scripted {
    type StreamSecretsStream = Answers;
    type DeltaSecretsStream = DeltaAnswers;

    async fn stream_secrets(&self, request: Request<Streaming<DiscoveryRequest>>) -> Result<Response<Answers>, Status> {
        self.open(request).await
    }

    async fn delta_secrets(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<DeltaAnswers>, Status> {
        Err(Status::unimplemented("delta"))
    }

    async fn fetch_secrets(&self, _: Request<DiscoveryRequest>) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("fetch"))
    }
}

impl Opened {
    /// What is asked next, which must be about a kind of resource.
    async fn asks(&mut self, kind: &str) -> DiscoveryRequest {
        let asked = soon(kind, self.asked.message()).await.unwrap().expect("the client has closed the stream");
        assert!(asked.type_url.ends_with(kind), "{kind} is waited for and not {asked:?}");
        asked
    }

    async fn answer<M: Message + Name>(&self, version: &str, kind: &str, resources: &[M]) {
        let type_url = format!("type.googleapis.com/{kind}");
        let any = |resource: &M| Any { type_url: type_url.clone(), value: resource.encode_to_vec() };
        let response = DiscoveryResponse {
            version_info: version.to_owned(),
            nonce: format!("nonce-{version}"),
            resources: resources.iter().map(any).collect(),
            type_url: type_url.clone(),
            ..DiscoveryResponse::default()
        };
        self.answers.send(Ok(response)).await.unwrap();
    }
}

const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const LISTENER: &str = "envoy.config.listener.v3.Listener";
const SECRET: &str = "envoy.extensions.transport_sockets.tls.v3.Secret";

fn packed<M: Message>(kind: &str, message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{kind}"), value: message.encode_to_vec() }
}

/// A listener that answers 200 to everything, secured by the secret `cert` of `keeper`.
fn listener(keeper: ConfigSourceSpecifier) -> Listener {
    let route = Route {
        r#match: Some(RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() }),
        action: Some(Action::DirectResponse(DirectResponseAction { status: 200, ..Default::default() })),
        ..Default::default()
    };
    let host = VirtualHost {
        name: "all".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..Default::default()
    };
    let table = RouteConfiguration { name: "all".to_owned(), virtual_hosts: vec![host], ..Default::default() };
    let manager = HttpConnectionManager {
        stat_prefix: "ingress".to_owned(),
        route_specifier: Some(RouteSpecifier::RouteConfig(table)),
        ..Default::default()
    };
    let manager = packed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", &manager);
    let config = SdsSecretConfig {
        name: "cert".to_owned(),
        sds_config: Some(ConfigSource { config_source_specifier: Some(keeper), ..Default::default() }),
    };
    let common = CommonTlsContext { tls_certificate_sds_secret_configs: vec![config], ..Default::default() };
    let tls = DownstreamTlsContext { common_tls_context: Some(common), ..Default::default() };
    let tls = packed("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", &tls);
    let address = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(0)),
        ..Default::default()
    };
    Listener {
        name: "main".to_owned(),
        address: Some(Address { address: Some(address::Address::SocketAddress(address)) }),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "manager".to_owned(),
                config_type: Some(filter::ConfigType::TypedConfig(manager)),
            }],
            transport_socket: Some(TransportSocket {
                name: "tls".to_owned(),
                config_type: Some(transport_socket::ConfigType::TypedConfig(tls)),
            }),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn secret((chain, key): (String, String)) -> Secret {
    let inline = |text| Some(DataSource { specifier: Some(Specifier::InlineString(text)), ..Default::default() });
    let certificate =
        TlsCertificate { certificate_chain: inline(chain), private_key: inline(key), ..Default::default() };
    Secret { name: "cert".to_owned(), r#type: Some(secret::Type::TlsCertificate(certificate)) }
}

/// A client of the test's control plane, and the streams it opens there.
struct Setting {
    plane: Plane,
    configured: watch::Receiver<bool>,
    received: Arc<Received>,
    streams: mpsc::Receiver<Opened>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Setting {
    async fn new(sockets: BTreeMap<String, String>, initial_fetch_timeout: Option<Duration>) -> Self {
        let (opened, streams) = mpsc::channel(4);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control_plane = ControlPlane::Tcp(socket.local_addr().unwrap().to_string());
        let service = AggregatedDiscoveryServiceServer::new(Scripted(opened));
        let serving = Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(socket));
        let serving = AbortOnDropHandle::new(tokio::spawn(async move { serving.await.unwrap() }));
        let plane = Plane::start(mesh::Settings::default()).unwrap();
        let (tell, configured) = watch::channel(false);
        let received = Arc::<Received>::default();
        let node = Node { id: "mesh/m/virtualNode/n".to_owned(), ..Node::default() };
        let credentials = Credentials::default();
        let settings = Settings { control_plane, credentials, node, sockets, initial_fetch_timeout };
        let client = Client::new(settings, plane.clone(), tell, Arc::clone(&received));
        let following = AbortOnDropHandle::new(tokio::spawn(client.run()));
        Self { plane, configured, received, streams, _tasks: [serving, following] }
    }

    async fn stream(&mut self) -> Opened {
        soon("a stream", self.streams.recv()).await.unwrap()
    }

    /// The first stream, at which there are no clusters.
    async fn begun(&mut self) -> Opened {
        let mut stream = self.stream().await;
        assert_eq!(stream.asks(CLUSTER).await.node.unwrap().id, "mesh/m/virtualNode/n");
        stream.answer::<envoy_types::pb::envoy::config::cluster::v3::Cluster>("1", CLUSTER, &[]).await;
        let accepted = stream.asks(CLUSTER).await;
        assert_eq!((accepted.version_info.as_str(), accepted.response_nonce.as_str()), ("1", "nonce-1"));
        stream.asks(LISTENER).await;
        stream
    }

    async fn is_served(&self, authority: &Authority) -> bool {
        let Some(address) = self.plane.address_of("main").await else { return false };
        let Ok(mut client) = Caller::secured(address, &authority.client("api.example")).await else { return false };
        client.get("a", "/").await.status == 200
    }
}

#[tokio::test]
async fn a_listener_waits_for_its_secret_and_a_bad_one_is_named_and_refused() {
    let (mut setting, authority) = (Setting::new(BTreeMap::new(), None).await, Authority::new("mesh"));
    let mut stream = setting.begun().await;
    let ads = ConfigSourceSpecifier::Ads(AggregatedConfigSource::default());
    stream.answer("1", LISTENER, &[listener(ads)]).await;
    assert_eq!(stream.asks(SECRET).await.resource_names, ["cert"]);
    assert_eq!(stream.asks(LISTENER).await.version_info, "1");
    assert!(!*setting.configured.borrow());
    let mixed = (authority.issue(&["api.example"]).0, authority.issue(&["api.example"]).1);
    stream.answer("1", SECRET, &[secret(mixed)]).await;
    let refused = stream.asks(SECRET).await;
    let reason = refused.error_detail.unwrap().message;
    assert!(reason.contains("secret cert") && reason.contains("not that of the certificate"), "{reason}");
    assert_eq!((refused.version_info.as_str(), refused.response_nonce.as_str()), ("", "nonce-1"));
    assert!(setting.received.of(Kind::Secrets).refusal.is_some());
    assert_eq!(setting.received.of(Kind::Listeners).resources["main"].version, "1");
    stream.answer("2", SECRET, &[secret(authority.issue(&["api.example"]))]).await;
    let accepted = stream.asks(SECRET).await;
    assert_eq!((accepted.version_info.as_str(), accepted.error_detail), ("2", None));
    assert_eq!(setting.received.of(Kind::Secrets).resources["cert"].version, "2");
    soon("all of it", setting.configured.wait_for(|configured| *configured)).await.unwrap();
    assert!(setting.is_served(&authority).await);
    drop(stream);
    let mut again = setting.stream().await;
    assert_eq!(again.asks(CLUSTER).await.version_info, "1");
    let asked = again.asks(SECRET).await;
    assert_eq!((asked.version_info.as_str(), asked.resource_names.as_slice()), ("2", &["cert".to_owned()][..]));
    assert_eq!(again.asks(LISTENER).await.version_info, "1");
    assert!(setting.is_served(&authority).await, "traffic goes on meanwhile");
}

#[tokio::test]
async fn a_secret_comes_from_a_socket_and_a_keeper_nobody_knows_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets.sock");
    let (opened, mut streams) = mpsc::channel(4);
    let incoming = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
    let service = SecretDiscoveryServiceServer::new(Scripted(opened));
    let serving = Server::builder().add_service(service).serve_with_incoming(incoming);
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move { serving.await.unwrap() }));
    let sockets = [("secrets".to_owned(), path.to_str().unwrap().to_owned())].into();
    let (mut setting, authority) = (Setting::new(sockets, None).await, Authority::new("mesh"));
    let mut stream = setting.begun().await;
    let keeper = |cluster: &str| {
        let grpc = EnvoyGrpc { cluster_name: cluster.to_owned(), ..Default::default() };
        let service = GrpcService { target_specifier: Some(TargetSpecifier::EnvoyGrpc(grpc)), ..Default::default() };
        let source = ApiConfigSource { grpc_services: vec![service], ..Default::default() };
        ConfigSourceSpecifier::ApiConfigSource(source)
    };
    stream.answer("1", LISTENER, &[listener(keeper("other"))]).await;
    let reason = stream.asks(LISTENER).await.error_detail.unwrap().message;
    assert!(reason.contains("listener main: secret cert") && reason.contains("other"), "{reason}");
    stream.answer("2", LISTENER, &[listener(keeper("secrets"))]).await;
    assert_eq!(stream.asks(LISTENER).await.version_info, "2");
    let mut secrets = soon("a stream of secrets", streams.recv()).await.unwrap();
    assert_eq!(secrets.asks(SECRET).await.resource_names, ["cert"]);
    secrets.answer("7", SECRET, &[secret(authority.issue(&["api.example"]))]).await;
    assert_eq!(secrets.asks(SECRET).await.version_info, "7");
    soon("all of it", setting.configured.wait_for(|configured| *configured)).await.unwrap();
    assert!(setting.is_served(&authority).await);
    let other = Authority::new("other");
    secrets.answer("8", SECRET, &[secret(other.issue(&["api.example"]))]).await;
    until("the new certificate", async || setting.is_served(&other).await).await;
    drop(secrets);
    let mut again = soon("a stream of secrets", streams.recv()).await.unwrap();
    assert_eq!(again.asks(SECRET).await.version_info, "8");
}

#[tokio::test]
async fn a_proxy_counts_as_ready_when_it_has_waited_long_enough() {
    let mut setting = Setting::new(BTreeMap::new(), Some(Duration::from_millis(50))).await;
    soon("readiness", setting.configured.wait_for(|configured| *configured)).await.unwrap();
}

#[tokio::test]
async fn a_control_plane_elsewhere_is_shown_a_token_and_a_certificate_that_are_read_anew() {
    let (authority, folder) = (Authority::new("mesh"), tempfile::tempdir().unwrap());
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (chain, key) = authority.issue(&["localhost"]);
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(chain, key));
    let tls = tls.client_ca_root(Certificate::from_pem(authority.pem()));
    let (opened, mut streams) = mpsc::channel(4);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control_plane = ControlPlane::Tls(format!("localhost:{}", socket.local_addr().unwrap().port()));
    let service = AggregatedDiscoveryServiceServer::new(Scripted(opened));
    let serving = Server::builder().tls_config(tls).unwrap().add_service(service);
    let serving = serving.serve_with_incoming(TcpListenerStream::new(socket));
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move { serving.await.unwrap() }));
    let own = authority.issue(&["spiffe://mesh/n"]);
    let credentials = Credentials {
        authorities: Some(write("ca.pem", authority.pem())),
        certificate: Some((write("own.pem", &own.0), write("own.key", &own.1))),
        token: Some(write("token", "\n")),
    };
    let settings = Settings {
        control_plane,
        credentials,
        node: Node::default(),
        sockets: BTreeMap::new(),
        initial_fetch_timeout: None,
    };
    let plane = Plane::start(mesh::Settings::default()).unwrap();
    let client = Client::new(settings, plane, watch::channel(false).0, Arc::default());
    let _following = AbortOnDropHandle::new(tokio::spawn(client.run()));
    // There is no token yet, and none is made up.
    assert!(tokio::time::timeout(Duration::from_millis(300), streams.recv()).await.is_err());
    write("token", "first\n");
    let stream = soon("a stream", streams.recv()).await.unwrap();
    assert_eq!((stream.authorization.as_deref(), stream.certificates), (Some("Bearer first"), 1));
    write("token", "second");
    drop(stream);
    let stream = soon("another stream", streams.recv()).await.unwrap();
    assert_eq!(stream.authorization.as_deref(), Some("Bearer second"));
}

//! Connections within TLS: who is believed, and certificates that change.

use std::{collections::BTreeMap, fs, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    mesh::{Error, Settings},
    model::{
        Action, CertificateSource, ChainMatch, ClientCertificate, ClientTls, CommonTls, Config, Discovery, Endpoint,
        Filter, FilterChain, Forward, ForwardClientCertificate, HttpManager, Keeper, Listener, Material, NameKind,
        NameMatch, Secret, SecretName, ServerTls, TcpProxy, TextMatch, TextPattern, Validation, ValidationSource,
        WeightedCluster,
    },
    testing::{Client, Mesh, Server, cluster_at, listener, prefix_route, soon, table, until},
    tls::testing::Authority,
};

fn http() -> Filter {
    Filter::Http(HttpManager {
        routes: "routes".to_owned(),
        stat_prefix: "ingress".to_owned(),
        ..HttpManager::default()
    })
}

fn secured(tls: ServerTls, filter: Filter) -> Listener {
    let mut listener = listener(filter);
    listener.chains[0].tls = Some(tls);
    listener
}

fn config(main: Listener, server: &Server) -> Config {
    Config {
        clusters: [("api".to_owned(), cluster_at(&[server.address]))].into(),
        listeners: [("main".to_owned(), main)].into(),
        routes: [("routes".to_owned(), table(vec![prefix_route("/", Action::Forward(Forward::to("api")))]))].into(),
        ..Config::default()
    }
}

fn named(name: &str) -> SecretName {
    SecretName { keeper: Keeper::ControlPlane, name: name.to_owned() }
}

fn by_name(name: &str) -> ServerTls {
    let certificates = vec![CertificateSource::Secret(named(name))];
    ServerTls { common: CommonTls { certificates, ..CommonTls::default() }, ..ServerTls::default() }
}

fn uri(pattern: TextPattern) -> NameMatch {
    NameMatch { kind: Some(NameKind::Uri), text: TextMatch { pattern, ignore_case: false } }
}

/// Whether a request by `tls` is answered.
async fn is_answered(mesh: &Mesh, tls: &ClientTls) -> bool {
    let Ok(mut client) = Client::secured(mesh.address, tls).await else { return false };
    // By TLS 1.3 a client is told that it is not believed only after its handshake.
    if client.stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.is_err() {
        return false;
    }
    soon("an answer or an end", client.try_answer("GET")).await.is_some_and(|answer| answer.text() == "v1")
}

#[tokio::test]
async fn secured_and_bare_clients_share_a_port() {
    let (authority, server) = (Authority::new("mesh"), Server::named("v1").await);
    let mut both = listener(http());
    both.chains = [Some(true), Some(false)]
        .map(|secured| FilterChain {
            name: String::new(),
            matches: ChainMatch { secured, ..ChainMatch::default() },
            tls: secured.filter(|secured| *secured).map(|_| authority.server(&["api.example"])),
            filter: http(),
        })
        .into();
    let mesh = Mesh::of(config(both, &server), Settings::default()).await;
    assert_eq!(Client::connect(mesh.address).await.get("a", "/").await.text(), "v1");
    let mut client = Client::secured(mesh.address, &authority.client("api.example")).await.unwrap();
    assert_eq!(client.get("a", "/").await.text(), "v1");
    assert!(Client::secured(mesh.address, &authority.client("other.example")).await.is_err());
    let address = mesh.address.to_string().replace(':', "_");
    mesh.counted(&format!("listener.{address}.ssl.versions.TLSv1.3"), 1).await;
}

#[tokio::test]
async fn a_client_must_be_who_it_should_be() {
    let (authority, stranger) = (Authority::new("mesh"), Authority::new("elsewhere"));
    let server = Server::named("v1").await;
    let mut tls = authority.server(&["api.example"]);
    let names = vec![uri(TextPattern::Prefix("spiffe://mesh/".to_owned()))];
    let given = Validation { names, ..authority.validation() };
    tls.common.validation = Some(ValidationSource { given, secret: None });
    tls.require_client_certificate = true;
    let mesh = Mesh::of(config(secured(tls, http()), &server), Settings::default()).await;
    let anonymous = authority.client("api.example");
    let with = |certificate| {
        let mut client = anonymous.clone();
        client.common.certificates = vec![CertificateSource::Given(certificate)];
        client
    };
    assert!(is_answered(&mesh, &with(authority.certificate(&["spiffe://mesh/gateway"]))).await);
    assert!(!is_answered(&mesh, &with(authority.certificate(&["spiffe://other/gateway"]))).await);
    assert!(!is_answered(&mesh, &with(stranger.certificate(&["spiffe://mesh/gateway"]))).await);
    assert!(!is_answered(&mesh, &anonymous).await);
    let address = mesh.address.to_string().replace(':', "_");
    for name in ["handshake", "fail_verify_san", "fail_verify_error", "fail_verify_no_cert"] {
        mesh.counted(&format!("listener.{address}.ssl.{name}"), 1).await;
    }
}

#[tokio::test]
async fn a_server_must_be_who_it_should_be_if_anybody_asks() {
    let (authority, stranger) = (Authority::new("mesh"), Authority::new("elsewhere"));
    let server = Server::secured("v1", &authority.server(&["api.example", "spiffe://mesh/api"])).await;
    let tls = |authority: &Authority, names: Vec<NameMatch>| {
        let given = Validation { names, ..authority.validation() };
        let validation = Some(ValidationSource { given, secret: None });
        let common = CommonTls { validation, ..CommonTls::default() };
        ClientTls { common, server_name: "api.example".to_owned(), validate_server_name: false }
    };
    let exact = |name: &str| vec![uri(TextPattern::Exact(name.to_owned()))];
    let cases = [
        ("anybody", ClientTls::default(), 200),
        ("signed", tls(&authority, Vec::new()), 200),
        ("right", tls(&authority, exact("spiffe://mesh/api")), 200),
        ("wrong", tls(&authority, exact("spiffe://mesh/gateway")), 503),
        ("strange", tls(&stranger, Vec::new()), 503),
        ("by_name", authority.client("api.example"), 200),
        ("by_other_name", authority.client("gateway.example"), 503),
    ];
    let cluster = |(name, tls, _): &(&str, ClientTls, u16)| {
        let mut cluster = cluster_at(&[server.address]);
        cluster.tls = Some(tls.clone());
        ((*name).to_owned(), cluster)
    };
    let route =
        |(name, ..): &(&str, ClientTls, u16)| prefix_route(&format!("/{name}/"), Action::Forward(Forward::to(name)));
    let clusters = cases.iter().map(cluster).collect();
    let mesh = Mesh::routing(clusters, table(cases.iter().map(route).collect())).await;
    for (name, _, status) in &cases {
        let answer = Client::connect(mesh.address).await.get("a", &format!("/{name}/")).await;
        assert_eq!(answer.status, *status, "{name}: {}", answer.text());
        let failed = answer.text().ends_with("reset reason: remote connection failure");
        assert_eq!(failed, *status == 503, "{name}: {}", answer.text());
    }
    assert_eq!(mesh.counter("cluster.right.ssl.handshake"), 1);
    assert_eq!(mesh.counter("cluster.wrong.ssl.fail_verify_san"), 1);
    assert_eq!(mesh.counter("cluster.strange.ssl.fail_verify_error"), 1);
}

#[tokio::test]
async fn a_listener_waits_for_its_secrets_and_a_cluster_for_its_own() {
    let (authority, server) = (Authority::new("mesh"), Server::named("v1").await);
    let mesh = Mesh::of(config(secured(by_name("api"), http()), &server), Settings::default()).await;
    assert!(!mesh.plane.is_listening().await);
    assert_eq!(mesh.plane.secrets().await, [named("api")].into());
    let wrong = Secret::Validation(authority.validation());
    let error = mesh.plane.set_secrets(&Keeper::ControlPlane, [("api".to_owned(), wrong)].into()).await.unwrap_err();
    assert!(error.to_string().contains("secret api"), "{error}");
    let secret = Secret::Certificate(authority.certificate(&["api.example"]));
    mesh.plane.set_secrets(&Keeper::ControlPlane, [("api".to_owned(), secret)].into()).await.unwrap();
    assert!(mesh.plane.is_listening().await);
    assert!(is_answered(&mesh, &authority.client("api.example")).await);
    let mut needy = cluster_at(&[server.address]);
    let validation = Some(ValidationSource { given: Validation::default(), secret: Some(named("trusted")) });
    needy.tls = Some(ClientTls { common: CommonTls { validation, ..CommonTls::default() }, ..ClientTls::default() });
    mesh.plane.set_clusters([("api".to_owned(), needy)].into()).await.unwrap();
    assert!(!mesh.plane.warm(Duration::from_millis(50)).await);
    assert!(is_answered(&mesh, &authority.client("api.example")).await, "what there was goes on until then");
    let secret = Secret::Validation(authority.validation());
    mesh.plane.set_secrets(&Keeper::ControlPlane, [("trusted".to_owned(), secret)].into()).await.unwrap();
    assert!(mesh.plane.warm(Duration::from_secs(5)).await);
    assert!(!is_answered(&mesh, &authority.client("api.example")).await, "the server does not speak TLS");
}

#[tokio::test]
async fn certificates_change_under_load_and_no_request_fails() {
    const CHANGES: usize = 10;
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let server = Server::named("v1").await;
    let mut config = config(secured(by_name("api"), http()), &server);
    let secret = |authority: &Authority| {
        BTreeMap::from([("api".to_owned(), Secret::Certificate(authority.certificate(&["api.example"])))])
    };
    config.secrets = secret(&before);
    let mesh = Mesh::of(config, Settings::default()).await;
    let mut old = Client::secured(mesh.address, &before.client("api.example")).await.unwrap();
    let mut anybody = ClientTls { server_name: "api.example".to_owned(), ..ClientTls::default() };
    anybody.common.protocols = vec!["http/1.1".to_owned()];
    let done = tokio_util::sync::CancellationToken::new();
    let load = |client: ClientTls, done: tokio_util::sync::CancellationToken, address| async move {
        let mut requests = 0;
        while !done.is_cancelled() {
            let mut client = Client::secured(address, &client).await.unwrap();
            for _ in 0..5 {
                assert_eq!(client.get("a", "/").await.text(), "v1");
                requests += 1;
            }
        }
        requests
    };
    let loads: Vec<_> = (0..4).map(|_| tokio::spawn(load(anybody.clone(), done.clone(), mesh.address))).collect();
    for change in 0..CHANGES {
        let authority = if change % 2 == 0 { &after } else { &before };
        mesh.plane.set_secrets(&Keeper::ControlPlane, secret(authority)).await.unwrap();
        assert!(is_answered(&mesh, &authority.client("api.example")).await, "new connections go by the new");
        assert_eq!(old.get("a", "/").await.text(), "v1", "old connections live on");
    }
    done.cancel();
    for load in loads {
        assert!(load.await.unwrap() > 0);
    }
    assert!(Client::secured(mesh.address, &after.client("api.example")).await.is_err());
}

#[tokio::test]
async fn files_are_read_again_when_they_change_and_broken_ones_are_named() {
    let (authority, server) = (Authority::new("mesh"), Server::named("v1").await);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let write = |(chain, key): (String, String)| {
        fs::write(path("chain.pem"), chain).unwrap();
        fs::write(path("key.pem"), key).unwrap();
    };
    let mut tls = authority.server(&[]);
    tls.common.certificates = vec![CertificateSource::Given(crate::model::Certificate {
        chain: Material::File(path("chain.pem")),
        key: Material::File(path("key.pem")),
    })];
    let mesh = Mesh::of(config(listener(http()), &server), Settings::default()).await;
    let set = async || {
        let listeners = [("files".to_owned(), secured(tls.clone(), http()))].into();
        let error = mesh.plane.set_listeners(listeners).await.err().map(|error| error.to_string());
        error.unwrap_or_default()
    };
    assert!(set().await.contains("listener files: certificate cannot be read from"), "{}", set().await);
    write(authority.issue_until(&["api.example"], time::Duration::hours(-1)));
    assert!(set().await.contains("expired at"), "{}", set().await);
    write((authority.issue(&["api.example"]).0, authority.issue(&["api.example"]).1));
    assert!(set().await.contains("it is not that of the certificate"), "{}", set().await);
    fs::write(path("chain.pem"), "no PEM at all").unwrap();
    assert!(set().await.contains("there is no certificate in it"), "{}", set().await);
    write(authority.issue(&["v1.example"]));
    assert_eq!(set().await, "");
    let address = mesh.plane.address_of("files").await.unwrap();
    let is_for = async |name: &str| Client::secured(address, &authority.client(name)).await.is_ok();
    assert!(is_for("v1.example").await);
    write(authority.issue(&["v2.example"]));
    until("the new certificate", async || is_for("v2.example").await).await;
    fs::remove_file(path("chain.pem")).unwrap();
    until("the loss to be noticed", async || !mesh.plane.troubles().is_empty()).await;
    assert!(mesh.plane.troubles()[0].contains("chain.pem"), "{:?}", mesh.plane.troubles());
    assert!(is_for("v2.example").await, "what there was is kept");
    write(authority.issue(&["v3.example"]));
    until("the new certificate", async || is_for("v3.example").await).await;
    assert!(mesh.plane.troubles().is_empty());
}

#[tokio::test]
async fn bytes_are_passed_on_from_tls_to_tls() {
    let authority = Authority::new("mesh");
    let server = Server::secured("v1", &authority.server(&["api.example"])).await;
    let tcp = Filter::Tcp(TcpProxy {
        stat_prefix: "tcp".to_owned(),
        clusters: vec![WeightedCluster::of("api", 1)],
        max_connect_attempts: 1,
        idle_timeout: None,
        access_logs: Vec::new(),
    });
    let mut config = config(secured(authority.server(&["proxy.example"]), tcp), &server);
    let mut cluster = crate::model::Cluster::of(Discovery::Static(vec![Endpoint::at(server.address)]));
    cluster.tls = Some(authority.client("api.example"));
    config.clusters.insert("api".to_owned(), cluster);
    let mesh = Mesh::of(config, Settings::default()).await;
    let mut client = Client::secured(mesh.address, &authority.client("proxy.example")).await.unwrap();
    assert_eq!(client.get("a", "/").await.text(), "v1");
    client.stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    soon("the end", client.stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    mesh.counted("tcp.tcp.downstream_cx_total", 1).await;
    until("the end of all", async || mesh.plane.in_flight() == 0).await;
}

#[tokio::test]
async fn what_cant_be_done_is_named() {
    let (authority, server) = (Authority::new("mesh"), Server::named("v1").await);
    let mesh = Mesh::of(config(listener(http()), &server), Settings::default()).await;
    let refusal = async |change: &dyn Fn(&mut ServerTls)| {
        let mut tls = authority.server(&["api.example"]);
        change(&mut tls);
        let error = mesh.plane.set_listeners([("main".to_owned(), secured(tls, http()))].into()).await.unwrap_err();
        assert!(matches!(error, Error::Tls { .. }), "{error}");
        error.to_string()
    };
    assert!(refusal(&|tls| tls.common.cipher_suites = vec!["AES128-SHA".to_owned()]).await.contains("AES128-SHA"));
    assert!(refusal(&|tls| tls.common.groups = vec!["P-521".to_owned()]).await.contains("P-521"));
    assert!(refusal(&|tls| tls.common.certificates.clear()).await.contains("needs a certificate"));
    let names = vec![uri(TextPattern::Exact("spiffe://mesh/api".to_owned()))];
    let given = Validation { names, ..Validation::default() };
    let unsafe_names = |tls: &mut ServerTls| {
        tls.common.validation = Some(ValidationSource { given: given.clone(), secret: None });
    };
    assert!(refusal(&unsafe_names).await.contains("trusted_ca"));
}

#[tokio::test]
async fn servers_are_told_of_the_client_s_certificate_as_configured() {
    let (authority, server) = (Authority::new("mesh"), Server::echoing_head().await);
    let mut tls = authority.server(&["api.example", "spiffe://mesh/api"]);
    tls.common.validation = Some(ValidationSource { given: authority.validation(), secret: None });
    let manager = |forward| HttpManager {
        routes: "routes".to_owned(),
        client_certificate: ClientCertificate { forward, subject: true, dns: true, uri: true, ..Default::default() },
        ..HttpManager::default()
    };
    let mesh = Mesh::of(config(listener(http()), &server), Settings::default()).await;
    let mut mutual = authority.client("api.example");
    let certificate = authority.certificate(&["gateway.example", "spiffe://mesh/gateway"]);
    mutual.common.certificates = vec![CertificateSource::Given(certificate)];
    let told = async |forward, client: &ClientTls| {
        let main = secured(tls.clone(), Filter::Http(manager(forward)));
        mesh.plane.set_listeners([("main".to_owned(), main)].into()).await.unwrap();
        let mut client = Client::secured(mesh.address, client).await.unwrap();
        client.say("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: By=earlier\r\n\r\n").await;
        let head = client.answer("GET").await.text().to_ascii_lowercase();
        assert!(head.contains("x-forwarded-proto: https"), "{head}");
        let field = head.lines().find_map(|line| line.strip_prefix("x-forwarded-client-cert: ").map(str::to_owned));
        field.unwrap_or_default()
    };
    let anonymous = authority.client("api.example");
    let set = told(ForwardClientCertificate::Set, &mutual).await;
    let (by, rest) = set.split_once(";hash=").unwrap();
    assert_eq!(by, "by=spiffe://mesh/api");
    let about = "subject=\"cn=gateway.example\";uri=spiffe://mesh/gateway;dns=gateway.example";
    assert_eq!(rest.split_once(';').unwrap(), (&rest[..64], about));
    assert_eq!(told(ForwardClientCertificate::Append, &mutual).await, format!("by=earlier,{set}"));
    assert_eq!(told(ForwardClientCertificate::Set, &anonymous).await, "");
    assert_eq!(told(ForwardClientCertificate::Only, &mutual).await, "by=earlier");
    assert_eq!(told(ForwardClientCertificate::Only, &anonymous).await, "");
    assert_eq!(told(ForwardClientCertificate::Always, &anonymous).await, "by=earlier");
    assert_eq!(told(ForwardClientCertificate::Sanitize, &mutual).await, "");
}

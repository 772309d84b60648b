//! Certificates that are issued anew under load, on both data planes at once: not one failed request, and who comes then
//! is shown the new one.
//!
//! Requests go from an application by its proxy, within TLS, to a virtual gateway and on to a backend. ACM's clock is the
//! test's: it begins as far back as what is issued then is now about to end, and is wound to the present.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    time::{Duration, Instant},
};

use conformance::{Group, Identity, Kind, Loads, Outcome, Plane, Send, Signer, Stage, alone};
use names::{Clock, ManualClock};
use serde_json::{Value, json};

/// How many requests there are before, between and after changes.
const ENOUGH: usize = 250;
/// How often a certificate is renewed because somebody asks for it.
const ROUNDS: usize = 6;
/// How long a new certificate may take to be shown.
const SHOWN_MAX: Duration = Duration::from_mins(1);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The gateway's port.
const PORT: u16 = 8443;

/// The serials of certificates in use, by data plane.
type Serials = BTreeMap<Kind, String>;

/// A mesh in which the node `client` speaks to the gateway of its own data plane. `tls` is the gateway's listener's,
/// `policy` the client's.
async fn stage(clock: Clock, acm: Value, tls: Value, policy: Value) -> Stage {
    let node = |kind: Kind| {
        json!({ "listeners": [{ "portMapping": { "port": PORT, "protocol": "http" } }],
                "serviceDiscovery": { "dns": { "hostname": format!("{}.gateway.local", kind.as_str()) } } })
    };
    let provider = |kind: &str, name: &str| json!({ "provider": { format!("virtual{kind}"): { format!("virtual{kind}Name"): name } } });
    let to = |node: &str, prefix: &str| {
        json!({ "httpRoute": { "match": { "prefix": prefix },
                "action": { "weightedTargets": [{ "virtualNode": node, "weight": 1 }] } } })
    };
    let behind = json!({ "target": { "virtualService": { "virtualServiceName": "behind.local" } } });
    let group = json!({ "about": "rotation", "cases": [], "acm": acm, "mesh": {
        "nodes": { "at-envoy": node(Kind::Envoy), "at-serin": node(Kind::Serin),
                   "client": { "backendDefaults": { "clientPolicy": { "tls": policy } } } },
        "routes": { "envoy": to("at-envoy", "/envoy"), "serin": to("at-serin", "/serin") },
        "services": { "api.local": provider("Router", "api"), "behind.local": provider("Node", "a") },
        "gateways": { "gateway": { "listeners": [{ "portMapping": { "port": PORT, "protocol": "http" }, "tls": tls }] } },
        "gatewayRoutes": { "gateway/all": { "httpRoute": { "match": { "prefix": "/" }, "action": behind } } },
    } });
    let group: Group = serde_json::from_value(group).expect("a group");
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_data-plane"))).await;
    stage.control.wind(clock);
    stage.apply(&group).await;
    stage
}

/// A clock that stands as far back as `ago`.
fn past(ago: Duration) -> ManualClock {
    let clock = ManualClock::default();
    let now = u64::try_from(Clock::System.now().as_millis()).expect("a time after 1970");
    clock.advance(Duration::from_millis(now).saturating_sub(ago));
    clock
}

/// Loads by the client's proxy to the gateway of its own data plane.
fn loads(stage: &Stage) -> Loads {
    Loads::each(stage, |kind| format!("/{}", kind.as_str()))
}

/// What comes of a request within TLS to the gateway of a data plane.
async fn asked(stage: &Stage, kind: Kind, certificate: Option<&str>) -> Outcome {
    let gateway = stage.plane(Identity::Gateway, kind).expect("a proxy");
    let send: Send = serde_json::from_value(json!({ "tls": true, "certificate": certificate })).expect("a request");
    let target = SocketAddrV4::new(gateway.task.address, PORT);
    stage.client(stage.world.sockets()).send(&send, target, "").await
}

/// Whoever shows this certificate gets no answer of the gateway of any data plane.
async fn refused(stage: &Stage, certificate: &str) {
    for kind in Kind::ALL {
        let outcome = asked(stage, kind, Some(certificate)).await;
        assert!(outcome.status.is_none() && outcome.error.is_some(), "{}: {outcome:?}", kind.as_str());
    }
}

/// The serial of the certificate that a new connection to the gateway of each data plane is shown.
async fn shown(stage: &Stage, certificate: Option<&str>) -> Serials {
    let mut serials = Serials::new();
    for kind in Kind::ALL {
        let outcome = asked(stage, kind, certificate).await;
        assert_eq!((outcome.status, outcome.error.as_ref()), (Some(200), None), "{}", kind.as_str());
        serials.insert(kind, outcome.shown["serial"].replace(':', ""));
    }
    serials
}

/// The serial of the certificate for `name` that the client's proxy of each data plane shows, as its admin page has it.
async fn held(stage: &Stage, name: &str) -> Serials {
    let mut serials = Serials::new();
    for kind in Kind::ALL {
        let page = admin(stage, stage.plane(Identity::Client, kind).expect("a proxy"), "/certs").await;
        let page: Value = serde_json::from_slice(&page.body).expect("JSON");
        let all = page["certificates"].as_array().into_iter().flatten();
        let own = all.filter_map(|one| one["cert_chain"].as_array()?.first());
        let mut named = own.filter(|one| one["subject_alt_names"].to_string().contains(name));
        serials.insert(kind, named.next().map(|one| one["serial_number"].to_string()).unwrap_or_default());
    }
    serials
}

async fn admin(stage: &Stage, plane: &Plane, path: &str) -> Outcome {
    let send: Send = serde_json::from_value(json!({ "path": path })).expect("a request");
    stage.client(&plane.task.sockets).send(&send, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9901), "").await
}

/// Waits until `see` sees something else than `before` on every data plane.
async fn renewed(before: &Serials, see: impl AsyncFn() -> Serials) -> Serials {
    let begun = Instant::now();
    loop {
        let now = see().await;
        if now.iter().all(|(kind, serial)| before.get(kind) != Some(serial)) {
            return now;
        }
        assert!(begun.elapsed() < SHOWN_MAX, "still shown: {now:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// What ACM is to have: a private authority, and a certificate of it for the gateways.
fn acm() -> Value {
    let names = Kind::ALL.map(|kind| format!("{}.gateway.local", kind.as_str()));
    json!({ "authorities": ["root"], "certificates": { "gateway": { "names": names, "authority": "root" } } })
}

async fn with_acm(clock: Clock) -> Stage {
    let tls = json!({ "mode": "STRICT", "certificate": { "acm": { "certificateArn": "@gateway" } } });
    let trust = json!({ "acm": { "certificateAuthorityArns": ["@root"] } });
    stage(clock, acm(), tls, json!({ "validation": { "trust": trust } })).await
}

/// What ACM says of the gateways' certificate.
async fn described(stage: &Stage) -> Value {
    let told = stage.control.call_acm("DescribeCertificate", json!({ "CertificateArn": "@gateway" })).await;
    told.unwrap_or_else(|refused| panic!("{refused}"))["Certificate"].clone()
}

/// Waits until every new connection is shown the certificate that ACM has now.
async fn as_described(stage: &Stage, before: &Serials) -> Serials {
    let now = renewed(before, async || shown(stage, None).await).await;
    let wanted = described(stage).await["Serial"].as_str().unwrap_or_default().replace(':', "");
    assert!(now.values().all(|serial| *serial == wanted), "{now:?} are shown, not {wanted}");
    now
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_acm_is_renewed_under_load_when_somebody_asks() {
    let _alone = alone().await;
    let stage = with_acm(Clock::System).await;
    let mut serials = shown(&stage, None).await;
    let loads = loads(&stage);
    for _ in 0..ROUNDS {
        loads.more(ENOUGH).await;
        let renewal = stage.control.call_acm("RenewCertificate", json!({ "CertificateArn": "@gateway" })).await;
        renewal.unwrap_or_else(|refused| panic!("{refused}"));
        serials = as_described(&stage, &serials).await;
    }
    loads.more(ENOUGH).await;
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_acm_is_renewed_under_load_before_it_ends() {
    let _alone = alone().await;
    // It holds for 395 days, and is renewed 60 days before its end.
    let ago = Duration::from_hours(24 * 340);
    let clock = past(ago);
    let stage = with_acm(Clock::Manual(clock.clone())).await;
    let serials = shown(&stage, None).await;
    let loads = loads(&stage);
    loads.more(ENOUGH).await;
    assert_eq!(shown(&stage, None).await, serials, "nothing is due yet");
    clock.advance(ago);
    as_described(&stage, &serials).await;
    loads.more(ENOUGH).await;
    let told = described(&stage).await;
    assert_eq!(told["RenewalSummary"]["RenewalStatus"], "SUCCESS", "{told}");
    loads.unharmed().await;
}

/// Both sides show identities of the trust domain `domain`, and demand each other's.
async fn with_identities(clock: Clock, domain: &str) -> (Stage, String) {
    let name = |path: &str| format!("spiffe://{domain}{path}");
    let (gateway, client) = (name("/gateway"), name("/client"));
    let identity = |name: &str| json!({ "sds": { "secretName": name } });
    let trust = |peer: &str| json!({ "trust": identity(&name("")), "subjectAlternativeNames": { "match": { "exact": [peer] } } });
    let tls = json!({ "mode": "STRICT", "certificate": identity(&gateway), "validation": trust(&client) });
    let policy = json!({ "certificate": identity(&client), "validation": trust(&gateway) });
    let stage = stage(clock, json!({}), tls, policy).await;
    stage.provide(Some(&client)).await.unwrap_or_else(|refused| panic!("{refused}"));
    (stage, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_by_sds_are_renewed_under_load_on_both_sides() {
    let _alone = alone().await;
    // They hold for a day, and are renewed at half of it.
    let ago = Duration::from_hours(13);
    let clock = past(ago);
    let (stage, client) = with_identities(Clock::Manual(clock.clone()), "mesh.test").await;
    let servers = shown(&stage, Some(&client)).await;
    let clients = held(&stage, &client).await;
    let loads = loads(&stage);
    loads.more(ENOUGH).await;
    assert_eq!((shown(&stage, Some(&client)).await, held(&stage, &client).await), (servers.clone(), clients.clone()));
    clock.advance(ago);
    renewed(&servers, async || shown(&stage, Some(&client)).await).await;
    renewed(&clients, async || held(&stage, &client).await).await;
    loads.more(ENOUGH).await;
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_of_an_agent_are_renewed_under_load_on_both_sides() {
    let _alone = alone().await;
    let (stage, client) = with_identities(Clock::System, "agent.test").await;
    let mut servers = shown(&stage, Some(&client)).await;
    let mut clients = held(&stage, &client).await;
    let loads = loads(&stage);
    for _ in 0..ROUNDS {
        loads.more(ENOUGH).await;
        stage.agent.renew(Signer::First);
        stage.agent.acknowledged().await;
        servers = renewed(&servers, async || shown(&stage, Some(&client)).await).await;
        clients = renewed(&clients, async || held(&stage, &client).await).await;
    }
    loads.more(ENOUGH).await;
    loads.unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_authority_gives_way_to_another_under_load() {
    let _alone = alone().await;
    let (stage, client) = with_identities(Clock::System, "agent.test").await;
    let servers = shown(&stage, Some(&client)).await;
    let clients = held(&stage, &client).await;
    let loads = loads(&stage);
    loads.more(ENOUGH).await;
    // Whoever has to believe the new one knows it before somebody shows what it has signed.
    stage.agent.trust(&[Signer::First, Signer::Second]);
    stage.agent.acknowledged().await;
    loads.more(ENOUGH).await;
    stage.agent.renew(Signer::Second);
    stage.agent.acknowledged().await;
    renewed(&servers, async || shown(&stage, Some(&client)).await).await;
    renewed(&clients, async || held(&stage, &client).await).await;
    loads.more(ENOUGH).await;
    stage.agent.trust(&[Signer::Second]);
    stage.agent.acknowledged().await;
    loads.more(ENOUGH).await;
    refused(&stage, &client).await;
    stage.provide(Some(&client)).await.unwrap_or_else(|refused| panic!("{refused}"));
    shown(&stage, Some(&client)).await;
    loads.more(ENOUGH).await;
    loads.unharmed().await;
}

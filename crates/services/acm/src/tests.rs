//! Both services as a caller sees them, on a store of their own.

mod certificates;
mod private;
mod renewals;

use std::{sync::Arc, time::Duration};

use api::{Fault, appmesh};
use names::{Clock, Ids, ManualClock, Scope};
use reconcile::{Boxed, Pace};
use serde_json::{Value, json};
use store::Store;
use wire::{Call, Caller, Context, Definition, Protocol, Service, bind};

use crate::{State, services};

/// 2026-01-01.
const BEGIN: Duration = Duration::from_hours(490_896);

struct House {
    acm: Service,
    private: Service,
    clock: ManualClock,
    store: Store,
    controllers: Vec<Boxed>,
    running: tokio::task::JoinSet<()>,
}

/// A virtual node that shows this certificate, if any does.
type Shown = Arc<std::sync::Mutex<Option<String>>>;

impl House {
    fn new() -> Self {
        Self::with(Caller::default())
    }

    fn with(caller: Caller) -> Self {
        let (clock, store) = (ManualClock::default(), Store::in_memory().unwrap());
        clock.advance(BEGIN);
        let state = State { store: store.clone(), clock: Clock::Manual(clock.clone()), ids: Ids::counting(), caller };
        let mut systems = services(state);
        let (private, acm) = (systems.pop().unwrap(), systems.pop().unwrap());
        let controllers = acm.controllers.into_iter().chain(private.controllers).collect();
        Self {
            acm: acm.service,
            private: private.service,
            clock,
            store,
            controllers,
            running: tokio::task::JoinSet::new(),
        }
    }

    fn days(&self, days: u64) {
        self.clock.advance(Duration::from_hours(24 * days));
    }

    /// Runs the controllers until `holds`.
    async fn until(&mut self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let pace = Pace { resync: Duration::from_millis(20), ..Pace::default() };
        for controller in std::mem::take(&mut self.controllers) {
            self.running.spawn(controller.run(self.store.clone(), pace));
        }
        let look = async {
            while !holds(&*self).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), look).await.unwrap_or_else(|_| panic!("{what} does not come"));
    }

    async fn acm(&self, operation: &str, members: Value) -> Value {
        let call = Call { scope: Scope::default(), ..Call::default() };
        self.acm.call(operation, call, members).await.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    async fn pca(&self, operation: &str, members: Value) -> Value {
        let call = Call { scope: Scope::default(), ..Call::default() };
        self.private.call(operation, call, members).await.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// The code and text by which a service refuses.
    async fn fails(service: &Service, operation: &str, members: Value) -> (String, String) {
        let call = Call { scope: Scope::default(), ..Call::default() };
        match service.call(operation, call, members).await {
            Ok(answer) => panic!("{operation} must fail, but answers {answer}"),
            Err(Fault { code, message, .. }) => (code, message),
        }
    }

    /// The ARN of a new certificate for `domain`, on an elliptic curve, which is quickly made.
    async fn request(&self, domain: &str) -> String {
        let made =
            self.acm("RequestCertificate", json!({ "DomainName": domain, "KeyAlgorithm": "EC_prime256v1" })).await;
        made["CertificateArn"].as_str().unwrap().to_owned()
    }

    async fn describe(&self, arn: &str) -> Value {
        self.acm("DescribeCertificate", json!({ "CertificateArn": arn })).await["Certificate"].clone()
    }

    /// The ARN of a new private authority of this type, without a certificate.
    async fn authority(&self, kind: &str, name: &str) -> String {
        let configuration = json!({ "KeyAlgorithm": "EC_prime256v1", "SigningAlgorithm": "SHA256WITHECDSA",
                                    "Subject": { "CommonName": name, "Country": "DE" } });
        let made = self
            .pca(
                "CreateCertificateAuthority",
                json!({ "CertificateAuthorityConfiguration": configuration, "CertificateAuthorityType": kind }),
            )
            .await;
        made["CertificateAuthorityArn"].as_str().unwrap().to_owned()
    }

    /// Has `issuer` sign the request of the authority `arn`, and gives it back.
    async fn activate(&self, arn: &str, issuer: &str, template: &str, days: u64) {
        let csr =
            self.pca("GetCertificateAuthorityCsr", json!({ "CertificateAuthorityArn": arn })).await["Csr"].clone();
        let issued = self.pca("IssueCertificate", order(issuer, &csr, Some(template), days)).await;
        let members = json!({ "CertificateAuthorityArn": issuer, "CertificateArn": issued["CertificateArn"] });
        let signed = self.pca("GetCertificate", members).await;
        let mut import = json!({ "CertificateAuthorityArn": arn, "Certificate": blob(&signed["Certificate"]) });
        if signed["CertificateChain"].is_string() {
            import["CertificateChain"] = blob(&signed["CertificateChain"]);
        }
        self.pca("ImportCertificateAuthorityCertificate", import).await;
    }

    /// The ARN of a new root that signs, for ten years.
    async fn root(&self) -> String {
        let arn = self.authority("ROOT", "root").await;
        self.activate(&arn, &arn, "RootCACertificate/V1", 3650).await;
        arn
    }
}

/// A text as the wire carries bytes.
fn blob(text: &Value) -> Value {
    serde_json::to_value(api::Blob(text.as_str().unwrap().as_bytes().to_vec())).unwrap()
}

/// The request that `issuer` signs `csr`.
fn order(issuer: &str, csr: &Value, template: Option<&str>, days: u64) -> Value {
    let mut order = json!({
        "CertificateAuthorityArn": issuer,
        "Csr": blob(csr),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": { "Type": "DAYS", "Value": days },
    });
    if let Some(template) = template {
        order["TemplateArn"] = json!(format!("arn:aws:acm-pca:::template/{template}"));
    }
    order
}

/// A service that stands where App Mesh does, with one virtual node.
fn mesh(shown: &Shown) -> Service {
    let definition =
        Definition { signing_name: "appmesh", protocol: Protocol::RestJson, invalid: "BadRequestException" };
    Service::new(
        definition,
        shown,
        vec![
            bind::<appmesh::ListMeshes, _, _, _, _>(async |_, _| Ok::<_, Fault>(read(&meshes()))),
            bind::<appmesh::ListVirtualNodes, _, _, _, _>(async |_, _| Ok::<_, Fault>(read(&nodes()))),
            bind::<appmesh::ListVirtualGateways, _, _, _, _>(async |_, _| {
                Ok::<_, Fault>(read(&json!({ "virtualGateways": [] })))
            }),
            bind::<appmesh::DescribeVirtualNode, _, _, _, _>(describe_node),
        ],
    )
}

async fn describe_node(
    cx: Context<std::sync::Mutex<Option<String>>>,
    _: appmesh::DescribeVirtualNodeRequest,
) -> Result<appmesh::VirtualNodeResponse, Fault> {
    let arn = cx.lock().unwrap().clone();
    let tls = arn.map(|arn| json!({ "mode": "STRICT", "certificate": { "acm": { "certificateArn": arn } } }));
    let listener = json!({ "portMapping": { "port": 80, "protocol": "http" }, "tls": tls });
    let mut node = nodes()["virtualNodes"][0].clone();
    node["spec"] = json!({ "listeners": [listener] });
    node["metadata"] = node.clone();
    node["metadata"]["uid"] = json!("u");
    node["status"] = json!({ "status": "ACTIVE" });
    Ok(read(&json!({ "virtualNode": node })))
}

fn meshes() -> Value {
    json!({ "meshes": [{ "meshName": "m", "arn": "arn:aws:appmesh:us-east-1:000000000000:mesh/m", "createdAt": 1,
                         "lastUpdatedAt": 1, "meshOwner": "o", "resourceOwner": "o", "version": 1 }] })
}

fn nodes() -> Value {
    json!({ "virtualNodes": [{ "meshName": "m", "virtualNodeName": "n", "createdAt": 1, "lastUpdatedAt": 1,
                               "arn": "arn:aws:appmesh:us-east-1:000000000000:mesh/m/virtualNode/n",
                               "meshOwner": "o", "resourceOwner": "o", "version": 1 }] })
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

//! Who may have which proxy's configuration.
//!
//! A task is known by its address, which the relay of its VPC passes on and which it cannot choose; it may be the virtual
//! nodes and gateways that its definition names. Whoever else calls shows a token, a client certificate or a signature.
//! Where none of these is set up, the port is one that only this machine reaches, and its callers are believed.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use http::{HeaderMap, header, request::Parts};
use names::{AccountId, Clock};
use sha2::{Digest, Sha256};
use store::Store;
use wire::{
    Origin, PeerCertificate,
    sigv4::{Credential, Signed},
};
use xds::{Authorize, Denied, Identity, Nodes};

use crate::exit::{self, Refusal};

/// Streams that a task may have open at once: its proxy needs one, and another while it reconnects.
const TASK_STREAMS_MAX: usize = 16;
/// The service that proxies sign for.
const SIGNING_NAME: &str = "appmesh";
/// How a node is named in the path of a SPIFFE id and in the short form of node ids.
const MESH: &str = "mesh/";

/// Knows proxies by what they show.
pub(crate) struct Guard {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    /// Whose an access key is that names no account.
    pub(crate) account: AccountId,
    /// Secrets by access key; those of tasks are not among them, since tasks are known by their addresses.
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) tokens: Tokens,
    /// Whether client certificates are asked for.
    pub(crate) certificates: bool,
}

/// The nodes that each token opens, by the token's digest, so that looking one up tells nothing of others by its time.
#[derive(Clone, Default)]
pub(crate) struct Tokens(BTreeMap<[u8; 32], Vec<String>>);

impl Tokens {
    /// Reads a file of lines, each a token and the nodes it opens: full ARNs, or beginnings of such with a `*`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the tokens in {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the tokens in {} make no sense", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut tokens = BTreeMap::new();
        let lines = text.lines().enumerate().map(|(place, line)| (place + 1, line.trim()));
        for (place, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let token = words.next().unwrap_or_default();
            let nodes: Vec<String> = words.map(str::to_owned).collect();
            if nodes.is_empty() {
                bail!("line {place} has a token and no nodes; `*` means all");
            }
            if tokens.insert(Sha256::digest(token).into(), nodes).is_some() {
                bail!("line {place} has the token of a line before it");
            }
        }
        Ok(Self(tokens))
    }
}

impl Guard {
    /// Whether there is a way to prove oneself.
    pub(crate) fn asks(&self) -> bool {
        self.certificates || !self.tokens.0.is_empty() || !self.secrets.is_empty()
    }

    /// Refuses to be believed by whoever reaches `address`, unless that is only this machine.
    pub(crate) fn must_ask_at(&self, address: SocketAddr) -> Result<()> {
        if address.ip().is_loopback() || self.asks() {
            return Ok(());
        }
        let message = format!(
            "others reach {address}, and proxies must prove who they are: give --access-key, --xds-tokens or \
             --tls-client-ca, or listen on 127.0.0.1"
        );
        Err(Refusal::new(exit::USAGE, message).into())
    }

    fn task(&self, origin: &Origin) -> Result<Identity, Denied> {
        let found = ecs::task_at(&self.store, &origin.network, *origin.address.ip());
        let found = found.map_err(|error| Denied(format!("tasks cannot be looked up: {error}")))?;
        let place = || format!("{} in {}", origin.address.ip(), origin.network);
        let task = found.ok_or_else(|| Denied(format!("no task has the address {}", place())))?;
        Ok(Identity { name: task.arn, nodes: Nodes::Only(task.mesh_resources), streams_max: Some(TASK_STREAMS_MAX) })
    }

    fn token(&self, token: &str) -> Result<Identity, Denied> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let nodes = self.tokens.0.get(&digest).ok_or_else(|| Denied("the token is not one of ours".to_owned()))?;
        let name = format!("token {}", hex::encode(&digest[..4]));
        Ok(Identity { name, nodes: Nodes::Only(nodes.clone()), streams_max: None })
    }

    /// Whose signature it is: a proxy signs the headers of its call, as Envoy's `aws_iam` credentials do, and the host
    /// it signs is the call's authority.
    fn signature(&self, request: &Parts) -> Result<Identity, Denied> {
        let mut headers = request.headers.clone();
        if let Some(authority) = request.uri.authority().and_then(|authority| authority.as_str().parse().ok()) {
            headers.insert(header::HOST, authority);
        }
        let denied = |fault: api::Fault| Denied(format!("{}: {}", fault.code, fault.message));
        let credential = Credential::read(&headers).map_err(denied)?;
        if credential.service != SIGNING_NAME {
            return Err(Denied(format!(
                "the signature is for {}, and should be for {SIGNING_NAME}",
                credential.service
            )));
        }
        let secret = self.secrets.get(&credential.access_key);
        let secret = secret.ok_or_else(|| Denied(format!("the access key {} is not known", credential.access_key)))?;
        let query = request.uri.query().unwrap_or_default();
        let signed =
            Signed { method: request.method.as_str(), path: request.uri.path(), query, headers: &headers, body: &[] };
        credential.verify(secret, &signed, self.clock.now()).map_err(denied)?;
        let scope = credential.scope(&self.account);
        let nodes = Nodes::Only(vec![format!("arn:aws:appmesh:{}:{}:{MESH}*", scope.region, scope.account)]);
        Ok(Identity { name: format!("access key {}", credential.access_key), nodes, streams_max: None })
    }
}

/// Who a verified certificate is for: what its subject's alternative names say, an ARN or a SPIFFE id whose path ends in
/// `mesh/<mesh>/virtualNode/<node>`.
fn certificate(certificate: &PeerCertificate) -> Result<Identity, Denied> {
    let names = certificate.names();
    let nodes: Vec<String> = names.iter().filter_map(|name| node_of(name)).collect();
    let name = names.first().cloned().unwrap_or_default();
    if nodes.is_empty() {
        return Err(Denied(format!("the certificate of `{name}` names no virtual node or gateway")));
    }
    Ok(Identity { name, nodes: Nodes::Only(nodes), streams_max: None })
}

fn node_of(name: &str) -> Option<String> {
    let Some(rest) = name.strip_prefix("spiffe://") else {
        return name.starts_with("arn:").then(|| name.to_owned());
    };
    let path = rest.split_once('/')?.1;
    match path.strip_prefix(MESH) {
        Some(_) => Some(path.to_owned()),
        None => path.split_once("/mesh/").map(|(_, rest)| format!("{MESH}{rest}")),
    }
}

impl Authorize for Guard {
    fn authenticate(&self, request: &Parts) -> Result<Identity, Denied> {
        if let Some(origin) = request.extensions.get::<Origin>() {
            return self.task(origin);
        }
        if let Some(shown) = request.extensions.get::<Arc<PeerCertificate>>() {
            return certificate(shown);
        }
        match authorization(&request.headers) {
            Some(value) if value.starts_with("Bearer ") => self.token(value.trim_start_matches("Bearer ").trim()),
            Some(value) if value.starts_with("AWS4-") && !self.secrets.is_empty() => self.signature(request),
            _ if !self.asks() => Ok(Identity::default()),
            _ => Err(Denied(
                "prove who you are: by `authorization: Bearer <token>` in the initial metadata, by a client certificate, \
                 or by a signature of AWS for appmesh"
                    .to_owned(),
            )),
        }
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

#[cfg(test)]
mod handshakes;

#[cfg(test)]
mod tests {
    use names::{Region, Scope};
    use wire::sigv4;

    use super::*;

    const PATH: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

    fn guard(tokens: &str, keys: &[(&str, &str)]) -> Guard {
        let secrets = keys.iter().map(|(id, secret)| ((*id).to_owned(), (*secret).to_owned())).collect();
        Guard {
            store: Store::in_memory().unwrap(),
            clock: Clock::System,
            account: AccountId::default(),
            secrets,
            tokens: Tokens::parse(tokens).unwrap(),
            certificates: false,
        }
    }

    fn request(authorization: Option<&str>) -> Parts {
        let mut request = http::Request::post(format!("http://mesh.example:4566{PATH}"));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_port_that_asks_for_nothing_believes_and_one_that_asks_does_not() {
        assert_eq!(guard("", &[]).authenticate(&request(None)), Ok(Identity::default()));
        assert!(guard("secret *", &[]).authenticate(&request(None)).is_err());
        assert!(guard("", &[("AKID", "s")]).authenticate(&request(None)).is_err());
    }

    #[test]
    fn a_token_opens_the_nodes_of_its_line() {
        let guard = guard("# the fleet\n\nsecret arn:a arn:b/*\n", &[]);
        let identity = guard.authenticate(&request(Some("Bearer secret"))).unwrap();
        assert_eq!(identity.nodes, Nodes::Only(vec!["arn:a".to_owned(), "arn:b/*".to_owned()]));
        assert!(!identity.name.contains("secret"), "a token is never shown");
        assert!(guard.authenticate(&request(Some("Bearer other"))).is_err());
        for broken in ["alone", "same a\nsame b"] {
            assert!(Tokens::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_signature_for_app_mesh_opens_the_account_s_meshes_of_its_region() {
        let guard = guard("", &[("AKID", "secret")]);
        let signed = |service: &str, secret: &str| {
            let mut parts = request(None);
            parts.headers.insert("host", "mesh.example:4566".parse().unwrap());
            let now = Clock::System.now();
            let region = Region::new("us-west-2");
            sigv4::sign(("AKID", secret), (service, &region), now, &mut parts.headers, ("POST", PATH, b""));
            // Over HTTP/2 there is no such header, only the authority.
            parts.headers.remove("host");
            parts
        };
        let identity = guard.authenticate(&signed("appmesh", "secret")).unwrap();
        let scope = Scope::new(AccountId::default(), Region::new("us-west-2"));
        let node = |scope: &Scope| appmesh_node(scope);
        assert!(identity.nodes.contain(&node(&scope)) && !identity.nodes.contain(&node(&Scope::default())));
        assert!(guard.authenticate(&signed("appmesh", "wrong")).is_err());
        assert!(guard.authenticate(&signed("ecs", "secret")).unwrap_err().0.contains("appmesh"));
    }

    fn appmesh_node(scope: &Scope) -> String {
        names::Arn::new("appmesh", scope, "mesh/m/virtualNode/n").to_string()
    }

    #[test]
    fn an_address_that_no_task_has_is_nobody_s() {
        let mut parts = request(Some("Bearer secret"));
        let address = "10.0.1.5:40000".parse().unwrap();
        parts.extensions.insert(Origin { network: "vpc-1".to_owned(), address, port: 4566 });
        let denied = guard("secret *", &[]).authenticate(&parts).unwrap_err();
        assert_eq!(denied.0, "no task has the address 10.0.1.5 in vpc-1");
    }

    #[test]
    fn a_certificate_s_name_is_an_arn_or_the_end_of_a_spiffe_id() {
        let short = Some("mesh/m/virtualNode/n".to_owned());
        assert_eq!(node_of("spiffe://serin.test/mesh/m/virtualNode/n"), short);
        assert_eq!(node_of("spiffe://serin.test/account/mesh/m/virtualNode/n"), short);
        assert_eq!(
            node_of("arn:aws:appmesh:r:1:mesh/m/virtualNode/n").as_deref(),
            Some("arn:aws:appmesh:r:1:mesh/m/virtualNode/n")
        );
        assert_eq!(node_of("api.example.com"), None);
        assert_eq!(node_of("spiffe://serin.test/task/1"), None);
    }
}

//! The certificates, keys and authorities that a mesh names and the house has: what they are, and how they are fetched.
//!
//! Certificates and authorities of ACM are known by their ARNs. A secret whose name is a SPIFFE id is one the house can
//! vouch for: `spiffe://<trust domain>/<path>` is an identity, and `spiffe://<trust domain>` whom to trust; unless agents
//! beside the proxies keep the identities of that trust domain. What is not to be had is left out; the plan says what is
//! missing then.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    acm::inside::{
        DescribeTrust, DescribeTrustRequest, GetKeyPair, GetKeyPairRequest, GetKeyPairResponse, IssueIdentity,
        IssueIdentityRequest,
    },
    appmesh::{ClientPolicy, ListenerTls, ListenerTlsSdsCertificate, TlsValidationContextSdsTrust, VirtualNodeSpec},
};
use names::Scope;
use tracing::debug;

use crate::{
    State,
    plan::{Certificate, Mesh},
    snapshot::tls_of,
};

/// How the names of SPIFFE begin.
const SPIFFE: &str = "spiffe://";
/// How a certificate in PEM begins.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// What a mesh names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// Certificates of ACM.
    certificates: BTreeSet<String>,
    /// Identities, by SPIFFE id.
    identities: BTreeSet<String>,
    /// Private authorities of ACM.
    authorities: BTreeSet<String>,
    /// Trust domains, by SPIFFE id.
    domains: BTreeSet<String>,
}

/// Fetches what `mesh` names, as far as it is to be had, and puts it there.
pub(crate) async fn fetch(state: &State, scope: &Scope, mesh: &mut Mesh) {
    let Wanted { certificates, identities, authorities, domains } = Wanted::of(mesh).without(&state.agents);
    let caller = &state.caller;
    let (mut pairs, mut bundles) = (BTreeMap::new(), BTreeMap::new());
    for arn in certificates {
        let request = GetKeyPairRequest { certificate_arn: arn.clone() };
        match caller.call::<GetKeyPair>(scope, request).await {
            Ok(pair) => drop(pairs.insert(arn, certificate(pair))),
            Err(error) => debug!(arn, %error, "A certificate is not to be had."),
        }
    }
    for uri in identities {
        let request = IssueIdentityRequest { uri: uri.clone(), dns_names: Vec::new() };
        match caller.call::<IssueIdentity>(scope, request).await {
            Ok(pair) => drop(pairs.insert(uri, certificate(pair))),
            Err(error) => debug!(uri, %error, "An identity is not to be had."),
        }
    }
    let of_acm = authorities.into_iter().map(|arn| (arn.clone(), vec![arn]));
    for (name, arns) in of_acm.chain(domains.into_iter().map(|domain| (domain, Vec::new()))) {
        let request = DescribeTrustRequest { certificate_authority_arns: arns };
        match caller.call::<DescribeTrust>(scope, request).await {
            Ok(trust) => drop(bundles.insert(name, trust.certificates)),
            Err(error) => debug!(name, %error, "An authority is not to be had."),
        }
    }
    mesh.certificates = pairs;
    mesh.authorities = bundles;
}

fn certificate(pair: GetKeyPairResponse) -> Certificate {
    let GetKeyPairResponse { certificate_chain: chain, private_key, .. } = pair;
    let root = chain.rfind(BEGIN).unwrap_or(0);
    Certificate { authorities: chain[root..].to_owned(), chain, private_key }
}

impl Wanted {
    fn of(mesh: &Mesh) -> Self {
        let mut wanted = Self::default();
        for VirtualNodeSpec { backend_defaults, backends, listeners, .. } in mesh.nodes.values() {
            listeners.iter().filter_map(|listener| listener.tls.as_ref()).for_each(|tls| wanted.listener(tls));
            let services = backends.iter().filter_map(|backend| backend.virtual_service.as_ref());
            let own = services.filter_map(|service| service.client_policy.as_ref());
            let default = backend_defaults.iter().filter_map(|defaults| defaults.client_policy.as_ref());
            own.chain(default).for_each(|policy| wanted.client(policy));
        }
        for gateway in mesh.gateways.values() {
            gateway.listeners.iter().filter_map(|listener| listener.tls.as_ref()).for_each(|tls| wanted.listener(tls));
            let default = gateway.backend_defaults.iter().filter_map(|defaults| defaults.client_policy.as_ref());
            default.for_each(|policy| wanted.client(policy));
        }
        wanted
    }

    /// What the house is asked for, where agents keep what is of those trust domains.
    fn without(mut self, agents: &BTreeSet<String>) -> Self {
        let of_house = |name: &String| !agents.contains(domain_of(name));
        self.identities.retain(of_house);
        self.domains.retain(of_house);
        self
    }

    fn listener(&mut self, tls: &ListenerTls) {
        self.certificates.extend(tls.certificate.acm.iter().map(|acm| acm.certificate_arn.clone()));
        self.identity(tls.certificate.sds.as_ref());
        self.domain(tls.validation.as_ref().and_then(|validation| validation.trust.sds.as_ref()));
    }

    fn client(&mut self, policy: &ClientPolicy) {
        let Some(tls) = tls_of(Some(policy)) else { return };
        let trust = &tls.validation.trust;
        self.authorities.extend(trust.acm.iter().flat_map(|acm| acm.certificate_authority_arns.clone()));
        self.domain(trust.sds.as_ref());
        self.identity(tls.certificate.as_ref().and_then(|certificate| certificate.sds.as_ref()));
    }

    fn identity(&mut self, sds: Option<&ListenerTlsSdsCertificate>) {
        let names = sds.map(|sds| sds.secret_name.clone());
        self.identities.extend(names.filter(|name| name.starts_with(SPIFFE)));
    }

    fn domain(&mut self, sds: Option<&TlsValidationContextSdsTrust>) {
        let names = sds.map(|sds| sds.secret_name.clone());
        self.domains.extend(names.filter(|name| name.starts_with(SPIFFE)));
    }
}

/// The trust domain of a SPIFFE id.
fn domain_of(name: &str) -> &str {
    let rest = name.strip_prefix(SPIFFE).unwrap_or(name);
    rest.split_once('/').map_or(rest, |(domain, _)| domain)
}

#[cfg(test)]
mod tests {
    use api::appmesh::VirtualGatewaySpec;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_name_of_nodes_and_gateways_is_wanted_once_and_those_of_others_are_not() {
        let listener = |certificate: serde_json::Value| {
            json!({ "portMapping": { "port": 80, "protocol": "http" }, "tls": { "mode": "STRICT", "certificate": certificate,
                    "validation": { "trust": { "sds": { "secretName": "spiffe://td" } } } } })
        };
        let policy = json!({ "clientPolicy": { "tls": {
            "certificate": { "sds": { "secretName": "spiffe://td/client" } },
            "validation": { "trust": { "acm": { "certificateAuthorityArns": ["ca-1", "ca-2"] } } } } } });
        let node = json!({ "listeners": [listener(json!({ "acm": { "certificateArn": "one" } }))], "backendDefaults": policy });
        let gateway = json!({ "listeners": [
            listener(json!({ "sds": { "secretName": "spiffe://td/gateway" } })),
            listener(json!({ "sds": { "secretName": "of-the-agent" } })) ], "backendDefaults": policy });
        let node: VirtualNodeSpec = serde_json::from_value(node).unwrap();
        let gateway: VirtualGatewaySpec = serde_json::from_value(gateway).unwrap();
        let mesh = Mesh {
            nodes: [("n".to_owned(), node)].into(),
            gateways: [("g".to_owned(), gateway)].into(),
            ..Mesh::default()
        };
        let wanted = Wanted::of(&mesh);
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(wanted.certificates, set(&["one"]));
        assert_eq!(wanted.identities, set(&["spiffe://td/client", "spiffe://td/gateway"]));
        assert_eq!((&wanted.authorities, &wanted.domains), (&set(&["ca-1", "ca-2"]), &set(&["spiffe://td"])));
        assert_eq!(wanted.clone().without(&set(&["t", "td2"])), wanted);
        let rest = wanted.without(&set(&["td"]));
        assert_eq!((rest.identities, rest.domains), (set(&[]), set(&[])));
        assert_eq!((rest.certificates.len(), rest.authorities.len()), (1, 2));
    }

    #[test]
    fn the_authority_of_a_certificate_is_the_last_of_its_chain() {
        let pem = |text: &str| format!("{BEGIN}\n{text}\n-----END CERTIFICATE-----\n");
        let pair = GetKeyPairResponse {
            certificate_chain: pem("leaf") + &pem("between") + &pem("root"),
            private_key: "key".to_owned(),
            not_after: names::Timestamp::default(),
        };
        let made = certificate(pair);
        assert_eq!(made.authorities, pem("root"));
        assert!(made.chain.starts_with(&pem("leaf")));
    }
}

//! What neighbours in process ask, and nobody else may.

use std::time::Duration;

use api::acm::inside::{
    DescribeTrustRequest, DescribeTrustResponse, GetKeyPairRequest, GetKeyPairResponse, IssueIdentityRequest,
    IssueIdentityResponse,
};
use certificate::{Algorithm, Name, Subject};
use store::Key;

use super::certificate::get;
use crate::{
    Cx, Error, State, check,
    issue::{self, Wanted},
    renewal,
    rows::{Identity, Pair},
};

/// How long an identity holds.
pub(crate) const IDENTITY_LIFETIME: Duration = Duration::from_hours(24);
/// The longest URI (as in a certificate of ACM-PCA).
const URI_MAX: usize = 253;

/// Refuses a call from outside: the gateway lets none in without an access key, and a call in process has none.
fn demand_inside(cx: &Cx, operation: &'static str) -> Result<(), Error> {
    if cx.call().access_key.is_empty() { Ok(()) } else { Err(Error::Inside(operation)) }
}

fn answer(pair: Pair) -> GetKeyPairResponse {
    let certificate_chain = format!("{}\n{}", pair.certificate.trim_end(), pair.chain);
    GetKeyPairResponse { certificate_chain, private_key: pair.private_key, not_after: pair.not_after }
}

/// `GetKeyPair`.
pub(super) async fn get_key_pair(cx: Cx, request: GetKeyPairRequest) -> Result<GetKeyPairResponse, Error> {
    demand_inside(&cx, "GetKeyPair")?;
    Ok(answer(get(&cx, &request.certificate_arn)?.1.pair))
}

/// `IssueIdentity`.
pub(super) async fn issue_identity(cx: Cx, request: IssueIdentityRequest) -> Result<IssueIdentityResponse, Error> {
    demand_inside(&cx, "IssueIdentity")?;
    check::length("uri", &request.uri, 10, URI_MAX)?;
    if !request.uri.starts_with("spiffe://") {
        return Err(Error::Validation(format!("{} is not a SPIFFE id", request.uri)));
    }
    let key = Key::new(cx.scope(), &request.uri);
    let now = cx.clock.now();
    let fits = |row: &Identity| row.dns_names == request.dns_names && !renewal::is_due(&row.pair, now);
    let present = cx.store.write(|tx| {
        let Some(mut row) = tx.get::<Identity>(&key)?.filter(fits) else { return Ok::<_, Error>(None) };
        // Noted seldom: each note wakes who watches.
        if now.since(row.asked_at) > IDENTITY_LIFETIME / 4 {
            row.asked_at = now;
            tx.put(&key, &row)?;
        }
        Ok(Some(row))
    })?;
    let row = match present {
        Some(row) => row,
        None => make(cx.service(), &key, request.dns_names).await?,
    };
    Ok(answer(row.pair))
}

/// Makes the identity at `key`, and keeps it.
pub(crate) async fn make(state: &State, key: &Key, dns_names: Vec<String>) -> Result<Identity, Error> {
    let uri = Name::Uri(key.name.clone());
    let wanted = Wanted {
        names: [uri].into_iter().chain(dns_names.iter().cloned().map(Name::Dns)).collect(),
        subject: Subject { organization: Some("Serin".to_owned()), ..Subject::default() },
        algorithm: Algorithm::EcP256,
        lifetime: IDENTITY_LIFETIME,
    };
    let pair = issue::issue(state, &key.scope, None, wanted).await?;
    let row = Identity { pair, dns_names, asked_at: state.clock.now() };
    state.store.write(|tx| tx.put(key, &row))?;
    Ok(row)
}

/// `DescribeTrust`.
pub(super) async fn describe_trust(cx: Cx, request: DescribeTrustRequest) -> Result<DescribeTrustResponse, Error> {
    demand_inside(&cx, "DescribeTrust")?;
    if request.certificate_authority_arns.is_empty() {
        let builtin = issue::builtin(cx.service(), cx.scope()).await?;
        return Ok(DescribeTrustResponse { certificates: builtin.pair.certificate });
    }
    let mut certificates = String::new();
    for arn in &request.certificate_authority_arns {
        let row = issue::private(cx.service(), cx.scope(), arn)?;
        let Some(certificate) = row.certificate else {
            return Err(Error::Condition(format!("The Certificate Authority {arn} has no certificate yet")));
        };
        for pem in [certificate.as_str(), row.chain.as_str()].into_iter().filter(|pem| !pem.is_empty()) {
            certificates.push_str(pem.trim_end());
            certificates.push('\n');
        }
    }
    Ok(DescribeTrustResponse { certificates })
}

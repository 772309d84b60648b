//! Certificates of HTTPS listeners: a default one, and a list of others for clients that ask for their names.

use api::{
    acm::inside::{GetKeyPair, GetKeyPairRequest},
    elbv2 as shape,
};
use edge::balancers as desired;
use wire::{Context, page};

use super::{listener, page_size};
use crate::{
    LoadBalancing,
    error::Error,
    plan,
    rows::{Listener, Tls},
    security_policy,
};

/// Certificates of a listener besides its default one: the service's quota.
const CERTIFICATES_MAX: usize = 25;

/// How a listener secures connections that has it as `present` and is asked for `certificates` and `policy`.
pub(super) async fn tls(
    cx: &Context<LoadBalancing>,
    secured: bool,
    present: Option<Tls>,
    certificates: &[shape::Certificate],
    policy: Option<&str>,
) -> Result<Option<Tls>, Error> {
    if !secured {
        let given = (!certificates.is_empty()).then_some("Certificates").or(policy.and(Some("SslPolicy")));
        let refusal = |name| Err(Error::Validation(format!("{name} cannot be specified for an HTTP listener")));
        return given.map_or(Ok(None), refusal);
    }
    let mut tls = present.unwrap_or_else(|| Tls { policy: security_policy::DEFAULT.to_owned(), certificates: vec![] });
    if let Some(policy) = policy {
        policy.clone_into(&mut tls.policy);
    }
    let versions =
        security_policy::versions(&tls.policy).ok_or_else(|| Error::SslPolicyNotFound(tls.policy.clone()))?;
    match arns(certificates)?.as_slice() {
        [] if tls.certificates.is_empty() => {
            return Err(Error::Validation("A certificate must be specified for HTTPS listeners".to_owned()));
        }
        [] => {}
        [default] => {
            check(cx, default, versions).await?;
            // The one before goes; what was in the list by its own right stays there.
            tls.certificates = std::iter::once(default.clone())
                .chain(tls.certificates.iter().skip(1).filter(|arn| *arn != default).cloned())
                .collect();
        }
        _ => {
            let message = "Specify exactly one certificate: others are added with AddListenerCertificates";
            return Err(Error::Validation(message.to_owned()));
        }
    }
    Ok(Some(tls))
}

/// The ARNs of certificates in a request.
fn arns(certificates: &[shape::Certificate]) -> Result<Vec<String>, Error> {
    let arn = |one: &shape::Certificate| match (&one.certificate_arn, one.is_default) {
        (Some(arn), None) => Ok(arn.clone()),
        (None, _) => Err(Error::Validation("A certificate needs a CertificateArn".to_owned())),
        (_, Some(_)) => Err(Error::Validation("IsDefault cannot be set when a certificate is specified".to_owned())),
    };
    certificates.iter().map(arn).collect()
}

/// Refuses a certificate that is not there, or that connections cannot be secured with.
async fn check(cx: &Context<LoadBalancing>, arn: &str, versions: desired::Versions) -> Result<(), Error> {
    let request = GetKeyPairRequest { certificate_arn: arn.to_owned() };
    let pair = cx.caller.call::<GetKeyPair>(cx.scope(), request).await;
    let certificate = plan::certificate(pair.map_err(|_| Error::CertificateNotFound(arn.to_owned()))?);
    let action = desired::Action::Forward(Vec::new());
    let listener =
        desired::Listener { port: 443, action, rules: Vec::new(), certificates: vec![certificate], versions };
    let unsuited = |error| Error::InvalidConfigurationRequest(format!("Certificate '{arn}' cannot be used: {error}"));
    listener.check().map_err(unsuited)
}

/// A certificate as listeners tell it.
pub(super) fn plain(arn: &str) -> shape::Certificate {
    shape::Certificate { certificate_arn: Some(arn.to_owned()), is_default: None }
}

/// A certificate as lists of them tell it.
fn listed(arn: &str, is_default: bool) -> shape::Certificate {
    shape::Certificate { certificate_arn: Some(arn.to_owned()), is_default: Some(is_default) }
}

/// How the listener `row` secures connections; a refusal if it does not.
fn secured<'a>(row: &'a mut Listener, arn: &str) -> Result<&'a mut Tls, Error> {
    let refusal = || Error::Validation(format!("Listener '{arn}' is not an HTTPS listener and has no certificates"));
    row.tls.as_mut().ok_or_else(refusal)
}

pub(crate) async fn add_listener_certificates(
    cx: Context<LoadBalancing>,
    request: shape::AddListenerCertificatesRequest,
) -> Result<shape::AddListenerCertificatesResponse, Error> {
    let added = arns(&request.certificates)?;
    for arn in &added {
        check(&cx, arn, desired::Versions::All).await?;
    }
    cx.store.write(|tx| {
        let (key, mut row) = listener::find(tx, cx.scope(), &request.listener_arn)?;
        let tls = secured(&mut row, &request.listener_arn)?;
        for arn in &added {
            if !tls.certificates.contains(arn) {
                tls.certificates.push(arn.clone());
            }
        }
        // The default one does not count.
        if tls.certificates.len() > CERTIFICATES_MAX + 1 {
            return Err(Error::TooManyCertificates(CERTIFICATES_MAX));
        }
        tx.put(&key, &row)?;
        Ok::<_, Error>(())
    })?;
    Ok(shape::AddListenerCertificatesResponse { certificates: added.iter().map(|arn| listed(arn, false)).collect() })
}

pub(crate) async fn remove_listener_certificates(
    cx: Context<LoadBalancing>,
    request: shape::RemoveListenerCertificatesRequest,
) -> Result<shape::Empty, Error> {
    let removed = arns(&request.certificates)?;
    cx.store.write(|tx| {
        let (key, mut row) = listener::find(tx, cx.scope(), &request.listener_arn)?;
        // A listener of HTTP has none, so there is nothing to remove from it.
        let Some(tls) = &mut row.tls else { return Ok(shape::Empty {}) };
        if let Some(default) = tls.certificates.first().filter(|default| removed.contains(default)) {
            return Err(Error::DefaultCertificate(default.clone()));
        }
        tls.certificates.retain(|arn| !removed.contains(arn));
        tx.put(&key, &row)?;
        Ok(shape::Empty {})
    })
}

pub(crate) async fn describe_listener_certificates(
    cx: Context<LoadBalancing>,
    request: shape::DescribeListenerCertificatesRequest,
) -> Result<shape::DescribeListenerCertificatesResponse, Error> {
    let arn = &request.listener_arn;
    let (_, mut row) = cx.store.write(|tx| listener::find(tx, cx.scope(), arn))?;
    let arns: Vec<(usize, String)> = secured(&mut row, arn)?.certificates.iter().cloned().enumerate().collect();
    let size = page_size(request.page_size)?;
    let (arns, next_marker) = page(arns, |(_, arn)| arn.clone(), size, request.marker.as_deref())?;
    let certificates = arns.iter().map(|(place, arn)| listed(arn, *place == 0)).collect();
    Ok(shape::DescribeListenerCertificatesResponse { certificates, next_marker })
}

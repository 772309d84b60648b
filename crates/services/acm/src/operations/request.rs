//! How certificates come: asked for, or brought.

use std::time::Duration;

use api::acm::{
    CertificateOptions, CertificateType, Done, ImportCertificateRequest, ImportCertificateResponse, KeyAlgorithm,
    Preference, RequestCertificateRequest, RequestCertificateResponse, UpdateCertificateOptionsRequest,
    ValidationMethod,
};
use certificate::{Details, Key as PrivateKey, Name, Subject};
use names::{Tags, Timestamp};
use store::{Key, Transaction};

use super::certificate::{key, present};
use crate::{
    Cx, Error, check,
    issue::{self, Wanted},
    rows::{Certificate, Pair},
};

/// The certificates of an account and region.
const CERTIFICATES_MAX: usize = 2500;
/// The domains of a certificate.
const DOMAINS_MAX: usize = 100;
/// For how long a token makes a repeated request the same request.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// All domains of a request, the first one first, each once.
fn domains(request: &RequestCertificateRequest) -> Result<Vec<String>, Error> {
    check::domain("domainName", &request.domain_name)?;
    let mut all = vec![request.domain_name.clone()];
    let others = request.subject_alternative_names.iter().flatten();
    for (index, name) in others.enumerate() {
        check::domain(&format!("subjectAlternativeNames.{}.member", index + 1), name)?;
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    if all.len() > DOMAINS_MAX { Err(Error::Limit(DOMAINS_MAX, "domain names in a certificate")) } else { Ok(all) }
}

fn check(request: &RequestCertificateRequest, domains: &[String]) -> Result<(), Error> {
    if request.subject_alternative_names.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::Validation("subjectAlternativeNames must have at least one member".to_owned()));
    }
    if request.validation_method == Some(ValidationMethod::Http) {
        let text = "ValidationMethod HTTP is for certificates that CloudFront manages, which is not part of Serin";
        return Err(Error::Parameter(text.to_owned()));
    }
    for option in request.domain_validation_options.iter().flatten() {
        let (domain, above) = (&option.domain_name, &option.validation_domain);
        if !domains.contains(domain) || !(domain == above || domain.ends_with(&format!(".{above}"))) {
            let text =
                format!("ValidationDomain {above} is neither {domain} nor above it, or nobody asks for {domain}");
            return Err(Error::Parameter(text));
        }
    }
    match &request.idempotency_token {
        Some(token) => check::length("idempotencyToken", token, 1, 32),
        None => Ok(()),
    }
}

/// `RequestCertificate`.
pub(super) async fn request_certificate(
    cx: Cx,
    request: RequestCertificateRequest,
) -> Result<RequestCertificateResponse, Error> {
    let names = domains(&request)?;
    check(&request, &names)?;
    let tags = tags_of(request.tags.clone())?;
    let whole = request.idempotency_token.as_ref().and_then(|_| serde_json::to_string(&request).ok());
    let repeated = |tx: &Transaction<'_>| same_request(tx, &cx, whole.as_deref());
    if let Some(key) = cx.store.write(|tx| repeated(tx))? {
        return Ok(RequestCertificateResponse { certificate_arn: Certificate::arn(&key) });
    }
    let key_algorithm = request.key_algorithm.unwrap_or(KeyAlgorithm::Rsa2048);
    let wanted = wanted(&request.domain_name, &names, key_algorithm)?;
    let pair = issue::issue(cx.service(), cx.scope(), request.certificate_authority_arn.as_deref(), wanted).await?;
    let now = cx.clock.now();
    let private = request.certificate_authority_arn.is_some();
    let row = Certificate {
        pair,
        domain_name: Some(request.domain_name),
        names,
        kind: if private { CertificateType::Private } else { CertificateType::AmazonIssued },
        key_algorithm,
        authority: request.certificate_authority_arn,
        method: request.validation_method.unwrap_or(ValidationMethod::Dns),
        options: request.options.unwrap_or_default(),
        created_at: now,
        renewed_at: now,
        renewal: None,
        exported: false,
        request: whole.clone(),
        tags,
    };
    let key = cx.store.write(|tx| match repeated(tx)? {
        Some(key) => Ok(key),
        None => put_new(tx, &cx, &row),
    })?;
    Ok(RequestCertificateResponse { certificate_arn: Certificate::arn(&key) })
}

/// What a certificate for `names` is to be.
pub(crate) fn wanted(first: &str, names: &[String], key: KeyAlgorithm) -> Result<Wanted, Error> {
    Ok(Wanted {
        names: names.iter().cloned().map(Name::Dns).collect(),
        subject: Subject::named(first),
        algorithm: issue::algorithm(key)?,
        lifetime: issue::LIFETIME,
    })
}

/// The certificate that this same request has made within the last hour.
fn same_request(tx: &Transaction<'_>, cx: &Cx, whole: Option<&str>) -> Result<Option<Key>, Error> {
    let Some(whole) = whole else { return Ok(None) };
    let now = cx.clock.now();
    let fresh = |row: &Certificate| now.since(row.created_at) < TOKEN_LIFETIME;
    let mut all = tx.list::<Certificate>(cx.scope())?.into_iter();
    Ok(all.find(|(_, row)| row.request.as_deref() == Some(whole) && fresh(row)).map(|(key, _)| key))
}

fn put_new(tx: &mut Transaction<'_>, cx: &Cx, row: &Certificate) -> Result<Key, Error> {
    if tx.list::<Certificate>(cx.scope())?.len() >= CERTIFICATES_MAX {
        return Err(Error::Limit(CERTIFICATES_MAX, "certificates"));
    }
    let key = Key::new(cx.scope(), cx.ids.uuid());
    tx.put(&key, row)?;
    Ok(key)
}

fn tags_of(tags: Option<Vec<api::acm::Tag>>) -> Result<Tags, Error> {
    match tags {
        Some(tags) => check::tags(tags.into_iter().map(|tag| (tag.key, tag.value))),
        None => Ok(Tags::new()),
    }
}

/// Reads what was brought: the certificate with its key, its kind of key, and its names.
fn read(request: &ImportCertificateRequest, now: Timestamp) -> Result<(Pair, KeyAlgorithm, Details), Error> {
    let text = |member: &str, bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| Error::Validation(format!("{member} is not PEM")))
    };
    let invalid = |error: certificate::Error| Error::Validation(error.to_string());
    let certificate = text("certificate", &request.certificate.0)?;
    let chain = text("certificateChain", request.certificate_chain.as_ref().map_or(&[], |chain| &chain.0))?;
    let private_key = PrivateKey::read(&text("privateKey", &request.private_key.0)?).map_err(invalid)?;
    let details = certificate::chain(&certificate, &chain).map_err(invalid)?.swap_remove(0);
    if details.public != private_key.public() {
        return Err(invalid(certificate::Error::Mismatch));
    }
    if details.not_after < now || now < details.not_before {
        return Err(Error::Validation("The certificate is not valid at the present time".to_owned()));
    }
    let pair = Pair {
        certificate,
        chain,
        private_key: private_key.pem().to_owned(),
        not_before: details.not_before,
        not_after: details.not_after,
    };
    Ok((pair, issue::word(private_key.algorithm()), details))
}

/// `ImportCertificate`.
pub(super) async fn import_certificate(
    cx: Cx,
    request: ImportCertificateRequest,
) -> Result<ImportCertificateResponse, Error> {
    let now = cx.clock.now();
    let (pair, key_algorithm, details) = read(&request, now)?;
    let tags = tags_of(request.tags)?;
    let domain_name = details.common_name.or_else(|| details.names.first().cloned());
    let new = Certificate {
        pair,
        domain_name,
        names: details.names,
        kind: CertificateType::Imported,
        key_algorithm,
        authority: None,
        method: ValidationMethod::Dns,
        options: CertificateOptions::default(),
        created_at: now,
        renewed_at: now,
        renewal: None,
        exported: false,
        request: None,
        tags,
    };
    let key = cx.store.write(|tx| match &request.certificate_arn {
        Some(arn) => replace(tx, &cx, arn, new),
        None => put_new(tx, &cx, &new),
    })?;
    Ok(ImportCertificateResponse { certificate_arn: Certificate::arn(&key) })
}

/// Puts `new` in the place of the imported certificate `arn`, which keeps its tags.
fn replace(tx: &mut Transaction<'_>, cx: &Cx, arn: &str, new: Certificate) -> Result<Key, Error> {
    let key = key(cx, arn)?;
    let before = present(tx, &key, arn)?;
    if before.kind != CertificateType::Imported {
        return Err(Error::Validation(format!("Only imported certificates can be imported anew, and {arn} is not")));
    }
    if !new.tags.is_empty() {
        return Err(Error::Parameter("Tags can't be given where a certificate is imported anew".to_owned()));
    }
    let Certificate { created_at, tags, .. } = before;
    tx.put(&key, &Certificate { created_at, tags, ..new })?;
    Ok(key)
}

/// `UpdateCertificateOptions`.
pub(super) async fn update_certificate_options(
    cx: Cx,
    request: UpdateCertificateOptionsRequest,
) -> Result<Done, Error> {
    let key = key(&cx, &request.certificate_arn)?;
    cx.store.write(|tx| {
        let mut row = present(tx, &key, &request.certificate_arn)?;
        if row.kind == CertificateType::Imported {
            return Err(Error::Condition(format!("{} is imported, and has no options", request.certificate_arn)));
        }
        let was = row.options.export.unwrap_or(Preference::Disabled);
        if request.options.export.is_some_and(|wanted| wanted != was) {
            return Err(Error::Condition(
                "Whether a certificate can be exported is decided when it is made".to_owned(),
            ));
        }
        let preference = request.options.certificate_transparency_logging_preference;
        row.options.certificate_transparency_logging_preference = preference;
        tx.put(&key, &row)?;
        Ok(Done {})
    })
}

//! Authorities: how they begin, live and end.

use std::time::Duration;

use api::acmpca::{
    Asn1Subject, CertificateAuthority, CertificateAuthorityStatus as Status, CertificateAuthorityType as Type,
    CertificateAuthorityUsageMode as Usage, CreateCertificateAuthorityRequest, CreateCertificateAuthorityResponse,
    DeleteCertificateAuthorityRequest, DescribeCertificateAuthorityRequest, DescribeCertificateAuthorityResponse, Done,
    GetCertificateAuthorityCertificateRequest, GetCertificateAuthorityCsrRequest, GetCertificateAuthorityCsrResponse,
    GetCertificateResponse, ImportCertificateAuthorityCertificateRequest, ListCertificateAuthoritiesRequest,
    ListCertificateAuthoritiesResponse, ResourceOwner, RestoreCertificateAuthorityRequest, RevocationConfiguration,
    UpdateCertificateAuthorityRequest,
};
use certificate::{Details, Key as PrivateKey, Request, Subject};
use names::{Tags, Timestamp};
use store::{Key, Transaction};

use crate::{Cx, Error, check, issue, rows::Authority};

/// The authorities of an account and region.
const AUTHORITIES_MAX: usize = 200;
/// How many a list holds if its caller does not say.
const LIST_LIMIT: u32 = 1000;
/// For how many days a deleted authority can be restored if nothing is said.
const RESTORABLE_DAYS: u32 = 30;
/// For how long a token makes a repeated request the same request.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_mins(5);

/// The key of the authority `arn`.
pub(super) fn key(cx: &Cx, arn: &str) -> Result<Key, Error> {
    check::arn(cx.scope(), arn, "acm-pca", "certificate-authority", Error::NoAuthority)
}

/// The authority at `key`, in a transaction.
pub(super) fn present(tx: &Transaction<'_>, key: &Key, arn: &str) -> Result<Authority, Error> {
    tx.get::<Authority>(key)?.ok_or_else(|| Error::NoAuthority(arn.to_owned()))
}

/// Changes the authority `arn`, which must not be deleted.
pub(super) fn change(
    cx: &Cx,
    arn: &str,
    change: impl FnOnce(&mut Authority) -> Result<(), Error>,
) -> Result<Done, Error> {
    let key = key(cx, arn)?;
    cx.store.write(|tx| {
        let mut row = present(tx, &key, arn)?;
        if row.status == Status::Deleted {
            return Err(Error::Condition(format!("The Certificate Authority {arn} is DELETED")));
        }
        change(&mut row)?;
        tx.put(&key, &row)?;
        Ok(Done {})
    })
}

/// A subject in the engine's words.
pub(super) fn subject(given: &Asn1Subject) -> Result<Subject, Error> {
    let lengths = [
        ("country", &given.country, 2, 2),
        ("organization", &given.organization, 0, 64),
        ("organizationalUnit", &given.organizational_unit, 0, 64),
        ("state", &given.state, 0, 128),
        ("commonName", &given.common_name, 0, 64),
        ("locality", &given.locality, 0, 128),
    ];
    for (member, text, min, max) in lengths {
        text.as_ref().map_or(Ok(()), |text| check::length(&format!("subject.{member}"), text, min, max))?;
    }
    Ok(Subject {
        common_name: given.common_name.clone(),
        country: given.country.clone(),
        state: given.state.clone(),
        locality: given.locality.clone(),
        organization: given.organization.clone(),
        organizational_unit: given.organizational_unit.clone(),
    })
}

fn check_revocation(configuration: Option<&RevocationConfiguration>) -> Result<(), Error> {
    let Some(RevocationConfiguration { crl_configuration, ocsp_configuration }) = configuration else { return Ok(()) };
    let ways = [("CrlConfiguration", crl_configuration), ("OcspConfiguration", ocsp_configuration)];
    match ways.into_iter().find(|(_, way)| way.is_some_and(|way| way.enabled)) {
        Some((name, _)) => Err(Error::Arguments(format!("{name} can't be enabled: Serin revokes no certificates"))),
        None => Ok(()),
    }
}

/// `CreateCertificateAuthority`.
pub(super) async fn create_certificate_authority(
    cx: Cx,
    request: CreateCertificateAuthorityRequest,
) -> Result<CreateCertificateAuthorityResponse, Error> {
    check_revocation(request.revocation_configuration.as_ref())?;
    request.idempotency_token.as_ref().map_or(Ok(()), |token| check::length("idempotencyToken", token, 1, 36))?;
    let tags = match &request.tags {
        Some(tags) => check::tags(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())))?,
        None => Tags::new(),
    };
    let whole = request.idempotency_token.as_ref().and_then(|_| serde_json::to_string(&request).ok());
    if let Some(key) = cx.store.write(|tx| same_request(tx, &cx, whole.as_deref()))? {
        return Ok(CreateCertificateAuthorityResponse { certificate_authority_arn: Authority::arn(&key) });
    }
    let configuration = &request.certificate_authority_configuration;
    let (name, hash) = (subject(&configuration.subject)?, issue::hash(configuration.signing_algorithm));
    let algorithm = issue::private_algorithm(configuration.key_algorithm);
    super::certificate::check_signing(configuration.key_algorithm, configuration.signing_algorithm)?;
    let made = tokio::task::spawn_blocking(move || {
        let private_key = PrivateKey::generate(algorithm)?;
        let csr = Request::write(&name, &private_key, hash)?;
        Ok((private_key.pem().to_owned(), csr))
    });
    let made: Result<_, certificate::Error> = made.await?;
    let (private_key, csr) = made.map_err(|error| match error {
        certificate::Error::Combination(..) | certificate::Error::Name(_) => Error::Arguments(error.to_string()),
        other => other.into(),
    })?;
    let now = cx.clock.now();
    let row = Authority {
        configuration: request.certificate_authority_configuration,
        kind: request.certificate_authority_type,
        status: Status::PendingCertificate,
        revocation: request.revocation_configuration,
        storage: request.key_storage_security_standard,
        usage: request.usage_mode.unwrap_or(Usage::GeneralPurpose),
        private_key,
        csr,
        certificate: None,
        chain: String::new(),
        not_before: None,
        not_after: None,
        created_at: now,
        changed_at: now,
        restorable_until: None,
        permissions: Vec::new(),
        request: whole.clone(),
        tags,
    };
    let key = cx.store.write(|tx| {
        if let Some(key) = same_request(tx, &cx, whole.as_deref())? {
            return Ok(key);
        }
        if tx.list::<Authority>(cx.scope())?.len() >= AUTHORITIES_MAX {
            return Err(Error::Limit(AUTHORITIES_MAX, "certificate authorities"));
        }
        let key = Key::new(cx.scope(), cx.ids.uuid());
        tx.put(&key, &row)?;
        Ok(key)
    })?;
    Ok(CreateCertificateAuthorityResponse { certificate_authority_arn: Authority::arn(&key) })
}

/// The authority that this same request has made within the last five minutes.
fn same_request(tx: &Transaction<'_>, cx: &Cx, whole: Option<&str>) -> Result<Option<Key>, Error> {
    let Some(whole) = whole else { return Ok(None) };
    let now = cx.clock.now();
    let fresh = |row: &Authority| now.since(row.created_at) < TOKEN_LIFETIME;
    let mut all = tx.list::<Authority>(cx.scope())?.into_iter();
    Ok(all.find(|(_, row)| row.request.as_deref() == Some(whole) && fresh(row)).map(|(key, _)| key))
}

fn told(key: &Key, row: Authority, now: Timestamp) -> Result<CertificateAuthority, Error> {
    let serial = row.certificate.as_deref().map(Details::read).transpose()?.map(|details| details.serial);
    Ok(CertificateAuthority {
        arn: Authority::arn(key),
        owner_account: key.scope.account.to_string(),
        created_at: row.created_at,
        last_state_change_at: row.changed_at,
        r#type: row.kind,
        serial,
        status: row.status(now),
        not_before: row.not_before,
        not_after: row.not_after,
        certificate_authority_configuration: row.configuration,
        revocation_configuration: row.revocation,
        restorable_until: row.restorable_until,
        key_storage_security_standard: row.storage,
        usage_mode: row.usage,
    })
}

/// `DescribeCertificateAuthority`.
pub(super) async fn describe_certificate_authority(
    cx: Cx,
    request: DescribeCertificateAuthorityRequest,
) -> Result<DescribeCertificateAuthorityResponse, Error> {
    let arn = &request.certificate_authority_arn;
    let row = issue::private(cx.service(), cx.scope(), arn)?;
    let certificate_authority = told(&key(&cx, arn)?, row, cx.clock.now())?;
    Ok(DescribeCertificateAuthorityResponse { certificate_authority })
}

/// `ListCertificateAuthorities`.
pub(super) async fn list_certificate_authorities(
    cx: Cx,
    request: ListCertificateAuthoritiesRequest,
) -> Result<ListCertificateAuthoritiesResponse, Error> {
    let limit = request.max_results.unwrap_or(LIST_LIMIT);
    check::range("maxResults", limit, 1, LIST_LIMIT)?;
    let shared = request.resource_owner == Some(ResourceOwner::OtherAccounts);
    let rows = if shared { Vec::new() } else { cx.store.list::<Authority>(cx.scope())? };
    let name = |(key, _): &(Key, Authority)| key.name.clone();
    let (rows, next_token) = wire::page(rows, name, limit as usize, request.next_token.as_deref())?;
    let now = cx.clock.now();
    let all = rows.into_iter().map(|(key, row)| told(&key, row, now)).collect::<Result<_, _>>()?;
    Ok(ListCertificateAuthoritiesResponse { certificate_authorities: all, next_token })
}

/// `GetCertificateAuthorityCsr`.
pub(super) async fn get_certificate_authority_csr(
    cx: Cx,
    request: GetCertificateAuthorityCsrRequest,
) -> Result<GetCertificateAuthorityCsrResponse, Error> {
    Ok(GetCertificateAuthorityCsrResponse {
        csr: issue::private(cx.service(), cx.scope(), &request.certificate_authority_arn)?.csr,
    })
}

/// `GetCertificateAuthorityCertificate`.
pub(super) async fn get_certificate_authority_certificate(
    cx: Cx,
    request: GetCertificateAuthorityCertificateRequest,
) -> Result<GetCertificateResponse, Error> {
    let arn = &request.certificate_authority_arn;
    let row = issue::private(cx.service(), cx.scope(), arn)?;
    let none = || Error::Condition(format!("The Certificate Authority {arn} has no certificate yet"));
    let certificate = row.certificate.ok_or_else(none)?;
    Ok(GetCertificateResponse { certificate, certificate_chain: Some(row.chain).filter(|chain| !chain.is_empty()) })
}

/// `ImportCertificateAuthorityCertificate`.
pub(super) async fn import_certificate_authority_certificate(
    cx: Cx,
    request: ImportCertificateAuthorityCertificateRequest,
) -> Result<Done, Error> {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|_| Error::MalformedCertificate("The certificate is not PEM".to_owned()))
    };
    let pem = text(request.certificate.0)?;
    let chain = text(request.certificate_chain.map_or_else(Vec::new, |chain| chain.0))?;
    let malformed = |error: certificate::Error| Error::MalformedCertificate(error.to_string());
    let all = certificate::chain(&pem, &chain).map_err(malformed)?;
    let now = cx.clock.now();
    change(&cx, &request.certificate_authority_arn, |row| {
        let own = &all[0];
        if own.public != PrivateKey::read(&row.private_key)?.public() {
            return Err(Error::CertificateMismatch);
        }
        let root = row.kind == Type::Root;
        if !own.is_authority
            || (root != (own.subject == own.issuer))
            || (root && all.len() > 1)
            || (!root && all.len() < 2)
        {
            let text = "The certificate must be that of an authority: a root's is signed by itself and has no chain, a \
                        subordinate's has the chain of those above it";
            return Err(Error::MalformedCertificate(text.to_owned()));
        }
        if row.status == Status::PendingCertificate {
            (row.status, row.changed_at) = (Status::Active, now);
        }
        (row.not_before, row.not_after) = (Some(own.not_before), Some(own.not_after));
        (row.certificate, row.chain) = (Some(pem), chain);
        Ok(())
    })
}

/// `UpdateCertificateAuthority`.
pub(super) async fn update_certificate_authority(
    cx: Cx,
    request: UpdateCertificateAuthorityRequest,
) -> Result<Done, Error> {
    check_revocation(request.revocation_configuration.as_ref())?;
    let now = cx.clock.now();
    change(&cx, &request.certificate_authority_arn, |row| {
        if let Some(configuration) = request.revocation_configuration {
            row.revocation = Some(configuration);
        }
        match request.status {
            None => {}
            Some(wanted @ (Status::Active | Status::Disabled)) if row.certificate.is_some() => {
                (row.status, row.changed_at) = (wanted, now);
            }
            Some(Status::Active | Status::Disabled) => {
                return Err(Error::Condition("The Certificate Authority has no certificate yet".to_owned()));
            }
            Some(_) => return Err(Error::Arguments("Status can be set to ACTIVE or DISABLED".to_owned())),
        }
        Ok(())
    })
}

/// `DeleteCertificateAuthority`.
pub(super) async fn delete_certificate_authority(
    cx: Cx,
    request: DeleteCertificateAuthorityRequest,
) -> Result<Done, Error> {
    let days = request.permanent_deletion_time_in_days.unwrap_or(RESTORABLE_DAYS);
    check::range("permanentDeletionTimeInDays", days, 7, 30)?;
    let now = cx.clock.now();
    change(&cx, &request.certificate_authority_arn, |row| {
        if row.status(now) == Status::Active {
            let text = "The Certificate Authority is ACTIVE, and must be DISABLED before it is deleted";
            return Err(Error::Condition(text.to_owned()));
        }
        (row.status, row.changed_at) = (Status::Deleted, now);
        row.restorable_until = Some(now.plus(Duration::from_hours(24 * u64::from(days))));
        Ok(())
    })
}

/// `RestoreCertificateAuthority`.
pub(super) async fn restore_certificate_authority(
    cx: Cx,
    request: RestoreCertificateAuthorityRequest,
) -> Result<Done, Error> {
    let arn = &request.certificate_authority_arn;
    let (key, now) = (key(&cx, arn)?, cx.clock.now());
    cx.store.write(|tx| {
        let mut row = present(tx, &key, arn)?;
        if row.status != Status::Deleted {
            return Err(Error::Condition(format!("The Certificate Authority {arn} is not DELETED")));
        }
        // It comes back as one that does not sign: its owner says when it may.
        let back = if row.certificate.is_some() { Status::Disabled } else { Status::PendingCertificate };
        (row.status, row.changed_at, row.restorable_until) = (back, now, None);
        tx.put(&key, &row)?;
        Ok(Done {})
    })
}

//! One certificate: what is known of it, the certificate itself, its renewal and its end.

use api::acm::{
    CertificateDetail, CertificateStatus, CertificateType, DeleteCertificateRequest, DescribeCertificateRequest,
    DescribeCertificateResponse, DomainStatus, DomainValidation, Done, ExportCertificateRequest,
    ExportCertificateResponse, ExtendedKeyUsage, ExtendedKeyUsageName, GetCertificateRequest, GetCertificateResponse,
    KeyUsage, KeyUsageName, Preference, RecordType, RenewCertificateRequest, RenewalEligibility, RenewalStatus,
    RenewalSummary, ResourceRecord, ValidationMethod,
};
use certificate::{Details, Key as PrivateKey};
use names::Timestamp;
use store::{Key, Transaction};

use super::users::users;
use crate::{Cx, Error, check, renewal, rows::Certificate};

/// The key of the certificate `arn`.
pub(super) fn key(cx: &Cx, arn: &str) -> Result<Key, Error> {
    check::arn(cx.scope(), arn, "acm", "certificate", Error::NoCertificate)
}

/// The certificate at `key`, in a transaction.
pub(super) fn present(tx: &Transaction<'_>, key: &Key, arn: &str) -> Result<Certificate, Error> {
    tx.get::<Certificate>(key)?.ok_or_else(|| Error::NoCertificate(arn.to_owned()))
}

/// The certificate `arn`, with its key.
pub(super) fn get(cx: &Cx, arn: &str) -> Result<(Key, Certificate), Error> {
    let key = key(cx, arn)?;
    let row = cx.store.get::<Certificate>(&key)?.ok_or_else(|| Error::NoCertificate(arn.to_owned()))?;
    Ok((key, row))
}

/// How far a certificate is.
pub(super) fn status(row: &Certificate, now: Timestamp) -> CertificateStatus {
    if row.pair.not_after < now { CertificateStatus::Expired } else { CertificateStatus::Issued }
}

/// Whether it is renewed by itself.
pub(super) fn eligibility(row: &Certificate) -> RenewalEligibility {
    if row.kind == CertificateType::Imported { RenewalEligibility::Ineligible } else { RenewalEligibility::Eligible }
}

/// The proofs of its domains: all are done.
fn validations(key: &Key, row: &Certificate) -> Vec<DomainValidation> {
    if row.kind != CertificateType::AmazonIssued {
        return Vec::new();
    }
    let token = key.name.replace('-', "");
    let one = |name: &String| {
        let plain = name.strip_prefix("*.").unwrap_or(name);
        let record = ResourceRecord {
            name: format!("_{token}.{plain}."),
            r#type: RecordType::Cname,
            value: format!("_{token}.acm-validations.aws."),
        };
        DomainValidation {
            domain_name: name.clone(),
            validation_domain: Some(name.clone()),
            validation_status: Some(DomainStatus::Success),
            resource_record: Some(record).filter(|_| row.method == ValidationMethod::Dns),
            validation_method: Some(row.method),
        }
    };
    row.names.iter().map(one).collect()
}

fn summary(key: &Key, row: &Certificate) -> Option<RenewalSummary> {
    let renewal = row.renewal.as_ref()?;
    Some(RenewalSummary {
        renewal_status: if renewal.failure.is_some() { RenewalStatus::Failed } else { RenewalStatus::Success },
        domain_validation_options: validations(key, row),
        renewal_status_reason: renewal.failure,
        updated_at: renewal.at,
    })
}

fn detail(key: &Key, row: Certificate, now: Timestamp, in_use_by: Vec<String>) -> Result<CertificateDetail, Error> {
    let details = Details::read(&row.pair.certificate)?;
    let imported = row.kind == CertificateType::Imported;
    let usages = [KeyUsageName::DigitalSignature, KeyUsageName::KeyEncipherment].map(|name| KeyUsage { name });
    let extended = [
        (ExtendedKeyUsageName::TlsWebServerAuthentication, "1.3.6.1.5.5.7.3.1"),
        (ExtendedKeyUsageName::TlsWebClientAuthentication, "1.3.6.1.5.5.7.3.2"),
    ];
    let extended = extended.map(|(name, oid)| ExtendedKeyUsage { name, oid: oid.to_owned() });
    Ok(CertificateDetail {
        certificate_arn: Certificate::arn(key),
        domain_validation_options: validations(key, &row),
        renewal_summary: summary(key, &row),
        status: status(&row, now),
        renewal_eligibility: eligibility(&row),
        domain_name: row.domain_name,
        subject_alternative_names: row.names,
        serial: details.serial,
        subject: details.subject,
        issuer: details.issuer,
        created_at: Some(row.created_at).filter(|_| !imported),
        issued_at: Some(row.renewed_at).filter(|_| !imported),
        imported_at: Some(row.renewed_at).filter(|_| imported),
        not_before: row.pair.not_before,
        not_after: row.pair.not_after,
        key_algorithm: row.key_algorithm,
        signature_algorithm: details.signature_algorithm,
        in_use_by,
        r#type: row.kind,
        // What an imported certificate may be used for, its issuer has decided.
        key_usages: if imported { Vec::new() } else { usages.into() },
        extended_key_usages: if imported { Vec::new() } else { extended.into() },
        certificate_authority_arn: row.authority,
        options: Some(row.options).filter(|_| !imported),
    })
}

/// `DescribeCertificate`.
pub(super) async fn describe_certificate(
    cx: Cx,
    request: DescribeCertificateRequest,
) -> Result<DescribeCertificateResponse, Error> {
    let (key, row) = get(&cx, &request.certificate_arn)?;
    let users = users(&cx, &request.certificate_arn).await;
    Ok(DescribeCertificateResponse { certificate: detail(&key, row, cx.clock.now(), users)? })
}

/// `GetCertificate`.
pub(super) async fn get_certificate(cx: Cx, request: GetCertificateRequest) -> Result<GetCertificateResponse, Error> {
    let pair = get(&cx, &request.certificate_arn)?.1.pair;
    let certificate_chain = Some(pair.chain).filter(|chain| !chain.is_empty());
    Ok(GetCertificateResponse { certificate: pair.certificate, certificate_chain })
}

/// `ExportCertificate`.
pub(super) async fn export_certificate(
    cx: Cx,
    request: ExportCertificateRequest,
) -> Result<ExportCertificateResponse, Error> {
    let arn = &request.certificate_arn;
    let (key, row) = get(&cx, arn)?;
    let exportable = row.options.export == Some(Preference::Enabled);
    if row.kind != CertificateType::Private && !exportable {
        let text = format!("Certificate {arn} is not exportable: it is neither private nor made to be exported");
        return Err(Error::Validation(text));
    }
    if !(4..=128).contains(&request.passphrase.0.len()) {
        return Err(Error::Validation("passphrase must have 4 to 128 bytes".to_owned()));
    }
    let pair = row.pair.clone();
    let private_key =
        tokio::task::spawn_blocking(move || PrivateKey::read(&pair.private_key)?.encrypted_pem(&request.passphrase.0));
    let private_key = private_key.await??;
    cx.store.write(|tx| {
        let exported = Certificate { exported: true, ..present(tx, &key, arn)? };
        tx.put(&key, &exported)?;
        Ok::<_, Error>(())
    })?;
    let (certificate, certificate_chain) = (row.pair.certificate, row.pair.chain);
    Ok(ExportCertificateResponse { certificate, certificate_chain, private_key })
}

/// `RenewCertificate`.
pub(super) async fn renew_certificate(cx: Cx, request: RenewCertificateRequest) -> Result<Done, Error> {
    let (key, row) = get(&cx, &request.certificate_arn)?;
    if row.kind == CertificateType::Imported {
        let text = format!("Certificate {} is imported, and is renewed by importing it anew", request.certificate_arn);
        return Err(Error::Validation(text));
    }
    renewal::renew(cx.service(), &key, row).await?;
    Ok(Done {})
}

/// `DeleteCertificate`.
pub(super) async fn delete_certificate(cx: Cx, request: DeleteCertificateRequest) -> Result<Done, Error> {
    let arn = &request.certificate_arn;
    let (key, _) = get(&cx, arn)?;
    if let Some(user) = users(&cx, arn).await.into_iter().next() {
        return Err(Error::InUse(arn.clone(), user));
    }
    cx.store.write(|tx| tx.delete::<Certificate>(&key))?;
    Ok(Done {})
}

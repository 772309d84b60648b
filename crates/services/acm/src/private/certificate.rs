//! What authorities sign.

use std::{net::IpAddr, time::Duration};

use api::acmpca::{
    ApiPassthrough, CertificateAuthorityStatus as Status, CertificateAuthorityType, CertificateAuthorityUsageMode,
    GeneralName, GetCertificateRequest, GetCertificateResponse, IssueCertificateRequest, IssueCertificateResponse,
    KeyAlgorithm, SigningAlgorithm, Validity, ValidityPeriodType,
};
use certificate::{Authority as Signer, Key as PrivateKey, Name, Order, Request, Subject, self_signed};
use names::Timestamp;
use store::Key;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::{
    authority::{TOKEN_LIFETIME, key, subject},
    template::{Template, template},
};
use crate::{
    Cx, Error, check, issue,
    rows::{Authority, Signed},
};

/// How long what a short-lived authority signs may hold.
const SHORT: Duration = Duration::from_hours(24 * 7);
/// A day.
const DAY: Duration = Duration::from_hours(24);

/// Demands that a key of this kind can sign this way.
pub(super) fn check_signing(key: KeyAlgorithm, signing: SigningAlgorithm) -> Result<(), Error> {
    let elliptic = matches!(key, KeyAlgorithm::EcPrime256v1 | KeyAlgorithm::EcSecp384r1);
    let wanted = matches!(signing, SigningAlgorithm::Sha256WithEcdsa | SigningAlgorithm::Sha384WithEcdsa);
    let fits = match key {
        KeyAlgorithm::EcPrime256v1 => signing == SigningAlgorithm::Sha256WithEcdsa,
        KeyAlgorithm::EcSecp384r1 => signing == SigningAlgorithm::Sha384WithEcdsa,
        _ => true,
    };
    if elliptic == wanted && fits {
        return Ok(());
    }
    let also = if elliptic == wanted { "; Serin signs by P-256 with SHA-256 and by P-384 with SHA-384" } else { "" };
    Err(Error::Arguments(format!("A key of {key:?} can't sign by {signing:?}{also}")))
}

/// The moment that `validity` means, counted from `now`.
fn moment(validity: Validity, now: Timestamp) -> Result<Timestamp, Error> {
    let wrong = || Error::Arguments(format!("The validity {validity:?} is not valid"));
    let days = |each: u64| -> Result<Timestamp, Error> {
        let seconds = validity.value.checked_mul(each * DAY.as_secs()).ok_or_else(wrong)?;
        Ok(now.plus(Duration::from_secs(seconds)))
    };
    match validity.r#type {
        ValidityPeriodType::Days => days(1),
        ValidityPeriodType::Months => days(30),
        ValidityPeriodType::Years => days(365),
        ValidityPeriodType::Absolute => {
            let milliseconds = validity.value.checked_mul(1000).and_then(|value| i64::try_from(value).ok());
            milliseconds.map(Timestamp::from_millis).ok_or_else(wrong)
        }
        ValidityPeriodType::EndDate => end_date(validity.value).ok_or_else(wrong),
    }
}

/// A moment as digits: `YYYYMMDDHHMMSS`, or with two digits of the year, of which 50 and more are of the last century.
fn end_date(value: u64) -> Option<Timestamp> {
    let text = match value.to_string().len() {
        14 => value.to_string(),
        11 | 12 => {
            let text = format!("{value:012}");
            let century = if text[..2].parse::<u8>().ok()? >= 50 { "19" } else { "20" };
            format!("{century}{text}")
        }
        _ => return None,
    };
    let digits = format_description!("[year][month][day][hour][minute][second]");
    let moment: OffsetDateTime = PrimitiveDateTime::parse(&text, digits).ok()?.assume_utc();
    moment.unix_timestamp().checked_mul(1000).map(Timestamp::from_millis)
}

fn name(given: &GeneralName) -> Result<Name, Error> {
    let GeneralName { rfc822_name, dns_name, uniform_resource_identifier, ip_address } = given;
    let wrong = |text: &str| Error::Arguments(text.to_owned());
    match (rfc822_name, dns_name, uniform_resource_identifier, ip_address) {
        (Some(mailbox), None, None, None) => Ok(Name::Mail(mailbox.clone())),
        (None, Some(host), None, None) => Ok(Name::Dns(host.clone())),
        (None, None, Some(uri), None) => Ok(Name::Uri(uri.clone())),
        (None, None, None, Some(address)) => {
            let address: IpAddr = address.parse().map_err(|_| wrong("IpAddress is no address"))?;
            Ok(Name::Address(address))
        }
        _ => Err(wrong(
            "A general name must have exactly one of Rfc822Name, DnsName, UniformResourceIdentifier, IpAddress",
        )),
    }
}

/// The subject and names that the call says instead of the request.
fn passed(template: &Template, given: Option<&ApiPassthrough>) -> Result<(Option<Subject>, Vec<Name>), Error> {
    let Some(given) = given else { return Ok((None, Vec::new())) };
    if !template.passes_api {
        let text = "ApiPassthrough needs a template whose name says APIPassthrough or APICSRPassthrough";
        return Err(Error::Arguments(text.to_owned()));
    }
    let names = given.extensions.iter().flat_map(|extensions| &extensions.subject_alternative_names).flatten();
    Ok((given.subject.as_ref().map(subject).transpose()?, names.map(name).collect::<Result<_, _>>()?))
}

/// Demands that `row` may sign this, until `not_after`.
fn check_order(
    row: &Authority,
    arn: &str,
    template: &Template,
    request: &Request,
    (now, not_after): (Timestamp, Timestamp),
) -> Result<(), Error> {
    let status = row.status(now);
    if template.root {
        let own = PrivateKey::read(&row.private_key)?.public() == request.public();
        if row.kind != CertificateAuthorityType::Root || !own {
            return Err(Error::Arguments("RootCACertificate is for a root's own request".to_owned()));
        }
        return match status {
            Status::PendingCertificate | Status::Active | Status::Expired => Ok(()),
            _ => Err(Error::Condition(format!("The Certificate Authority {arn} is {status:?}"))),
        };
    }
    if status != Status::Active {
        return Err(Error::Condition(format!("The Certificate Authority {arn} is not ACTIVE, but {status:?}")));
    }
    if row.not_after.is_some_and(|end| end < not_after) {
        let text = "The certificate validity specified exceeds the certificate authority validity";
        return Err(Error::Arguments(text.to_owned()));
    }
    if row.usage == CertificateAuthorityUsageMode::ShortLivedCertificate && not_after > now.plus(SHORT) {
        return Err(Error::Arguments(
            "What a short-lived Certificate Authority signs holds seven days at most".to_owned(),
        ));
    }
    Ok(())
}

/// `IssueCertificate`.
pub(super) async fn issue_certificate(
    cx: Cx,
    request: IssueCertificateRequest,
) -> Result<IssueCertificateResponse, Error> {
    let arn = &request.certificate_authority_arn;
    let (authority, now) = (key(&cx, arn)?, cx.clock.now());
    let row = issue::private(cx.service(), cx.scope(), arn)?;
    let whole = request.idempotency_token.as_ref().and_then(|_| serde_json::to_string(&request).ok());
    if let Some(certificate_arn) = repeated(&cx, &authority, whole.as_deref(), now)? {
        return Ok(IssueCertificateResponse { certificate_arn });
    }
    let csr = String::from_utf8(request.csr.0).map_err(|_| Error::Csr("The request is not PEM".to_owned()))?;
    let csr = Request::read(&csr).map_err(|error| Error::Csr(error.to_string()))?;
    let template = template(request.template_arn.as_deref())?;
    check_signing_here(&row, request.signing_algorithm)?;
    let not_before = request.validity_not_before.map_or(Ok(issue::begin(now)), |validity| moment(validity, now))?;
    let not_after = moment(request.validity, now)?;
    if not_after <= not_before.max(now) {
        return Err(Error::Arguments("The validity ends before it begins".to_owned()));
    }
    check_order(&row, arn, &template, &csr, (now, not_after))?;
    let (passed_subject, names) = passed(&template, request.api_passthrough.as_ref())?;
    let serial = issue::serial(&cx.ids);
    let usage = template.usage;
    let mut order = Order { subject: passed_subject, names, usage, serial, not_before, not_after };
    if template.root && order.subject.is_none() {
        order.subject = Some(subject(&row.configuration.subject)?);
    }
    let hash = issue::hash(request.signing_algorithm);
    let signed = tokio::task::spawn_blocking(move || {
        let private_key = PrivateKey::read(&row.private_key)?;
        if template.root {
            return Ok((self_signed(&private_key, hash, &order)?, String::new()));
        }
        let signer = Signer::load(row.certificate.as_deref().unwrap_or_default(), &row.chain, &private_key, hash)?;
        Ok((signer.answer(&csr, &order)?, signer.chain()))
    });
    let signed: Result<_, certificate::Error> = signed.await?;
    let (certificate, chain) = signed.map_err(|error| match error {
        certificate::Error::Name(_) => Error::Arguments(error.to_string()),
        other => other.into(),
    })?;
    let number = certificate::Details::read(&certificate)?.serial.replace(':', "");
    let at = Key::new(cx.scope(), format!("{}/{number}", authority.name));
    cx.store.write(|tx| tx.put(&at, &Signed { certificate, chain, created_at: now, request: whole }))?;
    Ok(IssueCertificateResponse { certificate_arn: format!("{arn}/certificate/{number}") })
}

fn check_signing_here(row: &Authority, signing: SigningAlgorithm) -> Result<(), Error> {
    check_signing(row.configuration.key_algorithm, signing)
}

/// The ARN of what this same request has had signed within the last five minutes.
fn repeated(cx: &Cx, authority: &Key, whole: Option<&str>, now: Timestamp) -> Result<Option<String>, Error> {
    let Some(whole) = whole else { return Ok(None) };
    let signed = cx.store.list_under::<Signed>(&authority.scope, &format!("{}/", authority.name))?;
    let same = |row: &Signed| row.request.as_deref() == Some(whole) && now.since(row.created_at) < TOKEN_LIFETIME;
    let found = signed.into_iter().find(|(_, row)| same(row));
    Ok(found.and_then(|(key, _)| {
        let number = key.name.split_once('/')?.1.to_owned();
        Some(format!("{}/certificate/{number}", Authority::arn(authority)))
    }))
}

/// `GetCertificate`.
pub(super) async fn get_certificate(cx: Cx, request: GetCertificateRequest) -> Result<GetCertificateResponse, Error> {
    let (arn, authority) = (&request.certificate_arn, key(&cx, &request.certificate_authority_arn)?);
    issue::private(cx.service(), cx.scope(), &request.certificate_authority_arn)?;
    let at = check::arn(cx.scope(), arn, "acm-pca", "certificate-authority", Error::NoCertificate)?;
    let (of, number) = at.name.split_once("/certificate/").ok_or_else(|| Error::NoCertificate(arn.clone()))?;
    if of != authority.name {
        return Err(Error::NoCertificate(arn.clone()));
    }
    let signed = cx.store.get::<Signed>(&Key::new(cx.scope(), format!("{of}/{number}")))?;
    let Signed { certificate, chain, .. } = signed.ok_or_else(|| Error::NoCertificate(arn.clone()))?;
    Ok(GetCertificateResponse { certificate, certificate_chain: Some(chain).filter(|chain| !chain.is_empty()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_counted_or_named() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let of = |value, r#type| moment(Validity { value, r#type }, now).map(Timestamp::to_iso8601).ok();
        assert_eq!(of(2, ValidityPeriodType::Days).as_deref(), Some("2026-01-03T00:00:00.000Z"));
        assert_eq!(of(1, ValidityPeriodType::Years).as_deref(), Some("2027-01-01T00:00:00.000Z"));
        assert_eq!(of(1_800_000_000, ValidityPeriodType::Absolute).as_deref(), Some("2027-01-15T08:00:00.000Z"));
        assert_eq!(of(20_300_102_030_405, ValidityPeriodType::EndDate).as_deref(), Some("2030-01-02T03:04:05.000Z"));
        assert_eq!(of(300_102_030_405, ValidityPeriodType::EndDate).as_deref(), Some("2030-01-02T03:04:05.000Z"));
        assert_eq!(of(7, ValidityPeriodType::EndDate), None);
        assert_eq!(of(u64::MAX, ValidityPeriodType::Years), None);
    }
}

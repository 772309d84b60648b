//! The constraints of TLS: of listeners, and of clients toward their backends.

use api::appmesh::{
    ClientPolicy, ClientPolicyTls, ClientTlsCertificate, ListenerTls, ListenerTlsCertificate,
    ListenerTlsFileCertificate, ListenerTlsValidationContext, SubjectAlternativeNames, TlsValidationContext,
};

use super::Checks;

/// The authorities a client can trust at once.
const AUTHORITIES_MAX: usize = 3;

/// TLS of a listener.
pub(super) fn listener(checks: &mut Checks, path: &str, tls: &ListenerTls) {
    let ListenerTlsCertificate { acm, file, sds } = &tls.certificate;
    let at = format!("{path}.certificate");
    checks.one_of(&at, &[("acm", acm.is_some()), ("file", file.is_some()), ("sds", sds.is_some())]);
    if let Some(acm) = acm {
        checks.arn(&format!("{at}.acm.certificateArn"), &acm.certificate_arn, "acm");
    }
    if let Some(file) = file {
        file_certificate(checks, &format!("{at}.file"), file);
    }
    if let Some(sds) = sds {
        secret(checks, &format!("{at}.sds"), &sds.secret_name);
    }
    if let Some(validation) = &tls.validation {
        client_validation(checks, &format!("{path}.validation"), validation);
    }
}

/// What a client's certificate must be.
fn client_validation(checks: &mut Checks, path: &str, validation: &ListenerTlsValidationContext) {
    let trust = &validation.trust;
    let at = format!("{path}.trust");
    checks.one_of(&at, &[("file", trust.file.is_some()), ("sds", trust.sds.is_some())]);
    if let Some(file) = &trust.file {
        checks.length(&format!("{at}.file.certificateChain"), &file.certificate_chain, 1, 255);
    }
    if let Some(sds) = &trust.sds {
        secret(checks, &format!("{at}.sds"), &sds.secret_name);
    }
    names(checks, path, validation.subject_alternative_names.as_ref());
}

/// How a client speaks to its backends.
pub(super) fn policy(checks: &mut Checks, path: &str, policy: Option<&ClientPolicy>) {
    let Some(tls) = policy.and_then(|policy| policy.tls.as_ref()) else { return };
    client(checks, &format!("{path}.tls"), tls);
}

fn client(checks: &mut Checks, path: &str, tls: &ClientPolicyTls) {
    if let Some(ClientTlsCertificate { file, sds }) = &tls.certificate {
        let at = format!("{path}.certificate");
        checks.one_of(&at, &[("file", file.is_some()), ("sds", sds.is_some())]);
        if let Some(file) = file {
            file_certificate(checks, &format!("{at}.file"), file);
        }
        if let Some(sds) = sds {
            secret(checks, &format!("{at}.sds"), &sds.secret_name);
        }
    }
    for (index, port) in tls.ports.iter().enumerate() {
        checks.port(&format!("{path}.ports.{}.member", index + 1), Some(*port));
    }
    server_validation(checks, &format!("{path}.validation"), &tls.validation);
}

/// What a backend's certificate must be.
fn server_validation(checks: &mut Checks, path: &str, validation: &TlsValidationContext) {
    let trust = &validation.trust;
    let at = format!("{path}.trust");
    let given = [("acm", trust.acm.is_some()), ("file", trust.file.is_some()), ("sds", trust.sds.is_some())];
    checks.one_of(&at, &given);
    if let Some(acm) = &trust.acm {
        let at = format!("{at}.acm.certificateAuthorityArns");
        checks.count(&at, acm.certificate_authority_arns.len(), 1, AUTHORITIES_MAX);
        for (index, arn) in acm.certificate_authority_arns.iter().enumerate() {
            checks.arn(&format!("{at}.{}.member", index + 1), arn, "acm-pca");
        }
    }
    if let Some(file) = &trust.file {
        checks.length(&format!("{at}.file.certificateChain"), &file.certificate_chain, 1, 255);
    }
    if let Some(sds) = &trust.sds {
        secret(checks, &format!("{at}.sds"), &sds.secret_name);
    }
    names(checks, path, validation.subject_alternative_names.as_ref());
}

fn file_certificate(checks: &mut Checks, path: &str, file: &ListenerTlsFileCertificate) {
    checks.length(&format!("{path}.certificateChain"), &file.certificate_chain, 1, 255);
    checks.length(&format!("{path}.privateKey"), &file.private_key, 1, 255);
}

fn secret(checks: &mut Checks, path: &str, name: &str) {
    checks.demand(!name.is_empty(), &format!("{path}.secretName"), "must not be empty");
}

fn names(checks: &mut Checks, path: &str, names: Option<&SubjectAlternativeNames>) {
    let exact = names.iter().flat_map(|names| &names.r#match.exact);
    for (index, name) in exact.enumerate() {
        let at = format!("{path}.subjectAlternativeNames.match.exact.{}.member", index + 1);
        checks.length(&at, name, 1, 254);
    }
}

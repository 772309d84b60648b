//! Authorities and certificates that tests make for themselves.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use time::{Duration, OffsetDateTime};

use crate::model::{
    Certificate, CertificateSource, ClientTls, CommonTls, Material, ServerTls, Validation, ValidationSource,
};

/// Somebody who vouches for others.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate, in PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Whoever it vouches for is believed.
    pub(crate) fn validation(&self) -> Validation {
        Validation { authorities: Some(Material::Inline(self.pem.clone())), ..Validation::default() }
    }

    /// A certificate for `names`, which are host names or URIs, with its key: both in PEM.
    pub(crate) fn issue(&self, names: &[&str]) -> (String, String) {
        self.issue_until(names, Duration::days(1))
    }

    /// One that ends in so much time, or has ended already.
    pub(crate) fn issue_until(&self, names: &[&str], end: Duration) -> (String, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("nobody"));
        params.not_before = OffsetDateTime::now_utc() - Duration::days(2);
        params.not_after = OffsetDateTime::now_utc() + end;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// As [`Authority::issue`], as configuration has it.
    pub(crate) fn certificate(&self, names: &[&str]) -> Certificate {
        let (chain, key) = self.issue(names);
        Certificate { chain: Material::Inline(chain), key: Material::Inline(key) }
    }

    /// A server called so.
    pub(crate) fn server(&self, names: &[&str]) -> ServerTls {
        let certificates = vec![CertificateSource::Given(self.certificate(names))];
        ServerTls { common: CommonTls { certificates, ..CommonTls::default() }, ..ServerTls::default() }
    }

    /// A client that believes in it and asks for a server called so.
    pub(crate) fn client(&self, server_name: &str) -> ClientTls {
        let validation = Some(ValidationSource { given: self.validation(), secret: None });
        let common = CommonTls { validation, ..CommonTls::default() };
        ClientTls { common, server_name: server_name.to_owned(), validate_server_name: true }
    }
}

fn san(name: &str) -> SanType {
    if name.contains("://") {
        SanType::URI(name.try_into().unwrap())
    } else {
        SanType::DnsName(name.try_into().unwrap())
    }
}

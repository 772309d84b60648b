//! A certificate, as people and policies look at it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

use crate::model::NameKind;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Whom it is for, as RFC 2253 writes names.
    pub(crate) subject: String,
    /// Who vouches for it.
    pub(crate) issuer: String,
    /// Its number, in hexadecimal digits.
    pub(crate) serial: String,
    /// The names it is for, in their order.
    pub(crate) names: Vec<(NameKind, String)>,
    /// From when it counts, in seconds since 1970.
    pub(crate) not_before: i64,
    /// Until when.
    pub(crate) not_after: i64,
    /// Its public key, in DER.
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate; the error is for people.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| format!("it is no certificate: {error}"))?;
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name).collect(),
            Ok(None) => Vec::new(),
            Err(error) => return Err(format!("its names cannot be read: {error}")),
        };
        Ok(Self {
            subject: distinguished(parsed.subject()),
            issuer: distinguished(parsed.issuer()),
            // A zero in front says no more than that the number is positive.
            serial: parsed
                .raw_serial()
                .iter()
                .skip_while(|byte| **byte == 0)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            names,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            public_key: parsed.public_key().raw.to_vec(),
        })
    }

    /// The names of a kind.
    pub(crate) fn names_of(&self, kind: NameKind) -> impl Iterator<Item = &str> {
        self.names.iter().filter(move |(of, _)| *of == kind).map(|(_, name)| name.as_str())
    }

    /// Whether it is for the host `name`, by RFC 6125: `*` stands for one label, the first.
    pub(crate) fn is_for_host(&self, name: &str) -> bool {
        self.names_of(NameKind::Dns).any(|own| covers(own, name))
    }
}

/// Whether the name of a certificate, which may begin with `*.`, covers the host `name`.
pub(crate) fn covers(own: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    match own.strip_prefix("*.") {
        Some(parent) => {
            name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
        }
        None => own.eq_ignore_ascii_case(name),
    }
}

fn name(name: &GeneralName<'_>) -> Option<(NameKind, String)> {
    Some(match name {
        GeneralName::DNSName(name) => (NameKind::Dns, (*name).to_owned()),
        GeneralName::URI(name) => (NameKind::Uri, (*name).to_owned()),
        GeneralName::RFC822Name(name) => (NameKind::Email, (*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let address = match <[u8; 4]>::try_from(*bytes) {
                Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
                Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?)),
            };
            (NameKind::Ip, address.to_string())
        }
        _ => return None,
    })
}

/// A distinguished name as RFC 2253 writes it: the last part first.
fn distinguished(name: &x509_parser::x509::X509Name<'_>) -> String {
    let part = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let registry = x509_parser::objects::oid_registry();
        let kind = x509_parser::objects::oid2abbrev(attribute.attr_type(), registry);
        let kind = kind.map_or_else(|_| attribute.attr_type().to_id_string(), str::to_owned);
        format!("{kind}={}", escaped(attribute.as_str().unwrap_or_default()))
    };
    let parts: Vec<String> = name.iter_attributes().map(part).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// A value with a backslash before what would be read as punctuation.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        let first = at == 0 && matches!(character, ' ' | '#');
        let last = character == ' ' && at + 1 == value.len();
        if first || last || matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn a_certificate_is_read() {
        let mut params = CertificateParams::new(vec!["api.example".to_owned(), "10.0.0.7".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::URI("spiffe://mesh/api".try_into().unwrap()));
        params.distinguished_name.push(DnType::CommonName, "api, the first");
        params.distinguished_name.push(DnType::OrganizationName, "Mesh");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        let names = [
            (NameKind::Dns, "api.example".to_owned()),
            (NameKind::Ip, "10.0.0.7".to_owned()),
            (NameKind::Uri, "spiffe://mesh/api".to_owned()),
        ];
        assert_eq!(read.names, names);
        assert_eq!(read.subject, "O=Mesh,CN=api\\, the first");
        assert!(Certificate::read(&CertificateDer::from(vec![1, 2, 3])).is_err());
    }

    #[test]
    fn a_star_is_one_label() {
        assert!(covers("*.example", "a.example") && covers("a.example", "A.Example."));
        assert!(
            !covers("*.example", "a.b.example") && !covers("*.example", "example") && !covers("*.example", ".example")
        );
    }
}

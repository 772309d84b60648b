//! What certificates say.

use names::Timestamp;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::Pem, public_key::PublicKey};

use crate::Error;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Whom it is for: `CN=example.com`.
    pub subject: String,
    /// The first common name of its subject.
    pub common_name: Option<String>,
    /// Who signed it.
    pub issuer: String,
    /// Its number, as pairs of hexadecimal digits with colons between.
    pub serial: String,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when it holds.
    pub not_after: Timestamp,
    /// The names it speaks for: host names, URIs, mailboxes and addresses.
    pub names: Vec<String>,
    /// The kind of its key: `RSA_2048`, `EC_prime256v1`.
    pub key_algorithm: String,
    /// How it is signed: `SHA256WITHRSA`.
    pub signature_algorithm: String,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// Its public key (DER of a `SubjectPublicKeyInfo`).
    pub public: Vec<u8>,
}

impl Details {
    /// The first certificate in `pem`.
    pub fn read(pem: &str) -> Result<Self, Error> {
        let blocks = blocks(pem)?;
        let first = blocks.first().ok_or_else(|| Error::Certificate("there is none".to_owned()))?;
        Ok(Self::of(&certificate(first)?))
    }

    fn of(certificate: &X509Certificate<'_>) -> Self {
        let seconds = |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp() * 1000);
        let validity = certificate.validity();
        let common_name = certificate.subject().iter_common_name().next();
        Self {
            subject: certificate.subject().to_string(),
            common_name: common_name.and_then(|name| name.as_str().ok()).map(str::to_owned),
            issuer: certificate.issuer().to_string(),
            serial: certificate.raw_serial_as_string(),
            not_before: seconds(validity.not_before),
            not_after: seconds(validity.not_after),
            names: names(certificate),
            key_algorithm: key_algorithm(certificate),
            signature_algorithm: signature_algorithm(&certificate.signature_algorithm.algorithm.to_id_string()),
            is_authority: certificate.is_ca(),
            public: certificate.public_key().raw.to_vec(),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(std::net::Ipv4Addr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    names.filter_map(text).collect()
}

/// The kind of a certificate's key, in AWS's and OpenSSL's common words.
fn key_algorithm(certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA_{}", key.key_size()),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            384 => "EC_secp384r1".to_owned(),
            256 => "EC_prime256v1".to_owned(),
            _ => "EC_secp521r1".to_owned(),
        },
        _ => certificate.public_key().algorithm.algorithm.to_id_string(),
    }
}

fn signature_algorithm(id: &str) -> String {
    let name = match id {
        "1.2.840.113549.1.1.11" => "SHA256WITHRSA",
        "1.2.840.113549.1.1.12" => "SHA384WITHRSA",
        "1.2.840.113549.1.1.13" => "SHA512WITHRSA",
        "1.2.840.10045.4.3.2" => "SHA256WITHECDSA",
        "1.2.840.10045.4.3.3" => "SHA384WITHECDSA",
        "1.2.840.10045.4.3.4" => "SHA512WITHECDSA",
        other => other,
    };
    name.to_owned()
}

fn blocks(pem: &str) -> Result<Vec<Pem>, Error> {
    let blocks = Pem::iter_from_buffer(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    blocks.map_err(|error| Error::Certificate(error.to_string()))
}

fn certificate(block: &Pem) -> Result<X509Certificate<'_>, Error> {
    if block.label != "CERTIFICATE" {
        return Err(Error::Certificate(format!("it is a {}", block.label)));
    }
    block.parse_x509().map_err(|error| Error::Certificate(error.to_string()))
}

/// What `certificate` and then each of `chain` say, all in PEM. Each must be signed by the one after it.
pub fn chain(leaf: &str, chain: &str) -> Result<Vec<Details>, Error> {
    let mut all = blocks(leaf)?;
    if all.len() != 1 {
        return Err(Error::Certificate(format!("there are {}, where one is wanted", all.len())));
    }
    all.extend(blocks(chain)?);
    let parsed = all.iter().map(certificate).collect::<Result<Vec<_>, _>>()?;
    for pair in parsed.windows(2) {
        let signed = pair[0].issuer() == pair[1].subject();
        if !signed || pair[0].verify_signature(Some(pair[1].public_key())).is_err() {
            return Err(Error::Chain(pair[0].subject().to_string(), pair[1].subject().to_string()));
        }
    }
    Ok(parsed.iter().map(Details::of).collect())
}

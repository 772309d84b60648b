//! Who a certificate is for: subjects, names, and the requests that carry both.

use std::net::IpAddr;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue, PublicKeyData, SanType,
};

use crate::{Error, Hash, Key};

/// The most characters of a common name (X.520).
const COMMON_NAME_MAX: usize = 64;

/// The subject of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its common name.
    pub common_name: Option<String>,
    /// Two letters.
    pub country: Option<String>,
    /// The state or province.
    pub state: Option<String>,
    /// The city.
    pub locality: Option<String>,
    /// The organisation.
    pub organization: Option<String>,
    /// Its unit.
    pub organizational_unit: Option<String>,
}

impl Subject {
    /// A subject with a common name alone; with nothing if the name is longer than a common name can be.
    pub fn named(name: &str) -> Self {
        let common_name = Some(name.to_owned()).filter(|name| name.chars().count() <= COMMON_NAME_MAX);
        Self { common_name, ..Self::default() }
    }

    pub(crate) fn distinguished_name(&self) -> Result<DistinguishedName, Error> {
        let mut name = DistinguishedName::new();
        if let Some(country) = &self.country {
            let printable = country.as_str().try_into().map_err(|_| Error::Name(country.clone()))?;
            name.push(DnType::CountryName, DnValue::PrintableString(printable));
        }
        let texts = [
            (DnType::StateOrProvinceName, &self.state),
            (DnType::LocalityName, &self.locality),
            (DnType::OrganizationName, &self.organization),
            (DnType::OrganizationalUnitName, &self.organizational_unit),
            (DnType::CommonName, &self.common_name),
        ];
        for (kind, text) in texts {
            if let Some(text) = text {
                name.push(kind, text.as_str());
            }
        }
        Ok(name)
    }
}

/// A name that a certificate speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A host name, or `*.` and one.
    Dns(String),
    /// A URI, such as a SPIFFE id.
    Uri(String),
    /// An address.
    Address(IpAddr),
    /// A mailbox.
    Mail(String),
}

impl Name {
    pub(crate) fn alternative(&self) -> Result<SanType, Error> {
        let text = |text: &String| text.as_str().try_into().map_err(|_| Error::Name(text.clone()));
        Ok(match self {
            Self::Dns(name) => SanType::DnsName(text(name)?),
            Self::Uri(uri) => SanType::URI(text(uri)?),
            Self::Address(address) => SanType::IpAddress(*address),
            Self::Mail(mailbox) => SanType::Rfc822Name(text(mailbox)?),
        })
    }
}

/// A certificate signing request (PKCS#10), whose signature holds.
pub struct Request(pub(crate) CertificateSigningRequestParams);

impl Request {
    /// A request in PEM by the owner of `key` for a certificate of `subject`, signed with `hash`.
    pub fn write(subject: &Subject, key: &Key, hash: Hash) -> Result<String, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.distinguished_name()?;
        let request = params.serialize_request(&key.signer(hash)?)?;
        Ok(request.pem()?)
    }

    /// The request in `pem`.
    pub fn read(pem: &str) -> Result<Self, Error> {
        let request = CertificateSigningRequestParams::from_pem(pem);
        Ok(Self(request.map_err(|error| Error::Request(error.to_string()))?))
    }

    /// The public key it is for (DER of a `SubjectPublicKeyInfo`).
    pub fn public(&self) -> Vec<u8> {
        self.0.public_key.subject_public_key_info()
    }
}

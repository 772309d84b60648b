//! Authorities, and what they sign.

use names::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SerialNumber,
};
use time::OffsetDateTime;

use crate::{Details, Error, Hash, Key, Name, Request, Subject};

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// By either end of a TLS connection.
    EndEntity,
    /// By the end that is connected to.
    Server,
    /// By the end that connects.
    Client,
    /// To sign others, with at most this many authorities between it and a leaf; any number if that is none.
    Authority(Option<u8>),
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whom it is for; as the request says if that is none.
    pub subject: Option<Subject>,
    /// The names it is to speak for; those of the request if there are none.
    pub names: Vec<Name>,
    /// What it is to be used for.
    pub usage: Usage,
    /// Its number, which an authority gives once.
    pub serial: [u8; 16],
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when it holds; never longer than its authority's own.
    pub not_after: Timestamp,
}

impl Order {
    fn fill(&self, mut params: CertificateParams) -> Result<CertificateParams, Error> {
        if let Some(subject) = &self.subject {
            params.distinguished_name = subject.distinguished_name()?;
        }
        if !self.names.is_empty() {
            params.subject_alt_names = self.names.iter().map(Name::alternative).collect::<Result<_, _>>()?;
        }
        let mut serial = self.serial;
        // A positive number of sixteen bytes, whatever was drawn.
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_before = moment(self.not_before);
        params.not_after = moment(self.not_after);
        params.use_authority_key_identifier_extension = true;
        let (server, client) = (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
        params.extended_key_usages = match self.usage {
            Usage::EndEntity => vec![server, client],
            Usage::Server => vec![server],
            Usage::Client => vec![client],
            Usage::Authority(_) => Vec::new(),
        };
        params.is_ca = match self.usage {
            Usage::Authority(Some(length)) => IsCa::Ca(BasicConstraints::Constrained(length)),
            Usage::Authority(None) => IsCa::Ca(BasicConstraints::Unconstrained),
            _ => IsCa::ExplicitNoCa,
        };
        params.key_usages = match self.usage {
            Usage::Authority(_) => {
                vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]
            }
            _ => vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment],
        };
        Ok(params)
    }
}

fn moment(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.as_millis().div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The certificate of a root, in PEM: signed by its own `key`, with `hash`.
pub fn self_signed(key: &Key, hash: Hash, order: &Order) -> Result<String, Error> {
    let params = order.fill(CertificateParams::default())?;
    Ok(params.self_signed(&key.signer(hash)?)?.pem())
}

/// An authority: a certificate that may sign, with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    chain: String,
    not_after: Timestamp,
}

impl Authority {
    /// The authority of `certificate` and `key`, with the `chain` of those above it, all in PEM. It signs with `hash`.
    pub fn load(certificate: &str, chain: &str, key: &Key, hash: Hash) -> Result<Self, Error> {
        let details = Details::read(certificate)?;
        if details.public != key.public() {
            return Err(Error::Mismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(certificate, key.signer(hash)?)
            .map_err(|error| Error::Certificate(error.to_string()))?;
        let (certificate, chain) = (certificate.to_owned(), chain.to_owned());
        Ok(Self { issuer, certificate, chain, not_after: details.not_after })
    }

    /// The certificates from this authority's up to its root, in PEM.
    pub fn chain(&self) -> String {
        let mut whole = self.certificate.trim_end().to_owned();
        whole.push('\n');
        whole.push_str(&self.chain);
        whole
    }

    /// A certificate in PEM for the owner of `key`.
    pub fn issue(&self, key: &Key, order: &Order) -> Result<String, Error> {
        self.sign(CertificateParams::default(), key.pair(), order)
    }

    /// A certificate in PEM for whoever sent `request`.
    pub fn answer(&self, request: &Request, order: &Order) -> Result<String, Error> {
        self.sign(request.0.params.clone(), &request.0.public_key, order)
    }

    fn sign(&self, params: CertificateParams, key: &impl PublicKeyData, order: &Order) -> Result<String, Error> {
        let order = Order { not_after: order.not_after.min(self.not_after), ..order.clone() };
        Ok(order.fill(params)?.signed_by(key, &self.issuer)?.pem())
    }
}

//! Certificates and keys, read from where they are.

use std::{fmt, fs, io, os::unix::fs::MetadataExt, sync::Arc};

use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{
    certificate::Certificate,
    trust::{Name, Trust},
};
use crate::model::{self, Material, Validation};

/// The largest file that is read, in bytes.
const FILE_MAX: u64 = 4 << 20;

/// Why something can't be used. The text names it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read.
    #[error("{part} cannot be read from {path}: {source}")]
    File {
        /// What should be in it.
        part: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is there, and not what it should be.
    #[error("{part}{place}: {reason}")]
    Broken {
        /// What it should be.
        part: &'static str,
        /// Where it is.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// A certificate has ended.
    #[error("certificate{place}: it expired at {end}")]
    Expired {
        /// Where it is.
        place: Place,
        /// When it ended.
        end: String,
    },
    /// A key belongs to another certificate.
    #[error("private key{key}: it is not that of the certificate{certificate}")]
    OtherKey {
        /// Where the key is.
        key: Place,
        /// Where the certificate is.
        certificate: Place,
    },
    /// A secret is of another kind than is needed.
    #[error("secret {name}: it is not {wanted}")]
    Kind {
        /// Its name.
        name: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// A secret can't be used.
    #[error("secret {name}: {source}")]
    Secret {
        /// Its name.
        name: String,
        /// Why.
        source: Box<Error>,
    },
    /// Something that can't be done.
    #[error("{0}")]
    Unsupported(String),
}

/// Where something is that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the configuration itself.
    Inline,
    /// In a file.
    File(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline => Ok(()),
            Self::File(path) => write!(f, " {path}"),
        }
    }
}

impl Place {
    fn of(material: &Material) -> Self {
        match material {
            Material::Inline(_) => Self::Inline,
            Material::File(path) => Self::File(path.clone()),
        }
    }
}

/// What tells one content of a file from the next; none if the file is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    /// That of the file at `path`, as it is now.
    pub(crate) fn of(path: &str) -> Self {
        let stamp = |about: fs::Metadata| (about.ino(), about.size(), about.mtime(), about.mtime_nsec());
        Self(fs::metadata(path).ok().map(stamp))
    }
}

/// A certificate with its key, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) certificate: Arc<Certificate>,
    /// Where it was read from.
    pub(crate) place: Place,
}

/// Reads, and remembers which files it read.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The present moment, in seconds since 1970.
    pub(crate) now: i64,
    pub(crate) files: Vec<(String, Stamp)>,
}

impl Reader {
    pub(crate) fn new(now: i64) -> Self {
        Self { now, files: Vec::new() }
    }

    fn read(&mut self, part: &'static str, material: &Material) -> Result<Vec<u8>, Error> {
        let path = match material {
            Material::Inline(text) => return Ok(text.clone().into_bytes()),
            Material::File(path) => path,
        };
        let stamp = Stamp::of(path);
        self.files.push((path.clone(), stamp));
        let failed = |source| Error::File { part, path: path.clone(), source };
        if stamp.0.is_some_and(|(_, size, ..)| size > FILE_MAX) {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        fs::read(path).map_err(failed)
    }

    fn certificates(&mut self, part: &'static str, material: &Material) -> Result<Vec<CertificateDer<'static>>, Error> {
        let pem = self.read(part, material)?;
        let broken = |reason: String| Error::Broken { part, place: Place::of(material), reason };
        let all = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        match all.map_err(|error| broken(error.to_string()))? {
            none if none.is_empty() => Err(broken("there is no certificate in it".to_owned())),
            some => Ok(some),
        }
    }

    /// A certificate and its key, which must belong together; the certificate must not have ended.
    pub(crate) fn identity(&mut self, given: &model::Certificate) -> Result<Identity, Error> {
        let chain = self.certificates("certificate", &given.chain)?;
        let place = Place::of(&given.chain);
        let broken = |reason: String| Error::Broken { part: "certificate", place: place.clone(), reason };
        let certificate = Certificate::read(&chain[0]).map_err(broken)?;
        if certificate.not_after < self.now {
            let end = names::Timestamp::from_millis(certificate.not_after.saturating_mul(1000));
            return Err(Error::Expired { place, end: end.to_iso8601() });
        }
        let pem = self.read("private key", &given.key)?;
        let broken = |reason: String| Error::Broken { part: "private key", place: Place::of(&given.key), reason };
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| broken(error.to_string()))?;
        let key = any_supported_type(&key).map_err(|error| broken(error.to_string()))?;
        let key = CertifiedKey::new(chain, key);
        key.keys_match().map_err(|_| Error::OtherKey { key: Place::of(&given.key), certificate: place.clone() })?;
        Ok(Identity { key: Arc::new(key), certificate: Arc::new(certificate), place })
    }

    /// Whom to believe.
    pub(crate) fn trust(&mut self, given: &Validation) -> Result<Trust, Error> {
        let authorities = given.authorities.as_ref();
        let authorities = authorities.map(|material| self.certificates("trusted certificate", material)).transpose()?;
        if let Some(authorities) = &authorities {
            let place = given.authorities.as_ref().map_or(Place::Inline, Place::of);
            super::trust::roots(authorities).map_err(|reason| Error::Broken {
                part: "trusted certificate",
                place,
                reason,
            })?;
        }
        let bytes = |text: &String| {
            let digits: String = text.chars().filter(|character| *character != ':').collect();
            hex::decode(&digits)
                .map_err(|_| Error::Unsupported(format!("`{text}` is no SHA-256 in hexadecimal digits")))
        };
        let keys = |text: &String| {
            use base64::{Engine as _, prelude::BASE64_STANDARD};
            BASE64_STANDARD.decode(text).map_err(|_| Error::Unsupported(format!("`{text}` is no SHA-256 in base64")))
        };
        if authorities.is_none() && !given.names.is_empty() {
            // Anybody could make a certificate with any name.
            let reason = "names to match (match_typed_subject_alt_names) are of no use without a trusted_ca";
            return Err(Error::Unsupported(reason.to_owned()));
        }
        Ok(Trust {
            authorities,
            revoked: self.revoked(given.revoked.as_ref())?,
            names: given.names.iter().map(Name::new).collect::<Result<_, _>>().map_err(Error::Unsupported)?,
            hashes: given.hashes.iter().map(bytes).collect::<Result<_, _>>()?,
            key_hashes: given.key_hashes.iter().map(keys).collect::<Result<_, _>>()?,
            accept_untrusted: given.accept_untrusted,
            accept_expired: given.accept_expired,
        })
    }

    fn revoked(&mut self, material: Option<&Material>) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
        const PART: &str = "list of revoked certificates";
        let Some(material) = material else { return Ok(Vec::new()) };
        let pem = self.read(PART, material)?;
        let lists = CertificateRevocationListDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let broken = |reason: String| Error::Broken { part: PART, place: Place::of(material), reason };
        match lists.map_err(|error| broken(error.to_string()))? {
            none if none.is_empty() => Err(broken("there is no list in it".to_owned())),
            some => Ok(some),
        }
    }
}

//! Certificates, identities and authorities as they are kept, with their private keys.

use api::{
    acm::{CertificateOptions, CertificateType, FailureReason, KeyAlgorithm, ValidationMethod},
    acmpca::{
        ActionType, CertificateAuthorityConfiguration, CertificateAuthorityStatus, CertificateAuthorityType,
        CertificateAuthorityUsageMode, KeyStorageSecurityStandard, RevocationConfiguration,
    },
};
use names::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// In PEM.
    pub(crate) certificate: String,
    /// The authorities above it, nearest first, in PEM.
    pub(crate) chain: String,
    /// In PKCS#8, in PEM.
    pub(crate) private_key: String,
    /// From when it holds.
    pub(crate) not_before: Timestamp,
    /// Until when it holds.
    pub(crate) not_after: Timestamp,
}

/// A certificate of ACM; its key's name is its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// Certificate and key.
    pub(crate) pair: Pair,
    /// The first domain, if it has one.
    pub(crate) domain_name: Option<String>,
    /// All domains.
    pub(crate) names: Vec<String>,
    /// How it came to be.
    pub(crate) kind: CertificateType,
    /// The kind of its key.
    pub(crate) key_algorithm: KeyAlgorithm,
    /// The private authority that issued it.
    pub(crate) authority: Option<String>,
    /// How its domains are shown to be one's own.
    pub(crate) method: ValidationMethod,
    /// What may be done with it.
    pub(crate) options: CertificateOptions,
    /// When it was asked for or first imported.
    pub(crate) created_at: Timestamp,
    /// When the present certificate was issued or imported.
    pub(crate) renewed_at: Timestamp,
    /// How the last renewal went.
    pub(crate) renewal: Option<Renewal>,
    /// Whether its key was ever exported.
    pub(crate) exported: bool,
    /// The request that made it, if it had a token to know it by.
    pub(crate) request: Option<String>,
    /// The tags on it.
    pub(crate) tags: Tags,
}

/// How a renewal went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// When that was.
    pub(crate) at: Timestamp,
    /// Why it failed, if it did.
    pub(crate) failure: Option<FailureReason>,
}

impl Row for Certificate {
    const KIND: &'static str = "acm/certificate";
}

impl Certificate {
    /// The ARN of the certificate at `key`.
    pub(crate) fn arn(key: &Key) -> String {
        Arn::new("acm", &key.scope, format!("certificate/{}", key.name)).to_string()
    }
}

/// The certificate of a task; its key's name is its URI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Certificate and key.
    pub(crate) pair: Pair,
    /// The host names it speaks for too.
    pub(crate) dns_names: Vec<String>,
    /// When it was last asked for.
    pub(crate) asked_at: Timestamp,
}

impl Row for Identity {
    const KIND: &'static str = "acm/identity";
}

/// The built-in authority of an account and region; it stands at [`Builtin::NAME`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Builtin {
    /// Certificate and key.
    pub(crate) pair: Pair,
}

impl Row for Builtin {
    const KIND: &'static str = "acm/authority";
}

impl Builtin {
    /// The name of its key.
    pub(crate) const NAME: &'static str = "builtin";
}

/// A private authority; its key's name is its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Authority {
    /// What it was made with.
    pub(crate) configuration: CertificateAuthorityConfiguration,
    /// Whether it stands alone.
    pub(crate) kind: CertificateAuthorityType,
    /// How far it is, apart from being past its end.
    pub(crate) status: CertificateAuthorityStatus,
    /// How it tells that a certificate holds no longer: not at all.
    pub(crate) revocation: Option<RevocationConfiguration>,
    /// How its key is said to be kept.
    pub(crate) storage: Option<KeyStorageSecurityStandard>,
    /// How long what it signs may hold.
    pub(crate) usage: CertificateAuthorityUsageMode,
    /// In PKCS#8, in PEM.
    pub(crate) private_key: String,
    /// Its request for a certificate, in PEM.
    pub(crate) csr: String,
    /// Its certificate, in PEM.
    pub(crate) certificate: Option<String>,
    /// The authorities above it, nearest first, in PEM.
    pub(crate) chain: String,
    /// From when its certificate holds.
    pub(crate) not_before: Option<Timestamp>,
    /// Until when its certificate holds.
    pub(crate) not_after: Option<Timestamp>,
    /// When it was created.
    pub(crate) created_at: Timestamp,
    /// When its status changed last.
    pub(crate) changed_at: Timestamp,
    /// Until when it can be restored.
    pub(crate) restorable_until: Option<Timestamp>,
    /// The services that may use it.
    pub(crate) permissions: Vec<Permission>,
    /// The request that made it, if it had a token to know it by.
    pub(crate) request: Option<String>,
    /// The tags on it.
    pub(crate) tags: Tags,
}

/// A service's permission to use an authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Permission {
    /// The service.
    pub(crate) principal: String,
    /// The account it acts for.
    pub(crate) source_account: Option<String>,
    /// What it may do.
    pub(crate) actions: Vec<ActionType>,
    /// When it was given.
    pub(crate) created_at: Timestamp,
}

impl Row for Authority {
    const KIND: &'static str = "acm-pca/authority";
}

impl Authority {
    /// The ARN of the authority at `key`.
    pub(crate) fn arn(key: &Key) -> String {
        Arn::new("acm-pca", &key.scope, format!("certificate-authority/{}", key.name)).to_string()
    }

    /// How far it is at `now`.
    pub(crate) fn status(&self, now: Timestamp) -> CertificateAuthorityStatus {
        let past = self.not_after.is_some_and(|end| end < now);
        if past && self.status != CertificateAuthorityStatus::Deleted {
            return CertificateAuthorityStatus::Expired;
        }
        self.status
    }
}

/// What a private authority signed; its key's name is the authority's id, a slash and its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Signed {
    /// In PEM.
    pub(crate) certificate: String,
    /// The authorities above it, nearest first, in PEM.
    pub(crate) chain: String,
    /// When it was signed.
    pub(crate) created_at: Timestamp,
    /// The request that made it, if it had a token to know it by.
    pub(crate) request: Option<String>,
}

impl Row for Signed {
    const KIND: &'static str = "acm-pca/certificate";
}

//! Subjects and other names.

use serde::{Deserialize, Serialize};

/// The subject of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Asn1Subject {
    /// Two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The organisation, up to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Its unit, up to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// The state or province, up to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The common name, up to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// The city, up to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
}

/// A name that a certificate speaks for: one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GeneralName {
    /// A mailbox, up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rfc822_name: Option<String>,
    /// A host name, up to 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// A URI, such as a SPIFFE id, up to 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform_resource_identifier: Option<String>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

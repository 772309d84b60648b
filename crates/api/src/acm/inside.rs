//! What neighbours in process ask, and nobody else may: certificates with their private keys, and identities for tasks.
//!
//! On AWS the mesh's own agents fetch these from ACM over a channel no user sees. Here the services that need them call
//! in process; from outside every one of these operations is refused.
//!
//! Each answer is the same until it is renewed, so it can be asked for as often as one likes, and each says until when
//! it is good. What changes in between is told by rows: `acm/certificate`, `acm/identity` and `acm/authority`, and
//! `acm-pca/authority`.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use crate::operation;

/// Asks for a certificate of ACM with its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetKeyPairRequest {
    /// The certificate.
    pub certificate_arn: String,
}

/// A certificate with its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyPairResponse {
    /// The certificate and then the authorities above it, nearest first, in PEM: what a server shows.
    pub certificate_chain: String,
    /// In PKCS#8, in the clear, in PEM.
    pub private_key: String,
    /// Until when the certificate holds.
    pub not_after: Timestamp,
}

/// Asks for a certificate that says who a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IssueIdentityRequest {
    /// Whom it is for, as a URI: `spiffe://<trust domain>/<path>`. The same name has the same certificate until it is
    /// renewed, half of its day before it ends.
    pub uri: String,
    /// Host names it speaks for too; others than before make a new certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_names: Vec<String>,
}

/// The certificate of a task.
pub type IssueIdentityResponse = GetKeyPairResponse;

/// Asks whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeTrustRequest {
    /// The private authorities; the built-in one, which signs identities and what is issued without a private authority,
    /// if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificate_authority_arns: Vec<String>,
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTrustResponse {
    /// The certificates of the authorities, in PEM.
    pub certificates: String,
}

operation!(GetKeyPair, "acm", GetKeyPairRequest, GetKeyPairResponse);
operation!(IssueIdentity, "acm", IssueIdentityRequest, IssueIdentityResponse);
operation!(DescribeTrust, "acm", DescribeTrustRequest, DescribeTrustResponse);

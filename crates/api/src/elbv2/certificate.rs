//! Certificates of HTTPS listeners, and the policies by which they are shown.

use serde::{Deserialize, Serialize};

use super::Empty;
use crate::operation;

operation!(
    AddListenerCertificates,
    "elasticloadbalancing",
    AddListenerCertificatesRequest,
    AddListenerCertificatesResponse
);
operation!(
    DescribeListenerCertificates,
    "elasticloadbalancing",
    DescribeListenerCertificatesRequest,
    DescribeListenerCertificatesResponse
);
operation!(RemoveListenerCertificates, "elasticloadbalancing", RemoveListenerCertificatesRequest, Empty);
operation!(DescribeSSLPolicies, "elasticloadbalancing", DescribeSslPoliciesRequest, DescribeSslPoliciesResponse);

/// A certificate of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Certificate {
    /// Its ARN, of ACM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// Whether it is for clients that name none of the others; only answers have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
}

/// Adds certificates to the list of an HTTPS listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AddListenerCertificatesRequest {
    /// The listener.
    pub listener_arn: String,
    /// One certificate, as the service has it.
    pub certificates: Vec<Certificate>,
}

/// The certificates of the list now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddListenerCertificatesResponse {
    /// Those that were added.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
}

/// Asks for the certificates of an HTTPS listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeListenerCertificatesRequest {
    /// The listener.
    pub listener_arn: String,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Items on a page, 1 to 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// The certificates of an HTTPS listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeListenerCertificatesResponse {
    /// The default one and those of the list.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

/// Takes certificates from the list of an HTTPS listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RemoveListenerCertificatesRequest {
    /// The listener.
    pub listener_arn: String,
    /// Which; the default one cannot be taken.
    pub certificates: Vec<Certificate>,
}

/// Asks for security policies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeSslPoliciesRequest {
    /// Which, by name; all if there are none.
    #[serde(default)]
    pub names: Vec<String>,
    /// Where the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Items on a page, 1 to 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
    /// Whose policies: `application` and `network` load balancers have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_type: Option<String>,
}

/// Security policies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSslPoliciesResponse {
    /// The policies.
    #[serde(default)]
    pub ssl_policies: Vec<SslPolicy>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

/// By which versions and ciphers a listener speaks TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SslPolicy {
    /// `TLSv1.2` and `TLSv1.3`.
    #[serde(default)]
    pub ssl_protocols: Vec<String>,
    /// The best first.
    #[serde(default)]
    pub ciphers: Vec<Cipher>,
    /// Its name.
    pub name: String,
    /// `application`.
    #[serde(default)]
    pub supported_load_balancer_types: Vec<String>,
}

/// A cipher of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cipher {
    /// As OpenSSL calls it.
    pub name: String,
    /// Its place, from 1.
    pub priority: u32,
}

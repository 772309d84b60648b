//! How and where traces are kept.

use serde::{Deserialize, Serialize};

crate::operation!(
    GetEncryptionConfig,
    "xray",
    GetEncryptionConfigRequest,
    GetEncryptionConfigResponse,
    crate::Http::new("POST", "/EncryptionConfig")
);
crate::operation!(
    PutEncryptionConfig,
    "xray",
    PutEncryptionConfigRequest,
    PutEncryptionConfigResponse,
    crate::Http::new("POST", "/PutEncryptionConfig")
);
crate::operation!(
    GetTraceSegmentDestination,
    "xray",
    GetTraceSegmentDestinationRequest,
    GetTraceSegmentDestinationResponse,
    crate::Http::new("POST", "/GetTraceSegmentDestination")
);
crate::operation!(
    UpdateTraceSegmentDestination,
    "xray",
    UpdateTraceSegmentDestinationRequest,
    UpdateTraceSegmentDestinationResponse,
    crate::Http::new("POST", "/UpdateTraceSegmentDestination")
);

/// What [`GetEncryptionConfig`] takes: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetEncryptionConfigRequest {}

/// What [`GetEncryptionConfig`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetEncryptionConfigResponse {
    /// How it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_config: Option<EncryptionConfig>,
}

/// What [`PutEncryptionConfig`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutEncryptionConfigRequest {
    /// A key of KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// `NONE`, or `KMS`.
    pub r#type: String,
}

/// What [`PutEncryptionConfig`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutEncryptionConfigResponse {
    /// How it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_config: Option<EncryptionConfig>,
}

/// How traces are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptionConfig {
    /// A key of KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// `ACTIVE`, or `UPDATING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `NONE`, or `KMS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

/// What [`GetTraceSegmentDestination`] takes: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetTraceSegmentDestinationRequest {}

/// What [`GetTraceSegmentDestination`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceSegmentDestinationResponse {
    /// `XRay`, or `CloudWatchLogs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// `ACTIVE`, or `PENDING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What [`UpdateTraceSegmentDestination`] takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateTraceSegmentDestinationRequest {
    /// `XRay`, or `CloudWatchLogs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
}

/// What [`UpdateTraceSegmentDestination`] answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateTraceSegmentDestinationResponse {
    /// `XRay`, or `CloudWatchLogs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// `ACTIVE`, or `PENDING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

//! The token that `docker login` takes.

use names::Timestamp;
use serde::{Deserialize, Serialize};

crate::operation!(GetAuthorizationToken, "ecr", GetAuthorizationTokenRequest, GetAuthorizationTokenResponse);

/// What [`GetAuthorizationToken`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetAuthorizationTokenRequest {
    /// The accounts to log in to; the caller's if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registry_ids: Vec<String>,
}

/// What [`GetAuthorizationToken`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetAuthorizationTokenResponse {
    /// One for each account.
    #[serde(default)]
    pub authorization_data: Vec<AuthorizationData>,
}

/// How to log in to one account's registry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationData {
    /// Base64 of `AWS:<password>`.
    pub authorization_token: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The registry's URL.
    pub proxy_endpoint: String,
}

//! Which layers a repository holds.

use serde::{Deserialize, Serialize};

crate::operation!(
    BatchCheckLayerAvailability,
    "ecr",
    BatchCheckLayerAvailabilityRequest,
    BatchCheckLayerAvailabilityResponse
);

/// What [`BatchCheckLayerAvailability`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchCheckLayerAvailabilityRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Which layers, 1 to 100.
    pub layer_digests: Vec<String>,
}

/// What [`BatchCheckLayerAvailability`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchCheckLayerAvailabilityResponse {
    /// What was asked about, each available or not.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// What was no digest.
    #[serde(default)]
    pub failures: Vec<LayerFailure>,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Its digest.
    pub layer_digest: String,
    /// `AVAILABLE` or `UNAVAILABLE`.
    pub layer_availability: String,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_size: Option<u64>,
}

/// Why a layer of a batch could not be looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerFailure {
    /// Which.
    pub layer_digest: String,
    /// `InvalidLayerDigest` or `MissingLayerDigest`.
    pub failure_code: String,
    /// The same for people.
    pub failure_reason: String,
}

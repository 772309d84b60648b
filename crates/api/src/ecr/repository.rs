//! Repositories: create, describe, change, delete.

use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tag;

crate::operation!(CreateRepository, "ecr", CreateRepositoryRequest, CreateRepositoryResponse);
crate::operation!(DescribeRepositories, "ecr", DescribeRepositoriesRequest, DescribeRepositoriesResponse);
crate::operation!(DeleteRepository, "ecr", DeleteRepositoryRequest, DeleteRepositoryResponse);
crate::operation!(PutImageTagMutability, "ecr", PutImageTagMutabilityRequest, PutImageTagMutabilityResponse);
crate::operation!(
    PutImageScanningConfiguration,
    "ecr",
    PutImageScanningConfigurationRequest,
    PutImageScanningConfigurationResponse
);

/// A repository as callers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// Its ARN.
    pub repository_arn: String,
    /// The account it is in.
    pub registry_id: String,
    /// Its name.
    pub repository_name: String,
    /// What to write before `:tag` to push to it and to run from it.
    pub repository_uri: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// `MUTABLE`, `IMMUTABLE`, `MUTABLE_WITH_EXCLUSION` or `IMMUTABLE_WITH_EXCLUSION`.
    pub image_tag_mutability: String,
    /// Which tags are excluded from that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    /// Whether pushed images are scanned.
    pub image_scanning_configuration: ImageScanningConfiguration,
    /// How its content is encrypted.
    pub encryption_configuration: EncryptionConfiguration,
}

/// A pattern of tags that are excluded from a repository's mutability.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExclusionFilter {
    /// `WILDCARD`.
    pub filter_type: String,
    /// The pattern; `*` stands for any text.
    pub filter: String,
}

/// Whether images are scanned when they are pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageScanningConfiguration {
    /// Whether they are.
    #[serde(default)]
    pub scan_on_push: bool,
}

/// How a repository's content is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionConfiguration {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub encryption_type: String,
    /// The key, for `KMS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl Default for EncryptionConfiguration {
    fn default() -> Self {
        Self { encryption_type: "AES256".to_owned(), kms_key: None }
    }
}

/// What [`CreateRepository`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRepositoryRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// The name, 2 to 256 characters.
    pub repository_name: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Whether tags may move to another image; `MUTABLE` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag_mutability: Option<String>,
    /// Which tags are excluded from that; one to five with the `_WITH_EXCLUSION` kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
    /// Scanning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_scanning_configuration: Option<ImageScanningConfiguration>,
    /// Encryption; `AES256` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_configuration: Option<EncryptionConfiguration>,
}

/// What [`CreateRepository`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRepositoryResponse {
    /// The new repository.
    pub repository: Repository,
}

/// What [`DescribeRepositories`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeRepositoriesRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repository_names: Vec<String>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The size of a page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
}

/// What [`DescribeRepositories`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRepositoriesResponse {
    /// The repositories, by name.
    #[serde(default)]
    pub repositories: Vec<Repository>,
    /// Where this page ended, if it is not the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`DeleteRepository`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteRepositoryRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which.
    pub repository_name: String,
    /// Whether it goes even with images in it.
    #[serde(default)]
    pub force: bool,
}

/// What [`DeleteRepository`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteRepositoryResponse {
    /// What was deleted.
    pub repository: Repository,
}

/// What [`PutImageTagMutability`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutImageTagMutabilityRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Whether tags may move to another image.
    pub image_tag_mutability: String,
    /// Which tags are excluded from that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
}

/// What [`PutImageTagMutability`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutImageTagMutabilityResponse {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// What holds now.
    pub image_tag_mutability: String,
    /// Which tags are excluded from that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
}

/// What [`PutImageScanningConfiguration`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutImageScanningConfigurationRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Scanning.
    pub image_scanning_configuration: ImageScanningConfiguration,
}

/// What [`PutImageScanningConfiguration`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutImageScanningConfigurationResponse {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// What holds now.
    pub image_scanning_configuration: ImageScanningConfiguration,
}

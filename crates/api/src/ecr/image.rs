//! Images of a repository: list, describe, get, put, delete.

use names::Timestamp;
use serde::{Deserialize, Serialize};

crate::operation!(ListImages, "ecr", ListImagesRequest, ListImagesResponse);
crate::operation!(DescribeImages, "ecr", DescribeImagesRequest, DescribeImagesResponse);
crate::operation!(BatchGetImage, "ecr", BatchGetImageRequest, BatchGetImageResponse);
crate::operation!(BatchDeleteImage, "ecr", BatchDeleteImageRequest, BatchDeleteImageResponse);
crate::operation!(PutImage, "ecr", PutImageRequest, PutImageResponse);

/// An image by digest, by tag, or by both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageIdentifier {
    /// `sha256:` and the manifest's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// One of its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
}

/// Which images a list should hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageFilter {
    /// `TAGGED`, `UNTAGGED` or `ANY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_status: Option<String>,
}

/// What [`ListImages`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListImagesRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The size of a page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Which images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<ImageFilter>,
}

/// What [`ListImages`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListImagesResponse {
    /// One for each tag, and one for each image without tags.
    #[serde(default)]
    pub image_ids: Vec<ImageIdentifier>,
    /// Where this page ended, if it is not the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What [`DescribeImages`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeImagesRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Which images; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_ids: Vec<ImageIdentifier>,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The size of a page, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// Which images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<ImageFilter>,
}

/// What [`DescribeImages`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeImagesResponse {
    /// The images.
    #[serde(default)]
    pub image_details: Vec<ImageDetail>,
    /// Where this page ended, if it is not the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// One image of a repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageDetail {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// The manifest's digest.
    pub image_digest: String,
    /// Its tags; absent if it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_tags: Vec<String>,
    /// The size of its compressed layers and configuration, in bytes; for a list the largest of its images.
    pub image_size_in_bytes: u64,
    /// When it was pushed.
    pub image_pushed_at: Timestamp,
    /// The media type of its manifest.
    pub image_manifest_media_type: String,
    /// The media type of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_media_type: Option<String>,
}

/// What [`BatchGetImage`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchGetImageRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Which images, 1 to 100.
    pub image_ids: Vec<ImageIdentifier>,
    /// Which manifests the caller understands; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted_media_types: Vec<String>,
}

/// What [`BatchGetImage`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchGetImageResponse {
    /// The images found.
    #[serde(default)]
    pub images: Vec<Image>,
    /// And those that were not.
    #[serde(default)]
    pub failures: Vec<ImageFailure>,
}

/// One image's manifest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The account.
    pub registry_id: String,
    /// Which repository.
    pub repository_name: String,
    /// Its digest, and the tag it was asked by.
    pub image_id: ImageIdentifier,
    /// The manifest, byte for byte.
    pub image_manifest: String,
    /// The manifest's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_manifest_media_type: Option<String>,
}

/// Why one image of a batch could not be served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFailure {
    /// Which.
    pub image_id: ImageIdentifier,
    /// `ImageNotFound`, `InvalidImageDigest`, `MissingDigestAndTag`, …
    pub failure_code: String,
    /// The same for people.
    pub failure_reason: String,
}

/// What [`BatchDeleteImage`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchDeleteImageRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// Which images, 1 to 100: by tag removes the tag, and the image with its last; by digest removes the image.
    pub image_ids: Vec<ImageIdentifier>,
}

/// What [`BatchDeleteImage`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchDeleteImageResponse {
    /// What is gone.
    #[serde(default)]
    pub image_ids: Vec<ImageIdentifier>,
    /// What could not go.
    #[serde(default)]
    pub failures: Vec<ImageFailure>,
}

/// What [`PutImage`] takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutImageRequest {
    /// The account; the caller's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// Which repository.
    pub repository_name: String,
    /// The manifest.
    pub image_manifest: String,
    /// Its media type, if it does not name it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_manifest_media_type: Option<String>,
    /// The tag to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// What its digest must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
}

/// What [`PutImage`] answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutImageResponse {
    /// The image as it stands.
    pub image: Image,
}

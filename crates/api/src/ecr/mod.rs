//! Elastic Container Registry: repositories of images, the tokens `docker login` takes, and what is pushed.
//!
//! The API handles names and manifests; layers travel by the OCI distribution protocol, which is no AWS operation.

mod authorization;
mod image;
mod layer;
mod policy;
mod repository;
mod tag;

pub use authorization::{
    AuthorizationData, GetAuthorizationToken, GetAuthorizationTokenRequest, GetAuthorizationTokenResponse,
};
pub use image::{
    BatchDeleteImage, BatchDeleteImageRequest, BatchDeleteImageResponse, BatchGetImage, BatchGetImageRequest,
    BatchGetImageResponse, DescribeImages, DescribeImagesRequest, DescribeImagesResponse, Image, ImageDetail,
    ImageFailure, ImageFilter, ImageIdentifier, ListImages, ListImagesRequest, ListImagesResponse, PutImage,
    PutImageRequest, PutImageResponse,
};
pub use layer::{
    BatchCheckLayerAvailability, BatchCheckLayerAvailabilityRequest, BatchCheckLayerAvailabilityResponse, Layer,
    LayerFailure,
};
pub use policy::{
    DeleteLifecyclePolicy, DeleteRepositoryPolicy, GetLifecyclePolicy, GetRepositoryPolicy, LifecyclePolicy,
    PutLifecyclePolicy, PutLifecyclePolicyRequest, PutLifecyclePolicyResponse, RepositoryPolicy, RepositoryRequest,
    SetRepositoryPolicy, SetRepositoryPolicyRequest,
};
pub use repository::{
    CreateRepository, CreateRepositoryRequest, CreateRepositoryResponse, DeleteRepository, DeleteRepositoryRequest,
    DeleteRepositoryResponse, DescribeRepositories, DescribeRepositoriesRequest, DescribeRepositoriesResponse,
    EncryptionConfiguration, ExclusionFilter, ImageScanningConfiguration, PutImageScanningConfiguration,
    PutImageScanningConfigurationRequest, PutImageScanningConfigurationResponse, PutImageTagMutability,
    PutImageTagMutabilityRequest, PutImageTagMutabilityResponse, Repository,
};
pub use tag::{
    ListTagsForResource, ListTagsForResourceRequest, ListTagsForResourceResponse, Tag, TagResource, TagResourceRequest,
    TagResourceResponse, UntagResource, UntagResourceRequest, UntagResourceResponse,
};

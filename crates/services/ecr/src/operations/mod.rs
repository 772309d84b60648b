//! The table, in the order of the API reference.

mod authorization;
mod image;
mod policy;
mod repository;
mod tag;

use api::ecr as op;
use names::Scope;
use wire::{Bound, bind};

use crate::{Registry, error::Error};

/// Items on a page where none is asked for, and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1000;

/// Every operation.
pub(crate) fn operations() -> Vec<Bound<Registry>> {
    vec![
        bind::<op::BatchCheckLayerAvailability, _, _, _, _>(image::batch_check_layer_availability),
        bind::<op::BatchDeleteImage, _, _, _, _>(image::batch_delete_image),
        bind::<op::BatchGetImage, _, _, _, _>(image::batch_get_image),
        bind::<op::CreateRepository, _, _, _, _>(repository::create_repository),
        bind::<op::DeleteLifecyclePolicy, _, _, _, _>(policy::delete_lifecycle_policy),
        bind::<op::DeleteRepository, _, _, _, _>(repository::delete_repository),
        bind::<op::DeleteRepositoryPolicy, _, _, _, _>(policy::delete_repository_policy),
        bind::<op::DescribeImages, _, _, _, _>(image::describe_images),
        bind::<op::DescribeRepositories, _, _, _, _>(repository::describe_repositories),
        bind::<op::GetAuthorizationToken, _, _, _, _>(authorization::get_authorization_token),
        bind::<op::GetLifecyclePolicy, _, _, _, _>(policy::get_lifecycle_policy),
        bind::<op::GetRepositoryPolicy, _, _, _, _>(policy::get_repository_policy),
        bind::<op::ListImages, _, _, _, _>(image::list_images),
        bind::<op::ListTagsForResource, _, _, _, _>(tag::list_tags_for_resource),
        bind::<op::PutImage, _, _, _, _>(image::put_image),
        bind::<op::PutImageScanningConfiguration, _, _, _, _>(repository::put_image_scanning_configuration),
        bind::<op::PutImageTagMutability, _, _, _, _>(repository::put_image_tag_mutability),
        bind::<op::PutLifecyclePolicy, _, _, _, _>(policy::put_lifecycle_policy),
        bind::<op::SetRepositoryPolicy, _, _, _, _>(policy::set_repository_policy),
        bind::<op::TagResource, _, _, _, _>(tag::tag_resource),
        bind::<op::UntagResource, _, _, _, _>(tag::untag_resource),
    ]
}

fn page_size(asked: Option<u32>) -> Result<usize, Error> {
    match asked.map(usize::try_from) {
        None => Ok(PAGE_DEFAULT),
        Some(Ok(size @ 1..=PAGE_MAX)) => Ok(size),
        Some(_) => Err(Error::InvalidParameter { member: "maxResults", constraint: format!("1 to {PAGE_MAX}") }),
    }
}

/// An account has one registry, its own; another's cannot be reached.
fn check_registry(scope: &Scope, asked: Option<&str>) -> Result<(), Error> {
    match asked {
        Some(asked) if asked != scope.account.as_str() => Err(Error::InvalidParameter {
            member: "registryId",
            constraint: format!("the registry of the caller's own account {}", scope.account),
        }),
        _ => Ok(()),
    }
}

fn not_found(scope: &Scope, name: &str) -> Error {
    Error::RepositoryNotFound { name: name.to_owned(), registry: scope.account.to_string() }
}

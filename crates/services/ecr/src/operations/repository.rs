//! Repositories.

use api::ecr as shape;
use names::Scope;
use store::{Key, Transaction};
use wire::{Context, page};

use super::{check_registry, not_found, page_size, tag};
use crate::{
    Registry,
    error::Error,
    rows::{self, ImageTag, Link, Manifest, Repository},
};

const MUTABILITIES: [&str; 4] = ["MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"];

/// Exclusion filters of a repository.
const EXCLUSIONS_MAX: usize = 5;

pub(crate) async fn create_repository(
    cx: Context<Registry>,
    request: shape::CreateRepositoryRequest,
) -> Result<shape::CreateRepositoryResponse, Error> {
    let (scope, name) = (cx.scope(), request.repository_name);
    check_registry(scope, request.registry_id.as_deref())?;
    if !(2..=256).contains(&name.len()) || !image::is_repository_name(&name) {
        return Err(Error::InvalidParameter {
            member: "repositoryName",
            constraint:
                "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'"
                    .to_owned(),
        });
    }
    let mutability = request.image_tag_mutability.unwrap_or_else(|| "MUTABLE".to_owned());
    check_mutability(&mutability, &request.image_tag_mutability_exclusion_filters)?;
    let encryption = request.encryption_configuration.unwrap_or_default();
    check_encryption(&encryption)?;
    let row = Repository {
        created: cx.clock.now(),
        mutability,
        exclusions: request.image_tag_mutability_exclusion_filters,
        scanning: request.image_scanning_configuration.unwrap_or_default(),
        encryption,
        tags: tag::checked(&request.tags)?,
        lifecycle_policy: None,
        policy: None,
    };
    cx.store.write(|tx| {
        let key = Key::new(scope, name.clone());
        if tx.get::<Repository>(&key)?.is_some() {
            return Err(Error::RepositoryAlreadyExists { name: name.clone(), registry: scope.account.to_string() });
        }
        Ok(tx.put(&key, &row)?)
    })?;
    Ok(shape::CreateRepositoryResponse { repository: describe(&cx, &name, &row) })
}

fn check_mutability(mutability: &str, exclusions: &[shape::ExclusionFilter]) -> Result<(), Error> {
    if !MUTABILITIES.contains(&mutability) {
        let constraint = format!("Member must satisfy enum value set: [{}]", MUTABILITIES.join(", "));
        return Err(Error::InvalidParameter { member: "imageTagMutability", constraint });
    }
    if mutability.ends_with("_WITH_EXCLUSION") == exclusions.is_empty() {
        let constraint = "given exactly with a mutability that ends in _WITH_EXCLUSION".to_owned();
        return Err(Error::InvalidParameter { member: "imageTagMutabilityExclusionFilters", constraint });
    }
    let fits = |filter: &shape::ExclusionFilter| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._*-".contains(&byte);
        filter.filter_type == "WILDCARD" && (1..=128).contains(&filter.filter.len()) && filter.filter.bytes().all(plain)
    };
    if exclusions.len() > EXCLUSIONS_MAX || !exclusions.iter().all(fits) {
        let constraint =
            format!("1 to {EXCLUSIONS_MAX} filters of type WILDCARD that match ^[0-9a-zA-Z._*-]{{1,128}}$");
        return Err(Error::InvalidParameter { member: "imageTagMutabilityExclusionFilters", constraint });
    }
    Ok(())
}

fn check_encryption(encryption: &shape::EncryptionConfiguration) -> Result<(), Error> {
    match (encryption.encryption_type.as_str(), &encryption.kms_key) {
        ("AES256", None) | ("KMS" | "KMS_DSSE", _) => Ok(()),
        ("AES256", Some(_)) => Err(Error::InvalidParameter {
            member: "encryptionConfiguration.kmsKey",
            constraint: "given with the encryption types KMS and KMS_DSSE alone".to_owned(),
        }),
        _ => Err(Error::InvalidParameter {
            member: "encryptionConfiguration.encryptionType",
            constraint: "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]".to_owned(),
        }),
    }
}

pub(crate) async fn describe_repositories(
    cx: Context<Registry>,
    request: shape::DescribeRepositoriesRequest,
) -> Result<shape::DescribeRepositoriesResponse, Error> {
    let scope = cx.scope();
    check_registry(scope, request.registry_id.as_deref())?;
    let rows: Vec<(String, Repository)> = if request.repository_names.is_empty() {
        cx.store.list::<Repository>(scope)?.into_iter().map(|(key, row)| (key.name, row)).collect()
    } else {
        let named = |name: String| {
            let row = cx.store.get::<Repository>(&Key::new(scope, name.clone()))?;
            let row = row.ok_or_else(|| not_found(scope, &name))?;
            Ok::<_, Error>((name, row))
        };
        request.repository_names.into_iter().map(named).collect::<Result<_, _>>()?
    };
    let size = page_size(request.max_results)?;
    let (rows, next_token) = page(rows, |(name, _)| name.clone(), size, request.next_token.as_deref())?;
    let repositories = rows.iter().map(|(name, row)| describe(&cx, name, row)).collect();
    Ok(shape::DescribeRepositoriesResponse { repositories, next_token })
}

pub(crate) async fn delete_repository(
    cx: Context<Registry>,
    request: shape::DeleteRepositoryRequest,
) -> Result<shape::DeleteRepositoryResponse, Error> {
    let (scope, name) = (cx.scope(), request.repository_name);
    check_registry(scope, request.registry_id.as_deref())?;
    let row = cx.store.write(|tx| {
        let row = find(tx, scope, &name)?;
        let manifests = tx.list_under::<Manifest>(scope, &format!("{name}@"))?;
        if !manifests.is_empty() && !request.force {
            return Err(Error::RepositoryNotEmpty { name: name.clone(), registry: scope.account.to_string() });
        }
        for (key, _) in manifests {
            tx.delete::<Manifest>(&key)?;
        }
        for (key, _) in tx.list_under::<Link>(scope, &format!("{name}@"))? {
            tx.delete::<Link>(&key)?;
        }
        for (key, _) in tx.list_under::<ImageTag>(scope, &format!("{name}:"))? {
            tx.delete::<ImageTag>(&key)?;
        }
        tx.delete::<Repository>(&Key::new(scope, name.clone()))?;
        Ok(row)
    })?;
    Ok(shape::DeleteRepositoryResponse { repository: describe(&cx, &name, &row) })
}

pub(crate) async fn put_image_tag_mutability(
    cx: Context<Registry>,
    request: shape::PutImageTagMutabilityRequest,
) -> Result<shape::PutImageTagMutabilityResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    check_mutability(&request.image_tag_mutability, &request.image_tag_mutability_exclusion_filters)?;
    let row = change(&cx, &request.repository_name, |row| {
        row.mutability.clone_from(&request.image_tag_mutability);
        row.exclusions.clone_from(&request.image_tag_mutability_exclusion_filters);
        Ok(())
    })?;
    Ok(shape::PutImageTagMutabilityResponse {
        registry_id: cx.scope().account.to_string(),
        repository_name: request.repository_name,
        image_tag_mutability: row.mutability,
        image_tag_mutability_exclusion_filters: row.exclusions,
    })
}

pub(crate) async fn put_image_scanning_configuration(
    cx: Context<Registry>,
    request: shape::PutImageScanningConfigurationRequest,
) -> Result<shape::PutImageScanningConfigurationResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    let row = change(&cx, &request.repository_name, |row| {
        row.scanning = request.image_scanning_configuration.clone();
        Ok(())
    })?;
    Ok(shape::PutImageScanningConfigurationResponse {
        registry_id: cx.scope().account.to_string(),
        repository_name: request.repository_name,
        image_scanning_configuration: row.scanning,
    })
}

/// The repository `name`.
pub(crate) fn find(tx: &Transaction<'_>, scope: &Scope, name: &str) -> Result<Repository, Error> {
    tx.get::<Repository>(&Key::new(scope, name))?.ok_or_else(|| not_found(scope, name))
}

/// Changes the repository `name` and answers what it is then.
pub(crate) fn change(
    cx: &Context<Registry>,
    name: &str,
    edit: impl FnOnce(&mut Repository) -> Result<(), Error>,
) -> Result<Repository, Error> {
    cx.store.write(|tx| {
        let mut row = find(tx, cx.scope(), name)?;
        edit(&mut row)?;
        tx.put(&Key::new(cx.scope(), name), &row)?;
        Ok(row)
    })
}

fn describe(cx: &Context<Registry>, name: &str, row: &Repository) -> shape::Repository {
    shape::Repository {
        repository_arn: rows::arn(cx.scope(), name),
        registry_id: cx.scope().account.to_string(),
        repository_name: name.to_owned(),
        repository_uri: format!("{}/{name}", cx.images.registry()),
        created_at: row.created,
        image_tag_mutability: row.mutability.clone(),
        image_tag_mutability_exclusion_filters: row.exclusions.clone(),
        image_scanning_configuration: row.scanning.clone(),
        encryption_configuration: row.encryption.clone(),
    }
}

//! Images: what was pushed, by digest and tag.

use api::ecr as shape;
use image::{Digest, RepositoryId, Selector};
use names::Scope;
use store::Transaction;
use wire::{Context, page};

use super::{check_registry, page_size, repository};
use crate::{
    Registry,
    error::Error,
    records::tags,
    rows::{Link, Manifest, content_key},
};

/// Images in one batch.
const BATCH_MAX: usize = 100;

/// A manifest with its tags.
type Tagged = (Manifest, Vec<String>);

/// Everything in a repository, by digest.
fn images(tx: &Transaction<'_>, scope: &Scope, name: &str) -> Result<Vec<Tagged>, Error> {
    repository::find(tx, scope, name)?;
    let tags = tags(tx, scope, name)?;
    let with_tags = |(_, manifest): (_, Manifest)| {
        let own = tags.iter().filter(|(_, digest)| *digest == manifest.record.digest).map(|(tag, _)| tag.clone());
        let own = own.collect();
        (manifest, own)
    };
    Ok(tx.list_under::<Manifest>(scope, &format!("{name}@"))?.into_iter().map(with_tags).collect())
}

/// The image that an identifier names.
fn find<'i>(images: &'i [Tagged], id: &shape::ImageIdentifier) -> Option<&'i Tagged> {
    images.iter().find(|(manifest, tags)| {
        let digest = id.image_digest.as_ref().is_none_or(|digest| *digest == manifest.record.digest.to_string());
        let tag = id.image_tag.as_ref().is_none_or(|tag| tags.contains(tag));
        digest && tag && (id.image_digest.is_some() || id.image_tag.is_some())
    })
}

fn words(id: &shape::ImageIdentifier) -> String {
    let part = |name: &str, value: &Option<String>| format!("{name}:'{}'", value.as_deref().unwrap_or("null"));
    format!("{{{}, {}}}", part("imageDigest", &id.image_digest), part("imageTag", &id.image_tag))
}

fn failure(id: &shape::ImageIdentifier) -> shape::ImageFailure {
    let nothing = id.image_digest.is_none() && id.image_tag.is_none();
    let wrong_digest = id.image_digest.as_ref().is_some_and(|digest| digest.parse::<Digest>().is_err());
    let (code, reason) = if nothing {
        ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    } else if wrong_digest {
        (
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        )
    } else {
        ("ImageNotFound", "Requested image not found")
    };
    shape::ImageFailure { image_id: id.clone(), failure_code: code.to_owned(), failure_reason: reason.to_owned() }
}

fn check_batch(length: usize) -> Result<(), Error> {
    if (1..=BATCH_MAX).contains(&length) {
        return Ok(());
    }
    Err(Error::InvalidParameter { member: "imageIds", constraint: format!("1 to {BATCH_MAX} images") })
}

/// Which of `TAGGED`, `UNTAGGED` and `ANY` is wanted.
fn check_filter(filter: Option<&shape::ImageFilter>) -> Result<(), Error> {
    match filter.and_then(|filter| filter.tag_status.as_deref()) {
        None | Some("TAGGED" | "UNTAGGED" | "ANY") => Ok(()),
        Some(_) => Err(Error::InvalidParameter {
            member: "filter.tagStatus",
            constraint: "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]".to_owned(),
        }),
    }
}

fn wanted(filter: Option<&shape::ImageFilter>, tags: &[String]) -> bool {
    match filter.and_then(|filter| filter.tag_status.as_deref()) {
        Some("TAGGED") => !tags.is_empty(),
        Some("UNTAGGED") => tags.is_empty(),
        _ => true,
    }
}

pub(crate) async fn list_images(
    cx: Context<Registry>,
    request: shape::ListImagesRequest,
) -> Result<shape::ListImagesResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    check_filter(request.filter.as_ref())?;
    let images = cx.store.write(|tx| images(tx, cx.scope(), &request.repository_name))?;
    let mut ids = Vec::new();
    for (manifest, tags) in images.iter().filter(|(_, tags)| wanted(request.filter.as_ref(), tags)) {
        let image_digest = Some(manifest.record.digest.to_string());
        if tags.is_empty() {
            ids.push(shape::ImageIdentifier { image_digest: image_digest.clone(), image_tag: None });
        }
        ids.extend(
            tags.iter()
                .map(|tag| shape::ImageIdentifier { image_digest: image_digest.clone(), image_tag: Some(tag.clone()) }),
        );
    }
    let size = page_size(request.max_results)?;
    let (image_ids, next_token) = page(ids, words, size, request.next_token.as_deref())?;
    Ok(shape::ListImagesResponse { image_ids, next_token })
}

pub(crate) async fn describe_images(
    cx: Context<Registry>,
    request: shape::DescribeImagesRequest,
) -> Result<shape::DescribeImagesResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    check_filter(request.filter.as_ref())?;
    let name = request.repository_name;
    let all = cx.store.write(|tx| images(tx, cx.scope(), &name))?;
    let found: Vec<&Tagged> = if request.image_ids.is_empty() {
        all.iter().filter(|(_, tags)| wanted(request.filter.as_ref(), tags)).collect()
    } else {
        let named = |id: &shape::ImageIdentifier| {
            find(&all, id).ok_or_else(|| Error::ImageNotFound { image: words(id), repository: name.clone() })
        };
        request.image_ids.iter().map(named).collect::<Result<_, _>>()?
    };
    let detail = |(manifest, tags): &Tagged| shape::ImageDetail {
        registry_id: cx.scope().account.to_string(),
        repository_name: name.clone(),
        image_digest: manifest.record.digest.to_string(),
        image_tags: tags.clone(),
        image_size_in_bytes: manifest.record.size,
        image_pushed_at: manifest.pushed,
        image_manifest_media_type: manifest.record.media_type.clone(),
        artifact_media_type: manifest.record.config_media_type.clone(),
    };
    let details = found.into_iter().map(detail).collect();
    let size = page_size(request.max_results)?;
    let key = |detail: &shape::ImageDetail| detail.image_digest.clone();
    let (image_details, next_token) = page(details, key, size, request.next_token.as_deref())?;
    Ok(shape::DescribeImagesResponse { image_details, next_token })
}

pub(crate) async fn batch_get_image(
    cx: Context<Registry>,
    request: shape::BatchGetImageRequest,
) -> Result<shape::BatchGetImageResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    check_batch(request.image_ids.len())?;
    let all = cx.store.write(|tx| images(tx, cx.scope(), &request.repository_name))?;
    let mut answer = shape::BatchGetImageResponse::default();
    for id in &request.image_ids {
        let accepted = &request.accepted_media_types;
        match find(&all, id) {
            // Manifests are never converted: another kind would be another image.
            Some((manifest, _)) if !accepted.is_empty() && !accepted.contains(&manifest.record.media_type) => {
                let media_type = &manifest.record.media_type;
                let failure_reason = format!("The image is of type {media_type}, which acceptedMediaTypes leaves out");
                answer.failures.push(shape::ImageFailure { failure_reason, ..failure(id) });
            }
            Some((manifest, _)) => answer.images.push(image(&cx, &request.repository_name, manifest, id)?),
            None => answer.failures.push(failure(id)),
        }
    }
    Ok(answer)
}

fn image(
    cx: &Context<Registry>,
    repository: &str,
    manifest: &Manifest,
    id: &shape::ImageIdentifier,
) -> Result<shape::Image, Error> {
    let digest = &manifest.record.digest;
    let bytes = cx.images.manifest(digest)?.ok_or_else(|| Error::Internal(format!("the manifest {digest} is gone")))?;
    Ok(shape::Image {
        registry_id: cx.scope().account.to_string(),
        repository_name: repository.to_owned(),
        image_id: shape::ImageIdentifier { image_digest: Some(digest.to_string()), image_tag: id.image_tag.clone() },
        image_manifest: String::from_utf8_lossy(&bytes).into_owned(),
        image_manifest_media_type: Some(manifest.record.media_type.clone()),
    })
}

pub(crate) async fn put_image(
    cx: Context<Registry>,
    request: shape::PutImageRequest,
) -> Result<shape::PutImageResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    let (scope, name) = (cx.scope().clone(), request.repository_name);
    let asked = request.image_digest.map(|digest| digest.parse::<Digest>()).transpose();
    let invalid = |error: image::ParseDigestError| Error::InvalidParameter {
        member: "imageDigest",
        constraint: error.to_string(),
    };
    let asked = asked.map_err(invalid)?;
    let (bytes, tag) = (request.image_manifest.into_bytes(), request.image_tag);
    if let Some(tag) = tag.as_ref().filter(|tag| !image::is_tag(tag)) {
        return Err(Error::InvalidParameter { member: "imageTag", constraint: format!("a tag, not '{tag}'") });
    }
    let all = cx.store.write(|tx| images(tx, &scope, &name))?;
    let digest = Digest::of(&bytes).to_string();
    let same = shape::ImageIdentifier { image_digest: Some(digest.clone()), image_tag: tag.clone() };
    if find(&all, &same).is_some() {
        return Err(Error::ImageAlreadyExists { digest, tag: tag.unwrap_or_default(), repository: name });
    }
    let (images, media_type) = (cx.images.clone(), request.image_manifest_media_type);
    let id = RepositoryId::new(scope, name.clone());
    let pushed = tokio::task::spawn_blocking(move || {
        let record = images.put_manifest(&id, media_type.as_deref(), &bytes, tag.as_deref(), asked.as_ref());
        record.map(|record| (record, tag))
    });
    let (record, tag) = pushed.await.map_err(|error| Error::Internal(error.to_string()))??;
    let manifest = Manifest { record, pushed: cx.clock.now() };
    let id = shape::ImageIdentifier { image_digest: None, image_tag: tag };
    Ok(shape::PutImageResponse { image: image(&cx, &name, &manifest, &id)? })
}

pub(crate) async fn batch_delete_image(
    cx: Context<Registry>,
    request: shape::BatchDeleteImageRequest,
) -> Result<shape::BatchDeleteImageResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    check_batch(request.image_ids.len())?;
    let (scope, name) = (cx.scope(), &request.repository_name);
    let repository = RepositoryId::new(scope.clone(), name.clone());
    let mut answer = shape::BatchDeleteImageResponse::default();
    for id in &request.image_ids {
        let all = cx.store.write(|tx| images(tx, scope, name))?;
        let Some((manifest, tags)) = find(&all, id) else {
            answer.failures.push(failure(id));
            continue;
        };
        let digest = manifest.record.digest.clone();
        // By tag only the tag goes, and the image with its last one.
        let selector = match &id.image_tag {
            Some(tag) if tags.len() > 1 && id.image_digest.is_none() => Selector::Tag(tag.clone()),
            _ => Selector::Digest(digest.clone()),
        };
        match image::Repositories::remove(&*cx.records, &repository, &selector) {
            Ok(_) => answer.image_ids.push(shape::ImageIdentifier {
                image_digest: Some(digest.to_string()),
                image_tag: id.image_tag.clone(),
            }),
            Err(error @ image::RepositoriesError::Referenced { .. }) => answer.failures.push(shape::ImageFailure {
                image_id: id.clone(),
                failure_code: "ImageReferencedByManifestList".to_owned(),
                failure_reason: error.to_string(),
            }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer)
}

pub(crate) async fn batch_check_layer_availability(
    cx: Context<Registry>,
    request: shape::BatchCheckLayerAvailabilityRequest,
) -> Result<shape::BatchCheckLayerAvailabilityResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    let (scope, name) = (cx.scope(), &request.repository_name);
    let mut answer = shape::BatchCheckLayerAvailabilityResponse::default();
    cx.store.write(|tx| {
        repository::find(tx, scope, name)?;
        for text in &request.layer_digests {
            let Ok(digest) = text.parse::<Digest>() else {
                answer.failures.push(shape::LayerFailure {
                    layer_digest: text.clone(),
                    failure_code: "InvalidLayerDigest".to_owned(),
                    failure_reason: "Invalid layer digest".to_owned(),
                });
                continue;
            };
            let link = tx.get::<Link>(&content_key(scope, name, &digest))?;
            let availability = if link.is_some() { "AVAILABLE" } else { "UNAVAILABLE" };
            answer.layers.push(shape::Layer {
                layer_digest: text.clone(),
                layer_availability: availability.to_owned(),
                layer_size: link.map(|link| link.size),
            });
        }
        Ok::<_, Error>(())
    })?;
    Ok(answer)
}

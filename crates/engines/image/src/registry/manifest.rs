//! Manifests by tag or digest.

use axum::{body::Body, response::Response};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{
    Call, empty,
    fault::{Code, Fault},
    with_body,
};
use crate::{Selector, manifest::MANIFEST_SIZE_MAX};

/// `GET` and `HEAD`. What was pushed is served byte for byte, whatever `Accept` says: converting it would change its
/// digest, and the one conversion clients ever needed, to schema 1, is gone with it.
pub(super) fn get(call: &Call, selector: &Selector) -> Result<Response, Fault> {
    let unknown = || {
        let name = &call.repository.name;
        Fault::new(Code::ManifestUnknown, format!("Requested image not found: the repository {name} has no {selector}"))
    };
    let record = call.images.0.repositories.find(&call.repository, selector)?.ok_or_else(unknown)?;
    let bytes = call.images.manifest(&record.digest)?.ok_or_else(unknown)?;
    let headers = [
        ("docker-content-digest", record.digest.to_string()),
        ("etag", format!("\"{}\"", record.digest)),
        ("content-type", record.media_type),
        ("content-length", bytes.len().to_string()),
    ];
    match call.head.method {
        Method::HEAD => empty(StatusCode::OK, &headers),
        _ => with_body(StatusCode::OK, &headers, Body::from(bytes)),
    }
}

/// `PUT`: the last step of a push.
pub(super) async fn put(call: &Call, selector: Selector, body: Body) -> Result<Response, Fault> {
    let media_type = call.header(header::CONTENT_TYPE).map(ToOwned::to_owned);
    let (images, repository) = (call.images.clone(), call.repository.clone());
    let most = usize::try_from(MANIFEST_SIZE_MAX).unwrap_or(usize::MAX);
    let body = Limited::new(body, most).collect().await;
    let bytes = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => Fault::new(Code::ManifestInvalid, format!("the manifest is larger than {most} bytes")),
        None => Fault::new(Code::ManifestInvalid, format!("the client broke off: {error}")),
    })?;
    let bytes = bytes.to_bytes();
    let stored = tokio::task::spawn_blocking(move || {
        let (tag, digest) = match &selector {
            Selector::Tag(tag) => (Some(tag.as_str()), None),
            Selector::Digest(digest) => (None, Some(digest)),
        };
        images.put_manifest(&repository, media_type.as_deref(), &bytes, tag, digest)
    });
    let digest = stored.await.map_err(|error| Fault::new(Code::Unknown, error.to_string()))??.digest;
    let location = format!("/v2/{}/manifests/{digest}", call.repository.name);
    empty(StatusCode::CREATED, &[("location", location), ("docker-content-digest", digest.to_string())])
}

/// `DELETE`: a tag alone, or an image with its tags.
pub(super) fn delete(call: &Call, selector: &Selector) -> Result<Response, Fault> {
    if call.images.0.repositories.remove(&call.repository, selector)? {
        return empty(StatusCode::ACCEPTED, &[]);
    }
    let name = &call.repository.name;
    Err(Fault::new(Code::ManifestUnknown, format!("the repository {name} has no {selector}")))
}

//! Upload sessions: begin, append, ask how far, finish, cancel; or all in one request, or by taking what another
//! repository has.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{StatusCode, header};

use super::{
    Call, empty,
    fault::{Code, Fault},
    parse_digest,
};
use crate::{Digest, RepositoryId, reference, upload::Upload};

/// `POST`: begins a session. With `mount` it may end at once, with `digest` it carries all of the content.
pub(super) async fn begin(call: &Call, body: Body) -> Result<Response, Fault> {
    let mount = call.query("mount").as_deref().map(parse_digest).transpose()?;
    if let Some(digest) = mount.filter(|digest| mount_from(call, digest).unwrap_or(false)) {
        return created(&call.repository, &digest);
    }
    let digest = call.query("digest").as_deref().map(parse_digest).transpose()?;
    let upload = call.images.0.uploads.begin(&call.repository)?;
    match digest {
        Some(digest) => complete(call, upload, digest, body).await,
        None => accepted(&call.repository, &upload),
    }
}

/// Takes content that another repository of the same account and region has. Where it has not, the client uploads it.
fn mount_from(call: &Call, digest: &Digest) -> Result<bool, Fault> {
    let shared = &call.images.0;
    let Some(from) = call.query("from").filter(|name| reference::is_repository_name(name)) else { return Ok(false) };
    let from = RepositoryId::new(call.repository.scope.clone(), from);
    let Some(size) = shared.content.size(digest)? else { return Ok(false) };
    if !shared.repositories.is_linked(&from, digest)? {
        return Ok(false);
    }
    shared.content.touch(digest)?;
    shared.repositories.link(&call.repository, digest, size)?;
    Ok(true)
}

/// `GET`: how far it is.
pub(super) fn status(call: &Call, id: &str) -> Result<Response, Fault> {
    let upload = call.images.0.uploads.claim(&call.repository, id)?;
    let headers = session_headers(&call.repository, &upload);
    empty(StatusCode::NO_CONTENT, &headers)
}

/// `PATCH`: one more piece.
pub(super) async fn append(call: &Call, id: &str, body: Body) -> Result<Response, Fault> {
    let mut upload = call.images.0.uploads.claim(&call.repository, id)?;
    receive(call, &mut upload, body).await?;
    accepted(&call.repository, &upload)
}

/// `PUT`: perhaps a last piece, and the digest that all of it has.
pub(super) async fn finish(call: &Call, id: &str, body: Body) -> Result<Response, Fault> {
    let digest = call.query("digest");
    let digest = digest.ok_or_else(|| Fault::new(Code::DigestInvalid, "the query parameter `digest` is missing"))?;
    let digest = parse_digest(&digest)?;
    let upload = call.images.0.uploads.claim(&call.repository, id)?;
    complete(call, upload, digest, body).await
}

/// `DELETE`: forget it.
pub(super) fn cancel(call: &Call, id: &str) -> Result<Response, Fault> {
    call.images.0.uploads.claim(&call.repository, id)?.cancel()?;
    empty(StatusCode::NO_CONTENT, &[])
}

/// Appends the request's body.
async fn receive(call: &Call, upload: &mut Upload, body: Body) -> Result<(), Fault> {
    let begins = match call.header(header::CONTENT_RANGE) {
        Some(range) => Some(first_byte(range)?),
        None => None,
    };
    let location = location(&call.repository, upload);
    let received = upload.append(begins, body.into_data_stream()).await;
    let holds = upload.holds();
    received.map_err(|error| Fault::from(error).resuming(location, holds))
}

/// The first byte of `Content-Range: <first>-<last>`, which some clients write with `bytes ` before it.
fn first_byte(range: &str) -> Result<u64, Fault> {
    let first = range.trim_start_matches("bytes").trim_start_matches(['=', ' ']).split('-').next();
    let parsed = first.and_then(|first| first.trim().parse().ok());
    parsed.ok_or_else(|| Fault::new(Code::RangeInvalid, format!("`{range}` is no range: `<first>-<last>` is")))
}

async fn complete(call: &Call, mut upload: Upload, digest: Digest, body: Body) -> Result<Response, Fault> {
    let (shared, repository) = (Arc::clone(&call.images.0), call.repository.clone());
    receive(call, &mut upload, body).await?;
    let stored = tokio::task::spawn_blocking(move || -> Result<Response, Fault> {
        // Content must not be collected between its arrival and its row.
        let _kept = shared.collecting.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let size = upload.finish(&digest, &shared.content)?;
        shared.repositories.link(&repository, &digest, size)?;
        created(&repository, &digest)
    });
    stored.await.map_err(|error| Fault::new(Code::Unknown, error.to_string()))?
}

fn location(repository: &RepositoryId, upload: &Upload) -> String {
    format!("/v2/{}/blobs/uploads/{}", repository.name, upload.id())
}

/// `0-<last>` as the protocol counts: an empty upload says `0-0`, like one of a single byte.
pub(super) fn range(holds: u64) -> String {
    format!("0-{}", holds.saturating_sub(1))
}

fn session_headers(repository: &RepositoryId, upload: &Upload) -> [(&'static str, String); 3] {
    [
        ("location", location(repository, upload)),
        ("range", range(upload.holds())),
        ("docker-upload-uuid", upload.id().to_owned()),
    ]
}

fn accepted(repository: &RepositoryId, upload: &Upload) -> Result<Response, Fault> {
    empty(StatusCode::ACCEPTED, &session_headers(repository, upload))
}

fn created(repository: &RepositoryId, digest: &Digest) -> Result<Response, Fault> {
    let location = format!("/v2/{}/blobs/{digest}", repository.name);
    empty(StatusCode::CREATED, &[("location", location), ("docker-content-digest", digest.to_string())])
}

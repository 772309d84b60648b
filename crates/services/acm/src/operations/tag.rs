//! Tags of certificates.

use api::acm::{
    AddTagsToCertificateRequest, Done, ListTagsForCertificateRequest, ListTagsForCertificateResponse,
    RemoveTagsFromCertificateRequest, Tag,
};
use names::Tags;

use super::certificate::{get, key, present};
use crate::{Cx, Error, check};

/// Changes the tags of the certificate `arn`.
fn change(cx: &Cx, arn: &str, change: impl FnOnce(&mut Tags) -> Result<(), Error>) -> Result<Done, Error> {
    let key = key(cx, arn)?;
    cx.store.write(|tx| {
        let mut row = present(tx, &key, arn)?;
        change(&mut row.tags)?;
        tx.put(&key, &row)?;
        Ok(Done {})
    })
}

/// `AddTagsToCertificate`.
pub(super) async fn add_tags_to_certificate(cx: Cx, request: AddTagsToCertificateRequest) -> Result<Done, Error> {
    let new = check::tags(request.tags.into_iter().map(|tag| (tag.key, tag.value)))?;
    change(&cx, &request.certificate_arn, |tags| check::add_tags(tags, new))
}

/// `RemoveTagsFromCertificate`.
pub(super) async fn remove_tags_from_certificate(
    cx: Cx,
    request: RemoveTagsFromCertificateRequest,
) -> Result<Done, Error> {
    change(&cx, &request.certificate_arn, |tags| {
        check::remove_tags(tags, request.tags.into_iter().map(|tag| (tag.key, tag.value)));
        Ok(())
    })
}

/// `ListTagsForCertificate`.
pub(super) async fn list_tags_for_certificate(
    cx: Cx,
    request: ListTagsForCertificateRequest,
) -> Result<ListTagsForCertificateResponse, Error> {
    let tags = get(&cx, &request.certificate_arn)?.1.tags;
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value: Some(value) });
    Ok(ListTagsForCertificateResponse { tags: tags.collect() })
}

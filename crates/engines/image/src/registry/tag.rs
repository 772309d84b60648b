//! The tags of a repository, page by page.

use axum::{body::Body, response::Response};
use http::StatusCode;
use serde_json::json;

use super::{
    Call,
    fault::{Code, Fault},
    with_body,
};

/// The most tags of one page.
const PAGE_MAX: usize = 1000;

/// `GET`: the tags in lexical order; `n` is the size of a page and `last` the tag it begins after.
pub(super) fn list(call: &Call) -> Result<Response, Fault> {
    let size = match call.query("n") {
        None => PAGE_MAX,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Fault::new(Code::Unsupported, format!("`n={text}` is no size of a page")))?
            .min(PAGE_MAX),
    };
    let last = call.query("last").unwrap_or_default();
    let tags = call.images.0.repositories.tags(&call.repository)?;
    let mut rest = tags.into_iter().filter(|tag| *tag > last).peekable();
    let page: Vec<String> = rest.by_ref().take(size).collect();
    let name = &call.repository.name;
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if let (Some(_), Some(last)) = (rest.peek(), page.last()) {
        headers.push(("link", format!("</v2/{name}/tags/list?n={size}&last={last}>; rel=\"next\"")));
    }
    with_body(StatusCode::OK, &headers, Body::from(json!({"name": name, "tags": page}).to_string()))
}

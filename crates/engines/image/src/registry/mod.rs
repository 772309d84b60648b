//! The registry: the OCI distribution protocol, version 1.1, over the repositories of ECR.
//!
//! What `docker push`, `docker pull`, skopeo, oras and the rest speak: <https://github.com/opencontainers/distribution-spec>.
//! Not there, and refused as `UNSUPPORTED`: the catalogue of repositories (ECR has none), deleting single blobs (the
//! collector does that), and the referrers list, for which the specification gives clients another way.

mod access;
mod blob;
mod fault;
mod manifest;
mod session;
mod tag;

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::Response,
    routing::any,
};
use http::{Method, StatusCode, request::Parts};
use percent_encoding::percent_decode_str;

use crate::{Digest, Images, RepositoryId, Selector, reference};
use fault::{Code, Fault};

/// The registry's routes: `/v2/` and everything below it.
///
/// The server must give each request its peer's address (`into_make_service_with_connect_info::<SocketAddr>()`, or a
/// `ConnectInfo<SocketAddr>` extension): only then are requests without a password served, to loopback alone.
pub fn router(images: Images) -> Router {
    Router::new().route("/v2", any(serve)).route("/v2/", any(serve)).route("/v2/{*path}", any(serve)).with_state(images)
}

/// What a path below `/v2/` names.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint<'a> {
    Base,
    Blob { repository: &'a str, digest: &'a str },
    Sessions { repository: &'a str },
    Session { repository: &'a str, id: &'a str },
    Manifest { repository: &'a str, reference: &'a str },
    Tags { repository: &'a str },
    Unknown,
}

impl<'a> Endpoint<'a> {
    /// Repository names hold slashes, so the end of the path is looked at.
    fn parse(path: &'a str) -> Self {
        let path = path.strip_prefix("/v2").unwrap_or(path).trim_start_matches('/');
        let upload = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Self::Base;
        }
        if let Some(repository) = path.strip_suffix("/tags/list") {
            return Self::Tags { repository };
        }
        if let Some(repository) = upload.strip_suffix("/blobs/uploads") {
            return Self::Sessions { repository };
        }
        let Some((rest, last)) = path.rsplit_once('/') else { return Self::Unknown };
        if let Some(repository) = rest.strip_suffix("/blobs/uploads") {
            Self::Session { repository, id: last }
        } else if let Some(repository) = rest.strip_suffix("/blobs") {
            Self::Blob { repository, digest: last }
        } else if let Some(repository) = rest.strip_suffix("/manifests") {
            Self::Manifest { repository, reference: last }
        } else {
            Self::Unknown
        }
    }

    fn repository(&self) -> Option<&'a str> {
        match self {
            Self::Blob { repository, .. }
            | Self::Sessions { repository }
            | Self::Session { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Tags { repository } => Some(repository),
            Self::Base | Self::Unknown => None,
        }
    }
}

/// One request, without its body.
struct Call {
    images: Images,
    repository: RepositoryId,
    head: Parts,
}

impl Call {
    /// A parameter of the query string.
    fn query(&self, name: &str) -> Option<String> {
        let query = self.head.uri.query()?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.into_iter().find(|(key, _)| *key == name)?.1.replace('+', " ");
        Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
    }

    fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

async fn serve(State(images): State<Images>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let without_body = head.method == Method::HEAD;
    match answer(images, head, body).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(without_body),
    }
}

async fn answer(images: Images, head: Parts, body: Body) -> Result<Response, Fault> {
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned();
    let method = head.method.clone();
    let endpoint = Endpoint::parse(&path);
    let Some(name) = endpoint.repository() else {
        access::check(&images, &head.headers)?;
        return match endpoint {
            Endpoint::Base if method == Method::GET || method == Method::HEAD => Ok(base()),
            _ => Err(unsupported(&method, &path)),
        };
    };
    if !reference::is_repository_name(name) {
        return Err(Fault::new(Code::NameInvalid, format!("`{name}` is no name of a repository")));
    }
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address);
    let repository = access::repository(&images, &head.headers, peer, name)?;
    if !images.0.repositories.exists(&repository)? {
        return Err(crate::RepositoriesError::NotFound(repository).into());
    }
    let call = Call { images, repository, head };
    match (method.as_str(), endpoint) {
        ("GET" | "HEAD", Endpoint::Blob { digest, .. }) => blob::get(&call, &parse_digest(digest)?).await,
        ("POST", Endpoint::Sessions { .. }) => session::begin(&call, body).await,
        ("GET", Endpoint::Session { id, .. }) => session::status(&call, id),
        ("PATCH", Endpoint::Session { id, .. }) => session::append(&call, id, body).await,
        ("PUT", Endpoint::Session { id, .. }) => session::finish(&call, id, body).await,
        ("DELETE", Endpoint::Session { id, .. }) => session::cancel(&call, id),
        ("GET" | "HEAD", Endpoint::Manifest { reference, .. }) => manifest::get(&call, &parse_selector(reference)?),
        ("PUT", Endpoint::Manifest { reference, .. }) => manifest::put(&call, parse_selector(reference)?, body).await,
        ("DELETE", Endpoint::Manifest { reference, .. }) => manifest::delete(&call, &parse_selector(reference)?),
        ("GET", Endpoint::Tags { .. }) => tag::list(&call),
        _ => Err(unsupported(&method, &path)),
    }
}

fn base() -> Response {
    let mut response = Response::new(Body::from("{}"));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    headers.insert(VERSION.0, http::HeaderValue::from_static(VERSION.1));
    response
}

/// By this clients tell a registry from any other web server.
const VERSION: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");

/// An answer with these headers, without a body.
fn empty(status: StatusCode, headers: &[(&'static str, String)]) -> Result<Response, Fault> {
    with_body(status, headers, Body::empty())
}

fn with_body(status: StatusCode, headers: &[(&'static str, String)], body: Body) -> Result<Response, Fault> {
    let mut response = Response::builder().status(status).header(VERSION.0, VERSION.1);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body).map_err(|error| Fault::new(Code::Unknown, error.to_string()))
}

fn unsupported(method: &Method, path: &str) -> Fault {
    Fault::new(Code::Unsupported, format!("{method} {path} is not supported by this registry"))
}

fn parse_digest(text: &str) -> Result<Digest, Fault> {
    text.parse().map_err(|error: crate::ParseDigestError| Fault::new(Code::DigestInvalid, error.to_string()))
}

fn parse_selector(text: &str) -> Result<Selector, Fault> {
    if text.contains(':') {
        return parse_digest(text).map(Selector::Digest);
    }
    if reference::is_tag(text) {
        return Ok(Selector::Tag(text.to_owned()));
    }
    Err(Fault::new(Code::TagInvalid, format!("`{text}` is no tag: 1 to 128 letters, digits, `_`, `.` and `-` are")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_says_what_it_names() {
        for (path, endpoint) in [
            ("/v2", Endpoint::Base),
            ("/v2/", Endpoint::Base),
            ("/v2/a/tags/list", Endpoint::Tags { repository: "a" }),
            ("/v2/a/b/blobs/uploads/", Endpoint::Sessions { repository: "a/b" }),
            ("/v2/a/blobs/uploads", Endpoint::Sessions { repository: "a" }),
            ("/v2/a/blobs/uploads/x", Endpoint::Session { repository: "a", id: "x" }),
            ("/v2/a/blobs/sha256:0", Endpoint::Blob { repository: "a", digest: "sha256:0" }),
            ("/v2/a/b/c/manifests/v1", Endpoint::Manifest { repository: "a/b/c", reference: "v1" }),
            ("/v2/blobs/blobs/blobs/x", Endpoint::Blob { repository: "blobs/blobs", digest: "x" }),
            ("/v2/_catalog", Endpoint::Unknown),
            ("/v2/a/referrers/sha256:0", Endpoint::Unknown),
        ] {
            assert_eq!(Endpoint::parse(path), endpoint, "{path}");
        }
    }
}

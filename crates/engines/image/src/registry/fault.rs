//! Failures as the distribution protocol spells them: `{"errors":[{"code":…,"message":…}]}`.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::VERSION;
use crate::{PutManifestError, RepositoriesError, TokenError, upload::UploadError};

/// The codes of the specification that we use, and the two that only Docker has (`TagInvalid`, `RangeInvalid`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    TooManyRequests,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::Denied => "DENIED",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::RangeInvalid => "RANGE_INVALID",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::TagInvalid => "TAG_INVALID",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unknown => "UNKNOWN",
            Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown | Self::BlobUploadUnknown | Self::ManifestUnknown | Self::NameUnknown => {
                StatusCode::NOT_FOUND
            }
            Self::Denied => StatusCode::FORBIDDEN,
            Self::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A failure on its way to a client.
#[derive(Debug)]
pub(super) struct Fault {
    code: Code,
    message: String,
    /// Where the client should go on, after a piece that does not fit.
    resume: Option<(String, u64)>,
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), resume: None }
    }

    /// With the place and the byte where an upload goes on.
    pub(super) fn resuming(self, location: String, holds: u64) -> Self {
        Self { resume: Some((location, holds)), ..self }
    }

    pub(super) fn into_response(self, head: bool) -> Response {
        if self.code == Code::Unknown {
            tracing::error!(error = %self.message, "The registry failed.");
        }
        let body = json!({"errors": [{"code": self.code.name(), "message": self.message}]}).to_string();
        let mut response = Response::new(if head { Body::empty() } else { Body::from(body) });
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(VERSION.0, HeaderValue::from_static(VERSION.1));
        if self.code == Code::Unauthorized {
            let challenge = "Basic realm=\"Serin\",service=\"ecr.amazonaws.com\"";
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some((location, holds)) = self.resume {
            headers.extend(HeaderValue::from_str(&location).ok().map(|value| (header::LOCATION, value)));
            let range = HeaderValue::from_str(&super::session::range(holds)).ok();
            headers.extend(range.map(|value| (header::RANGE, value)));
        }
        response
    }
}

impl From<RepositoriesError> for Fault {
    fn from(error: RepositoriesError) -> Self {
        let code = match &error {
            RepositoriesError::NotFound(_) => Code::NameUnknown,
            RepositoriesError::TagImmutable { .. } => Code::TagInvalid,
            RepositoriesError::Referenced { .. } => Code::Denied,
            RepositoriesError::Store(_) => Code::Unknown,
        };
        Self::new(code, error.to_string())
    }
}

impl From<PutManifestError> for Fault {
    fn from(error: PutManifestError) -> Self {
        let code = match error {
            PutManifestError::Repositories(error) => return error.into(),
            PutManifestError::Parse(_) | PutManifestError::TooLarge => Code::ManifestInvalid,
            PutManifestError::Digest { .. } => Code::DigestInvalid,
            PutManifestError::MissingLayers(_) | PutManifestError::MissingImages(_) => Code::ManifestBlobUnknown,
            PutManifestError::Io(_) => Code::Unknown,
        };
        Self::new(code, error.to_string())
    }
}

impl From<UploadError> for Fault {
    fn from(error: UploadError) -> Self {
        let code = match &error {
            UploadError::Unknown(_) => Code::BlobUploadUnknown,
            UploadError::Busy(_) | UploadError::Idle | UploadError::Broken(_) => Code::BlobUploadInvalid,
            UploadError::TooMany => Code::TooManyRequests,
            UploadError::Gap { .. } => Code::RangeInvalid,
            UploadError::TooLarge(_) => Code::SizeInvalid,
            UploadError::Digest { .. } => Code::DigestInvalid,
            UploadError::Io(_) => Code::Unknown,
        };
        Self::new(code, error.to_string())
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Forged => Code::Unauthorized,
            TokenError::Expired => Code::Denied,
        };
        Self::new(code, error.to_string())
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::new(Code::Unknown, format!("the image store can't be read or written: {error}"))
    }
}

//! The contract of one operation, free of any protocol.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeOwned},
};

/// One AWS operation: what comes in and what goes out.
pub trait Operation: 'static {
    /// The service it belongs to, as in SigV4's credential scope: `appmesh`, `elasticloadbalancing`.
    const SERVICE: &'static str;
    /// Its name in the API model.
    const NAME: &'static str;
    /// Where a REST protocol binds it; the other protocols ignore this.
    const HTTP: Http = Http::RPC;
    /// What a caller sends.
    type Request: Serialize + DeserializeOwned + Send + 'static;
    /// What a caller gets.
    type Response: Serialize + DeserializeOwned + Send + 'static;
}

/// The HTTP binding of an operation, as its API model states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// The method.
    pub method: &'static str,
    /// The path with its labels: `/v20190125/meshes/{meshName}`.
    pub uri: &'static str,
    /// Members that travel in the query string.
    pub query: &'static [&'static str],
    /// The one response member that *is* the body, if any.
    pub payload: Option<&'static str>,
    /// The status of success.
    pub status: u16,
}

impl Http {
    /// No binding of its own: one path, and the operation is named elsewhere.
    pub const RPC: Self = Self { method: "POST", uri: "/", query: &[], payload: None, status: 200 };

    /// A binding to `method` on `uri`, with everything in the body.
    pub const fn new(method: &'static str, uri: &'static str) -> Self {
        Self { method, uri, query: &[], payload: None, status: 200 }
    }

    /// With these members in the query string.
    #[must_use]
    pub const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// With this response member as the body.
    #[must_use]
    pub const fn payload(self, member: &'static str) -> Self {
        Self { payload: Some(member), ..self }
    }
}

/// What a caller sees of a failure: the code and status are contract, the text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// The error code as it goes over the wire: `ConflictException`, `ValidationError`.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// What failed, on which thing, and what to do.
    pub message: String,
}

impl Fault {
    /// A failure with this `code`, `status` and `message`.
    pub fn new(code: impl Into<String>, status: u16, message: impl Into<String>) -> Self {
        Self { code: code.into(), status, message: message.into() }
    }

    /// A failure of the caller: status 400.
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code, 400, message)
    }

    /// A failure of ours: status 500 and AWS's common code. The caller may try again.
    pub fn internal(error: impl fmt::Display) -> Self {
        Self::new("InternalFailure", 500, error.to_string())
    }
}

/// Bytes that travel as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BlobVisitor)
    }
}

struct BlobVisitor;

impl de::Visitor<'_> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes as base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
        BASE64_STANDARD.decode(text).map(Blob).map_err(E::custom)
    }
}

/// Declares an operation: `operation!(CreateRoute, "appmesh", CreateRouteRequest, CreateRouteResponse, Http::new(…))`;
/// the binding is left out for the protocols that have none.
#[macro_export]
macro_rules! operation {
    ($(#[$doc:meta])* $name:ident, $service:literal, $request:ty, $response:ty) => {
        $crate::operation!($(#[$doc])* $name, $service, $request, $response, $crate::Http::RPC);
    };
    ($(#[$doc:meta])* $name:ident, $service:literal, $request:ty, $response:ty, $http:expr) => {
        $(#[$doc])*
        #[doc = concat!("The operation `", stringify!($name), "` of `", $service, "`.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $crate::Operation for $name {
            const SERVICE: &'static str = $service;
            const NAME: &'static str = stringify!($name);
            const HTTP: $crate::Http = $http;
            type Request = $request;
            type Response = $response;
        }
    };
}

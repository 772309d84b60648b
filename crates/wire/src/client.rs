//! Calls operations of a running house over HTTP, by name and typed: for the command line.

use std::time::Duration;

use api::{Fault, Operation};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use names::{Clock, Scope};
use serde::Deserialize;

use crate::{
    gateway::{DIRECT, SCOPE},
    sigv4,
};

/// The largest answer taken, in bytes.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// How long a call may take; a held poll takes the longest.
const TIMEOUT: Duration = Duration::from_secs(70);

/// A connection to a house elsewhere on the machine.
#[derive(Clone)]
pub struct Client {
    http: HttpClient<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
    endpoint: String,
    scope: Scope,
    secret: Option<(String, String)>,
    clock: Clock,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered.
    #[error("nothing answers at {endpoint} ({reason}); start it with `serin up`, or name another with --endpoint")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What the connection says.
        reason: String,
    },
    /// The answer makes no sense: the other side is not Serin, or another release of it.
    #[error("what answers at {endpoint} is not this release of Serin: {reason}")]
    Strange {
        /// Where.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operation was refused.
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Deserialize)]
struct FaultBody {
    #[serde(rename = "__type")]
    code: String,
    message: String,
}

impl Client {
    /// A client of the house at `endpoint` (`http://127.0.0.1:4566`), speaking for `scope` and signing with
    /// `secret` (access key, secret key) where given.
    pub fn new(endpoint: impl Into<String>, scope: Scope, secret: Option<(String, String)>) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Self { http, endpoint: endpoint.into(), scope, secret, clock: Clock::System }
    }

    /// The same house for another scope.
    #[must_use]
    pub fn in_scope(&self, scope: Scope) -> Self {
        Self { scope, ..self.clone() }
    }

    /// Calls `Op`.
    pub async fn call<Op: Operation>(&self, request: Op::Request) -> Result<Op::Response, ClientError> {
        let body = serde_json::to_vec(&request).map_err(|error| self.strange(error))?;
        let path = format!("{DIRECT}{}/{}", Op::SERVICE, Op::NAME);
        let (status, body) = tokio::time::timeout(TIMEOUT, self.send(Op::SERVICE, &path, body))
            .await
            .map_err(|_| self.unreachable(format!("no answer within {} s", TIMEOUT.as_secs())))??;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.strange(error));
        }
        let fault: FaultBody = serde_json::from_slice(&body).map_err(|_| self.strange(status))?;
        Err(Fault::new(fault.code, status.as_u16(), fault.message).into())
    }

    async fn send(&self, service: &str, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), ClientError> {
        let uri: Uri = format!("{}{path}", self.endpoint).parse().map_err(|error| self.strange(error))?;
        let mut headers = HeaderMap::new();
        let host = uri.authority().map_or("localhost", |authority| authority.as_str());
        headers.insert(header::HOST, host.parse().map_err(|error| self.strange(error))?);
        headers.insert(SCOPE, self.scope.to_string().parse().map_err(|error| self.strange(error))?);
        let account = self.scope.account.to_string();
        let (key, secret) = self.secret.as_ref().map_or((account.as_str(), ""), |(key, secret)| (key, secret));
        let region = &self.scope.region;
        sigv4::sign((key, secret), (service, region), self.clock.now(), &mut headers, ("POST", path, &body));
        let mut request = Request::post(uri).body(Full::new(Bytes::from(body))).map_err(|error| self.strange(error))?;
        *request.headers_mut() = headers;
        let answer = self.http.request(request).await.map_err(|error| self.unreachable(chain(&error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        Ok((status, body.map_err(|error| self.strange(error))?.to_bytes()))
    }

    fn unreachable(&self, reason: impl ToString) -> ClientError {
        ClientError::Unreachable { endpoint: self.endpoint.clone(), reason: reason.to_string() }
    }

    fn strange(&self, reason: impl ToString) -> ClientError {
        ClientError::Strange { endpoint: self.endpoint.clone(), reason: reason.to_string() }
    }
}

/// The innermost cause says most: "connection refused" rather than "client error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

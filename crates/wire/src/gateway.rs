//! The way of a request through the house, as one visible chain.

use std::{collections::BTreeMap, sync::Arc};

use api::Fault;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use names::{AccountId, Clock, Ids, Scope};
use serde_json::Value;
use tracing::{Instrument, info, info_span};

use crate::{
    Call, Caller, Protocol, Service,
    protocol::{self, Incoming, Outgoing},
    sigv4::{Credential, Signed},
};

/// The largest request body, in bytes: more than any AWS API here takes.
pub const BODY_MAX: usize = 8 * 1024 * 1024;
/// Where the command line calls operations by name, members in JSON.
pub(crate) const DIRECT: &str = "/_serin/";
/// For whom it speaks then, `<account>/<region>`, whoever signed: our own command line looks at the whole house.
pub(crate) const SCOPE: &str = "x-serin-scope";

/// Takes requests to the services.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    caller: Caller,
    clock: Clock,
    ids: Ids,
    account: AccountId,
    secrets: Secrets,
}

/// The secrets that signatures are verified with.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// By access key. While there are none, signatures are accepted as given.
    pub configured: BTreeMap<String, String>,
    /// The secret of this house's own tasks, whose access key is their account.
    pub tasks: String,
}

impl Secrets {
    fn of(&self, access_key: &str) -> Option<&str> {
        let tasks = || access_key.parse::<AccountId>().ok().filter(|_| !self.tasks.is_empty()).map(|_| &self.tasks);
        self.configured.get(access_key).or_else(tasks).map(String::as_str)
    }
}

/// A request that has come in whole.
struct Arrived {
    parts: Parts,
    body: Vec<u8>,
}

impl Gateway {
    /// A gateway to the services behind `caller`. `account` is whose a call is whose access key names none; once
    /// `secrets` has configured ones, every signature must match.
    pub fn new(caller: Caller, clock: Clock, ids: Ids, account: AccountId, secrets: Secrets) -> Self {
        Self(Arc::new(Inner { caller, clock, ids, account, secrets }))
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let request_id = self.0.ids.uuid();
        let (parts, body) = request.into_parts();
        let fallback = protocol::guess(text(&parts.headers, "x-amz-target"), text(&parts.headers, "content-type"));
        let body = match read(&parts.headers, body).await {
            Ok(body) => body,
            Err(fault) => return respond(protocol::write_fault(fallback, &fault, &request_id), &request_id, true),
        };
        let arrived = Arrived { parts, body };
        let outgoing = match self.authenticate(&arrived, &request_id) {
            Ok((call, _)) if arrived.parts.uri.path().starts_with(DIRECT) => self.direct(call, &arrived).await,
            Ok((call, service)) => self.dispatch(call, &service, fallback, &arrived).await,
            Err(fault) => protocol::write_fault(fallback, &fault, &request_id),
        };
        respond(outgoing, &request_id, false)
    }

    /// Who asks, for which service.
    fn authenticate(&self, arrived: &Arrived, request_id: &str) -> Result<(Call, String), Fault> {
        let Arrived { parts, body } = arrived;
        let credential = Credential::read(&parts.headers)?;
        if !self.0.secrets.configured.is_empty() {
            let secret = self.0.secrets.of(&credential.access_key).ok_or_else(|| {
                Fault::new("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
            })?;
            let (method, uri) = (parts.method.as_str(), &parts.uri);
            let query = uri.query().unwrap_or_default();
            let signed = Signed { method, path: uri.path(), query, headers: &parts.headers, body };
            credential.verify(secret, &signed, self.0.clock.now())?;
        }
        let scope = credential.scope(&self.0.account);
        let waiter = polled_by_waiter(text(&parts.headers, "user-agent"));
        let Credential { access_key, service, .. } = credential;
        Ok((Call { scope, access_key, request_id: request_id.to_owned(), waiter }, service))
    }

    async fn dispatch(&self, call: Call, service: &str, fallback: Protocol, arrived: &Arrived) -> Outgoing {
        let request_id = call.request_id.clone();
        let Some(service) = self.0.caller.service(service) else {
            let message = format!("The service {service} is not part of Serin.");
            return protocol::write_fault(fallback, &Fault::new("UnknownService", 501, message), &request_id);
        };
        let protocol = service.definition().protocol;
        let (operation, members) = match protocol::read(service, &arrived.incoming()) {
            Ok(found) => found,
            Err(fault) => return protocol::write_fault(protocol, &fault, &request_id),
        };
        let result = logged(service, operation.name, call, |call| service.invoke(operation, call, members)).await;
        match result {
            Ok(value) => protocol::write(protocol, operation, value, &request_id),
            Err(fault) => protocol::write_fault(protocol, &fault, &request_id),
        }
    }

    /// `POST /_serin/<service>/<operation>`: the members as they are, for our own command line.
    async fn direct(&self, mut call: Call, arrived: &Arrived) -> Outgoing {
        let request_id = call.request_id.clone();
        let scope = text(&arrived.parts.headers, SCOPE).split_once('/');
        if let Some((account, region)) = scope.and_then(|(account, region)| Some((account.parse().ok()?, region))) {
            call.scope = Scope::new(account, names::Region::new(region));
        }
        let answer = async {
            let path = arrived.parts.uri.path().strip_prefix(DIRECT).unwrap_or_default();
            let (service, name) = path.split_once('/').unwrap_or((path, ""));
            let service = self.0.caller.service(service);
            let service = service.ok_or_else(|| Fault::new("UnknownService", 404, format!("no service at {path}")))?;
            let members = serde_json::from_slice(&arrived.body);
            let members = members.map_err(|error| Fault::client("SerializationException", error.to_string()))?;
            logged(service, name, call, |call| service.call(name, call, members)).await
        };
        match answer.await {
            Ok(value) => {
                Outgoing { status: 200, content_type: "application/json", error_type: None, body: value.to_string() }
            }
            Err(fault) => protocol::write_fault(Protocol::RestJson, &fault, &request_id),
        }
    }
}

impl Arrived {
    fn incoming(&self) -> Incoming<'_> {
        Incoming {
            method: self.parts.method.as_str(),
            path: self.parts.uri.path(),
            query: self.parts.uri.query().unwrap_or_default(),
            target: text(&self.parts.headers, "x-amz-target"),
            body: &self.body,
        }
    }
}

/// Runs one call in a span of its own and logs how it ended.
async fn logged<R>(service: &Service, operation: &str, call: Call, run: impl FnOnce(Call) -> R) -> Result<Value, Fault>
where
    R: Future<Output = Result<Value, Fault>>,
{
    let Scope { account, region } = call.scope.clone();
    let service = service.definition().signing_name;
    let span = info_span!("call", service, operation, %account, %region, request_id = call.request_id);
    async {
        let result = run(call).await;
        match &result {
            Ok(_) => info!("Answered."),
            Err(fault) => info!(code = fault.code, status = fault.status, message = fault.message, "Refused."),
        }
        result
    }
    .instrument(span)
    .await
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Fault> {
    let too_large = || {
        Fault::new(
            "RequestEntityTooLarge",
            413,
            format!("The request body is larger than the {BODY_MAX} bytes a request may have."),
        )
    };
    let announced = text(headers, "content-length").parse::<u64>().unwrap_or(0);
    if announced > BODY_MAX as u64 {
        return Err(too_large());
    }
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Fault::client("RequestTimeout", format!("the request body did not arrive: {error}"))),
    }
}

fn respond(outgoing: Outgoing, request_id: &str, close: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(outgoing.body));
    *response.status_mut() = StatusCode::from_u16(outgoing.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(outgoing.content_type));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", value);
    }
    if let Some(value) = outgoing.error_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        headers.insert("x-amzn-errortype", value);
    }
    if close {
        // The rest of a body that is not read must not be taken for the next request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// SDKs of botocore's family mark what they do in the user agent: feature `B` under `m/` is a waiter.
fn polled_by_waiter(user_agent: &str) -> bool {
    let mut features = user_agent.split(' ').filter_map(|part| part.strip_prefix("m/"));
    features.any(|features| features.split(',').any(|feature| feature == "B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_is_known_by_its_user_agent() {
        assert!(polled_by_waiter("aws-cli/1.46.3 md/Botocore#1.44.5 ua/2.1 os/linux m/B,b,Z cfg/retry-mode#legacy"));
        assert!(!polled_by_waiter("aws-cli/1.46.3 m/b,Z"));
        assert!(!polled_by_waiter(""));
    }
}

//! Binds an operation's contract to the function that keeps it.

use std::{future::Future, ops::Deref, pin::Pin, sync::Arc};

use api::{Fault, Operation};
use names::Scope;
use serde_json::Value;

use crate::protocol::members;

/// Who calls, apart from what is called.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The account and region the call speaks for.
    pub scope: Scope,
    /// The access key that signed it; empty for a call in process.
    pub access_key: String,
    /// Names the call in answers and logs.
    pub request_id: String,
    /// The call is the poll of an SDK's waiter: it may be held until there is news.
    pub waiter: bool,
}

/// What an operation is given beside its request: the call and the service's own state, to which it dereferences.
pub struct Context<S> {
    call: Call,
    service: Arc<S>,
}

impl<S> Context<S> {
    /// A context for `call` on `service`; tests make theirs with it.
    pub fn new(call: Call, service: Arc<S>) -> Self {
        Self { call, service }
    }

    /// The account and region the call speaks for.
    pub fn scope(&self) -> &Scope {
        &self.call.scope
    }

    /// All that is known of the call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The service's state, shared.
    pub fn service(&self) -> &Arc<S> {
        &self.service
    }
}

impl<S> Clone for Context<S> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), service: Arc::clone(&self.service) }
    }
}

impl<S> Deref for Context<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.service
    }
}

/// Why an operation did not answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Its members could not be read as its request.
    Malformed(String),
    /// It refused, or could not.
    Fault(Fault),
}

type Reply = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;
type Handler<S> = dyn Fn(Context<S>, Value) -> Reply + Send + Sync;

/// An operation bound to its function, request and response types erased.
pub struct Bound<S> {
    pub(crate) name: &'static str,
    pub(crate) service: &'static str,
    pub(crate) http: api::Http,
    pub(crate) call: Box<Handler<S>>,
}

/// Binds `handler` to `Op`; a wrong signature does not compile.
pub fn bind<Op, S, F, R, E>(handler: F) -> Bound<S>
where
    Op: Operation,
    S: Send + Sync + 'static,
    F: Fn(Context<S>, Op::Request) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Op::Response, E>> + Send + 'static,
    E: Into<Fault> + 'static,
{
    let call = move |context, members: Value| -> Reply {
        let handler = handler.clone();
        Box::pin(async move {
            let request = members::read(members).map_err(Failure::Malformed)?;
            let response = handler(context, request).await.map_err(|error| Failure::Fault(error.into()))?;
            serde_json::to_value(response).map_err(|error| Failure::Fault(Fault::internal(error)))
        })
    };
    Bound { name: Op::NAME, service: Op::SERVICE, http: Op::HTTP, call: Box::new(call) }
}

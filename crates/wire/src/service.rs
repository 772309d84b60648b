//! A service is a table of operations.

use std::sync::Arc;

use api::{Fault, Http};
use serde_json::Value;

use crate::{Bound, Call, Context, Protocol, bind::Failure};

/// What a service is to the wire.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its name in SigV4's credential scope, by which requests find it: `appmesh`, `elasticloadbalancing`.
    pub signing_name: &'static str,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// The error code for members that are missing, unknown or of the wrong type.
    pub invalid: &'static str,
}

/// A service with its state inside; cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    definition: Definition,
    operations: Vec<Erased>,
}

type Reply = std::pin::Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// A bound operation with its service's state inside.
pub(crate) struct Erased {
    pub(crate) name: &'static str,
    pub(crate) http: Http,
    call: Box<dyn Fn(Call, Value) -> Reply + Send + Sync>,
}

impl Service {
    /// The service that `definition` describes, made of `operations` on `state`.
    ///
    /// # Panics
    /// When an operation belongs to another service or stands twice: the table itself is wrong.
    pub fn new<S: Send + Sync + 'static>(definition: Definition, state: &Arc<S>, operations: Vec<Bound<S>>) -> Self {
        for (index, operation) in operations.iter().enumerate() {
            assert_eq!(operation.service, definition.signing_name, "{} stands in the wrong table", operation.name);
            let twice = operations[..index].iter().any(|earlier| earlier.name == operation.name);
            assert!(!twice, "{} stands twice in the table of {}", operation.name, definition.signing_name);
        }
        let operations = operations.into_iter().map(|bound| erase(bound, state)).collect();
        Self(Arc::new(Inner { definition, operations }))
    }

    /// What it is to the wire.
    pub fn definition(&self) -> &Definition {
        &self.0.definition
    }

    /// The names and HTTP bindings of its operations, in the table's order.
    pub fn operations(&self) -> impl Iterator<Item = (&'static str, Http)> {
        self.0.operations.iter().map(|operation| (operation.name, operation.http))
    }

    pub(crate) fn table(&self) -> &[Erased] {
        &self.0.operations
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Erased> {
        self.0.operations.iter().find(|operation| operation.name == name)
    }

    /// Calls the operation `name` with `members` as they came, without a socket.
    pub async fn call(&self, name: &str, call: Call, members: Value) -> Result<Value, Fault> {
        match self.named(name) {
            Some(operation) => self.invoke(operation, call, members).await,
            None => Err(self.unknown(name)),
        }
    }

    pub(crate) async fn invoke(&self, operation: &Erased, call: Call, members: Value) -> Result<Value, Fault> {
        (operation.call)(call, members).await.map_err(|failure| match failure {
            Failure::Malformed(message) => Fault::client(self.0.definition.invalid, message),
            Failure::Fault(fault) => fault,
        })
    }

    /// AWS's own kind of answer to an operation that is not there.
    pub(crate) fn unknown(&self, operation: &str) -> Fault {
        let Definition { signing_name, protocol, .. } = self.0.definition;
        let message = format!(
            "The action {operation} is not valid for this web service: Serin's {signing_name} has no such operation."
        );
        match protocol {
            Protocol::Query { .. } | Protocol::Ec2 { .. } => Fault::new("InvalidAction", 400, message),
            Protocol::RestJson => Fault::new("UnknownOperationException", 404, message),
            Protocol::Json10 { .. } | Protocol::Json11 { .. } => Fault::new("UnknownOperationException", 400, message),
        }
    }
}

fn erase<S: Send + Sync + 'static>(bound: Bound<S>, state: &Arc<S>) -> Erased {
    let Bound { name, http, call, .. } = bound;
    let state = Arc::clone(state);
    Erased {
        name,
        http,
        call: Box::new(move |context, members| call(Context::new(context, Arc::clone(&state)), members)),
    }
}

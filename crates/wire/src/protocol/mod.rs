//! The wire protocols: bytes to members, answers to bytes. They know no service.
//!
//! Shapes, error forms and content types follow the Smithy specifications of each protocol
//! (<https://smithy.io/2.0/aws/protocols/>).

mod form;
mod json;
pub(crate) mod members;
mod rest;
mod xml;

use api::Fault;
use serde_json::Value;

pub(crate) use self::form::pairs as query_pairs;

use crate::{Service, service::Erased};

/// How a service's calls are spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// REST bindings, JSON bodies.
    RestJson,
    /// JSON 1.0, the operation in `X-Amz-Target` behind this prefix.
    Json10 {
        /// What stands before the dot in `X-Amz-Target`.
        target_prefix: &'static str,
    },
    /// JSON 1.1, the operation in `X-Amz-Target` behind this prefix.
    Json11 {
        /// What stands before the dot in `X-Amz-Target`.
        target_prefix: &'static str,
    },
    /// Form in, XML out.
    Query {
        /// The XML namespace of answers.
        namespace: &'static str,
    },
    /// EC2's own dialect of [`Protocol::Query`].
    Ec2 {
        /// The XML namespace of answers.
        namespace: &'static str,
    },
}

/// The parts of an HTTP request that a protocol reads.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

/// An answer as it goes out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// The `x-amzn-errortype` header, where the protocol has one.
    pub(crate) error_type: Option<String>,
    pub(crate) body: String,
}

/// Finds the operation a request means and reads its members.
pub(crate) fn read<'s>(service: &'s Service, incoming: &Incoming<'_>) -> Result<(&'s Erased, Value), Fault> {
    match service.definition().protocol {
        Protocol::RestJson => rest::read(service, incoming),
        Protocol::Json10 { target_prefix } | Protocol::Json11 { target_prefix } => {
            json::read(service, target_prefix, incoming)
        }
        Protocol::Query { .. } | Protocol::Ec2 { .. } => form::read(service, incoming),
    }
}

/// Writes what `operation` answered.
pub(crate) fn write(protocol: Protocol, operation: &Erased, value: Value, request_id: &str) -> Outgoing {
    match protocol {
        Protocol::RestJson => rest::write(operation, value),
        Protocol::Json10 { .. } => json::write(json::V1_0, value),
        Protocol::Json11 { .. } => json::write(json::V1_1, value),
        Protocol::Query { namespace } => xml::query(namespace, operation.name, &value, request_id),
        Protocol::Ec2 { namespace } => xml::ec2(namespace, operation.name, &value, request_id),
    }
}

/// Writes a failure.
pub(crate) fn write_fault(protocol: Protocol, fault: &Fault, request_id: &str) -> Outgoing {
    match protocol {
        Protocol::RestJson => rest::write_fault(fault),
        Protocol::Json10 { .. } => json::write_fault(json::V1_0, fault),
        Protocol::Json11 { .. } => json::write_fault(json::V1_1, fault),
        Protocol::Query { namespace } => xml::query_fault(namespace, fault, request_id),
        Protocol::Ec2 { .. } => xml::ec2_fault(fault, request_id),
    }
}

/// The protocol of a request whose service is not known, by what it looks like.
pub(crate) fn guess(target: &str, content_type: &str) -> Protocol {
    if !target.is_empty() {
        Protocol::Json11 { target_prefix: "" }
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        Protocol::Query { namespace: "" }
    } else {
        Protocol::RestJson
    }
}

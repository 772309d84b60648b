//! JSON 1.0 and 1.1: one path, the operation in a header, members in the body.

use api::Fault;
use names::Timestamp;
use serde_json::{Map, Value, json};

use super::{Incoming, Outgoing};
use crate::{Service, service::Erased};

pub(crate) const V1_0: &str = "application/x-amz-json-1.0";
pub(crate) const V1_1: &str = "application/x-amz-json-1.1";

pub(crate) fn read<'s>(
    service: &'s Service,
    prefix: &str,
    incoming: &Incoming<'_>,
) -> Result<(&'s Erased, Value), Fault> {
    let name = incoming.target.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
    let name = name.ok_or_else(|| service.unknown(incoming.target))?;
    let operation = service.named(name).ok_or_else(|| service.unknown(name))?;
    Ok((operation, Value::Object(object(incoming.body)?)))
}

/// The members in a JSON body; an empty one has none.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|error| Fault::client("SerializationException", format!("the body is not a JSON object: {error}")))
}

pub(crate) fn write(content_type: &'static str, mut value: Value) -> Outgoing {
    plain(&mut value);
    let value = if value.is_null() { json!({}) } else { value };
    Outgoing { status: 200, content_type, error_type: None, body: value.to_string() }
}

pub(crate) fn write_fault(content_type: &'static str, fault: &Fault) -> Outgoing {
    let body = json!({ "__type": fault.code, "message": fault.message }).to_string();
    Outgoing { status: fault.status, content_type, error_type: Some(fault.code.clone()), body }
}

/// Spells times as JSON protocols do, in seconds, and drops members that are not set.
pub(crate) fn plain(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(time) = time(map) {
                *value = json!(time.as_seconds());
                return;
            }
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// The time that a marker stands for (see [`Timestamp`]).
pub(crate) fn time(map: &Map<String, Value>) -> Option<Timestamp> {
    let milliseconds = map.get("$timestamp")?.as_i64()?;
    (map.len() == 1).then(|| Timestamp::from_millis(milliseconds))
}

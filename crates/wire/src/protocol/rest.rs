//! REST with JSON: the path says what, labels and query carry members, the body carries the rest.

use api::{Fault, Http};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Incoming, Outgoing, form::pairs, json};
use crate::{Service, service::Erased};

const CONTENT_TYPE: &str = "application/json";

pub(crate) fn read<'s>(service: &'s Service, incoming: &Incoming<'_>) -> Result<(&'s Erased, Value), Fault> {
    let matching = service.table().iter().filter(|operation| operation.http.method == incoming.method);
    let (operation, labels) = matching
        .filter_map(|operation| labels(operation.http.uri, incoming.path).map(|labels| (operation, labels)))
        .min_by_key(|(_, labels)| labels.len())
        .ok_or_else(|| service.unknown(&format!("{} {}", incoming.method, incoming.path)))?;
    let mut members = json::object(incoming.body)?;
    members.extend(labels);
    for (key, value) in pairs(incoming.query) {
        query_member(&operation.http, &mut members, key, value)?;
    }
    Ok((operation, Value::Object(members)))
}

/// Takes one query parameter in; one that comes again makes a list.
fn query_member(http: &Http, members: &mut Map<String, Value>, key: String, value: String) -> Result<(), Fault> {
    if !http.query.contains(&key.as_str()) {
        return Err(Fault::client("BadRequestException", format!("unknown query parameter `{key}`")));
    }
    let value = Value::String(value);
    match members.get_mut(&key) {
        None => _ = members.insert(key, value),
        Some(Value::Array(items)) => items.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
    Ok(())
}

/// Matches `/meshes/{meshName}/routes` against a path, yielding the labels decoded.
fn labels(uri: &str, path: &str) -> Option<Map<String, Value>> {
    let (mut uri, mut path, mut found) = (uri.split('/'), path.split('/'), Map::new());
    loop {
        match (uri.next(), path.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(part)) => match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                Some(label) if !part.is_empty() => {
                    let value = percent_decode_str(part).decode_utf8().ok()?.into_owned();
                    found.insert(label.to_owned(), Value::String(value));
                }
                None if wanted == part => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

pub(crate) fn write(operation: &Erased, mut value: Value) -> Outgoing {
    if let Some(member) = operation.http.payload {
        value = value.get_mut(member).map_or(Value::Null, Value::take);
    }
    Outgoing { status: operation.http.status, ..json::write(CONTENT_TYPE, value) }
}

pub(crate) fn write_fault(fault: &Fault) -> Outgoing {
    // X-Ray's model spells the member `Message`, App Mesh's `message`: clients read either.
    let body = json!({ "message": fault.message, "Message": fault.message, "__type": fault.code }).to_string();
    Outgoing { status: fault.status, content_type: CONTENT_TYPE, error_type: Some(fault.code.clone()), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_decoded_and_whole_paths_match() {
        let found = labels("/meshes/{meshName}/routes", "/meshes/a%2Fb/routes").unwrap();
        assert_eq!(found["meshName"], "a/b");
        assert_eq!(labels("/meshes/{meshName}", "/meshes/"), None);
        assert_eq!(labels("/meshes/{meshName}", "/meshes/a/routes"), None);
    }
}

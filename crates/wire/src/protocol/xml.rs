//! XML answers: `query`'s and `ec2`'s.

use std::fmt::Write;

use api::Fault;
use serde_json::Value;

use super::{Outgoing, json};

const CONTENT_TYPE: &str = "text/xml;charset=UTF-8";

pub(crate) fn query(namespace: &str, name: &str, value: &Value, request_id: &str) -> Outgoing {
    let mut body = format!("<{name}Response xmlns=\"{namespace}\"><{name}Result>");
    element(value, "member", &mut body);
    let _ = write!(
        body,
        "</{name}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    );
    answer(200, body)
}

pub(crate) fn query_fault(namespace: &str, fault: &Fault, request_id: &str) -> Outgoing {
    let kind = if fault.status < 500 { "Sender" } else { "Receiver" };
    let (code, message) = (escape(&fault.code), escape(&fault.message));
    answer(
        fault.status,
        format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        ),
    )
}

pub(crate) fn ec2(namespace: &str, name: &str, value: &Value, request_id: &str) -> Outgoing {
    let mut body = format!("<{name}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>");
    element(value, "item", &mut body);
    let _ = write!(body, "</{name}Response>");
    answer(200, body)
}

pub(crate) fn ec2_fault(fault: &Fault, request_id: &str) -> Outgoing {
    let (code, message) = (escape(&fault.code), escape(&fault.message));
    answer(
        fault.status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{request_id}</RequestID></Response>"
        ),
    )
}

fn answer(status: u16, body: String) -> Outgoing {
    Outgoing {
        status,
        content_type: CONTENT_TYPE,
        error_type: None,
        body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"),
    }
}

/// Writes what stands inside an element; lists put each item into an `item_name`.
fn element(value: &Value, item_name: &str, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            if let Some(time) = json::time(map) {
                out.push_str(&time.to_iso8601());
                return;
            }
            for (name, member) in map.iter().filter(|(_, member)| !member.is_null()) {
                wrapped(name, member, item_name, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| wrapped(item_name, item, item_name, out)),
        Value::String(text) => out.push_str(&escape(text)),
        other => _ = write!(out, "{other}"),
    }
}

fn wrapped(name: &str, value: &Value, item_name: &str, out: &mut String) {
    let _ = write!(out, "<{name}>");
    element(value, item_name, out);
    let _ = write!(out, "</{name}>");
}

/// Escapes what XML cannot hold bare; control characters that XML 1.0 cannot hold at all become `?`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(character),
            character if character.is_control() => out.push('?'),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_times_and_text_are_spelt_as_each_dialect_does() {
        let value = json!({"Stacks": [{"Name": "a<b", "At": {"$timestamp": 0}}], "Gone": null});
        let body = query("ns", "DescribeStacks", &value, "r").body;
        assert!(
            body.contains("<Stacks><member><Name>a&lt;b</Name><At>1970-01-01T00:00:00.000Z</At></member></Stacks>")
        );
        assert!(!body.contains("Gone"));
        assert!(
            ec2("ns", "X", &json!({"vpcSet": [{"a": 1}]}), "r").body.contains("<vpcSet><item><a>1</a></item></vpcSet>")
        );
    }
}

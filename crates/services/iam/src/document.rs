//! Policy documents: whether they are ones. What they say is not evaluated.
//!
//! The grammar is IAM's: a version, if any, and statements, each with an effect and with what it is about. A trust
//! policy says who (`Principal`) and nothing of what it is done to; any other says what it is done to (`Resource`) and
//! nothing of who.

use serde_json::{Map, Value};

use crate::Error;

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who may take a role on.
    Trust,
    /// What may be done.
    Permission,
}

/// The versions there are.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// Checks `text` as a document for `purpose`.
pub(crate) fn check(text: &str, purpose: Purpose) -> Result<(), Error> {
    let wrong = |message: &str| Error::MalformedPolicyDocument(message.to_owned());
    let document: Value = serde_json::from_str(text).map_err(|_| wrong("This policy contains invalid Json"))?;
    let document = document.as_object().ok_or_else(|| wrong("Syntax errors in policy."))?;
    if let Some(key) = document.keys().find(|key| !matches!(key.as_str(), "Version" | "Id" | "Statement")) {
        return Err(Error::MalformedPolicyDocument(format!("Syntax errors in policy: {key} is not part of one.")));
    }
    if document.get("Version").is_some_and(|version| !VERSIONS.iter().any(|known| version == known)) {
        return Err(wrong("The policy must contain a valid version string"));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(wrong("Missing required field Statement")),
    };
    for statement in statements {
        let statement = statement.as_object().ok_or_else(|| wrong("Syntax errors in policy."))?;
        check_statement(statement, purpose).map_err(|message| wrong(&message))?;
    }
    Ok(())
}

fn check_statement(statement: &Map<String, Value>, purpose: Purpose) -> Result<(), String> {
    let known = |key: &str| {
        matches!(key, "Sid" | "Effect" | "Condition" | "Action" | "NotAction")
            || matches!(key, "Principal" | "NotPrincipal" | "Resource" | "NotResource")
    };
    if let Some(key) = statement.keys().find(|key| !known(key)) {
        return Err(format!("Syntax errors in policy: {key} is not part of a statement."));
    }
    match statement.get("Effect").map(Value::as_str) {
        Some(Some("Allow" | "Deny")) => {}
        Some(_) => return Err("Effect must be Allow or Deny".to_owned()),
        None => return Err("Missing required field Effect".to_owned()),
    }
    let one_of = |field: &str| -> Result<bool, String> {
        let negated = format!("Not{field}");
        match (statement.get(field), statement.get(&negated)) {
            (Some(_), Some(_)) => Err(format!("Statement has both {field} and {negated}")),
            (Some(value), None) | (None, Some(value)) => {
                if is_said(value) {
                    Ok(true)
                } else {
                    Err(format!("{field} is empty or not text"))
                }
            }
            (None, None) => Ok(false),
        }
    };
    if !one_of("Action")? {
        return Err("Missing required field Action".to_owned());
    }
    let (needed, prohibited) = match purpose {
        Purpose::Trust => ("Principal", "Resource"),
        Purpose::Permission => ("Resource", "Principal"),
    };
    if one_of(prohibited)? {
        return Err(format!("Has prohibited field {prohibited}"));
    }
    if !one_of(needed)? {
        return Err(format!("Missing required field {needed}"));
    }
    Ok(())
}

/// Whether a value is a text, texts, or a map of those.
fn is_said(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_string),
        Value::Object(members) => !members.is_empty() && members.values().all(is_said),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRUST: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":["ecs-tasks.amazonaws.com"]},
        "Action":["sts:AssumeRole"]}]}"#;
    const PERMISSION: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"s","Effect":"Deny","NotAction":"logs:*",
        "Resource":"*","Condition":{"StringEquals":{"a":"b"}}}}"#;

    #[test]
    fn documents_pass_for_what_they_are() {
        check(TRUST, Purpose::Trust).unwrap();
        check(PERMISSION, Purpose::Permission).unwrap();
        check(&format!("\n  {TRUST}\n"), Purpose::Trust).unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        let swap = |from: &str, to: &str| TRUST.replacen(from, to, 1);
        for (text, purpose, reason) in [
            ("{".to_owned(), Purpose::Trust, "invalid Json"),
            ("[]".to_owned(), Purpose::Trust, "Syntax"),
            ("{}".to_owned(), Purpose::Trust, "Statement"),
            (swap("{\"Statement\"", "{\"Version\":\"2020-01-01\",\"Statement\""), Purpose::Trust, "version"),
            (swap("\"Effect\":\"Allow\",", ""), Purpose::Trust, "Effect"),
            (swap("Allow", "Perhaps"), Purpose::Trust, "Effect"),
            (swap("[\"sts:AssumeRole\"]", "[]"), Purpose::Trust, "Action"),
            (TRUST.to_owned(), Purpose::Permission, "prohibited field Principal"),
            (PERMISSION.to_owned(), Purpose::Trust, "prohibited field Resource"),
            (swap("\"Action\"", "\"Acton\""), Purpose::Trust, "Acton"),
        ] {
            let error = check(&text, purpose).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[{}\\[\\]\":,a-zA-Z*]{0,80}") {
            _ = check(&text, Purpose::Trust);
        }
    }
}

//! How callers name groups and streams: by name, by ARN, or by either.

use names::{Arn, Scope};

use crate::Error;

/// The ARN of the group called `name`, as tags know it.
pub(crate) fn group_arn(scope: &Scope, name: &str) -> String {
    Arn::new("logs", scope, format!("log-group:{name}")).to_string()
}

/// The name in `text`, which is a group's name or its ARN, with or without `:*` behind it.
pub(crate) fn group_of(scope: &Scope, text: &str) -> Result<String, Error> {
    if !text.starts_with("arn:") {
        check_group(text)?;
        return Ok(text.to_owned());
    }
    let arn: Option<Arn> =
        text.parse().ok().filter(|arn: &Arn| arn.service == "logs" && arn.scope().as_ref() == Some(scope));
    let name = arn.as_ref().and_then(|arn| arn.name_of("log-group"));
    let name = name.map(|name| name.strip_suffix(":*").unwrap_or(name));
    name.map(str::to_owned).ok_or_else(|| invalid(format!("`{text}` is not the ARN of a log group in {scope}")))
}

/// The group that is named in one of two members.
pub(crate) fn either(scope: &Scope, name: Option<&str>, identifier: Option<&str>) -> Result<String, Error> {
    match (name, identifier) {
        (Some(one), None) | (None, Some(one)) => group_of(scope, one),
        _ => Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given")),
    }
}

/// Whether `name` is 1 to 512 letters, digits or any of `.-_/#`.
pub(crate) fn check_group(name: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(is_part) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\.\\-_/#A-Za-z0-9]+ and have 1 to 512 characters"
    )))
}

/// Whether `name` is 1 to 512 characters without `:` and `*`.
pub(crate) fn check_stream(name: &str) -> Result<(), Error> {
    if (1..=512).contains(&name.chars().count()) && !name.contains([':', '*']) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [^:*]* and have 1 to 512 characters"
    )))
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidParameter(message.into())
}

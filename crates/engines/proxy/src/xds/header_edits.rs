//! Header fields that are added and taken away.

use envoy_types::pb::envoy::config::core::v3::{HeaderValueOption, header_value_option::HeaderAppendAction};

use crate::{
    format::Template,
    model::{Append, Edits, HeaderAdd, HeaderEdits},
};

/// Edits of requests and responses: what is added and what is removed, of each.
pub(super) fn edits(
    request: (&[HeaderValueOption], &[String]),
    response: (&[HeaderValueOption], &[String]),
) -> Result<HeaderEdits, String> {
    Ok(HeaderEdits { request: one(request)?, response: one(response)? })
}

fn one((add, remove): (&[HeaderValueOption], &[String])) -> Result<Edits, String> {
    let removed = |name: &String| named(name);
    Ok(Edits {
        remove: remove.iter().map(removed).collect::<Result<_, _>>()?,
        add: add.iter().map(added).collect::<Result<_, _>>()?,
    })
}

/// The name of a field that may be edited. Envoy does not let these be.
fn named(name: &str) -> Result<String, String> {
    let lower = name.to_ascii_lowercase();
    if lower.is_empty() || lower.starts_with(':') || lower == "host" {
        return Err(format!("`{name}` may not be modified: no :-prefixed header and not host"));
    }
    Ok(lower)
}

fn added(proto: &HeaderValueOption) -> Result<HeaderAdd, String> {
    let header = proto.header.as_ref().ok_or("a header to add without name and value")?;
    let value = if header.raw_value.is_empty() {
        header.value.clone()
    } else {
        String::from_utf8(header.raw_value.clone())
            .map_err(|_| format!("the raw value of {} is no text", header.key))?
    };
    #[expect(deprecated, reason = "older control planes send it")]
    let append = match (proto.append, HeaderAppendAction::try_from(proto.append_action)) {
        (Some(append), _) if append.value => Append::Always,
        (Some(_), _) => Append::Overwrite,
        (None, Ok(HeaderAppendAction::AppendIfExistsOrAdd)) => Append::Always,
        (None, Ok(HeaderAppendAction::AddIfAbsent)) => Append::IfAbsent,
        (None, Ok(HeaderAppendAction::OverwriteIfExistsOrAdd)) => Append::Overwrite,
        (None, Ok(HeaderAppendAction::OverwriteIfExists)) => Append::OverwriteIfPresent,
        (None, Err(_)) => return Err(format!("append_action {} is not known", proto.append_action)),
    };
    let name = named(&header.key)?;
    let value = Template::parse(&value).map_err(|reason| format!("header {name}: {reason}"))?;
    Ok(HeaderAdd { name, value, append, keep_empty: proto.keep_empty_value })
}

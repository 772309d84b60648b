//! What requests of both services must keep to.

use names::{Arn, Scope, Tags};
use store::Key;

use crate::Error;

/// The tags a thing can have.
pub(crate) const TAGS_MAX: usize = 50;

/// The key of the thing that `text` is the ARN of: one of `service` in `scope`, behind `kind`.
pub(crate) fn arn(
    scope: &Scope,
    text: &str,
    service: &str,
    kind: &'static str,
    missing: fn(String) -> Error,
) -> Result<Key, Error> {
    let wrong = || Error::Arn(text.to_owned(), kind);
    let arn: Arn = text.parse().map_err(|_| wrong())?;
    let name = arn.resource.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).ok_or_else(wrong)?;
    if arn.service != service || name.is_empty() {
        return Err(wrong());
    }
    match arn.scope() {
        Some(found) if found == *scope => Ok(Key::new(scope, name)),
        _ => Err(missing(text.to_owned())),
    }
}

/// A host name of two labels or more, with `*.` before it or not.
pub(crate) fn domain(member: &str, name: &str) -> Result<(), Error> {
    let labels: Vec<&str> = name.strip_prefix("*.").unwrap_or(name).split('.').collect();
    let label = |label: &&str| {
        let fits = |character: char| character.is_ascii_alphanumeric() || character == '-';
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.len() <= 253 && labels.len() >= 2 && labels.iter().all(label) {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must be a host \
         name of two labels or more, of 253 characters at most"
    )))
}

/// A text of `min` to `max` characters.
pub(crate) fn length(member: &str, text: &str, min: usize, max: usize) -> Result<(), Error> {
    if (min..=max).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "1 validation error detected: Value '{text}' at '{member}' failed to satisfy constraint: Member must have \
         length between {min} and {max}"
    )))
}

/// A number from `min` to `max`.
pub(crate) fn range(member: &str, value: u32, min: u32, max: u32) -> Result<(), Error> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have \
         value between {min} and {max}"
    )))
}

/// Tags as a request has them, 1 to 50 of them.
pub(crate) fn tags(given: impl IntoIterator<Item = (String, Option<String>)>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for (key, value) in given {
        let value = value.unwrap_or_default();
        length("tags.member.key", &key, 1, 128)?;
        length("tags.member.value", &value, 0, 256)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(Error::Tag(format!("The tag key {key} is there twice")));
        }
    }
    if tags.is_empty() {
        return Err(Error::Validation("at least one tag must be given".to_owned()));
    }
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(tags) }
}

/// Hangs `new` on what has `tags`.
pub(crate) fn add_tags(tags: &mut Tags, new: Tags) -> Result<(), Error> {
    tags.extend(new);
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags(TAGS_MAX)) } else { Ok(()) }
}

/// Takes tags off: by key, and where a value is given only if it is that.
pub(crate) fn remove_tags(tags: &mut Tags, gone: impl IntoIterator<Item = (String, Option<String>)>) {
    for (key, value) in gone {
        if value.is_none_or(|value| tags.get(&key) == Some(&value)) {
            tags.remove(&key);
        }
    }
}

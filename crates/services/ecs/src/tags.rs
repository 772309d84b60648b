//! Tags as callers send them: checked, and kept as a map.

use api::ecs::Tag;
use names::Tags;

use crate::Error;

/// How many tags a resource may have, as on AWS.
const TAGS_MAX: usize = 50;
/// The longest key, in characters.
const KEY_LENGTH_MAX: usize = 128;
/// The longest value, in characters.
const VALUE_LENGTH_MAX: usize = 256;

/// Adds `sent` to `tags`. Keys that begin with `aws:` are AWS's own: only `trusted` callers, the services of this house,
/// may hang them on.
pub(crate) fn add(tags: &mut Tags, sent: &[Tag], trusted: bool) -> Result<(), Error> {
    for Tag { key, value } in sent {
        let value = value.clone().unwrap_or_default();
        let lengths = (1..=KEY_LENGTH_MAX).contains(&key.chars().count()) && value.chars().count() <= VALUE_LENGTH_MAX;
        let reserved = key.to_ascii_lowercase().starts_with("aws:") && !trusted;
        if !lengths || reserved {
            return Err(Error::InvalidParameter(format!(
                "The tag {key} is invalid: keys have 1 to {KEY_LENGTH_MAX} characters and don't begin with aws:, \
                 values have up to {VALUE_LENGTH_MAX}."
            )));
        }
        tags.insert(key.clone(), value);
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::InvalidParameter(format!("The maximum number of tags is {TAGS_MAX}.")));
    }
    Ok(())
}

/// `sent` as a map.
pub(crate) fn checked(sent: &[Tag], trusted: bool) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    add(&mut tags, sent, trusted)?;
    Ok(tags)
}

/// Whether a call came from a service of this house.
pub(crate) fn is_trusted<S>(cx: &wire::Context<S>) -> bool {
    cx.call().access_key.is_empty()
}

//! Tags, between requests, rows and answers.

use api::ec2::{Tag, TagItem, TagSpecification};
use names::Tags;

use crate::error::Error;

/// Tags that a resource may have, not counting AWS's own.
const TAGS_MAX: usize = 50;

/// AWS's own tags begin with this; only services hang them on.
const RESERVED: &str = "aws:";

/// The tags for a new resource of `kind`. `trusted` callers (services in this house) may use reserved keys.
pub(crate) fn of(specifications: &[TagSpecification], kind: &str, trusted: bool) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for specification in specifications {
        if specification.resource_type != kind {
            return Err(Error::Value(format!(
                "'{}' is not a valid taggable resource type for this operation; '{kind}' is.",
                specification.resource_type
            )));
        }
        add(&mut tags, &specification.tags, kind, trusted)?;
    }
    Ok(tags)
}

/// Adds `more` to the `tags` of `id`.
pub(crate) fn add(tags: &mut Tags, more: &[Tag], id: &str, trusted: bool) -> Result<(), Error> {
    for tag in more {
        check(tag, trusted)?;
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    let own = tags.keys().filter(|key| !key.starts_with(RESERVED)).count();
    if own > TAGS_MAX { Err(Error::TagLimit(TAGS_MAX, id.to_owned())) } else { Ok(()) }
}

fn check(tag: &Tag, trusted: bool) -> Result<(), Error> {
    let Tag { key, value } = tag;
    if key.starts_with(RESERVED) && !trusted {
        return Err(Error::Value(format!("Tag keys starting with '{RESERVED}' are reserved for internal use")));
    }
    if key.is_empty() || key.chars().count() > 127 {
        return Err(Error::Value(format!(
            "Tag key exceeds the maximum length of 127 characters, or is empty: '{key}'"
        )));
    }
    if value.chars().count() > 255 {
        return Err(Error::Value(format!("Tag value exceeds the maximum length of 255 characters: '{value}'")));
    }
    Ok(())
}

/// Tags as answers spell them.
pub(crate) fn items(tags: &Tags) -> Vec<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str) -> Tag {
        Tag { key: key.to_owned(), value: "v".to_owned() }
    }

    #[test]
    fn tags_for_something_else_and_reserved_ones_are_refused() {
        let of_kind = |kind: &str, key| TagSpecification { resource_type: kind.to_owned(), tags: vec![tag(key)] };
        assert_eq!(of(&[of_kind("vpc", "Name")], "vpc", false).unwrap().len(), 1);
        assert!(matches!(of(&[of_kind("subnet", "Name")], "vpc", false), Err(Error::Value(_))));
        assert!(matches!(of(&[of_kind("vpc", "aws:x")], "vpc", false), Err(Error::Value(_))));
        assert!(of(&[of_kind("vpc", "aws:cloudformation:stack-name")], "vpc", true).is_ok());
    }

    #[test]
    fn fifty_tags_are_enough() {
        let many: Vec<_> = (0..51).map(|number| tag(&number.to_string())).collect();
        assert!(add(&mut Tags::new(), &many[..50], "vpc-1", false).is_ok());
        assert!(matches!(add(&mut Tags::new(), &many, "vpc-1", false), Err(Error::TagLimit(50, _))));
    }
}

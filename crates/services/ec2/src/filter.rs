//! What all `Describe…` operations share: ids, filters, pages.

use api::ec2::{Filter, TagItem};

use crate::error::Error;

/// Items on a page if nobody says how many.
const PAGE: usize = 1000;

/// Something that is described.
pub(crate) trait Described {
    /// The filters there are for it, besides those for tags.
    const FILTERS: &'static [&'static str];

    /// Its id.
    fn id(&self) -> &str;

    /// The values that `filter`, one of [`Self::FILTERS`], compares.
    fn values(&self, filter: &str) -> Vec<String>;

    /// Its tags.
    fn tags(&self) -> &[TagItem];
}

/// What narrows a description.
pub(crate) struct Narrowing<'a> {
    pub(crate) ids: &'a [String],
    pub(crate) filters: &'a [Filter],
    pub(crate) max_results: Option<u32>,
    pub(crate) next_token: Option<&'a str>,
}

/// The page of `all` that is asked for, and the token of the next one. An id that is not there is `missing`.
pub(crate) fn describe<T: Described>(
    mut all: Vec<T>,
    narrowing: &Narrowing<'_>,
    missing: impl Fn(&str) -> Error,
) -> Result<(Vec<T>, Option<String>), Error> {
    let Narrowing { ids, filters, max_results, next_token } = narrowing;
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|item| item.id() == *id)) {
        return Err(missing(id));
    }
    if !ids.is_empty() {
        all.retain(|item| ids.iter().any(|id| item.id() == id));
    }
    let found = select(all, filters)?;
    let limit = max_results.map_or(PAGE, |max| usize::try_from(max).unwrap_or(PAGE).clamp(1, PAGE));
    wire::page(found, |item| item.id().to_owned(), limit, *next_token)
        .map_err(|error| Error::Value(format!("Value for parameter NextToken is invalid: {error}")))
}

/// Those of `all` for which every filter holds.
pub(crate) fn select<T: Described>(mut all: Vec<T>, filters: &[Filter]) -> Result<Vec<T>, Error> {
    for filter in filters {
        let name = filter.name.as_str();
        let known = T::FILTERS.contains(&name) || name == "tag-key" || name.starts_with("tag:");
        if !known {
            return Err(Error::Value(format!("The filter '{name}' is invalid")));
        }
        all.retain(|item| {
            let values = values(item, name);
            filter.values.iter().any(|pattern| values.iter().any(|value| matches(pattern, value)))
        });
    }
    Ok(all)
}

fn values<T: Described>(item: &T, filter: &str) -> Vec<String> {
    if let Some(key) = filter.strip_prefix("tag:") {
        let of_key = item.tags().iter().filter(|tag| tag.key == key);
        return of_key.map(|tag| tag.value.clone()).collect();
    }
    if filter == "tag-key" {
        return item.tags().iter().map(|tag| tag.key.clone()).collect();
    }
    item.values(filter)
}

/// Whether `text` fits `pattern`, in which `*` stands for any text and `?` for any letter; `\` takes their meaning.
///
/// The last `*` is tried longer and longer, which is enough, since an earlier one that is shorter leaves more to it.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<Letter>, Vec<char>) = (letters(pattern), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(Letter::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Letter::One) => (p, t) = (p + 1, t + 1),
            Some(Letter::This(letter)) if *letter == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| matches!(letter, Letter::Any))
}

enum Letter {
    Any,
    One,
    This(char),
}

fn letters(pattern: &str) -> Vec<Letter> {
    let mut letters = Vec::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        letters.push(match letter {
            '*' => Letter::Any,
            '?' => Letter::One,
            '\\' => Letter::This(rest.next().unwrap_or('\\')),
            other => Letter::This(other),
        });
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_aws() {
        for (pattern, text) in [("web", "web"), ("w*", "web"), ("*b", "web"), ("w?b", "web"), ("*", ""), ("\\*", "*")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("web", "webs"), ("w?", "web"), ("\\*", "x"), ("*a*b", "xaxc"), ("", "x")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_not_slow() {
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }

    #[derive(Debug, PartialEq)]
    struct Thing(&'static str, Vec<TagItem>);

    impl Described for Thing {
        const FILTERS: &'static [&'static str] = &["name"];

        fn id(&self) -> &str {
            self.0
        }

        fn values(&self, _: &str) -> Vec<String> {
            vec![self.0.to_owned()]
        }

        fn tags(&self) -> &[TagItem] {
            &self.1
        }
    }

    fn filter(name: &str, values: &[&str]) -> Filter {
        Filter { name: name.to_owned(), values: values.iter().map(|&value| value.to_owned()).collect() }
    }

    #[test]
    fn all_filters_must_hold_by_any_of_their_values() {
        let tag = |value: &str| vec![TagItem { key: "Env".to_owned(), value: value.to_owned() }];
        let all = || vec![Thing("a", tag("prod")), Thing("b", tag("test")), Thing("c", vec![])];
        let ids = |filters: &[Filter]| -> Vec<&str> { select(all(), filters).unwrap().iter().map(|t| t.0).collect() };
        assert_eq!(ids(&[filter("name", &["a", "c"])]), ["a", "c"]);
        assert_eq!(ids(&[filter("name", &["a", "c"]), filter("tag:Env", &["p*"])]), ["a"]);
        assert_eq!(ids(&[filter("tag-key", &["Env"])]), ["a", "b"]);
    }

    #[test]
    fn an_unknown_filter_is_named_even_if_there_is_nothing() {
        let error = select(Vec::<Thing>::new(), &[filter("colour", &["red"])]).unwrap_err();
        assert_eq!(error.to_string(), "The filter 'colour' is invalid");
    }
}

//! Whether a request is one that a route is for, by Envoy's rules.

use memchr::memmem;

use super::view::RequestView;
use crate::{
    format::Lookup,
    model::{HeaderMatch, HeaderTest, Part, PathMatch, QueryMatch, QueryTest, RouteMatch, StringMatch, StringTest},
};

/// The whole of a share, in the unit of [`RouteMatch::share`].
const WHOLE: u64 = 1_000_000;

/// Whether all that is asked for besides the path holds. `random` is asked for a number at most once.
pub(super) fn conditions_hold(matches: &RouteMatch, view: &RequestView<'_>, random: impl FnOnce() -> u64) -> bool {
    let by_chance = || matches.share.is_none_or(|share| random() % WHOLE < u64::from(share));
    (!matches.grpc || view.request.is_grpc())
        && matches.headers.iter().all(|header| header_holds(header, view))
        && matches.query.iter().all(|parameter| parameter_holds(parameter, view.request.target()))
        && by_chance()
}

/// Whether anything is asked for besides the path.
pub(super) fn has_conditions(matches: &RouteMatch) -> bool {
    matches.grpc || matches.share.is_some() || !matches.headers.is_empty() || !matches.query.is_empty()
}

/// Whether `path`, which is without its query, is one that is asked for.
pub(super) fn path_holds(matches: &RouteMatch, path: &[u8]) -> bool {
    let begins = |prefix: &str| match path.get(..prefix.len()) {
        Some(start) if matches.ignore_case => start.eq_ignore_ascii_case(prefix.as_bytes()),
        Some(start) => start == prefix.as_bytes(),
        None => false,
    };
    match &matches.path {
        PathMatch::Prefix(prefix) => begins(prefix),
        PathMatch::Exact(exact) => path.len() == exact.len() && begins(exact),
        PathMatch::SeparatedPrefix(prefix) => begins(prefix) && matches!(path.get(prefix.len()), None | Some(b'/')),
        PathMatch::Regex(pattern) => pattern.is_whole(path),
    }
}

/// Whether a condition on a field holds.
pub(super) fn header_holds(header: &HeaderMatch, fields: &dyn Lookup) -> bool {
    let (mut present, mut fulfilled) = (false, false);
    let name = match &header.part {
        Part::Method => ":method",
        Part::Scheme => ":scheme",
        Part::Path => ":path",
        Part::Authority => ":authority",
        Part::Field(name) => name,
    };
    fields.each(name, &mut |value| {
        present = true;
        fulfilled = fulfilled || value_holds(&header.test, value);
    });
    if !present && header.missing_is_empty {
        (present, fulfilled) = (true, value_holds(&header.test, b""));
    }
    match header.test {
        HeaderTest::Present(wanted) => (present == wanted) != header.invert,
        // A field that is missing fulfils neither a condition nor its opposite.
        _ => present && fulfilled != header.invert,
    }
}

fn value_holds(test: &HeaderTest, value: &[u8]) -> bool {
    match test {
        HeaderTest::Present(_) => true,
        HeaderTest::Text(wanted) => text_holds(wanted, value),
        HeaderTest::Range(start, end) => {
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
            number.is_some_and(|number| (*start..*end).contains(&number))
        }
    }
}

fn parameter_holds(parameter: &QueryMatch, target: &[u8]) -> bool {
    let value = query_value(target, parameter.name.as_bytes());
    match &parameter.test {
        QueryTest::Present(wanted) => value.is_some() == *wanted,
        QueryTest::Text(wanted) => value.is_some_and(|value| text_holds(wanted, value)),
    }
}

/// The first value of the parameter called `name`, as it is written.
fn query_value<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let query = &target[memchr::memchr(b'?', target)? + 1..];
    query.split(|byte| *byte == b'&').find_map(|parameter| {
        let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
        (&parameter[..end] == name).then(|| parameter.get(end + 1..).unwrap_or_default())
    })
}

fn text_holds(wanted: &StringMatch, text: &[u8]) -> bool {
    let lower;
    let text = if wanted.ignore_case {
        lower = text.to_ascii_lowercase();
        &lower
    } else {
        text
    };
    match &wanted.test {
        StringTest::Exact(exact) => text == exact.as_bytes(),
        StringTest::Prefix(prefix) => text.starts_with(prefix.as_bytes()),
        StringTest::Suffix(suffix) => text.ends_with(suffix.as_bytes()),
        StringTest::Contains(part) => memmem::find(text, part.as_bytes()).is_some(),
        StringTest::Regex(pattern) => pattern.is_whole(text),
    }
}

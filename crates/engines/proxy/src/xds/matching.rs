//! Which requests routes are for.

use envoy_types::pb::envoy::{
    config::{
        core::v3::RuntimeFractionalPercent,
        route::v3::{
            HeaderMatcher, QueryParameterMatcher, RouteMatch as Proto,
            header_matcher::HeaderMatchSpecifier,
            query_parameter_matcher::QueryParameterMatchSpecifier,
            route_match::{GrpcRouteMatchOptions, PathSpecifier},
        },
    },
    r#type::{
        matcher::v3::{RegexMatchAndSubstitute, RegexMatcher, StringMatcher, string_matcher::MatchPattern},
        v3::{FractionalPercent, fractional_percent::DenominatorType},
    },
};

use super::strict::nothing_else;
use crate::model::{
    HeaderMatch, HeaderTest, Part, PathMatch, Pattern, Piece, QueryMatch, QueryTest, RouteMatch, StringMatch,
    StringTest, Substitution,
};

/// The most groups of an expression that a substitution can speak of, as RE2 has it.
const GROUPS_MAX: usize = 9;

pub(super) fn route_match(proto: &Proto) -> Result<RouteMatch, String> {
    nothing_else(&Proto {
        path_specifier: None,
        case_sensitive: None,
        headers: Vec::new(),
        query_parameters: Vec::new(),
        grpc: None,
        runtime_fraction: None,
        ..proto.clone()
    })?;
    nothing_else::<GrpcRouteMatchOptions>(&proto.grpc.unwrap_or_default())?;
    Ok(RouteMatch {
        path: path(proto)?,
        ignore_case: proto.case_sensitive.is_some_and(|sensitive| !sensitive.value),
        headers: proto.headers.iter().map(header).collect::<Result<_, _>>()?,
        query: proto.query_parameters.iter().map(parameter).collect::<Result<_, _>>()?,
        grpc: proto.grpc.is_some(),
        share: proto.runtime_fraction.as_ref().map(share).transpose()?.flatten(),
    })
}

fn path(proto: &Proto) -> Result<PathMatch, String> {
    match &proto.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => Ok(PathMatch::Prefix(prefix.clone())),
        Some(PathSpecifier::Path(path)) => Ok(PathMatch::Exact(path.clone())),
        Some(PathSpecifier::PathSeparatedPrefix(prefix)) => Ok(PathMatch::SeparatedPrefix(prefix.clone())),
        Some(PathSpecifier::SafeRegex(matcher)) => Ok(PathMatch::Regex(regex(matcher)?)),
        Some(PathSpecifier::ConnectMatcher(_)) => Err("connect_matcher is not supported by this proxy".to_owned()),
        Some(PathSpecifier::PathMatchPolicy(_)) => Err("path_match_policy is not supported by this proxy".to_owned()),
        None => Err("it matches no path".to_owned()),
    }
}

/// A share in millionths; none if it is all. There is no runtime to overlay it.
pub(super) fn share(proto: &RuntimeFractionalPercent) -> Result<Option<u32>, String> {
    Ok(millionths(proto.default_value.as_ref().ok_or("a runtime fraction without default")?)?
        .filter(|share| *share < 1_000_000))
}

/// A share in millionths.
pub(super) fn millionths(proto: &FractionalPercent) -> Result<Option<u32>, String> {
    let unit = match DenominatorType::try_from(proto.denominator) {
        Ok(DenominatorType::Hundred) => 10_000,
        Ok(DenominatorType::TenThousand) => 100,
        Ok(DenominatorType::Million) => 1,
        Err(_) => return Err(format!("the denominator {} is not known", proto.denominator)),
    };
    Ok(Some(proto.numerator.saturating_mul(unit).min(1_000_000)))
}

#[expect(deprecated, reason = "older control planes send them")]
pub(super) fn header(proto: &HeaderMatcher) -> Result<HeaderMatch, String> {
    let text = |test| HeaderTest::Text(StringMatch { test, ignore_case: false });
    let test = match &proto.header_match_specifier {
        None => HeaderTest::Present(true),
        Some(HeaderMatchSpecifier::PresentMatch(present)) => HeaderTest::Present(*present),
        Some(HeaderMatchSpecifier::RangeMatch(range)) => HeaderTest::Range(range.start, range.end),
        Some(HeaderMatchSpecifier::StringMatch(matcher)) => HeaderTest::Text(string(matcher)?),
        Some(HeaderMatchSpecifier::ExactMatch(exact)) => text(StringTest::Exact(exact.clone())),
        Some(HeaderMatchSpecifier::PrefixMatch(prefix)) => text(StringTest::Prefix(prefix.clone())),
        Some(HeaderMatchSpecifier::SuffixMatch(suffix)) => text(StringTest::Suffix(suffix.clone())),
        Some(HeaderMatchSpecifier::ContainsMatch(part)) => text(StringTest::Contains(part.clone())),
        Some(HeaderMatchSpecifier::SafeRegexMatch(matcher)) => text(StringTest::Regex(regex(matcher)?)),
    };
    Ok(HeaderMatch {
        part: Part::named(&proto.name),
        test,
        invert: proto.invert_match,
        missing_is_empty: proto.treat_missing_header_as_empty,
    })
}

fn parameter(proto: &QueryParameterMatcher) -> Result<QueryMatch, String> {
    let test = match &proto.query_parameter_match_specifier {
        None => QueryTest::Present(true),
        Some(QueryParameterMatchSpecifier::PresentMatch(present)) => QueryTest::Present(*present),
        Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => QueryTest::Text(string(matcher)?),
    };
    Ok(QueryMatch { name: proto.name.clone(), test })
}

fn string(proto: &StringMatcher) -> Result<StringMatch, String> {
    let ignore_case = proto.ignore_case;
    let cased = |text: &String| if ignore_case { text.to_ascii_lowercase() } else { text.clone() };
    let test = match &proto.match_pattern {
        Some(MatchPattern::Exact(exact)) => StringTest::Exact(cased(exact)),
        Some(MatchPattern::Prefix(prefix)) => StringTest::Prefix(cased(prefix)),
        Some(MatchPattern::Suffix(suffix)) => StringTest::Suffix(cased(suffix)),
        Some(MatchPattern::Contains(part)) => StringTest::Contains(cased(part)),
        // Whether case counts an expression says by itself.
        Some(MatchPattern::SafeRegex(matcher)) => {
            return Ok(StringMatch { test: StringTest::Regex(regex(matcher)?), ignore_case: false });
        }
        Some(MatchPattern::Custom(custom)) => {
            return Err(format!("the string matcher {} is not supported by this proxy", custom.name));
        }
        None => return Err("a string matcher without a pattern".to_owned()),
    };
    Ok(StringMatch { test, ignore_case })
}

fn regex(proto: &RegexMatcher) -> Result<Pattern, String> {
    Pattern::new(&proto.regex)
}

/// An expression and what its occurrences become.
pub(super) fn substitute(proto: &RegexMatchAndSubstitute) -> Result<(Pattern, Substitution), String> {
    let pattern = regex(proto.pattern.as_ref().ok_or("a regex rewrite without a pattern")?)?;
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut letters = proto.substitution.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('\\') => plain.push('\\'),
            Some(digit @ '0'..='9') => {
                let group = digit as usize - '0' as usize;
                if group > pattern.groups().min(GROUPS_MAX) {
                    return Err(format!(
                        "the substitution `{}` speaks of a group \\{group} that is not there",
                        proto.substitution
                    ));
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Group(group));
            }
            _ => {
                return Err(format!(
                    "the substitution `{}` has a \\ before neither a digit nor a \\",
                    proto.substitution
                ));
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok((pattern, Substitution(pieces)))
}

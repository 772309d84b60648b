//! A gateway route and a route of the virtual service it leads to, made one.
//!
//! App Mesh's gateways rewrote a request and sent it to themselves once more, to be routed as one from inside the mesh.
//! Here both steps are taken at once: a request is for the pair if it is for the gateway route and, rewritten, for the
//! route behind it. Paths can be held against each other when the routes are made, so a request passes one proxy once.

use xds::pb::envoy::{
    config::route::v3::{
        HeaderMatcher, Route, RouteAction, RouteMatch,
        header_matcher::HeaderMatchSpecifier,
        route,
        route_action::HostRewriteSpecifier,
        route_match::{GrpcRouteMatchOptions, PathSpecifier},
    },
    r#type::matcher::v3::{RegexMatchAndSubstitute, string_matcher::MatchPattern},
};

use super::proto::{matcher, regex};
use crate::expression;

/// What a gateway route asks of a request, and what it makes of it.
#[derive(Clone, Debug)]
pub(super) struct Front {
    pub(super) path: Path,
    /// What it asks besides: headers, parameters, gRPC. Its path is not looked at.
    pub(super) conditions: RouteMatch,
    /// The host name that the request gets.
    pub(super) host: Option<String>,
}

/// The path that a gateway route asks for, and what it becomes; none if it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Prefix(String, Option<String>),
    Exact(String, Option<String>),
    Regex(String, Option<String>),
}

/// What becomes of the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Rewrite {
    #[default]
    Nothing,
    /// What matched becomes this.
    Matched(String),
    /// What the expression finds becomes this.
    Found { pattern: String, substitution: String },
}

/// A path to ask for that stands for two.
#[derive(Clone, Debug, PartialEq)]
struct Joined {
    path: PathSpecifier,
    also: Option<HeaderMatcher>,
    rewrite: Rewrite,
}

/// Two paths that cannot be made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inseparable;

impl Front {
    /// What it asks of a request, by itself.
    pub(super) fn matched(&self) -> RouteMatch {
        let path = match &self.path {
            Path::Prefix(prefix, _) => PathSpecifier::Prefix(prefix.clone()),
            Path::Exact(path, _) => PathSpecifier::Path(path.clone()),
            Path::Regex(expression, _) => PathSpecifier::SafeRegex(regex(expression)),
        };
        RouteMatch { path_specifier: Some(path), ..self.conditions.clone() }
    }

    /// The route for requests that are for this and then for `behind`; none if no request is for both.
    pub(super) fn compose(&self, behind: &Route) -> Result<Option<Route>, Inseparable> {
        let asked = behind.r#match.clone().unwrap_or_default();
        let Some(joined) = self.path.join(asked.path_specifier.as_ref())? else { return Ok(None) };
        let mut matched = RouteMatch { path_specifier: Some(joined.path), ..self.conditions.clone() };
        matched.headers.extend(asked.headers);
        matched.headers.extend(joined.also);
        matched.query_parameters.extend(asked.query_parameters);
        matched.grpc = matched.grpc.or(asked.grpc);
        let action = match behind.action.clone() {
            Some(route::Action::Route(action)) => Some(route::Action::Route(self.rewritten(action, joined.rewrite))),
            other => other,
        };
        Ok(Some(Route { r#match: Some(matched), action, ..behind.clone() }))
    }

    fn rewritten(&self, mut action: RouteAction, rewrite: Rewrite) -> RouteAction {
        match rewrite {
            Rewrite::Nothing => {}
            Rewrite::Matched(becomes) => action.prefix_rewrite = becomes,
            Rewrite::Found { pattern, substitution } => {
                action.regex_rewrite = Some(RegexMatchAndSubstitute { pattern: Some(regex(&pattern)), substitution });
            }
        }
        let host = self.host.clone();
        action.host_rewrite_specifier = host.map(HostRewriteSpecifier::HostRewriteLiteral);
        action
    }
}

/// The conditions of gRPC: that it is.
pub(super) fn grpc() -> RouteMatch {
    RouteMatch { grpc: Some(GrpcRouteMatchOptions::default()), ..RouteMatch::default() }
}

impl Path {
    /// The path to ask for so that it is this, and after the rewrite also `behind`; none if there is no such path.
    fn join(&self, behind: Option<&PathSpecifier>) -> Result<Option<Joined>, Inseparable> {
        let root = PathSpecifier::Prefix("/".to_owned());
        let behind = behind.unwrap_or(&root);
        Ok(match self {
            Self::Prefix(prefix, becomes) => return join_prefix(prefix, becomes.as_deref(), behind),
            Self::Exact(path, becomes) => {
                let arrives = becomes.as_ref().unwrap_or(path);
                let rewrite = becomes.clone().filter(|becomes| becomes != path).map(Rewrite::Matched);
                is_for(behind, arrives).then(|| joined(PathSpecifier::Path(path.clone()), rewrite))
            }
            Self::Regex(expression, Some(becomes)) => is_for(behind, becomes).then(|| {
                let rewrite = Rewrite::Found { pattern: "^.*$".to_owned(), substitution: literal(becomes) };
                joined(PathSpecifier::SafeRegex(regex(expression)), Some(rewrite))
            }),
            Self::Regex(expression, None) => join_regex(expression, behind),
        })
    }
}

/// A prefix before whatever a route behind it asks for.
fn join_prefix(prefix: &str, becomes: Option<&str>, behind: &PathSpecifier) -> Result<Option<Joined>, Inseparable> {
    let start = becomes.unwrap_or(prefix);
    let stays = start == prefix;
    let rewrite = |becomes: &str| (!stays).then(|| Rewrite::Matched(becomes.to_owned()));
    let whole = || joined(PathSpecifier::Prefix(prefix.to_owned()), rewrite(start));
    Ok(match behind {
        PathSpecifier::Prefix(longer) if longer.starts_with(start) => {
            let path = PathSpecifier::Prefix(format!("{prefix}{}", &longer[start.len()..]));
            Some(joined(path, rewrite(longer)))
        }
        PathSpecifier::Prefix(shorter) => start.starts_with(shorter.as_str()).then(whole),
        PathSpecifier::Path(path) => path.strip_prefix(start).map(|rest| {
            let asked = PathSpecifier::Path(format!("{prefix}{rest}"));
            joined(asked, rewrite(path))
        }),
        PathSpecifier::SafeRegex(_) if stays => {
            let mut pair = joined(behind.clone(), None);
            pair.also = (prefix != "/").then(|| path_header(MatchPattern::Prefix(prefix.to_owned())));
            Some(pair)
        }
        PathSpecifier::SafeRegex(expression) if is_anything(&expression.regex) => Some(whole()),
        PathSpecifier::SafeRegex(expression) => {
            let rest = after(&expression.regex, start).ok_or(Inseparable)?;
            let path = PathSpecifier::SafeRegex(regex(&format!("{}{rest}", regex::escape(prefix))));
            let found = Rewrite::Found {
                pattern: format!("^{}(.*)$", regex::escape(prefix)),
                substitution: format!("{}\\1", literal(start)),
            };
            Some(joined(path, Some(found)))
        }
        _ => return Err(Inseparable),
    })
}

/// An expression that leaves the path as it is, before whatever a route behind it asks for.
fn join_regex(expression: &str, behind: &PathSpecifier) -> Option<Joined> {
    let own = PathSpecifier::SafeRegex(regex(expression));
    let and = |pattern: MatchPattern| Joined { also: Some(path_header(pattern)), ..joined(own.clone(), None) };
    match behind {
        PathSpecifier::Prefix(prefix) if prefix == "/" => Some(joined(own.clone(), None)),
        PathSpecifier::Prefix(prefix) => Some(and(MatchPattern::Prefix(prefix.clone()))),
        PathSpecifier::Path(path) => is_for(&own, path).then(|| joined(behind.clone(), None)),
        // A header's expression sees the query too, which a path's does not.
        PathSpecifier::SafeRegex(other) => {
            Some(and(MatchPattern::SafeRegex(regex(&format!("(?:{})(?:\\?.*)?", other.regex)))))
        }
        _ => None,
    }
}

fn joined(path: PathSpecifier, rewrite: Option<Rewrite>) -> Joined {
    Joined { path, also: None, rewrite: rewrite.unwrap_or_default() }
}

/// Whether a route that asks for `asked` is for `path`.
fn is_for(asked: &PathSpecifier, path: &str) -> bool {
    match asked {
        PathSpecifier::Prefix(prefix) => path.starts_with(prefix.as_str()),
        PathSpecifier::Path(exact) => path == exact,
        PathSpecifier::SafeRegex(wanted) => {
            let whole = expression::compile(&format!("^(?:{})$", wanted.regex));
            whole.is_ok_and(|whole| whole.is_match(path.as_bytes()))
        }
        _ => false,
    }
}

/// Whether every path that begins with a slash is what the expression says.
fn is_anything(expression: &str) -> bool {
    matches!(expression, ".*" | ".+" | "/.*" | "^.*$" | "^/.*$")
}

/// What is left of an expression behind the literal text `start`; none if it does not begin with that, or if one cannot
/// tell because there are alternatives.
fn after<'a>(expression: &'a str, start: &str) -> Option<&'a str> {
    let own = expression.strip_prefix('^').unwrap_or(expression);
    let rest = own.strip_prefix(regex::escape(start).as_str()).or_else(|| own.strip_prefix(start))?;
    let repeats = rest.starts_with(['*', '+', '?', '{']);
    (!repeats && !expression.contains('|')).then_some(rest)
}

/// A text as a substitution has it, in which a backslash begins a reference.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\")
}

fn path_header(pattern: MatchPattern) -> HeaderMatcher {
    HeaderMatcher {
        name: ":path".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher(pattern))),
        ..HeaderMatcher::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> PathSpecifier {
        PathSpecifier::Prefix(text.to_owned())
    }

    fn exact(text: &str) -> PathSpecifier {
        PathSpecifier::Path(text.to_owned())
    }

    fn expression(text: &str) -> PathSpecifier {
        PathSpecifier::SafeRegex(regex(text))
    }

    /// What the two paths become, for the eye: `path [also] > rewrite`.
    fn join(front: &Path, behind: &PathSpecifier) -> String {
        let Ok(joined) = front.join(Some(behind)) else { return "inseparable".to_owned() };
        let Some(joined) = joined else { return "never".to_owned() };
        let mut text = match joined.path {
            PathSpecifier::Prefix(prefix) => format!("{prefix}*"),
            PathSpecifier::Path(path) => path,
            PathSpecifier::SafeRegex(regex) => format!("~{}", regex.regex),
            other => format!("{other:?}"),
        };
        if let Some(HeaderMatchSpecifier::StringMatch(matcher)) =
            joined.also.and_then(|also| also.header_match_specifier)
        {
            match matcher.match_pattern {
                Some(MatchPattern::Prefix(prefix)) => text += &format!(" & {prefix}*"),
                Some(MatchPattern::SafeRegex(regex)) => text += &format!(" & ~{}", regex.regex),
                other => text += &format!(" & {other:?}"),
            }
        }
        match joined.rewrite {
            Rewrite::Nothing => {}
            Rewrite::Matched(becomes) => text += &format!(" > {becomes}"),
            Rewrite::Found { pattern, substitution } => text += &format!(" > s/{pattern}/{substitution}/"),
        }
        text
    }

    #[test]
    fn a_prefix_that_becomes_another_is_asked_for_where_the_other_would_be() {
        let front = Path::Prefix("/shop/".to_owned(), Some("/".to_owned()));
        for (behind, asked) in [
            (prefix("/"), "/shop/* > /"),
            (prefix("/todos"), "/shop/todos* > /todos"),
            (exact("/todos"), "/shop/todos > /todos"),
            (expression(".*"), "/shop/* > /"),
            (expression("/todos/[0-9]+"), "~/shop/todos/[0-9]+ > s/^/shop/(.*)$//\\1/"),
            (expression("/todos|/notes"), "inseparable"),
            (expression("/?todos"), "inseparable"),
        ] {
            assert_eq!(join(&front, &behind), asked, "{behind:?}");
        }
        let front = Path::Prefix("/shop".to_owned(), Some("/v1".to_owned()));
        assert_eq!(join(&front, &prefix("/v")), "/shop* > /v1");
        assert_eq!(join(&front, &prefix("/v2")), "never");
        assert_eq!(join(&front, &exact("/v1")), "/shop > /v1");
    }

    #[test]
    fn a_prefix_that_stays_asks_for_both() {
        let front = Path::Prefix("/shop".to_owned(), None);
        assert_eq!(join(&front, &prefix("/")), "/shop*");
        assert_eq!(join(&front, &prefix("/shop/todos")), "/shop/todos*");
        assert_eq!(join(&front, &prefix("/todos")), "never");
        assert_eq!(join(&front, &expression("/.*/todos")), "~/.*/todos & /shop*");
    }

    #[test]
    fn a_whole_path_is_known_when_the_routes_are_made() {
        let front = Path::Exact("/a".to_owned(), Some("/todos/1".to_owned()));
        assert_eq!(join(&front, &prefix("/todos")), "/a > /todos/1");
        assert_eq!(join(&front, &prefix("/a")), "never");
        assert_eq!(join(&front, &expression("/todos/[0-9]")), "/a > /todos/1");
        assert_eq!(join(&Path::Exact("/a".to_owned(), None), &exact("/a")), "/a");
    }

    #[test]
    fn an_expression_asks_for_what_is_behind_it_too() {
        let front = Path::Regex("/[ab]/.*".to_owned(), None);
        assert_eq!(join(&front, &prefix("/")), "~/[ab]/.*");
        assert_eq!(join(&front, &prefix("/a")), "~/[ab]/.* & /a*");
        assert_eq!(join(&front, &exact("/a/1")), "/a/1");
        assert_eq!(join(&front, &exact("/c/1")), "never");
        assert_eq!(join(&front, &expression("/./x")), "~/[ab]/.* & ~(?:/./x)(?:\\?.*)?");
        let front = Path::Regex("/[ab]".to_owned(), Some("/todos".to_owned()));
        assert_eq!(join(&front, &prefix("/")), "~/[ab] > s/^.*$//todos/");
        assert_eq!(join(&front, &prefix("/notes")), "never");
    }
}

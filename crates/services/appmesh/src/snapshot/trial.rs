//! Trials: who goes to a version first, and who stays there.
//!
//! Testers go there whatever the weights of the route are. They have a route of their own before the usual one, and on it a cluster of their own, with the same hosts: so what
//! they meet is counted apart. Who chooses to test is no sample of who uses, and must not be evidence for a judge that
//! compares counts of clusters.
//!
//! Users stay by a hash of what they are known by, which proxies choose the cluster by. Envoy gives cookies to users where
//! it chooses hosts by them, and not where it chooses clusters. So who comes without a cookie has a route of his own too,
//! on which his request's id is the key, and becomes the value of the cookie: his next request has the same hash.

use api::appmesh::{
    HeaderMatchMethod, PortProtocol, WeightedTarget,
    trial::{StickyCookie, TesterCookie, Testers},
};
use xds::pb::envoy::{
    config::{
        core::v3::{HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction},
        route::v3::{
            HeaderMatcher, Route, WeightedCluster,
            header_matcher::HeaderMatchSpecifier,
            route,
            route_action::{
                ClusterSpecifier, HashPolicy,
                hash_policy::{Cookie, Header, PolicySpecifier},
            },
            weighted_cluster::RandomValueSpecifier,
        },
    },
    r#type::matcher::v3::string_matcher::MatchPattern,
};

use super::{
    Client, Scene, http_route,
    proto::{boolean, matcher, regex},
};
use crate::plan::{Mesh, RouteName};

/// How the testers' clusters are called apart.
const TESTERS: &str = "testers";

/// The route of the testers of `name`, which does else what `usual` does; none if there are none.
pub(super) fn of_testers(
    scene: &mut Scene<'_>,
    client: Client<'_>,
    name: &RouteName,
    protocol: PortProtocol,
    targets: &[WeightedTarget],
    usual: &Route,
) -> Option<Route> {
    let trial = scene.mesh.trials.get(name)?;
    let testers = trial.testers.as_ref()?;
    let mut route = usual.clone();
    // Where nobody has a share there is nothing to be before.
    let Some(route::Action::Route(action)) = &mut route.action else { return None };
    let target = target(&trial.virtual_node_name, targets);
    let client = Client { apart: Some(TESTERS), ..client };
    let clusters = http_route::shares(scene, client, name, protocol, &[target]);
    if clusters.is_empty() {
        return None;
    }
    let only = WeightedCluster { clusters, ..WeightedCluster::default() };
    action.cluster_specifier = Some(ClusterSpecifier::WeightedClusters(only));
    route.r#match.get_or_insert_default().headers.push(asked(testers));
    Some(route)
}

/// The virtual node on trial, as the route leads there.
fn target(node: &str, targets: &[WeightedTarget]) -> WeightedTarget {
    let own = targets.iter().find(|target| target.virtual_node == node);
    let port = own.and_then(|target| target.port);
    WeightedTarget { port, virtual_node: node.to_owned(), weight: 1 }
}

fn asked(testers: &Testers) -> HeaderMatcher {
    match (&testers.header, &testers.cookie) {
        (Some(header), _) => http_route::header(header),
        (None, Some(cookie)) => cookie_matcher(cookie),
        // Never so: it was checked. A header without a name is had by nobody.
        (None, None) => HeaderMatcher::default(),
    }
}

/// `usual`, on which users stay with a version if the trial says so, and before it what gives them a cookie.
pub(super) fn sticking(mesh: &Mesh, name: &RouteName, usual: Route) -> Vec<Route> {
    let Some(sticky) = mesh.trials.get(name).and_then(|trial| trial.sticky.as_ref()) else { return vec![usual] };
    let header = |name: &str| Header { header_name: name.to_owned(), ..Header::default() };
    if let Some(name) = &sticky.header {
        return vec![by(usual, PolicySpecifier::Header(header(name)))];
    }
    let Some(StickyCookie { name, seconds }) = &sticky.cookie else { return vec![usual] };
    let fresh = seconds.map(|seconds| {
        let mut fresh = by(usual.clone(), PolicySpecifier::Header(header(REQUEST_ID)));
        let without = HeaderMatcher {
            invert_match: true,
            // Who has no cookies at all is without this one too.
            treat_missing_header_as_empty: true,
            ..cookie_with(name, SOME)
        };
        fresh.r#match.get_or_insert_default().headers.push(without);
        let value = format!("{name}=%REQ({REQUEST_ID})%; Max-Age={seconds}; Path=/; HttpOnly");
        fresh.response_headers_to_add.push(HeaderValueOption {
            header: Some(HeaderValue { key: "set-cookie".to_owned(), value, ..HeaderValue::default() }),
            append_action: HeaderAppendAction::AppendIfExistsOrAdd as i32,
            ..HeaderValueOption::default()
        });
        fresh
    });
    let cookie = Cookie { name: name.clone(), ..Cookie::default() };
    fresh.into_iter().chain([by(usual, PolicySpecifier::Cookie(cookie))]).collect()
}

/// `route` with its cluster chosen by the hash of `key`.
fn by(mut route: Route, key: PolicySpecifier) -> Route {
    if let Some(route::Action::Route(action)) = &mut route.action
        && let Some(ClusterSpecifier::WeightedClusters(weighted)) = &mut action.cluster_specifier
    {
        weighted.random_value_specifier = Some(RandomValueSpecifier::UseHashPolicy(boolean(true)));
        action.hash_policy = vec![HashPolicy { policy_specifier: Some(key), ..HashPolicy::default() }];
    }
    route
}

/// A cookie among those that a request may have.
fn cookie_matcher(cookie: &TesterCookie) -> HeaderMatcher {
    cookie_with(&cookie.name, &cookie.r#match.as_ref().map_or_else(|| ANY.to_owned(), value))
}

/// A cookie whose value is what an expression says.
fn cookie_with(name: &str, value: &str) -> HeaderMatcher {
    let name = regex::escape(name);
    let expression = format!("(?:.*;[ \\t]*)?{name}=\"?{value}\"?[ \\t]*(?:;.*)?");
    let pattern = MatchPattern::SafeRegex(regex(&expression));
    HeaderMatcher {
        name: "cookie".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher(pattern))),
        ..HeaderMatcher::default()
    }
}

/// What the value of a cookie can be, but for its quotation marks.
const ANY: &str = "[^;\"]*";
/// The same, where there is something.
const SOME: &str = "[^;\"]+";
/// What every request has that has passed a proxy.
const REQUEST_ID: &str = "x-request-id";

fn value(method: &HeaderMatchMethod) -> String {
    let HeaderMatchMethod { exact, prefix, range: _, regex: expression, suffix } = method;
    if let Some(exact) = exact {
        regex::escape(exact)
    } else if let Some(prefix) = prefix {
        format!("{}{ANY}", regex::escape(prefix))
    } else if let Some(suffix) = suffix {
        format!("{ANY}{}", regex::escape(suffix))
    } else if let Some(expression) = expression {
        format!("(?:{expression})")
    } else {
        ANY.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn is_tester(method: Option<HeaderMatchMethod>, cookies: &str) -> bool {
        let asked = cookie_matcher(&TesterCookie { name: "ring".to_owned(), r#match: method });
        let Some(HeaderMatchSpecifier::StringMatch(matcher)) = asked.header_match_specifier else { panic!("no text") };
        let Some(MatchPattern::SafeRegex(regex)) = matcher.match_pattern else { panic!("no expression") };
        // As Envoy has it: all of the text.
        Regex::new(&format!("^(?:{})$", regex.regex)).unwrap().is_match(cookies)
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let exact = || Some(HeaderMatchMethod { exact: Some("0".to_owned()), ..HeaderMatchMethod::default() });
        for (cookies, found) in [
            ("ring=0", true),
            ("a=1; ring=0", true),
            ("a=1;ring=0; b=2", true),
            ("ring=\"0\"; b=2", true),
            ("a=1; b=2; ring=0", true),
            ("ring=01", false),
            ("ring=", false),
            ("string=0", false),
            ("a=ring=0", false),
            ("a=\"; ring=1", false),
            ("", false),
        ] {
            assert_eq!(is_tester(exact(), cookies), found, "{cookies}");
            let is_there = found || ["ring=01", "ring=", "a=\"; ring=1"].contains(&cookies);
            assert_eq!(is_tester(None, cookies), is_there, "{cookies}");
        }
    }

    #[test]
    fn the_value_of_a_cookie_is_asked_for_in_the_words_of_headers() {
        let text = |text: &str| Some(text.to_owned());
        let none = HeaderMatchMethod::default;
        for (method, yes, no) in [
            (HeaderMatchMethod { prefix: text("a."), ..none() }, "x=1; ring=a.b; y=1", "ring=ab; y=a."),
            (HeaderMatchMethod { suffix: text(".b"), ..none() }, "ring=a.b", "ring=b; y=.b"),
            (HeaderMatchMethod { regex: text("[0-9]|ten"), ..none() }, "ring=ten", "ring=often"),
        ] {
            assert!(is_tester(Some(method.clone()), yes), "{method:?}");
            assert!(!is_tester(Some(method.clone()), no), "{method:?}");
        }
    }
}

//! Which route a request takes, and what it becomes on it. What is expected is what Envoy 1.40 does.

use std::collections::BTreeMap;

use envoy_types::pb::{
    envoy::config::{
        core::v3::{DataSource, HeaderValue, HeaderValueOption, data_source::Specifier},
        route::v3::{
            DirectResponseAction, HeaderMatcher, QueryParameterMatcher, RedirectAction, Route, RouteAction,
            RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster,
            header_matcher::HeaderMatchSpecifier,
            query_parameter_matcher::QueryParameterMatchSpecifier,
            redirect_action::{PathRewriteSpecifier, SchemeRewriteSpecifier},
            route,
            route_action::{ClusterSpecifier, HostRewriteSpecifier},
            route_match::{GrpcRouteMatchOptions, PathSpecifier},
            weighted_cluster::ClusterWeight,
        },
    },
    envoy::r#type::{
        matcher::v3::{RegexMatchAndSubstitute, RegexMatcher, StringMatcher, string_matcher::MatchPattern},
        v3::Int64Range,
    },
    google::protobuf::{BoolValue, UInt32Value},
};

use crate::{
    testing::{Answer, Client, Mesh, Server, cluster_at},
    xds::route_table,
};

fn regex(text: &str) -> RegexMatcher {
    RegexMatcher { regex: text.to_owned(), ..RegexMatcher::default() }
}

fn prefix(prefix: &str) -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix(prefix.to_owned())), ..RouteMatch::default() }
}

fn to(cluster: &str) -> RouteAction {
    RouteAction { cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())), ..RouteAction::default() }
}

fn forward(matched: RouteMatch, action: RouteAction) -> Route {
    Route { r#match: Some(matched), action: Some(route::Action::Route(action)), ..Route::default() }
}

fn respond(matched: RouteMatch, status: u32, body: &str) -> Route {
    let body = DataSource { specifier: Some(Specifier::InlineString(body.to_owned())), ..DataSource::default() };
    let response = DirectResponseAction { status, body: Some(body), ..DirectResponseAction::default() };
    Route { r#match: Some(matched), action: Some(route::Action::DirectResponse(response)), ..Route::default() }
}

fn host(name: &str, routes: Vec<Route>) -> VirtualHost {
    VirtualHost { name: name.to_owned(), domains: vec![name.to_owned()], routes, ..VirtualHost::default() }
}

fn add(name: &str, value: &str, append_action: i32) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value: value.to_owned(), ..HeaderValue::default() };
    HeaderValueOption { header: Some(header), append_action, ..HeaderValueOption::default() }
}

const ALWAYS: i32 = 0;
const IF_ABSENT: i32 = 1;
const OVERWRITE: i32 = 2;
const OVERWRITE_IF_PRESENT: i32 = 3;

async fn mesh(server: Option<&Server>, configuration: RouteConfiguration) -> Mesh {
    let clusters: BTreeMap<_, _> =
        server.map(|server| ("api".to_owned(), cluster_at(&[server.address]))).into_iter().collect();
    Mesh::routing(clusters, route_table(&configuration).unwrap()).await
}

async fn hosts(server: Option<&Server>, virtual_hosts: Vec<VirtualHost>) -> Mesh {
    mesh(server, RouteConfiguration { virtual_hosts, ..RouteConfiguration::default() }).await
}

async fn ask(mesh: &Mesh, host: &str, path: &str, fields: &str) -> Answer {
    let mut client = Client::connect(mesh.address).await;
    client.say(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")).await;
    client.answer("GET").await
}

/// Whether requests with these fields, or to these paths, are taken by a route with this match.
async fn matches(matched: RouteMatch, cases: &[(&str, &str, bool)]) {
    let mesh = hosts(None, vec![host("*", vec![respond(matched.clone(), 299, "")])]).await;
    for (path, fields, wanted) in cases {
        let status = ask(&mesh, "h", path, fields).await.status;
        assert_eq!(status == 299, *wanted, "{matched:?}: {path} {fields:?} gave {status}");
    }
}

fn field(name: &str, specifier: HeaderMatchSpecifier) -> HeaderMatcher {
    HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(specifier), ..HeaderMatcher::default() }
}

fn text(pattern: MatchPattern) -> HeaderMatchSpecifier {
    HeaderMatchSpecifier::StringMatch(StringMatcher { match_pattern: Some(pattern), ignore_case: false })
}

fn exact(text: &str) -> HeaderMatchSpecifier {
    self::text(MatchPattern::Exact(text.to_owned()))
}

fn by(header: HeaderMatcher) -> RouteMatch {
    RouteMatch { headers: vec![header], ..prefix("/") }
}

#[tokio::test]
async fn paths_are_matched_without_their_query() {
    let path = |specifier| RouteMatch { path_specifier: Some(specifier), ..RouteMatch::default() };
    let any_case = |specifier| RouteMatch { case_sensitive: Some(BoolValue { value: false }), ..path(specifier) };
    let separated = |text: &str| PathSpecifier::PathSeparatedPrefix(text.to_owned());
    for (matched, cases) in [
        (path(PathSpecifier::Path("/api".to_owned())), vec![("/api?x", true), ("/api/", false), ("/API", false)]),
        (any_case(PathSpecifier::Path("/API".to_owned())), vec![("/api?x", true), ("/apix", false)]),
        (any_case(PathSpecifier::Prefix("/API".to_owned())), vec![("/apix", true), ("/ap", false)]),
        (
            path(separated("/api")),
            vec![("/api", true), ("/api/", true), ("/api?x", true), ("/apix", false), ("/API", false)],
        ),
        (any_case(separated("/api")), vec![("/API/x", true)]),
        (path(PathSpecifier::SafeRegex(regex("/a|/ab"))), vec![("/ab", true), ("/ab?q", true), ("/abc", false)]),
        (any_case(PathSpecifier::SafeRegex(regex("/A"))), vec![("/A", true), ("/a", false)]),
    ] {
        let cases: Vec<_> = cases.into_iter().map(|(path, wanted)| (path, "", wanted)).collect();
        matches(matched, &cases).await;
    }
}

#[tokio::test]
async fn a_field_that_is_missing_fulfils_neither_a_condition_nor_its_opposite() {
    let invert = |header: HeaderMatcher| HeaderMatcher { invert_match: true, ..header };
    let empty = |header: HeaderMatcher| HeaderMatcher { treat_missing_header_as_empty: true, ..header };
    let one = || field("X-A", exact("1"));
    let present = |wanted| field("x-a", HeaderMatchSpecifier::PresentMatch(wanted));
    let range = || field("x-a", HeaderMatchSpecifier::RangeMatch(Int64Range { start: -10, end: 2 }));
    let (none, first, second) = ("", "x-a: 1\r\n", "X-A: 2\r\n");
    for (header, wanted) in [
        (one(), [false, true, false]),
        (invert(one()), [false, false, true]),
        (empty(invert(one())), [true, false, true]),
        (present(true), [false, true, true]),
        (present(false), [true, false, false]),
        (invert(present(true)), [true, false, false]),
        (invert(present(false)), [false, true, true]),
        (empty(present(true)), [true, true, true]),
        (empty(present(false)), [false, false, false]),
        (HeaderMatcher { name: "x-a".to_owned(), ..HeaderMatcher::default() }, [false, true, true]),
        (range(), [false, true, false]),
        (invert(range()), [false, false, true]),
    ] {
        let cases = [("/", none, wanted[0]), ("/", first, wanted[1]), ("/", second, wanted[2])];
        matches(by(header), &cases).await;
    }
}

#[tokio::test]
async fn values_are_compared_one_by_one() {
    let range = HeaderMatchSpecifier::RangeMatch(Int64Range { start: -10, end: 2 });
    matches(
        by(field("x-a", range)),
        &[
            ("/", "x-a: -10\r\n", true),
            ("/", "x-a: +1\r\n", true),
            ("/", "x-a: 2\r\n", false),
            ("/", "x-a: 1x\r\n", false),
            ("/", "x-a: 1.0\r\n", false),
        ],
    )
    .await;
    let both = "x-a: 1\r\nx-a: 2\r\n";
    matches(by(field("x-a", exact("2"))), &[("/", both, true)]).await;
    matches(by(field("x-a", exact("1,2"))), &[("/", both, false), ("/", "x-a: 1,2\r\n", true)]).await;
    matches(by(HeaderMatcher { invert_match: true, ..field("x-a", exact("2")) }), &[("/", both, false)]).await;
    let contains = StringMatcher { match_pattern: Some(MatchPattern::Contains("aB".to_owned())), ignore_case: true };
    matches(
        by(field("x-a", HeaderMatchSpecifier::StringMatch(contains))),
        &[("/", "x-a: xAby\r\n", true), ("/", "x-a: x\r\n", false)],
    )
    .await;
    matches(
        by(field("x-a", text(MatchPattern::SafeRegex(regex("a|ab"))))),
        &[("/", "x-a: ab\r\n", true), ("/", "x-a: abc\r\n", false)],
    )
    .await;
    matches(by(field("x-a", text(MatchPattern::Suffix("z".to_owned())))), &[("/", "x-a: xyz\r\n", true)]).await;
}

#[tokio::test]
async fn method_scheme_authority_and_path_are_fields_too() {
    matches(by(field(":method", exact("GET"))), &[("/", "", true)]).await;
    matches(by(field(":method", exact("POST"))), &[("/", "", false)]).await;
    let https = "x-forwarded-proto: https\r\n";
    matches(by(field(":scheme", exact("http"))), &[("/", "", true), ("/", https, false)]).await;
    matches(by(field(":scheme", exact("https"))), &[("/", "", false), ("/", https, true)]).await;
    matches(by(field(":authority", exact("h"))), &[("/", "", true)]).await;
    matches(by(field("host", exact("h"))), &[("/", "", true)]).await;
    matches(by(field(":path", exact("/x?y=1"))), &[("/x?y=1", "", true), ("/x", "", false)]).await;
}

#[tokio::test]
async fn the_first_parameter_of_a_name_counts_as_it_is_written() {
    let by = |specifier| RouteMatch {
        query_parameters: vec![QueryParameterMatcher {
            name: "a".to_owned(),
            query_parameter_match_specifier: Some(specifier),
        }],
        ..prefix("/")
    };
    let one = StringMatcher { match_pattern: Some(MatchPattern::Exact("1".to_owned())), ignore_case: false };
    matches(
        by(QueryParameterMatchSpecifier::StringMatch(one)),
        &[
            ("/?b=2&a=1", "", true),
            ("/?a=1&a=2", "", true),
            ("/?a=2&a=1", "", false),
            ("/?a=%31", "", false),
            ("/?A=1", "", false),
            ("/?a", "", false),
            ("/", "", false),
        ],
    )
    .await;
    let present = |wanted| by(QueryParameterMatchSpecifier::PresentMatch(wanted));
    matches(present(true), &[("/?a", "", true), ("/?a=", "", true), ("/?b", "", false)]).await;
    matches(present(false), &[("/?a", "", false), ("/?b", "", true)]).await;
}

#[tokio::test]
async fn grpc_is_known_by_its_content_type_and_answered_in_its_terms() {
    let grpc = RouteMatch { grpc: Some(GrpcRouteMatchOptions::default()), ..prefix("/") };
    let mesh = hosts(None, vec![host("*", vec![respond(grpc, 418, "no %tea")])]).await;
    for (kind, wanted) in [("", None), ("+proto", None), ("-web", Some(404)), ("x", Some(404)), (";x", Some(404))] {
        let answer = ask(&mesh, "h", "/", &format!("content-type: application/grpc{kind}\r\n")).await;
        if let Some(status) = wanted {
            assert_eq!(answer.status, status, "{kind}");
            continue;
        }
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/grpc")));
        assert_eq!(answer.field("grpc-status"), Some("2"));
        assert_eq!((answer.field("grpc-message"), answer.text()), (Some("no %25tea"), ""));
    }
    let other = ask(&mesh, "h", "/", "").await;
    assert_eq!((other.status, other.field("grpc-status")), (404, None));
}

#[tokio::test]
async fn paths_and_hosts_are_rewritten_and_what_they_were_is_told() {
    let server = Server::echoing_head().await;
    let separated = RouteMatch {
        path_specifier: Some(PathSpecifier::PathSeparatedPrefix("/x".to_owned())),
        ..RouteMatch::default()
    };
    let exact = RouteMatch { path_specifier: Some(PathSpecifier::Path("/x".to_owned())), ..RouteMatch::default() };
    let by_regex =
        RouteMatch { path_specifier: Some(PathSpecifier::SafeRegex(regex("/x/.*"))), ..RouteMatch::default() };
    let rewritten =
        |matched, text: &str| forward(matched, RouteAction { prefix_rewrite: text.to_owned(), ..to("api") });
    let substitute = |pattern: &str, substitution: &str| RegexMatchAndSubstitute {
        pattern: Some(regex(pattern)),
        substitution: substitution.to_owned(),
    };
    let renamed = |specifier| RouteAction { host_rewrite_specifier: Some(specifier), ..to("api") };
    let literal = || HostRewriteSpecifier::HostRewriteLiteral("new".to_owned());
    let mesh = hosts(
        Some(&server),
        vec![
            host("prefix", vec![rewritten(prefix("/x/"), "/")]),
            host("exact", vec![rewritten(exact, "/y")]),
            host("separated", vec![rewritten(separated, "/")]),
            host("regex", vec![rewritten(by_regex, "/y")]),
            host(
                "replace",
                vec![forward(
                    prefix("/"),
                    RouteAction { regex_rewrite: Some(substitute("a(.)", r"<\1\0>")), ..to("api") },
                )],
            ),
            host(
                "literal",
                vec![forward(prefix("/"), RouteAction { append_x_forwarded_host: true, ..renamed(literal()) })],
            ),
            host(
                "header",
                vec![forward(prefix("/"), renamed(HostRewriteSpecifier::HostRewriteHeader("X-H".to_owned())))],
            ),
            host(
                "path",
                vec![forward(
                    prefix("/"),
                    renamed(HostRewriteSpecifier::HostRewritePathRegex(substitute("^/(.+)/.*$", r"\1"))),
                )],
            ),
        ],
    )
    .await;
    for (host, path, fields, wanted) in [
        ("prefix", "/x/a?q=1", "", vec!["GET /a?q=1 HTTP/1.1", "x-envoy-original-path: /x/a?q=1"]),
        ("exact", "/x?q", "", vec!["GET /y?q HTTP/1.1", "x-envoy-original-path: /x?q"]),
        ("separated", "/x/1", "", vec!["GET //1 HTTP/1.1"]),
        ("separated", "/x", "", vec!["GET / HTTP/1.1"]),
        ("regex", "/x/1?q", "", vec!["GET /y?q HTTP/1.1"]),
        ("replace", "/aba?a=1", "", vec!["GET /<bab>a?a=1 HTTP/1.1"]),
        ("literal", "/", "", vec!["host: new", "x-envoy-original-host: literal", "x-forwarded-host: literal"]),
        ("literal", "/", "x-forwarded-host: z\r\n", vec!["host: new", "x-forwarded-host: z,literal"]),
        ("header", "/", "x-h: hh\r\n", vec!["host: hh", "x-envoy-original-host: header"]),
        ("header", "/", "", vec!["Host: header"]),
        ("path", "/other/x", "", vec!["host: other", "x-envoy-original-host: path"]),
    ] {
        let answer = ask(&mesh, host, path, fields).await;
        let seen: Vec<&str> = answer.text().lines().collect();
        for line in &wanted {
            assert!(seen.contains(line), "{host}{path}: {line} is not in {seen:?}");
        }
        let hosts = seen.iter().filter(|line| line.to_ascii_lowercase().starts_with("host:")).count();
        assert_eq!(hosts, 1, "{seen:?}");
    }
}

#[tokio::test]
async fn fields_are_edited_from_the_cluster_up_or_from_the_table_down() {
    let server = Server::answering(|asked| {
        let head = &asked.head;
        format!("HTTP/1.1 200 OK\r\nx-resp: a\r\nx-gone: 1\r\ncontent-length: {}\r\n\r\n{head}", head.len())
    })
    .await;
    let weighted = WeightedCluster {
        clusters: vec![ClusterWeight {
            name: "api".to_owned(),
            weight: Some(UInt32Value { value: 1 }),
            request_headers_to_add: vec![add("x-a", "cluster", ALWAYS), add("x-c", "cluster", OVERWRITE)],
            ..ClusterWeight::default()
        }],
        ..WeightedCluster::default()
    };
    let route = Route {
        name: "rname".to_owned(),
        request_headers_to_add: vec![
            add("x-a", "route", ALWAYS),
            add("x-b", "route", IF_ABSENT),
            add("x-c", "route", OVERWRITE),
            add("x-d", "route", OVERWRITE_IF_PRESENT),
            add("x-e", "%REQ(none)%", ALWAYS),
            HeaderValueOption { keep_empty_value: true, ..add("x-f", "%REQ(none)%", ALWAYS) },
            add("x-g", "%REQ(x-a)%-%REQ(:path)%-%PROTOCOL%-%UPSTREAM_CLUSTER%-%ROUTE_NAME%-%%", ALWAYS),
        ],
        request_headers_to_remove: vec!["x-rm".to_owned(), "User-Agent".to_owned()],
        response_headers_to_add: vec![
            add("x-resp", "route", ALWAYS),
            add("x-new", "%RESP(x-resp)%-%REQ(x-b)%-%RESPONSE_CODE%", ALWAYS),
            add("server", "mine", OVERWRITE),
        ],
        response_headers_to_remove: vec!["x-gone".to_owned(), "x-envoy-upstream-service-time".to_owned()],
        ..forward(
            prefix("/"),
            RouteAction {
                cluster_specifier: Some(ClusterSpecifier::WeightedClusters(weighted)),
                ..RouteAction::default()
            },
        )
    };
    let configuration = |most_specific_header_mutations_wins| RouteConfiguration {
        virtual_hosts: vec![VirtualHost {
            request_headers_to_add: vec![add("x-a", "vhost", ALWAYS), add("x-c", "vhost", OVERWRITE)],
            response_headers_to_add: vec![add("x-resp", "vhost", ALWAYS)],
            ..host("*", vec![route.clone()])
        }],
        request_headers_to_add: vec![add("x-a", "table", ALWAYS), add("x-c", "table", OVERWRITE)],
        response_headers_to_add: vec![add("x-resp", "table", ALWAYS)],
        most_specific_header_mutations_wins,
        ..RouteConfiguration::default()
    };
    let values = |text: &str, name: &str| -> Vec<String> {
        let named = |line: &str| line.strip_prefix(name)?.strip_prefix(": ").map(|value| value.trim_end().to_owned());
        text.lines().filter_map(named).collect()
    };
    for (specific_last, levels, winner) in [
        (false, ["orig", "cluster", "route", "vhost", "table"], "table"),
        (true, ["orig", "table", "vhost", "route", "cluster"], "cluster"),
    ] {
        let mesh = mesh(Some(&server), configuration(specific_last)).await;
        let fields = "x-a: orig\r\nx-b: orig\r\nx-c: orig\r\nx-d: orig\r\nx-rm: 1\r\nuser-agent: u\r\n";
        let answer = ask(&mesh, "h", "/p", fields).await;
        let seen = answer.text();
        assert_eq!(values(seen, "x-a"), levels);
        assert_eq!(values(seen, "x-c"), [winner]);
        assert_eq!((values(seen, "x-b"), values(seen, "x-d")), (vec!["orig".to_owned()], vec!["route".to_owned()]));
        assert!(values(seen, "x-e").is_empty() && !seen.contains("x-rm") && !seen.contains("user-agent"), "{seen}");
        assert!(seen.contains("x-f: \r\n"), "{seen}");
        assert_eq!(values(seen, "x-g"), ["orig-/p-HTTP/1.1-api-rname-%"]);
        let resp = values(&answer.head, "x-resp");
        let wanted = if specific_last { ["a", "table", "vhost", "route"] } else { ["a", "route", "vhost", "table"] };
        assert_eq!(resp, wanted);
        assert_eq!(answer.field("x-new"), Some("a-orig-200"));
        assert_eq!(values(&answer.head, "server"), ["envoy"]);
        assert!(!answer.head.contains("x-gone") && !answer.head.contains("service-time"), "{}", answer.head);
    }
}

#[tokio::test]
async fn redirections_lead_where_envoys_do() {
    let redirect = |matched, redirect| Route {
        r#match: Some(matched),
        action: Some(route::Action::Redirect(redirect)),
        ..Route::default()
    };
    let https = || RedirectAction {
        scheme_rewrite_specifier: Some(SchemeRewriteSpecifier::HttpsRedirect(true)),
        ..RedirectAction::default()
    };
    let path = |specifier| RedirectAction { path_rewrite_specifier: Some(specifier), ..RedirectAction::default() };
    let mesh = hosts(
        None,
        vec![
            host(
                "host",
                vec![redirect(
                    prefix("/"),
                    RedirectAction { host_redirect: "other".to_owned(), ..RedirectAction::default() },
                )],
            ),
            VirtualHost {
                domains: vec![
                    "https".to_owned(),
                    "https:80".to_owned(),
                    "https:8080".to_owned(),
                    "https:443".to_owned(),
                ],
                ..host("https", vec![redirect(prefix("/"), https())])
            },
            host(
                "port",
                vec![redirect(prefix("/"), RedirectAction { port_redirect: 8443, response_code: 1, ..https() })],
            ),
            host("path", vec![redirect(prefix("/"), path(PathRewriteSpecifier::PathRedirect("/p".to_owned())))]),
            host("query", vec![redirect(prefix("/"), path(PathRewriteSpecifier::PathRedirect("/p?z=1".to_owned())))]),
            host(
                "prefix",
                vec![redirect(
                    prefix("/x"),
                    RedirectAction {
                        strip_query: true,
                        response_code: 3,
                        ..path(PathRewriteSpecifier::PrefixRewrite("/y".to_owned()))
                    },
                )],
            ),
        ],
    )
    .await;
    for (host, asked, fields, status, location) in [
        ("host", "/a/b?c=d", "", 301, "http://other/a/b?c=d"),
        ("host", "/q", "x-forwarded-proto: https\r\n", 301, "https://other/q"),
        ("https", "/a?c", "", 301, "https://https/a?c"),
        ("https:80", "/", "", 301, "https://https/"),
        ("https:8080", "/", "", 301, "https://https:8080/"),
        ("https:443", "/", "x-forwarded-proto: https\r\n", 301, "https://https:443/"),
        ("port", "/a", "", 302, "https://port:8443/a"),
        ("path", "/a?c=d", "", 301, "http://path/p?c=d"),
        ("query", "/a?c=d", "", 301, "http://query/p?z=1"),
        ("prefix", "/xz?c=d", "", 307, "http://prefix/yz"),
    ] {
        let answer = ask(&mesh, host, asked, fields).await;
        assert_eq!((answer.status, answer.field("location")), (status, Some(location)), "{host}{asked}");
    }
    mesh.counted("http.egress.rq_redirect", 10).await;
}

#[tokio::test]
async fn both_sides_are_told_how_many_attempts_it_takes() {
    let server = Server::echoing_head().await;
    let told = VirtualHost {
        include_request_attempt_count: true,
        include_attempt_count_in_response: true,
        ..host("*", vec![forward(prefix("/"), to("api")), forward(prefix("/gone"), to("gone"))])
    };
    let mesh = hosts(Some(&server), vec![told]).await;
    let answer = ask(&mesh, "h", "/", "x-envoy-attempt-count: 7\r\n").await;
    assert_eq!(answer.text().matches("x-envoy-attempt-count: ").count(), 1);
    assert!(answer.text().contains("x-envoy-attempt-count: 1\r\n"));
    assert_eq!(answer.field("x-envoy-attempt-count"), Some("1"));
}

#[test]
fn what_cant_be_honoured_is_named() {
    let refused = |route: Route| {
        let configuration =
            RouteConfiguration { virtual_hosts: vec![host("*", vec![route])], ..RouteConfiguration::default() };
        route_table(&configuration).unwrap_err()
    };
    let header = ClusterSpecifier::ClusterHeader("x-cluster".to_owned());
    let by_header = RouteAction { cluster_specifier: Some(header), ..RouteAction::default() };
    assert!(refused(forward(prefix("/"), by_header)).contains("cluster_header x-cluster"));
    let edited = |add| Route { request_headers_to_add: vec![add], ..forward(prefix("/"), to("api")) };
    assert!(refused(edited(add("x-a", "%NOPE%", 0))).contains("%NOPE%"));
    assert!(refused(edited(add(":path", "/", 0))).contains("may not be modified"));
    let broken = RouteMatch { path_specifier: Some(PathSpecifier::SafeRegex(regex("("))), ..RouteMatch::default() };
    assert!(refused(forward(broken, to("api"))).contains("unclosed group"));
    let group = RegexMatchAndSubstitute { pattern: Some(regex("a")), substitution: r"\1".to_owned() };
    let rewritten = RouteAction { regex_rewrite: Some(group), ..to("api") };
    assert!(refused(forward(prefix("/"), rewritten)).contains(r"\1"));
}

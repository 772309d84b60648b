//! Routes that fuzzers send requests through: a table that has one of every kind of match.

use std::sync::Arc;

use super::{routes::Routes, slot::Slots, view::RequestView};
use crate::{
    http::Request,
    model::{
        Action, HeaderMatch, HeaderTest, Part, PathMatch, Pattern, QueryMatch, QueryTest, Respond, Route, RouteMatch,
        RouteTable, StringMatch, StringTest, VirtualHost,
    },
    stats::Registry,
};

/// Routes on a core.
pub(crate) struct Routing(Routes);

impl Routing {
    pub(crate) fn new() -> Self {
        Self(Routes::new(Arc::new(table()), &mut Slots::default(), &Registry::default(), None))
    }

    /// Finds the route of `request`.
    pub(crate) fn follow(&self, request: &Request) -> bool {
        let view = RequestView { request, scheme: "http", id: None };
        self.0.host(request.authority()).is_some_and(|host| host.route(&view, || 0).is_some())
    }
}

fn table() -> RouteTable {
    let pattern = |text: &str| Pattern::new(text).expect("a pattern that can be read");
    let text = |test| StringMatch { test, ignore_case: true };
    let header = |name: &str, test, invert| HeaderMatch {
        part: Part::named(name),
        test: HeaderTest::Text(text(test)),
        invert,
        missing_is_empty: true,
    };
    let query = |name: &str, test| QueryMatch { name: name.to_owned(), test: QueryTest::Text(text(test)) };
    let under = |prefix: &str| RouteMatch::path(PathMatch::Prefix(prefix.to_owned()));
    let matches = [
        RouteMatch::path(PathMatch::Exact("/exact".to_owned())),
        RouteMatch::path(PathMatch::Regex(pattern("/[a-z]+/(\\d{1,5})"))),
        RouteMatch { headers: vec![header("x-a", StringTest::Regex(pattern("a.*b|c")), true)], ..under("/h") },
        RouteMatch { headers: vec![header(":method", StringTest::Exact("POST".to_owned()), false)], ..under("/m") },
        RouteMatch { query: vec![query("x", StringTest::Suffix("y".to_owned()))], ..under("/q") },
        RouteMatch { grpc: true, ..under("/g") },
        RouteMatch { ignore_case: true, ..under("/Other") },
    ];
    let answer = |matches| Route {
        matches,
        ..Route::of(PathMatch::Prefix(String::new()), Action::Respond(Respond { status: 200, body: String::new() }))
    };
    let routes: Vec<Route> = matches.map(answer).into();
    let host = |domain: &str| VirtualHost {
        name: domain.to_owned(),
        domains: vec![domain.to_owned()],
        routes: routes.clone(),
        ..VirtualHost::default()
    };
    RouteTable {
        virtual_hosts: ["api", "*.example.com", "api.*", "*"].map(host).into(),
        ignore_port: true,
        ..RouteTable::default()
    }
}

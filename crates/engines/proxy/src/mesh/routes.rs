//! Route configurations, compiled for looking up: which virtual host, and there which route.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use super::{
    cluster::Cluster,
    edits::{Levels, in_order},
    matching,
    slot::{Slot, Slots},
    view::RequestView,
};
use crate::{
    model::{self, HeaderEdits, RetryPolicy, RouteMatch, RouteTable},
    rotation::Rotation,
    stats::{Registry, VirtualHostCounters},
};

/// The longest name of a host that is looked up; DNS allows 253 characters, and a port may follow.
const HOST_MAX: usize = 260;

/// A route configuration on a core.
pub(crate) struct Routes {
    pub(crate) table: Arc<RouteTable>,
    exact: HashMap<Box<[u8]>, Rc<Host>>,
    /// By what is behind `*`, longest first.
    suffixes: Vec<(Box<[u8]>, Rc<Host>)>,
    /// By what is before `*`, longest first.
    prefixes: Vec<(Box<[u8]>, Rc<Host>)>,
    any: Option<Rc<Host>>,
    rotations: HashMap<Turns, Rc<Rotation>>,
}

/// Which turns go on when the configuration changes: the host, the place of the route in it, and its targets.
type Turns = (String, usize, Vec<String>);

/// A virtual host on a core.
pub(crate) struct Host {
    pub(crate) counters: Arc<VirtualHostCounters>,
    pub(crate) tells_server_attempts: bool,
    pub(crate) tells_client_attempts: bool,
    routes: Vec<Rc<Route>>,
}

/// A route on a core.
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) matches: RouteMatch,
    /// Something besides the path is asked for.
    has_conditions: bool,
    pub(crate) target: Target,
    /// What is done to fields, unless a cluster says more.
    edits: Levels,
    /// What goes wrong on purpose.
    pub(crate) fault: Option<model::Fault>,
}

/// Where a route leads.
pub(crate) enum Target {
    Forward(Box<Forward>),
    Respond(model::Respond),
    Redirect(model::Redirect),
}

/// A route that forwards.
pub(crate) struct Forward {
    pub(crate) settings: model::Forward,
    /// The route's own policy, or else the virtual host's.
    pub(crate) retry: Option<RetryPolicy>,
    /// Something of the request is rewritten before a server is chosen.
    pub(crate) rewrites: bool,
    shares: Vec<Share>,
    rotation: Rc<Rotation>,
}

/// A cluster of a route.
pub(crate) struct Share {
    pub(crate) cluster: Rc<Slot<Cluster>>,
    edits: Levels,
}

impl Route {
    /// What is done to fields on the way to `share`, if it leads to one.
    pub(crate) fn edits(&self, share: Option<&Share>) -> Levels {
        share.map_or_else(|| self.edits.clone(), |share| share.edits.clone())
    }
}

impl Forward {
    /// The number of the cluster whose turn it is.
    pub(crate) fn turn(&self) -> Option<usize> {
        self.rotation.turn()
    }

    /// The cluster with this number; its slot may be empty.
    pub(crate) fn share(&self, number: usize) -> Option<&Share> {
        self.shares.get(number)
    }
}

/// What the routes of a table have in common while they are compiled.
struct Common<'a> {
    clusters: &'a mut Slots<Cluster>,
    registry: &'a Registry,
    before: Option<&'a Routes>,
    edits: Rc<HeaderEdits>,
    specific_last: bool,
}

impl Routes {
    /// Compiles `table`. The turns of weighted clusters go on where `before` left them.
    pub(crate) fn new(
        table: Arc<RouteTable>,
        clusters: &mut Slots<Cluster>,
        registry: &Registry,
        before: Option<&Self>,
    ) -> Self {
        let mut routes = Self {
            table: Arc::clone(&table),
            exact: HashMap::new(),
            suffixes: Vec::new(),
            prefixes: Vec::new(),
            any: None,
            rotations: HashMap::new(),
        };
        let edits = Rc::new(table.edits.clone());
        let mut common = Common { clusters, registry, before, edits, specific_last: table.most_specific_edits_last };
        for host in &table.virtual_hosts {
            let compiled = Rc::new(routes.compile(host, &mut common));
            for domain in &host.domains {
                routes.add(domain, &compiled);
            }
        }
        let longest_first =
            |list: &mut Vec<(Box<[u8]>, Rc<Host>)>| list.sort_by_key(|(part, _)| usize::MAX - part.len());
        longest_first(&mut routes.suffixes);
        longest_first(&mut routes.prefixes);
        routes
    }

    fn compile(&mut self, host: &model::VirtualHost, common: &mut Common<'_>) -> Host {
        let edits = Rc::new(host.edits.clone());
        let routes = host.routes.iter().enumerate();
        let routes = routes.map(|(place, route)| self.route(host, place, route, &edits, common)).collect();
        let counters = common.before.and_then(|before| before.counters_of(&host.name));
        Host {
            counters: counters.unwrap_or_else(|| common.registry.virtual_host(&host.name).local()),
            tells_server_attempts: host.tell_server_attempts,
            tells_client_attempts: host.tell_client_attempts,
            routes,
        }
    }

    fn route(
        &mut self,
        host: &model::VirtualHost,
        place: usize,
        route: &model::Route,
        host_edits: &Rc<HeaderEdits>,
        common: &mut Common<'_>,
    ) -> Rc<Route> {
        let own = Rc::new(route.edits.clone());
        let edits = in_order([&own, host_edits, &common.edits], common.specific_last);
        let target = match &route.action {
            model::Action::Respond(respond) => Target::Respond(respond.clone()),
            model::Action::Redirect(redirect) => Target::Redirect(redirect.clone()),
            model::Action::Forward(forward) => {
                let names = forward.clusters.iter().map(|cluster| cluster.name.clone()).collect();
                let rotation = self.rotation((host.name.clone(), place, names), forward, common.before);
                let share = |cluster: &model::WeightedCluster| {
                    let levels = [&Rc::new(cluster.edits.clone()), &own, host_edits, &common.edits];
                    let edits =
                        if cluster.edits.is_empty() { edits.clone() } else { in_order(levels, common.specific_last) };
                    Share { cluster: common.clusters.slot(&cluster.name), edits }
                };
                let shares = forward.clusters.iter().map(share).collect();
                let retry = forward.retry.clone().or_else(|| host.retry.clone());
                let rewrites = forward.path.is_some() || forward.host.is_some();
                Target::Forward(Box::new(Forward { settings: forward.clone(), retry, rewrites, shares, rotation }))
            }
        };
        let matches = route.matches.clone();
        Rc::new(Route {
            name: route.name.clone(),
            has_conditions: matching::has_conditions(&matches),
            matches,
            target,
            edits,
            fault: route.fault,
        })
    }

    fn rotation(&mut self, turns: Turns, forward: &model::Forward, before: Option<&Self>) -> Rc<Rotation> {
        let weights: Vec<u32> = forward.clusters.iter().map(|cluster| cluster.weight).collect();
        let going_on = before.and_then(|before| before.rotations.get(&turns));
        let rotation = match going_on.filter(|rotation| rotation.weights() == weights) {
            Some(rotation) => Rc::clone(rotation),
            None => Rc::new(Rotation::new(weights)),
        };
        self.rotations.insert(turns, Rc::clone(&rotation));
        rotation
    }

    fn counters_of(&self, name: &str) -> Option<Arc<VirtualHostCounters>> {
        let host = self.table.virtual_hosts.iter().find(|host| host.name == name)?;
        let domain = host.domains.first()?.to_ascii_lowercase();
        self.host(domain.replace('*', "x").as_bytes()).map(|host| Arc::clone(&host.counters))
    }

    fn add(&mut self, domain: &str, host: &Rc<Host>) {
        let domain = domain.to_ascii_lowercase();
        let host = Rc::clone(host);
        match (domain.strip_prefix('*'), domain.strip_suffix('*')) {
            (Some(""), _) => self.any = Some(host),
            (Some(suffix), _) => self.suffixes.push((suffix.as_bytes().into(), host)),
            (_, Some(prefix)) => self.prefixes.push((prefix.as_bytes().into(), host)),
            _ => drop(self.exact.insert(domain.as_bytes().into(), host)),
        }
    }

    /// The virtual host that answers to `authority`: by its exact name, the longest suffix, the longest prefix, any.
    pub(crate) fn host(&self, authority: &[u8]) -> Option<&Rc<Host>> {
        let authority = if self.table.ignore_port { without_port(authority) } else { authority };
        let mut lower = [0; HOST_MAX];
        // Longer than any name there is, it can only be any.
        let Some(name) = lower.get_mut(..authority.len()) else { return self.any.as_ref() };
        name.copy_from_slice(authority);
        name.make_ascii_lowercase();
        let name = &*name;
        let longer = |part: &[u8]| name.len() > part.len();
        self.exact
            .get(name)
            .or_else(|| self.suffixes.iter().find(|(end, _)| longer(end) && name.ends_with(end)).map(|(_, host)| host))
            .or_else(|| {
                self.prefixes.iter().find(|(start, _)| longer(start) && name.starts_with(start)).map(|(_, host)| host)
            })
            .or(self.any.as_ref())
    }
}

/// An authority without the port it may have.
fn without_port(authority: &[u8]) -> &[u8] {
    let digits = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    authority[..authority.len() - digits].strip_suffix(b":").filter(|_| digits > 0).unwrap_or(authority)
}

impl Host {
    /// The first route that the request is for. `random` decides about those that are for a share of requests.
    pub(crate) fn route(&self, view: &RequestView<'_>, random: impl Fn() -> u64) -> Option<&Rc<Route>> {
        let path = view.request.path();
        let is_for = |route: &&Rc<Route>| {
            matching::path_holds(&route.matches, path)
                && (!route.has_conditions || matching::conditions_hold(&route.matches, view, &random))
        };
        self.routes.iter().find(is_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::Request,
        model::{Action, PathMatch, Respond, Route, VirtualHost, WeightedCluster},
    };

    fn host(name: &str, domains: &[&str], paths: &[(PathMatch, u16)]) -> VirtualHost {
        let route = |(path, status): &(PathMatch, u16)| {
            Route::of(path.clone(), Action::Respond(Respond { status: *status, body: String::new() }))
        };
        VirtualHost {
            name: name.to_owned(),
            domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            routes: paths.iter().map(route).collect(),
            ..VirtualHost::default()
        }
    }

    fn compile(table: RouteTable, before: Option<&Routes>) -> Routes {
        Routes::new(Arc::new(table), &mut Slots::default(), &Registry::default(), before)
    }

    fn route(routes: &Routes, authority: &str, path: &str) -> Option<Rc<super::Route>> {
        let mut request = Request::default();
        request.read(&mut format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()).unwrap();
        let view = RequestView { request: &request, scheme: "http", id: None };
        routes.host(authority.as_bytes())?.route(&view, || 0).map(Rc::clone)
    }

    fn status(routes: &Routes, authority: &str, path: &str) -> Option<u16> {
        match &route(routes, authority, path)?.target {
            Target::Respond(respond) => Some(respond.status),
            _ => None,
        }
    }

    #[test]
    fn the_most_exact_host_wins_and_then_the_first_route() {
        let all = || PathMatch::Prefix("/".to_owned());
        let routes = compile(
            RouteTable {
                virtual_hosts: vec![
                    host("any", &["*"], &[(all(), 201)]),
                    host("suffix", &["*.sample"], &[(all(), 202)]),
                    host("longer", &["*.flask.sample"], &[(all(), 203)]),
                    host("prefix", &["api.*"], &[(all(), 204)]),
                    host(
                        "exact",
                        &["API.flask.sample", "api.flask.sample:3000"],
                        &[(PathMatch::Exact("/todos".to_owned()), 301), (PathMatch::Prefix("/todos/".to_owned()), 302)],
                    ),
                ],
                ..RouteTable::default()
            },
            None,
        );
        for (authority, path, wanted) in [
            ("api.flask.sample", "/todos", Some(301)),
            ("Api.Flask.Sample:3000", "/todos/1", Some(302)),
            ("api.flask.sample", "/other", None),
            ("web.flask.sample", "/", Some(203)),
            ("web.sample", "/", Some(202)),
            ("api.example", "/", Some(204)),
            ("elsewhere", "/", Some(201)),
            ("", "/", Some(201)),
        ] {
            assert_eq!(status(&routes, authority, path), wanted, "{authority}{path}");
        }
        assert_eq!(status(&routes, &"x".repeat(300), "/"), Some(201));
    }

    #[test]
    fn turns_go_on_when_something_else_changes_and_start_over_when_weights_do() {
        let table = |weights: [u32; 2], other: u16| RouteTable {
            virtual_hosts: vec![
                VirtualHost {
                    name: "api".to_owned(),
                    domains: vec!["api".to_owned()],
                    routes: vec![Route::of(
                        PathMatch::Prefix("/".to_owned()),
                        Action::Forward(model::Forward {
                            clusters: ["v1", "v2"]
                                .iter()
                                .zip(weights)
                                .map(|(name, weight)| WeightedCluster::of(name, weight))
                                .collect(),
                            ..model::Forward::to("")
                        }),
                    )],
                    ..VirtualHost::default()
                },
                host("other", &["other"], &[(PathMatch::Prefix("/".to_owned()), other)]),
            ],
            ..RouteTable::default()
        };
        let turn = |routes: &Routes| match &route(routes, "api", "/").unwrap().target {
            Target::Forward(forward) => forward.share(forward.turn().unwrap()).unwrap().cluster.name.to_string(),
            _ => unreachable!(),
        };
        let first = compile(table([2, 1], 200), None);
        assert_eq!([turn(&first), turn(&first)], ["v1", "v2"]);
        let second = compile(table([2, 1], 201), Some(&first));
        assert_eq!([turn(&second), turn(&second)], ["v1", "v1"]);
        let third = compile(table([0, 1], 201), Some(&second));
        assert_eq!([turn(&third), turn(&third)], ["v2", "v2"]);
        assert!(Arc::ptr_eq(&first.host(b"api").unwrap().counters, &third.host(b"api").unwrap().counters));
    }
}

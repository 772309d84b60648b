//! Route configurations, compiled for looking up: which virtual host, and there which route.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use super::{
    cluster::Cluster,
    slot::{Slot, Slots},
};
use crate::{
    model::{self, PathMatch, RouteTable},
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
    routes: Vec<(PathMatch, Target)>,
}

/// Where a route leads.
#[derive(Clone)]
pub(crate) enum Target {
    Forward(Rc<Forward>),
    Respond(Rc<model::Respond>),
}

/// A route that forwards.
pub(crate) struct Forward {
    pub(crate) settings: model::Forward,
    clusters: Vec<Rc<Slot<Cluster>>>,
    rotation: Rc<Rotation>,
}

impl Forward {
    /// The cluster whose turn it is; its slot may be empty.
    pub(crate) fn turn(&self) -> Option<&Rc<Slot<Cluster>>> {
        self.rotation.turn().map(|turn| &self.clusters[turn])
    }

    /// The name under which the route has `cluster`.
    pub(crate) fn name_of(&self, cluster: &Rc<Cluster>) -> Option<String> {
        let holds = |slot: &&Rc<Slot<Cluster>>| slot.get().is_some_and(|content| Rc::ptr_eq(&content, cluster));
        self.clusters.iter().find(holds).map(|slot| slot.name.to_string())
    }
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
        for host in &table.virtual_hosts {
            let compiled = Rc::new(routes.compile(host, clusters, registry, before));
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

    fn compile(
        &mut self,
        host: &model::VirtualHost,
        clusters: &mut Slots<Cluster>,
        registry: &Registry,
        before: Option<&Self>,
    ) -> Host {
        let mut routes = Vec::with_capacity(host.routes.len());
        for (place, route) in host.routes.iter().enumerate() {
            let target = match &route.action {
                model::Action::Respond(respond) => Target::Respond(Rc::new(respond.clone())),
                model::Action::Forward(forward) => {
                    let names = forward.clusters.iter().map(|cluster| cluster.name.clone()).collect();
                    let rotation = self.rotation((host.name.clone(), place, names), forward, before);
                    let slots = forward.clusters.iter().map(|cluster| clusters.slot(&cluster.name)).collect();
                    Target::Forward(Rc::new(Forward { settings: forward.clone(), clusters: slots, rotation }))
                }
            };
            routes.push((route.path.clone(), target));
        }
        let counters = before.and_then(|before| before.counters_of(&host.name));
        Host { counters: counters.unwrap_or_else(|| registry.virtual_host(&host.name).local()), routes }
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
        let mut lower = [0; HOST_MAX];
        let name = lower.get_mut(..authority.len())?;
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

impl Host {
    /// The first route that `path` matches.
    pub(crate) fn route(&self, path: &[u8]) -> Option<&Target> {
        let matches = |wanted: &PathMatch| match wanted {
            PathMatch::Prefix(prefix) => path.starts_with(prefix.as_bytes()),
            PathMatch::Exact(exact) => path == exact.as_bytes(),
        };
        self.routes.iter().find(|(wanted, _)| matches(wanted)).map(|(_, target)| target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Respond, Route, VirtualHost, WeightedCluster};

    fn host(name: &str, domains: &[&str], paths: &[(PathMatch, u16)]) -> VirtualHost {
        let route = |(path, status): &(PathMatch, u16)| Route {
            path: path.clone(),
            action: Action::Respond(Respond { status: *status, body: String::new() }),
        };
        VirtualHost {
            name: name.to_owned(),
            domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            routes: paths.iter().map(route).collect(),
        }
    }

    fn compile(table: RouteTable, before: Option<&Routes>) -> Routes {
        Routes::new(Arc::new(table), &mut Slots::default(), &Registry::default(), before)
    }

    fn status(routes: &Routes, authority: &str, path: &str) -> Option<u16> {
        match routes.host(authority.as_bytes())?.route(path.as_bytes())? {
            Target::Respond(respond) => Some(respond.status),
            Target::Forward(_) => None,
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
        assert_eq!(status(&routes, &"x".repeat(300), "/"), None);
    }

    #[test]
    fn turns_go_on_when_something_else_changes_and_start_over_when_weights_do() {
        let table = |weights: [u32; 2], other: u16| RouteTable {
            virtual_hosts: vec![
                VirtualHost {
                    name: "api".to_owned(),
                    domains: vec!["api".to_owned()],
                    routes: vec![Route {
                        path: PathMatch::Prefix("/".to_owned()),
                        action: Action::Forward(model::Forward {
                            clusters: ["v1", "v2"]
                                .iter()
                                .zip(weights)
                                .map(|(name, weight)| WeightedCluster { name: (*name).to_owned(), weight })
                                .collect(),
                            ..model::Forward::to("")
                        }),
                    }],
                },
                host("other", &["other"], &[(PathMatch::Prefix("/".to_owned()), other)]),
            ],
        };
        let turn = |routes: &Routes| match routes.host(b"api").unwrap().route(b"/").unwrap() {
            Target::Forward(forward) => forward.turn().unwrap().name.to_string(),
            Target::Respond(_) => unreachable!(),
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

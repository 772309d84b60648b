//! The rules of order, each by a test that fails when it is broken, in both dialects.
//!
//! Each was broken by hand, as the last column says, and the test seen to fail; `properties` fails with most of them too.
//!
//! | rule | test | broken by |
//! |---|---|---|
//! | a route waits for the ACK of its clusters | `a_route_waits_until_the_cluster_it_needs_is_acknowledged` | taking sent for acknowledged |
//! | so does a listener | `the_first_listeners_come_all_together_or_not_yet` | letting listeners through |
//! | a cluster on its way out is not there | `a_route_waits_for_a_cluster_that_comes_back_while_it_is_on_its_way_out` | asking what is acknowledged alone |
//! | a cluster nobody described is not waited for | `the_first_listeners_come_all_together_or_not_yet` | waiting for every name |
//! | who waits holds up nobody else | `one_route_configuration_does_not_wait_for_the_clusters_of_another` | leaving the kind as it was |
//! | weights do not wait for clusters that warm up | `a_weight_moves_at_once_while_another_cluster_warms_up` | holding routes while clusters are in flight |
//! | hosts do not wait for their cluster's ACK | `warming::hosts_are_sent_while_their_cluster_is_not_acknowledged` | holding hosts while clusters are in flight |
//! | hosts come behind every cluster that is sent | `the_hosts_of_a_changed_cluster_are_sent_behind_it` | sending the cluster alone |
//! | clusters go before what needs them | `the_hosts_of_a_changed_cluster_are_sent_behind_it` | sending kinds the other way round |
//! | a cluster stays until routes without it are acknowledged | `a_cluster_goes_only_when_the_route_that_used_it_is_acknowledged` | taking sent for acknowledged |
//! | and until listeners without it are | `a_cluster_stays_while_a_listener_that_is_being_replaced_uses_it` | looking at routes alone |
//! | and no longer, though a listener drains | `the_clusters_of_a_route_stay_until_the_listener_it_was_for_is_gone` | counting the routes of listeners that are gone |
//! | a NACK leaves what was there, and is not repeated | `answers::what_is_refused_is_kept_with_its_reason_and_not_sent_again` | taking it for an ACK |
//! | and holds back what it names alone | `answers::a_refusal_that_names_a_resource_holds_back_only_that` | sending it with the next |
//! | nor does the next difference bring it | `answers::what_was_refused_does_not_come_by_the_next_difference` | leaving what is in flight as it is |
//! | an old nonce says nothing of what is newer | `answers::an_acknowledgement_of_an_older_response_does_not_stand_for_a_newer` | taking the last answer for all |
//! | a request that is repeated is not answered | `warming::an_envoy_that_repeats_what_it_asks_for_while_it_warms_up_is_not_answered` | answering each |
//! | a name that does not exist is answered, once | `answers::a_name_that_does_not_exist_is_answered` | answering with what there is alone |
//! | who comes back with the newest is sent nothing | `returns::a_world_that_comes_back_with_what_it_should_have_is_sent_nothing`, `returns::a_delta_that_comes_back_with_all_it_should_have_is_sent_nothing_but_hosts` | not believing its versions |
//! | but hosts: its clusters may be warming up | the first of these | believing its version of hosts |
//! | and loses no cluster before its routes are known | `returns::a_proxy_that_comes_back_keeps_the_clusters_its_routes_use_until_it_has_new_routes` | trusting the newest routes |
//! | who needs nothing of a change is sent nothing | `warming::a_proxy_that_needs_nothing_of_a_change_is_sent_nothing` | sending what was not asked for |
//!
//! Two rules are the translation's, in `services/appmesh`: weights live in routes and never in listeners, whose change
//! drains connections (`a_weight_changes_routes_alone`), and weights that add up to nothing become an answer of 503,
//! because an Envoy would refuse them (the conformance case `weights.nothing.at.all`).

mod answers;
mod returns;
mod warming;

use super::{
    fixtures::{cluster, http_listener, listener, routes},
    *,
};
use crate::Snapshot;

/// Clusters and one route over them, as a canary has them.
fn canary(clusters: &[&str], weights: &[(&str, u32)]) -> Snapshot {
    let mut builder = Snapshot::builder();
    for name in clusters {
        cluster(&mut builder, name, 1);
    }
    routes(&mut builder, "r", weights);
    builder.build()
}

/// The same with a listener that asks for the routes.
fn canary_behind_a_listener(clusters: &[&str], weights: &[(&str, u32)]) -> Snapshot {
    let mut builder = Snapshot::builder();
    for name in clusters {
        cluster(&mut builder, name, 1);
    }
    routes(&mut builder, "r", weights);
    http_listener(&mut builder, "l", "r");
    builder.build()
}

/// A stream as its proxy sees it.
struct Proxy {
    session: Session,
    revision: u64,
    before: Option<Session>,
}

impl Proxy {
    fn new(dialect: Dialect, snapshot: Snapshot) -> Self {
        Self { session: Session::new(dialect, Arc::new(Published::new(snapshot, 1))), revision: 1, before: None }
    }

    /// One that has asked for all of `snapshot` and acknowledged it.
    fn settled(dialect: Dialect, snapshot: Snapshot) -> Self {
        let names = |kind| snapshot.resources(kind).keys().cloned().collect::<Vec<_>>();
        let (endpoints, routes) = (names(Kind::Endpoint), names(Kind::Route));
        let mut proxy = Self::new(dialect, snapshot);
        let mut open = proxy.ask(Kind::Cluster, &[]);
        open.extend(proxy.ask(Kind::Endpoint, &endpoints));
        open.extend(proxy.ask(Kind::Listener, &[]));
        open.extend(proxy.ask(Kind::Route, &routes));
        proxy.accept_all(open);
        assert!(Kind::ALL.iter().all(|kind| proxy.session.is_applied(*kind)));
        proxy
    }

    fn publish(&mut self, snapshot: Snapshot) -> Vec<Push> {
        self.revision += 1;
        self.session.publish(Arc::new(Published::new(snapshot, self.revision)))
    }

    fn ask(&mut self, kind: Kind, names: &[String]) -> Vec<Push> {
        self.ask_with(kind, names, "")
    }

    fn ask_with(&mut self, kind: Kind, names: &[String], version: &str) -> Vec<Push> {
        let interest = match self.session.dialect {
            Dialect::World => Interest::World { names: names.iter().cloned().collect(), version: version.to_owned() },
            Dialect::Delta => Interest::Delta { more: names.to_vec(), less: Vec::new(), known: BTreeMap::new() },
        };
        self.session.receive(Request { kind, nonce: String::new(), error: None, interest })
    }

    fn accept(&mut self, push: &Push) -> Vec<Push> {
        self.answer(push, None)
    }

    fn refuse(&mut self, push: &Push) -> Vec<Push> {
        self.refuse_for(push, "no such thing")
    }

    fn refuse_for(&mut self, push: &Push, reason: &str) -> Vec<Push> {
        self.answer(push, Some(reason.to_owned()))
    }

    /// The same proxy on a new stream, with all it has, when `snapshot` came meanwhile; answers what it is sent when it
    /// says which clusters it has.
    fn come_back(&mut self, snapshot: Snapshot) -> Vec<Push> {
        self.revision += 1;
        let published = Published::after(&self.session.published, snapshot, self.revision);
        let session = Session::new(self.session.dialect, Arc::new(published));
        self.before = Some(std::mem::replace(&mut self.session, session));
        self.say_again(Kind::Cluster)
    }

    /// Says on a new stream what it has of a kind from the old one.
    fn say_again(&mut self, kind: Kind) -> Vec<Push> {
        let before = self.before.as_ref().unwrap().of(kind);
        let names = before.asked().clone();
        let interest = match self.session.dialect {
            Dialect::World => Interest::World { names, version: before.acked_version.to_string() },
            Dialect::Delta => Interest::Delta {
                more: names.into_iter().collect(),
                less: Vec::new(),
                known: before.acked.values().map(|has| (has.name().to_owned(), has.version().to_owned())).collect(),
            },
        };
        self.session.receive(Request { kind, nonce: String::new(), error: None, interest })
    }

    fn answer(&mut self, push: &Push, error: Option<String>) -> Vec<Push> {
        let subscription = self.session.of(push.kind);
        let interest = match self.session.dialect {
            Dialect::World => {
                Interest::World { names: subscription.asked().clone(), version: push.version.to_string() }
            }
            Dialect::Delta => Interest::Delta { more: Vec::new(), less: Vec::new(), known: BTreeMap::new() },
        };
        self.session.receive(Request { kind: push.kind, nonce: push.nonce.clone(), error, interest })
    }

    fn accept_all(&mut self, mut open: Vec<Push>) -> Vec<Push> {
        let mut all = Vec::new();
        while !open.is_empty() {
            let push = open.remove(0);
            open.extend(self.accept(&push));
            all.push(push);
            assert!(all.len() < 100, "the conversation does not end");
        }
        all
    }
}

fn kinds(pushes: &[Push]) -> Vec<Kind> {
    pushes.iter().map(|push| push.kind).collect()
}

fn names(push: &Push) -> Vec<&str> {
    push.resources.iter().map(|resource| resource.name()).collect()
}

const BOTH: [Dialect; 2] = [Dialect::World, Dialect::Delta];

#[test]
fn a_route_waits_until_the_cluster_it_needs_is_acknowledged() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1"], &[("v1", 1)]));
        let pushes = proxy.publish(canary(&["v1", "v2"], &[("v1", 2), ("v2", 1)]));
        assert_eq!(kinds(&pushes), [Kind::Cluster], "{dialect:?}: the route must not be sent yet");
        let after = proxy.accept(&pushes[0]);
        assert!(kinds(&after).contains(&Kind::Route), "{dialect:?}");
    }
}

#[test]
fn a_weight_moves_at_once_while_another_cluster_warms_up() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1", "v2"], &[("v1", 1), ("v2", 0)]));
        let warming = proxy.publish(canary(&["v1", "v2", "slow"], &[("v1", 1), ("v2", 0)]));
        assert_eq!(kinds(&warming), [Kind::Cluster]);
        let pushes = proxy.publish(canary(&["v1", "v2", "slow"], &[("v1", 2), ("v2", 1)]));
        assert_eq!(kinds(&pushes), [Kind::Route], "{dialect:?}");
    }
}

#[test]
fn one_route_configuration_does_not_wait_for_the_clusters_of_another() {
    for dialect in BOTH {
        let build = |clusters: &[&str], weight: u32, other: &str| {
            let mut builder = Snapshot::builder();
            for name in clusters {
                cluster(&mut builder, name, 1);
            }
            routes(&mut builder, "a", &[("v1", weight), ("v2", 1)]);
            routes(&mut builder, "b", &[(other, 1)]);
            builder.build()
        };
        let mut proxy = Proxy::settled(dialect, build(&["v1", "v2"], 1, "v1"));
        let old = proxy.session.of(Kind::Route).acked["b"].version().to_owned();
        let pushes = proxy.publish(build(&["v1", "v2", "v3"], 2, "v3"));
        assert_eq!(kinds(&pushes), [Kind::Cluster, Kind::Route], "{dialect:?}");
        let sent = &proxy.session.of(Kind::Route).sent_view();
        assert_eq!(sent["b"].version(), old, "{dialect:?}: b must stay as it was");
    }
}

#[test]
fn a_cluster_goes_only_when_the_route_that_used_it_is_acknowledged() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]));
        let pushes = proxy.publish(canary(&["v2"], &[("v2", 1)]));
        assert_eq!(kinds(&pushes), [Kind::Route], "{dialect:?}: the cluster must stay for now");
        let newer = proxy.publish(canary(&["v2"], &[("v2", 2)]));
        assert_eq!(kinds(&newer), [Kind::Route], "{dialect:?}: and while the route is on its way");
        let after = proxy.accept(&pushes[0]);
        assert_eq!(kinds(&after), [Kind::Cluster], "{dialect:?}");
        match dialect {
            Dialect::World => assert_eq!(names(&after[0]), ["v2"]),
            Dialect::Delta => assert_eq!(after[0].removed, ["v1"]),
        }
    }
}

#[test]
fn replacing_a_cluster_makes_before_it_breaks() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1"], &[("v1", 1)]));
        let pushes = proxy.publish(canary(&["v2"], &[("v2", 1)]));
        assert_eq!(kinds(&pushes), [Kind::Cluster]);
        if dialect == Dialect::World {
            assert_eq!(names(&pushes[0]), ["v1", "v2"], "the old one is still in use");
        } else {
            assert_eq!((names(&pushes[0]), pushes[0].removed.len()), (vec!["v2"], 0));
        }
        let order = kinds(&proxy.accept_all(pushes));
        let place = |kind| order.iter().position(|found| *found == kind);
        assert!(place(Kind::Route) < order.iter().rposition(|kind| *kind == Kind::Cluster), "{dialect:?}: {order:?}");
        assert!(!proxy.session.of(Kind::Cluster).acked.contains_key("v1"), "{dialect:?}");
    }
}

#[test]
fn a_route_waits_for_a_cluster_that_comes_back_while_it_is_on_its_way_out() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]));
        let routes = proxy.publish(canary(&["v1"], &[("v1", 1)]));
        let removal = proxy.accept(&routes[0]);
        assert_eq!(kinds(&removal), [Kind::Cluster]);
        let back = proxy.publish(canary(&["v1", "v2"], &[("v1", 1), ("v2", 2)]));
        assert!(!kinds(&back).contains(&Kind::Route), "{dialect:?}: the proxy has v2 no longer, and not again yet");
        proxy.accept(&removal[0]);
        assert_eq!(kinds(&proxy.accept(&back[0])), [Kind::Route], "{dialect:?}");
    }
}

#[test]
fn a_cluster_stays_while_a_listener_that_is_being_replaced_uses_it() {
    let build = |name: &str| {
        let mut builder = Snapshot::builder();
        cluster(&mut builder, name, 1);
        listener(&mut builder, "l", name);
        builder.build()
    };
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, build("old"));
        let clusters = proxy.publish(build("new"));
        assert_eq!(kinds(&clusters), [Kind::Cluster], "{dialect:?}");
        let listeners = proxy.accept(&clusters[0]);
        assert_eq!(kinds(&listeners), [Kind::Listener], "{dialect:?}");
        assert!(proxy.session.of(Kind::Cluster).sent_view().contains_key("old"), "{dialect:?}");
        assert_eq!(kinds(&proxy.accept(&listeners[0])), [Kind::Cluster], "{dialect:?}");
    }
}

#[test]
fn the_clusters_of_a_route_stay_until_the_listener_it_was_for_is_gone() {
    let build = |old: bool| {
        let mut builder = Snapshot::builder();
        cluster(&mut builder, "kept", 1);
        routes(&mut builder, "kept", &[("kept", 1)]);
        if old {
            cluster(&mut builder, "gone", 1);
            routes(&mut builder, "gone", &[("gone", 1)]);
            listener(&mut builder, "gone", "kept");
        }
        builder.build()
    };
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, build(true));
        let pushes = proxy.publish(build(false));
        assert_eq!(kinds(&pushes), [Kind::Listener], "{dialect:?}");
        // The proxy lets go of the route only when the listener has drained; the cluster does not wait for that.
        assert_eq!(kinds(&proxy.accept(&pushes[0])), [Kind::Cluster], "{dialect:?}");
    }
}

#[test]
fn the_hosts_of_a_changed_cluster_are_sent_behind_it() {
    let build = |seconds| {
        let mut builder = Snapshot::builder();
        cluster(&mut builder, "same", 1);
        cluster(&mut builder, "other", seconds);
        builder.build()
    };
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, build(1));
        let pushes = proxy.publish(build(2));
        assert_eq!(kinds(&pushes), [Kind::Cluster, Kind::Endpoint], "{dialect:?}");
        assert!(names(&pushes[1]).contains(&"other"));
        if dialect == Dialect::Delta {
            assert_eq!(names(&pushes[1]), ["other"]);
        }
    }
}

#[test]
fn the_same_snapshot_sends_nothing_and_a_change_elsewhere_sends_only_that() {
    for dialect in BOTH {
        let snapshot = canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]);
        let mut proxy = Proxy::settled(dialect, snapshot.clone());
        assert!(proxy.publish(snapshot).is_empty());
        let pushes = proxy.publish(canary(&["v1", "v2"], &[("v1", 1), ("v2", 2)]));
        assert_eq!(kinds(&pushes), [Kind::Route]);
    }
}

#[test]
fn the_first_listeners_come_all_together_or_not_yet() {
    let mut builder = Snapshot::builder();
    cluster(&mut builder, "v1", 1);
    listener(&mut builder, "plain", "elsewhere");
    listener(&mut builder, "waits", "v1");
    let snapshot = builder.build();
    for dialect in BOTH {
        let mut proxy = Proxy::new(dialect, snapshot.clone());
        let clusters = proxy.ask(Kind::Cluster, &[]);
        assert!(proxy.ask(Kind::Listener, &[]).is_empty(), "{dialect:?}: an Envoy would be ready with half of them");
        let listeners = proxy.accept(&clusters[0]);
        assert_eq!(names(&listeners[0]), ["plain", "waits"], "{dialect:?}");
    }
}

#[test]
fn a_revision_counts_when_every_resource_of_it_is_acknowledged() {
    let mut proxy = Proxy::settled(Dialect::World, canary(&["v1"], &[("v1", 1)]));
    let revision = |proxy: &Proxy, kind: Kind| proxy.session.states()[kind.index()].revision;
    let clusters = proxy.publish(canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]));
    assert_eq!((revision(&proxy, Kind::Cluster), revision(&proxy, Kind::Route)), (1, 1));
    let routes = proxy.accept(&clusters[0]);
    assert_eq!((revision(&proxy, Kind::Cluster), revision(&proxy, Kind::Route)), (2, 1));
    proxy.accept(&routes[0]);
    assert_eq!(revision(&proxy, Kind::Route), 2);
}

//! Proxies that come back on a new stream.

use super::*;

#[test]
fn a_world_that_comes_back_with_what_it_should_have_is_sent_nothing() {
    let snapshot = canary(&["v1"], &[("v1", 1)]);
    let mut proxy = Proxy::new(Dialect::World, snapshot.clone());
    let version = |kind| snapshot.version(kind).to_owned();
    assert!(proxy.ask_with(Kind::Cluster, &[], &version(Kind::Cluster)).is_empty());
    let hosts = proxy.ask_with(Kind::Endpoint, &["v1".to_owned()], &version(Kind::Endpoint));
    assert_eq!(kinds(&hosts), [Kind::Endpoint], "its clusters may have been warming up");
    proxy.accept(&hosts[0]);
    assert!(proxy.ask_with(Kind::Listener, &[], &version(Kind::Listener)).is_empty());
    assert!(proxy.ask_with(Kind::Route, &["r".to_owned()], &version(Kind::Route)).is_empty());
    assert!(proxy.session.states().iter().all(|state| state.revision == 1), "it counts as up to date");
}

#[test]
fn a_delta_that_comes_back_is_sent_the_difference() {
    let mut builder = Snapshot::builder();
    cluster(&mut builder, "same", 1);
    cluster(&mut builder, "changed", 2);
    let snapshot = builder.build();
    let same = snapshot.resources(Kind::Cluster)["same"].version().to_owned();
    let known = [("same", same.as_str()), ("changed", "old"), ("gone", "old")];
    let known = known.map(|(name, version)| (name.to_owned(), version.to_owned())).into();
    let mut proxy = Proxy::new(Dialect::Delta, snapshot);
    let interest = Interest::Delta { more: Vec::new(), less: Vec::new(), known };
    let pushes = proxy.session.receive(Request { kind: Kind::Cluster, nonce: String::new(), error: None, interest });
    assert_eq!((names(&pushes[0]), pushes[0].removed.len()), (vec!["changed"], 0));
    let after = proxy.ask(Kind::Listener, &[]);
    assert_eq!(after[0].removed, ["gone"], "nothing refers to it");
}

#[test]
fn a_proxy_that_comes_back_keeps_the_clusters_its_routes_use_until_it_has_new_routes() {
    for dialect in BOTH {
        let old = canary_behind_a_listener(&["v1", "v2"], &[("v1", 1), ("v2", 1)]);
        let mut proxy = Proxy::settled(dialect, old);
        let first = proxy.come_back(canary_behind_a_listener(&["v2"], &[("v2", 1)]));
        assert!(first.is_empty(), "{dialect:?}: its routes still use v1: {first:?}");
        assert_eq!(kinds(&proxy.say_again(Kind::Endpoint)), [Kind::Endpoint], "{dialect:?}");
        assert!(proxy.say_again(Kind::Listener).is_empty(), "{dialect:?}");
        let routes = proxy.say_again(Kind::Route);
        assert_eq!(kinds(&routes), [Kind::Route], "{dialect:?}");
        let clusters = proxy.accept(&routes[0]);
        assert_eq!(kinds(&clusters), [Kind::Cluster], "{dialect:?}");
        assert!(!proxy.session.of(Kind::Cluster).sent_view().contains_key("v1"), "{dialect:?}");
    }
}

#[test]
fn a_delta_that_comes_back_with_all_it_should_have_is_sent_nothing_but_hosts() {
    let snapshot = canary_behind_a_listener(&["v1"], &[("v1", 1)]);
    let mut proxy = Proxy::settled(Dialect::Delta, snapshot.clone());
    assert!(proxy.come_back(snapshot).is_empty());
    let hosts = proxy.say_again(Kind::Endpoint);
    assert_eq!(kinds(&hosts), [Kind::Endpoint]);
    proxy.accept(&hosts[0]);
    for kind in [Kind::Listener, Kind::Route] {
        assert!(proxy.say_again(kind).is_empty(), "{kind:?}");
    }
    assert!(proxy.session.states().iter().all(|state| state.revision == 2), "it counts as up to date");
}

//! What an Envoy does while clusters warm up, and who is left in peace.

use super::*;

/// Two clusters, and a route configuration over each.
fn apart(first: u32, second: u32, seconds: i64) -> Snapshot {
    let mut builder = Snapshot::builder();
    cluster(&mut builder, "mine", 1);
    cluster(&mut builder, "other", seconds);
    routes(&mut builder, "mine", &[("mine", first)]);
    routes(&mut builder, "other", &[("other", second)]);
    builder.build()
}

#[test]
fn hosts_are_sent_while_their_cluster_is_not_acknowledged() {
    for dialect in BOTH {
        let mut proxy = Proxy::new(dialect, canary(&["v1"], &[("v1", 1)]));
        let clusters = proxy.ask(Kind::Cluster, &[]);
        assert_eq!(kinds(&clusters), [Kind::Cluster]);
        // An Envoy acknowledges a cluster when it has hosts: whoever waited for that here would wait for ever.
        let hosts = proxy.ask(Kind::Endpoint, &["v1".to_owned()]);
        assert_eq!(names(&hosts[0]), ["v1"], "{dialect:?}");
    }
}

#[test]
fn an_envoy_that_repeats_what_it_asks_for_while_it_warms_up_is_not_answered() {
    let mut proxy = Proxy::settled(Dialect::World, apart(1, 1, 1));
    let pushes = proxy.publish(apart(1, 1, 2));
    assert_eq!(kinds(&pushes), [Kind::Cluster, Kind::Endpoint]);
    assert!(proxy.accept(&pushes[1]).is_empty());
    // The same names and the same nonce once more: it looks like an acknowledgement, and means nothing.
    assert!(proxy.accept(&pushes[1]).is_empty(), "the two would never end");
    assert_eq!(proxy.session.states()[Kind::Cluster.index()].revision, 1, "its cluster is not warm yet");
    assert!(proxy.accept(&pushes[0]).is_empty());
    assert_eq!(proxy.session.states()[Kind::Cluster.index()].revision, 2);
}

#[test]
fn a_proxy_that_needs_nothing_of_a_change_is_sent_nothing() {
    for dialect in BOTH {
        let mut proxy = Proxy::new(dialect, apart(1, 1, 1));
        let mine = ["mine".to_owned()];
        let asked = [Kind::Cluster, Kind::Endpoint, Kind::Route].map(|kind| proxy.ask(kind, &mine));
        proxy.accept_all(asked.concat());
        assert!(proxy.publish(apart(1, 2, 2)).is_empty(), "{dialect:?}: all of that is another's");
        assert_eq!(kinds(&proxy.publish(apart(2, 2, 2))), [Kind::Route], "{dialect:?}: this is its own");
    }
}

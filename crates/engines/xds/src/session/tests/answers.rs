//! What is asked for, acknowledged and refused.

use super::*;

#[test]
fn what_is_refused_is_kept_with_its_reason_and_not_sent_again() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1", "v2"], &[("v1", 1), ("v2", 0)]));
        let good = proxy.session.states()[Kind::Route.index()].clone();
        let bad = canary(&["v1", "v2"], &[("v1", 0), ("v2", 0)]);
        let pushes = proxy.publish(bad.clone());
        assert!(proxy.refuse(&pushes[0]).is_empty(), "{dialect:?}: sent again");
        assert!(proxy.publish(bad).is_empty(), "{dialect:?}: sent again");
        let state = &proxy.session.states()[Kind::Route.index()];
        let refusal = state.refusal.clone().unwrap();
        assert_eq!((refusal.resources, refusal.reason), (vec!["r".to_owned()], "no such thing".to_owned()));
        assert_eq!((&state.version, state.revision), (&good.version, good.revision), "it keeps what it had");

        let mended = proxy.publish(canary(&["v1", "v2"], &[("v1", 2), ("v2", 1)]));
        assert_eq!(kinds(&mended), [Kind::Route], "{dialect:?}");
        proxy.accept(&mended[0]);
        assert_eq!(proxy.session.states()[Kind::Route.index()].refusal, None);
    }
}

#[test]
fn a_refusal_that_names_what_was_accepted_before_it_counts_for_both() {
    let mut proxy = Proxy::settled(Dialect::World, canary(&["v1"], &[("v1", 1)]));
    let first = proxy.publish(canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]));
    let second = proxy.publish(canary(&["v1", "v2", "bad"], &[("v1", 1), ("v2", 1)]));
    assert_eq!((kinds(&first), kinds(&second)), (vec![Kind::Cluster], vec![Kind::Cluster]));
    // An Envoy holds the first answer back while clusters warm up, and then gives only the last.
    let interest = Interest::World { names: BTreeSet::new(), version: first[0].version.to_string() };
    let (nonce, error) = (second[0].nonce.clone(), Some("bad".to_owned()));
    let pushes = proxy.session.receive(Request { kind: Kind::Cluster, nonce, error, interest });
    assert_eq!(kinds(&pushes), [Kind::Route], "v2 is there, and its route may come");
    assert!(proxy.session.of(Kind::Cluster).refusal.is_some());
}

#[test]
fn clusters_that_a_refused_route_would_have_left_stay() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]));
        let pushes = proxy.publish(canary(&["v2"], &[("v2", 1)]));
        assert!(proxy.refuse(&pushes[0]).is_empty(), "{dialect:?}");
        assert!(proxy.session.of(Kind::Cluster).sent_view().contains_key("v1"), "{dialect:?}");
    }
}

#[test]
fn a_refused_cluster_holds_back_only_what_needs_it() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1", "v2"], &[("v1", 1), ("v2", 1)]));
        let pushes = proxy.publish(canary(&["v1", "v2", "bad"], &[("v1", 1), ("bad", 1)]));
        assert!(proxy.refuse(&pushes[0]).is_empty(), "{dialect:?}: nothing may point at what was refused");
        let other = proxy.publish(canary(&["v1", "v2", "bad"], &[("v1", 0), ("v2", 1)]));
        assert_eq!(kinds(&other), [Kind::Route], "{dialect:?}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_answered() {
    for dialect in BOTH {
        let mut proxy = Proxy::new(dialect, canary(&["v1"], &[("v1", 1)]));
        let pushes = proxy.ask(Kind::Endpoint, &["local_cluster".to_owned()]);
        assert_eq!((kinds(&pushes), names(&pushes[0]).len()), (vec![Kind::Endpoint], 0), "{dialect:?}");
        if dialect == Dialect::Delta {
            assert_eq!(pushes[0].removed, ["local_cluster"]);
        }
        assert!(proxy.accept(&pushes[0]).is_empty(), "{dialect:?}: an answer must not be answered");
    }
}

#[test]
fn an_acknowledgement_of_an_older_response_does_not_stand_for_a_newer() {
    let mut proxy = Proxy::settled(Dialect::World, canary(&["v1"], &[("v1", 1)]));
    let first = proxy.publish(canary(&["v1"], &[("v1", 2)]));
    let second = proxy.publish(canary(&["v1"], &[("v1", 3)]));
    proxy.accept(&first[0]);
    assert_eq!(proxy.session.states()[Kind::Route.index()].revision, 1);
    proxy.accept(&second[0]);
    assert_eq!(proxy.session.states()[Kind::Route.index()].revision, 3);
}

#[test]
fn a_proxy_that_never_answers_is_not_sent_without_end() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1"], &[("v1", 1)]));
        let sent: usize = (2..200).map(|weight| proxy.publish(canary(&["v1"], &[("v1", weight)])).len()).sum();
        assert!(sent < 20, "{dialect:?}: {sent} responses");
    }
}

#[test]
fn a_refusal_that_names_a_resource_holds_back_only_that() {
    for dialect in BOTH {
        let mut proxy = Proxy::new(dialect, canary(&["v1", "bad"], &[("v1", 1)]));
        let clusters = proxy.ask(Kind::Cluster, &[]);
        proxy.ask(Kind::Route, &["r".to_owned()]);
        let again = proxy.refuse_for(&clusters[0], "Error adding/updating cluster(s) bad: no such thing");
        assert_eq!((kinds(&again), names(&again[0])), (vec![Kind::Cluster], vec!["v1"]), "{dialect:?}");
        let after = proxy.accept(&again[0]);
        assert_eq!(kinds(&after), [Kind::Route], "{dialect:?}: what does not need it goes on");
        let state = &proxy.session.states()[Kind::Cluster.index()];
        assert_eq!(state.refusal.as_ref().unwrap().resources, ["bad"], "{dialect:?}: still refused");
        assert_eq!(state.revision, 0, "{dialect:?}: it has not all of it");

        let mended = proxy.publish(canary(&["v1"], &[("v1", 1)]));
        assert!(mended.is_empty(), "{dialect:?}: it has that");
        let state = &proxy.session.states()[Kind::Cluster.index()];
        assert_eq!((state.refusal.as_ref(), state.revision), (None, 2), "{dialect:?}");
    }
}

#[test]
fn a_refused_change_leaves_what_was_there_and_others_go_on() {
    let build = |a: i64, b: i64| {
        let mut builder = Snapshot::builder();
        cluster(&mut builder, "a", a);
        cluster(&mut builder, "b", b);
        builder.build()
    };
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, build(1, 1));
        let version = |proxy: &Proxy, name: &str| proxy.session.of(Kind::Cluster).acked[name].version().to_owned();
        let (a, b) = (version(&proxy, "a"), version(&proxy, "b"));
        let pushes = proxy.publish(build(2, 1));
        assert!(proxy.refuse_for(&pushes[0], "a is wrong").is_empty(), "{dialect:?}: sent again");
        let other = proxy.publish(build(2, 2));
        if dialect == Dialect::Delta {
            assert_eq!(names(&other[0]), ["b"], "what was refused is not sent again");
        }
        proxy.accept_all(other);
        assert_eq!(version(&proxy, "a"), a, "{dialect:?}");
        assert_ne!(version(&proxy, "b"), b, "{dialect:?}");
    }
}

#[test]
fn what_was_refused_does_not_come_by_the_next_difference() {
    let build = |a: i64, b: i64| {
        let mut builder = Snapshot::builder();
        cluster(&mut builder, "a", a);
        cluster(&mut builder, "b", b);
        builder.build()
    };
    let mut proxy = Proxy::settled(Dialect::Delta, build(1, 1));
    let a = proxy.session.of(Kind::Cluster).acked["a"].version().to_owned();
    let first = proxy.publish(build(2, 1));
    let second = proxy.publish(build(2, 2));
    proxy.refuse_for(&first[0], "a is wrong");
    proxy.accept(&second[0]);
    let clusters = proxy.session.of(Kind::Cluster);
    assert_eq!(clusters.acked["a"].version(), a, "the second says nothing of it");
    assert!(clusters.refusal.is_some());
}

#[test]
fn a_proxy_that_refuses_everything_is_sent_each_change_once() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1"], &[("v1", 1)]));
        let mut sent = 0;
        for weight in 2..100 {
            let mut open = proxy.publish(canary(&["v1"], &[("v1", weight)]));
            while let Some(push) = open.pop() {
                sent += 1;
                open.extend(proxy.refuse(&push));
            }
        }
        assert_eq!(sent, 98, "{dialect:?}");
    }
}

#[test]
fn a_cluster_that_is_asked_for_by_name_is_sent_alone_and_missed_when_it_goes() {
    for dialect in BOTH {
        let mut proxy = Proxy::new(dialect, canary(&["v1", "v2"], &[("v2", 1)]));
        let pushes = proxy.ask(Kind::Cluster, &["v1".to_owned()]);
        assert_eq!(names(&pushes[0]), ["v1"], "{dialect:?}");
        proxy.accept(&pushes[0]);
        let gone = proxy.publish(canary(&["v2"], &[("v2", 1)]));
        assert_eq!(kinds(&gone), [Kind::Cluster], "{dialect:?}");
        match dialect {
            Dialect::World => assert!(gone[0].resources.is_empty()),
            Dialect::Delta => assert_eq!(gone[0].removed, ["v1"]),
        }
    }
}

#[test]
fn who_gave_names_and_then_gives_none_wants_nothing() {
    let mut proxy = Proxy::new(Dialect::World, canary(&["v1", "v2"], &[("v1", 1)]));
    let named = proxy.ask(Kind::Cluster, &["v1".to_owned()]);
    proxy.accept(&named[0]);
    assert!(proxy.ask(Kind::Cluster, &[]).is_empty(), "not a wish for all");
    assert!(proxy.publish(canary(&["v1"], &[("v1", 1)])).is_empty());
    let all = proxy.ask(Kind::Cluster, &["*".to_owned()]);
    assert_eq!(names(&all[0]), ["v1"], "this is");
}

#[test]
fn a_delta_that_unsubscribes_is_told_no_more_until_it_subscribes_again() {
    let mut proxy = Proxy::settled(Dialect::Delta, canary(&["v1", "v2"], &[("v1", 1)]));
    let change = |proxy: &mut Proxy, more: &[&str], less: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let interest = Interest::Delta { more: owned(more), less: owned(less), known: BTreeMap::new() };
        proxy.session.receive(Request { kind: Kind::Route, nonce: String::new(), error: None, interest })
    };
    assert!(change(&mut proxy, &[], &["r"]).is_empty());
    assert!(proxy.publish(canary(&["v1", "v2"], &[("v2", 1)])).is_empty());
    assert_eq!(names(&change(&mut proxy, &["r"], &[])[0]), ["r"]);
    // A name that is asked for once more is sent once more, though nothing changed.
    assert_eq!(names(&change(&mut proxy, &["r"], &[])[0]), ["r"]);
    let all = Interest::Delta { more: Vec::new(), less: vec!["*".to_owned()], known: BTreeMap::new() };
    proxy.session.receive(Request { kind: Kind::Cluster, nonce: String::new(), error: None, interest: all });
    assert!(proxy.publish(canary(&["v1", "v2", "v3"], &[("v2", 1)])).is_empty(), "the wildcard is gone");
}

#[test]
fn a_nonce_that_was_never_given_says_nothing() {
    for dialect in BOTH {
        let mut proxy = Proxy::settled(dialect, canary(&["v1"], &[("v1", 1)]));
        let pushes = proxy.publish(canary(&["v1"], &[("v1", 2)]));
        let forged = Push { nonce: "4711".to_owned(), ..pushes[0].clone() };
        assert!(proxy.accept(&forged).is_empty(), "{dialect:?}");
        assert_eq!(proxy.session.states()[Kind::Route.index()].revision, 1, "{dialect:?}");
        proxy.accept(&pushes[0]);
        proxy.refuse(&pushes[0]);
        assert_eq!(proxy.session.states()[Kind::Route.index()].refusal, None, "{dialect:?}: it was answered before");
    }
}

#[test]
fn who_asks_for_names_without_end_is_seen() {
    let mut proxy = Proxy::new(Dialect::Delta, canary(&["v1"], &[("v1", 1)]));
    assert_eq!(proxy.session.asks_too_much(), None);
    for hundred in 0..=NAMES_MAX / 100 {
        let more: Vec<String> = (0..100).map(|one| format!("{hundred}-{one}")).collect();
        proxy.ask(Kind::Endpoint, &more);
    }
    assert_eq!(proxy.session.asks_too_much(), Some(Kind::Endpoint));
}

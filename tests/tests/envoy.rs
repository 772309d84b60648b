//! The todo sample with real Envoys as sidecars, `serin up --envoy`: the same canary, drawn by lot.

use std::time::Duration;

use e2e::{House, Load, Machine, Sample, envoy, get, wait_until};

/// How long the first answer may take once all is deployed.
const FIRST_MAX: Duration = Duration::from_secs(30);

#[test]
fn a_canary_runs_on_real_envoys_without_one_failed_request() {
    let machine = Machine::new();
    let program = envoy();
    let house = House::start_with(&machine, &["--envoy", program.to_str().expect("a path in UTF-8")]);
    let sample = Sample::push(&house);
    // The services become stable: the article's health check finds every Envoy LIVE.
    let url = sample.deploy();
    wait_until("the first answer", FIRST_MAX, || get(&url).is_ok_and(|answer| answer.status == 200));
    assert_eq!(split(&url, 60), (60, 0));

    under_load(&url, || sample.deploy_mesh(2, 1));
    let (one, two) = split(&url, 600);
    // A third of 600 lots, give or take five standard deviations.
    assert!(one + two == 600 && two.abs_diff(200) < 58, "2:1 gave {one} and {two}");
    under_load(&url, || sample.deploy_mesh(0, 1));
    assert_eq!(split(&url, 60), (0, 60));
    under_load(&url, || {
        sample.deploy_mesh(1, 0);
        // Envoys end in the middle of the load, as tasks are replaced.
        sample.deploy_services("3");
    });
    assert_eq!(split(&url, 60), (60, 0));

    sample.delete();
    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

/// Does `change` while users are at it: none of them may notice.
fn under_load(url: &str, change: impl FnOnce()) {
    let load = Load::start(url, 100);
    change();
    let report = load.stop();
    let (failed, all) = (report.failures.len(), report.total());
    assert!(failed == 0, "{failed} of {all} requests failed, the first: {:?}", report.failures[0]);
}

/// Answers by version of `count` requests, one after the other.
fn split(url: &str, count: usize) -> (usize, usize) {
    let answers: Vec<_> = (0..count).map(|_| get(url).expect("an answer").version().unwrap_or_default()).collect();
    let of = |version: &str| answers.iter().filter(|answer| *answer == version).count();
    (of("1"), of("2"))
}

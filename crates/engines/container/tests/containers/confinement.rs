//! What a container cannot do: the filter of its system calls, and its capabilities.

use std::time::Duration;

use container::client;

use super::{
    calls::EXPECTED,
    cases::field,
    harness::{Bench, PATIENCE},
};

pub(crate) fn system_calls_are_filtered() {
    let bench = Bench::new();
    let mut other = bench.container("other", &["calls"]);
    (other.user, other.essential) = (Some("1337".to_owned()), false);
    let mut init = bench.container("init", &["calls"]);
    (init.init, init.essential) = (true, false);
    let task = bench.task(vec![bench.container("app", &["until-signal"]), other, init]);
    task.until(|state| state.containers[1..].iter().all(|container| container.exit_code == Some(0)));
    let run = task.exec("app", &["calls"], PATIENCE).unwrap();
    for seen in [task.lines("other"), task.lines("init"), run.output.lines().map(str::to_owned).collect()] {
        assert_eq!(seen, EXPECTED.map(|(name, answer)| format!("{name}: {answer}")));
    }
    task.stop(Some(Duration::ZERO));
    task.until_final();
    bench.assert_clean();
}

pub(crate) fn capabilities_are_taken_and_added() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["report"]);
    app.dropped_capabilities = vec![container::ALL_CAPABILITIES.to_owned()];
    app.added_capabilities = vec!["SYS_PTRACE".to_owned()];
    let task = bench.task(vec![app]);
    assert_eq!(task.until_final().containers[0].exit_code, Some(0), "{:?}", task.lines("app"));
    let seen = task.report("app");
    for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
        assert_eq!(u64::from_str_radix(field(&seen["status"], set), 16).unwrap(), 1 << 19, "{set}");
    }
    let mut wrong = bench.spec(vec![bench.container("app", &[])]);
    wrong.containers[0].added_capabilities = vec!["SYS_ADMIN".to_owned()];
    assert!(matches!(bench.try_spawn(&wrong).err(), Some(client::Error::InvalidSpec(_))));
    bench.assert_clean();
}

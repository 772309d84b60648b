//! A disk that is full, for real: a small file system of this test's own, in a mount namespace of its own. Needs root.

use names::{Scope, Timestamp};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use telemetry::{
    Limits, Telemetry,
    logs::{NewEvent, NewGroup},
};

/// The size of the file system: the reserve, and some room for history.
const DISK: &str = "size=24m";
/// Rounds, each of half a MiB of segments and as much of log lines: several times the disk.
const ROUNDS: u64 = 100;
const IN_ROUND: u64 = 100;
const FILLING: usize = 5_000;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn trace(number: u64) -> String {
    format!("1-6553f100-{number:024x}")
}

fn segment(number: u64) -> String {
    format!(
        r#"{{"name":"api","id":"{number:016x}","trace_id":"{}","start_time":1700000000.0,"end_time":1700000001.0,
            "user":"{}"}}"#,
        trace(number),
        "u".repeat(FILLING)
    )
}

#[test]
fn on_a_full_disk_the_oldest_go_and_the_newest_stay() {
    // Only this thread is in the namespace; the mount ends with it.
    unshare(CloneFlags::CLONE_NEWNS).expect("needs root");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    let folder = tempfile::tempdir().unwrap();
    mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(DISK)).unwrap();

    let telemetry = Telemetry::open(&folder.path().join("telemetry.db"), Limits::default()).unwrap();
    let (traces, logs, scope) = (telemetry.traces(), telemetry.logs(), Scope::default());
    logs.create_group(&scope, &NewGroup { name: "g".to_owned(), ..NewGroup::default() }, NOW).unwrap();
    logs.create_stream(&scope, "g", "s", NOW).unwrap();
    for round in 0..ROUNDS {
        let numbers = round * IN_ROUND..(round + 1) * IN_ROUND;
        let documents: Vec<_> = numbers.clone().map(segment).collect();
        assert!(traces.put(&scope, &documents, NOW).unwrap().is_empty());
        let line = |number: u64| NewEvent { time: NOW, message: format!("{number} {}", "l".repeat(FILLING)) };
        logs.append(&scope, "g", "s", &numbers.map(line).collect::<Vec<_>>(), NOW).unwrap();
        telemetry.trim(NOW).unwrap();
    }
    let ids = [trace(0), trace(ROUNDS * IN_ROUND - 1)];
    let held: Vec<_> = traces.get(&scope, &ids).unwrap().into_iter().map(|trace| trace.id).collect();
    assert_eq!(held, ids[1..], "the newest is there, the oldest is not");
    assert!(logs.group(&scope, "g").unwrap().bytes > 0);

    // It is a file like any other when it is opened again.
    drop((traces, logs, telemetry));
    let again = Telemetry::open(&folder.path().join("telemetry.db"), Limits::default()).unwrap();
    assert_eq!(again.traces().get(&scope, &ids).unwrap().len(), 1);
}

//! `serin demo` from its start to its end, as a new user runs it.

use std::process::Command;

use e2e::{Machine, binary, run};

#[test]
fn the_demo_promotes_a_sound_version_catches_a_broken_one_and_leaves_nothing() {
    let machine = Machine::new();
    let said = run(Command::new(binary("serin")).arg("demo").env("TMPDIR", machine.folder()));
    let parts = [
        "1:0   version 1:",
        "2:1   version 1:",
        "Version 2 was promoted by evidence",
        "Users noticed nothing",
        "Version 3 was caught",
        "every one of them at version 3",
        "gateway_todos",
        "api_1_todos",
        "api_2_todos",
    ];
    for part in parts {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let left: Vec<_> = std::fs::read_dir(machine.folder()).expect("the folder is there").flatten().collect();
    assert!(left.is_empty(), "left over: {left:?}");
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}

//! `serin demo` from its start to its end, as a new user runs it.

use std::process::Command;

use e2e::{Machine, binary, run};

#[test]
fn the_demo_shows_a_canary_and_leaves_nothing() {
    let machine = Machine::new();
    let said = run(Command::new(binary("serin")).arg("demo").env("TMPDIR", machine.folder()));
    for part in ["1:0", "2:1", "0:1", "gateway_todos", "api_1_todos", "api_2_todos", " 0 failed"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let left: Vec<_> = std::fs::read_dir(machine.folder()).expect("the folder is there").flatten().collect();
    assert!(left.is_empty(), "left over: {left:?}");
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}

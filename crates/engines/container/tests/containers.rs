//! Tasks for real: shims, namespaces, cgroups, root file systems. Needs root.
//!
//! One executable plays every part. Started as `shim …` it is the shim that the tests spawn; bind mounted into
//! containers it is their program and their `/bin/sh`; started as `host …` it is a control plane that gets killed, as
//! `unified …` it runs cases as on a machine with nothing but version 2 of control groups; otherwise it runs the tests, or those whose names hold one of its arguments.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(unsafe_code, reason = "what containers may ask of the kernel is asked raw")]

mod containers {
    pub(crate) mod calls;
    pub(crate) mod cases;
    pub(crate) mod confinement;
    pub(crate) mod harness;
    pub(crate) mod program;
    pub(crate) mod unified;
}

use std::process::ExitCode;

use containers::{cases, harness, program, unified};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let zeroth = arguments.next().unwrap_or_default();
    let rest: Vec<String> = std::env::args().skip(1).collect();
    if zeroth == "/bin/sh" {
        return program::shell(&rest);
    }
    match rest.first().map(String::as_str) {
        Some("shim") => container::shim::main(std::env::args_os().skip(2)),
        Some("program") => program::run(&rest[1..]),
        Some("host") => harness::spawn_and_hang(&rest[1]),
        Some("unified") => unified::run(),
        _ => harness::run_all(cases::CASES, &rest),
    }
}

//! What `serin proxy` and `serin envoy` are, without the rest of the house: so that a change of either is tested as
//! soon as it is compiled, and never against a binary that somebody forgot to build.

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    match std::env::args_os().nth(1) {
        Some(program) => envoy::launch(Path::new(&program), &variable),
        None => proxy::sidecar::sidecar(variable),
    }
}

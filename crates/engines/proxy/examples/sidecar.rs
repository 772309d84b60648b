//! What `serin proxy` is, without the rest of the house: to be measured, and looked at with valgrind, as soon as a change of
//! it is compiled.

use std::process::ExitCode;

fn main() -> ExitCode {
    proxy::sidecar::sidecar(|name| std::env::var(name).ok())
}

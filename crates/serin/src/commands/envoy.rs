//! `serin envoy-bootstrap`, and the hidden `serin envoy`: a stock Envoy by App Mesh's variables.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::{
    cli,
    exit::{self, Refusal},
    print,
};

/// Writes the bootstrap that the environment comes to.
pub(crate) fn bootstrap(options: &cli::EnvoyBootstrap) -> Result<()> {
    for (name, reason) in envoy::without_effect(&variable) {
        print::note(format_args!("serin: the variable {name} has no effect: {reason}"));
    }
    let made = envoy::bootstrap(&variable).map_err(|wrong| Refusal::new(exit::USAGE, wrong.to_string()))?;
    let text = format!("{made:#}\n");
    let Some(path) = &options.output else {
        return Ok(print::text(text)?);
    };
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Runs the Envoy of the image that this is in.
pub(crate) fn run() -> ExitCode {
    envoy::launch(Path::new(envoy::PROGRAM), &variable)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

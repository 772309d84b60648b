//! Serin: canary deployments without AWS. The one binary: its commands, and the wiring of services to engines.
//!
//! The same file is also what runs inside tasks (the sidecar, the X-Ray daemon, the shell of built-in images) and beside
//! the control plane (the edge, a shim for each task): each is a hidden command, so that one static file is all there is.

#![warn(clippy::print_stdout, clippy::print_stderr)] // `print.rs` bears readers that go

mod cli;
mod commands;
mod data_dir;
mod edge_process;
mod exit;
mod front;
mod house;
mod picture;
mod print;
mod proxies;
mod senders;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // In the images made of it this file is also sh, curl, grep and the like.
    if let Some(code) = toolbox::run(std::env::args_os()) {
        return code;
    }
    // A shim clones itself to make containers, so it must have one thread: nothing else may have begun.
    if std::env::args_os().nth(1).is_some_and(|command| command == "shim") {
        return container::shim::main(std::env::args_os().skip(2));
    }
    match cli::Arguments::try_parse() {
        Ok(arguments) => commands::run(arguments.command),
        Err(error) => exit::usage(&error),
    }
}

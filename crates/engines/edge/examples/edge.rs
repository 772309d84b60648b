//! An edge process with nothing plugged in: `edge <socket> <control plane's address>`. Tests start and kill it.

use std::{env, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(socket), Some(Ok(control_plane))) = (arguments.next(), arguments.next().map(|text| text.parse())) else {
        eprintln!("usage: edge <socket> <ip:port>");
        return ExitCode::from(64);
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let resolvers = "/etc/resolv.conf".into();
    let options = edge::Options { socket: socket.into(), control_plane, version, resolvers, sections: Vec::new() };
    match edge::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! `serin edge`: the process that holds the VPCs.

use anyhow::{Context, Result};

use crate::cli;

/// Where a machine names whom it asks about names.
const RESOLVERS: &str = "/etc/resolv.conf";

/// Runs the edge until it is told to stop.
pub(crate) async fn run(options: cli::Edge) -> Result<()> {
    let balancers = edge::balancers::Balancers::default();
    let counts = balancers.counts();
    let sections: Vec<Box<dyn edge::Section>> = vec![Box::new(balancers), Box::new(counts)];
    let options = edge::Options {
        socket: options.socket,
        control_plane: options.control_plane,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        resolvers: RESOLVERS.into(),
        sections,
    };
    edge::run(options).await.context("the edge stopped")
}

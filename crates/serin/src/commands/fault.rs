//! `serin fault`: faults on purpose.

use anyhow::Result;
use api::appmesh::{
    InjectFault, ListFaults, RemoveFault,
    fault::{Abort, Delay, InjectFaultRequest, InjectedFault, ListFaultsRequest, RemoveFaultRequest},
};

use super::connect;
use crate::{
    cli::{Fault, Faults, InjectFault as Inject, RemoveFault as Remove},
    exit::{self, Refusal},
    print,
};

/// Runs one of the commands.
pub(crate) async fn run(command: Fault) -> Result<()> {
    match command {
        Fault::Inject(options) => inject(options).await,
        Fault::List(options) => list(options).await,
        Fault::Remove(options) => remove(options).await,
    }
}

async fn inject(options: Inject) -> Result<()> {
    let abort = options.abort.as_deref().map(|text| pair(text, "--abort", "STATUS:PERCENT")).transpose()?;
    let delay = options.delay.as_deref().map(|text| pair(text, "--delay", "MILLISECONDS:PERCENT")).transpose()?;
    let request = InjectFaultRequest {
        mesh_name: options.mesh,
        virtual_node_name: options.node,
        virtual_router_name: options.router,
        route_name: options.route,
        abort: abort.map(|(status, percent)| Abort { status, percent }),
        delay: delay.map(|(milliseconds, percent)| Delay { milliseconds, percent }),
        after_seconds: options.after,
        seconds: options.seconds,
    };
    let fault = connect(&options.target).call::<InjectFault>(request).await?.fault;
    Ok(print::line(line(&fault))?)
}

/// Two numbers with a colon between them.
fn pair<N: std::str::FromStr>(text: &str, option: &str, form: &str) -> Result<(N, f64)> {
    let numbers = text
        .split_once(':')
        .and_then(|(first, percent)| Some((first.parse().ok()?, percent.trim_end_matches('%').parse().ok()?)));
    numbers.ok_or_else(|| Refusal::new(exit::USAGE, format!("{option} {text}: give it as {form}")).into())
}

async fn list(options: Faults) -> Result<()> {
    let request = ListFaultsRequest { mesh_name: options.mesh };
    let faults = connect(&options.target).call::<ListFaults>(request).await?.faults;
    if options.json {
        return print::json(&faults);
    }
    for fault in &faults {
        print::line(line(fault))?;
    }
    Ok(())
}

async fn remove(options: Remove) -> Result<()> {
    let request = RemoveFaultRequest { mesh_name: options.mesh, virtual_node_name: options.node };
    connect(&options.target).call::<RemoveFault>(request).await?;
    Ok(())
}

fn line(fault: &InjectedFault) -> String {
    let mut text = fault.virtual_node_name.clone();
    if let (Some(router), Some(route)) = (&fault.virtual_router_name, &fault.route_name) {
        text += &format!(" by {router}/{route}");
    }
    if let Some(Abort { status, percent }) = fault.abort {
        text += &format!(": {percent} % of the requests are answered with {status}");
    }
    if let Some(Delay { milliseconds, percent }) = fault.delay {
        text += &format!(": {percent} % of the requests come {milliseconds} ms later");
    }
    text + &format!(", from {} to {}", fault.begins_at.to_iso8601(), fault.ends_at.to_iso8601())
}

//! `serin canary`: starts, watches and steers canaries.

use std::{fs, io::IsTerminal, process::ExitCode};

use anyhow::{Context, Result};
use api::{
    appmesh::{DescribeRoute, DescribeRouteRequest, RouteSpec, WeightedTarget},
    canary::{
        CanaryDescription, CommandCanary, CommandCanaryRequest, DescribeCanary, DescribeCanaryRequest, GetCanaryRecord,
        GetCanaryRecordRequest, ListCanaries, ListCanariesRequest, StartCanary, StartCanaryRequest,
    },
};
use canary::judge::record;
use wire::Client;

use super::{block_on_to, connect, scopes};
use crate::{
    cli::{Canaries, Canary, OneCanary, StartCanary as Start, Target},
    exit::{self, Refusal},
    print,
};

/// How long one question for news is held, in seconds.
const HOLD_SECONDS: u32 = 30;
/// Characters of the bar that shows the split.
const BAR: u8 = 40;

/// Runs one of the commands.
pub(crate) fn run(command: Canary) -> ExitCode {
    match command {
        Canary::Start(options) => block_on_to(start(options)),
        Canary::List(options) => block_on_to(list(options)),
        Canary::Status(options) => block_on_to(show(options, picture)),
        Canary::Watch(options) => block_on_to(watch_one(options)),
        Canary::History(options) => block_on_to(show(options, history)),
        Canary::Explain(options) => block_on_to(show(options, |canary| format!("{}\n", canary.explanation))),
        Canary::Replay(options) => block_on_to(replay(options)),
        Canary::Pause(options) => block_on_to(steer(options, "Pause")),
        Canary::Resume(options) => block_on_to(steer(options, "Resume")),
        Canary::Approve(options) => block_on_to(steer(options, "Approve")),
        Canary::Promote(options) => block_on_to(steer(options, "Promote")),
        Canary::Abort(options) => block_on_to(steer(options, "Abort")),
        Canary::Undo(options) => block_on_to(steer(options, "Undo")),
        Canary::Retry(options) => block_on_to(steer(options, "Retry")),
        Canary::Freeze(options) => block_on_to(steer(options, "Freeze")),
    }
}

async fn start(options: Start) -> Result<ExitCode> {
    let client = connect(&options.target);
    let spec = route_to(&client, (&options.mesh, &options.router, &options.route), &options.to).await?;
    let request = StartCanaryRequest {
        mesh_name: options.mesh,
        virtual_router_name: options.router,
        route_name: options.route,
        spec,
        policy: options.policy.as_deref().map(policy).transpose()?,
        revision: None,
    };
    let canary = client.call::<StartCanary>(request).await?.canary;
    if options.watch {
        return watch(&client, &canary.id, options.json).await;
    }
    tell(&canary, options.json, picture)?;
    Ok(ExitCode::SUCCESS)
}

/// The route as it stands, with everything given to the virtual node `to`.
pub(super) async fn route_to(
    client: &Client,
    (mesh, router, route): (&str, &str, &str),
    to: &str,
) -> Result<RouteSpec> {
    let asked = DescribeRouteRequest {
        mesh_name: mesh.to_owned(),
        mesh_owner: None,
        route_name: route.to_owned(),
        virtual_router_name: router.to_owned(),
    };
    let mut spec = client.call::<DescribeRoute>(asked).await?.route.spec;
    give_all(&mut spec, to)?;
    Ok(spec)
}

/// Gives all of a route to the virtual node `to`.
fn give_all(spec: &mut RouteSpec, to: &str) -> Result<()> {
    let http = spec.http_route.as_mut().or(spec.http2_route.as_mut()).map(|route| &mut route.action);
    let action = http.or(spec.grpc_route.as_mut().map(|route| &mut route.action));
    let action = action.context("a tcp route has no canary: nobody knows whether connections went well")?;
    let targets = &mut action.weighted_targets;
    if !targets.iter().any(|target| target.virtual_node == to) {
        targets.push(WeightedTarget { port: None, virtual_node: to.to_owned(), weight: 0 });
    }
    for target in targets.iter_mut() {
        target.weight = if target.virtual_node == to { 100 } else { 0 };
    }
    Ok(())
}

/// A policy given as JSON, or as `@file`.
pub(super) fn policy(text: &str) -> Result<serde_json::Value> {
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"));
    let text = text.strip_prefix('@').map_or_else(|| Ok(text.to_owned()), read);
    let value = text.and_then(|text| serde_json::from_str(&text).map_err(|error| format!("--policy: {error}")));
    value.map_err(|wrong| Refusal::new(exit::USAGE, wrong).into())
}

async fn list(options: Canaries) -> Result<ExitCode> {
    let all = all(&connect(&options.target), &options.target).await?;
    let all: Vec<_> = all.into_iter().map(|(_, canary)| canary).collect();
    if options.json {
        print::json(&all)?;
    } else if all.is_empty() {
        print::line(
            "No canary yet. `serin canary start` begins one; so does a template with `Serin::Canary` metadata.",
        )?;
    }
    for canary in all.iter().filter(|_| !options.json) {
        let CanaryDescription { id, baseline, canary: new, phase, percent, started_at, .. } = canary;
        let since = started_at.to_iso8601();
        print::line(format_args!("{id:<24} {baseline} → {new}  {phase:<10} {percent:>5} %  since {since}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All canaries, the latest first, each with a client of its scope.
async fn all(client: &Client, target: &Target) -> Result<Vec<(Client, CanaryDescription)>> {
    let mut all = Vec::new();
    for scope in scopes(client, target).await? {
        let client = client.in_scope(scope);
        let listed = client.call::<ListCanaries>(ListCanariesRequest {}).await?.canaries;
        all.extend(listed.into_iter().map(|canary| (client.clone(), canary)));
    }
    all.sort_by_key(|(_, canary)| std::cmp::Reverse(canary.started_at));
    Ok(all)
}

/// The canary that is meant, with a client of its scope.
async fn find(options: &OneCanary) -> Result<(Client, CanaryDescription)> {
    let all = all(&connect(&options.target), &options.target).await?;
    let is_meant = |canary: &CanaryDescription| {
        let of_service = |name: &String| {
            let service = canary.service.as_deref().and_then(|service| service.rsplit_once('/'));
            service.is_some_and(|(_, service)| service == name)
        };
        let called = |name: &String| canary.id == *name || canary.route_name == *name || of_service(name);
        options.canary.as_ref().is_none_or(called)
    };
    let found = all.into_iter().find(|(_, canary)| is_meant(canary));
    let wanted = options.canary.as_deref().unwrap_or("at all");
    Ok(found.ok_or_else(|| {
        Refusal::new(exit::USAGE, format!("there is no canary {wanted}; `serin canary list` names all"))
    })?)
}

async fn show(options: OneCanary, text: fn(&CanaryDescription) -> String) -> Result<ExitCode> {
    let (_, canary) = find(&options).await?;
    tell(&canary, options.json, text)?;
    Ok(ExitCode::SUCCESS)
}

async fn steer(options: OneCanary, command: &str) -> Result<ExitCode> {
    let (client, canary) = find(&options).await?;
    let request = CommandCanaryRequest { canary: canary.id.clone(), command: command.to_owned() };
    let before = client.call::<CommandCanary>(request).await?.canary;
    let canary = news(&client, &canary.id, before.version).await?;
    tell(&canary, options.json, picture)?;
    // A command that can't be done is told as an event.
    let refused = canary.events.last().is_some_and(|event| event.message.contains("can't be done"));
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn watch_one(options: OneCanary) -> Result<ExitCode> {
    let (client, canary) = find(&options).await?;
    watch(&client, &canary.id, options.json).await
}

/// Shows the canary until it has ended.
async fn watch(client: &Client, id: &str, json: bool) -> Result<ExitCode> {
    let live = std::io::stdout().is_terminal() && !json;
    let mut told = 0;
    let mut canary = describe(client, id, None).await?;
    loop {
        if live {
            // Home, and everything below goes: the picture is drawn anew in place.
            print::text(format_args!("\x1b[H\x1b[2J{}", picture(&canary)))?;
        } else if json {
            print::line(serde_json::to_string(&canary)?)?;
        } else {
            for event in canary.events.iter().skip(told) {
                print::line(format_args!("{}  {}", event.at.to_iso8601(), event.message))?;
            }
            told = canary.events.len();
        }
        if canary.ended {
            if !live && !json {
                print::text(picture(&canary))?;
            }
            if !json {
                print::line(&canary.explanation)?;
            }
            return Ok(if canary.phase == "Done" { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        canary = news(client, id, canary.version).await?;
    }
}

async fn news(client: &Client, id: &str, after: u64) -> Result<CanaryDescription> {
    describe(client, id, Some(after)).await
}

async fn describe(client: &Client, id: &str, after_version: Option<u64>) -> Result<CanaryDescription> {
    let wait_seconds = after_version.map(|_| HOLD_SECONDS);
    let request = DescribeCanaryRequest { canary: id.to_owned(), after_version, wait_seconds };
    Ok(client.call::<DescribeCanary>(request).await?.canary)
}

async fn replay(options: OneCanary) -> Result<ExitCode> {
    let (client, canary) = find(&options).await?;
    let (mut lines, mut offset) = (Vec::new(), Some(0));
    while let Some(from) = offset {
        let request = GetCanaryRecordRequest { canary: canary.id.clone(), offset: from };
        let part = client.call::<GetCanaryRecord>(request).await?;
        lines.extend(part.lines);
        offset = part.next_offset;
    }
    let replay = record::replay(lines.iter().map(String::as_str))?;
    for difference in &replay.differences {
        let record::Difference { line, recorded, replayed } = difference;
        print::line(format_args!("line {line}:\n  recorded {recorded}\n  replayed {replayed}"))?;
    }
    let (ticks, decisions) = (replay.ticks, replay.decisions.len());
    if replay.differences.is_empty() {
        print::line(format_args!("{ticks} looks and {decisions} decisions: each comes out the same, bit for bit."))?;
        return Ok(ExitCode::SUCCESS);
    }
    let otherwise = replay.differences.len();
    print::line(format_args!("{ticks} looks and {decisions} decisions: {otherwise} come out otherwise."))?;
    Ok(ExitCode::FAILURE)
}

fn tell(canary: &CanaryDescription, json: bool, text: fn(&CanaryDescription) -> String) -> Result<()> {
    if json { print::json(canary) } else { Ok(print::text(text(canary))?) }
}

fn history(canary: &CanaryDescription) -> String {
    let mut all: Vec<_> = canary.events.iter().chain(&canary.undelivered).collect();
    all.sort_by_key(|event| event.at);
    all.iter().map(|event| format!("{}  {}\n", event.at.to_iso8601(), event.message)).collect()
}

/// What it is about: a route with its mesh and router, or a service with its cluster.
fn subject(canary: &CanaryDescription) -> String {
    let CanaryDescription { mesh_name, virtual_router_name, route_name, service, .. } = canary;
    service.clone().unwrap_or_else(|| format!("{mesh_name}/{virtual_router_name}/{route_name}"))
}

/// How a canary is doing, as a picture of text.
fn picture(canary: &CanaryDescription) -> String {
    let CanaryDescription { id, baseline, canary: new, .. } = canary;
    let part = (canary.percent / 100.0 * f64::from(BAR)).round();
    let filled = usize::from((0..BAR).find(|place| f64::from(*place) >= part).unwrap_or(BAR));
    let empty = usize::from(BAR) - filled;
    let applied = match canary.applied_percent {
        Some(applied) if (applied - canary.percent).abs() < 0.05 => {
            format!("acknowledged by {} proxies", canary.proxies)
        }
        Some(applied) => format!("{applied} % acknowledged by {} proxies", canary.proxies),
        None => format!("{} proxies are taking it on", canary.proxies),
    };
    let failed = |(requests, failed): (u64, u64)| format!("{requests:>9} requests  {failed:>7} failed");
    let mut text = format!("{id}  {}: {baseline} → {new}\n", subject(canary));
    text += &format!("{}  {}{}\n", canary.phase, canary.message, if canary.paused { "  (paused)" } else { "" });
    text += &format!("  [{}{}] {:>5} % to {new}, {applied}\n", "█".repeat(filled), "·".repeat(empty), canary.percent);
    text += &format!("  new {new:<16} {}\n", failed(canary.requests));
    text += &format!("  old {baseline:<16} {}\n", failed(canary.baseline_requests));
    text += &format!(
        "  against the new version {:.2} of {:.0}   for it {:.2} of {:.0}   it cost {} requests\n",
        canary.e_value, canary.limit, canary.certificate, canary.certificate_limit, canary.harm
    );
    if let Some(event) = canary.events.last() {
        text += &format!("  {}  {}\n", event.at.to_iso8601(), event.message);
    }
    text
}

//! `serin rehearse`: a route's canary against faults that are made.
//!
//! The house does it; this command asks, tells what is going on, and takes part only by asking again: should it be
//! killed, the house notices, and puts everything back.

use std::process::ExitCode;

use anyhow::Result;
use api::rehearsal::{
    DescribeRehearsal, DescribeRehearsalRequest, RehearsalDescription, RehearsalResult, StartRehearsal,
    StartRehearsalRequest, StopRehearsal, StopRehearsalRequest,
};
use canary::rehearsal::{Fault, Kind};
use wire::{Client, ClientError};

use super::{canary::policy, connect, demo::load::Load};
use crate::{
    cli::Rehearse,
    exit::{self, Refusal},
    print,
};

/// How long one question for news is held at most, in seconds; less if the lease is shorter.
const HOLD_SECONDS: u64 = 5;

/// Rehearses to the end. The exit code is 0 if everything came out as it should.
pub(crate) async fn run(options: Rehearse) -> Result<ExitCode> {
    let faults: Vec<Fault> = options.faults.iter().map(|text| fault(text)).collect::<Result<_>>()?;
    let load = options.load.as_deref().map(|url| Load::start(url, options.rate));
    let client = connect(&options.target);
    let request = StartRehearsalRequest {
        mesh_name: options.mesh,
        virtual_router_name: options.router,
        route_name: options.route,
        faults: faults.iter().map(serde_json::to_value).collect::<Result<_, _>>()?,
        policy: options.policy.as_deref().map(policy).transpose()?,
        maximum_harm: Some(options.max_harm),
        longest_seconds: Some(options.longest),
        lease_seconds: Some(options.lease),
    };
    let begun = client.call::<StartRehearsal>(request).await?.rehearsal;
    let ended = follow(&client, begun, options.lease, options.json).await?;
    if let Some(load) = load {
        load.stop().await;
    }
    if options.json {
        print::json(&ended)?;
    } else {
        print::text(table(&ended))?;
    }
    let whole = ended.results.len() as u64 == ended.faults;
    let sound = whole && ended.results.iter().all(|result| result.sound);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks until it has ended, and for its end once somebody presses Ctrl-C.
async fn follow(
    client: &Client,
    mut seen: RehearsalDescription,
    lease: u64,
    quiet: bool,
) -> Result<RehearsalDescription> {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut stopping = false;
    let hold = u32::try_from(HOLD_SECONDS.min(lease / 3).max(1)).unwrap_or(1);
    let mut told = String::new();
    while !seen.ended {
        if !quiet && told != seen.message {
            print::note(&seen.message);
            told.clone_from(&seen.message);
        }
        let request = DescribeRehearsalRequest {
            rehearsal: seen.id.clone(),
            after_version: Some(seen.version),
            wait_seconds: Some(hold),
        };
        tokio::select! {
            news = client.call::<DescribeRehearsal>(request) => match news {
                Ok(news) => seen = news.rehearsal,
                // The control plane may be away for a moment; it goes on from its record.
                Err(ClientError::Unreachable { .. }) => tokio::time::sleep(std::time::Duration::from_secs(1)).await,
                Err(error) => return Err(error.into()),
            },
            _ = &mut interrupted, if !stopping => {
                stopping = true;
                print::note("Everything is put back …");
                let request = StopRehearsalRequest { rehearsal: seen.id.clone() };
                seen = client.call::<StopRehearsal>(request).await?.rehearsal;
            }
        }
    }
    Ok(seen)
}

/// What came of it, a line for each fault.
fn table(ended: &RehearsalDescription) -> String {
    let mut text = String::new();
    let width = ended.results.iter().map(|result| result.fault.chars().count()).max().unwrap_or(0);
    for RehearsalResult { fault, sound, requests, failed, slowed, message, .. } in &ended.results {
        let mark = if *sound { '✓' } else { '✗' };
        text += &format!("{mark} {fault:<width$}  {message}\n");
        text += &format!(
            "  {:<width$}  {requests} requests met it: {failed} failed and {slowed} took longer by the rehearsal\n",
            ""
        );
    }
    let left = ended.faults - (ended.results.len() as u64).min(ended.faults);
    if left > 0 {
        text += &format!("{left} of {} faults were not rehearsed.\n", ended.faults);
    }
    text + &format!(
        "{} The rehearsal made {} requests fail and {} take longer.\n",
        ended.message, ended.failed, ended.slowed
    )
}

/// A fault as it is given on the command line.
fn fault(text: &str) -> Result<Fault> {
    let wrong = || {
        Refusal::new(
            exit::USAGE,
            format!(
                "--fault {text}: give it as errors:PERCENT, latency:TIMES, tail:PERCENT,TIMES, \
                 crash-loop:UP,DOWN or dependency:PERCENT, and @SECONDS behind it where it begins later"
            ),
        )
    };
    let (what, from) = text.split_once('@').unwrap_or((text, "0"));
    let (name, numbers) = what.split_once(':').ok_or_else(wrong)?;
    let numbers: Vec<f64> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked for its range")]
    let seconds = |number: f64| number.clamp(0.0, 1e9) as u64;
    let kind = match (name, numbers.as_slice()) {
        ("errors", [percent]) => Kind::Errors { percent: *percent },
        ("latency", [scale]) => Kind::Latency { scale: *scale },
        ("tail", [percent, scale]) => Kind::Tail { percent: *percent, scale: *scale },
        ("crash-loop", [up, down]) => Kind::CrashLoop { up_seconds: seconds(*up), down_seconds: seconds(*down) },
        ("dependency", [percent]) => Kind::Dependency { percent: *percent },
        _ => return Err(wrong().into()),
    };
    let fault = Fault { kind, from_seconds: from.parse().map_err(|_| wrong())? };
    fault.check().map_err(|error| Refusal::new(exit::USAGE, error.to_string()))?;
    Ok(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_told() {
        for (text, words) in [
            ("errors:5", "5 % of the requests fail"),
            ("errors:0.5@60", "0.5 % of the requests fail, after 60 s"),
            ("latency:1.25", "everything takes 1.25 times as long"),
            ("tail:2,5", "2 % of the requests take 5 times as long"),
            ("crash-loop:10,70", "it crashes every 10 s and is gone for 70 s"),
            ("dependency:5@30", "5 % of the requests of both versions fail, after 30 s"),
        ] {
            assert_eq!(fault(text).unwrap().to_string(), words);
        }
        for text in ["errors", "errors:", "errors:0", "latency:1", "tail:2", "hunger:3", "errors:5@soon"] {
            fault(text).unwrap_err();
        }
    }
}

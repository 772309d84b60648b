//! The canaries that judge themselves: started as `serin canary start` does it, followed to their ends.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::canary::{CanaryDescription, DescribeCanary, DescribeCanaryRequest, StartCanary, StartCanaryRequest};
use serde_json::json;
use tokio::time::Instant;
use wire::Client;

use super::{
    load::{Counts, Load},
    screen::{Frame, Screen},
};
use crate::{commands::canary::route_to, commands::map};

/// How long a canary of the demo may take.
const MAX: Duration = Duration::from_mins(4);
/// How long a request that is on its way may take to be counted.
const IN_FLIGHT: Duration = Duration::from_secs(1);
/// How often the view is drawn anew.
const REDRAW: Duration = Duration::from_millis(250);

/// A release that was judged.
pub(super) struct Release {
    /// Which version was on trial.
    pub(super) version: &'static str,
    /// How it ended.
    pub(super) canary: CanaryDescription,
    /// How long it took, from its first part of the traffic on.
    pub(super) took: Duration,
    /// What the load saw of it.
    pub(super) seen: Counts,
}

/// The ramp of the demo, quick enough to be watched. The sample answers in about a millisecond, and on a machine that
/// it shares with its clients such latencies say little: errors alone are judged.
fn policy() -> serde_json::Value {
    json!({
        "Steps": [
            {"Weight": 10, "MaximumErrorPercent": 10},
            {"Weight": 25, "MaximumErrorPercent": 4},
            {"Weight": 50, "MaximumErrorPercent": 2},
        ],
        "MinimumStepSeconds": 2,
        "BaselineSeconds": 2,
        "BakeSeconds": 3,
        "Metrics": ["Errors"],
    })
}

/// Lets `version`, which runs as the virtual node `node`, be judged to the end.
pub(super) async fn release(
    client: &Client,
    screen: &Screen,
    load: &Load,
    (version, node): (&'static str, &str),
) -> Result<Release> {
    let request = StartCanaryRequest {
        mesh_name: "todo".to_owned(),
        virtual_router_name: "api".to_owned(),
        route_name: "api".to_owned(),
        spec: route_to(client, ("todo", "api", "api"), node).await?,
        policy: Some(policy()),
        revision: None,
    };
    let id = client.call::<StartCanary>(request).await?.canary.id;
    let follow = follow(client, screen, load, &id);
    let (canary, took) = tokio::time::timeout(MAX, follow)
        .await
        .with_context(|| format!("the canary of version {version} took more than {} s", MAX.as_secs()))??;
    // What is on its way when the decision falls still belongs to it.
    tokio::time::sleep(IN_FLIGHT).await;
    Ok(Release { version, canary, took, seen: load.take() })
}

/// Shows the canary until it has ended; answers it, and how long it took from its first request on.
async fn follow(client: &Client, screen: &Screen, load: &Load, id: &str) -> Result<(CanaryDescription, Duration)> {
    let (mut told, mut begun) = (0, None);
    loop {
        let request = DescribeCanaryRequest { canary: id.to_owned(), ..Default::default() };
        let canary = client.call::<DescribeCanary>(request).await?.canary;
        for event in canary.events.iter().skip(told) {
            screen.say(&format!("  {}", event.message));
        }
        told = canary.events.len();
        if canary.percent > 0.0 {
            begun.get_or_insert_with(Instant::now);
        }
        if canary.ended {
            return Ok((canary, begun.map_or(Duration::ZERO, |begun| begun.elapsed())));
        }
        let services = map::graph(client, Duration::from_mins(1)).await?;
        screen.draw(&Frame::judged(&canary, &load.counts(), &map::draw(&services)));
        tokio::time::sleep(REDRAW).await;
    }
}

impl Release {
    /// Fails unless the version has all of the traffic, and no request failed on its way there.
    pub(super) fn must_be_promoted(&self) -> Result<()> {
        let Self { version, canary, seen, .. } = self;
        if canary.phase != "Done" {
            bail!("version {version} is sound and was not promoted: {}", canary.message);
        }
        if seen.failed > 0 {
            bail!("{} of {} requests failed; a canary must not fail one", seen.failed, seen.all());
        }
        Ok(())
    }

    /// Fails unless the version was found worse and lost all of the traffic.
    pub(super) fn must_be_taken_back(&self) -> Result<()> {
        let Self { version, canary, .. } = self;
        if canary.phase != "TakenBack" {
            bail!("version {version} is broken and was not taken back: {}", canary.message);
        }
        Ok(())
    }
}

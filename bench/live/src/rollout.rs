//! Rollouts of a version that fails on purpose: who was harmed, and how soon it was over.

use std::fmt;

use anyhow::Result;
use serde_json::Value;

use crate::{
    load::{Load, Sent, late, now, real},
    stage::Stage,
};

/// What came of one rollout of a faulty version.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) taken_back: bool,
    /// Failed requests.
    pub(crate) harm: f64,
    /// Seconds from the first request that met the faulty version to the decision.
    pub(crate) detected: f64,
    /// Milliseconds from the decision until the last request was sent that met the faulty version.
    pub(crate) left: f64,
    /// Requests that were sent too late, in percent.
    pub(crate) late: f64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken_back, harm, detected, left, late } = self;
        let verdict = if *taken_back { "taken back" } else { "missed" };
        write!(f, "{verdict} after {detected:.1} s, {harm} requests harmed, the last after {left} ms; {late:.1} % late")
    }
}

/// Gives `api-v2` to users by a canary, `percent` of whose requests fail.
pub(crate) async fn faulty(stage: &Stage, rate: u32, percent: f64, policy: &Value) -> Result<Outcome> {
    stage.fault("api-v2", percent).await?;
    let load = Load::start(&stage.url, rate);
    let canary = stage.start("api-v2", policy, None).await?;
    let ended = stage.until(&canary.id, |_| false).await?;
    settle().await;
    let sent = load.take();
    load.stop().await;
    let decided = ended.events.iter().find(|event| event.message.starts_with("It is taken back"));
    let decided = decided.map_or_else(now, |event| u64::try_from(event.at.as_millis()).unwrap_or(0));
    let met: Vec<&Sent> =
        sent.iter().filter(|sent| sent.outcome.as_ref().map_or(true, |version| version == "2")).collect();
    let first = met.iter().map(|sent| sent.at).min().unwrap_or(decided);
    let last = met.iter().map(|sent| sent.at).max().unwrap_or(decided);
    if ended.phase != "TakenBack" {
        stage.command(&ended.id, "Undo").await?;
        stage.until(&ended.id, |_| false).await?;
    }
    stage.sound("api-v2").await?;
    Ok(Outcome {
        taken_back: ended.phase == "TakenBack",
        harm: real(sent.iter().filter(|sent| sent.outcome.is_err()).count()),
        detected: seconds(first, decided),
        left: seconds(decided, last) * 1000.0,
        late: late(&sent),
    })
}

/// Lets what is on its way arrive.
pub(crate) async fn settle() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

#[expect(clippy::cast_precision_loss, reason = "minutes, in milliseconds")]
fn seconds(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1000.0
}

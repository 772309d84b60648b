//! Rollouts of sound versions in which everything happens that can: nobody is to notice.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    load::{Load, late},
    rollout::settle,
    stage::Stage,
};

/// What happens in the middle of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Nothing: it is promoted by evidence.
    Judged,
    /// Somebody promotes it.
    Promote,
    /// Somebody aborts it.
    Abort,
    /// A newer revision comes.
    Replace,
    /// The control plane is killed.
    Kill,
    /// The old version has more copies, and loses them once it has no traffic.
    Scale,
}

const ACTS: [Act; 6] = [Act::Judged, Act::Abort, Act::Replace, Act::Kill, Act::Promote, Act::Scale];

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) rollouts: usize,
    pub(crate) requests: usize,
    /// What failed, in words.
    pub(crate) failures: Vec<String>,
    pub(crate) late: f64,
}

/// Moves the route to and fro `count` times under `rate` requests a second.
pub(crate) async fn run(stage: &mut Stage, rate: u32, count: usize) -> Result<Outcome> {
    let policy = json!({
        "Steps": [10, 50], "BaselineSeconds": 1, "MinimumStepSeconds": 1, "BakeSeconds": 1, "Metrics": ["Errors"],
        "OnInconclusive": "Promote", "MaximumStepSeconds": 5,
    });
    let load = Load::start(&stage.url, rate);
    let mut outcome = Outcome { rollouts: count, requests: 0, failures: Vec::new(), late: 0.0 };
    let mut at = 1;
    for number in 0..count {
        let act = ACTS[number % ACTS.len()];
        if rollout(stage, act, at, number, &policy).await? {
            at = 3 - at;
        }
        settle().await;
        let sent = load.take();
        outcome.late = f64::max(outcome.late, late(&sent));
        outcome.requests += sent.len();
        let failures: Vec<_> = sent.iter().filter_map(|sent| sent.outcome.as_ref().err()).collect();
        eprintln!("{} of {count}, {act:?}: {} requests, {} failed", number + 1, sent.len(), failures.len());
        outcome.failures.extend(failures.into_iter().map(|failure| format!("{act:?}: {failure}")));
    }
    load.stop().await;
    if at == 2 {
        let back = stage.start("api-v1", &policy, None).await?;
        stage.command(&back.id, "Promote").await?;
        stage.until(&back.id, |_| false).await?;
    }
    Ok(outcome)
}

/// One rollout from version `at` to the other; whether that has the traffic now.
async fn rollout(stage: &mut Stage, act: Act, at: u32, number: usize, policy: &Value) -> Result<bool> {
    let new = format!("api-v{}", 3 - at);
    // The services of the sample that have the virtual nodes `api-v1` and `api-v2`.
    let old = if at == 1 { "api" } else { "api-v2" };
    if act == Act::Scale {
        tokio::task::block_in_place(|| stage.scale(old, 2));
    }
    let canary = stage.start(&new, policy, Some(format!("{number}"))).await?.id;
    stage.until(&canary, |seen| seen.applied_percent.is_some_and(|percent| percent > 0.0)).await?;
    match act {
        Act::Judged | Act::Scale => {}
        Act::Promote => stage.command(&canary, "Promote").await?,
        Act::Abort => stage.command(&canary, "Abort").await?,
        Act::Replace => {
            stage.start(&new, policy, Some(format!("{number} again"))).await?;
        }
        Act::Kill => tokio::task::block_in_place(|| stage.kill()),
    }
    let ended = stage.until(&canary, |_| false).await?;
    if act == Act::Scale {
        tokio::task::block_in_place(|| stage.scale(old, 1));
    }
    let wanted = if act == Act::Abort { "TakenBack" } else { "Done" };
    ensure!(ended.phase == wanted, "{act:?} ended as {}: {}", ended.phase, ended.message);
    Ok(act != Act::Abort)
}

//! The live arena: canaries on the real program, its real proxies and the sample's tasks, under an open-loop load.
//!
//! `cargo xtask bench canary --live` runs it. What the arena in simulation cannot tell is measured here: how long it takes from
//! a decision until the last user has left the bad version, and whether the machinery itself ever fails a request.
//! The faults of the new version are made by its proxy (`serin fault`).

mod load;
mod machinery;
mod rollout;
mod stage;

use anyhow::Result;
use clap::Parser;
use e2e::Machine;
use serde_json::{Value, json};

use crate::{load::real, rollout::Outcome, stage::Stage};

/// The harm that is aimed at for a version half of whose requests fail, and for others: see the arena in simulation.
const HARM: (f64, f64) = (5.0, 10.0);
/// From the decision to the last request, in milliseconds.
const LEFT: f64 = 100.0;
/// Failures that are told in words.
const FAILURES_TOLD: usize = 20;

#[derive(Parser)]
#[command(about = "Canaries on the real program under load")]
struct Arguments {
    /// Requests a second (repeatable)
    #[arg(long = "rate", default_values_t = [50, 500])]
    rates: Vec<u32>,
    /// Faulty rollouts of each kind
    #[arg(long, default_value_t = 5)]
    faulty: usize,
    /// Sound rollouts in which something happens, at the first of the rates
    #[arg(long, default_value_t = 60)]
    sound: usize,
    /// How the faulty ones are judged: JSON as under `Serin::Canary`, the usual policy where nothing is said
    #[arg(long)]
    policy: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let policy: Value = arguments.policy.as_deref().map_or_else(|| Ok(json!({})), serde_json::from_str)?;
    // Before there are other threads: they are to be in the same namespace.
    let machine = Machine::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut stage = Stage::set(machine);
    let held = runtime.block_on(hold(&mut stage, &arguments, &policy));
    stage.clear();
    held
}

async fn hold(stage: &mut Stage, arguments: &Arguments, policy: &Value) -> Result<()> {
    for rate in &arguments.rates {
        for percent in [50.0, 5.0] {
            let mut outcomes = Vec::new();
            for number in 0..arguments.faulty {
                let outcome = rollout::faulty(stage, *rate, percent, policy).await?;
                eprintln!("{percent} % failing at {rate} rps, {} of {}: {outcome}", number + 1, arguments.faulty);
                outcomes.push(outcome);
            }
            report(*rate, percent, &outcomes);
        }
    }
    if let Some(rate) = arguments.rates.first()
        && arguments.sound > 0
    {
        let outcome = machinery::run(stage, *rate, arguments.sound).await?;
        let of = format!(
            "{} sound rollouts with promotions, aborts, newer revisions, kills and scaling, {rate} rps",
            outcome.rollouts
        );
        line(&format!("{of}: requests failed"), real(outcome.failures.len()), "requests", Some(0.0));
        line(&format!("{of}: requests"), real(outcome.requests), "requests", None);
        line(&format!("{of}: sent late, at worst"), outcome.late, "%", None);
        outcome.failures.iter().take(FAILURES_TOLD).for_each(|failure| eprintln!("{failure}"));
    }
    Ok(())
}

/// Prints what came of the rollouts of one kind.
fn report(rate: u32, percent: f64, outcomes: &[Outcome]) {
    if outcomes.is_empty() {
        return;
    }
    let of = format!("{percent} % failing, {rate} rps, {} rollouts", outcomes.len());
    let mean = |value: fn(&Outcome) -> f64| outcomes.iter().map(value).sum::<f64>() / real(outcomes.len());
    let harm = if percent >= 50.0 { HARM.0 } else { HARM.1 };
    line(&format!("{of}: missed"), mean(|outcome| if outcome.taken_back { 0.0 } else { 100.0 }), "%", Some(0.0));
    line(&format!("{of}: requests harmed, mean"), mean(|outcome| outcome.harm), "requests", Some(harm));
    line(&format!("{of}: found after, median"), at(outcomes, 0.5, |outcome| outcome.detected), "s", None);
    let left = at(outcomes, 0.99, |outcome| outcome.left);
    line(&format!("{of}: from the decision to the last request, 99 of 100"), left, "ms", Some(LEFT));
    line(&format!("{of}: sent late"), mean(|outcome| outcome.late), "%", None);
}

/// The value that this part of the outcomes has at most.
fn at(outcomes: &[Outcome], part: f64, value: fn(&Outcome) -> f64) -> f64 {
    let mut values: Vec<f64> = outcomes.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = (real(values.len()) * part) as usize;
    values.get(place).or(values.last()).copied().unwrap_or(0.0)
}

/// What xtask reads.
fn line(name: &str, value: f64, unit: &str, aim: Option<f64>) {
    println!("{name}\t{value}\t{unit}\t{}", aim.map_or_else(String::new, |aim| aim.to_string()));
}

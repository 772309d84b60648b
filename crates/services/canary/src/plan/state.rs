//! Where a canary stands, what is seen of it, and what is to be done.

use serde::{Deserialize, Serialize};

use crate::{
    judge::{Need, Question, Verdict},
    policy::{Policy, Weight},
};

use super::gate::{Answer, Asking, Consent};

/// Where a canary stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The new version.
    pub revision: String,
    /// How often it was begun, from 1.
    pub attempt: u32,
    /// What it is at.
    pub phase: Phase,
    /// Whether somebody asked it to stay where it is.
    pub paused: bool,
    /// Whether somebody promoted it, whatever the judge says.
    pub overruled: bool,
    /// How long the phase's weight was watched, in milliseconds.
    pub watched: u64,
    /// How long the old version was read, with the new one healthy, before the first step, in milliseconds.
    #[serde(default)]
    pub learned: u64,
    /// How long the new version has been without a healthy copy, in milliseconds.
    pub unhealthy: u64,
    /// Whether the phase's one notice was given.
    pub told: bool,
    /// When it was looked at last, in milliseconds since 1970.
    pub seen_at: u64,
    /// What webhooks are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asking: Option<Asking>,
}

/// What a canary is at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Traffic leaves the version before, which a newer one has replaced in the middle.
    Clearing {
        /// The version before, where there was one.
        replaced: Option<String>,
    },
    /// The new version is to have a healthy copy, and the old one is read for a while.
    Waiting,
    /// Somebody has to approve before this step begins.
    Gated {
        /// From 0.
        step: usize,
    },
    /// The new version has the traffic of a step, and is judged.
    Watching {
        /// From 0.
        step: usize,
    },
    /// It has nearly all traffic; the old version is warm.
    Baking,
    /// It is to get all.
    Finishing,
    /// It has all.
    Done,
    /// The old version is to get all.
    TakingBack(Reason),
    /// The old version has all.
    TakenBack(Reason),
    /// All stays as it is until somebody decides.
    Frozen {
        /// What it was at.
        was: Box<Phase>,
        /// Why.
        reason: Reason,
    },
}

/// Why a canary was taken back, or frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The judge found it worse.
    Worse,
    /// It has cost as many failed requests as the policy allows.
    HarmBudget,
    /// It never had a healthy copy.
    NeverHealthy,
    /// It lost its healthy copies.
    Unhealthy,
    /// Too little traffic came to tell.
    Inconclusive,
    /// Somebody asked for it.
    Asked,
    /// A webhook asked for it.
    Webhook,
}

/// What somebody may ask of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Stay at this weight. A worse version is still taken back.
    Pause,
    /// Go on after a pause or a freeze.
    Resume,
    /// Let the gated step begin, or the one that webhooks do not let begin.
    Approve,
    /// Give the new version everything now, whatever the judge says.
    Promote,
    /// Give the old version everything now.
    Abort,
    /// Begin again after a taking back.
    Retry,
    /// Give the old version everything again, also after a promotion.
    Undo,
    /// Change nothing until somebody decides, not even if the new version is worse.
    Freeze,
}

/// Healthy copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthy {
    /// Of the old version.
    pub baseline: u32,
    /// Of the version that the canary's weight leads to.
    pub canary: u32,
}

/// What is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The new version that is wanted now.
    pub revision: String,
    /// The judge's answer to [`State::question`].
    pub verdict: Verdict,
    /// Failed requests beyond the old version's rate; see [`crate::judge::Judge::harm`].
    pub harm: u64,
    /// Whether enough is known of the old version to compare with; see [`crate::judge::Judge::knows_baseline`].
    pub known: bool,
    /// Healthy copies.
    pub healthy: Healthy,
    /// The new version's weight that every proxy has acknowledged, once they agree.
    pub applied: Option<Weight>,
    /// What somebody asks for, once.
    pub command: Option<Command>,
    /// What webhooks answer.
    pub answer: Option<Answer>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Give the new version this part of the traffic, and the old one the rest.
    Shift(Weight),
    /// Begin a new judgement of this version, with a new record.
    Judge(String),
    /// Drain this replaced or refused version, and stop it.
    RetireCanary(String),
    /// Drain the old version, and stop it.
    RetireBaseline,
    /// Tell whoever listens.
    Tell(Notice),
    /// Ask the policy's webhooks. It is asked for at each look until there is an answer.
    Ask(Consent),
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A new version is on its way.
    Began {
        /// Which one.
        revision: String,
        /// How often it was begun.
        attempt: u32,
    },
    /// It gets more.
    Widened(Weight),
    /// Somebody has to approve this weight.
    Approval(Weight),
    /// A webhook does not let it go on, for this reason.
    Webhook(String),
    /// Webhooks are asked no more.
    Unanswered,
    /// Too little traffic came to tell.
    Inconclusive(Need),
    /// Were this no dry run, it would be taken back.
    WouldTakeBack(Reason),
    /// It is taken back.
    TakingBack(Reason),
    /// All stays as it is until somebody decides.
    Frozen(Reason),
    /// There is no healthy old version to compare with; the new one gets everything.
    NothingToCompare,
    /// It has everything.
    Promoted,
    /// What was asked for cannot be done.
    Refused {
        /// What was asked for.
        command: Command,
        /// Why not.
        why: String,
    },
}

impl State {
    /// A canary of `revision` that begins at `now`, in milliseconds since 1970.
    pub fn begin(revision: &str, now: u64) -> Self {
        Self {
            revision: revision.to_owned(),
            attempt: 1,
            phase: Phase::Clearing { replaced: None },
            paused: false,
            overruled: false,
            watched: 0,
            learned: 0,
            unhealthy: 0,
            told: false,
            seen_at: now,
            asking: None,
        }
    }

    /// Goes over to `phase`, where all counting begins anew.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.watched = 0;
        self.told = false;
        self.asking = None;
    }

    /// What to ask the judge now.
    pub fn question(&self, policy: &Policy) -> Question {
        let step = match &self.phase {
            Phase::Watching { step } | Phase::Gated { step } => *step,
            Phase::Clearing { .. } | Phase::Waiting => 0,
            _ => policy.steps.len(),
        };
        let longest = match &self.phase {
            Phase::Baking => policy.bake_seconds + policy.maximum_step_seconds,
            _ => policy.maximum_step_seconds,
        };
        Question { bound: policy.bound(step), last: self.watched >= longest * 1000 }
    }

    /// The part of the traffic that the phase asks for; none where it is to stay as it is.
    pub fn weight(&self, policy: &Policy) -> Option<Weight> {
        let of = |step: usize| policy.steps.get(step).map_or(Weight::NONE, |step| step.weight);
        match &self.phase {
            Phase::Clearing { .. } | Phase::Waiting | Phase::TakingBack(_) | Phase::TakenBack(_) => Some(Weight::NONE),
            Phase::Gated { step } => Some(step.checked_sub(1).map_or(Weight::NONE, of)),
            Phase::Watching { step } => Some(of(*step)),
            Phase::Baking => Some(policy.hold_back_percent.rest()),
            Phase::Finishing | Phase::Done => Some(Weight::ALL),
            Phase::Frozen { .. } => None,
        }
    }

    /// Whether it has come to an end.
    pub fn ended(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::TakenBack(_))
    }
}

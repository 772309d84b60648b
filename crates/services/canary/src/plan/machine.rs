//! One step of the ramp.

use super::state::{Action, Command, Healthy, Notice, Observation, Phase, Reason, State};
use crate::{
    judge::{Need, Verdict},
    policy::{OnInconclusive, OnTakeBack, Policy, Weight},
};

/// The most that counts between two looks, in milliseconds: what was not looked at was not watched, and a clock may
/// jump.
const GAP_MAX: u64 = 5000;

/// Where the canary stands after what is seen at `now`, in milliseconds since 1970, and what is to be done.
pub fn step(state: &State, policy: &Policy, seen: &Observation, now: u64) -> (State, Vec<Action>) {
    let mut machine = Machine { state: state.clone(), policy, seen, actions: Vec::new() };
    machine.count(now);
    machine.run();
    machine.shift();
    (machine.state, machine.actions)
}

pub(super) struct Machine<'a> {
    pub(super) state: State,
    pub(super) policy: &'a Policy,
    pub(super) seen: &'a Observation,
    pub(super) actions: Vec<Action>,
}

impl Machine<'_> {
    fn run(&mut self) {
        if self.seen.revision != self.state.revision {
            return self.replace();
        }
        if let Some(command) = self.seen.command
            && let Err(why) = self.obey(command)
        {
            self.tell(Notice::Refused { command, why: why.to_owned() });
        }
        if !self.alarm() {
            self.go_on();
        }
    }

    /// Lets time pass: as watched only where what the phase asks for is true in every proxy, and both versions can
    /// answer.
    fn count(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.state.seen_at).min(GAP_MAX);
        self.state.seen_at = now;
        let Healthy { baseline, canary } = self.seen.healthy;
        let applied = self.seen.applied.is_some() && self.seen.applied == self.state.weight(self.policy);
        let comparable = applied && baseline > 0 && canary > 0;
        let waiting = self.state.phase == Phase::Waiting;
        if comparable || waiting {
            self.state.watched = self.state.watched.saturating_add(elapsed);
        }
        if comparable && waiting {
            self.state.learned = self.state.learned.saturating_add(elapsed);
        }
        if let Some(asking) = &mut self.state.asking {
            asking.waited = asking.waited.saturating_add(elapsed);
        }
        self.state.unhealthy = if canary > 0 { 0 } else { self.state.unhealthy.saturating_add(elapsed) };
    }

    /// A newer version is wanted: traffic leaves the one before, then the ramp begins with the newer.
    fn replace(&mut self) {
        let begun = State::begin(&self.seen.revision, self.state.seen_at);
        let before = std::mem::replace(&mut self.state, begun);
        let replaced = match before.phase {
            // That one has become the old version.
            Phase::Done => None,
            // An even earlier one is still to be retired; the one before has had no traffic, and no copy of its own
            // counts.
            Phase::Clearing { replaced: Some(replaced) } => {
                self.actions.push(Action::RetireCanary(before.revision));
                Some(replaced)
            }
            _ => Some(before.revision),
        };
        self.state.phase = Phase::Clearing { replaced };
    }

    /// Does what somebody asks for, or says why not.
    fn obey(&mut self, command: Command) -> Result<(), &'static str> {
        let has_canary = self.seen.healthy.canary > 0;
        let ended = self.state.ended() || matches!(self.state.phase, Phase::TakingBack(_));
        match (command, self.state.phase.clone()) {
            (Command::Retry, Phase::TakenBack(_)) => self.again(),
            (Command::Retry, _) => return Err("only a canary that was taken back is begun again"),
            (Command::Undo, Phase::Done) if self.seen.healthy.baseline == 0 => {
                return Err("the old version has no healthy copy any more");
            }
            (Command::Undo, Phase::Done) => self.take_back(Reason::Asked),
            (_, Phase::Done) => return Err("the new version has everything already"),
            (Command::Abort | Command::Undo, Phase::TakingBack(_) | Phase::TakenBack(_)) => {}
            (_, _) if ended => return Err("it is taken back; begin it again"),
            (Command::Abort | Command::Undo, _) => self.take_back(Reason::Asked),
            (Command::Promote, Phase::Clearing { .. }) => return Err("the version before still has traffic"),
            (Command::Promote, _) if !has_canary => return Err("the new version has no healthy copy"),
            (Command::Promote, _) => {
                self.state.overruled = true;
                self.state.enter(Phase::Finishing);
            }
            (Command::Pause, _) => self.state.paused = true,
            (Command::Resume, Phase::Frozen { was, .. }) => self.state.enter(*was),
            (Command::Resume, _) => self.state.paused = false,
            (Command::Approve, Phase::Gated { step }) => self.widen(Phase::Watching { step }),
            (Command::Approve, _) => self.consent()?,
            (Command::Freeze, Phase::Frozen { .. }) => {}
            (Command::Freeze, _) => self.freeze(Reason::Asked),
        }
        Ok(())
    }

    /// Acts on a version that is worse, costs too much or has no copy; whether there was one.
    fn alarm(&mut self) -> bool {
        let judged =
            matches!(self.state.phase, Phase::Watching { .. } | Phase::Gated { .. } | Phase::Baking | Phase::Finishing);
        if !judged {
            return false;
        }
        let dead = self.state.unhealthy > self.policy.unhealthy_seconds * 1000;
        let heard = !self.state.overruled;
        let reason = if heard && self.seen.verdict == Verdict::TakeBack {
            Reason::Worse
        } else if heard && self.policy.harm_budget.is_some_and(|budget| self.seen.harm >= budget) {
            Reason::HarmBudget
        } else if dead {
            // Nothing to judge any more, in a dry run neither.
            self.take_back(Reason::Unhealthy);
            return true;
        } else {
            return false;
        };
        if self.policy.dry_run {
            self.tell_once(Notice::WouldTakeBack(reason));
            return false;
        }
        self.refuse(reason);
        true
    }

    /// The new version is not to go on.
    pub(super) fn refuse(&mut self, reason: Reason) {
        match self.policy.on_take_back {
            OnTakeBack::TakeBack => self.take_back(reason),
            OnTakeBack::Freeze => self.freeze(reason),
        }
    }

    /// What follows from the phase itself.
    fn go_on(&mut self) {
        match self.state.phase.clone() {
            Phase::Clearing { replaced } => self.clear(replaced),
            Phase::Waiting => self.wait(),
            Phase::Watching { step } => self.watch(step),
            Phase::Baking => self.bake(),
            Phase::Finishing => self.finish(),
            Phase::TakingBack(reason) => self.retire(reason),
            Phase::TakenBack(reason) => self.retry(reason),
            Phase::Gated { .. } | Phase::Done | Phase::Frozen { .. } => {}
        }
    }

    fn clear(&mut self, replaced: Option<String>) {
        if self.seen.applied != Some(Weight::NONE) && !(replaced.is_none() && self.seen.applied.is_none()) {
            return;
        }
        self.actions.extend(replaced.map(Action::RetireCanary));
        self.state.enter(Phase::Waiting);
        self.actions.push(Action::Judge(self.state.revision.clone()));
        self.tell(Notice::Began { revision: self.state.revision.clone(), attempt: self.state.attempt });
    }

    fn wait(&mut self) {
        let Healthy { baseline, canary } = self.seen.healthy;
        let late = self.state.watched > self.policy.healthy_seconds * 1000;
        let alone = self.policy.testers.as_ref().map_or(0, |testers| testers.seconds);
        // How far few users make up all failures is counted from the moment on from which users stay.
        let alone = if self.policy.sticky.is_some() { alone.max(self.policy.baseline_seconds) } else { alone };
        let learned = self.seen.known || self.state.learned >= self.policy.baseline_seconds * 1000;
        let learned = learned && self.state.learned >= alone * 1000;
        match (baseline, canary) {
            (1.., 1..) if !self.state.paused && learned => self.next(0),
            (0, 1..) if late => {
                self.tell(Notice::NothingToCompare);
                self.state.enter(Phase::Finishing);
            }
            (_, 0) if late => self.take_back(Reason::NeverHealthy),
            _ => {}
        }
    }

    fn watch(&mut self, step: usize) {
        let long_enough = self.state.watched >= self.policy.minimum_step_seconds * 1000;
        if self.state.paused || !long_enough {
            return;
        }
        match self.seen.verdict {
            Verdict::Certified => self.next(step + 1),
            Verdict::Inconclusive(need) => self.doubt(need, step + 1),
            _ if self.policy.dry_run => self.next(step + 1),
            _ => {}
        }
    }

    fn bake(&mut self) {
        let long_enough = self.state.watched >= self.policy.bake_seconds * 1000;
        if self.state.paused || !long_enough {
            return;
        }
        match self.seen.verdict {
            Verdict::Hold if !self.policy.dry_run => {}
            Verdict::Inconclusive(need) if self.question_is_old() => self.doubt(need, self.policy.steps.len() + 1),
            _ => {
                if self.consents(self.policy.steps.len() + 1) {
                    self.state.enter(Phase::Finishing);
                }
            }
        }
    }

    /// Whether the bake has been drawn out by doubt for as long as a step may last.
    fn question_is_old(&self) -> bool {
        self.state.question(self.policy).last
    }

    /// Goes on to `step`, to the bake after the last, and to the end after that, if webhooks let it.
    fn next(&mut self, step: usize) {
        if !self.consents(step) {
            return;
        }
        let phase = match self.policy.steps.get(step) {
            Some(asked) if asked.gate => {
                self.state.enter(Phase::Gated { step });
                return self.tell(Notice::Approval(asked.weight));
            }
            Some(_) => Phase::Watching { step },
            None if step == self.policy.steps.len() => Phase::Baking,
            None => Phase::Finishing,
        };
        self.widen(phase);
    }

    /// Too little traffic came to tell.
    fn doubt(&mut self, need: Need, step: usize) {
        self.tell_once(Notice::Inconclusive(need));
        match self.policy.on_inconclusive {
            _ if self.policy.dry_run => self.next(step),
            OnInconclusive::Hold => {}
            OnInconclusive::TakeBack => self.take_back(Reason::Inconclusive),
            OnInconclusive::Promote => self.next(step),
        }
    }

    fn finish(&mut self) {
        if self.seen.applied == Some(Weight::ALL) && self.seen.healthy.canary > 0 {
            self.state.enter(Phase::Done);
            self.actions.push(Action::RetireBaseline);
            self.tell(Notice::Promoted);
        }
    }

    fn retire(&mut self, reason: Reason) {
        if self.seen.applied == Some(Weight::NONE) {
            self.state.enter(Phase::TakenBack(reason));
            self.actions.push(Action::RetireCanary(self.state.revision.clone()));
        }
    }

    /// Begins again by itself what was not found worse, as often as the policy allows.
    fn retry(&mut self, reason: Reason) {
        let by_chance = matches!(reason, Reason::NeverHealthy | Reason::Unhealthy | Reason::Inconclusive);
        if by_chance && self.state.attempt <= self.policy.retries {
            self.again();
        }
    }

    fn again(&mut self) {
        self.state.attempt = self.state.attempt.saturating_add(1);
        self.state.paused = false;
        self.state.overruled = false;
        self.state.unhealthy = 0;
        self.state.learned = 0;
        self.state.enter(Phase::Clearing { replaced: None });
    }

    fn widen(&mut self, phase: Phase) {
        self.state.enter(phase);
        if let Some(weight) = self.state.weight(self.policy) {
            self.tell(Notice::Widened(weight));
        }
    }

    fn take_back(&mut self, reason: Reason) {
        self.state.enter(Phase::TakingBack(reason));
        self.tell(Notice::TakingBack(reason));
    }

    fn freeze(&mut self, reason: Reason) {
        let was = Box::new(self.state.phase.clone());
        self.state.enter(Phase::Frozen { was, reason });
        self.tell(Notice::Frozen(reason));
    }

    pub(super) fn tell(&mut self, notice: Notice) {
        self.actions.push(Action::Tell(notice));
    }

    fn tell_once(&mut self, notice: Notice) {
        if !self.state.told {
            self.state.told = true;
            self.tell(notice);
        }
    }

    /// Asks for the weight of the phase, unless that is in force, or only one version can answer.
    fn shift(&mut self) {
        let asked = self.state.weight(self.policy).or(self.seen.applied);
        let Some(weight) = asked.and_then(|asked| safe(asked, self.seen.healthy, self.seen.applied)) else { return };
        if self.seen.applied != Some(weight) {
            self.actions.insert(0, Action::Shift(weight));
        }
    }
}

/// `asked`, unless that leads traffic onto a version without a healthy copy, or away from the only one that has some.
fn safe(asked: Weight, healthy: Healthy, applied: Option<Weight>) -> Option<Weight> {
    match healthy {
        // Both are as dead as each other: a new version can at least be kept off, or taken back.
        Healthy { baseline: 0, canary: 0 } if asked == Weight::NONE => Some(Weight::NONE),
        Healthy { baseline: 0, canary: 0 } => applied,
        Healthy { canary: 0, .. } => Some(Weight::NONE),
        Healthy { baseline: 0, .. } => Some(Weight::ALL),
        Healthy { .. } => Some(asked),
    }
}

//! How a service goes to a new revision *beside* the one that serves, and moves its users over by weights.
//!
//! The new tasks all come up first, in a target group that no user comes to. Then the weights of the listener's rule
//! move: at once (blue/green), in equal steps (linear), or a small part first (canary). Between the stages stand hooks.
//! Until the very last stage the old tasks all stay, so that the way back is nothing but weights.
//!
//! What is asked of the balancer (`Release::weight`, `Release::test`) and what is in force there are two things, as are
//! a hook and its answer: stages wait for what is in force, and time is counted from then. Nothing here shifts away
//! from the only tasks that are well, nor toward tasks that are not.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use api::ecs::{DeploymentLifecycleHookAction as Action, DeploymentLifecycleHookStatus as HookStatus};
use names::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    service::{Deployment, Life, Plan, Step, Task, View, backoff},
    verdict::{self, Proof},
};

/// All of the traffic, in thousandths.
pub(crate) const WHOLE: u16 = 1000;
/// How long new tasks may take to come up, or overtaken ones to go, as on AWS.
const STAGE_MAX: Duration = Duration::from_hours(24);

/// How far a release is, in this order; the production stages come again for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Stage {
    /// What an overtaken release left is cleared away.
    ReconcileService,
    /// Before the new tasks start.
    PreScaleUp,
    /// They start.
    ScaleUp,
    /// They have started.
    PostScaleUp,
    /// Tests come to them.
    TestTrafficShift,
    /// Tests have come to them.
    PostTestTrafficShift,
    /// Before users come to them.
    PreProductionTrafficShift,
    /// Users come to them.
    ProductionTrafficShift,
    /// All users have come to them.
    PostProductionTrafficShift,
    /// The old tasks stay for a while.
    BakeTime,
    /// The old tasks go.
    CleanUp,
}

impl Stage {
    /// The word as the API model spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }
}

/// A release on its way, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// In which steps, with which waits.
    pub pace: Pace,
    /// The policy of the canary that steers it; none where time does.
    #[serde(default)]
    pub policy: Option<serde_json::Value>,
    /// The rules and groups that it moves weights between.
    pub lanes: Vec<Lane>,
    /// The deployment that served when it began; none for a service's first.
    pub serving: Option<String>,
    /// How far it is.
    pub stage: Stage,
    /// Since when.
    pub stage_at: Timestamp,
    /// How many thousandths of the users are to come to the new tasks.
    pub weight: u16,
    /// Since when they do, in the stage that shifts them.
    pub shifted_at: Option<Timestamp>,
    /// Whether tests are to come to the new tasks.
    pub test: bool,
    /// The hooks of all stages so far.
    pub hooks: Vec<Hook>,
    /// That and why it goes back, or was given up where it is.
    pub end: Option<End>,
}

/// In which steps a release moves users, and how long it waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// Thousandths, each more than the one before; the last is all.
    pub steps: Vec<u16>,
    /// The wait after each step but the last, in minutes.
    pub step_minutes: u32,
    /// How long the old tasks stay at the end, in minutes.
    pub bake_minutes: u32,
}

/// Two target groups and the rules that choose between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// The group of the tasks that serve.
    pub serving: String,
    /// The group of the new tasks.
    pub coming: String,
    /// The rule by which users come.
    pub production: String,
    /// The rule by which tests come, if there is one.
    pub test: Option<String>,
}

/// A hook at a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hook {
    /// Its id.
    pub id: String,
    /// The stage that waits for it.
    pub stage: Stage,
    /// Who is asked; somebody by hand if nobody.
    pub target: Option<String>,
    /// What is passed on to who is asked.
    pub details: Option<serde_json::Value>,
    /// How it goes.
    pub status: HookStatus,
    /// When it is no longer waited for.
    pub expires_at: Timestamp,
    /// What happens then.
    pub on_timeout: Action,
}

impl Hook {
    /// Whether it is still waited for.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status, HookStatus::AwaitingAction | HookStatus::InProgress)
    }
}

/// Why a release does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// For people.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// Whether it goes back; otherwise it stays where it is.
    pub back: bool,
}

/// What a release's planner sees beside its service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Whether the weights that are asked for are in force.
    pub in_force: bool,
    /// Why they can never be.
    pub trouble: Option<String>,
    /// What hooks answered, by id.
    pub answers: BTreeMap<String, HookStatus>,
    /// What its judge decided.
    pub steered: Steered,
}

/// What the judge of a release decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steered {
    /// The thousandths of users that are to come to the new tasks.
    pub weight: Option<u16>,
    /// Whether it goes on to its end.
    pub finish: bool,
    /// Why it is taken back, if it is.
    pub take_back: Option<String>,
}

/// Something that ends a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody asked for it.
    Asked,
    /// Too many tasks failed.
    Breaker,
    /// These alarms sound.
    Alarms(Vec<String>),
    /// Its judge found it worse, or could not tell.
    Judged(String),
    /// A hook said so, or was silent for too long.
    Hook(Stage),
    /// The load balancer can't be told.
    Traffic(String),
    /// The stage took too long.
    Slow(Stage),
}

impl Release {
    /// Whether all users have come to the new tasks for good.
    pub(crate) fn is_cleaning_up(&self) -> bool {
        self.stage == Stage::CleanUp && self.end.is_none()
    }

    /// Goes to `stage` at `now`; its hooks are those of `hooks` that `stage` has.
    pub(crate) fn enter(&mut self, stage: Stage, now: Timestamp, hooks: Vec<Hook>) {
        self.stage = stage;
        self.stage_at = now;
        self.hooks.extend(hooks);
        match stage {
            Stage::TestTrafficShift => self.test = true,
            // As far as its judge says, and he has said nothing yet.
            Stage::ProductionTrafficShift if self.policy.is_some() => self.shifted_at = None,
            Stage::ProductionTrafficShift => {
                let next = self.pace.steps.iter().copied().find(|step| *step > self.weight);
                self.weight = next.unwrap_or(WHOLE);
                self.shifted_at = None;
            }
            _ => {}
        }
    }
}

/// What a service should do at `now` whose latest deployment is `release`.
pub(super) fn plan(service: &View, release: &Release, now: Timestamp) -> Plan {
    let Some(latest) = service.deployments.first() else { return Plan::default() };
    let mut draft = Draft { service, release, latest, now, plan: Plan::default(), stopped: BTreeSet::new() };
    draft.prove();
    draft.hear();
    if let Some(step) = draft.trouble() {
        draft.plan.steps.push(step);
        return draft.plan;
    }
    draft.keep_fleets();
    match &release.end {
        None => draft.go_on(),
        Some(end) if end.back => draft.go_back(),
        Some(_) => {}
    }
    draft.plan.impaired = service.failed(latest) >= super::service::IMPAIRED_AFTER;
    draft.plan
}

struct Draft<'a> {
    service: &'a View,
    release: &'a Release,
    latest: &'a Deployment,
    now: Timestamp,
    plan: Plan,
    stopped: BTreeSet<&'a str>,
}

impl<'a> Draft<'a> {
    fn living<'b>(&'b self, deployment: &'b str) -> impl Iterator<Item = &'a Task> + use<'a, 'b> {
        let of = self.service.tasks.iter().filter(move |task| task.deployment == deployment && task.lives());
        of.filter(|task| !self.stopped.contains(task.id.as_str()))
    }

    fn fit(&self, deployment: &str) -> usize {
        self.living(deployment).filter(|task| task.is_fit()).count()
    }

    /// Whether the deployment has all its tasks, and all are fit.
    fn is_ready(&self, deployment: &str) -> bool {
        let (all, fit) = (self.living(deployment).count(), self.fit(deployment));
        all == self.service.desired && fit == all
    }

    fn others(&self) -> impl Iterator<Item = &'a Deployment> + use<'a> {
        let (release, latest) = (self.release, self.latest);
        let other = move |d: &&Deployment| d.id != latest.id && Some(&d.id) != release.serving.as_ref();
        self.service.deployments.iter().filter(other)
    }

    fn is_gone(&self, deployment: &str) -> bool {
        self.service.tasks.iter().filter(|task| task.deployment == deployment).all(Task::is_gone)
    }

    fn look_again(&mut self, wait: Duration) {
        self.plan.look_again = Some(self.plan.look_again.map_or(wait, |other| other.min(wait)));
    }

    /// Whether so many minutes have passed since then.
    fn has_passed(&mut self, since: Timestamp, minutes: u32) -> bool {
        let until = since.plus(Duration::from_mins(u64::from(minutes)));
        if until > self.now {
            self.look_again(until.since(self.now));
        }
        until <= self.now
    }

    /// A deployment whose task has been fit for long enough is forgiven its failures.
    fn prove(&mut self) {
        match verdict::proof(self.service, self.latest, self.now) {
            Some(Proof::Given) => self.plan.steps.push(Step::Prove(self.latest.id.clone())),
            Some(Proof::After(wait)) => self.look_again(wait),
            None => {}
        }
    }

    /// Takes note of what hooks answered, and of those that were waited for too long.
    fn hear(&mut self) {
        for hook in self.release.hooks.iter().filter(|hook| hook.is_open()) {
            let answer = self.service.surroundings.answers.get(&hook.id).copied();
            let answer = answer.filter(|answer| *answer != hook.status);
            if let Some(status) = answer {
                self.plan.steps.push(Step::Resolve(hook.id.clone(), status));
            } else if hook.expires_at <= self.now {
                self.plan.steps.push(Step::Resolve(hook.id.clone(), HookStatus::TimedOut));
            } else {
                self.look_again(hook.expires_at.since(self.now));
            }
        }
    }

    /// What ends the release, if anything does.
    fn trouble(&self) -> Option<Step> {
        if self.release.end.is_some() || self.release.stage == Stage::CleanUp {
            return None;
        }
        let (cause, back) = self.cause()?;
        let back = back && self.release.serving.is_some();
        Some(if back { Step::Return(cause) } else { Step::Halt(cause) })
    }

    /// Why the release must not go on, and whether it is to go back then.
    fn cause(&self) -> Option<(Cause, bool)> {
        let service = self.service;
        let forgiven = self.plan.steps.iter().any(|step| matches!(step, Step::Prove(_)));
        if let Some(end) = verdict::end(service, self.latest, forgiven) {
            return Some(end);
        }
        if let Some(reason) = &service.surroundings.steered.take_back {
            return Some((Cause::Judged(reason.clone()), true));
        }
        let failed = |hook: &&Hook| match hook.status {
            HookStatus::Failed => true,
            HookStatus::TimedOut => hook.on_timeout == Action::Rollback,
            _ => false,
        };
        if let Some(hook) = self.release.hooks.iter().find(failed) {
            return Some((Cause::Hook(hook.stage), true));
        }
        if let Some(trouble) = &service.surroundings.trouble {
            return Some((Cause::Traffic(trouble.clone()), true));
        }
        let waits = matches!(self.release.stage, Stage::ReconcileService | Stage::ScaleUp)
            || !self.service.surroundings.in_force;
        let slow = self.now.since(self.release.stage_at) >= STAGE_MAX;
        (waits && slow).then_some((Cause::Slow(self.release.stage), true))
    }

    /// Starts what each deployment lacks, stops what it has too many of.
    fn keep_fleets(&mut self) {
        for deployment in &self.service.deployments {
            if let Some(wanted) = self.wanted(deployment) {
                self.keep(deployment, wanted);
            }
        }
    }

    /// How many tasks a deployment should have; none if it is left as it is.
    fn wanted(&self, deployment: &Deployment) -> Option<usize> {
        let (release, desired) = (self.release, self.service.desired);
        if Some(&deployment.id) == release.serving.as_ref() {
            return Some(if release.stage == Stage::CleanUp { 0 } else { desired });
        }
        if deployment.id == self.latest.id {
            return match &release.end {
                Some(end) if !end.back => None,
                Some(_) if self.is_left() => Some(0),
                // What fails while it goes back is not started anew.
                Some(_) => None,
                None if release.stage < Stage::ScaleUp => Some(0),
                None => Some(desired),
            };
        }
        let overtaken = release.stage > Stage::ReconcileService || self.can_spare_overtaken();
        overtaken.then_some(0)
    }

    /// Whether what an overtaken release left is needed no more: users come to tasks that serve without it.
    fn can_spare_overtaken(&self) -> bool {
        let serving = self.release.serving.as_ref();
        self.service.surroundings.in_force && serving.is_none_or(|serving| self.fit(serving) >= self.service.desired)
    }

    /// Whether nobody comes to the new tasks any more.
    fn is_left(&self) -> bool {
        let surroundings = &self.service.surroundings;
        let told = surroundings.in_force || surroundings.trouble.is_some();
        self.release.weight == 0 && !self.release.test && told
    }

    fn keep(&mut self, deployment: &'a Deployment, wanted: usize) {
        let living: Vec<&'a Task> = self.living(&deployment.id).collect();
        let useful = living.iter().filter(|task| !matches!(task.life, Life::Ill | Life::Stillborn)).count();
        let lacking = wanted.saturating_sub(useful);
        if lacking > 0 {
            match backoff(self.service, deployment, self.now) {
                Some(wait) => self.look_again(wait),
                None => self.plan.steps.push(Step::Start(deployment.id.clone(), lacking)),
            }
        }
        let enough = self.fit(&deployment.id) >= wanted;
        let failing = |task: &&&Task| task.life == Life::Stillborn || (task.life == Life::Ill && enough && wanted > 0);
        for task in living.iter().filter(failing) {
            self.stop(task, Step::Discard(task.id.clone()));
        }
        let counts = |task: &Task| wanted == 0 || task.life != Life::Ill;
        let mut rest: Vec<&'a Task> = self.living(&deployment.id).filter(|task| counts(task)).collect();
        let surplus = rest.len().saturating_sub(wanted);
        rest.sort_by_key(|task| (task.is_fit(), std::cmp::Reverse(task.created_at)));
        for task in rest.into_iter().take(surplus) {
            self.stop(task, Step::Stop(task.id.clone()));
        }
    }

    fn stop(&mut self, task: &'a Task, step: Step) {
        self.stopped.insert(&task.id);
        self.plan.steps.push(step);
    }

    fn hooks_passed(&self) -> bool {
        let unheard = self.plan.steps.iter().any(|step| matches!(step, Step::Resolve(..)));
        !unheard && !self.release.hooks.iter().any(Hook::is_open)
    }

    /// To the next stage, if this one is done.
    fn go_on(&mut self) {
        let (release, in_force) = (self.release, self.service.surroundings.in_force);
        let green = self.latest.id.as_str();
        let next = match release.stage {
            Stage::ReconcileService => {
                let cleared = self.others().all(|other| self.is_gone(&other.id));
                (cleared && self.can_spare_overtaken()).then_some(Stage::PreScaleUp)
            }
            Stage::PreScaleUp => (in_force && self.service.has_seen_alarms()).then_some(Stage::ScaleUp),
            Stage::ScaleUp => self.is_ready(green).then_some(Stage::PostScaleUp),
            Stage::PostScaleUp => Some(Stage::TestTrafficShift),
            Stage::TestTrafficShift => in_force.then_some(Stage::PostTestTrafficShift),
            Stage::PostTestTrafficShift => Some(Stage::PreProductionTrafficShift),
            Stage::PreProductionTrafficShift => self.is_ready(green).then_some(Stage::ProductionTrafficShift),
            Stage::ProductionTrafficShift => self.after_shift(),
            Stage::PostProductionTrafficShift => Some(Stage::BakeTime),
            Stage::BakeTime => {
                let minutes = if release.serving.is_some() { release.pace.bake_minutes } else { 0 };
                self.has_passed(release.stage_at, minutes).then_some(Stage::CleanUp)
            }
            Stage::CleanUp => return self.finish(),
        };
        if let Some(next) = next.filter(|_| self.hooks_passed()) {
            self.plan.steps.push(Step::Enter(next));
        }
    }

    /// What follows a shift: the next one, after a wait, or the end of all of them.
    fn after_shift(&mut self) -> Option<Stage> {
        if self.release.policy.is_some() {
            return self.after_judgement();
        }
        let Some(since) = self.release.shifted_at else {
            if self.service.surroundings.in_force {
                self.plan.steps.push(Step::Shifted);
            }
            return None;
        };
        if self.release.weight >= WHOLE {
            return Some(Stage::PostProductionTrafficShift);
        }
        self.has_passed(since, self.release.pace.step_minutes).then_some(Stage::PreProductionTrafficShift)
    }

    /// What follows from what the judge decided, once it is in force.
    fn after_judgement(&mut self) -> Option<Stage> {
        let (release, surroundings) = (self.release, &self.service.surroundings);
        let wanted = surroundings.steered.weight.unwrap_or(release.weight);
        if wanted != release.weight {
            self.plan.steps.push(Step::Weigh(wanted));
            return None;
        }
        if surroundings.in_force && wanted > 0 && release.shifted_at.is_none() {
            self.plan.steps.push(Step::Shifted);
            return None;
        }
        let done = surroundings.steered.finish && surroundings.in_force && wanted >= WHOLE;
        done.then_some(Stage::PostProductionTrafficShift)
    }

    fn finish(&mut self) {
        let rest: Vec<&Deployment> = self.service.deployments.iter().skip(1).collect();
        if self.plan.steps.is_empty() && rest.iter().all(|other| self.is_gone(&other.id)) {
            self.plan.steps.extend(rest.iter().map(|other| Step::Retire(other.id.clone())));
            self.plan.steps.push(Step::Complete);
        }
    }

    /// Back to what served: first the users, then the tasks.
    fn go_back(&mut self) {
        let Some(serving) = &self.release.serving else { return };
        if self.release.weight > 0 || self.release.test {
            // Away from tasks that are well only to tasks of which at least one is.
            if self.fit(serving) > 0 || self.fit(&self.latest.id) == 0 {
                self.plan.steps.push(Step::Unshift);
            }
            return;
        }
        let gone = self.is_gone(&self.latest.id) && self.others().all(|other| self.is_gone(&other.id));
        if gone && self.is_left() && self.is_ready(serving) && self.plan.steps.is_empty() {
            self.plan.steps.push(Step::Restore);
        }
    }
}

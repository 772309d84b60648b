//! Which tasks a service starts and stops, and how its deployments go.
//!
//! A rolling update, in one look: start what the latest deployment lacks as far as `maximumPercent` leaves room, stop
//! what is old as far as those that are fit stay above `minimumHealthyPercent`. A task is *fit* once it runs and all
//! that checks it says so; a task that drains is neither fit nor counted.
//!
//! AWS stops old tasks as soon as the minimum allows it. Here a fit task is stopped only when there are enough others,
//! or when there is no room to start its successor otherwise: the same limits, and more tasks serve meanwhile. A task
//! that fell ill is replaced before it is stopped, so that a load balancer that sees everything ill loses nothing.
//!
//! Failures are not counted up but read off the tasks that failed since a deployment last had one that proved well, so
//! none is counted twice, whatever crashes.

use std::{collections::BTreeSet, time::Duration};

use api::ecs::DeploymentLifecycleHookStatus as HookStatus;
use names::Timestamp;

use super::{
    release::{self, Cause, Release, Stage, Surroundings},
    verdict::{self, Alarms, Proof},
};

/// The wait before a task is started anew after a first failure; doubles with each that follows.
const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_mins(1);
/// Failures in a row after which a service is said to be unable to start tasks.
pub(crate) const IMPAIRED_AFTER: usize = 3;
/// A circuit breaker's threshold that is a bounded percentage is in these bounds.
const BREAKER_BOUNDS: (usize, usize) = (3, 200);

/// A service as the planner sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// How many tasks there should be; zero when the service goes away.
    pub desired: usize,
    /// How many must stay fit, in percent of `desired`.
    pub minimum_percent: usize,
    /// How many there may be, in percent of `desired`.
    pub maximum_percent: usize,
    /// Whether a deployment that does not start is given up, and whether the one before is then taken up again.
    pub breaker: Option<Breaker>,
    /// The latest deployment first.
    pub deployments: Vec<Deployment>,
    /// All tasks of the service.
    pub tasks: Vec<Task>,
    /// Whether the service is to go away.
    pub deleted: bool,
    /// That somebody wants the latest deployment to be given up.
    pub order: Option<Order>,
    /// The latest deployment, if it shifts traffic.
    pub release: Option<Release>,
    /// What is seen beside tasks, for a release.
    pub surroundings: Surroundings,
    /// The alarms that are watched over the latest deployment, if there are any.
    pub alarms: Option<Alarms>,
}

/// Somebody's wish that a deployment be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Whether what was reached before is to be taken up again.
    pub back: bool,
}

/// What the circuit breaker may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Breaker {
    /// Take up again what was reached before.
    pub rollback: bool,
    /// How many failures are too many.
    pub threshold: Threshold,
    /// Whether a task that proved well clears the failures before.
    pub reset: bool,
}

/// How many failures are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threshold {
    /// So many.
    Count(usize),
    /// So many percent of the desired count, but in bounds.
    Bounded(usize),
    /// So many percent of the desired count.
    Unbounded(usize),
}

impl Default for Breaker {
    fn default() -> Self {
        Self { rollback: false, threshold: Threshold::Bounded(50), reset: true }
    }
}

/// A deployment as the planner sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deployment {
    /// Its id.
    pub id: String,
    /// How it goes.
    pub rollout: Rollout,
    /// When it last had a task that proved well.
    pub proven_at: Option<Timestamp>,
    /// Whether it is a way back; then it is never given up.
    pub rollback: bool,
    /// Whether there is another that could be gone back to.
    pub has_predecessor: bool,
    /// Since when it has all its tasks, if alarms are watched for a while from then on.
    pub reached_at: Option<Timestamp>,
}

/// How a deployment goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rollout {
    /// On its way.
    #[default]
    InProgress,
    /// Reached.
    Completed,
    /// Given up.
    Failed,
}

/// A task as the planner sees it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Its id.
    pub id: String,
    /// The deployment it belongs to.
    pub deployment: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// What it has come to.
    pub life: Life,
}

/// What a task has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It is meant to run, and not fit yet.
    Starting,
    /// It is fit, since then.
    Fit(Timestamp),
    /// It was fit and no longer is, though its grace is over.
    Ill,
    /// It never became fit, and a check says that it won't.
    Stillborn,
    /// It is on its way out.
    Leaving,
    /// It is on its way out without an order, or because it never became fit, since then.
    Failing(Timestamp),
    /// It is gone, by order.
    Gone,
    /// It is gone without an order, or because it never became fit.
    Failed(Timestamp),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start that many tasks of the deployment.
    Start(String, usize),
    /// Stop a task that is too many.
    Stop(String),
    /// Stop a task that is ill.
    Discard(String),
    /// The deployment had a task that proved well.
    Prove(String),
    /// The latest deployment has all its tasks, and alarms are watched for a while.
    Bake,
    /// The latest deployment is reached.
    Complete,
    /// Give the latest deployment up, and start nothing more of it.
    GiveUp(Cause),
    /// Give the latest deployment up and go back to the last that was reached.
    RollBack(Cause),
    /// A deployment has no task left; forget it.
    Retire(String),
    /// Nothing is left of a service that goes away.
    Finish,
    /// The release goes to this stage.
    Enter(Stage),
    /// So many thousandths of the users are to come to the new tasks.
    Weigh(u16),
    /// The weights that the release's stage asks for are in force.
    Shifted,
    /// The hook with this id has come to this.
    Resolve(String, HookStatus),
    /// The release goes back.
    Return(Cause),
    /// The release stays where it is, and nothing more of it is started.
    Halt(Cause),
    /// All users and tests go back to the tasks that served.
    Unshift,
    /// The release has gone back.
    Restore,
}

/// What to do, and when to look again if nothing happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// The time until something that no event tells.
    pub look_again: Option<Duration>,
    /// Whether all is as asked.
    pub steady: bool,
    /// Whether the latest deployment's tasks fail again and again.
    pub impaired: bool,
    /// Whether it wants to start and stop tasks, and the percentages allow neither.
    pub stuck: bool,
}

impl View {
    /// How many tasks must stay fit.
    pub(crate) fn minimum(&self) -> usize {
        (self.desired * self.minimum_percent).div_ceil(100)
    }

    /// How many tasks may live at the same time; at least one if any is wanted.
    pub(crate) fn maximum(&self) -> usize {
        (self.desired * self.maximum_percent / 100).max(self.desired.min(1))
    }

    /// How many failures make the circuit breaker act; at least one.
    pub(crate) fn breaker_threshold(&self) -> usize {
        let percent = |percent: usize| (self.desired * percent).div_ceil(100);
        let threshold = match self.breaker.unwrap_or_default().threshold {
            Threshold::Count(count) => count,
            Threshold::Bounded(of) => percent(of).clamp(BREAKER_BOUNDS.0, BREAKER_BOUNDS.1),
            Threshold::Unbounded(of) => percent(of),
        };
        threshold.max(1)
    }

    pub(super) fn of<'a>(&'a self, deployment: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| task.deployment == deployment)
    }

    /// When the tasks failed that count against a deployment.
    fn failures(&self, deployment: &Deployment) -> Vec<Timestamp> {
        let failed = self.of(&deployment.id).filter_map(|task| match task.life {
            Life::Failing(at) | Life::Failed(at) => Some(at),
            _ => None,
        });
        failed.filter(|at| deployment.proven_at.is_none_or(|proven| *at > proven)).collect()
    }

    /// How many failures count against a deployment.
    pub(crate) fn failed(&self, deployment: &Deployment) -> usize {
        self.failures(deployment).len()
    }
}

impl Task {
    pub(super) fn lives(&self) -> bool {
        matches!(self.life, Life::Starting | Life::Fit(_) | Life::Ill | Life::Stillborn)
    }

    pub(super) fn is_fit(&self) -> bool {
        matches!(self.life, Life::Fit(_))
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.life, Life::Gone | Life::Failed(_))
    }
}

/// What `service` should do at `now`.
pub(crate) fn plan(service: &View, now: Timestamp) -> Plan {
    if service.deleted {
        return take_down(service);
    }
    if let Some(release) = &service.release {
        return release::plan(service, release, now);
    }
    let Some(latest) = service.deployments.first() else { return Plan::default() };
    let mut draft = Draft::of(service, latest, now);
    draft.prove();
    if draft.break_circuit() {
        return draft.plan;
    }
    draft.start();
    draft.stop_failing();
    draft.stop_surplus();
    draft.stop_old();
    draft.retire();
    draft.conclude();
    draft.plan
}

/// How long to wait until the next start of a deployment's tasks, after failures.
pub(super) fn backoff(service: &View, deployment: &Deployment, now: Timestamp) -> Option<Duration> {
    let failures = service.failures(deployment);
    let last = failures.iter().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX);
    let wait = BACKOFF_INITIAL.saturating_mul(2_u32.saturating_pow(doublings)).min(BACKOFF_MAX);
    let until = last.plus(wait);
    (until > now).then(|| until.since(now))
}

/// A service that goes away stops all its tasks, each of which drains by itself.
fn take_down(service: &View) -> Plan {
    let mut steps: Vec<Step> = service.tasks.iter().filter(|t| t.lives()).map(|t| Step::Stop(t.id.clone())).collect();
    if service.tasks.iter().all(Task::is_gone) {
        steps.push(Step::Finish);
    }
    Plan { steps, ..Plan::default() }
}

/// A plan in the making: each of its parts sees what the parts before decided.
struct Draft<'a> {
    service: &'a View,
    latest: &'a Deployment,
    now: Timestamp,
    plan: Plan,
    /// Tasks that this plan stops.
    stopped: BTreeSet<&'a str>,
    /// Tasks that this plan starts.
    started: usize,
    /// Whether starting more was wanted, and only the maximum was in the way.
    no_room: bool,
}

impl<'a> Draft<'a> {
    fn of(service: &'a View, latest: &'a Deployment, now: Timestamp) -> Self {
        let stopped = BTreeSet::new();
        Self { service, latest, now, plan: Plan::default(), stopped, started: 0, no_room: false }
    }

    fn living(&self) -> impl Iterator<Item = &'a Task> + use<'a, '_> {
        self.service.tasks.iter().filter(|task| task.lives() && !self.stopped.contains(task.id.as_str()))
    }

    fn living_latest(&self) -> impl Iterator<Item = &'a Task> + use<'a, '_> {
        self.living().filter(|task| task.deployment == self.latest.id)
    }

    fn living_old(&self) -> impl Iterator<Item = &'a Task> + use<'a, '_> {
        self.living().filter(|task| task.deployment != self.latest.id)
    }

    fn fit(&self) -> usize {
        self.living().filter(|task| task.is_fit()).count()
    }

    fn stop(&mut self, task: &'a Task, step: Step) {
        self.stopped.insert(&task.id);
        self.plan.steps.push(step);
    }

    fn look_again(&mut self, wait: Duration) {
        self.plan.look_again = Some(self.plan.look_again.map_or(wait, |other| other.min(wait)));
    }

    /// A deployment whose task has been fit for long enough is forgiven its failures.
    fn prove(&mut self) {
        match verdict::proof(self.service, self.latest, self.now) {
            Some(Proof::Given) => self.plan.steps.push(Step::Prove(self.latest.id.clone())),
            Some(Proof::After(wait)) => self.look_again(wait),
            None => {}
        }
    }

    /// Gives the latest deployment up if somebody wants it, too many of its tasks failed or an alarm sounds. Nothing
    /// else is decided in the same look.
    fn break_circuit(&mut self) -> bool {
        if self.latest.rollback || self.latest.rollout != Rollout::InProgress {
            return false;
        }
        let forgiven = self.plan.steps.iter().any(|step| matches!(step, Step::Prove(_)));
        let Some((cause, back)) = verdict::end(self.service, self.latest, forgiven) else { return false };
        let back = back && self.latest.has_predecessor;
        self.plan.steps.push(if back { Step::RollBack(cause) } else { Step::GiveUp(cause) });
        true
    }

    /// Starts what the latest deployment lacks; a task that is ill is no task, but takes room.
    fn start(&mut self) {
        if self.latest.rollout == Rollout::Failed || !self.service.has_seen_alarms() {
            return;
        }
        let (living, latest) = (self.living().count(), self.living_latest());
        let useful = latest.filter(|task| !matches!(task.life, Life::Ill | Life::Stillborn)).count();
        let lacking = self.service.desired.saturating_sub(useful);
        let room = self.service.maximum().saturating_sub(living);
        self.no_room = lacking > 0 && room == 0;
        let count = lacking.min(room);
        if count == 0 {
            return;
        }
        if let Some(wait) = backoff(self.service, self.latest, self.now) {
            return self.look_again(wait);
        }
        self.started = count;
        self.plan.steps.push(Step::Start(self.latest.id.clone(), count));
    }

    /// Whether nothing can be started for lack of room, and nothing is on its way that would change that.
    fn is_blocked(&self) -> bool {
        self.no_room && !self.living_latest().any(|task| task.life == Life::Starting)
    }

    /// Stops what never became fit, and what fell ill once it is replaced or can't be for lack of room.
    fn stop_failing(&mut self) {
        let stillborn: Vec<&Task> = self.living().filter(|task| task.life == Life::Stillborn).collect();
        for task in stillborn {
            self.stop(task, Step::Discard(task.id.clone()));
        }
        let replaced = self.living_latest().filter(|task| task.is_fit()).count() >= self.service.desired;
        let ill: Vec<&Task> = self.living().filter(|task| task.life == Life::Ill).collect();
        if replaced {
            for task in ill {
                self.stop(task, Step::Discard(task.id.clone()));
            }
        } else if self.is_blocked()
            && let Some(task) = ill.first()
        {
            // One at a time: its room is taken by its successor before the next goes.
            self.stop(task, Step::Discard(task.id.clone()));
        }
    }

    /// Stops what the latest deployment has too many of: first what is not fit yet, then the youngest. What is ill
    /// does not count: it goes when it is replaced.
    fn stop_surplus(&mut self) {
        let mut living: Vec<&Task> = self.living_latest().filter(|task| task.life != Life::Ill).collect();
        let surplus = living.len().saturating_sub(self.service.desired);
        living.sort_by_key(|task| (task.is_fit(), std::cmp::Reverse(task.created_at)));
        for task in living.into_iter().take(surplus) {
            if !task.is_fit() || self.fit() > self.service.desired {
                self.stop(task, Step::Stop(task.id.clone()));
            }
        }
    }

    /// Stops old tasks: what is on its way up at once, what is fit as soon as it can be spared.
    fn stop_old(&mut self) {
        let mut old: Vec<&Task> = self.living_old().collect();
        old.sort_by_key(|task| (task.is_fit(), task.created_at));
        for task in &old {
            let spared = task.is_fit() && self.fit() > self.service.desired;
            if task.life == Life::Starting || spared {
                self.stop(task, Step::Stop(task.id.clone()));
            }
        }
        // Only when nothing else makes room do fit ones go that are still needed, down to the minimum.
        if !self.is_blocked() || !self.stopped.is_empty() {
            return;
        }
        for task in old.into_iter().filter(|task| task.is_fit()) {
            if self.fit() > self.service.minimum() {
                self.stop(task, Step::Stop(task.id.clone()));
            }
        }
    }

    /// Forgets deployments of which no task is left.
    fn retire(&mut self) {
        for deployment in self.service.deployments.iter().skip(1) {
            if self.service.of(&deployment.id).all(Task::is_gone) && !self.needed(deployment) {
                self.plan.steps.push(Step::Retire(deployment.id.clone()));
            }
        }
    }

    /// While the latest deployment could still be rolled back, what it replaces is not forgotten at once: a service
    /// with two deployments is not taken for a stable one.
    fn needed(&self, deployment: &Deployment) -> bool {
        let done = self.is_reached() && self.baked_after() == Some(Duration::ZERO);
        self.latest.rollout == Rollout::InProgress && deployment.rollout == Rollout::Completed && !done
    }

    /// How long alarms are still watched over a deployment that has all its tasks; none if that has not begun.
    fn baked_after(&self) -> Option<Duration> {
        let Some(alarms) = &self.service.alarms else { return Some(Duration::ZERO) };
        let until = self.latest.reached_at?.plus(alarms.bake);
        self.service.has_seen_alarms().then(|| until.since(self.now))
    }

    /// Whether the latest deployment has its tasks, all fit, and nothing old lives.
    fn is_reached(&self) -> bool {
        let (all, fit) = (self.living_latest().count(), self.living_latest().filter(|task| task.is_fit()).count());
        all == self.service.desired && fit == all && self.started == 0 && self.living_old().next().is_none()
    }

    fn conclude(&mut self) {
        let others_gone = self.service.deployments.iter().skip(1).all(|d| self.service.of(&d.id).all(Task::is_gone));
        let reached = self.is_reached() && others_gone && self.latest.rollout != Rollout::Failed;
        if reached && self.latest.rollout == Rollout::InProgress {
            match self.baked_after() {
                Some(Duration::ZERO) => self.plan.steps.push(Step::Complete),
                Some(wait) => self.look_again(wait),
                None if self.latest.reached_at.is_none() => self.plan.steps.push(Step::Bake),
                None => {}
            }
        }
        self.plan.steady = reached && self.stopped.is_empty();
        self.plan.impaired = self.service.failed(self.latest) >= IMPAIRED_AFTER;
        let leaving = self.service.tasks.iter().any(|task| matches!(task.life, Life::Leaving | Life::Failing(_)));
        self.plan.stuck = self.is_blocked() && self.stopped.is_empty() && !leaving;
    }
}

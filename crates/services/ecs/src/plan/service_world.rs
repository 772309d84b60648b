//! A world on paper in which a service's plans come true: tasks start when a plan says so, and become fit, ill or dead
//! when a test says so.

use std::time::Duration;

use names::Timestamp;

use super::{
    release::End,
    service::{Deployment, Life, Plan, Rollout, Step, Task, View, plan},
};

/// The world.
pub(super) struct World {
    pub(super) view: View,
    pub(super) now: Timestamp,
    completed: Option<Deployment>,
    next: usize,
}

impl World {
    pub(super) fn new(desired: usize, minimum_percent: usize, maximum_percent: usize) -> Self {
        let view = View { desired, minimum_percent, maximum_percent, ..View::default() };
        Self { view, now: Timestamp::from_millis(0), completed: None, next: 1 }
    }

    /// A new deployment is asked for.
    pub(super) fn deploy(&mut self, id: &str) {
        let has_predecessor = self.completed.is_some();
        let deployment = Deployment { id: id.to_owned(), has_predecessor, ..Deployment::default() };
        self.view.deployments.insert(0, deployment);
    }

    /// Time passes.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Plans, and lets the plan come true.
    pub(super) fn turn(&mut self) -> Plan {
        let plan = plan(&self.view, self.now);
        for step in &plan.steps {
            self.apply(step);
        }
        plan
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Start(deployment, count) => {
                for _ in 0..*count {
                    self.start(deployment);
                }
            }
            Step::Stop(id) => self.task(id).life = Life::Leaving,
            Step::Discard(id) => self.task(id).life = Life::Failed(self.now),
            Step::Prove(id) => {
                let now = self.now;
                if let Some(deployment) = self.view.deployments.iter_mut().find(|d| d.id == *id) {
                    deployment.proven_at = Some(now);
                }
            }
            Step::Complete => {
                self.view.release = None;
                self.view.deployments[0].rollout = Rollout::Completed;
                self.completed = Some(self.view.deployments[0].clone());
            }
            Step::Bake => self.view.deployments[0].reached_at = Some(self.now),
            Step::GiveUp(_) => self.view.deployments[0].rollout = Rollout::Failed,
            Step::RollBack(_) => self.roll_back(),
            Step::Retire(id) => self.view.deployments.retain(|d| d.id != *id),
            Step::Finish => self.view.tasks.clear(),
            step => self.apply_to_release(step),
        }
    }

    /// What was asked of the balancer is in force when the world next settles.
    fn apply_to_release(&mut self, step: &Step) {
        let now = self.now;
        let Some(release) = &mut self.view.release else { return };
        let before = (release.weight, release.test);
        match step {
            Step::Enter(stage) => release.enter(*stage, now, Vec::new()),
            Step::Shifted => release.shifted_at = Some(now),
            Step::Resolve(id, status) => {
                release.hooks.iter_mut().filter(|hook| hook.id == *id).for_each(|hook| hook.status = *status);
            }
            Step::Return(_) => release.end = Some(End { reason: String::new(), at: now, back: true }),
            Step::Halt(_) => {
                release.end = Some(End { reason: String::new(), at: now, back: false });
                self.view.deployments[0].rollout = Rollout::Failed;
            }
            Step::Weigh(weight) => (release.weight, release.shifted_at) = (*weight, None),
            Step::Unshift => (release.weight, release.test) = (0, false),
            Step::Restore => {
                let serving = release.serving.clone();
                self.view.release = None;
                self.view.order = None;
                self.view.deployments.retain(|deployment| Some(&deployment.id) == serving.as_ref());
                return;
            }
            _ => {}
        }
        if before != (release.weight, release.test) {
            self.view.surroundings.in_force = false;
        }
    }

    fn roll_back(&mut self) {
        self.view.deployments[0].rollout = Rollout::Failed;
        let completed = self.completed.clone().expect("it is rolled back only to what there was");
        self.view.deployments.retain(|deployment| deployment.id != completed.id);
        let back = Deployment { rollout: Rollout::InProgress, rollback: true, proven_at: Some(self.now), ..completed };
        self.view.deployments.insert(0, back);
    }

    fn start(&mut self, deployment: &str) {
        let id = format!("{deployment}{}", self.next);
        self.next += 1;
        let task = Task { id, deployment: deployment.to_owned(), created_at: self.now, life: Life::Starting };
        self.view.tasks.push(task);
    }

    pub(super) fn task(&mut self, id: &str) -> &mut Task {
        self.view.tasks.iter_mut().find(|task| task.id == id).unwrap()
    }

    /// Every task that is `from` becomes what `to` says.
    pub(super) fn all(&mut self, from: &Life, to: &Life) {
        for task in self.view.tasks.iter_mut().filter(|task| task.life == *from) {
            task.life = to.clone();
        }
    }

    /// What starts becomes fit, what leaves is gone.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        self.all(&Life::Starting, &Life::Fit(now));
        self.all(&Life::Leaving, &Life::Gone);
        self.view.surroundings.in_force = true;
    }

    pub(super) fn count(&self, which: impl Fn(&Task) -> bool) -> usize {
        self.view.tasks.iter().filter(|task| which(task)).count()
    }
}

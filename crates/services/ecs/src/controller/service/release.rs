//! The steps of a release, written down.

use std::time::Duration;

use api::ecs::{DeploymentLifecycleHookStatus as HookStatus, DeploymentRolloutState};

use super::apply::Application;
use crate::{
    plan::release::{Cause, End, Stage},
    release, words,
};

impl Application<'_, '_, '_> {
    /// To the next stage.
    pub(super) fn enter(&mut self, stage: Stage) {
        // By the configuration it began with: what was asked since is the next deployment's.
        let configuration = self.story.configuration().unwrap_or(&self.service.deployment);
        let hooks = release::hooks(configuration, stage, self.now, || self.ecs.ids.uuid());
        let now = self.now;
        let Some(release) = &mut self.observed.release else { return };
        release.enter(stage, now, hooks);
        self.wait = Some(Duration::ZERO);
    }

    /// So many thousandths of the users are to come to the new tasks.
    pub(super) fn weigh(&mut self, weight: u16) {
        let Some(release) = &mut self.observed.release else { return };
        (release.weight, release.shifted_at) = (weight, None);
    }

    /// The users have come where the weights say.
    pub(super) fn shifted(&mut self) {
        let Some(release) = &mut self.observed.release else { return };
        release.shifted_at = Some(self.now);
        let tenths = release.weight;
        if !release.lanes.is_empty() {
            self.tell(self.words().shifted(&words::percent(tenths)));
        }
        self.wait = Some(Duration::ZERO);
    }

    /// A hook has come to something.
    pub(super) fn resolve(&mut self, id: &str, status: HookStatus) {
        let Some(release) = &mut self.observed.release else { return };
        if let Some(hook) = release.hooks.iter_mut().find(|hook| hook.id == id) {
            hook.status = status;
        }
        self.wait = Some(Duration::ZERO);
    }

    /// The release goes back, from the next look on.
    pub(super) fn go_back(&mut self, cause: &Cause) {
        let Some(serving) = self.observed.release.as_ref().and_then(|release| release.serving.clone()) else { return };
        let reason = self.end_release(cause, true);
        if let Some(id) = self.observed.deployments.first().map(|d| d.revision.deployment.clone()) {
            self.change(&id, |deployment, _| deployment.reason.clone_from(&reason));
            self.tell(self.words().failed(&id, cause));
        }
        self.tell(self.words().rolling_back(&serving));
        self.story.going_back(&reason, &serving);
        self.wait = Some(Duration::ZERO);
    }

    /// The release stays where it is.
    pub(super) fn halt(&mut self, cause: &Cause) {
        let reason = self.end_release(cause, false);
        let Some(id) = self.observed.deployments.first().map(|d| d.revision.deployment.clone()) else { return };
        self.change(&id, |deployment, _| {
            deployment.rollout = DeploymentRolloutState::Failed;
            deployment.reason.clone_from(&reason);
        });
        self.tell(self.words().failed(&id, cause));
        self.story.stopped(&reason);
    }

    fn end_release(&mut self, cause: &Cause, back: bool) -> String {
        self.story.trip(cause);
        let reason = words::cause(cause);
        let end = End { reason: reason.clone(), at: self.now, back };
        if let Some(release) = &mut self.observed.release {
            release.end = Some(end);
        }
        reason
    }

    /// All users and tests are to go back.
    pub(super) fn unshift(&mut self) {
        let Some(release) = &mut self.observed.release else { return };
        release.weight = 0;
        release.test = false;
    }

    /// The release has gone back: what served is the latest deployment again.
    pub(super) fn restore(&mut self) {
        let Some(serving) = self.observed.release.take().and_then(|release| release.serving) else { return };
        self.observed.deployments.retain(|deployment| deployment.revision.deployment == serving);
        self.change(&serving, |deployment, _| {
            deployment.rollout = DeploymentRolloutState::Completed;
            deployment.reason = format!("ECS deployment {} completed.", deployment.revision.deployment);
        });
        self.observed.completed = self.observed.deployments.first().map(|deployment| deployment.revision.clone());
        self.tell(self.words().completed(&serving));
        self.story.completed();
        self.wait = Some(Duration::ZERO);
    }
}

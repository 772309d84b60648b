//! A plan written down: tasks to start and stop, deployments that change, and the events that tell of it.

use std::time::Duration;

use api::ecs::{DeploymentRolloutState, LaunchType, PropagateTags, TaskOverride, TaskStopCode};
use names::{Scope, Tags, Timestamp};
use store::Transaction;

use super::{super::Error, Member, history::Story};
use crate::{
    Ecs, Words, definition, placement,
    plan::{
        release::Cause,
        service::{Plan, Step},
    },
    refer::DefinitionReference,
    rows::{Deployment, Fitness, Membership, Service, ServiceObserved, Stop, Task, TaskDefinition},
    words,
};

/// How soon to try again when there was no room for a task.
const ROOM_POLL: Duration = Duration::from_secs(5);

/// One look at a service, on its way to the store.
pub(super) struct Application<'a, 'tx, 'c> {
    pub(super) ecs: &'a Ecs,
    pub(super) tx: &'a mut Transaction<'tx>,
    pub(super) scope: &'a Scope,
    pub(super) service: &'a Service,
    pub(super) observed: ServiceObserved,
    pub(super) story: Story,
    pub(super) members: &'c [Member],
    pub(super) now: Timestamp,
    /// When to look again, for reasons the plan does not know.
    pub(super) wait: Option<Duration>,
}

impl Application<'_, '_, '_> {
    pub(super) fn apply(&mut self, plan: &Plan) -> Result<(), Error> {
        let mut stopped = Vec::new();
        let mut trouble = None;
        for news in self.story.news() {
            self.tell(news);
        }
        for step in &plan.steps {
            match step {
                Step::Start(deployment, count) => trouble = self.start(deployment, *count)?.or(trouble),
                Step::Stop(task) => stopped.extend(self.stop(task)?),
                Step::Discard(task) => stopped.extend(self.discard(task)?),
                Step::Prove(deployment) => self.change(deployment, |d, now| d.proven_at = Some(now)),
                Step::Bake => self.bake(),
                Step::Complete => self.complete(),
                Step::GiveUp(cause) => self.give_up(cause),
                Step::RollBack(cause) => self.roll_back(cause),
                Step::Retire(id) => self.observed.deployments.retain(|d| d.revision.deployment != *id),
                Step::Finish => self.observed.inactive_at = Some(self.now),
                Step::Enter(stage) => self.enter(*stage),
                Step::Weigh(weight) => self.weigh(*weight),
                Step::Shifted => self.shifted(),
                Step::Resolve(hook, status) => self.resolve(hook, *status),
                Step::Return(cause) => self.go_back(cause),
                Step::Halt(cause) => self.halt(cause),
                Step::Unshift => self.unshift(),
                Step::Restore => self.restore(),
            }
        }
        if !stopped.is_empty() {
            self.tell(self.words().stopped(&stopped));
        }
        let impaired = plan.impaired.then(|| self.words().impaired());
        let stuck = plan.stuck.then(|| self.words().stuck());
        self.complain(trouble.or(impaired).or(stuck));
        if plan.steady && !self.observed.steady {
            self.tell(self.words().steady());
        }
        self.observed.steady = plan.steady;
        Ok(())
    }

    pub(super) fn words(&self) -> Words<'_> {
        Words(&self.service.name)
    }

    pub(super) fn tell(&mut self, message: String) {
        self.observed.tell(self.ecs.ids.uuid(), self.now, message);
    }

    /// Tells of trouble once, until it is another or over.
    fn complain(&mut self, trouble: Option<String>) {
        if let Some(message) = trouble.as_ref().filter(|_| self.observed.impaired != trouble) {
            self.tell(message.clone());
        }
        self.observed.impaired = trouble;
    }

    pub(super) fn change(&mut self, id: &str, how: impl FnOnce(&mut Deployment, Timestamp)) {
        let now = self.now;
        if let Some(deployment) = self.observed.deployments.iter_mut().find(|d| d.revision.deployment == id) {
            how(deployment, now);
            deployment.updated_at = now;
        }
    }

    /// Starts tasks as far as there is room; says what is in the way of the rest.
    fn start(&mut self, deployment: &str, count: usize) -> Result<Option<String>, Error> {
        let found = self.observed.deployments.iter().find(|d| d.revision.deployment == deployment);
        let Some(deployment) = found.cloned() else { return Ok(None) };
        let revision = &deployment.revision;
        let scope = self.scope.clone();
        let reference = DefinitionReference::parse(&scope, &revision.task_definition);
        let Some(row) = reference.map(|r| r.find(&*self.tx, &scope)).transpose()?.flatten() else {
            return Ok(Some(self.words().no_definition(&revision.task_definition)));
        };
        let (mut started, mut trouble) = (Vec::new(), None);
        for _ in 0..count {
            let mut task = self.draft(&deployment, &row);
            self.ecs.name_task(&mut task, &row, self.service.managed_tags);
            if let Err(lack) = placement::fits(self.tx, self.ecs.machine, &task)? {
                trouble = Some(self.words().no_room(&lack.to_string()));
                self.wait = Some(ROOM_POLL);
                break;
            }
            self.tx.put(&Task::key(&scope, &task.cluster, &task.id), &task)?;
            started.push(task.id);
        }
        if !started.is_empty() {
            self.tell(self.words().started(&started));
        }
        Ok(trouble)
    }

    fn draft(&self, deployment: &Deployment, row: &TaskDefinition) -> Task {
        let revision = &deployment.revision;
        let size = definition::size_of(&row.definition);
        let tags = match self.service.propagate_tags {
            PropagateTags::Service => self.service.tags.clone(),
            PropagateTags::TaskDefinition => row.tags.clone(),
            PropagateTags::None => Tags::new(),
        };
        let capacity_provider = revision.capacity_providers.first().map(|item| item.capacity_provider.clone());
        let fallback = if capacity_provider.is_some() { LaunchType::Fargate } else { LaunchType::Ec2 };
        Task {
            id: String::new(),
            cluster: self.service.cluster.clone(),
            family: row.definition.family.clone(),
            revision: row.revision,
            group: format!("service:{}", self.service.name),
            started_by: Some(revision.deployment.clone()),
            launch_type: revision.launch_type.unwrap_or(fallback),
            capacity_provider,
            platform_version: revision.platform_version.clone(),
            network: revision.network.clone(),
            overrides: TaskOverride::default(),
            cpu: size.cpu,
            memory: size.memory,
            membership: Some(Membership {
                service: self.service.name.clone(),
                deployment: revision.deployment.clone(),
                load_balancers: deployment.load_balancers().to_vec(),
                registries: revision.registries.clone(),
            }),
            containers: std::collections::BTreeMap::new(),
            tags,
            client_token: None,
            created_at: self.now,
            stop: None,
        }
    }

    /// Stops a task that is too many; says which, for the event.
    fn stop(&mut self, id: &str) -> Result<Option<String>, Error> {
        let by = self.observed.deployments.first().map_or("", |deployment| &deployment.revision.deployment);
        let reason = words::scaling(by);
        self.order(id, reason, false)
    }

    /// Stops a task that is not well, and tells why.
    fn discard(&mut self, id: &str) -> Result<Option<String>, Error> {
        let Some((_, _, observed)) = self.members.iter().find(|(_, task, _)| task.id == id) else { return Ok(None) };
        let reason = match &observed.fitness {
            Fitness::Unfit(reason) => reason.clone(),
            _ => words::FAILED_CONTAINER.to_owned(),
        };
        let sick = observed.targets.iter().find(|target| words::failed_target(&target.group) == reason);
        let message = match sick {
            Some(target) => {
                let why = target.description.as_deref().unwrap_or("Health checks failed");
                self.words().unhealthy_target(target.port, &target.group, why)
            }
            None => self.words().unhealthy_container(id),
        };
        self.tell(message);
        self.order(id, reason, true)
    }

    fn order(&mut self, id: &str, reason: String, failed: bool) -> Result<Option<String>, Error> {
        let Some((key, task, _)) = self.members.iter().find(|(_, task, _)| task.id == id) else { return Ok(None) };
        let stop = Stop { code: TaskStopCode::ServiceSchedulerInitiated, reason, at: self.now, failed };
        self.tx.put(key, &Task { stop: Some(stop), ..task.clone() })?;
        Ok(Some(id.to_owned()))
    }

    fn complete(&mut self) {
        let Some(first) = self.observed.deployments.first().map(|d| d.revision.clone()) else { return };
        self.change(&first.deployment, |deployment, _| {
            deployment.rollout = DeploymentRolloutState::Completed;
            deployment.reason = format!("ECS deployment {} completed.", deployment.revision.deployment);
        });
        self.tell(self.words().completed(&first.deployment));
        self.story.completed();
        if self.observed.release.take().is_some() {
            // From here on it is kept like any other.
            self.wait = Some(Duration::ZERO);
        }
        self.observed.completed = Some(first);
    }

    /// All is there; from now on alarms are watched for a while.
    fn bake(&mut self) {
        let Some(id) = self.observed.deployments.first().map(|d| d.revision.deployment.clone()) else { return };
        self.change(&id, |deployment, now| deployment.reached_at = Some(now));
        self.wait = Some(Duration::ZERO);
    }

    fn give_up(&mut self, cause: &Cause) {
        self.fail(cause);
        self.story.stopped(&words::cause(cause));
    }

    fn fail(&mut self, cause: &Cause) {
        let Some(id) = self.observed.deployments.first().map(|d| d.revision.deployment.clone()) else { return };
        self.change(&id, |deployment, _| {
            deployment.rollout = DeploymentRolloutState::Failed;
            deployment.reason = words::given_up(cause);
        });
        self.story.trip(cause);
        self.tell(self.words().failed(&id, cause));
    }

    /// The last revision that was reached becomes the one to reach again, under its old id, as on AWS.
    fn roll_back(&mut self, cause: &Cause) {
        let Some(back) = self.observed.completed.clone() else { return self.give_up(cause) };
        self.fail(cause);
        self.story.going_back(&words::cause(cause), &back.deployment);
        let resolved = self.observed.deployments.iter().find(|d| d.revision.deployment == back.deployment);
        let resolved = resolved.and_then(|deployment| deployment.resolved.clone());
        self.observed.deployments.retain(|deployment| deployment.revision.deployment != back.deployment);
        self.tell(self.words().rolling_back(&back.deployment));
        let reason = words::back(cause, &back.deployment);
        let deployment = Deployment {
            revision: back,
            rollout: DeploymentRolloutState::InProgress,
            reason,
            updated_at: self.now,
            proven_at: Some(self.now),
            rollback: true,
            resolved,
            reached_at: None,
        };
        self.observed.deployments.insert(0, deployment);
        // Looked at again at once: what goes back starts now.
        self.wait = Some(Duration::ZERO);
    }
}

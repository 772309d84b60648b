//! Services: how many tasks of which revision there should be, and how far that is true.

use std::collections::BTreeMap;

use api::ecs::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, DeploymentConfiguration, DeploymentLifecycleHookAction,
    DeploymentRolloutState, LaunchType, LoadBalancer, PropagateTags, ServiceRegistry, Steering,
    StopServiceDeploymentStopType,
};
use names::{Arn, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

use crate::plan::release::Release;

/// What was asked of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Service {
    /// Its cluster's name.
    pub cluster: String,
    /// Its own name.
    pub name: String,
    /// How many tasks it should have.
    pub desired_count: u32,
    /// What was last asked to be deployed.
    pub revision: Revision,
    /// How it changes from one revision to the next.
    pub deployment: DeploymentConfiguration,
    /// How long a new task's health checks don't count, in seconds.
    pub grace_seconds: Option<u32>,
    /// Its tags.
    pub tags: Tags,
    /// Whether its tasks are tagged with its name and its cluster's.
    pub managed_tags: bool,
    /// From where its tasks take over tags.
    pub propagate_tags: PropagateTags,
    /// The role by which load balancers were used before AWS had a role of its own for it.
    pub role: Option<String>,
    /// What the caller gave to make a repeated call the same call.
    pub client_token: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When its deletion was asked for.
    pub deleted_at: Option<Timestamp>,
    /// What was asked of the deployment of `revision` since.
    #[serde(default)]
    pub orders: Orders,
    /// Who decides how users come to the tasks of new deployments.
    #[serde(default)]
    pub steering: Steering,
}

/// What was asked of a deployment on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// That it be given up, and how.
    pub stop: Option<StopServiceDeploymentStopType>,
    /// What is to follow hooks, by their ids.
    pub answers: BTreeMap<String, DeploymentLifecycleHookAction>,
    /// The thousandths of users that its judge wants at the new tasks.
    #[serde(default)]
    pub weight: Option<u16>,
    /// Whether its judge lets it go on to its end.
    #[serde(default)]
    pub finish: bool,
    /// Why its judge takes it back, if he does.
    #[serde(default)]
    pub take_back: Option<String>,
}

impl Row for Service {
    const KIND: &'static str = "ecs/service";
}

impl Service {
    /// The key of a service.
    pub(crate) fn key(scope: &Scope, cluster: &str, name: &str) -> Key {
        Key::new(scope, format!("{cluster}/{name}"))
    }

    /// The ARN of a service.
    pub(crate) fn arn(scope: &Scope, cluster: &str, name: &str) -> String {
        Arn::new("ecs", scope, format!("service/{cluster}/{name}")).to_string()
    }
}

/// What a deployment deploys. A change of any of it is a new deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revision {
    /// The deployment's id, `ecs-svc/` and digits.
    pub deployment: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The ARN of the task definition.
    pub task_definition: String,
    /// On what its tasks run.
    pub launch_type: Option<LaunchType>,
    /// Capacity providers in place of a launch type.
    pub capacity_providers: Vec<CapacityProviderStrategyItem>,
    /// The Fargate platform's version that was asked for.
    pub platform_version: Option<String>,
    /// Where its tasks get their addresses.
    pub network: AwsVpcConfiguration,
    /// Target groups to register its tasks to.
    pub load_balancers: Vec<LoadBalancer>,
    /// Cloud Map services to register its tasks to.
    pub registries: Vec<ServiceRegistry>,
}

impl Revision {
    /// The digits that its deployment, service deployment and service revision share.
    pub(crate) fn digits(&self) -> &str {
        digits(&self.deployment)
    }
}

/// The digits of a deployment's id.
pub(crate) fn digits(deployment: &str) -> &str {
    deployment.rsplit('/').next().unwrap_or_default()
}

/// How far a service has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceObserved {
    /// The deployments that have, or should have, tasks: the one to reach first, those being replaced after it.
    pub deployments: Vec<Deployment>,
    /// The id of the last deployment that was taken up because it was asked for. When what is asked has another id,
    /// something new was asked.
    pub taken_up: String,
    /// The last revision that was reached; the circuit breaker goes back to it.
    pub completed: Option<Revision>,
    /// The latest deployment's way, if it shifts traffic and is not at its end.
    #[serde(default)]
    pub release: Option<Release>,
    /// Whether all is as asked, and was said to be so.
    pub steady: bool,
    /// Whether it was said that tasks fail to start, or find no room.
    pub impaired: Option<String>,
    /// Its story, the newest first.
    pub events: Vec<Event>,
    /// When the last task of a deleted service had stopped.
    pub inactive_at: Option<Timestamp>,
}

impl Row for ServiceObserved {
    const KIND: &'static str = "ecs/service.observed";
}

/// How many events a service keeps, as on AWS.
const EVENTS_MAX: usize = 100;

impl ServiceObserved {
    /// Adds a line to the story.
    pub(crate) fn tell(&mut self, id: String, at: Timestamp, message: String) {
        self.events.insert(0, Event { id, at, message });
        self.events.truncate(EVENTS_MAX);
    }
}

/// A deployment as it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    /// What it deploys.
    pub revision: Revision,
    /// How it goes.
    pub rollout: DeploymentRolloutState,
    /// Why it is so.
    pub reason: String,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it last had a task that proved well; only failures after that count.
    pub proven_at: Option<Timestamp>,
    /// Whether it is a way back that the circuit breaker took.
    pub rollback: bool,
    /// The target groups its tasks really register to; those of the revision if absent.
    #[serde(default)]
    pub resolved: Option<Vec<LoadBalancer>>,
    /// Since when it has all its tasks, if alarms are watched for a while from then on.
    #[serde(default)]
    pub reached_at: Option<Timestamp>,
}

impl Deployment {
    /// The target groups its tasks register to.
    pub(crate) fn load_balancers(&self) -> &[LoadBalancer] {
        self.resolved.as_deref().unwrap_or(&self.revision.load_balancers)
    }
}

/// A line of a service's story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// A UUID.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub message: String,
}

impl ServiceObserved {
    /// Takes up what was asked, if it is new: a deployment of its own, before those it replaces.
    ///
    /// Says whether there was anything new.
    pub(crate) fn take_up(&mut self, service: &Service, now: Timestamp) -> bool {
        let revision = &service.revision;
        if self.taken_up == revision.deployment {
            return false;
        }
        self.taken_up.clone_from(&revision.deployment);
        let reason = format!("ECS deployment {} in progress.", revision.deployment);
        let serving = self.serving().cloned();
        let id = |deployment: &Deployment| deployment.revision.deployment.clone();
        let overtaken = self.deployments.iter().any(|d| serving.as_ref().map(id) != Some(id(d)));
        let (resolved, release) = crate::release::begin(service, serving.as_ref(), overtaken, now);
        self.release = release;
        self.deployments.insert(
            0,
            Deployment {
                revision: revision.clone(),
                rollout: DeploymentRolloutState::InProgress,
                reason,
                updated_at: now,
                proven_at: None,
                rollback: false,
                resolved,
                reached_at: None,
            },
        );
        self.steady = false;
        self.impaired = None;
        true
    }

    /// The deployment to whose tasks users come, before anything new is taken up.
    pub(crate) fn serving(&self) -> Option<&Deployment> {
        let by_id = |id: &String| self.deployments.iter().find(|deployment| deployment.revision.deployment == *id);
        if let Some(release) = &self.release {
            if release.is_cleaning_up() {
                return self.deployments.first();
            }
            return release.serving.as_ref().and_then(by_id);
        }
        let completed = self.completed.as_ref().and_then(|revision| by_id(&revision.deployment));
        completed.or_else(|| self.deployments.first())
    }
}

//! What is kept of a service's deployments and revisions after they are over, and what was done for one on its way.

use std::collections::BTreeMap;

use api::ecs::{
    DeploymentConfiguration, DeploymentLifecycleHookStatus, LoadBalancer, ServiceDeploymentRollbackMonitorsStatus,
    ServiceDeploymentStatus,
};
use names::{Arn, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Row};

use super::{Revision, Service};
use crate::plan::release::{Hook, Release, Stage};

/// A service deployment, from its beginning to its end. Its key is its service's and the digits of its revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceDeployment {
    /// Its cluster's name.
    pub cluster: String,
    /// Its service's name.
    pub service: String,
    /// The digits of the revision it leads to, and of itself.
    pub id: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was taken up.
    pub started_at: Option<Timestamp>,
    /// When it had ended.
    pub finished_at: Option<Timestamp>,
    /// When it was given up.
    pub stopped_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The digits of the revisions it leads away from.
    pub sources: Vec<String>,
    /// How it goes.
    pub status: ServiceDeploymentStatus,
    /// Why it is so.
    pub reason: Option<String>,
    /// How far it is.
    pub stage: Option<Stage>,
    /// How its hooks go.
    pub hooks: Vec<Hook>,
    /// The thousandths of users that are to come to it, if it shifts any, and whether tests are.
    pub traffic: Option<(u16, bool)>,
    /// The digits of the revision to which users came before.
    pub serving: Option<String>,
    /// How its service was to change when it began.
    pub configuration: DeploymentConfiguration,
    /// The way back.
    pub rollback: Option<Rollback>,
    /// What the circuit breaker saw.
    pub breaker: Breaker,
    /// What was seen of its alarms, if it is to be watched by any.
    #[serde(default)]
    pub alarms: Option<AlarmsSeen>,
}

/// A way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rollback {
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// The digits of the revision it leads to.
    pub to: String,
}

/// What a circuit breaker saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Breaker {
    /// What it does.
    pub status: ServiceDeploymentRollbackMonitorsStatus,
    /// Failures that count.
    pub failures: usize,
    /// How many are too many.
    pub threshold: usize,
}

/// What was seen of a deployment's alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlarmsSeen {
    /// Whether they are watched.
    pub status: ServiceDeploymentRollbackMonitorsStatus,
    /// All of them.
    pub names: Vec<String>,
    /// Those that ended the deployment.
    pub triggered: Vec<String>,
    /// Those that nobody has made.
    pub missing: Vec<String>,
}

impl Default for AlarmsSeen {
    fn default() -> Self {
        let status = ServiceDeploymentRollbackMonitorsStatus::Disabled;
        Self { status, names: Vec::new(), triggered: Vec::new(), missing: Vec::new() }
    }
}

impl Row for ServiceDeployment {
    const KIND: &'static str = "ecs/service-deployment";
}

impl ServiceDeployment {
    /// The deployment that `service` was asked for last, before anything was done for it.
    pub(crate) fn asked(service: &Service) -> Self {
        let revision = &service.revision;
        Self {
            cluster: service.cluster.clone(),
            service: service.name.clone(),
            id: revision.digits().to_owned(),
            created_at: revision.created_at,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: revision.created_at,
            sources: Vec::new(),
            status: ServiceDeploymentStatus::Pending,
            reason: None,
            stage: None,
            hooks: Vec::new(),
            traffic: None,
            serving: None,
            configuration: service.deployment.clone(),
            rollback: None,
            breaker: Breaker { status: ServiceDeploymentRollbackMonitorsStatus::Disabled, failures: 0, threshold: 0 },
            alarms: None,
        }
    }

    /// The key of a service deployment, or of a service revision.
    pub(crate) fn key(scope: &Scope, cluster: &str, service: &str, id: &str) -> Key {
        Key::new(scope, format!("{cluster}/{service}/{id}"))
    }

    /// The ARN of a service deployment.
    pub(crate) fn arn(scope: &Scope, cluster: &str, service: &str, id: &str) -> String {
        Arn::new("ecs", scope, format!("service-deployment/{cluster}/{service}/{id}")).to_string()
    }

    /// Takes over how far `release` is.
    pub(crate) fn follow(&mut self, release: &Release) {
        self.stage = Some(release.stage);
        self.hooks.clone_from(&release.hooks);
        self.traffic = (!release.lanes.is_empty()).then_some((release.weight, release.test));
        self.serving = release.serving.as_deref().map(|serving| super::digits(serving).to_owned());
    }

    /// Whether it was given up, or goes back.
    pub(crate) fn status_is_a_failure(&self) -> bool {
        use ServiceDeploymentStatus as S;
        !matches!(self.status, S::Pending | S::InProgress | S::Successful)
    }

    /// Whether it is on its way, back or forth.
    pub(crate) fn is_open(&self) -> bool {
        use ServiceDeploymentStatus as S;
        matches!(
            self.status,
            S::Pending | S::InProgress | S::StopRequested | S::RollbackRequested | S::RollbackInProgress
        )
    }
}

/// A service revision: what a service was asked to be. Its key is its service's and its digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceRevision {
    /// Its cluster's name.
    pub cluster: String,
    /// Its service's name.
    pub service: String,
    /// What was asked.
    pub revision: Revision,
    /// The target groups its tasks really register to.
    pub load_balancers: Vec<LoadBalancer>,
}

impl Row for ServiceRevision {
    const KIND: &'static str = "ecs/service-revision";
}

impl ServiceRevision {
    /// The ARN of a service revision.
    pub(crate) fn arn(scope: &Scope, cluster: &str, service: &str, id: &str) -> String {
        Arn::new("ecs", scope, format!("service-revision/{cluster}/{service}/{id}")).to_string()
    }
}

/// What load balancers were last told of a service's release. At its service's key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceTraffic {
    /// The deployment it was told for.
    pub deployment: String,
    /// The thousandths of users that come to its tasks.
    pub weight: u16,
    /// Whether tests do.
    pub test: bool,
    /// Why that could not be told and never can.
    pub trouble: Option<String>,
}

impl Row for ServiceTraffic {
    const KIND: &'static str = "ecs/service.traffic";
}

impl ServiceTraffic {
    /// Whether it is what `release` of `deployment` asks for.
    pub(crate) fn is_of(&self, deployment: &str, release: &Release) -> bool {
        self.deployment == deployment && (self.weight, self.test) == (release.weight, release.test)
    }
}

/// What hooks of a service's release answered. At its service's key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceHooks {
    /// By the hooks' ids.
    pub answers: BTreeMap<String, DeploymentLifecycleHookStatus>,
}

impl Row for ServiceHooks {
    const KIND: &'static str = "ecs/service.hooks";
}

/// What was seen of the alarms that a service's deployment is watched by. At its service's key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceAlarms {
    /// The deployment.
    pub deployment: String,
    /// Whether one sounded before it began, so that none is watched.
    pub ignored: bool,
    /// Those that sounded since.
    pub sounding: Vec<String>,
    /// Those that nobody has made.
    pub missing: Vec<String>,
    /// How long it takes until the slowest would sound, in seconds.
    pub bake_seconds: u64,
}

impl Row for ServiceAlarms {
    const KIND: &'static str = "ecs/service.alarms";
}

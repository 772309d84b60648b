//! The judgement controller: begins the canary of a release that is to be judged, once its tasks are well and users could
//! come to them. From then on the canary says by `SteerDeployment` how many come.

use std::sync::Arc;

use api::canary::{StartServiceCanary, StartServiceCanaryRequest};
use reconcile::{Controller, Next};
use store::{Key, Row};

use super::{Error, is_final};
use crate::{
    Ecs,
    plan::release::Stage,
    rows::{Deployment, Service, ServiceDeployment, ServiceObserved, ServiceTraffic},
};

/// Begins canaries.
pub(super) struct Judgement {
    ecs: Arc<Ecs>,
}

impl Judgement {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs }
    }
}

impl Controller for Judgement {
    type Error = Error;
    const NAME: &'static str = "ecs/judgement";

    fn watches(&self) -> &'static [&'static str] {
        &[ServiceObserved::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.ecs.store.list_all::<ServiceObserved>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let observed = self.ecs.store.get::<ServiceObserved>(key)?.unwrap_or_default();
        let Some(service) = self.ecs.store.get::<Service>(key)? else { return Ok(Next::Settled) };
        let (Some(release), Some(latest)) = (&observed.release, observed.deployments.first()) else {
            return Ok(Next::Settled);
        };
        let waits = release.stage == Stage::ProductionTrafficShift && release.end.is_none() && release.weight == 0;
        let Some(policy) = release.policy.clone().filter(|_| waits) else { return Ok(Next::Settled) };
        let serving = observed.deployments.iter().find(|d| Some(&d.revision.deployment) == release.serving.as_ref());
        let (baseline, canary) = names(serving, latest);
        let digits = latest.revision.digits();
        let request = StartServiceCanaryRequest {
            service_deployment_arn: ServiceDeployment::arn(&key.scope, &service.cluster, &service.name, digits),
            cluster: service.cluster.clone(),
            service: service.name.clone(),
            baseline,
            canary,
            policy,
            revision: latest.revision.deployment.clone(),
        };
        // Asked again, it is the same canary.
        match self.ecs.caller.call::<StartServiceCanary>(&key.scope, request).await {
            Ok(_) => Ok(Next::Settled),
            Err(fault) if is_final(&fault) => {
                let row = ServiceTraffic {
                    deployment: latest.revision.deployment.clone(),
                    weight: release.weight,
                    test: release.test,
                    trouble: Some(format!("the canary could not begin: {}", fault.message)),
                };
                self.ecs.store.write(|tx| tx.put(key, &row).map_err(Error::from))?;
                Ok(Next::Settled)
            }
            Err(fault) => Err(fault.into()),
        }
    }
}

/// What both versions are called: by their task definitions, or, where that is the same, by their deployments.
fn names(serving: Option<&Deployment>, latest: &Deployment) -> (String, String) {
    let definition = |deployment: &Deployment| {
        let arn = &deployment.revision.task_definition;
        arn.rsplit_once('/').map_or(arn.as_str(), |(_, name)| name).to_owned()
    };
    let (old, new) = (serving.map(definition).unwrap_or_default(), definition(latest));
    if old != new {
        return (old, new);
    }
    let old = serving.map(|deployment| deployment.revision.digits()).unwrap_or_default();
    (format!("{new} ({old})"), format!("{new} ({})", latest.revision.digits()))
}

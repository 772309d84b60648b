//! A task's places in target groups and Cloud Map: taken when it runs, watched, and given back before it ends.

use std::{collections::BTreeMap, time::Duration};

use api::{Fault, ecs::HealthStatus, elbv2, servicediscovery as cloud_map};
use reconcile::Next;

use super::{Error, fitness::fitness, is_final, sooner, task::Visit};
use crate::{
    Words,
    rows::{Fitness, Interface, Membership, RegistryInstance, Status, Target, TaskDefinition, TaskObserved},
    show,
};

/// What an instance is at first if somebody checks its health.
const INITIAL_HEALTH: &str = "AWS_INIT_HEALTH_STATUS";

impl Visit<'_> {
    /// Makes the task known wherever its service wants it known; then it runs.
    pub(super) async fn register(&self) -> Result<Next, Error> {
        let now = self.ecs.clock.now();
        let mut after = self.before.clone();
        let mut events = Vec::new();
        if let (Some(membership), Some(interface)) = (&self.task.membership, &self.before.interface) {
            match self.take_places(membership, interface, &mut after).await {
                Err(Error::Neighbour(fault)) if is_final(&fault) => {
                    return self.fail(format!("Task failed to register: {}", fault.message));
                }
                taken => taken?,
            }
            let words = Words(&membership.service);
            events.extend(after.targets.iter().map(|target| words.registered(&target.group)));
        }
        after.started_at.get_or_insert(now);
        self.go_on(after, Status::Running, &events)
    }

    async fn take_places(
        &self,
        membership: &Membership,
        interface: &Interface,
        after: &mut TaskObserved,
    ) -> Result<(), Error> {
        after.instances.clear();
        for registry in &membership.registries {
            let service = registry.registry_arn.clone().unwrap_or_default();
            let port = registry.port.or(registry.container_port);
            let healthy = self.register_instance(&service, membership, interface, port).await?;
            after.instances.push(RegistryInstance { service, registered: true, healthy });
        }
        after.targets.clear();
        for balancer in &membership.load_balancers {
            let group = balancer.target_group_arn.clone().unwrap_or_default();
            let port = balancer.container_port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
            let request = targets_request(&group, interface, port);
            self.ecs.caller.call::<elbv2::RegisterTargets>(&self.key.scope, request).await?;
            let health = Some("initial".to_owned());
            after.targets.push(Target { group, port, registered: true, health, description: None });
        }
        Ok(())
    }

    /// Registers the task with a Cloud Map service; answers what was said of its health, if the service takes such
    /// a word.
    async fn register_instance(
        &self,
        service: &str,
        membership: &Membership,
        interface: &Interface,
        port: Option<i32>,
    ) -> Result<Option<bool>, Error> {
        let request = cloud_map::GetServiceRequest { id: service.to_owned() };
        let found = self.ecs.caller.call::<cloud_map::GetService>(&self.key.scope, request).await?;
        let reported = found.service.is_some_and(|service| service.health_check_custom_config.is_some());
        let healthy = reported.then_some(self.containers_are_well()?);
        let mut attributes = self.attributes(membership, interface);
        attributes.extend(port.map(|port| ("AWS_INSTANCE_PORT".to_owned(), port.to_string())));
        let word = |healthy: bool| if healthy { "HEALTHY" } else { "UNHEALTHY" };
        attributes.extend(healthy.map(|healthy| (INITIAL_HEALTH.to_owned(), word(healthy).to_owned())));
        let request = cloud_map::RegisterInstanceRequest {
            service_id: service.to_owned(),
            instance_id: self.task.id.clone(),
            creator_request_id: None,
            attributes,
        };
        self.ecs.caller.call::<cloud_map::RegisterInstance>(&self.key.scope, request).await?;
        Ok(healthy)
    }

    /// What ECS tells Cloud Map of a task; App Mesh finds virtual nodes by some of it.
    fn attributes(&self, membership: &Membership, interface: &Interface) -> BTreeMap<String, String> {
        let pairs = [
            ("AVAILABILITY_ZONE", interface.zone.clone()),
            ("AWS_INSTANCE_IPV4", interface.address.to_string()),
            ("ECS_CLUSTER_NAME", self.task.cluster.clone()),
            ("ECS_SERVICE_NAME", membership.service.clone()),
            ("ECS_TASK_DEFINITION_FAMILY", self.task.family.clone()),
            ("REGION", self.key.scope.region.to_string()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether no health check of an essential container speaks against the task, nor has still to speak.
    fn containers_are_well(&self) -> Result<bool, Error> {
        let (has_checks, health) = self.health()?;
        Ok(!has_checks || health == HealthStatus::Healthy)
    }

    fn health(&self) -> Result<(bool, HealthStatus), Error> {
        let definition = self.definition()?;
        let containers = definition.map(|TaskDefinition { definition, .. }| definition.container_definitions);
        let containers = containers.unwrap_or_default();
        let has_checks = containers.iter().any(|c| c.essential != Some(false) && c.health_check.is_some());
        Ok((has_checks, show::health(&containers, self.runtime)))
    }

    /// Sees what load balancers say of a running task, tells Cloud Map how it is, and notes whether it is fit.
    pub(super) async fn observe(&self, wait: Option<Duration>) -> Result<Next, Error> {
        let mut after = self.before.clone();
        self.look_at_targets(&mut after).await?;
        self.report_health(&mut after).await?;
        let (has_checks, health) = self.health()?;
        let now = self.ecs.clock.now();
        let (fit, probation) = fitness(&after, has_checks, health, now);
        if fit == Fitness::Fit {
            after.first_fit_at.get_or_insert(now);
        }
        after.fitness = fit;
        self.note(after, &[])?;
        Ok(sooner(wait, probation).map_or(Next::Settled, Next::After))
    }

    async fn look_at_targets(&self, after: &mut TaskObserved) -> Result<(), Error> {
        let Some(interface) = &self.before.interface else { return Ok(()) };
        for target in &mut after.targets {
            let health = self.target_health(&target.group, interface, target.port).await?;
            target.description = health.as_ref().and_then(|health| health.description.clone());
            target.health = health.map(|health| health.state);
        }
        Ok(())
    }

    /// What a load balancer says of the task; nothing if the group or the target in it is gone.
    async fn target_health(
        &self,
        group: &str,
        interface: &Interface,
        port: u16,
    ) -> Result<Option<elbv2::TargetHealth>, Error> {
        let elbv2::TargetsRequest { target_group_arn, targets } = targets_request(group, interface, port);
        let request = elbv2::DescribeTargetHealthRequest { target_group_arn, targets };
        let found = self.ecs.caller.call::<elbv2::DescribeTargetHealth>(&self.key.scope, request).await;
        match found {
            Ok(response) => Ok(response.target_health_descriptions.into_iter().next().map(|known| known.target_health)),
            Err(fault) if is_gone(&fault) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Tells Cloud Map when the containers' health has changed, where it wants to know.
    async fn report_health(&self, after: &mut TaskObserved) -> Result<(), Error> {
        let well = self.containers_are_well()?;
        for instance in after.instances.iter_mut().filter(|i| i.registered && i.healthy == Some(!well)) {
            let request = cloud_map::UpdateInstanceCustomHealthStatusRequest {
                service_id: instance.service.clone(),
                instance_id: self.task.id.clone(),
                status: if well { "HEALTHY" } else { "UNHEALTHY" }.to_owned(),
            };
            let told = self.ecs.caller.call::<cloud_map::UpdateInstanceCustomHealthStatus>(&self.key.scope, request);
            match told.await {
                Err(fault) if !is_final(&fault) => return Err(fault.into()),
                // Who removed the instance or its service by hand wants to hear nothing of it.
                _ => instance.healthy = Some(well),
            }
        }
        Ok(())
    }

    /// Takes the task out of Cloud Map and its target groups; what it has begun it finishes.
    pub(super) async fn deregister(&self) -> Result<Next, Error> {
        let mut after = self.before.clone();
        let mut events = Vec::new();
        for instance in after.instances.iter_mut().filter(|instance| instance.registered) {
            self.deregister_instance(&instance.service).await?;
            instance.registered = false;
        }
        if let Some(interface) = &self.before.interface {
            for target in after.targets.iter_mut().filter(|target| target.registered) {
                let request = targets_request(&target.group, interface, target.port);
                let left = self.ecs.caller.call::<elbv2::DeregisterTargets>(&self.key.scope, request).await;
                let gone = matches!(&left, Err(fault) if is_gone(fault));
                if !gone {
                    left?;
                    events.extend(self.task.membership.iter().map(|m| Words(&m.service).deregistered(&target.group)));
                }
                target.registered = false;
                target.health = (!gone).then(|| "draining".to_owned());
            }
        }
        if let Some(membership) = self.task.membership.as_ref().filter(|_| !events.is_empty()) {
            events.push(Words(&membership.service).draining());
        }
        after.left_at = Some(self.ecs.clock.now());
        self.go_on(after, Status::Deactivating, &events)
    }

    async fn deregister_instance(&self, service: &str) -> Result<(), Error> {
        let request =
            cloud_map::DeregisterInstanceRequest { service_id: service.to_owned(), instance_id: self.task.id.clone() };
        match self.ecs.caller.call::<cloud_map::DeregisterInstance>(&self.key.scope, request).await {
            Err(fault) if !matches!(fault.code.as_str(), "InstanceNotFound" | "ServiceNotFound") => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// Sees whether the load balancers still have requests of the task's under way.
    pub(super) async fn await_drained(&self, wait: Duration) -> Result<Next, Error> {
        let mut after = self.before.clone();
        let Some(interface) = &self.before.interface else { return Ok(Next::After(wait)) };
        for target in &mut after.targets {
            let health = self.target_health(&target.group, interface, target.port).await?;
            target.health = health.map(|health| health.state).filter(|state| state == "draining");
        }
        let drained = after.targets.iter().all(|target| target.health.is_none());
        self.note(after, &[])?;
        Ok(Next::After(if drained { Duration::ZERO } else { wait }))
    }
}

fn targets_request(group: &str, interface: &Interface, port: u16) -> elbv2::TargetsRequest {
    let target =
        elbv2::TargetDescription { id: interface.address.to_string(), port: Some(port), availability_zone: None };
    elbv2::TargetsRequest { target_group_arn: group.to_owned(), targets: vec![target] }
}

/// Whether a load balancer says that the group, or the target in it, is not there.
fn is_gone(fault: &Fault) -> bool {
    matches!(fault.code.as_str(), "TargetGroupNotFound" | "InvalidTarget")
}

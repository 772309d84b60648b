//! What a service may be asked to be.

use api::ecs::{
    AwsVpcConfiguration, ContainerDefinition, CreateServiceRequest, DeploymentController, LaunchType, LoadBalancer,
    NetworkConfiguration, SchedulingStrategy, ServiceRegistry, Unsupported,
};

use super::{Context, refused};
use crate::{
    Error, refer,
    rows::{Revision, TaskDefinition},
};

/// The most tasks a service may have, as on AWS.
const DESIRED_MAX: i32 = 5000;
/// How many target groups a service may have, as on AWS.
const TARGET_GROUPS_MAX: usize = 5;
/// How many subnets or security groups a network configuration may name, as on AWS.
const SUBNETS_MAX: usize = 16;
const SECURITY_GROUPS_MAX: usize = 5;

/// Refuses what can't be honoured of a new service.
pub(super) fn create(request: &CreateServiceRequest) -> Result<(), Error> {
    refused::placement(&request.placement_constraints, &request.placement_strategy)?;
    refused::execute_command(request.enable_execute_command)?;
    refused::strategy(&request.capacity_provider_strategy, request.launch_type.is_some())?;
    controller(request.deployment_controller.as_ref())?;
    rebalancing(request.availability_zone_rebalancing.as_deref())?;
    if request.scheduling_strategy == Some(SchedulingStrategy::Daemon) {
        let reason = "it means one task on each instance, and there is one machine; use REPLICA";
        return Err(refused::unsupported("schedulingStrategy DAEMON", reason));
    }
    foreign(&[
        ("serviceConnectConfiguration", request.service_connect_configuration.as_ref()),
        ("volumeConfigurations", request.volume_configurations.as_ref()),
        ("vpcLatticeConfigurations", request.vpc_lattice_configurations.as_ref()),
        ("gatewayConnectors", request.gateway_connectors.as_ref()),
        ("monitoring", request.monitoring.as_ref()),
    ])
}

/// Refuses members that stand for other systems of AWS.
pub(super) fn foreign(members: &[(&str, Option<&Unsupported>)]) -> Result<(), Error> {
    for (member, value) in members {
        // Service Connect that is said to be off asks for nothing.
        let off = value.is_some_and(|value| value.0.get("enabled") == Some(&serde_json::Value::Bool(false)));
        if value.is_some_and(|value| !value.is_empty()) && !off {
            return Err(refused::unsupported(member, foreign_reason(member)));
        }
    }
    Ok(())
}

fn foreign_reason(member: &str) -> &'static str {
    match member {
        "serviceConnectConfiguration" => "there is no Service Connect; use Cloud Map or App Mesh",
        "volumeConfigurations" => "there is no EBS",
        "vpcLatticeConfigurations" => "there is no VPC Lattice; use a load balancer or App Mesh",
        "gatewayConnectors" => "there are no gateways; use a load balancer",
        _ => "there is no CloudWatch",
    }
}

/// Refuses deployment controllers that are not ECS's own.
pub(super) fn controller(controller: Option<&DeploymentController>) -> Result<(), Error> {
    match controller.map(|controller| controller.r#type.as_str()) {
        None | Some("ECS") => Ok(()),
        Some(kind) => Err(Error::Unsupported {
            member: format!("deploymentController.type {kind}"),
            reason: "ECS deploys by itself here; use ECS, whose strategies are ROLLING, BLUE_GREEN, LINEAR and CANARY",
        }),
    }
}

pub(super) fn rebalancing(value: Option<&str>) -> Result<(), Error> {
    match value {
        None | Some("" | "DISABLED" | "ENABLED") => Ok(()),
        Some(other) => Err(Error::InvalidParameter(format!("Invalid availabilityZoneRebalancing: {other}."))),
    }
}

/// What a new service first deploys.
pub(super) fn revision_of(cx: &Context, request: &CreateServiceRequest) -> Result<Revision, Error> {
    let reference = request.task_definition.as_deref().filter(|text| !text.is_empty());
    let reference = reference.ok_or_else(|| Error::InvalidParameter("TaskDefinition can not be blank.".to_owned()))?;
    let definition = refer::usable_definition(&cx.store, cx.scope(), reference)?;
    launch_type(&definition, request.launch_type, !request.capacity_provider_strategy.is_empty())?;
    platform_version(request.platform_version.as_deref())?;
    let revision = Revision {
        deployment: cx.deployment_id(),
        created_at: cx.clock.now(),
        task_definition: definition.arn(cx.scope()),
        launch_type: request.launch_type,
        capacity_providers: request.capacity_provider_strategy.clone(),
        platform_version: request.platform_version.clone(),
        network: network(request.network_configuration.as_ref())?,
        load_balancers: request.load_balancers.clone(),
        registries: request.service_registries.clone(),
    };
    fits(&revision, &definition)?;
    Ok(revision)
}

/// Whether the target groups and registries of `revision` name what its task definition has.
pub(super) fn fits(revision: &Revision, definition: &TaskDefinition) -> Result<(), Error> {
    let containers = &definition.definition.container_definitions;
    if revision.load_balancers.len() > TARGET_GROUPS_MAX {
        return Err(Error::InvalidParameter(format!("A service has at most {TARGET_GROUPS_MAX} target groups.")));
    }
    if revision.registries.len() > 1 {
        return Err(Error::InvalidParameter("A service has at most one service registry.".to_owned()));
    }
    revision.load_balancers.iter().try_for_each(|balancer| load_balancer(balancer, containers))?;
    revision.registries.iter().try_for_each(|registry| service_registry(registry, containers))
}

fn load_balancer(balancer: &LoadBalancer, containers: &[ContainerDefinition]) -> Result<(), Error> {
    if balancer.load_balancer_name.as_deref().is_some_and(|name| !name.is_empty()) {
        let reason = "it names a classic load balancer; use a target group";
        return Err(refused::unsupported("loadBalancers.loadBalancerName", reason));
    }
    if balancer.target_group_arn.as_deref().is_none_or(str::is_empty) {
        return Err(Error::InvalidParameter("targetGroupArn must be given for each load balancer.".to_owned()));
    }
    has_port(containers, balancer.container_name.as_deref(), balancer.container_port)
}

fn service_registry(registry: &ServiceRegistry, containers: &[ContainerDefinition]) -> Result<(), Error> {
    if registry.registry_arn.as_deref().is_none_or(str::is_empty) {
        return Err(Error::InvalidParameter("registryArn must be given for each service registry.".to_owned()));
    }
    match (&registry.container_name, registry.container_port) {
        (None, None) => Ok(()),
        // A name alone says which container is meant; in awsvpc mode all have the task's address.
        (Some(name), None) => has_container(containers, name).map(drop),
        (name, port) => has_port(containers, name.as_deref(), port),
    }
}

fn has_container<'a>(containers: &'a [ContainerDefinition], name: &str) -> Result<&'a ContainerDefinition, Error> {
    let found = containers.iter().find(|container| container.name.as_deref() == Some(name));
    found.ok_or_else(|| Error::InvalidParameter(format!("The container {name} does not exist in the task definition.")))
}

fn has_port(containers: &[ContainerDefinition], name: Option<&str>, port: Option<i32>) -> Result<(), Error> {
    let (Some(name), Some(port)) = (name, port) else {
        return Err(Error::InvalidParameter("containerName and containerPort must be given together.".to_owned()));
    };
    let container = has_container(containers, name)?;
    if container.port_mappings.iter().any(|mapping| mapping.container_port == Some(port)) {
        Ok(())
    } else {
        let text = format!("The container {name} did not have a container port {port} defined.");
        Err(Error::InvalidParameter(text))
    }
}

/// A launch type that the task definition was checked for.
pub(super) fn launch_type(
    definition: &TaskDefinition,
    launch_type: Option<LaunchType>,
    capacity_providers: bool,
) -> Result<(), Error> {
    match launch_type {
        Some(kind @ (LaunchType::External | LaunchType::ManagedInstances)) => Err(Error::Unsupported {
            member: format!("launchType {}", kind.as_str()),
            reason: "all tasks run on this machine; use FARGATE or EC2",
        }),
        Some(LaunchType::Fargate) => for_fargate(definition),
        _ if capacity_providers => for_fargate(definition),
        _ => Ok(()),
    }
}

fn for_fargate(definition: &TaskDefinition) -> Result<(), Error> {
    if definition.definition.requires_compatibilities.iter().any(|kind| kind == "FARGATE") {
        Ok(())
    } else {
        Err(Error::InvalidParameter("Task definition does not support launch_type FARGATE.".to_owned()))
    }
}

pub(super) fn platform_version(version: Option<&str>) -> Result<(), Error> {
    match version {
        None | Some("" | "LATEST" | "1.4.0" | "1.3.0") => Ok(()),
        Some(other) => Err(Error::PlatformUnknown(other.to_owned())),
    }
}

/// The network configuration that every `awsvpc` task needs.
pub(super) fn network(configuration: Option<&NetworkConfiguration>) -> Result<AwsVpcConfiguration, Error> {
    let network = configuration.and_then(|configuration| configuration.awsvpc_configuration.clone());
    let network = network.ok_or_else(|| {
        let text = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
        Error::InvalidParameter(text.to_owned())
    })?;
    if network.subnets.is_empty() {
        return Err(Error::InvalidParameter("subnets can not be empty.".to_owned()));
    }
    if network.subnets.len() > SUBNETS_MAX || network.security_groups.len() > SECURITY_GROUPS_MAX {
        let text = format!("At most {SUBNETS_MAX} subnets and {SECURITY_GROUPS_MAX} security groups can be named.");
        return Err(Error::InvalidParameter(text));
    }
    Ok(network)
}

/// A number of tasks.
pub(super) fn count(count: Option<i32>) -> Result<Option<u32>, Error> {
    match count {
        Some(count) if !(0..=DESIRED_MAX).contains(&count) => {
            Err(Error::InvalidParameter(format!("desiredCount must be between 0 and {DESIRED_MAX}, and not {count}.")))
        }
        count => Ok(count.and_then(|count| u32::try_from(count).ok())),
    }
}

/// A grace period in seconds.
pub(super) fn grace(seconds: Option<i32>) -> Result<Option<u32>, Error> {
    let wrong = |_| Error::InvalidParameter("healthCheckGracePeriodSeconds must not be negative.".to_owned());
    seconds.map(u32::try_from).transpose().map_err(wrong)
}

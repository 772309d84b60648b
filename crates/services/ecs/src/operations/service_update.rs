//! Updates of services: some only change how many tasks there are, others start a deployment.

use api::ecs::{DeploymentStrategy, UpdateServiceRequest, UpdateServiceResponse};

use super::{Context, neighbours, refused, service::active, service_checks, steering, strategy_checks};
use crate::{
    Error,
    read::Read,
    refer,
    rows::{Orders, Revision, Service},
    show,
};

pub(super) async fn update(cx: Context, request: UpdateServiceRequest) -> Result<UpdateServiceResponse, Error> {
    refuse(&request)?;
    let scope = cx.scope();
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    let (before, _) = active(&cx.store, scope, &cluster, &request.service)?;
    if let Some(revision) = next_revision(&cx, &cx.store, &before, &request)? {
        neighbours::check(&cx, &revision).await?;
    }
    let now = cx.clock.now();
    let shown = cx.store.write(|tx| {
        // Read anew: what others changed meanwhile stands.
        let (mut row, observed) = active(tx, scope, &cluster, &request.service)?;
        let strategy = row.deployment.strategy;
        change(&mut row, &request)?;
        if row.deployment.strategy != strategy && observed.as_ref().is_some_and(|o| o.release.is_some()) {
            // A rolling deployment knows nothing of weights that stand half-way.
            return Err(Error::InvalidParameter(
                "deploymentConfiguration.strategy can't be changed while a service deployment shifts traffic; stop it \
                 first."
                    .to_owned(),
            ));
        }
        if let Some(revision) = next_revision(&cx, &*tx, &row, &request)? {
            row.revision = revision;
            row.orders = Orders::default();
        }
        strategy_checks::fits(&row.deployment, &row.revision)?;
        steering::check(&row)?;
        tx.put(&Service::key(scope, &cluster, &row.name), &row)?;
        show::service(tx, scope, &row, observed, &["TAGS".to_owned()], now).map_err(Error::from)
    })?;
    Ok(UpdateServiceResponse { service: Some(shown) })
}

fn refuse(request: &UpdateServiceRequest) -> Result<(), Error> {
    refused::placement(&request.placement_constraints, &request.placement_strategy)?;
    refused::execute_command(request.enable_execute_command == Some(true))?;
    refused::strategy(&request.capacity_provider_strategy, false)?;
    service_checks::controller(request.deployment_controller.as_ref())?;
    service_checks::rebalancing(request.availability_zone_rebalancing.as_deref())?;
    service_checks::platform_version(request.platform_version.as_deref())?;
    service_checks::foreign(&[
        ("serviceConnectConfiguration", request.service_connect_configuration.as_ref()),
        ("volumeConfigurations", request.volume_configurations.as_ref()),
        ("vpcLatticeConfigurations", request.vpc_lattice_configurations.as_ref()),
        ("gatewayConnectors", request.gateway_connectors.as_ref()),
        ("monitoring", request.monitoring.as_ref()),
    ])
}

/// Changes that need no deployment.
fn change(row: &mut Service, request: &UpdateServiceRequest) -> Result<(), Error> {
    if let Some(count) = service_checks::count(request.desired_count)? {
        row.desired_count = count;
    }
    if let Some(configuration) = &request.deployment_configuration {
        let mut merged = configuration.clone();
        // What is not named stays as it is.
        merged.maximum_percent = merged.maximum_percent.or(row.deployment.maximum_percent);
        merged.minimum_healthy_percent = merged.minimum_healthy_percent.or(row.deployment.minimum_healthy_percent);
        merged.deployment_circuit_breaker =
            merged.deployment_circuit_breaker.or_else(|| row.deployment.deployment_circuit_breaker.clone());
        merged.strategy = merged.strategy.or(row.deployment.strategy);
        merged.alarms = merged.alarms.or_else(|| row.deployment.alarms.clone());
        if merged.strategy == row.deployment.strategy {
            let before = row.deployment.clone();
            // What baked under alarms alone does so no more when they are switched off.
            let watched = merged.alarms.as_ref().is_some_and(|alarms| alarms.enable);
            let bakes = watched || merged.strategy.is_some_and(|strategy| strategy != DeploymentStrategy::Rolling);
            merged.bake_time_in_minutes = merged.bake_time_in_minutes.or(before.bake_time_in_minutes.filter(|_| bakes));
            merged.lifecycle_hooks = merged.lifecycle_hooks.or(before.lifecycle_hooks);
            merged.linear_configuration = merged.linear_configuration.or(before.linear_configuration);
            merged.canary_configuration = merged.canary_configuration.or(before.canary_configuration);
        }
        row.deployment = strategy_checks::deployment(Some(merged))?;
    }
    if let Some(seconds) = service_checks::grace(request.health_check_grace_period_seconds)? {
        row.grace_seconds = Some(seconds);
    }
    row.managed_tags = request.enable_ecs_managed_tags.unwrap_or(row.managed_tags);
    row.propagate_tags = request.propagate_tags.unwrap_or(row.propagate_tags);
    Ok(())
}

/// What the request deploys, if it asks for anything but what was asked last, or is told to deploy all the same.
fn next_revision(
    cx: &Context,
    rows: &impl Read,
    row: &Service,
    request: &UpdateServiceRequest,
) -> Result<Option<Revision>, Error> {
    let mut next = row.revision.clone();
    let reference = request.task_definition.as_deref().unwrap_or(&row.revision.task_definition);
    // Deploying again what is deployed works with a definition that was deregistered meanwhile, as on AWS.
    let definition = if request.task_definition.is_some() {
        refer::usable_definition(rows, cx.scope(), reference)?
    } else {
        let parsed = refer::DefinitionReference::parse(cx.scope(), reference).ok_or(Error::TaskDefinitionNotFound)?;
        parsed.find(rows, cx.scope())?.ok_or(Error::TaskDefinitionNotFound)?
    };
    next.task_definition = definition.arn(cx.scope());
    if request.network_configuration.is_some() {
        next.network = service_checks::network(request.network_configuration.as_ref())?;
    }
    if !request.capacity_provider_strategy.is_empty() {
        next.capacity_providers.clone_from(&request.capacity_provider_strategy);
        next.launch_type = None;
    }
    if request.platform_version.is_some() {
        next.platform_version.clone_from(&request.platform_version);
    }
    if let Some(balancers) = &request.load_balancers {
        next.load_balancers.clone_from(balancers);
    }
    if let Some(registries) = &request.service_registries {
        next.registries.clone_from(registries);
    }
    if next == row.revision && !request.force_new_deployment {
        return Ok(None);
    }
    service_checks::launch_type(&definition, next.launch_type, !next.capacity_providers.is_empty())?;
    service_checks::fits(&next, &definition)?;
    next.deployment = cx.deployment_id();
    next.created_at = cx.clock.now();
    Ok(Some(next))
}

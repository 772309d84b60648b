//! The operations of ECS, in the order of the AWS reference.

mod cluster;
mod namespace;
mod neighbours;
mod refused;
mod service;
mod service_checks;
mod service_deployment;
mod service_update;
mod setting;
mod steering;
mod strategy_checks;
mod tag;
mod task;
mod task_checks;
mod task_definition;
mod waiting;

use api::ecs;
use wire::{Bound, bind};

use crate::Ecs;

pub(crate) use task_definition::remove_if_unused;

/// What an operation is given beside its request.
pub(crate) type Context = wire::Context<Ecs>;

/// The table.
pub(crate) fn operations() -> Vec<Bound<Ecs>> {
    vec![
        bind::<ecs::ContinueServiceDeployment, _, _, _, _>(service_deployment::go_on),
        bind::<ecs::CreateCluster, _, _, _, _>(cluster::create),
        bind::<ecs::CreateService, _, _, _, _>(service::create),
        bind::<ecs::DeleteAccountSetting, _, _, _, _>(setting::delete),
        bind::<ecs::DeleteCluster, _, _, _, _>(cluster::delete),
        bind::<ecs::DeleteService, _, _, _, _>(service::delete),
        bind::<ecs::DeleteTaskDefinitions, _, _, _, _>(task_definition::delete),
        bind::<ecs::DeregisterTaskDefinition, _, _, _, _>(task_definition::deregister),
        bind::<ecs::DescribeClusters, _, _, _, _>(cluster::describe),
        bind::<ecs::DescribeServiceDeployments, _, _, _, _>(service_deployment::describe),
        bind::<ecs::DescribeServiceRevisions, _, _, _, _>(service_deployment::describe_revisions),
        bind::<ecs::DescribeServices, _, _, _, _>(service::describe),
        bind::<ecs::DescribeSteering, _, _, _, _>(steering::describe),
        bind::<ecs::DescribeTaskDefinition, _, _, _, _>(task_definition::describe),
        bind::<ecs::DescribeTaskNamespaces, _, _, _, _>(namespace::describe),
        bind::<ecs::DescribeTasks, _, _, _, _>(task::describe),
        bind::<ecs::ExecuteCommand, _, _, _, _>(task::execute),
        bind::<ecs::ListAccountSettings, _, _, _, _>(setting::list),
        bind::<ecs::ListClusters, _, _, _, _>(cluster::list),
        bind::<ecs::ListServiceDeployments, _, _, _, _>(service_deployment::list),
        bind::<ecs::ListServices, _, _, _, _>(service::list),
        bind::<ecs::ListTagsForResource, _, _, _, _>(tag::list),
        bind::<ecs::ListTaskDefinitionFamilies, _, _, _, _>(task_definition::list_families),
        bind::<ecs::ListTaskDefinitions, _, _, _, _>(task_definition::list),
        bind::<ecs::ListTasks, _, _, _, _>(task::list),
        bind::<ecs::PutAccountSetting, _, _, _, _>(setting::put),
        bind::<ecs::PutAccountSettingDefault, _, _, _, _>(setting::put_default),
        bind::<ecs::PutClusterCapacityProviders, _, _, _, _>(cluster::put_capacity_providers),
        bind::<ecs::PutServiceSteering, _, _, _, _>(steering::put),
        bind::<ecs::RegisterTaskDefinition, _, _, _, _>(task_definition::register),
        bind::<ecs::RunTask, _, _, _, _>(task::run),
        bind::<ecs::SteerDeployment, _, _, _, _>(steering::steer),
        bind::<ecs::StopServiceDeployment, _, _, _, _>(service_deployment::stop),
        bind::<ecs::StopTask, _, _, _, _>(task::stop),
        bind::<ecs::TagResource, _, _, _, _>(tag::add),
        bind::<ecs::UntagResource, _, _, _, _>(tag::remove),
        bind::<ecs::UpdateCluster, _, _, _, _>(cluster::update),
        bind::<ecs::UpdateClusterSettings, _, _, _, _>(cluster::update_settings),
        bind::<ecs::UpdateService, _, _, _, _>(service_update::update),
    ]
}

/// How many things a page has when nothing is said, and at most.
const PAGE_MAX: i32 = 100;

/// The size of a page from `maxResults`.
pub(crate) fn page_size(max_results: Option<i32>, default: i32) -> Result<usize, crate::Error> {
    let size = max_results.unwrap_or(default);
    if (1..=PAGE_MAX).contains(&size) {
        Ok(usize::try_from(size).unwrap_or(1))
    } else {
        Err(crate::Error::InvalidParameter(format!("maxResults must be between 1 and {PAGE_MAX}.")))
    }
}

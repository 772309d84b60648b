//! Clusters.

use api::ecs::{
    ClusterSetting, CreateClusterRequest, CreateClusterResponse, DeleteClusterRequest, DeleteClusterResponse,
    DescribeClustersRequest, DescribeClustersResponse, Failure, ListClustersRequest, ListClustersResponse,
    PutClusterCapacityProvidersRequest, PutClusterCapacityProvidersResponse, UpdateClusterRequest,
    UpdateClusterResponse, UpdateClusterSettingsRequest, UpdateClusterSettingsResponse,
};
use names::Scope;

use super::{Context, page_size, refused};
use crate::{
    Error, refer,
    rows::Cluster,
    show::{self, Counts},
    tags,
};

/// The longest name of a cluster or service.
pub(super) const NAME_LENGTH_MAX: usize = 255;
/// Why encryption of what `ExecuteCommand` logs is refused.
const NO_EXECUTE: &str = "there is no Session Manager, and storage is the machine's own";
/// Why a namespace for Service Connect is refused.
const NO_CONNECT: &str = "there is no Service Connect; use Cloud Map or App Mesh";

pub(super) async fn create(cx: Context, request: CreateClusterRequest) -> Result<CreateClusterResponse, Error> {
    refused::members(&[
        ("configuration", request.configuration.as_ref(), NO_EXECUTE),
        ("serviceConnectDefaults", request.service_connect_defaults.as_ref(), NO_CONNECT),
    ])?;
    refused::capacity_providers(request.capacity_providers.iter().map(String::as_str))?;
    refused::strategy(&request.default_capacity_provider_strategy, false)?;
    let scope = cx.scope();
    let name = request.cluster_name.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    check_name("Cluster", &name)?;
    let mut row = Cluster {
        name: name.clone(),
        tags: tags::checked(&request.tags, tags::is_trusted(&cx))?,
        capacity_providers: request.capacity_providers,
        strategy: request.default_capacity_provider_strategy,
        ..Cluster::default()
    };
    set(&mut row, &request.settings)?;
    let key = Cluster::key(scope, &name);
    let (row, counts) = cx.store.write(|tx| {
        // Creating what exists answers with it, as on AWS.
        if let Some(existing) = tx.get::<Cluster>(&key)?.filter(Cluster::is_active) {
            return Ok::<_, Error>((existing, Counts::of(tx, scope, &name)?));
        }
        tx.put(&key, &row)?;
        Ok((row, Counts::default()))
    })?;
    Ok(CreateClusterResponse { cluster: Some(whole(scope, &row, counts)) })
}

pub(super) async fn describe(cx: Context, request: DescribeClustersRequest) -> Result<DescribeClustersResponse, Error> {
    let scope = cx.scope();
    let references = if request.clusters.is_empty() { vec!["default".to_owned()] } else { request.clusters };
    let mut response = DescribeClustersResponse::default();
    for reference in references {
        let name = refer::cluster_name(scope, Some(&reference))?;
        match cx.store.get::<Cluster>(&Cluster::key(scope, &name))? {
            Some(row) => {
                let counts = Counts::of(&cx.store, scope, &name)?;
                response.clusters.push(show::cluster(scope, &row, counts, &request.include));
            }
            None => response.failures.push(missing(Cluster::arn(scope, &name))),
        }
    }
    Ok(response)
}

pub(super) async fn list(cx: Context, request: ListClustersRequest) -> Result<ListClustersResponse, Error> {
    let scope = cx.scope();
    let rows = cx.store.list::<Cluster>(scope)?.into_iter().filter(|(_, row)| row.is_active());
    let arns: Vec<String> = rows.map(|(_, row)| Cluster::arn(scope, &row.name)).collect();
    let size = page_size(request.max_results, super::PAGE_MAX)?;
    let (cluster_arns, next_token) = wire::page(arns, Clone::clone, size, request.next_token.as_deref())?;
    Ok(ListClustersResponse { cluster_arns, next_token })
}

pub(super) async fn delete(cx: Context, request: DeleteClusterRequest) -> Result<DeleteClusterResponse, Error> {
    let scope = cx.scope();
    let row = cx.store.write(|tx| {
        let mut row = refer::active_cluster(tx, scope, Some(&request.cluster))?;
        let counts = Counts::of(tx, scope, &row.name)?;
        if counts.services_left > 0 {
            return Err(Error::ClusterContainsServices);
        }
        if counts.tasks_left > 0 {
            return Err(Error::ClusterContainsTasks);
        }
        row.deleted_at = Some(cx.clock.now());
        tx.put(&Cluster::key(scope, &row.name), &row)?;
        Ok::<_, Error>(row)
    })?;
    Ok(DeleteClusterResponse { cluster: Some(whole(scope, &row, Counts::default())) })
}

pub(super) async fn update(cx: Context, request: UpdateClusterRequest) -> Result<UpdateClusterResponse, Error> {
    refused::members(&[
        ("configuration", request.configuration.as_ref(), NO_EXECUTE),
        ("serviceConnectDefaults", request.service_connect_defaults.as_ref(), NO_CONNECT),
    ])?;
    let cluster = change(&cx, &request.cluster, |row| set(row, &request.settings))?;
    Ok(UpdateClusterResponse { cluster: Some(cluster) })
}

pub(super) async fn update_settings(
    cx: Context,
    request: UpdateClusterSettingsRequest,
) -> Result<UpdateClusterSettingsResponse, Error> {
    let cluster = change(&cx, &request.cluster, |row| set(row, &request.settings))?;
    Ok(UpdateClusterSettingsResponse { cluster: Some(cluster) })
}

pub(super) async fn put_capacity_providers(
    cx: Context,
    request: PutClusterCapacityProvidersRequest,
) -> Result<PutClusterCapacityProvidersResponse, Error> {
    refused::capacity_providers(request.capacity_providers.iter().map(String::as_str))?;
    refused::strategy(&request.default_capacity_provider_strategy, false)?;
    let cluster = change(&cx, &request.cluster, |row| {
        row.capacity_providers = request.capacity_providers;
        row.strategy = request.default_capacity_provider_strategy;
        Ok(())
    })?;
    Ok(PutClusterCapacityProvidersResponse { cluster: Some(cluster) })
}

/// Changes an active cluster in one transaction.
fn change(
    cx: &Context,
    reference: &str,
    how: impl FnOnce(&mut Cluster) -> Result<(), Error>,
) -> Result<api::ecs::Cluster, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let mut row = refer::active_cluster(tx, scope, Some(reference))?;
        how(&mut row)?;
        tx.put(&Cluster::key(scope, &row.name), &row)?;
        Ok(whole(scope, &row, Counts::of(tx, scope, &row.name)?))
    })
}

fn set(row: &mut Cluster, settings: &[ClusterSetting]) -> Result<(), Error> {
    for setting in settings {
        let (name, value) = (setting.name.as_deref().unwrap_or_default(), setting.value.as_deref().unwrap_or_default());
        if name != "containerInsights" || !["enabled", "enhanced", "disabled"].contains(&value) {
            return Err(Error::InvalidParameter(format!("The cluster setting {name} can't be {value:?}.")));
        }
        row.settings.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

/// A cluster with its tags and settings, as those who change it see it.
fn whole(scope: &Scope, row: &Cluster, counts: Counts) -> api::ecs::Cluster {
    show::cluster(scope, row, counts, &["TAGS", "SETTINGS"].map(str::to_owned))
}

/// The failure of a thing that is not there.
pub(super) fn missing(arn: String) -> Failure {
    Failure { arn: Some(arn), reason: Some("MISSING".to_owned()), detail: None }
}

/// Refuses a name that no cluster or service can have.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!(
        "{what} names may have up to {NAME_LENGTH_MAX} letters, numbers, hyphens and underscores: {name:?} has others."
    )))
}

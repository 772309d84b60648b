//! Services, but for updates.

use api::ecs::{
    CreateServiceRequest, CreateServiceResponse, DeleteServiceRequest, DeleteServiceResponse, DescribeServicesRequest,
    DescribeServicesResponse, LaunchType, ListServicesRequest, ListServicesResponse, SchedulingStrategy, Steering,
};
use names::Scope;

use super::{
    Context,
    cluster::{check_name, missing},
    neighbours, page_size, service_checks, strategy_checks,
    task_definition::principal,
    waiting,
};
use crate::{
    Error,
    read::Read,
    refer,
    rows::{Orders, Revision, Service, ServiceObserved},
    show, tags,
};

/// How many services one call may describe, as on AWS.
const DESCRIBED_MAX: usize = 10;
/// How many services a page lists when nothing is said, as on AWS.
const PAGE_DEFAULT: i32 = 10;

pub(super) async fn create(cx: Context, request: CreateServiceRequest) -> Result<CreateServiceResponse, Error> {
    service_checks::create(&request)?;
    check_name("Service", &request.service_name)?;
    let revision = service_checks::revision_of(&cx, &request)?;
    strategy_checks::fits(&strategy_checks::deployment(request.deployment_configuration.clone())?, &revision)?;
    neighbours::check(&cx, &revision).await?;
    let scope = cx.scope();
    let now = cx.clock.now();
    let shown = cx.store.write(|tx| {
        let cluster = refer::active_cluster(tx, scope, request.cluster.as_deref())?.name;
        let key = Service::key(scope, &cluster, &request.service_name);
        let row = service_of(&cx, &request, cluster, revision)?;
        let observed = tx.get::<ServiceObserved>(&key)?;
        if let Some(existing) = tx.get::<Service>(&key)? {
            match (existing.deleted_at, observed.as_ref().and_then(|observed| observed.inactive_at)) {
                (None, _) if is_same(&existing, &row) => {
                    return Ok(show::service(tx, scope, &existing, observed, &[], now)?);
                }
                (None, _) => return Err(Error::ServiceExists),
                (Some(_), None) => return Err(Error::ServiceDraining),
                // What is gone makes way, its story too.
                (Some(_), Some(_)) => drop(tx.delete::<ServiceObserved>(&key)?),
            }
        }
        tx.put(&key, &row)?;
        show::service(tx, scope, &row, None, &["TAGS".to_owned()], now).map_err(Error::from)
    })?;
    Ok(CreateServiceResponse { service: Some(shown) })
}

fn service_of(
    cx: &Context,
    request: &CreateServiceRequest,
    cluster: String,
    revision: Revision,
) -> Result<Service, Error> {
    let no_count =
        || Error::InvalidParameter("desiredCount must be given for the scheduling strategy REPLICA.".to_owned());
    Ok(Service {
        cluster,
        name: request.service_name.clone(),
        desired_count: service_checks::count(request.desired_count)?.ok_or_else(no_count)?,
        revision,
        deployment: strategy_checks::deployment(request.deployment_configuration.clone())?,
        grace_seconds: service_checks::grace(request.health_check_grace_period_seconds)?,
        tags: tags::checked(&request.tags, tags::is_trusted(cx))?,
        managed_tags: request.enable_ecs_managed_tags,
        propagate_tags: request.propagate_tags.unwrap_or(api::ecs::PropagateTags::None),
        role: request.role.clone(),
        client_token: request.client_token.clone(),
        created_at: cx.clock.now(),
        created_by: principal(cx.scope()),
        deleted_at: None,
        orders: Orders::default(),
        steering: Steering::default(),
    })
}

/// Whether a call to create `new` is the same as the one that created `old`.
fn is_same(old: &Service, new: &Service) -> bool {
    let same_token = old.client_token.is_some() && old.client_token == new.client_token;
    let (a, b) = (&old.revision, &new.revision);
    let same_revision = (&a.task_definition, &a.network, &a.load_balancers, &a.registries)
        == (&b.task_definition, &b.network, &b.load_balancers, &b.registries);
    same_token || (same_revision && old.desired_count == new.desired_count && old.client_token == new.client_token)
}

pub(super) async fn describe(cx: Context, request: DescribeServicesRequest) -> Result<DescribeServicesResponse, Error> {
    if request.services.is_empty() {
        return Err(Error::InvalidParameter("Services cannot be empty.".to_owned()));
    }
    if request.services.len() > DESCRIBED_MAX {
        return Err(Error::InvalidParameter(format!("At most {DESCRIBED_MAX} services can be described at once.")));
    }
    if !cx.call().waiter {
        return described(&cx, &request);
    }
    let done = |response: &DescribeServicesResponse| {
        !response.failures.is_empty() || response.services.iter().all(show::is_stable)
    };
    waiting::hold(&cx, || described(&cx, &request), done).await
}

fn described(cx: &Context, request: &DescribeServicesRequest) -> Result<DescribeServicesResponse, Error> {
    let scope = cx.scope();
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    let mut response = DescribeServicesResponse::default();
    for reference in &request.services {
        let row = match refer::service_name(scope, &cluster, reference) {
            Ok(name) => find(&cx.store, scope, &cluster, &name)?,
            Err(_) => None,
        };
        match row {
            Some((row, observed)) => {
                let shown = show::service(&cx.store, scope, &row, observed, &request.include, cx.clock.now())?;
                response.services.push(shown);
            }
            None if reference.starts_with("arn:") => response.failures.push(missing(reference.clone())),
            None => response.failures.push(missing(Service::arn(scope, &cluster, reference))),
        }
    }
    Ok(response)
}

/// A service and how far it has come.
fn find(
    rows: &impl Read,
    scope: &Scope,
    cluster: &str,
    name: &str,
) -> Result<Option<(Service, Option<ServiceObserved>)>, Error> {
    let key = Service::key(scope, cluster, name);
    let Some(row) = rows.row::<Service>(&key)? else { return Ok(None) };
    Ok(Some((row, rows.row::<ServiceObserved>(&key)?)))
}

/// The service that a call means to change.
pub(super) fn active(
    rows: &impl Read,
    scope: &Scope,
    cluster: &str,
    reference: &str,
) -> Result<(Service, Option<ServiceObserved>), Error> {
    let name = refer::service_name(scope, cluster, reference)?;
    let (row, observed) = find(rows, scope, cluster, &name)?.ok_or(Error::ServiceNotFound)?;
    if row.deleted_at.is_some() { Err(Error::ServiceNotActive) } else { Ok((row, observed)) }
}

pub(super) async fn list(cx: Context, request: ListServicesRequest) -> Result<ListServicesResponse, Error> {
    let scope = cx.scope();
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    let rows = cx.store.list_under::<Service>(scope, &format!("{cluster}/"))?.into_iter();
    let rows = rows.map(|(_, row)| row).filter(|row| {
        let launch_type = row.revision.launch_type.unwrap_or(LaunchType::Ec2);
        row.deleted_at.is_none() && request.launch_type.is_none_or(|wanted| wanted == launch_type)
    });
    let mut arns: Vec<String> = rows.map(|row| Service::arn(scope, &cluster, &row.name)).collect();
    let daemons = request.scheduling_strategy == Some(SchedulingStrategy::Daemon);
    if daemons || request.resource_management_type.as_deref().is_some_and(|kind| kind != "CUSTOMER") {
        arns.clear();
    }
    let size = page_size(request.max_results, PAGE_DEFAULT)?;
    let (service_arns, next_token) = wire::page(arns, Clone::clone, size, request.next_token.as_deref())?;
    Ok(ListServicesResponse { service_arns, next_token })
}

pub(super) async fn delete(cx: Context, request: DeleteServiceRequest) -> Result<DeleteServiceResponse, Error> {
    let scope = cx.scope();
    let now = cx.clock.now();
    let shown = cx.store.write(|tx| {
        let cluster = refer::active_cluster(tx, scope, request.cluster.as_deref())?.name;
        let name = refer::service_name(scope, &cluster, &request.service)?;
        let (mut row, observed) = find(tx, scope, &cluster, &name)?.ok_or(Error::ServiceNotFound)?;
        if observed.as_ref().is_some_and(|observed| observed.inactive_at.is_some()) {
            return Err(Error::ServiceNotFound);
        }
        if row.desired_count > 0 && request.force != Some(true) && row.deleted_at.is_none() {
            return Err(Error::ServiceScaled);
        }
        row.deleted_at.get_or_insert(now);
        tx.put(&Service::key(scope, &cluster, &name), &row)?;
        show::service(tx, scope, &row, observed, &[], now).map_err(Error::from)
    })?;
    Ok(DeleteServiceResponse { service: Some(shown) })
}

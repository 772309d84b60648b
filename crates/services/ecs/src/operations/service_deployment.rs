//! Service deployments and revisions: what is told of them, and what can be asked of one on its way.

use std::cmp::Reverse;

use api::ecs::{
    ContinueServiceDeploymentRequest, DeploymentLifecycleHookStatus, DescribeServiceDeploymentsRequest,
    DescribeServiceDeploymentsResponse, DescribeServiceRevisionsRequest, DescribeServiceRevisionsResponse,
    ListServiceDeploymentsRequest, ListServiceDeploymentsResponse, ServiceDeploymentArn, ServiceDeploymentStatus,
    StopServiceDeploymentRequest, StopServiceDeploymentStopType as StopType,
};
use names::Scope;
use store::Transaction;

use super::{Context, cluster::missing, page_size};
use crate::{
    Error,
    read::Read,
    refer,
    rows::{Service, ServiceDeployment, ServiceObserved, ServiceRevision},
    show,
};

/// How many service deployments or revisions one call may describe, as on AWS.
const DESCRIBED_MAX: usize = 20;
/// How many service deployments a page lists when nothing is said, as on AWS.
const PAGE_DEFAULT: i32 = 20;

pub(super) async fn describe(
    cx: Context,
    request: DescribeServiceDeploymentsRequest,
) -> Result<DescribeServiceDeploymentsResponse, Error> {
    check_count("serviceDeploymentArns", &request.service_deployment_arns)?;
    let scope = cx.scope();
    let mut response = DescribeServiceDeploymentsResponse::default();
    for arn in &request.service_deployment_arns {
        let (cluster, name, id) = refer::part_of_service(scope, "service-deployment", arn)?;
        let service = cx.store.row::<Service>(&Service::key(scope, &cluster, &name))?;
        match find(&cx.store, scope, &cluster, &name, &id, service.as_ref())? {
            Some(record) => {
                let shown = show::service_deployment(&cx.store, scope, &record, service.as_ref())?;
                response.service_deployments.push(shown);
            }
            None => response.failures.push(missing(arn.clone())),
        }
    }
    Ok(response)
}

fn check_count(member: &str, arns: &[String]) -> Result<(), Error> {
    if (1..=DESCRIBED_MAX).contains(&arns.len()) {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!("{member} must name 1 to {DESCRIBED_MAX}.")))
}

/// What is written of a service deployment; one that nothing was done for yet is as it was asked for.
fn find(
    rows: &impl Read,
    scope: &Scope,
    cluster: &str,
    name: &str,
    id: &str,
    service: Option<&Service>,
) -> Result<Option<ServiceDeployment>, Error> {
    let record = rows.row::<ServiceDeployment>(&ServiceDeployment::key(scope, cluster, name, id))?;
    Ok(record.or_else(|| service.filter(|service| service.revision.digits() == id).map(ServiceDeployment::asked)))
}

pub(super) async fn list(
    cx: Context,
    request: ListServiceDeploymentsRequest,
) -> Result<ListServiceDeploymentsResponse, Error> {
    let scope = cx.scope();
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    let name = refer::service_name(scope, &cluster, &request.service)?;
    let service = cx.store.row::<Service>(&Service::key(scope, &cluster, &name))?.ok_or(Error::ServiceNotFound)?;
    let rows = cx.store.rows_under::<ServiceDeployment>(scope, &format!("{cluster}/{name}/"))?;
    let mut records: Vec<ServiceDeployment> = rows.into_iter().map(|(_, record)| record).collect();
    if !records.iter().any(|record| record.id == service.revision.digits()) {
        records.push(ServiceDeployment::asked(&service));
    }
    let wanted = |record: &ServiceDeployment| {
        let within = request.created_at.as_ref().is_none_or(|when| {
            when.before.is_none_or(|before| record.created_at < before)
                && when.after.is_none_or(|after| record.created_at > after)
        });
        let status = show::service_deployment_status(record, Some(&service));
        within && (request.status.is_empty() || request.status.contains(&status))
    };
    let records: Vec<ServiceDeployment> = records.into_iter().filter(wanted).collect();
    let size = page_size(request.max_results, PAGE_DEFAULT)?;
    let newest_first = |record: &ServiceDeployment| Reverse((record.created_at.as_millis(), record.id.clone()));
    let (records, next_token) = wire::page(records, newest_first, size, request.next_token.as_deref())?;
    let service_deployments =
        records.iter().map(|record| show::service_deployment_brief(scope, record, Some(&service))).collect();
    Ok(ListServiceDeploymentsResponse { service_deployments, next_token })
}

pub(super) async fn describe_revisions(
    cx: Context,
    request: DescribeServiceRevisionsRequest,
) -> Result<DescribeServiceRevisionsResponse, Error> {
    check_count("serviceRevisionArns", &request.service_revision_arns)?;
    let scope = cx.scope();
    let mut response = DescribeServiceRevisionsResponse::default();
    for arn in &request.service_revision_arns {
        let (cluster, name, id) = refer::part_of_service(scope, "service-revision", arn)?;
        let row = cx.store.row::<ServiceRevision>(&ServiceDeployment::key(scope, &cluster, &name, &id))?;
        match row {
            Some(row) => response.service_revisions.push(show::service_revision(&cx.store, scope, &row)?),
            None => response.failures.push(missing(arn.clone())),
        }
    }
    Ok(response)
}

pub(super) async fn stop(cx: Context, request: StopServiceDeploymentRequest) -> Result<ServiceDeploymentArn, Error> {
    let scope = cx.scope();
    let stop = request.stop_type.unwrap_or_default();
    cx.store.write(|tx| {
        let (mut service, observed) = on_its_way(tx, scope, &request.service_deployment_arn)?;
        if observed.release.as_ref().is_some_and(|release| release.is_cleaning_up() || release.end.is_some()) {
            return Err(Error::DeploymentNotInProgress);
        }
        if stop == StopType::Rollback && !has_way_back(&service, &observed) {
            return Err(Error::NothingToRollBackTo);
        }
        service.orders.stop = Some(stop);
        tx.put(&Service::key(scope, &service.cluster, &service.name), &service)?;
        Ok(())
    })?;
    Ok(ServiceDeploymentArn { service_deployment_arn: Some(request.service_deployment_arn) })
}

/// Whether there is a revision that can be gone back to.
fn has_way_back(service: &Service, observed: &ServiceObserved) -> bool {
    let latest = &service.revision.deployment;
    match &observed.release {
        Some(release) if observed.taken_up == *latest => release.serving.is_some(),
        _ => observed.completed.as_ref().is_some_and(|completed| completed.deployment != *latest),
    }
}

/// The service, and how far it is, whose deployment `arn` is and is on its way.
pub(super) fn on_its_way(tx: &Transaction<'_>, scope: &Scope, arn: &str) -> Result<(Service, ServiceObserved), Error> {
    let (cluster, name, id) = refer::part_of_service(scope, "service-deployment", arn)?;
    let key = Service::key(scope, &cluster, &name);
    let service = tx.get::<Service>(&key)?.ok_or(Error::ServiceDeploymentNotFound)?;
    let record = find(tx, scope, &cluster, &name, &id, Some(&service))?.ok_or(Error::ServiceDeploymentNotFound)?;
    let goes = matches!(record.status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress);
    if !goes || service.revision.digits() != id || service.deleted_at.is_some() {
        return Err(Error::DeploymentNotInProgress);
    }
    Ok((service, tx.get::<ServiceObserved>(&key)?.unwrap_or_default()))
}

pub(super) async fn go_on(
    cx: Context,
    request: ContinueServiceDeploymentRequest,
) -> Result<ServiceDeploymentArn, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let (mut service, observed) = match on_its_way(tx, scope, &request.service_deployment_arn) {
            // A conflict is none of the answers that this operation has.
            Err(Error::DeploymentNotInProgress) => {
                return Err(Error::InvalidParameter("The service deployment is not in progress.".to_owned()));
            }
            found => found?,
        };
        let hooks = observed.release.iter().flat_map(|release| &release.hooks);
        let waits = |status| status == DeploymentLifecycleHookStatus::AwaitingAction;
        if !hooks.into_iter().any(|hook| hook.id == request.hook_id && waits(hook.status)) {
            let text = format!("The service deployment does not wait at a lifecycle hook {}.", request.hook_id);
            return Err(Error::InvalidParameter(text));
        }
        service.orders.answers.insert(request.hook_id.clone(), request.action.unwrap_or_default());
        tx.put(&Service::key(scope, &service.cluster, &service.name), &service)?;
        Ok(())
    })?;
    Ok(ServiceDeploymentArn { service_deployment_arn: Some(request.service_deployment_arn) })
}

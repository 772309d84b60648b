//! Deployments that a judge steers: who it is that steers those of a service, what he sees, and what he decides.

use api::{
    canary::{CheckCanaryPolicy, CheckCanaryPolicyRequest},
    ecs::{
        DeploymentStrategy, DescribeSteeringRequest, DescribeSteeringResponse, PutServiceSteeringRequest,
        PutServiceSteeringResponse, ServiceDeploymentStatus as Status, SteerDeploymentRequest, SteerDeploymentResponse,
        Steering, SteeringOrder,
    },
};

use super::{Context, service::active, service_deployment::on_its_way};
use crate::{
    Error,
    plan::release::{Lane, Stage, WHOLE},
    refer,
    rows::{Service, ServiceDeployment, ServiceObserved, ServiceTraffic},
};

pub(super) async fn put(cx: Context, request: PutServiceSteeringRequest) -> Result<PutServiceSteeringResponse, Error> {
    let scope = cx.scope();
    if let Steering::Judged(policy) = &request.steering {
        let asked = CheckCanaryPolicyRequest { policy: policy.clone(), of_service: true };
        let checked = cx.caller.call::<CheckCanaryPolicy>(scope, asked).await;
        checked.map_err(|fault| Error::InvalidParameter(fault.message))?;
    }
    let cluster = refer::active_cluster(&cx.store, scope, request.cluster.as_deref())?.name;
    cx.store.write(|tx| {
        let (row, _) = active(tx, scope, &cluster, &request.service)?;
        // Whether it fits is checked with what is deployed next: the strategy may change with it.
        let row = Service { steering: request.steering.clone(), ..row };
        tx.put(&Service::key(scope, &cluster, &row.name), &row)?;
        Ok(PutServiceSteeringResponse {})
    })
}

/// Refuses a judge where there is nothing that he could shift, or too much to tell apart.
pub(super) fn check(service: &Service) -> Result<(), Error> {
    if !matches!(service.steering, Steering::Judged(_)) {
        return Ok(());
    }
    let strategy = service.deployment.strategy.unwrap_or_default();
    let balancers = service.revision.load_balancers.len();
    if strategy == DeploymentStrategy::Rolling || balancers != 1 {
        return Err(Error::InvalidParameter(format!(
            "Serin::Canary judges the users of one load balancer on their way to the new tasks: the service needs the \
             deployment strategy CANARY, LINEAR or BLUE_GREEN, not {}, and one load balancer, not {balancers}.",
            strategy.as_str()
        )));
    }
    Ok(())
}

pub(super) async fn describe(cx: Context, request: DescribeSteeringRequest) -> Result<DescribeSteeringResponse, Error> {
    let scope = cx.scope();
    let (cluster, name, id) = refer::part_of_service(scope, "service-deployment", &request.service_deployment_arn)?;
    let key = Service::key(scope, &cluster, &name);
    let service = cx.store.get::<Service>(&key)?.ok_or(Error::ServiceDeploymentNotFound)?;
    let story = cx.store.get::<ServiceDeployment>(&ServiceDeployment::key(scope, &cluster, &name, &id))?;
    let story = story.ok_or(Error::ServiceDeploymentNotFound)?;
    let observed = cx.store.get::<ServiceObserved>(&key)?.unwrap_or_default();
    let is_latest = service.revision.digits() == id;
    let release = observed.release.as_ref().filter(|_| is_latest && observed.taken_up == service.revision.deployment);
    let lane = release.and_then(|release| release.lanes.first());
    let steered = release.filter(|release| release.policy.is_some() && release.end.is_none());
    let over = match (story.status, steered) {
        _ if !is_latest => Some("a newer deployment overtook it".to_owned()),
        (Status::InProgress, Some(_)) if service.deleted_at.is_none() => None,
        (Status::InProgress, Some(_)) => Some("the service is deleted".to_owned()),
        (status, _) => Some(why(status, story.reason.as_deref())),
    };
    let told = cx.store.get::<ServiceTraffic>(&key)?;
    let told = told.filter(|told| {
        told.trouble.is_none() && release.is_some_and(|release| told.is_of(&service.revision.deployment, release))
    });
    let group = |of: fn(&Lane) -> &String| lane.map(of).cloned().unwrap_or_default();
    Ok(DescribeSteeringResponse {
        finished: is_latest && service.orders.finish && !story.status_is_a_failure(),
        over,
        applied: told.map(|told| told.weight),
        serving: group(|lane| &lane.serving),
        coming: group(|lane| &lane.coming),
    })
}

fn why(status: Status, reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("it is over").trim_end_matches('.');
    match status {
        Status::Successful => "the deployment has ended already".to_owned(),
        _ => format!("the deployment was given up ({reason})"),
    }
}

pub(super) async fn steer(cx: Context, request: SteerDeploymentRequest) -> Result<SteerDeploymentResponse, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let (mut service, observed) = on_its_way(tx, scope, &request.service_deployment_arn)?;
        let is_steered = observed.release.as_ref().is_some_and(|release| {
            release.policy.is_some() && release.end.is_none() && release.stage <= Stage::ProductionTrafficShift
        });
        if !is_steered {
            return Err(Error::DeploymentNotInProgress);
        }
        match &request.order {
            SteeringOrder::Shift(weight) => service.orders.weight = Some((*weight).min(WHOLE)),
            SteeringOrder::Finish => service.orders.finish = true,
            SteeringOrder::TakeBack(reason) => service.orders.take_back = Some(reason.clone()),
        }
        tx.put(&Service::key(scope, &service.cluster, &service.name), &service)?;
        Ok(SteerDeploymentResponse {})
    })
}

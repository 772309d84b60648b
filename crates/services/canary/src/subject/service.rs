//! A deployment of ECS whose users move from one target group of a load balancer to another.

use std::collections::BTreeMap;

use api::{
    Fault,
    ecs::{
        DescribeSteering, DescribeSteeringRequest, DescribeSteeringResponse, SteerDeployment, SteerDeploymentRequest,
        SteeringOrder,
    },
    elbv2::{AnsweredRequests, DescribeTargetGroupCounts, DescribeTargetGroupCountsRequest, TargetGroupCounts},
};
use names::Scope;
use serde::{Deserialize, Serialize};

use super::Over;
use crate::{
    Canaries, Error,
    judge::Histogram,
    reading::{Counts, Half, Reading},
};

/// The one who counts: all load balancers of the machine are one process.
const COUNTER: &str = "load balancer";
/// What ECS answers about a deployment that it knows no more, or that takes no orders any more.
const GONE: [&str; 2] = ["ServiceDeploymentNotFoundException", "ConflictException"];

/// A deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) cluster: String,
    pub(crate) service: String,
    /// The ARN of the service deployment.
    pub(crate) deployment: String,
}

impl Service {
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (&self.cluster, &self.service) == (&other.cluster, &other.service)
    }

    /// How it stands; why it is steered no more, if it is not.
    pub(super) async fn stand(
        &self,
        cx: &Canaries,
        scope: &Scope,
    ) -> Result<Result<DescribeSteeringResponse, Over>, Fault> {
        let request = DescribeSteeringRequest { service_deployment_arn: self.deployment.clone() };
        match cx.caller.call::<DescribeSteering>(scope, request).await {
            Ok(found) if found.finished => Ok(Err(Over::Finished)),
            Ok(DescribeSteeringResponse { over: Some(why), .. }) => Ok(Err(Over::Lost(why))),
            Ok(found) => Ok(Ok(found)),
            Err(fault) if GONE.contains(&fault.code.as_str()) => {
                Ok(Err(Over::Lost(format!("the deployment of {} is gone", self.service))))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Decides over it. One that is over takes no orders, which shows at the next look.
    pub(crate) async fn steer(&self, cx: &Canaries, scope: &Scope, order: SteeringOrder) -> Result<(), Fault> {
        let request = SteerDeploymentRequest { service_deployment_arn: self.deployment.clone(), order };
        match cx.caller.call::<SteerDeployment>(scope, request).await {
            Err(fault) if GONE.contains(&fault.code.as_str()) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// What the load balancer has counted of both target groups.
pub(super) async fn read(
    cx: &Canaries,
    scope: &Scope,
    steering: &DescribeSteeringResponse,
) -> Result<Vec<Reading>, Error> {
    let groups = vec![steering.serving.clone(), steering.coming.clone()];
    let request = DescribeTargetGroupCountsRequest { target_group_arns: groups };
    let found = cx.caller.call::<DescribeTargetGroupCounts>(scope, request).await?.target_group_counts;
    let of = |arn: &String| {
        let counted = found.iter().find(|counts| counts.target_group_arn == *arn);
        counted.map(counts).unwrap_or_default()
    };
    Ok(vec![Reading { proxy: COUNTER.to_owned(), baseline: of(&steering.serving), canary: of(&steering.coming) }])
}

fn counts(counted: &TargetGroupCounts) -> Counts {
    let TargetGroupCounts { all, half, healthy, .. } = counted;
    Counts {
        requests: all.requests,
        errors: all.errors,
        latency: latency(all),
        healthy: *healthy,
        half: Half { requests: half.requests, errors: half.errors, latency: latency(half) },
        // Users do not stay behind a load balancer: a policy that asks for it is refused.
        users: None,
    }
}

fn latency(answered: &AnsweredRequests) -> Vec<(u16, u64)> {
    let mut buckets = BTreeMap::new();
    for latency in &answered.latency {
        *buckets.entry(Histogram::bucket_of(latency.microseconds)).or_default() += latency.count;
    }
    buckets.into_iter().collect()
}

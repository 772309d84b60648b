//! Security policies.

use api::elbv2 as shape;
use wire::{Context, page};

use super::page_size;
use crate::{LoadBalancing, error::Error, security_policy};

pub(crate) async fn describe_ssl_policies(
    _: Context<LoadBalancing>,
    request: shape::DescribeSslPoliciesRequest,
) -> Result<shape::DescribeSslPoliciesResponse, Error> {
    if let Some(kind) = request.load_balancer_type.as_deref().filter(|kind| *kind != "application") {
        return Err(Error::Validation(format!("LoadBalancerType '{kind}' is not supported by Serin: application is")));
    }
    let all = security_policy::described();
    let named = |name: &String| {
        let found = all.iter().find(|policy| policy.name == *name).cloned();
        found.ok_or_else(|| Error::SslPolicyNotFound(name.clone()))
    };
    let asked = match request.names.as_slice() {
        [] => all,
        names => names.iter().map(named).collect::<Result<_, _>>()?,
    };
    let size = page_size(request.page_size)?;
    let (ssl_policies, next_marker) = page(asked, |policy| policy.name.clone(), size, request.marker.as_deref())?;
    Ok(shape::DescribeSslPoliciesResponse { ssl_policies, next_marker })
}

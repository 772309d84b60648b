//! What a service or task needs of its neighbours, looked up before it is accepted: a reference that leads nowhere is
//! refused at once, and not found out by tasks that can't start.

use api::{ec2, ecs::AwsVpcConfiguration, elbv2, servicediscovery};

use super::Context;
use crate::{Error, rows::Revision};

/// Checks the subnets, security groups, target groups, listener rules and registries of `revision`.
pub(super) async fn check(cx: &Context, revision: &Revision) -> Result<(), Error> {
    network(cx, &revision.network).await?;
    for balancer in &revision.load_balancers {
        target_group(cx, balancer.target_group_arn.as_deref().unwrap_or_default()).await?;
        let Some(advanced) = &balancer.advanced_configuration else { continue };
        if let Some(group) = advanced.alternate_target_group_arn.as_deref().filter(|arn| !arn.is_empty()) {
            target_group(cx, group).await?;
        }
        for rule in [&advanced.production_listener_rule, &advanced.test_listener_rule].into_iter().flatten() {
            listener_rule(cx, rule).await?;
        }
    }
    for registry in &revision.registries {
        cloud_map_service(cx, registry.registry_arn.as_deref().unwrap_or_default()).await?;
    }
    Ok(())
}

/// Checks subnets and security groups: all there, all of one VPC.
pub(super) async fn network(cx: &Context, network: &AwsVpcConfiguration) -> Result<(), Error> {
    let request =
        ec2::DescribeSubnetsRequest { subnet_ids: network.subnets.clone(), ..ec2::DescribeSubnetsRequest::default() };
    let wrong = |fault: api::Fault, what: &str, ids: &[String]| match fault.status {
        500.. => Error::Neighbour(fault),
        _ => Error::InvalidParameter(format!(
            "Error retrieving {what} information for [{}]: {} (ErrorCode: {})",
            ids.join(", "),
            fault.message,
            fault.code
        )),
    };
    let subnets = cx.caller.call::<ec2::DescribeSubnets>(cx.scope(), request).await;
    let subnets = subnets.map_err(|fault| wrong(fault, "subnet", &network.subnets))?.subnets;
    if subnets.windows(2).any(|pair| pair[0].vpc_id != pair[1].vpc_id) {
        return Err(Error::InvalidParameter("subnets must belong to the same VPC.".to_owned()));
    }
    if network.security_groups.is_empty() {
        return Ok(());
    }
    let request = ec2::DescribeSecurityGroupsRequest {
        group_ids: network.security_groups.clone(),
        ..ec2::DescribeSecurityGroupsRequest::default()
    };
    let groups = cx.caller.call::<ec2::DescribeSecurityGroups>(cx.scope(), request).await;
    let groups = groups.map_err(|fault| wrong(fault, "security group", &network.security_groups))?.security_groups;
    let vpc = subnets.first().map(|subnet| &subnet.vpc_id);
    if groups.iter().any(|group| Some(&group.vpc_id) != vpc) {
        return Err(Error::InvalidParameter("subnets and security groups must belong to the same VPC.".to_owned()));
    }
    Ok(())
}

async fn target_group(cx: &Context, arn: &str) -> Result<(), Error> {
    let request = elbv2::DescribeTargetGroupsRequest {
        target_group_arns: vec![arn.to_owned()],
        ..elbv2::DescribeTargetGroupsRequest::default()
    };
    let found = cx.caller.call::<elbv2::DescribeTargetGroups>(cx.scope(), request).await;
    let groups = found.map_err(|fault| match fault.code.as_str() {
        "TargetGroupNotFound" => Error::InvalidParameter(format!("The specified target group does not exist: {arn}")),
        _ => Error::Neighbour(fault),
    })?;
    match groups.target_groups.first().map(|group| group.target_type.as_str()) {
        None => Err(Error::InvalidParameter(format!("The specified target group does not exist: {arn}"))),
        Some("ip") => Ok(()),
        Some(other) => Err(Error::InvalidParameter(format!(
            "The provided target group {arn} has target type {other}, which is incompatible with the awsvpc network \
             mode specified in the task definition."
        ))),
    }
}

async fn listener_rule(cx: &Context, arn: &str) -> Result<(), Error> {
    if arn.contains(":listener/") {
        let text = format!("{arn} is a listener, which stands for a Network Load Balancer; name a listener rule.");
        return Err(Error::InvalidParameter(text));
    }
    let request = elbv2::DescribeRulesRequest { rule_arns: vec![arn.to_owned()], ..Default::default() };
    let found = cx.caller.call::<elbv2::DescribeRules>(cx.scope(), request).await;
    found.map(drop).map_err(|fault| match fault.status {
        500.. => Error::Neighbour(fault),
        _ => Error::InvalidParameter(format!("The specified listener rule does not exist: {arn} ({}).", fault.code)),
    })
}

async fn cloud_map_service(cx: &Context, arn: &str) -> Result<(), Error> {
    let request = servicediscovery::GetServiceRequest { id: arn.to_owned() };
    let found = cx.caller.call::<servicediscovery::GetService>(cx.scope(), request).await;
    found.map(drop).map_err(|fault| match fault.code.as_str() {
        "ServiceNotFound" => Error::InvalidParameter(format!("The service registry {arn} does not exist.")),
        _ => Error::Neighbour(fault),
    })
}

//! The table, in the order of the API reference.

pub(crate) mod attributes;
mod certificate;
pub(crate) mod condition;
mod counts;
mod listener;
mod load_balancer;
mod rule;
mod ssl_policy;
mod tag;
mod target;
mod target_group;
mod waiting;

use api::elbv2 as op;
use wire::{Bound, bind};

use crate::LoadBalancing;

/// Every operation.
pub(crate) fn operations() -> Vec<Bound<LoadBalancing>> {
    vec![
        bind::<op::AddListenerCertificates, _, _, _, _>(certificate::add_listener_certificates),
        bind::<op::AddTags, _, _, _, _>(tag::add_tags),
        bind::<op::CreateListener, _, _, _, _>(listener::create_listener),
        bind::<op::CreateLoadBalancer, _, _, _, _>(load_balancer::create_load_balancer),
        bind::<op::CreateRule, _, _, _, _>(rule::create_rule),
        bind::<op::CreateTargetGroup, _, _, _, _>(target_group::create_target_group),
        bind::<op::DeleteListener, _, _, _, _>(listener::delete_listener),
        bind::<op::DeleteLoadBalancer, _, _, _, _>(load_balancer::delete_load_balancer),
        bind::<op::DeleteRule, _, _, _, _>(rule::delete_rule),
        bind::<op::DeleteTargetGroup, _, _, _, _>(target_group::delete_target_group),
        bind::<op::DeregisterTargets, _, _, _, _>(target::deregister_targets),
        bind::<op::DescribeListenerCertificates, _, _, _, _>(certificate::describe_listener_certificates),
        bind::<op::DescribeListeners, _, _, _, _>(listener::describe_listeners),
        bind::<op::DescribeLoadBalancerAttributes, _, _, _, _>(attributes::describe_load_balancer_attributes),
        bind::<op::DescribeLoadBalancers, _, _, _, _>(load_balancer::describe_load_balancers),
        bind::<op::DescribeLoadBalancerUrls, _, _, _, _>(load_balancer::describe_load_balancer_urls),
        bind::<op::DescribeRuleStates, _, _, _, _>(rule::describe_rule_states),
        bind::<op::DescribeRules, _, _, _, _>(rule::describe_rules),
        bind::<op::DescribeSSLPolicies, _, _, _, _>(ssl_policy::describe_ssl_policies),
        bind::<op::DescribeTags, _, _, _, _>(tag::describe_tags),
        bind::<op::DescribeTargetGroupAttributes, _, _, _, _>(attributes::describe_target_group_attributes),
        bind::<op::DescribeTargetGroupCounts, _, _, _, _>(counts::describe_target_group_counts),
        bind::<op::DescribeTargetGroups, _, _, _, _>(target_group::describe_target_groups),
        bind::<op::DescribeTargetHealth, _, _, _, _>(target::describe_target_health),
        bind::<op::ModifyListener, _, _, _, _>(listener::modify_listener),
        bind::<op::ModifyLoadBalancerAttributes, _, _, _, _>(attributes::modify_load_balancer_attributes),
        bind::<op::ModifyRule, _, _, _, _>(rule::modify_rule),
        bind::<op::ModifyTargetGroup, _, _, _, _>(target_group::modify_target_group),
        bind::<op::ModifyTargetGroupAttributes, _, _, _, _>(attributes::modify_target_group_attributes),
        bind::<op::RegisterTargets, _, _, _, _>(target::register_targets),
        bind::<op::RemoveListenerCertificates, _, _, _, _>(certificate::remove_listener_certificates),
        bind::<op::RemoveTags, _, _, _, _>(tag::remove_tags),
        bind::<op::SetRulePriorities, _, _, _, _>(rule::set_rule_priorities),
        bind::<op::SetSecurityGroups, _, _, _, _>(load_balancer::set_security_groups),
    ]
}

/// The largest page, and the page where none is asked for.
const PAGE_MAX: usize = 400;

fn page_size(asked: Option<u32>) -> Result<usize, crate::error::Error> {
    match asked.map(usize::try_from) {
        None => Ok(PAGE_MAX),
        Some(Ok(size @ 1..=PAGE_MAX)) => Ok(size),
        Some(_) => Err(crate::error::Error::Validation(format!("PageSize must be between 1 and {PAGE_MAX}"))),
    }
}

/// Names of load balancers and target groups: 1 to 32 letters, digits and hyphens, no hyphen at an end.
fn check_name(what: &str, name: &str) -> Result<(), crate::error::Error> {
    let sound = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.starts_with("internal-");
    if sound {
        return Ok(());
    }
    let message = format!(
        "The {what} name '{name}' must be 1 to 32 letters, digits or hyphens, must not begin or end with a hyphen and must not begin with 'internal-'"
    );
    Err(crate::error::Error::Validation(message))
}

/// Tags of a request as they are kept.
fn tags(list: &[op::Tag]) -> names::Tags {
    list.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

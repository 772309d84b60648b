//! Neighbours that keep books: EC2, load balancing, Cloud Map, CloudWatch and Logs, as far as ECS calls them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use api::{Fault, canary, cloudwatch, ec2, elbv2, logs, servicediscovery as cloud_map};
use wire::{Context, Definition, Protocol, Service, bind};

/// The target group that is there.
pub(super) const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/api/0123456789abcdef";
/// The target group that takes turns with it.
pub(super) const ALTERNATE: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/other/fedcba9876543210";
/// The listener rule that is there.
pub(super) const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/b/1/2/3";
/// The Cloud Map service that is there.
pub(super) const REGISTRY: &str = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1";

/// What the neighbours know.
#[derive(Default)]
pub(super) struct Neighbours(Mutex<Books>);

#[derive(Default)]
pub(super) struct Books {
    /// Interfaces by client token.
    pub(super) interfaces: BTreeMap<String, ec2::NetworkInterface>,
    made: u8,
    /// Targets by address.
    pub(super) targets: BTreeMap<String, String>,
    /// The group each target was registered to, by address.
    pub(super) groups: BTreeMap<String, String>,
    /// What the rule does.
    pub(super) actions: Vec<elbv2::Action>,
    /// Whether the rule was deleted.
    pub(super) no_rule: bool,
    /// What new targets are at first; healthy if nothing is said.
    pub(super) first_health: Option<String>,
    /// Whether targets that leave drain until somebody says that they have.
    pub(super) slow_drain: bool,
    /// Instances by id, with their health.
    pub(super) instances: BTreeMap<String, cloud_map::RegisterInstanceRequest>,
    pub(super) instance_health: BTreeMap<String, String>,
    /// Streams by name, with what was written.
    pub(super) streams: BTreeMap<String, Vec<String>>,
    /// Log groups that are not there.
    pub(super) no_groups: BTreeSet<String>,
    /// Whether Logs is out of order.
    pub(super) logs_down: bool,
    /// The canaries that were asked for, each once.
    pub(super) canaries: Vec<canary::StartServiceCanaryRequest>,
    /// Why none can be had, if so.
    pub(super) no_canaries: Option<&'static str>,
    /// The states of alarms by name.
    pub(super) alarms: BTreeMap<String, String>,
}

impl Neighbours {
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Cx = Context<Neighbours>;

/// The neighbours as services.
pub(super) fn services(books: &Arc<Neighbours>) -> Vec<Service> {
    let definition = |signing_name| Definition { signing_name, protocol: Protocol::RestJson, invalid: "Invalid" };
    vec![
        Service::new(
            definition("ec2"),
            books,
            vec![
                bind::<ec2::CreateNetworkInterface, _, _, _, _>(create_interface),
                bind::<ec2::DeleteNetworkInterface, _, _, _, _>(delete_interface),
                bind::<ec2::DescribeNetworkInterfaces, _, _, _, _>(describe_interfaces),
                bind::<ec2::DescribeSubnets, _, _, _, _>(describe_subnets),
                bind::<ec2::DescribeVpcs, _, _, _, _>(describe_vpcs),
                bind::<ec2::DescribeSecurityGroups, _, _, _, _>(describe_groups),
                bind::<ec2::DescribeVpcNamespaces, _, _, _, _>(describe_namespaces),
            ],
        ),
        Service::new(
            definition("elasticloadbalancing"),
            books,
            vec![
                bind::<elbv2::DescribeTargetGroups, _, _, _, _>(describe_target_groups),
                bind::<elbv2::DescribeRules, _, _, _, _>(describe_rules),
                bind::<elbv2::DescribeRuleStates, _, _, _, _>(describe_rule_states),
                bind::<elbv2::ModifyRule, _, _, _, _>(modify_rule),
                bind::<elbv2::RegisterTargets, _, _, _, _>(register_targets),
                bind::<elbv2::DeregisterTargets, _, _, _, _>(deregister_targets),
                bind::<elbv2::DescribeTargetHealth, _, _, _, _>(describe_health),
            ],
        ),
        Service::new(
            definition("servicediscovery"),
            books,
            vec![
                bind::<cloud_map::GetService, _, _, _, _>(get_service),
                bind::<cloud_map::RegisterInstance, _, _, _, _>(register_instance),
                bind::<cloud_map::DeregisterInstance, _, _, _, _>(deregister_instance),
                bind::<cloud_map::UpdateInstanceCustomHealthStatus, _, _, _, _>(update_health),
            ],
        ),
        Service::new(
            definition("canary"),
            books,
            vec![
                bind::<canary::CheckCanaryPolicy, _, _, _, _>(check_policy),
                bind::<canary::StartServiceCanary, _, _, _, _>(start_canary),
            ],
        ),
        Service::new(
            definition("monitoring"),
            books,
            vec![bind::<cloudwatch::DescribeAlarms, _, _, _, _>(describe_alarms)],
        ),
        Service::new(
            definition("logs"),
            books,
            vec![
                bind::<logs::CreateLogStream, _, _, _, _>(create_stream),
                bind::<logs::PutLogEvents, _, _, _, _>(put_events),
            ],
        ),
    ]
}

async fn create_interface(
    cx: Cx,
    request: ec2::CreateNetworkInterfaceRequest,
) -> Result<ec2::CreateNetworkInterfaceResponse, Fault> {
    let mut books = cx.books();
    let token = request.client_token.unwrap();
    if !books.interfaces.contains_key(&token) {
        books.made += 1;
        let interface = ec2::NetworkInterface {
            network_interface_id: format!("eni-{:017x}", books.made),
            subnet_id: request.subnet_id,
            vpc_id: "vpc-1".to_owned(),
            availability_zone: "us-east-1a".to_owned(),
            mac_address: format!("02:00:0a:00:00:{:02x}", books.made),
            private_ip_address: format!("10.0.0.{}", books.made + 3),
            status: "in-use".to_owned(),
            ..Default::default()
        };
        books.interfaces.insert(token.clone(), interface);
    }
    let network_interface = books.interfaces[&token].clone();
    Ok(ec2::CreateNetworkInterfaceResponse { network_interface, client_token: Some(token) })
}

async fn delete_interface(cx: Cx, request: ec2::DeleteNetworkInterfaceRequest) -> Result<ec2::Done, Fault> {
    cx.books().interfaces.retain(|_, interface| interface.network_interface_id != request.network_interface_id);
    Ok(serde_json::from_value(serde_json::json!({"return": true})).unwrap())
}

async fn describe_interfaces(
    cx: Cx,
    request: ec2::DescribeNetworkInterfacesRequest,
) -> Result<ec2::DescribeNetworkInterfacesResponse, Fault> {
    let books = cx.books();
    let named = |i: &&ec2::NetworkInterface| request.network_interface_ids.contains(&i.network_interface_id);
    let network_interfaces = books.interfaces.values().filter(named).cloned().collect();
    Ok(ec2::DescribeNetworkInterfacesResponse { network_interfaces, next_token: None })
}

async fn describe_subnets(_: Cx, request: ec2::DescribeSubnetsRequest) -> Result<ec2::DescribeSubnetsResponse, Fault> {
    if let Some(id) = request.subnet_ids.iter().find(|id| !id.starts_with("subnet-")) {
        return Err(Fault::client("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist")));
    }
    let subnet = |id: String| ec2::Subnet {
        subnet_id: id,
        vpc_id: "vpc-1".to_owned(),
        cidr_block: "10.0.0.0/24".to_owned(),
        ..Default::default()
    };
    Ok(ec2::DescribeSubnetsResponse { subnets: request.subnet_ids.into_iter().map(subnet).collect(), next_token: None })
}

async fn describe_vpcs(_: Cx, _: ec2::DescribeVpcsRequest) -> Result<ec2::DescribeVpcsResponse, Fault> {
    let vpc = ec2::Vpc { vpc_id: "vpc-1".to_owned(), cidr_block: "10.0.0.0/16".to_owned(), ..Default::default() };
    Ok(ec2::DescribeVpcsResponse { vpcs: vec![vpc], next_token: None })
}

async fn describe_groups(
    _: Cx,
    request: ec2::DescribeSecurityGroupsRequest,
) -> Result<ec2::DescribeSecurityGroupsResponse, Fault> {
    let group = |id| ec2::SecurityGroup { group_id: id, vpc_id: "vpc-1".to_owned(), ..Default::default() };
    let security_groups = request.group_ids.into_iter().map(group).collect();
    Ok(ec2::DescribeSecurityGroupsResponse { security_groups, next_token: None })
}

async fn describe_namespaces(
    _: Cx,
    _: ec2::DescribeVpcNamespacesRequest,
) -> Result<ec2::DescribeVpcNamespacesResponse, Fault> {
    let namespace = ec2::VpcNamespace { vpc_id: "vpc-1".to_owned(), path: "/proc/1/ns/net".to_owned(), inode: 1 };
    Ok(ec2::DescribeVpcNamespacesResponse { vpc_namespaces: vec![namespace] })
}

async fn describe_target_groups(
    _: Cx,
    request: elbv2::DescribeTargetGroupsRequest,
) -> Result<elbv2::TargetGroupsResponse, Fault> {
    if request.target_group_arns != [GROUP] && request.target_group_arns != [ALTERNATE] {
        return Err(Fault::client("TargetGroupNotFound", "One or more target groups not found"));
    }
    let group = elbv2::TargetGroup { target_type: "ip".to_owned(), ..Default::default() };
    Ok(elbv2::TargetGroupsResponse { target_groups: vec![group], next_marker: None })
}

async fn describe_rules(cx: Cx, request: elbv2::DescribeRulesRequest) -> Result<elbv2::DescribeRulesResponse, Fault> {
    if request.rule_arns != [RULE] || cx.books().no_rule {
        return Err(Fault::client("RuleNotFound", "One or more rules not found"));
    }
    let actions = cx.books().actions.clone();
    let rule = elbv2::Rule { rule_arn: RULE.to_owned(), actions, ..Default::default() };
    Ok(elbv2::DescribeRulesResponse { rules: vec![rule], next_marker: None })
}

async fn describe_rule_states(_: Cx, request: elbv2::RuleArnsRequest) -> Result<elbv2::RuleStatesResponse, Fault> {
    let states = request.rule_arns.into_iter().map(|rule_arn| elbv2::RuleState { rule_arn, in_force: true });
    Ok(elbv2::RuleStatesResponse { rule_states: states.collect() })
}

async fn modify_rule(cx: Cx, request: elbv2::ModifyRuleRequest) -> Result<elbv2::RulesResponse, Fault> {
    cx.books().actions = request.actions;
    Ok(elbv2::RulesResponse::default())
}

async fn register_targets(cx: Cx, request: elbv2::TargetsRequest) -> Result<elbv2::Empty, Fault> {
    let mut books = cx.books();
    let health = books.first_health.clone().unwrap_or_else(|| "healthy".to_owned());
    let addresses: Vec<String> = request.targets.into_iter().map(|target| target.id).collect();
    books.groups.extend(addresses.iter().map(|address| (address.clone(), request.target_group_arn.clone())));
    books.targets.extend(addresses.into_iter().map(|address| (address, health.clone())));
    Ok(elbv2::Empty {})
}

async fn deregister_targets(cx: Cx, request: elbv2::TargetsRequest) -> Result<elbv2::Empty, Fault> {
    let mut books = cx.books();
    for target in request.targets {
        if books.slow_drain {
            books.targets.insert(target.id, "draining".to_owned());
        } else {
            books.targets.remove(&target.id);
        }
    }
    Ok(elbv2::Empty {})
}

async fn describe_health(
    cx: Cx,
    request: elbv2::DescribeTargetHealthRequest,
) -> Result<elbv2::DescribeTargetHealthResponse, Fault> {
    let books = cx.books();
    let describe = |target: elbv2::TargetDescription| elbv2::TargetHealthDescription {
        target_health: elbv2::TargetHealth {
            state: books.targets.get(&target.id).cloned().unwrap_or_else(|| "unused".to_owned()),
            ..Default::default()
        },
        target,
        ..Default::default()
    };
    let target_health_descriptions = request.targets.into_iter().map(describe).collect();
    Ok(elbv2::DescribeTargetHealthResponse { target_health_descriptions })
}

async fn get_service(_: Cx, request: cloud_map::GetServiceRequest) -> Result<cloud_map::GetServiceResponse, Fault> {
    if request.id != REGISTRY {
        return Err(Fault::client("ServiceNotFound", "No service with this id"));
    }
    let service = cloud_map::Service {
        health_check_custom_config: Some(cloud_map::HealthCheckCustomConfig::default()),
        ..Default::default()
    };
    Ok(cloud_map::GetServiceResponse { service: Some(service) })
}

async fn register_instance(
    cx: Cx,
    request: cloud_map::RegisterInstanceRequest,
) -> Result<cloud_map::OperationStarted, Fault> {
    let mut books = cx.books();
    let health = request.attributes.get("AWS_INIT_HEALTH_STATUS").cloned().unwrap_or_default();
    books.instance_health.insert(request.instance_id.clone(), health);
    books.instances.insert(request.instance_id.clone(), request);
    Ok(cloud_map::OperationStarted::default())
}

async fn deregister_instance(
    cx: Cx,
    request: cloud_map::DeregisterInstanceRequest,
) -> Result<cloud_map::OperationStarted, Fault> {
    cx.books().instances.remove(&request.instance_id);
    Ok(cloud_map::OperationStarted::default())
}

async fn update_health(
    cx: Cx,
    request: cloud_map::UpdateInstanceCustomHealthStatusRequest,
) -> Result<cloud_map::UpdateInstanceCustomHealthStatusResponse, Fault> {
    cx.books().instance_health.insert(request.instance_id, request.status);
    Ok(cloud_map::UpdateInstanceCustomHealthStatusResponse::default())
}

async fn check_policy(
    _: Cx,
    request: canary::CheckCanaryPolicyRequest,
) -> Result<canary::CheckCanaryPolicyResponse, Fault> {
    if request.policy.is_object() {
        Ok(canary::CheckCanaryPolicyResponse { policy: request.policy, longest_seconds: 60 })
    } else {
        Err(Fault::client("ValidationException", "it is no policy"))
    }
}

async fn start_canary(
    cx: Cx,
    request: canary::StartServiceCanaryRequest,
) -> Result<canary::StartCanaryResponse, Fault> {
    let mut books = cx.books();
    if let Some(why) = books.no_canaries {
        return Err(Fault::client("ValidationException", why));
    }
    if !books.canaries.contains(&request) {
        books.canaries.push(request);
    }
    Ok(canary::StartCanaryResponse { canary: canary::CanaryDescription::default() })
}

async fn describe_alarms(
    cx: Cx,
    request: cloudwatch::DescribeAlarmsRequest,
) -> Result<cloudwatch::DescribeAlarmsResponse, Fault> {
    let books = cx.books();
    let asked = books.alarms.iter().filter(|(name, _)| request.alarm_names.contains(name));
    let alarm = |(name, state): (&String, &String)| cloudwatch::MetricAlarm {
        alarm_name: name.clone(),
        state_value: Some(state.clone()),
        period: Some(10),
        evaluation_periods: Some(2),
        ..Default::default()
    };
    Ok(cloudwatch::DescribeAlarmsResponse { metric_alarms: asked.map(alarm).collect(), next_token: None })
}

async fn create_stream(cx: Cx, request: logs::CreateLogStreamRequest) -> Result<logs::CreateLogStreamResponse, Fault> {
    let mut books = cx.books();
    if books.no_groups.contains(&request.log_group_name) {
        return Err(Fault::client("ResourceNotFoundException", "The specified log group does not exist."));
    }
    books.streams.entry(request.log_stream_name).or_default();
    Ok(logs::CreateLogStreamResponse::default())
}

async fn put_events(cx: Cx, request: logs::PutLogEventsRequest) -> Result<logs::PutLogEventsResponse, Fault> {
    let mut books = cx.books();
    if books.logs_down {
        return Err(Fault::new("ServiceUnavailableException", 503, "later"));
    }
    let stream = books.streams.entry(request.log_stream_name).or_default();
    stream.extend(request.log_events.into_iter().map(|event| event.message));
    Ok(logs::PutLogEventsResponse::default())
}

//! Load balancers, target groups, listeners and their rules.

use api::{ec2, elbv2};
use serde_json::Value;

use super::{Call, Failure, Kind, Made, Resource, Settled, property};

/// `ELBv2`'s answers to what is not there.
const MISSING: &[&str] = &["LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"];
/// The length of made-up names: five characters of the stack, five of the logical id, and the token, as AWS has them.
const MADE_UP_MAX: usize = 24;

async fn retag(call: &Call<'_>) -> Result<(), Failure> {
    let arn = call.id()?.to_owned();
    let request = elbv2::DescribeTagsRequest { resource_arns: vec![arn.clone()] };
    let described = call.send::<elbv2::DescribeTags>(request).await?.tag_descriptions;
    let present = described.into_iter().flat_map(|one| one.tags).map(|tag| (tag.key, tag.value)).collect();
    let (set, gone) = call.tag_changes(&present);
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| elbv2::Tag { key, value }).collect();
        call.send::<elbv2::AddTags>(elbv2::AddTagsRequest { resource_arns: vec![arn.clone()], tags }).await?;
    }
    if !gone.is_empty() {
        let request = elbv2::RemoveTagsRequest { resource_arns: vec![arn], tag_keys: gone };
        call.send::<elbv2::RemoveTags>(request).await?;
    }
    Ok(())
}

async fn is_ours(call: &Call<'_>, arn: &str) -> Result<bool, Failure> {
    let request = elbv2::DescribeTagsRequest { resource_arns: vec![arn.to_owned()] };
    let described = call.send::<elbv2::DescribeTags>(request).await?.tag_descriptions;
    Ok(call.is_ours(&described.into_iter().flat_map(|one| one.tags).map(|tag| (tag.key, tag.value)).collect()))
}

/// The attributes that a property gives, as the API takes them.
fn attributes(call: &Call<'_>, name: &str) -> Result<Vec<elbv2::Attribute>, Failure> {
    let mut members = serde_json::Map::new();
    members.insert("Attributes".to_owned(), call.property(name).cloned().unwrap_or_else(|| Value::Array(Vec::new())));
    Ok(call.read::<elbv2::AttributesResponse>(members)?.attributes)
}

/// `AWS::ElasticLoadBalancingV2::LoadBalancer`.
pub(super) struct LoadBalancer;

impl LoadBalancer {
    fn made(balancer: &elbv2::LoadBalancer) -> Made {
        let arn = &balancer.load_balancer_arn;
        let full_name = arn.split_once("loadbalancer/").map_or("", |(_, name)| name);
        let attributes = [
            ("LoadBalancerArn", arn.as_str()),
            ("DNSName", &balancer.dns_name),
            ("CanonicalHostedZoneID", &balancer.canonical_hosted_zone_id),
            ("LoadBalancerName", &balancer.load_balancer_name),
            ("LoadBalancerFullName", full_name),
        ];
        let mut made = Made::new(arn, &attributes);
        let groups = balancer.security_groups.iter().cloned().map(Value::from).collect();
        made.attributes.insert("SecurityGroups".to_owned(), groups);
        made
    }

    async fn described(
        call: &Call<'_>,
        request: elbv2::DescribeLoadBalancersRequest,
    ) -> Result<Option<elbv2::LoadBalancer>, Failure> {
        let found = call.look::<elbv2::DescribeLoadBalancers>(request, MISSING).await?;
        Ok(found.and_then(|found| found.load_balancers.into_iter().next()))
    }

    /// The group that a load balancer is in when none is asked for: its VPC's default.
    async fn default_group(call: &Call<'_>) -> Result<String, Failure> {
        let vpc = Self::by_arn(call).await?.map(|balancer| balancer.vpc_id).unwrap_or_default();
        let filter = |name: &str, value: String| ec2::Filter { name: name.to_owned(), values: vec![value] };
        let filters = vec![filter("vpc-id", vpc), filter("group-name", "default".to_owned())];
        let request = ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
        let groups = call.send::<ec2::DescribeSecurityGroups>(request).await?.security_groups;
        let default = groups.into_iter().next().map(|group| group.group_id);
        default.ok_or_else(|| Failure::Wrong("the VPC has no default security group".to_owned()))
    }

    async fn by_arn(call: &Call<'_>) -> Result<Option<elbv2::LoadBalancer>, Failure> {
        let arns = vec![call.id()?.to_owned()];
        Self::described(call, elbv2::DescribeLoadBalancersRequest { load_balancer_arns: arns, ..Default::default() })
            .await
    }
}

impl Resource for LoadBalancer {
    const KIND: Kind = Kind::new("AWS::ElasticLoadBalancingV2::LoadBalancer")
        .properties(&[
            property("Name").replaces(),
            property("Type").replaces(),
            property("Scheme").replaces(),
            property("IpAddressType").replaces(),
            property("Subnets").replaces(),
            property("SubnetMappings").replaces(),
            property("SecurityGroups"),
            property("LoadBalancerAttributes"),
            property("Tags"),
        ])
        .attributes(&[
            "LoadBalancerArn",
            "DNSName",
            "CanonicalHostedZoneID",
            "LoadBalancerName",
            "LoadBalancerFullName",
            "SecurityGroups",
        ])
        .identity(&["Name"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let taken = ["Type", "Scheme", "IpAddressType", "Subnets", "SubnetMappings", "SecurityGroups"];
        let mut members = call.properties(&taken);
        members.insert("Name".to_owned(), call.name("Name", MADE_UP_MAX).into());
        members.insert("Tags".to_owned(), call.tag_list());
        let made = call.send::<elbv2::CreateLoadBalancer>(call.read(members)?).await?.load_balancers;
        made.first().map(Self::made).ok_or_else(|| Failure::Wrong("no load balancer was made".to_owned()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let names = vec![call.name("Name", MADE_UP_MAX)];
        let request = elbv2::DescribeLoadBalancersRequest { names, ..Default::default() };
        let Some(balancer) = Self::described(call, request).await? else { return Ok(None) };
        let ours = is_ours(call, &balancer.load_balancer_arn).await?;
        Ok(ours.then(|| Self::made(&balancer)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.id()?.to_owned();
        if call.property("SecurityGroups").is_some() || call.lost("SecurityGroups") {
            let mut members = call.properties(&["SecurityGroups"]);
            if members.is_empty() {
                members.insert("SecurityGroups".to_owned(), vec![Self::default_group(call).await?].into());
            }
            members.insert("LoadBalancerArn".to_owned(), arn.clone().into());
            call.send::<elbv2::SetSecurityGroups>(call.read(members)?).await?;
        }
        let attributes = attributes(call, "LoadBalancerAttributes")?;
        if !attributes.is_empty() {
            let request = elbv2::ModifyLoadBalancerAttributesRequest { load_balancer_arn: arn, attributes };
            call.send::<elbv2::ModifyLoadBalancerAttributes>(request).await?;
        }
        retag(call).await?;
        let balancer = Self::by_arn(call).await?;
        balancer.as_ref().map(Self::made).ok_or_else(|| Failure::Wrong("the load balancer is gone".to_owned()))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = elbv2::LoadBalancerArnRequest { load_balancer_arn: call.id()?.to_owned() };
        call.look::<elbv2::DeleteLoadBalancer>(request, MISSING).await.map(|_| ())
    }

    async fn settle(call: &Call<'_>) -> Result<Settled, Failure> {
        let balancer = Self::by_arn(call).await?;
        let balancer = balancer.ok_or_else(|| Failure::Wrong("the load balancer is gone".to_owned()))?;
        if balancer.state.code == "active" {
            return Ok(Settled::Ready(Self::made(&balancer)));
        }
        let reason = balancer.state.reason.clone().unwrap_or_default();
        Ok(Settled::NotYet(format!("the load balancer is {}: {reason}", balancer.state.code)))
    }
}

/// `AWS::ElasticLoadBalancingV2::TargetGroup`.
pub(super) struct TargetGroup;

impl TargetGroup {
    const CHECKS: &'static [&'static str] = &[
        "HealthCheckEnabled",
        "HealthCheckIntervalSeconds",
        "HealthCheckPath",
        "HealthCheckPort",
        "HealthCheckProtocol",
        "HealthCheckTimeoutSeconds",
        "HealthyThresholdCount",
        "UnhealthyThresholdCount",
        "Matcher",
    ];

    /// Brings the targets to those that are asked for; what others registered is left alone.
    async fn settle_targets(call: &Call<'_>, arn: &str) -> Result<(), Failure> {
        let listed = |targets: Option<&Value>| targets.and_then(Value::as_array).cloned().unwrap_or_default();
        let wanted = listed(call.property("Targets"));
        let had = call.thing.before.iter().flat_map(|had| listed(had.get("Targets")));
        let gone: Vec<Value> = had.filter(|target| !wanted.contains(target)).collect();
        let members = |targets: Vec<Value>| {
            let pairs = [("TargetGroupArn".to_owned(), Value::from(arn)), ("Targets".to_owned(), targets.into())];
            serde_json::Map::from_iter(pairs)
        };
        if !gone.is_empty() {
            call.look::<elbv2::DeregisterTargets>(call.read(members(gone))?, MISSING).await?;
        }
        if !wanted.is_empty() {
            call.send::<elbv2::RegisterTargets>(call.read(members(wanted))?).await?;
        }
        Ok(())
    }

    fn made(group: &elbv2::TargetGroup) -> Made {
        let arn = &group.target_group_arn;
        let full_name = arn.rsplit(':').next().unwrap_or_default();
        let attributes = [
            ("TargetGroupArn", arn.as_str()),
            ("TargetGroupName", &group.target_group_name),
            ("TargetGroupFullName", full_name),
        ];
        let mut made = Made::new(arn, &attributes);
        let balancers = group.load_balancer_arns.iter().cloned().map(Value::from).collect();
        made.attributes.insert("LoadBalancerArns".to_owned(), balancers);
        made
    }
}

impl Resource for TargetGroup {
    const KIND: Kind = Kind::new("AWS::ElasticLoadBalancingV2::TargetGroup")
        .properties(&[
            property("Name").replaces(),
            property("Protocol").replaces(),
            property("ProtocolVersion").replaces(),
            property("Port").replaces(),
            property("VpcId").replaces(),
            property("TargetType").replaces(),
            property("IpAddressType").replaces(),
            property("HealthCheckEnabled"),
            property("HealthCheckIntervalSeconds"),
            property("HealthCheckPath"),
            property("HealthCheckPort"),
            property("HealthCheckProtocol"),
            property("HealthCheckTimeoutSeconds"),
            property("HealthyThresholdCount"),
            property("UnhealthyThresholdCount"),
            property("Matcher"),
            property("TargetGroupAttributes"),
            property("Targets"),
            property("Tags"),
        ])
        .attributes(&["TargetGroupArn", "TargetGroupName", "TargetGroupFullName", "LoadBalancerArns"])
        .identity(&["Name"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(Self::CHECKS);
        members.extend(call.properties(&[
            "Protocol",
            "ProtocolVersion",
            "Port",
            "VpcId",
            "TargetType",
            "IpAddressType",
        ]));
        members.insert("Name".to_owned(), call.name("Name", MADE_UP_MAX).into());
        members.insert("Tags".to_owned(), call.tag_list());
        let made = call.send::<elbv2::CreateTargetGroup>(call.read(members)?).await?.target_groups;
        made.first().map(Self::made).ok_or_else(|| Failure::Wrong("no target group was made".to_owned()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let names = vec![call.name("Name", MADE_UP_MAX)];
        let request = elbv2::DescribeTargetGroupsRequest { names, ..Default::default() };
        let found = call.look::<elbv2::DescribeTargetGroups>(request, MISSING).await?;
        let Some(group) = found.and_then(|found| found.target_groups.into_iter().next()) else { return Ok(None) };
        let ours = is_ours(call, &group.target_group_arn).await?;
        Ok(ours.then(|| Self::made(&group)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.id()?.to_owned();
        let mut members = call.properties(Self::CHECKS);
        members.insert("TargetGroupArn".to_owned(), arn.clone().into());
        let group = call.send::<elbv2::ModifyTargetGroup>(call.read(members)?).await?.target_groups;
        let attributes = attributes(call, "TargetGroupAttributes")?;
        if !attributes.is_empty() {
            let request = elbv2::ModifyTargetGroupAttributesRequest { target_group_arn: arn.clone(), attributes };
            call.send::<elbv2::ModifyTargetGroupAttributes>(request).await?;
        }
        Self::settle_targets(call, &arn).await?;
        retag(call).await?;
        group.first().map(Self::made).ok_or_else(|| Failure::Wrong("the target group is gone".to_owned()))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = elbv2::TargetGroupArnRequest { target_group_arn: call.id()?.to_owned() };
        call.look::<elbv2::DeleteTargetGroup>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::ElasticLoadBalancingV2::Listener`.
pub(super) struct Listener;

impl Listener {
    /// The properties that can be changed in place.
    const CHANGED: &[&str] = &["Port", "Protocol", "Certificates", "SslPolicy", "DefaultActions"];

    fn made(listener: &elbv2::Listener) -> Made {
        Made::new(&listener.listener_arn, &[("ListenerArn", &listener.listener_arn)])
    }
}

impl Resource for Listener {
    const KIND: Kind = Kind::new("AWS::ElasticLoadBalancingV2::Listener")
        .properties(&[
            property("LoadBalancerArn").required().replaces(),
            property("Port"),
            property("Protocol"),
            property("Certificates"),
            property("SslPolicy"),
            property("DefaultActions").required(),
        ])
        .attributes(&["ListenerArn"])
        .identity(&["LoadBalancerArn", "Port"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(&["LoadBalancerArn"]);
        members.extend(call.properties(Self::CHANGED));
        members.insert("Tags".to_owned(), call.tag_list());
        let made = call.send::<elbv2::CreateListener>(call.read(members)?).await?.listeners;
        made.first().map(Self::made).ok_or_else(|| Failure::Wrong("no listener was made".to_owned()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let request =
            elbv2::DescribeListenersRequest { load_balancer_arn: call.text("LoadBalancerArn"), ..Default::default() };
        let found = call.look::<elbv2::DescribeListeners>(request, MISSING).await?;
        for listener in found.map(|found| found.listeners).unwrap_or_default() {
            if !call.siblings.contains(&listener.listener_arn) && is_ours(call, &listener.listener_arn).await? {
                return Ok(Some(Self::made(&listener)));
            }
        }
        Ok(None)
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(Self::CHANGED);
        // A template that no longer says so goes back to the default.
        if call.lost("SslPolicy") && call.text("Protocol").as_deref() == Some("HTTPS") {
            members.insert("SslPolicy".to_owned(), "ELBSecurityPolicy-2016-08".into());
        }
        members.insert("ListenerArn".to_owned(), call.id()?.into());
        let listeners = call.send::<elbv2::ModifyListener>(call.read(members)?).await?.listeners;
        listeners.first().map(Self::made).ok_or_else(|| Failure::Wrong("the listener is gone".to_owned()))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = elbv2::DeleteListenerRequest { listener_arn: call.id()?.to_owned() };
        call.look::<elbv2::DeleteListener>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::ElasticLoadBalancingV2::ListenerCertificate`.
pub(super) struct ListenerCertificate;

impl ListenerCertificate {
    fn asked(call: &Call<'_>) -> Result<elbv2::AddListenerCertificatesRequest, Failure> {
        call.read(call.properties(&["ListenerArn", "Certificates"]))
    }

    /// The certificates that any version of the template before asked for.
    fn before(call: &Call<'_>) -> Vec<elbv2::Certificate> {
        let lists = call.thing.before.iter().filter_map(|had| had.get("Certificates").cloned());
        lists.filter_map(|list| serde_json::from_value::<Vec<elbv2::Certificate>>(list).ok()).flatten().collect()
    }

    async fn remove(call: &Call<'_>, listener: &str, certificates: Vec<elbv2::Certificate>) -> Result<(), Failure> {
        if certificates.is_empty() {
            return Ok(());
        }
        let request = elbv2::RemoveListenerCertificatesRequest { listener_arn: listener.to_owned(), certificates };
        call.look::<elbv2::RemoveListenerCertificates>(request, MISSING).await.map(|_| ())
    }
}

impl Resource for ListenerCertificate {
    const KIND: Kind = Kind::new("AWS::ElasticLoadBalancingV2::ListenerCertificate")
        .properties(&[property("ListenerArn").required().replaces(), property("Certificates").required()]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        call.send::<elbv2::AddListenerCertificates>(Self::asked(call)?).await?;
        Ok(Made::new(call.name("Id", MADE_UP_MAX), &[]))
    }

    async fn find(_: &Call<'_>) -> Result<Option<Made>, Failure> {
        // To add what is there already changes nothing, so it is simply asked for again.
        Ok(None)
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let asked = Self::asked(call)?;
        let gone = Self::before(call).into_iter().filter(|one| !asked.certificates.contains(one)).collect();
        Self::remove(call, &asked.listener_arn, gone).await?;
        call.send::<elbv2::AddListenerCertificates>(asked).await?;
        Ok(Made::new(call.id()?, &[]))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let asked = Self::asked(call)?;
        let all = asked.certificates.into_iter().chain(Self::before(call)).collect();
        Self::remove(call, &asked.listener_arn, all).await
    }
}

/// `AWS::ElasticLoadBalancingV2::ListenerRule`.
pub(super) struct ListenerRule;

impl ListenerRule {
    fn made(rule: &elbv2::Rule) -> Made {
        let default = if rule.is_default { "true" } else { "false" };
        Made::new(&rule.rule_arn, &[("RuleArn", &rule.rule_arn), ("IsDefault", default)])
    }

    /// The number of a priority, which templates also write as text.
    fn priority(call: &Call<'_>) -> Result<Value, Failure> {
        let given = call.property("Priority").cloned().unwrap_or_default();
        let number = given.as_u64().or_else(|| given.as_str()?.parse().ok());
        number.map(Value::from).ok_or_else(|| Failure::Wrong(format!("Priority {given} is not a number")))
    }
}

impl Resource for ListenerRule {
    const KIND: Kind = Kind::new("AWS::ElasticLoadBalancingV2::ListenerRule")
        .properties(&[
            property("ListenerArn").required().replaces(),
            property("Priority").required(),
            property("Conditions").required(),
            property("Actions").required(),
            property("Tags"),
        ])
        .attributes(&["RuleArn", "IsDefault"])
        .identity(&["ListenerArn", "Priority"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = call.properties(&["ListenerArn", "Conditions", "Actions"]);
        members.insert("Priority".to_owned(), Self::priority(call)?);
        members.insert("Tags".to_owned(), call.tag_list());
        let made = call.send::<elbv2::CreateRule>(call.read(members)?).await?.rules;
        made.first().map(Self::made).ok_or_else(|| Failure::Wrong("no rule was made".to_owned()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let request = elbv2::DescribeRulesRequest { listener_arn: call.text("ListenerArn"), ..Default::default() };
        let found = call.look::<elbv2::DescribeRules>(request, MISSING).await?;
        let rules = found.map(|found| found.rules).unwrap_or_default();
        for rule in rules.iter().filter(|rule| !rule.is_default && !call.siblings.contains(&rule.rule_arn)) {
            if is_ours(call, &rule.rule_arn).await? {
                return Ok(Some(Self::made(rule)));
            }
        }
        Ok(None)
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.id()?.to_owned();
        let pair = serde_json::json!({"RuleArn": arn, "Priority": Self::priority(call)?});
        let mut members = serde_json::Map::new();
        members.insert("RulePriorities".to_owned(), Value::Array(vec![pair]));
        call.send::<elbv2::SetRulePriorities>(call.read(members)?).await?;
        let mut members = call.properties(&["Conditions", "Actions"]);
        members.insert("RuleArn".to_owned(), arn.into());
        let rules = call.send::<elbv2::ModifyRule>(call.read(members)?).await?.rules;
        retag(call).await?;
        rules.first().map(Self::made).ok_or_else(|| Failure::Wrong("the rule is gone".to_owned()))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = elbv2::DeleteRuleRequest { rule_arn: call.id()?.to_owned() };
        call.look::<elbv2::DeleteRule>(request, MISSING).await.map(|_| ())
    }
}

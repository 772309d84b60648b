//! Security groups and their rules.

use api::ec2;
use names::Tags;
use serde_json::{Map, Value};

use super::{Call, Failure, Kind, Made, Resource, property};
use crate::template::text_of;

/// EC2's answers to what is not there.
const MISSING: &[&str] =
    &["InvalidGroup.NotFound", "InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"];
/// EC2's answer to a rule that is there already.
const DUPLICATE: &str = "InvalidPermission.Duplicate";

/// A rule as templates spell it, as EC2 takes it. The type decides which way it points.
fn permission(rule: &Map<String, Value>) -> Result<ec2::IpPermission, Failure> {
    let text = |name: &str| rule.get(name).and_then(text_of);
    let port = |name: &str| {
        let value = text(name).map(|text| text.parse::<i32>());
        value.transpose().map_err(|_| Failure::Wrong(format!("Property {name} is a port number")))
    };
    let protocol =
        text("IpProtocol").ok_or_else(|| Failure::Wrong("Property IpProtocol cannot be empty.".to_owned()))?;
    let description = text("Description");
    let mut permission = ec2::IpPermission {
        ip_protocol: protocol,
        from_port: port("FromPort")?,
        to_port: port("ToPort")?,
        ..Default::default()
    };
    let known = [
        "IpProtocol",
        "FromPort",
        "ToPort",
        "Description",
        "CidrIp",
        "CidrIpv6",
        "SourceSecurityGroupId",
        "SourceSecurityGroupName",
        "SourceSecurityGroupOwnerId",
        "DestinationSecurityGroupId",
        "GroupId",
    ];
    if let Some(other) = rule.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(Failure::Wrong(format!("Encountered unsupported property {other}")));
    }
    let group = text("SourceSecurityGroupId").or_else(|| text("DestinationSecurityGroupId"));
    if let Some(cidr_ip) = text("CidrIp") {
        permission.ip_ranges.push(ec2::IpRange { cidr_ip, description });
    } else if let Some(cidr_ipv6) = text("CidrIpv6") {
        permission.ipv6_ranges.push(ec2::Ipv6Range { cidr_ipv6, description });
    } else if let Some(group_id) = group {
        permission.groups.push(ec2::UserIdGroupPair { group_id: Some(group_id), description, ..Default::default() });
    } else if let Some(group_name) = text("SourceSecurityGroupName") {
        permission.groups.push(ec2::UserIdGroupPair {
            group_name: Some(group_name),
            description,
            ..Default::default()
        });
    } else {
        let choice = "CidrIp, CidrIpv6, SourceSecurityGroupId or SourceSecurityGroupName";
        return Err(Failure::Wrong(format!("A rule needs exactly one of {choice}")));
    }
    Ok(permission)
}

fn rules(call: &Call<'_>, name: &str) -> Result<Vec<ec2::IpPermission>, Failure> {
    rules_in(&call.thing.properties, name)
}

fn rules_in(properties: &Map<String, Value>, name: &str) -> Result<Vec<ec2::IpPermission>, Failure> {
    let rule = |value: &Value| match value {
        Value::Object(rule) => permission(rule),
        _ => Err(Failure::Wrong(format!("Property {name} is a list of rules"))),
    };
    match properties.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(rules)) => rules.iter().map(rule).collect(),
        Some(_) => Err(Failure::Wrong(format!("Property {name} is a list of rules"))),
    }
}

/// What was done is done: a rule that is there already, or is gone already.
fn done<T>(result: Result<T, Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if !failure.is_missing(&[DUPLICATE, MISSING[1]]) => Err(failure),
        _ => Ok(()),
    }
}

async fn authorize(call: &Call<'_>, group: &str, egress: bool, rule: ec2::IpPermission) -> Result<(), Failure> {
    let request = ec2::AuthorizeSecurityGroupRequest {
        group_id: Some(group.to_owned()),
        ip_permissions: vec![rule],
        ..Default::default()
    };
    if egress {
        done(call.send::<ec2::AuthorizeSecurityGroupEgress>(request).await)
    } else {
        done(call.send::<ec2::AuthorizeSecurityGroupIngress>(request).await)
    }
}

async fn revoke(call: &Call<'_>, group: &str, egress: bool, rule: ec2::IpPermission) -> Result<(), Failure> {
    let request = ec2::RevokeSecurityGroupRequest {
        group_id: Some(group.to_owned()),
        ip_permissions: vec![rule],
        ..Default::default()
    };
    if egress {
        done(call.send::<ec2::RevokeSecurityGroupEgress>(request).await)
    } else {
        done(call.send::<ec2::RevokeSecurityGroupIngress>(request).await)
    }
}

/// The rule every new group has: out to everywhere.
fn out_to_everywhere() -> ec2::IpPermission {
    let everywhere = ec2::IpRange { cidr_ip: "0.0.0.0/0".to_owned(), description: None };
    ec2::IpPermission { ip_protocol: "-1".to_owned(), ip_ranges: vec![everywhere], ..Default::default() }
}

/// `AWS::EC2::SecurityGroup`.
pub(super) struct SecurityGroup;

impl SecurityGroup {
    fn made(call: &Call<'_>, id: &str) -> Made {
        let vpc = call.text("VpcId").unwrap_or_default();
        Made::new(id, &[("GroupId", id), ("Id", id), ("VpcId", &vpc)])
    }

    /// Brings the rules from what they may be to what is asked; rules that others added are left alone.
    async fn settle_rules(call: &Call<'_>, id: &str) -> Result<(), Failure> {
        for (name, egress) in [("SecurityGroupIngress", false), ("SecurityGroupEgress", true)] {
            let new = rules(call, name)?;
            for before in &call.thing.before {
                for rule in rules_in(before, name)?.into_iter().filter(|rule| !new.contains(rule)) {
                    revoke(call, id, egress, rule).await?;
                }
            }
            for rule in &new {
                authorize(call, id, egress, rule.clone()).await?;
            }
        }
        // Rules for the way out stand in the place of the one that lets everything out.
        let own = rules(call, "SecurityGroupEgress")?;
        if own.is_empty() {
            return authorize(call, id, true, out_to_everywhere()).await;
        }
        if own.contains(&out_to_everywhere()) { Ok(()) } else { revoke(call, id, true, out_to_everywhere()).await }
    }
}

impl Resource for SecurityGroup {
    const KIND: Kind = Kind::new("AWS::EC2::SecurityGroup")
        .properties(&[
            property("GroupDescription").required().replaces(),
            property("GroupName").replaces(),
            property("VpcId").replaces(),
            property("SecurityGroupIngress"),
            property("SecurityGroupEgress"),
            property("Tags"),
        ])
        .attributes(&["GroupId", "Id", "VpcId"])
        .identity(&["GroupName", "VpcId"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        // Refused before anything is made.
        rules(call, "SecurityGroupIngress")?;
        rules(call, "SecurityGroupEgress")?;
        let tags = call.tags().into_iter().map(|(key, value)| ec2::Tag { key, value }).collect();
        let request = ec2::CreateSecurityGroupRequest {
            group_name: call.name("GroupName", 255),
            group_description: call.needed("GroupDescription")?,
            vpc_id: call.text("VpcId"),
            tag_specifications: vec![ec2::TagSpecification { resource_type: "security-group".to_owned(), tags }],
        };
        let id = call.send::<ec2::CreateSecurityGroup>(request).await?.group_id;
        Ok(Self::made(call, &id))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let filters = vec![ec2::Filter { name: "group-name".to_owned(), values: vec![call.name("GroupName", 255)] }];
        let request = ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
        let groups = call.send::<ec2::DescribeSecurityGroups>(request).await?.security_groups;
        let tags = |group: &ec2::SecurityGroup| -> Tags {
            group.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
        };
        let own =
            groups.into_iter().find(|group| call.is_ours(&tags(group)) && !call.siblings.contains(&group.group_id));
        Ok(own.map(|group| Self::made(call, &group.group_id)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let id = call.id()?.to_owned();
        Self::settle_rules(call, &id).await?;
        super::ec2::retag(call).await?;
        Ok(Self::made(call, &id))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = ec2::DeleteSecurityGroupRequest { group_id: Some(call.id()?.to_owned()) };
        call.look::<ec2::DeleteSecurityGroup>(request, MISSING).await.map(|_| ())
    }
}

/// `AWS::EC2::SecurityGroupIngress`: one rule, which has an id and tags of its own.
pub(super) struct SecurityGroupIngress;

impl SecurityGroupIngress {
    fn made(id: &str) -> Made {
        Made::new(id, &[("Id", id)])
    }

    /// The rule of the group that carries our tags.
    async fn own(call: &Call<'_>) -> Result<Option<ec2::SecurityGroupRule>, Failure> {
        let filters = vec![ec2::Filter { name: "group-id".to_owned(), values: vec![call.needed("GroupId")?] }];
        let request = ec2::DescribeSecurityGroupRulesRequest { filters, ..Default::default() };
        let found = call.look::<ec2::DescribeSecurityGroupRules>(request, MISSING).await?;
        let rules = found.map(|found| found.security_group_rules).unwrap_or_default();
        let is_own = |rule: &ec2::SecurityGroupRule| {
            let tags = rule.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
            call.is_ours(&tags) && !call.siblings.contains(&rule.security_group_rule_id)
        };
        Ok(rules.into_iter().find(is_own))
    }

    async fn revoke(call: &Call<'_>, id: String) -> Result<(), Failure> {
        let request = ec2::RevokeSecurityGroupRequest {
            group_id: Some(call.needed("GroupId")?),
            security_group_rule_ids: vec![id],
            ..Default::default()
        };
        call.look::<ec2::RevokeSecurityGroupIngress>(request, MISSING).await.map(|_| ())
    }
}

impl Resource for SecurityGroupIngress {
    const KIND: Kind = Kind::new("AWS::EC2::SecurityGroupIngress")
        .properties(&[
            property("GroupId").required().replaces(),
            property("IpProtocol").required().replaces(),
            property("FromPort").replaces(),
            property("ToPort").replaces(),
            property("CidrIp").replaces(),
            property("CidrIpv6").replaces(),
            property("SourceSecurityGroupId").replaces(),
            property("SourceSecurityGroupName").replaces(),
            property("SourceSecurityGroupOwnerId").replaces(),
            property("Description"),
        ])
        .attributes(&["Id"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let tags = call.tags().into_iter().map(|(key, value)| ec2::Tag { key, value }).collect();
        let request = ec2::AuthorizeSecurityGroupRequest {
            group_id: Some(call.needed("GroupId")?),
            ip_permissions: vec![permission(&call.thing.properties)?],
            tag_specifications: vec![ec2::TagSpecification { resource_type: "security-group-rule".to_owned(), tags }],
            ..Default::default()
        };
        let rules = call.send::<ec2::AuthorizeSecurityGroupIngress>(request).await?.security_group_rules;
        let rule = rules.first().ok_or_else(|| Failure::Wrong("no rule was made".to_owned()))?;
        Ok(Self::made(&rule.security_group_rule_id))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        Ok(Self::own(call).await?.map(|rule| Self::made(&rule.security_group_rule_id)))
    }

    /// Only the description can differ, and it cannot be changed by itself: the rule is taken away and added again.
    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        match Self::own(call).await? {
            Some(rule) if rule.description == call.text("Description") => {
                return Ok(Self::made(&rule.security_group_rule_id));
            }
            Some(rule) => Self::revoke(call, rule.security_group_rule_id).await?,
            None => {}
        }
        Self::create(call).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        Self::revoke(call, call.id()?.to_owned()).await
    }
}

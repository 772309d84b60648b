//! Security groups.

use api::ec2::{self as shape, TagItem};
use names::Arn;
use wire::Context;

use super::{
    all, all_in, get, in_process, key,
    vpc::{DEFAULT_GROUP, everything_out},
};
use crate::{
    Ec2,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    permission,
    rows::{NetworkInterface, Peer, SecurityGroup, Vpc},
    tags,
};

/// The longest name and description.
const LENGTH_MAX: usize = 255;

pub(super) async fn create_security_group(
    cx: Context<Ec2>,
    request: shape::CreateSecurityGroupRequest,
) -> Result<shape::CreateSecurityGroupResponse, Error> {
    let shape::CreateSecurityGroupRequest { group_name: name, group_description: description, .. } = request;
    let vpc_id = request.vpc_id.ok_or(Error::NoDefaultVpc)?;
    check_text("GroupName", &name)?;
    check_text("GroupDescription", &description)?;
    if name == DEFAULT_GROUP {
        return Err(Error::GroupReserved(name));
    }
    if name.starts_with("sg-") {
        return Err(Error::Value(format!(
            "Invalid value '{name}' for groupName. Group names may not be in the format sg-*."
        )));
    }
    let tags = tags::of(&request.tag_specifications, "security-group", in_process(cx.call()))?;
    let id = cx.ids.ec2("sg");
    let items = tags::items(&tags);
    cx.store.write(|tx| {
        get::<Vpc>(tx, &cx, Kind::Vpc, &vpc_id)?;
        let twin = all_in::<SecurityGroup>(tx, &cx)?.into_iter().any(|(_, g)| g.vpc_id == vpc_id && g.name == name);
        if twin {
            return Err(Error::GroupDuplicate { name, vpc: vpc_id });
        }
        let rules = vec![everything_out(&cx.ids)];
        Ok(tx.put(&key(&cx, &id), &SecurityGroup { vpc_id, name, description, rules, tags })?)
    })?;
    Ok(shape::CreateSecurityGroupResponse { security_group_arn: arn(&cx, &id), group_id: id, tags: items })
}

fn check_text(parameter: &str, text: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if !text.is_empty() && text.len() <= LENGTH_MAX && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::Value(format!(
        "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
    )))
}

fn arn(cx: &Context<Ec2>, id: &str) -> String {
    Arn::new("ec2", cx.scope(), format!("security-group/{id}")).to_string()
}

pub(super) async fn describe_security_groups(
    cx: Context<Ec2>,
    request: shape::DescribeSecurityGroupsRequest,
) -> Result<shape::DescribeSecurityGroupsResponse, Error> {
    let groups = all::<SecurityGroup>(&cx.store, &cx)?;
    let groups = groups.into_iter().map(|(id, row)| shown(&cx, id, &row)).collect();
    let narrowing = Narrowing {
        ids: &request.group_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (security_groups, next_token) = describe(groups, &narrowing, |id| Kind::SecurityGroup.not_found(id))?;
    Ok(shape::DescribeSecurityGroupsResponse { security_groups, next_token })
}

fn shown(cx: &Context<Ec2>, id: String, row: &SecurityGroup) -> shape::SecurityGroup {
    let rules = |egress| permission::items(cx.scope(), row.rules.iter().filter(move |rule| rule.egress == egress));
    shape::SecurityGroup {
        security_group_arn: arn(cx, &id),
        group_id: id,
        group_name: row.name.clone(),
        group_description: row.description.clone(),
        owner_id: cx.scope().account.to_string(),
        vpc_id: row.vpc_id.clone(),
        ip_permissions: rules(false),
        ip_permissions_egress: rules(true),
        tags: tags::items(&row.tags),
    }
}

impl Described for shape::SecurityGroup {
    const FILTERS: &'static [&'static str] = &[
        "group-id",
        "group-name",
        "vpc-id",
        "description",
        "owner-id",
        "ip-permission.cidr",
        "ip-permission.group-id",
        "ip-permission.protocol",
        "ip-permission.from-port",
        "ip-permission.to-port",
    ];

    fn id(&self) -> &str {
        &self.group_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        let permissions = self.ip_permissions.iter();
        match filter {
            "group-name" => vec![self.group_name.clone()],
            "vpc-id" => vec![self.vpc_id.clone()],
            "description" => vec![self.group_description.clone()],
            "owner-id" => vec![self.owner_id.clone()],
            "ip-permission.cidr" => permissions.flat_map(|p| &p.ip_ranges).map(|r| r.cidr_ip.clone()).collect(),
            "ip-permission.group-id" => permissions.flat_map(|p| &p.groups).map(|g| g.group_id.clone()).collect(),
            "ip-permission.protocol" => permissions.map(|p| p.ip_protocol.clone()).collect(),
            "ip-permission.from-port" => permissions.filter_map(|p| Some(p.from_port?.to_string())).collect(),
            "ip-permission.to-port" => permissions.filter_map(|p| Some(p.to_port?.to_string())).collect(),
            _ => vec![self.group_id.clone()],
        }
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

/// Deletes a group that no interface is in and no other group's rule speaks of.
pub(super) async fn delete_security_group(
    cx: Context<Ec2>,
    request: shape::DeleteSecurityGroupRequest,
) -> Result<shape::DeleteSecurityGroupResponse, Error> {
    let id = request.group_id.ok_or(Error::Missing("GroupId"))?;
    cx.store.write(|tx| {
        let row = get::<SecurityGroup>(tx, &cx, Kind::SecurityGroup, &id)?;
        if row.name == DEFAULT_GROUP {
            return Err(Error::CannotDelete(id.clone()));
        }
        let used = all_in::<NetworkInterface>(tx, &cx)?.iter().any(|(_, interface)| interface.groups.contains(&id));
        let speaks = |group: &SecurityGroup| group.rules.iter().any(|rule| rule.peer == Peer::Group(id.clone()));
        let spoken_of = all_in::<SecurityGroup>(tx, &cx)?.iter().any(|(other, group)| *other != id && speaks(group));
        if used || spoken_of {
            return Err(Error::Dependency(format!("resource {id} has a dependent object")));
        }
        tx.delete::<SecurityGroup>(&key(&cx, &id))?;
        Ok(())
    })?;
    Ok(shape::DeleteSecurityGroupResponse { done: true, group_id: id })
}

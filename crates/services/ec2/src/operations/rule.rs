//! Rules of security groups: added, taken away, shown.

use api::ec2::{self as shape, IpPermission, TagItem, UserIdGroupPair};
use store::Transaction;
use wire::Context;

use super::{all, all_in, get, in_process, key};
use crate::{
    Ec2,
    error::{Error, Kind},
    filter::{Described, Narrowing, describe},
    permission::{self, Single, Told},
    rows::{Rule, SecurityGroup},
    tags,
};

/// Rules that a group may have in one direction, AWS's highest quota. What the kernel must hold stays bounded.
const RULES_MAX: usize = 1000;

pub(super) async fn authorize_ingress(
    cx: Context<Ec2>,
    request: shape::AuthorizeSecurityGroupRequest,
) -> Result<shape::AuthorizeSecurityGroupResponse, Error> {
    authorize(&cx, &request, false)
}

pub(super) async fn authorize_egress(
    cx: Context<Ec2>,
    request: shape::AuthorizeSecurityGroupRequest,
) -> Result<shape::AuthorizeSecurityGroupResponse, Error> {
    authorize(&cx, &request, true)
}

fn authorize(
    cx: &Context<Ec2>,
    request: &shape::AuthorizeSecurityGroupRequest,
    egress: bool,
) -> Result<shape::AuthorizeSecurityGroupResponse, Error> {
    let id = request.group_id.as_deref().ok_or(Error::Missing("GroupId"))?;
    let single = Single {
        protocol: request.ip_protocol.as_deref(),
        from_port: request.from_port,
        to_port: request.to_port,
        cidr: request.cidr_ip.as_deref(),
    };
    let tags = tags::of(&request.tag_specifications, "security-group-rule", in_process(cx.call()))?;
    let added = cx.store.write(|tx| {
        let mut row = get::<SecurityGroup>(tx, cx, Kind::SecurityGroup, id)?;
        let mut added: Vec<Rule> = Vec::new();
        for told in tell(tx, cx, &row, &request.ip_permissions, single)? {
            if row.rules.iter().chain(&added).any(|rule| rule.egress == egress && told.is(rule)) {
                return Err(Error::RuleDuplicate(told.words()));
            }
            let Told { traffic, peer, description } = told;
            added.push(Rule { id: cx.ids.ec2("sgr"), egress, traffic, peer, description, tags: tags.clone() });
        }
        row.rules.extend(added.iter().cloned());
        if row.rules.iter().filter(|rule| rule.egress == egress).count() > RULES_MAX {
            return Err(Error::Value(format!("A security group has at most {RULES_MAX} rules in each direction")));
        }
        tx.put(&key(cx, id), &row)?;
        Ok(added)
    })?;
    let security_group_rules = added.iter().map(|rule| permission::rule(cx.scope(), id, rule)).collect();
    Ok(shape::AuthorizeSecurityGroupResponse { done: true, security_group_rules })
}

/// The rules that a request tells about the group `row`; there must be some.
fn tell(
    tx: &Transaction<'_>,
    cx: &Context<Ec2>,
    row: &SecurityGroup,
    permissions: &[IpPermission],
    single: Single<'_>,
) -> Result<Vec<Told>, Error> {
    let groups = all_in::<SecurityGroup>(tx, cx)?;
    let told = permission::read(permissions, single, |pair| peer(cx, row, &groups, pair))?;
    if told.is_empty() { Err(Error::Missing("ipPermissions")) } else { Ok(told) }
}

/// The id of a group that a rule of the group `row` speaks of. It must be of the same VPC and account.
fn peer(
    cx: &Context<Ec2>,
    row: &SecurityGroup,
    groups: &[(String, SecurityGroup)],
    pair: &UserIdGroupPair,
) -> Result<String, Error> {
    if let Some(account) = pair.user_id.as_ref().filter(|account| **account != cx.scope().account.as_str()) {
        return Err(Error::Value(format!("Groups of another account ({account}) can't be peers of a rule")));
    }
    if pair.vpc_id.as_ref().is_some_and(|vpc| *vpc != row.vpc_id) {
        return Err(Error::Value("Groups of a peered VPC can't be peers of a rule: VPCs can't be peered".to_owned()));
    }
    let of_vpc = |group: &&(String, SecurityGroup)| group.1.vpc_id == row.vpc_id;
    let (found, told) = match (&pair.group_id, &pair.group_name) {
        (Some(id), _) => (groups.iter().find(|group| group.0 == *id), id),
        (None, Some(name)) => (groups.iter().filter(of_vpc).find(|group| group.1.name == *name), name),
        (None, None) => return Err(Error::Missing("GroupId")),
    };
    match found {
        Some(group) if of_vpc(&group) => Ok(group.0.clone()),
        Some(_) => Err(Error::GroupElsewhere { group: told.clone(), vpc: row.vpc_id.clone() }),
        None => Err(Kind::SecurityGroup.not_found(told)),
    }
}

pub(super) async fn revoke_ingress(
    cx: Context<Ec2>,
    request: shape::RevokeSecurityGroupRequest,
) -> Result<shape::RevokeSecurityGroupResponse, Error> {
    revoke(&cx, &request, false)
}

pub(super) async fn revoke_egress(
    cx: Context<Ec2>,
    request: shape::RevokeSecurityGroupRequest,
) -> Result<shape::RevokeSecurityGroupResponse, Error> {
    revoke(&cx, &request, true)
}

fn revoke(
    cx: &Context<Ec2>,
    request: &shape::RevokeSecurityGroupRequest,
    egress: bool,
) -> Result<shape::RevokeSecurityGroupResponse, Error> {
    let id = request.group_id.as_deref().ok_or(Error::Missing("GroupId"))?;
    let single = Single {
        protocol: request.ip_protocol.as_deref(),
        from_port: request.from_port,
        to_port: request.to_port,
        cidr: request.cidr_ip.as_deref(),
    };
    let gone = cx.store.write(|tx| {
        let mut row = get::<SecurityGroup>(tx, cx, Kind::SecurityGroup, id)?;
        let mut gone = Vec::new();
        for rule_id in &request.security_group_rule_ids {
            let at = row.rules.iter().position(|rule| rule.egress == egress && rule.id == *rule_id);
            gone.push(row.rules.remove(at.ok_or_else(|| Kind::SecurityGroupRule.not_found(rule_id))?));
        }
        if gone.is_empty() {
            for told in tell(tx, cx, &row, &request.ip_permissions, single)? {
                let at = row.rules.iter().position(|rule| rule.egress == egress && told.is(rule));
                gone.push(row.rules.remove(at.ok_or(Error::RuleNotFound)?));
            }
        }
        tx.put(&key(cx, id), &row)?;
        Ok::<_, Error>(gone)
    })?;
    let revoked_security_group_rules = gone.iter().map(|rule| permission::revoked(id, rule)).collect();
    Ok(shape::RevokeSecurityGroupResponse { done: true, revoked_security_group_rules })
}

pub(super) async fn describe_security_group_rules(
    cx: Context<Ec2>,
    request: shape::DescribeSecurityGroupRulesRequest,
) -> Result<shape::DescribeSecurityGroupRulesResponse, Error> {
    let groups = all::<SecurityGroup>(&cx.store, &cx)?;
    let rules = groups.iter().flat_map(|(id, group)| group.rules.iter().map(move |rule| (id, rule)));
    let rules = rules.map(|(id, rule)| permission::rule(cx.scope(), id, rule)).collect();
    let narrowing = Narrowing {
        ids: &request.security_group_rule_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let missing = |id: &str| Kind::SecurityGroupRule.not_found(id);
    let (security_group_rules, next_token) = describe(rules, &narrowing, missing)?;
    Ok(shape::DescribeSecurityGroupRulesResponse { security_group_rules, next_token })
}

impl Described for shape::SecurityGroupRule {
    const FILTERS: &'static [&'static str] = &["group-id", "security-group-rule-id"];

    fn id(&self) -> &str {
        &self.security_group_rule_id
    }

    fn values(&self, filter: &str) -> Vec<String> {
        vec![if filter == "group-id" { self.group_id.clone() } else { self.security_group_rule_id.clone() }]
    }

    fn tags(&self) -> &[TagItem] {
        &self.tags
    }
}

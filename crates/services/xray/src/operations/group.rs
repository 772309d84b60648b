//! Groups: filter expressions with a name.

use api::xray as model;
use names::{Arn, Scope};
use store::Transaction;
use telemetry::traces::Filter;

use super::{Cx, invalid, tag};
use crate::{
    Error,
    rows::{DEFAULT, Group},
};

/// Groups beside the default one, as at AWS.
const GROUPS_MAX: usize = 25;
/// The longest name of a group, in characters.
const NAME_MAX: usize = 32;
/// Groups on a page.
const PAGE: usize = 100;

/// `CreateGroup`.
pub(super) async fn create_group(
    cx: Cx,
    request: model::CreateGroupRequest,
) -> Result<model::CreateGroupResponse, Error> {
    let name = request.group_name;
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(invalid(format!("GroupName must have 1 to {NAME_MAX} characters")));
    }
    no_insights(request.insights_configuration.as_ref())?;
    let expression = checked(request.filter_expression.unwrap_or_default())?;
    let group = Group { name, id: cx.ids.hex(32).to_uppercase(), expression, tags: tag::checked(request.tags)? };
    cx.store.write(|tx| {
        let groups = tx.list::<Group>(cx.scope())?;
        if group.name == DEFAULT || groups.iter().any(|(_, other)| other.name == group.name) {
            return Err(invalid(format!("there is a group {} already", group.name)));
        }
        if groups.len() >= GROUPS_MAX {
            return Err(invalid(format!("there can be at most {GROUPS_MAX} groups beside {DEFAULT}")));
        }
        Ok(tx.put(&Group::key(cx.scope(), &group.name), &group)?)
    })?;
    Ok(model::CreateGroupResponse { group: Some(shown(&group, cx.scope())) })
}

/// `UpdateGroup`.
pub(super) async fn update_group(
    cx: Cx,
    request: model::UpdateGroupRequest,
) -> Result<model::UpdateGroupResponse, Error> {
    no_insights(request.insights_configuration.as_ref())?;
    let name = named(&cx, request.group_name, request.group_arn)?;
    let group = cx.store.write(|tx| {
        let mut group = find(tx, cx.scope(), &name)?;
        if let Some(expression) = request.filter_expression {
            if name == DEFAULT {
                return Err(invalid(format!("the group {DEFAULT} is of all traces; make another for some")));
            }
            group.expression = checked(expression)?;
            tx.put(&Group::key(cx.scope(), &name), &group)?;
        }
        Ok(group)
    })?;
    Ok(model::UpdateGroupResponse { group: Some(shown(&group, cx.scope())) })
}

/// `GetGroup`.
pub(super) async fn get_group(cx: Cx, request: model::GetGroupRequest) -> Result<model::GetGroupResponse, Error> {
    let name = named(&cx, request.group_name, request.group_arn)?;
    let group = cx.store.write(|tx| find(tx, cx.scope(), &name))?;
    Ok(model::GetGroupResponse { group: Some(shown(&group, cx.scope())) })
}

/// `GetGroups`.
pub(super) async fn get_groups(cx: Cx, request: model::GetGroupsRequest) -> Result<model::GetGroupsResponse, Error> {
    let kept = cx.store.list::<Group>(cx.scope())?.into_iter().map(|(_, group)| group);
    let groups: Vec<_> = std::iter::once(Group::default_group()).chain(kept).collect();
    let (page, next_token) = wire::page(groups, |group| group.name.clone(), PAGE, request.next_token.as_deref())?;
    Ok(model::GetGroupsResponse { groups: page.iter().map(|group| shown(group, cx.scope())).collect(), next_token })
}

/// `DeleteGroup`.
pub(super) async fn delete_group(
    cx: Cx,
    request: model::DeleteGroupRequest,
) -> Result<model::DeleteGroupResponse, Error> {
    let name = named(&cx, request.group_name, request.group_arn)?;
    if name == DEFAULT {
        return Err(invalid(format!("the group {DEFAULT} is always there")));
    }
    cx.store.write(|tx| {
        find(tx, cx.scope(), &name)?;
        Ok::<_, Error>(tx.delete::<Group>(&Group::key(cx.scope(), &name))?)
    })?;
    Ok(model::DeleteGroupResponse {})
}

/// The filter of the traces that are asked for: of a group, of all where none is named.
pub(super) fn filter_of(cx: &Cx, name: Option<String>, arn: Option<String>) -> Result<Filter, Error> {
    if name.is_none() && arn.is_none() {
        return read("");
    }
    let name = named(cx, name, arn)?;
    let group = cx.store.write(|tx| find(tx, cx.scope(), &name))?;
    read(&group.expression)
}

/// Reads an expression that may name groups of this scope.
pub(super) fn filter(cx: &Cx, text: &str) -> Result<Filter, Error> {
    let groups = cx.store.list::<Group>(cx.scope())?;
    let group = |wanted: &str| {
        let mut all = groups.iter().map(|(_, group)| group.clone()).chain([Group::default_group()]);
        all.find(|group| group.name == wanted || group.arn(cx.scope()) == wanted).map(|group| group.expression)
    };
    Filter::parse_with_groups(text, &group).map_err(|error| invalid(error.to_string()))
}

fn read(expression: &str) -> Result<Filter, Error> {
    Filter::parse(expression).map_err(|error| invalid(error.to_string()))
}

fn checked(expression: String) -> Result<String, Error> {
    read(&expression).map(|_| expression)
}

fn no_insights(asked: Option<&model::InsightsConfiguration>) -> Result<(), Error> {
    let Some(asked) = asked else { return Ok(()) };
    for (name, value) in
        [("InsightsEnabled", asked.insights_enabled), ("NotificationsEnabled", asked.notifications_enabled)]
    {
        if value == Some(true) {
            return Err(invalid(format!(
                "InsightsConfiguration.{name} is not here: nothing looks for anomalies in traces"
            )));
        }
    }
    Ok(())
}

/// The group's name, given by it or by its ARN.
fn named(cx: &Cx, name: Option<String>, arn: Option<String>) -> Result<String, Error> {
    match (name, arn) {
        (Some(name), None) => Ok(name),
        (None, Some(arn)) => {
            name_in(cx.scope(), &arn).ok_or_else(|| invalid(format!("{arn} is not the ARN of a group here")))
        }
        _ => Err(invalid("give GroupName or GroupARN, one of the two")),
    }
}

/// The name in a group's ARN.
pub(super) fn name_in(scope: &Scope, arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    let ours = arn.service == "xray" && arn.scope().as_ref() == Some(scope);
    let rest = arn.name_of("group").filter(|_| ours)?;
    Some(rest.split_once('/').map_or(rest, |(name, _)| name).to_owned())
}

fn find(tx: &Transaction<'_>, scope: &Scope, name: &str) -> Result<Group, Error> {
    if name == DEFAULT {
        return Ok(Group::default_group());
    }
    tx.get(&Group::key(scope, name))?.ok_or_else(|| invalid(format!("there is no group {name}")))
}

fn shown(group: &Group, scope: &Scope) -> model::Group {
    let insights = model::InsightsConfiguration { insights_enabled: Some(false), notifications_enabled: Some(false) };
    model::Group {
        group_name: Some(group.name.clone()),
        group_arn: Some(group.arn(scope)),
        filter_expression: (!group.expression.is_empty()).then(|| group.expression.clone()),
        insights_configuration: Some(insights),
    }
}

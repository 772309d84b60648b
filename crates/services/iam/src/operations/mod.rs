//! IAM's table of operations, and what they share.

mod policy;
mod role;
mod role_change;
mod service_linked;
mod tag;

use api::iam as model;
use names::{Arn, Tags};
use wire::{Bound, Context, bind};

use crate::{Error, Iam, rows::Role};

/// Items on a page, unless fewer are asked for.
const PAGE: usize = 100;
/// Tags on one role.
const TAGS_MAX: usize = 50;

pub(crate) fn operations() -> Vec<Bound<Iam>> {
    vec![
        bind::<model::CreateRole, _, _, _, _>(role::create_role),
        bind::<model::GetRole, _, _, _, _>(role::get_role),
        bind::<model::ListRoles, _, _, _, _>(role::list_roles),
        bind::<model::DeleteRole, _, _, _, _>(role::delete_role),
        bind::<model::UpdateRole, _, _, _, _>(role_change::update_role),
        bind::<model::UpdateRoleDescription, _, _, _, _>(role_change::update_role_description),
        bind::<model::UpdateAssumeRolePolicy, _, _, _, _>(role_change::update_assume_role_policy),
        bind::<model::PutRolePermissionsBoundary, _, _, _, _>(role_change::put_role_permissions_boundary),
        bind::<model::DeleteRolePermissionsBoundary, _, _, _, _>(role_change::delete_role_permissions_boundary),
        bind::<model::PutRolePolicy, _, _, _, _>(policy::put_role_policy),
        bind::<model::GetRolePolicy, _, _, _, _>(policy::get_role_policy),
        bind::<model::ListRolePolicies, _, _, _, _>(policy::list_role_policies),
        bind::<model::DeleteRolePolicy, _, _, _, _>(policy::delete_role_policy),
        bind::<model::AttachRolePolicy, _, _, _, _>(policy::attach_role_policy),
        bind::<model::DetachRolePolicy, _, _, _, _>(policy::detach_role_policy),
        bind::<model::ListAttachedRolePolicies, _, _, _, _>(policy::list_attached_role_policies),
        bind::<model::TagRole, _, _, _, _>(tag::tag_role),
        bind::<model::UntagRole, _, _, _, _>(tag::untag_role),
        bind::<model::ListRoleTags, _, _, _, _>(tag::list_role_tags),
        bind::<model::CreateServiceLinkedRole, _, _, _, _>(service_linked::create_service_linked_role),
        bind::<model::DeleteServiceLinkedRole, _, _, _, _>(service_linked::delete_service_linked_role),
        bind::<model::GetServiceLinkedRoleDeletionStatus, _, _, _, _>(
            service_linked::get_service_linked_role_deletion_status,
        ),
    ]
}

type Cx = Context<Iam>;

/// The role called `name`.
fn role(cx: &Cx, name: &str) -> Result<Role, Error> {
    cx.store.get(&Role::key(cx.scope(), name))?.ok_or_else(|| Error::NoSuchRole(name.to_owned()))
}

/// Changes the role called `name`, unless it is one that only its service changes.
fn change<T>(cx: &Cx, name: &str, change: impl FnOnce(&mut Role) -> Result<T, Error>) -> Result<T, Error> {
    let key = Role::key(cx.scope(), name);
    cx.store.write(|tx| {
        let mut role = tx.get::<Role>(&key)?.ok_or_else(|| Error::NoSuchRole(name.to_owned()))?;
        if role.service_linked {
            return Err(Error::Unmodifiable(role.name));
        }
        let made = change(&mut role)?;
        tx.put(&key, &role)?;
        Ok(made)
    })
}

/// A page of `items` by `key`: the items, and the marker of the next page.
fn page<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    (marker, max_items): (Option<&str>, Option<i32>),
) -> Result<(Vec<T>, Option<String>), Error> {
    let limit = max_items.map_or(Some(PAGE), |max| usize::try_from(max).ok().filter(|max| (1..=1000).contains(max)));
    let limit = limit.ok_or_else(|| Error::Validation("MaxItems must be between 1 and 1000".to_owned()))?;
    Ok(wire::page(items, key, limit, marker)?)
}

/// Whether `name` is 1 to `max` letters, digits or any of `_+=,.@-`.
fn check_name(member: &str, name: &str, max: usize) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (1..=max).contains(&name.len()) && name.chars().all(is_part) {
        return Ok(());
    }
    Err(Error::Validation(format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_- and be at most {max} long"
    )))
}

/// The name of the managed policy that `arn` names: AWS's own are all there, others none.
fn managed_policy(arn: &str) -> Result<String, Error> {
    let invalid = || Error::InvalidInput(format!("ARN {arn} is not valid."));
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let path = parsed.name_of("policy").filter(|_| parsed.service == "iam").ok_or_else(invalid)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    check_name("policyArn", name, 128).map_err(|_| invalid())?;
    if parsed.account == "aws" { Ok(name.to_owned()) } else { Err(Error::NoSuchPolicy(arn.to_owned())) }
}

fn tags(list: Vec<model::Tag>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for tag in list {
        if tag.key.is_empty() || tag.key.chars().count() > 128 || tag.value.chars().count() > 256 {
            return Err(Error::Validation(
                "the keys of Tags have 1 to 128 characters, the values at most 256".to_owned(),
            ));
        }
        if tags.insert(tag.key, tag.value).is_some() {
            return Err(Error::InvalidInput(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".to_owned(),
            ));
        }
    }
    if tags.len() > TAGS_MAX { Err(Error::LimitExceeded { name: "TagsPerRole", max: TAGS_MAX }) } else { Ok(tags) }
}

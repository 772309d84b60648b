//! Log groups.

use api::logs as model;
use telemetry::logs::{Group, GroupQuery, NewGroup};

use super::{Cx, page_size, tag, work};
use crate::{
    Error,
    identifier::{check_group, group_arn, group_of, invalid},
    token,
};

/// For how many days events can be kept.
const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// The only class of groups here.
const CLASS: &str = "STANDARD";

/// `CreateLogGroup`.
pub(super) async fn create_log_group(
    cx: Cx,
    request: model::CreateLogGroupRequest,
) -> Result<model::CreateLogGroupResponse, Error> {
    check_group(&request.log_group_name)?;
    if request.kms_key_id.is_some() {
        return Err(invalid("kmsKeyId is not supported by Serin: there is no KMS, and logs stay on this machine"));
    }
    if let Some(class) = request.log_group_class.filter(|class| class != CLASS) {
        return Err(invalid(format!("logGroupClass {class} is not supported by Serin: {CLASS} is")));
    }
    let tags = tag::checked(request.tags)?;
    let group = NewGroup {
        name: request.log_group_name,
        retention_days: None,
        protected: request.deletion_protection_enabled.unwrap_or(false),
        tags,
    };
    work(&cx, move |w| Ok(w.logs.create_group(&w.scope, &group, w.now)?)).await?;
    Ok(model::CreateLogGroupResponse {})
}

/// `DeleteLogGroup`.
pub(super) async fn delete_log_group(
    cx: Cx,
    request: model::DeleteLogGroupRequest,
) -> Result<model::DeleteLogGroupResponse, Error> {
    work(&cx, move |w| Ok(w.logs.delete_group(&w.scope, &request.log_group_name)?)).await?;
    Ok(model::DeleteLogGroupResponse {})
}

/// `DescribeLogGroups`.
pub(super) async fn describe_log_groups(
    cx: Cx,
    request: model::DescribeLogGroupsRequest,
) -> Result<model::DescribeLogGroupsResponse, Error> {
    if request.log_group_name_prefix.is_some() && request.log_group_name_pattern.is_some() {
        return Err(invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive parameters."));
    }
    let limit = page_size(request.limit, 50)?;
    if request.log_group_class.as_deref().is_some_and(|class| class != CLASS) {
        return Ok(model::DescribeLogGroupsResponse::default());
    }
    let names = request.log_group_identifiers.iter().map(|identifier| group_of(cx.scope(), identifier));
    let query = GroupQuery {
        prefix: request.log_group_name_prefix.unwrap_or_default(),
        infix: request.log_group_name_pattern.unwrap_or_default(),
        names: names.collect::<Result<_, _>>()?,
        after: request.next_token.as_deref().map(token::read_plain).transpose()?.unwrap_or_default(),
        limit,
    };
    let (groups, more) = work(&cx, move |w| Ok(w.logs.groups(&w.scope, &query)?)).await?;
    let next_token = groups.last().filter(|_| more).map(|last| token::write_plain(&last.name));
    let log_groups = groups.into_iter().map(|group| shown(&group_arn(cx.scope(), &group.name), group)).collect();
    Ok(model::DescribeLogGroupsResponse { log_groups, next_token })
}

fn shown(arn: &str, group: Group) -> model::LogGroup {
    model::LogGroup {
        log_group_name: Some(group.name),
        creation_time: Some(group.created.as_millis()),
        retention_in_days: group.retention_days.and_then(|days| i32::try_from(days).ok()),
        metric_filter_count: Some(0),
        arn: Some(format!("{arn}:*")),
        stored_bytes: i64::try_from(group.bytes).ok(),
        log_group_class: Some(CLASS.to_owned()),
        log_group_arn: Some(arn.to_owned()),
        deletion_protection_enabled: Some(group.protected),
    }
}

/// `PutRetentionPolicy`.
pub(super) async fn put_retention_policy(
    cx: Cx,
    request: model::PutRetentionPolicyRequest,
) -> Result<model::PutRetentionPolicyResponse, Error> {
    let days = request.retention_in_days;
    let known = RETENTION_DAYS.contains(&days).then(|| u32::try_from(days).ok()).flatten();
    let days = known.ok_or_else(|| {
        let allowed: Vec<_> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
        invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            allowed.join(", ")
        ))
    })?;
    work(&cx, move |w| Ok(w.logs.set_retention(&w.scope, &request.log_group_name, Some(days))?)).await?;
    Ok(model::PutRetentionPolicyResponse {})
}

/// `DeleteRetentionPolicy`.
pub(super) async fn delete_retention_policy(
    cx: Cx,
    request: model::DeleteRetentionPolicyRequest,
) -> Result<model::DeleteRetentionPolicyResponse, Error> {
    work(&cx, move |w| Ok(w.logs.set_retention(&w.scope, &request.log_group_name, None)?)).await?;
    Ok(model::DeleteRetentionPolicyResponse {})
}

/// `PutLogGroupDeletionProtection`.
pub(super) async fn put_log_group_deletion_protection(
    cx: Cx,
    request: model::PutLogGroupDeletionProtectionRequest,
) -> Result<model::PutLogGroupDeletionProtectionResponse, Error> {
    let name = group_of(cx.scope(), &request.log_group_identifier)?;
    work(&cx, move |w| Ok(w.logs.set_protected(&w.scope, &name, request.deletion_protection_enabled)?)).await?;
    Ok(model::PutLogGroupDeletionProtectionResponse {})
}

//! Log groups.

use api::logs;

use super::{Call, Failure, Kind, Made, Resource, property};

/// Logs' answer to what is not there.
const MISSING: &[&str] = &["ResourceNotFoundException"];
/// The longest name of a log group.
const NAME_MAX: usize = 512;

/// `AWS::Logs::LogGroup`.
pub(super) struct LogGroup;

impl LogGroup {
    async fn described(call: &Call<'_>, name: &str) -> Result<Option<logs::LogGroup>, Failure> {
        let request =
            logs::DescribeLogGroupsRequest { log_group_name_prefix: Some(name.to_owned()), ..Default::default() };
        let groups = call.send::<logs::DescribeLogGroups>(request).await?.log_groups;
        Ok(groups.into_iter().find(|group| group.log_group_name.as_deref() == Some(name)))
    }

    async fn made(call: &Call<'_>, name: &str) -> Result<Made, Failure> {
        let group = Self::described(call, name).await?;
        let group = group.ok_or_else(|| Failure::Wrong(format!("the log group {name} is gone")))?;
        Ok(Made::new(name, &[("Arn", &group.arn.unwrap_or_default())]))
    }

    async fn tags(call: &Call<'_>, name: &str) -> Result<names::Tags, Failure> {
        let request = logs::ListTagsLogGroupRequest { log_group_name: name.to_owned() };
        let found = call.look::<logs::ListTagsLogGroup>(request, MISSING).await?;
        Ok(found.map(|found| found.tags).unwrap_or_default())
    }
}

impl Resource for LogGroup {
    const KIND: Kind = Kind::new("AWS::Logs::LogGroup")
        .properties(&[
            property("LogGroupName").replaces(),
            property("LogGroupClass").replaces(),
            property("RetentionInDays"),
            property("Tags"),
        ])
        .attributes(&["Arn"])
        .identity(&["LogGroupName"]);
    const COMPLETED_BY_UPDATE: bool = true;

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let name = call.name("LogGroupName", NAME_MAX);
        let request = logs::CreateLogGroupRequest {
            log_group_name: name.clone(),
            log_group_class: call.text("LogGroupClass"),
            tags: call.tags(),
            ..Default::default()
        };
        call.send::<logs::CreateLogGroup>(request).await?;
        Self::made(call, &name).await
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let name = call.name("LogGroupName", NAME_MAX);
        if Self::described(call, &name).await?.is_none() || !call.is_ours(&Self::tags(call, &name).await?) {
            return Ok(None);
        }
        Ok(Some(Self::made(call, &name).await?))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let name = call.id()?.to_owned();
        if let Some(days) = call.text("RetentionInDays") {
            let days = days
                .parse()
                .map_err(|_| Failure::Wrong(format!("Property RetentionInDays is a number, not {days}")))?;
            let request = logs::PutRetentionPolicyRequest { log_group_name: name.clone(), retention_in_days: days };
            call.send::<logs::PutRetentionPolicy>(request).await?;
        } else {
            let request = logs::DeleteRetentionPolicyRequest { log_group_name: name.clone() };
            call.send::<logs::DeleteRetentionPolicy>(request).await?;
        }
        let (set, gone) = call.tag_changes(&Self::tags(call, &name).await?);
        if !set.is_empty() {
            let request = logs::TagLogGroupRequest { log_group_name: name.clone(), tags: set };
            call.send::<logs::TagLogGroup>(request).await?;
        }
        if !gone.is_empty() {
            let request = logs::UntagLogGroupRequest { log_group_name: name.clone(), tags: gone };
            call.send::<logs::UntagLogGroup>(request).await?;
        }
        Self::made(call, &name).await
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = logs::DeleteLogGroupRequest { log_group_name: call.id()?.to_owned() };
        call.look::<logs::DeleteLogGroup>(request, MISSING).await.map(|_| ())
    }
}

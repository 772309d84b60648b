//! Alarms on metrics.

use api::cloudwatch::{self, PutMetricAlarmRequest};
use serde_json::Value;

use super::{Call, Failure, Kind, Made, Resource, property};

/// CloudWatch's answers to what is not there.
const MISSING: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];
/// The longest name of an alarm.
const NAME_MAX: usize = 255;

/// What an alarm is put with, beside its name and tags.
const PUT: &[&str] = &[
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
    "Unit",
];

/// `AWS::CloudWatch::Alarm`.
pub(super) struct Alarm;

impl Alarm {
    async fn put(call: &Call<'_>, name: &str) -> Result<(), Failure> {
        let mut properties = call.properties(PUT);
        properties.insert("AlarmName".to_owned(), Value::from(name));
        properties.insert("Tags".to_owned(), call.tag_list());
        let request: PutMetricAlarmRequest = call.read(properties)?;
        call.send::<cloudwatch::PutMetricAlarm>(request).await.map(|_| ())
    }

    async fn arn(call: &Call<'_>, name: &str) -> Result<Option<String>, Failure> {
        let request = cloudwatch::DescribeAlarmsRequest { alarm_names: vec![name.to_owned()], ..Default::default() };
        let found = call.send::<cloudwatch::DescribeAlarms>(request).await?.metric_alarms;
        Ok(found.into_iter().next().and_then(|alarm| alarm.alarm_arn))
    }

    async fn made(call: &Call<'_>, name: &str) -> Result<Made, Failure> {
        let arn = Self::arn(call, name).await?;
        let arn = arn.ok_or_else(|| Failure::Wrong(format!("the alarm {name} is gone")))?;
        Ok(Made::new(name, &[("Arn", &arn)]))
    }

    async fn tags(call: &Call<'_>, arn: &str) -> Result<Option<names::Tags>, Failure> {
        let request = cloudwatch::ListTagsForResourceRequest { resource_arn: arn.to_owned() };
        let found = call.look::<cloudwatch::ListTagsForResource>(request, MISSING).await?;
        Ok(found.map(|found| found.tags.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }
}

impl Resource for Alarm {
    const KIND: Kind = Kind::new("AWS::CloudWatch::Alarm")
        .properties(&[
            property("ActionsEnabled"),
            property("AlarmActions"),
            property("AlarmDescription"),
            property("AlarmName").replaces(),
            property("ComparisonOperator"),
            property("DatapointsToAlarm"),
            property("Dimensions"),
            property("EvaluateLowSampleCountPercentile"),
            property("EvaluationPeriods"),
            property("ExtendedStatistic"),
            property("InsufficientDataActions"),
            property("MetricName"),
            property("Metrics"),
            property("Namespace"),
            property("OKActions"),
            property("Period"),
            property("Statistic"),
            property("Tags"),
            property("Threshold"),
            property("TreatMissingData"),
            property("Unit"),
        ])
        .attributes(&["Arn"])
        .identity(&["AlarmName"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let name = call.name("AlarmName", NAME_MAX);
        // A put would change an alarm that is somebody else's.
        if Self::arn(call, &name).await?.is_some() {
            return Err(Failure::Wrong(format!("{name} already exists")));
        }
        Self::put(call, &name).await?;
        Self::made(call, &name).await
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let name = call.name("AlarmName", NAME_MAX);
        let Some(arn) = Self::arn(call, &name).await? else { return Ok(None) };
        let ours = Self::tags(call, &arn).await?.is_some_and(|tags| call.is_ours(&tags));
        Ok(ours.then(|| Made::new(&name, &[("Arn", &arn)])))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let name = call.id()?.to_owned();
        Self::put(call, &name).await?;
        let made = Self::made(call, &name).await?;
        let arn = made.attributes.get("Arn").and_then(Value::as_str).unwrap_or_default().to_owned();
        // A put leaves the tags of an alarm that is there as they are.
        let (set, gone) = call.tag_changes(&Self::tags(call, &arn).await?.unwrap_or_default());
        if !set.is_empty() {
            let tags = set.into_iter().map(|(key, value)| cloudwatch::Tag { key, value }).collect();
            let request = cloudwatch::TagResourceRequest { resource_arn: arn.clone(), tags };
            call.send::<cloudwatch::TagResource>(request).await?;
        }
        if !gone.is_empty() {
            let request = cloudwatch::UntagResourceRequest { resource_arn: arn, tag_keys: gone };
            call.send::<cloudwatch::UntagResource>(request).await?;
        }
        Ok(made)
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let request = cloudwatch::AlarmNames { alarm_names: vec![call.id()?.to_owned()] };
        call.look::<cloudwatch::DeleteAlarms>(request, MISSING).await.map(|_| ())
    }
}

//! Groups of traces, and rules for how much is traced.

use std::collections::BTreeMap;

use api::xray;
use serde_json::{Map, Value};

use super::{Call, Failure, Kind, Made, Resource, property};

/// X-Ray's answer about the tags of what is not there.
const MISSING: &[&str] = &["ResourceNotFoundException"];
/// The longest name of a group or a rule.
const NAME_MAX: usize = 32;
/// The one version of rules.
const VERSION: i32 = 1;

async fn tags(call: &Call<'_>, arn: &str) -> Result<names::Tags, Failure> {
    let request = xray::ListTagsForResourceRequest { resource_arn: arn.to_owned(), next_token: None };
    let found = call.look::<xray::ListTagsForResource>(request, MISSING).await?;
    Ok(found.map(|found| found.tags.into_iter().map(|tag| (tag.key, tag.value)).collect()).unwrap_or_default())
}

fn wanted_tags(call: &Call<'_>) -> Vec<xray::Tag> {
    call.tags().into_iter().map(|(key, value)| xray::Tag { key, value }).collect()
}

async fn bring_tags(call: &Call<'_>, arn: &str) -> Result<(), Failure> {
    let (set, gone) = call.tag_changes(&tags(call, arn).await?);
    if !set.is_empty() {
        let tags = set.into_iter().map(|(key, value)| xray::Tag { key, value }).collect();
        call.send::<xray::TagResource>(xray::TagResourceRequest { resource_arn: arn.to_owned(), tags }).await?;
    }
    if !gone.is_empty() {
        let request = xray::UntagResourceRequest { resource_arn: arn.to_owned(), tag_keys: gone };
        call.send::<xray::UntagResource>(request).await?;
    }
    Ok(())
}

/// `AWS::XRay::Group`.
pub(super) struct Group;

impl Group {
    fn made(arn: &str) -> Made {
        Made::new(arn, &[("GroupARN", arn)])
    }

    /// The ARN of the one that `is`.
    async fn arn(call: &Call<'_>, is: impl Fn(&xray::Group) -> bool) -> Result<Option<String>, Failure> {
        // There are fewer than one page holds.
        let groups = call.send::<xray::GetGroups>(xray::GetGroupsRequest::default()).await?.groups;
        Ok(groups.into_iter().find(is).and_then(|group| group.group_arn))
    }

    fn insights(call: &Call<'_>) -> Result<Option<xray::InsightsConfiguration>, Failure> {
        let asked = call.property("InsightsConfiguration").and_then(Value::as_object);
        asked.map(|members| call.read(members.clone())).transpose()
    }
}

impl Resource for Group {
    const KIND: Kind = Kind::new("AWS::XRay::Group")
        .properties(&[
            property("FilterExpression"),
            property("GroupName").required().replaces(),
            property("InsightsConfiguration"),
            property("Tags"),
        ])
        .attributes(&["GroupARN"])
        .identity(&["GroupName"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let request = xray::CreateGroupRequest {
            group_name: call.needed("GroupName")?,
            filter_expression: call.text("FilterExpression"),
            insights_configuration: Self::insights(call)?,
            tags: wanted_tags(call),
        };
        let group = call.send::<xray::CreateGroup>(request).await?.group;
        Ok(Self::made(&group.and_then(|group| group.group_arn).unwrap_or_default()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let name = call.text("GroupName");
        let Some(arn) = Self::arn(call, |group| group.group_name == name).await? else { return Ok(None) };
        let ours = call.is_ours(&tags(call, &arn).await?);
        Ok(ours.then(|| Self::made(&arn)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.id()?.to_owned();
        let request = xray::UpdateGroupRequest {
            group_arn: Some(arn.clone()),
            filter_expression: Some(call.text("FilterExpression").unwrap_or_default()),
            insights_configuration: Self::insights(call)?,
            ..Default::default()
        };
        call.send::<xray::UpdateGroup>(request).await?;
        bring_tags(call, &arn).await?;
        Ok(Self::made(&arn))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let arn = Some(call.id()?.to_owned());
        if Self::arn(call, |group| group.group_arn == arn).await?.is_some() {
            let request = xray::DeleteGroupRequest { group_arn: arn, ..Default::default() };
            call.send::<xray::DeleteGroup>(request).await?;
        }
        Ok(())
    }
}

/// `AWS::XRay::SamplingRule`.
pub(super) struct SamplingRule;

impl SamplingRule {
    fn made(arn: &str) -> Made {
        Made::new(arn, &[("RuleARN", arn)])
    }

    /// The ARN of the one that `is`.
    async fn arn(call: &Call<'_>, is: impl Fn(&xray::SamplingRule) -> bool) -> Result<Option<String>, Failure> {
        let request = xray::GetSamplingRulesRequest::default();
        // There are fewer than one page holds.
        let records = call.send::<xray::GetSamplingRules>(request).await?.sampling_rule_records;
        let mut rules = records.into_iter().filter_map(|record| record.sampling_rule);
        Ok(rules.find(is).and_then(|rule| rule.rule_arn))
    }

    fn members(call: &Call<'_>) -> Map<String, Value> {
        call.property("SamplingRule").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn named(call: &Call<'_>) -> String {
        let given = Self::members(call).get("RuleName").and_then(crate::template::text_of);
        given.unwrap_or_else(|| call.name("RuleName", NAME_MAX))
    }
}

impl Resource for SamplingRule {
    const KIND: Kind = Kind::new("AWS::XRay::SamplingRule")
        .properties(&[property("SamplingRule").required().replaces_inside(&["RuleName", "Version"]), property("Tags")])
        .attributes(&["RuleARN"]);

    async fn create(call: &Call<'_>) -> Result<Made, Failure> {
        let mut members = Self::members(call);
        members.insert("RuleName".to_owned(), Self::named(call).into());
        members.entry("Version").or_insert_with(|| VERSION.into());
        members.entry("Attributes").or_insert_with(|| Map::new().into());
        let request = xray::CreateSamplingRuleRequest { sampling_rule: call.read(members)?, tags: wanted_tags(call) };
        let record = call.send::<xray::CreateSamplingRule>(request).await?.sampling_rule_record;
        let arn = record.and_then(|record| record.sampling_rule?.rule_arn);
        Ok(Self::made(&arn.unwrap_or_default()))
    }

    async fn find(call: &Call<'_>) -> Result<Option<Made>, Failure> {
        let name = Some(Self::named(call));
        let Some(arn) = Self::arn(call, |rule| rule.rule_name == name).await? else { return Ok(None) };
        let ours = call.is_ours(&tags(call, &arn).await?);
        Ok(ours.then(|| Self::made(&arn)))
    }

    async fn update(call: &Call<'_>) -> Result<Made, Failure> {
        let arn = call.id()?.to_owned();
        let mut members = Self::members(call);
        members.retain(|name, _| !["RuleName", "RuleARN", "Version"].contains(&name.as_str()));
        let mut update: xray::SamplingRuleUpdate = call.read(members)?;
        update.attributes.get_or_insert_with(BTreeMap::new);
        update.rule_arn = Some(arn.clone());
        let request = xray::UpdateSamplingRuleRequest { sampling_rule_update: update };
        call.send::<xray::UpdateSamplingRule>(request).await?;
        bring_tags(call, &arn).await?;
        Ok(Self::made(&arn))
    }

    async fn delete(call: &Call<'_>) -> Result<(), Failure> {
        let arn = Some(call.id()?.to_owned());
        if Self::arn(call, |rule| rule.rule_arn == arn).await?.is_some() {
            let request = xray::DeleteSamplingRuleRequest { rule_arn: arn, ..Default::default() };
            call.send::<xray::DeleteSamplingRule>(request).await?;
        }
        Ok(())
    }
}

//! Tags of load balancers, listeners, rules and target groups.

use api::elbv2 as shape;
use names::{Scope, Tags};
use store::Transaction;
use wire::Context;

use super::tags;
use crate::{
    LoadBalancing,
    error::Error,
    rows::{self, Group, Listener, LoadBalancer, Rule},
};

/// Tags on one resource.
const TAGS_MAX: usize = 50;

pub(crate) async fn add_tags(
    cx: Context<LoadBalancing>,
    request: shape::AddTagsRequest,
) -> Result<shape::Empty, Error> {
    let new = tags(&request.tags);
    cx.store.write(|tx| {
        for arn in &request.resource_arns {
            edit(tx, cx.scope(), arn, |kept| kept.extend(new.clone()))?;
        }
        Ok(shape::Empty {})
    })
}

pub(crate) async fn remove_tags(
    cx: Context<LoadBalancing>,
    request: shape::RemoveTagsRequest,
) -> Result<shape::Empty, Error> {
    cx.store.write(|tx| {
        for arn in &request.resource_arns {
            edit(tx, cx.scope(), arn, |kept| kept.retain(|key, _| !request.tag_keys.contains(key)))?;
        }
        Ok(shape::Empty {})
    })
}

pub(crate) async fn describe_tags(
    cx: Context<LoadBalancing>,
    request: shape::DescribeTagsRequest,
) -> Result<shape::DescribeTagsResponse, Error> {
    let mut descriptions = Vec::new();
    cx.store.write(|tx| {
        for arn in &request.resource_arns {
            let kept = edit(tx, cx.scope(), arn, |_| {})?;
            let tags = kept.into_iter().map(|(key, value)| shape::Tag { key, value }).collect();
            descriptions.push(shape::TagDescription { resource_arn: arn.clone(), tags });
        }
        Ok::<_, Error>(())
    })?;
    Ok(shape::DescribeTagsResponse { tag_descriptions: descriptions })
}

/// Changes the tags of whatever `arn` names and answers what they are then.
fn edit(tx: &mut Transaction<'_>, scope: &Scope, arn: &str, change: impl Fn(&mut Tags)) -> Result<Tags, Error> {
    let checked = |tags: &mut Tags| {
        change(tags);
        if tags.len() > TAGS_MAX {
            Err(Error::Validation(format!("a resource has at most {TAGS_MAX} tags")))
        } else {
            Ok(tags.clone())
        }
    };
    if let Some(key) = rows::key_of(arn, rows::LOAD_BALANCER, scope) {
        let row = tx.get::<LoadBalancer>(&key)?.filter(|row| !row.deleted);
        let mut row = row.ok_or_else(|| Error::LoadBalancerNotFound(arn.to_owned()))?;
        let kept = checked(&mut row.tags)?;
        tx.put(&key, &row)?;
        return Ok(kept);
    }
    if let Some(key) = rows::key_of(arn, rows::GROUP, scope) {
        let mut row = tx.get::<Group>(&key)?.ok_or_else(|| Error::TargetGroupNotFound(arn.to_owned()))?;
        let kept = checked(&mut row.tags)?;
        tx.put(&key, &row)?;
        return Ok(kept);
    }
    if let Some(key) = rows::key_of(arn, rows::LISTENER, scope) {
        let mut row = tx.get::<Listener>(&key)?.ok_or_else(|| Error::ListenerNotFound(arn.to_owned()))?;
        let kept = checked(&mut row.tags)?;
        tx.put(&key, &row)?;
        return Ok(kept);
    }
    if let Some(key) = rows::key_of(arn, rows::RULE, scope) {
        let mut row = tx.get::<Rule>(&key)?.ok_or_else(|| Error::RuleNotFound(arn.to_owned()))?;
        let kept = checked(&mut row.tags)?;
        tx.put(&key, &row)?;
        return Ok(kept);
    }
    Err(Error::Validation(format!("'{arn}' is not a valid ARN of a load balancer, listener, rule or target group")))
}

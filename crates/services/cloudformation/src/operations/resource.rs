//! Telling what stacks are made of.

use api::cloudformation::{
    DescribeStackResourceRequest, DescribeStackResourceResponse, DescribeStackResourcesRequest,
    DescribeStackResourcesResponse, ListStackResourcesResponse, ResourceDriftInformation, StackPageRequest,
    StackResource, StackResourceDetail, StackResourceSummary,
};
use names::Scope;
use serde_json::Value;
use store::{Key, Store};
use wire::{Context, page};

use super::lookup::{Found, all, find};
use crate::{
    Cloudformation,
    error::Error,
    rows::{Physical, State},
};

/// Resources on a page.
const PAGE: usize = 100;

type Cx = Context<Cloudformation>;

/// Each resource once, by name: while it is replaced, as the thing that is being worked on.
fn resources(store: &Store, key: &Key) -> Result<Vec<Physical>, Error> {
    let things = store.list_under::<Physical>(&key.scope, &format!("{}/", key.name))?;
    let mut shown: Vec<Physical> = Vec::new();
    for (_, thing) in things {
        match shown.last_mut().filter(|last| last.logical_id == thing.logical_id) {
            Some(last) if rank(&thing) >= rank(last) => *last = thing,
            Some(_) => {}
            None => shown.push(thing),
        }
    }
    Ok(shown)
}

/// How much a thing speaks for its resource.
fn rank(thing: &Physical) -> u8 {
    match thing.state {
        State::Creating | State::Created | State::Updating | State::Updated => 3,
        _ if thing.chosen => 2,
        State::Gone => 0,
        _ => 1,
    }
}

fn stack(cx: &Cx, name: &str) -> Result<Found, Error> {
    find(&cx.store, cx.scope(), name)?.ok_or_else(|| Error::NoStackWithId(name.to_owned()))
}

/// Tells of one resource.
pub(super) async fn describe_stack_resource(
    cx: Cx,
    request: DescribeStackResourceRequest,
) -> Result<DescribeStackResourceResponse, Error> {
    let found = find(&cx.store, cx.scope(), &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
    let thing = resources(&cx.store, &found.key)?
        .into_iter()
        .find(|thing| thing.logical_id == request.logical_resource_id)
        .ok_or(Error::NoResource { resource: request.logical_resource_id, stack: found.stack.name.clone() })?;
    let stack_resource_detail = StackResourceDetail {
        stack_name: found.stack.name,
        stack_id: found.stack.id,
        logical_resource_id: thing.logical_id,
        physical_resource_id: thing.physical_id,
        resource_type: thing.kind,
        last_updated_timestamp: thing.since,
        resource_status: thing.status,
        resource_status_reason: thing.reason,
        description: thing.description,
        metadata: thing.metadata.as_ref().map(Value::to_string),
        drift_information: ResourceDriftInformation::default(),
    };
    Ok(DescribeStackResourceResponse { stack_resource_detail })
}

/// Tells of a stack's resources, or of those of the stack that one resource belongs to.
pub(super) async fn describe_stack_resources(
    cx: Cx,
    request: DescribeStackResourcesRequest,
) -> Result<DescribeStackResourcesResponse, Error> {
    let found = match (&request.stack_name, &request.physical_resource_id) {
        (Some(name), None) => stack(&cx, name)?,
        (None, Some(id)) => {
            owner(&cx.store, cx.scope(), id)?.ok_or_else(|| Error::Invalid(format!("Stack for {id} does not exist")))?
        }
        _ => {
            return Err(Error::Invalid(
                "Either StackName or PhysicalResourceId must be given, and not both.".to_owned(),
            ));
        }
    };
    let mut things = resources(&cx.store, &found.key)?;
    if let Some(id) = request.logical_resource_id {
        things.retain(|thing| thing.logical_id == id);
        if things.is_empty() {
            return Err(Error::NoResource { resource: id, stack: found.stack.name });
        }
    }
    Ok(DescribeStackResourcesResponse {
        stack_resources: things.into_iter().map(|thing| shown(&found, thing)).collect(),
    })
}

/// The stack that the thing called `id` belongs to.
fn owner(store: &Store, scope: &Scope, id: &str) -> Result<Option<Found>, Error> {
    for found in all(store, scope)? {
        let is_it = |thing: &Physical| thing.state != State::Gone && thing.physical_id.as_deref() == Some(id);
        if resources(store, &found.key)?.iter().any(is_it) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn shown(found: &Found, thing: Physical) -> StackResource {
    StackResource {
        stack_name: found.stack.name.clone(),
        stack_id: found.stack.id.clone(),
        logical_resource_id: thing.logical_id,
        physical_resource_id: thing.physical_id,
        resource_type: thing.kind,
        timestamp: thing.since,
        resource_status: thing.status,
        resource_status_reason: thing.reason,
        description: thing.description,
        drift_information: ResourceDriftInformation::default(),
    }
}

/// Tells of a stack's resources in brief.
pub(super) async fn list_stack_resources(
    cx: Cx,
    request: StackPageRequest,
) -> Result<ListStackResourcesResponse, Error> {
    let found = stack(&cx, &request.stack_name)?;
    let things = resources(&cx.store, &found.key)?;
    let (things, next_token) = page(things, |thing| thing.logical_id.clone(), PAGE, request.next_token.as_deref())?;
    let summary = |thing: Physical| StackResourceSummary {
        logical_resource_id: thing.logical_id,
        physical_resource_id: thing.physical_id,
        resource_type: thing.kind,
        last_updated_timestamp: thing.since,
        resource_status: thing.status,
        resource_status_reason: thing.reason,
        drift_information: ResourceDriftInformation::default(),
    };
    Ok(ListStackResourcesResponse { stack_resource_summaries: things.into_iter().map(summary).collect(), next_token })
}

//! Telling how stacks are.

use std::{cmp::Reverse, time::Duration};

use api::cloudformation::{
    DescribeStacksRequest, DescribeStacksResponse, DriftInformation, Empty, ListStacksRequest, ListStacksResponse,
    OnFailure, Stack, StackStatus, StackSummary,
};
use store::Row;
use tokio::time::{Instant, timeout_at};
use wire::{Context, page};

use super::lookup::{self, Found, all, find};
use crate::{Cloudformation, error::Error, rows};

/// How long a waiter's poll is held for news; the CLI itself gives up after 60 s.
const HELD_MAX: Duration = Duration::from_secs(50);
/// Stacks on a page.
const PAGE: usize = 100;

type Cx = Context<Cloudformation>;

/// Tells of one stack or all. A waiter's poll for a stack that is busy is answered when it is not.
pub(super) async fn describe_stacks(cx: Cx, request: DescribeStacksRequest) -> Result<DescribeStacksResponse, Error> {
    let Some(name) = request.stack_name else {
        let mut found = all(&cx.store, cx.scope())?;
        found.retain(|found| found.status() != StackStatus::DeleteComplete);
        let (found, next_token) = page(found, |found| found.stack.id.clone(), PAGE, request.next_token.as_deref())?;
        return Ok(DescribeStacksResponse { stacks: found.iter().map(shown).collect(), next_token });
    };
    // Made before looking, so that no change between a look and the wait is missed.
    let watch = cx.store.watch(&[rows::Stack::KIND, rows::Progress::KIND]);
    let deadline = Instant::now() + HELD_MAX;
    loop {
        let found = find(&cx.store, cx.scope(), &name)?.ok_or_else(|| Error::NoStackWithId(name.clone()))?;
        let held = cx.call().waiter && found.status().is_in_progress();
        if !held || timeout_at(deadline, watch.next()).await.is_err() {
            return Ok(DescribeStacksResponse { stacks: vec![shown(&found)], next_token: None });
        }
    }
}

fn shown(found: &Found) -> Stack {
    let deployment = found.shown();
    let progress = found.progress.as_ref();
    Stack {
        stack_id: found.stack.id.clone(),
        stack_name: found.stack.name.clone(),
        change_set_id: found.stack.change_set.clone(),
        description: deployment.and_then(|deployment| deployment.description.clone()),
        parameters: deployment.map(lookup::parameters).unwrap_or_default(),
        creation_time: found.stack.created,
        deletion_time: progress.and_then(|progress| progress.deleted),
        last_updated_time: progress.and_then(|progress| progress.updated),
        rollback_configuration: Empty {},
        stack_status: found.status(),
        stack_status_reason: found.reason(),
        disable_rollback: deployment.is_some_and(|deployment| deployment.on_failure == Some(OnFailure::DoNothing)),
        notification_arns: Vec::new(),
        timeout_in_minutes: deployment.and_then(|deployment| deployment.timeout_minutes),
        capabilities: deployment.map(|deployment| deployment.capabilities.clone()).unwrap_or_default(),
        outputs: progress.map(|progress| progress.outputs.clone()).unwrap_or_default(),
        role_arn: deployment.and_then(|deployment| deployment.role.clone()),
        tags: deployment.map(|deployment| lookup::tags(&deployment.tags)).unwrap_or_default(),
        enable_termination_protection: found.stack.termination_protection,
        drift_information: DriftInformation::default(),
    }
}

/// Tells of all stacks in brief, the latest first.
pub(super) async fn list_stacks(cx: Cx, request: ListStacksRequest) -> Result<ListStacksResponse, Error> {
    let mut found = all(&cx.store, cx.scope())?;
    let filter = &request.stack_status_filter;
    found.retain(|found| filter.is_empty() || filter.iter().any(|status| status == found.status().as_str()));
    let newest_first = |found: &Found| (Reverse(found.stack.created.as_millis()), found.stack.id.clone());
    let (found, next_token) = page(found, newest_first, PAGE, request.next_token.as_deref())?;
    Ok(ListStacksResponse { stack_summaries: found.iter().map(summary).collect(), next_token })
}

fn summary(found: &Found) -> StackSummary {
    let Stack {
        stack_id,
        stack_name,
        description,
        creation_time,
        last_updated_time,
        deletion_time,
        stack_status,
        stack_status_reason,
        drift_information,
        ..
    } = shown(found);
    StackSummary {
        stack_id,
        stack_name,
        template_description: description,
        creation_time,
        last_updated_time,
        deletion_time,
        stack_status,
        stack_status_reason,
        drift_information,
    }
}

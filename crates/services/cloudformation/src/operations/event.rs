//! Telling what happened.

use std::cmp::Reverse;

use api::cloudformation::{DescribeStackEventsResponse, StackPageRequest};
use store::Key;
use wire::{Context, page};

use super::lookup::find;
use crate::{Cloudformation, error::Error, rows::Event};

/// Events on a page.
const PAGE: usize = 100;

/// Tells what happened to a stack, the latest first.
pub(super) async fn describe_stack_events(
    cx: Context<Cloudformation>,
    request: StackPageRequest,
) -> Result<DescribeStackEventsResponse, Error> {
    let found = find(&cx.store, cx.scope(), &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
    let events = cx.store.list_under::<Event>(cx.scope(), &format!("{}/", found.key.name))?;
    let latest_first = |(key, _): &(Key, Event)| Reverse(key.name.clone());
    let (events, next_token) = page(events, latest_first, PAGE, request.next_token.as_deref())?;
    Ok(DescribeStackEventsResponse {
        stack_events: events.into_iter().map(|(_, Event(event))| event).collect(),
        next_token,
    })
}

//! The table of operations, and what they share.

mod event;
mod group;
mod query;
mod stream;
mod tag;

use api::logs as model;
use names::{Scope, Timestamp};
use wire::{Bound, Context, bind};

use crate::{Error, Logs, identifier::invalid};

pub(crate) fn operations() -> Vec<Bound<Logs>> {
    vec![
        bind::<model::CreateLogGroup, _, _, _, _>(group::create_log_group),
        bind::<model::DeleteLogGroup, _, _, _, _>(group::delete_log_group),
        bind::<model::DescribeLogGroups, _, _, _, _>(group::describe_log_groups),
        bind::<model::PutRetentionPolicy, _, _, _, _>(group::put_retention_policy),
        bind::<model::DeleteRetentionPolicy, _, _, _, _>(group::delete_retention_policy),
        bind::<model::PutLogGroupDeletionProtection, _, _, _, _>(group::put_log_group_deletion_protection),
        bind::<model::CreateLogStream, _, _, _, _>(stream::create_log_stream),
        bind::<model::DeleteLogStream, _, _, _, _>(stream::delete_log_stream),
        bind::<model::DescribeLogStreams, _, _, _, _>(stream::describe_log_streams),
        bind::<model::PutLogEvents, _, _, _, _>(event::put_log_events),
        bind::<model::GetLogEvents, _, _, _, _>(event::get_log_events),
        bind::<model::FilterLogEvents, _, _, _, _>(event::filter_log_events),
        bind::<model::StartQuery, _, _, _, _>(query::start_query),
        bind::<model::GetQueryResults, _, _, _, _>(query::get_query_results),
        bind::<model::StopQuery, _, _, _, _>(query::stop_query),
        bind::<model::DescribeQueries, _, _, _, _>(query::describe_queries),
        bind::<model::TagResource, _, _, _, _>(tag::tag_resource),
        bind::<model::UntagResource, _, _, _, _>(tag::untag_resource),
        bind::<model::ListTagsForResource, _, _, _, _>(tag::list_tags_for_resource),
        bind::<model::TagLogGroup, _, _, _, _>(tag::tag_log_group),
        bind::<model::UntagLogGroup, _, _, _, _>(tag::untag_log_group),
        bind::<model::ListTagsLogGroup, _, _, _, _>(tag::list_tags_log_group),
    ]
}

type Cx = Context<Logs>;

/// What work on the logs is given: the logs, the caller's scope and the time.
struct Work {
    logs: telemetry::Logs,
    scope: Scope,
    now: Timestamp,
}

/// Does `work` on a thread where it may wait for the disk.
async fn work<T: Send + 'static>(
    cx: &Cx,
    work: impl FnOnce(&Work) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let given = Work { logs: cx.logs.clone(), scope: cx.scope().clone(), now: cx.clock.now() };
    tokio::task::spawn_blocking(move || work(&given)).await?
}

/// The size of a page, which must be between 1 and `max`.
fn page_size(asked: Option<i32>, max: usize) -> Result<usize, Error> {
    let size = asked.map_or(Some(max), |asked| usize::try_from(asked).ok());
    size.filter(|size| (1..=max).contains(size)).ok_or_else(|| invalid(format!("limit must be between 1 and {max}")))
}

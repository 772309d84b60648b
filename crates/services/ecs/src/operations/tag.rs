//! Tags on clusters, task definitions, services and tasks.

use api::ecs::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest, TagResourceResponse,
    UntagResourceRequest, UntagResourceResponse,
};
use names::{Arn, Scope, Tags};
use store::{Key, Row, Transaction};

use super::Context;
use crate::{
    Error,
    refer::DefinitionReference,
    rows::{Cluster, Service, Task, TaskDefinition},
    show, tags,
};

pub(super) async fn add(cx: Context, request: TagResourceRequest) -> Result<TagResourceResponse, Error> {
    let trusted = tags::is_trusted(&cx);
    cx.store.write(|tx| change(tx, cx.scope(), &request.resource_arn, |of| tags::add(of, &request.tags, trusted)))?;
    Ok(TagResourceResponse::default())
}

pub(super) async fn remove(cx: Context, request: UntagResourceRequest) -> Result<UntagResourceResponse, Error> {
    cx.store.write(|tx| {
        change(tx, cx.scope(), &request.resource_arn, |of| {
            of.retain(|key, _| !request.tag_keys.contains(key));
            Ok(())
        })
    })?;
    Ok(UntagResourceResponse::default())
}

pub(super) async fn list(
    cx: Context,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Error> {
    let mut found = Tags::new();
    cx.store.write(|tx| {
        change(tx, cx.scope(), &request.resource_arn, |of| {
            found.clone_from(of);
            Ok(())
        })
    })?;
    Ok(ListTagsForResourceResponse { tags: show::tags(&found) })
}

/// What kinds of rows have tags.
trait Tagged: Row {
    fn tags(&mut self) -> &mut Tags;
}

impl Tagged for Cluster {
    fn tags(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

impl Tagged for TaskDefinition {
    fn tags(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

impl Tagged for Service {
    fn tags(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

impl Tagged for Task {
    fn tags(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

/// Changes the tags of what has the ARN `arn`.
fn change(
    tx: &mut Transaction<'_>,
    scope: &Scope,
    arn: &str,
    how: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    let parsed: Arn = arn.parse().map_err(|error| Error::InvalidParameter(format!("Invalid identifier: {error}.")))?;
    if parsed.service != "ecs" || parsed.scope().as_ref() != Some(scope) {
        return Err(Error::ResourceNotFound(arn.to_owned()));
    }
    if let Some(name) = parsed.name_of("cluster") {
        change_row::<Cluster>(tx, &Cluster::key(scope, name), arn, how)
    } else if let Some(name) = parsed.name_of("service") {
        change_row::<Service>(tx, &Key::new(scope, name), arn, how)
    } else if let Some(name) = parsed.name_of("task") {
        change_row::<Task>(tx, &Key::new(scope, name), arn, how)
    } else if let Some(DefinitionReference { family, revision: Some(revision) }) =
        DefinitionReference::parse(scope, arn)
    {
        change_row::<TaskDefinition>(tx, &TaskDefinition::key(scope, &family, revision), arn, how)
    } else {
        Err(Error::InvalidParameter(format!("Invalid identifier: {arn} is not of a kind that has tags.")))
    }
}

fn change_row<R: Tagged>(
    tx: &mut Transaction<'_>,
    key: &Key,
    arn: &str,
    how: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut row = tx.get::<R>(key)?.ok_or_else(|| Error::ResourceNotFound(arn.to_owned()))?;
    how(row.tags())?;
    tx.put(key, &row)?;
    Ok(())
}

//! Task definitions: families of numbered revisions.

use std::{cmp::Reverse, collections::BTreeSet};

use api::ecs::{
    DeleteTaskDefinitionsRequest, DeleteTaskDefinitionsResponse, DeregisterTaskDefinitionRequest,
    DeregisterTaskDefinitionResponse, DescribeTaskDefinitionRequest, DescribeTaskDefinitionResponse, Failure,
    ListTaskDefinitionFamiliesRequest, ListTaskDefinitionFamiliesResponse, ListTaskDefinitionsRequest,
    ListTaskDefinitionsResponse, RegisterTaskDefinitionRequest, RegisterTaskDefinitionResponse, SortOrder,
    TaskDefinitionFamilyStatus, TaskDefinitionStatus,
};
use names::Scope;
use store::{Key, Transaction};

use super::{Context, page_size};
use crate::{
    Error, definition,
    refer::DefinitionReference,
    rows::{Family, Service, Status, Task, TaskDefinition, TaskObserved},
    show, tags,
};

/// Why a revision that was not deregistered can't be deleted, in AWS's words.
const STILL_ACTIVE: &str =
    "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";
/// How many revisions one call may delete, as on AWS.
const DELETED_MAX: usize = 10;

pub(super) async fn register(
    cx: Context,
    mut request: RegisterTaskDefinitionRequest,
) -> Result<RegisterTaskDefinitionResponse, Error> {
    let tags = tags::checked(&std::mem::take(&mut request.tags), tags::is_trusted(&cx))?;
    let definition = definition::check(request)?;
    let scope = cx.scope();
    let row = cx.store.write(|tx| {
        let family_key = Key::new(scope, &definition.family);
        let latest = tx.get::<Family>(&family_key)?.unwrap_or_default().latest;
        let revision = latest + 1;
        let row = TaskDefinition {
            definition,
            revision,
            status: TaskDefinitionStatus::Active,
            tags,
            registered_at: cx.clock.now(),
            registered_by: principal(scope),
            deregistered_at: None,
            delete_requested_at: None,
        };
        tx.put(&family_key, &Family { latest: revision })?;
        tx.put(&TaskDefinition::key(scope, &row.definition.family, revision), &row)?;
        Ok::<_, Error>(row)
    })?;
    let tags = show::tags(&row.tags);
    Ok(RegisterTaskDefinitionResponse { task_definition: Some(show::task_definition(scope, &row)), tags })
}

/// Who a call comes from: whoever may call may do everything here.
pub(super) fn principal(scope: &Scope) -> String {
    format!("arn:aws:iam::{}:root", scope.account)
}

pub(super) async fn describe(
    cx: Context,
    request: DescribeTaskDefinitionRequest,
) -> Result<DescribeTaskDefinitionResponse, Error> {
    let scope = cx.scope();
    let reference = DefinitionReference::parse(scope, &request.task_definition);
    let row = reference.ok_or(Error::TaskDefinitionUndescribed)?.find(&cx.store, scope)?;
    let row = row.ok_or(Error::TaskDefinitionUndescribed)?;
    let wants_tags = request.include.iter().any(|field| field == "TAGS");
    let tags = if wants_tags { show::tags(&row.tags) } else { Vec::new() };
    Ok(DescribeTaskDefinitionResponse { task_definition: Some(show::task_definition(scope, &row)), tags })
}

pub(super) async fn deregister(
    cx: Context,
    request: DeregisterTaskDefinitionRequest,
) -> Result<DeregisterTaskDefinitionResponse, Error> {
    let scope = cx.scope();
    let reference = revision_of(scope, &request.task_definition)?;
    let row = cx.store.write(|tx| {
        let mut row = reference.find(tx, scope)?.ok_or(Error::TaskDefinitionUndescribed)?;
        if row.status == TaskDefinitionStatus::Active {
            row.status = TaskDefinitionStatus::Inactive;
            row.deregistered_at = Some(cx.clock.now());
            tx.put(&key_of(scope, &row), &row)?;
        }
        Ok::<_, Error>(row)
    })?;
    Ok(DeregisterTaskDefinitionResponse { task_definition: Some(show::task_definition(scope, &row)) })
}

pub(super) async fn delete(
    cx: Context,
    request: DeleteTaskDefinitionsRequest,
) -> Result<DeleteTaskDefinitionsResponse, Error> {
    let scope = cx.scope();
    if request.task_definitions.is_empty() || request.task_definitions.len() > DELETED_MAX {
        return Err(Error::InvalidParameter(format!(
            "Between 1 and {DELETED_MAX} task definitions can be deleted at once."
        )));
    }
    let mut response = DeleteTaskDefinitionsResponse::default();
    for text in &request.task_definitions {
        let reference = revision_of(scope, text)?;
        let deleted = cx.store.write(|tx| {
            let Some(mut row) = reference.find(tx, scope)? else {
                return Ok::<_, Error>(Err("The specified task definition does not exist."));
            };
            if row.status == TaskDefinitionStatus::Active {
                return Ok(Err(STILL_ACTIVE));
            }
            row.status = TaskDefinitionStatus::DeleteInProgress;
            row.delete_requested_at = Some(cx.clock.now());
            tx.put(&key_of(scope, &row), &row)?;
            remove_if_unused(tx, scope, &row)?;
            Ok(Ok(row))
        })?;
        match deleted {
            Ok(row) => response.task_definitions.push(show::task_definition(scope, &row)),
            Err(reason) => response.failures.push(Failure {
                arn: Some(text.clone()),
                reason: Some(reason.to_owned()),
                detail: None,
            }),
        }
    }
    Ok(response)
}

/// Removes a revision whose deletion was asked for, once nothing is run of it any more.
pub(crate) fn remove_if_unused(
    tx: &mut Transaction<'_>,
    scope: &Scope,
    row: &TaskDefinition,
) -> Result<(), store::Error> {
    let (family, revision, arn) = (&row.definition.family, row.revision, row.arn(scope));
    if row.status != TaskDefinitionStatus::DeleteInProgress {
        return Ok(());
    }
    for (key, task) in tx.list::<Task>(scope)? {
        let stopped = tx.get::<TaskObserved>(&key)?.is_some_and(|observed| observed.status == Status::Stopped);
        if task.family == *family && task.revision == revision && !stopped {
            return Ok(());
        }
    }
    let services = tx.list::<Service>(scope)?;
    if !services.iter().any(|(_, service)| service.deleted_at.is_none() && service.revision.task_definition == arn) {
        tx.delete::<TaskDefinition>(&key_of(scope, row))?;
    }
    Ok(())
}

pub(super) async fn list(
    cx: Context,
    request: ListTaskDefinitionsRequest,
) -> Result<ListTaskDefinitionsResponse, Error> {
    let scope = cx.scope();
    let rows = match &request.family_prefix {
        // In spite of its name it is one family's full name: `api` must not list `api-v2`.
        Some(family) => cx.store.list_under::<TaskDefinition>(scope, &TaskDefinition::prefix(family))?,
        None => cx.store.list::<TaskDefinition>(scope)?,
    };
    let status = request.status.unwrap_or_default();
    let rows: Vec<TaskDefinition> = rows.into_iter().map(|(_, row)| row).filter(|r| r.status == status).collect();
    let place = |row: &TaskDefinition| (row.definition.family.clone(), row.revision);
    let (size, token) = (page_size(request.max_results, super::PAGE_MAX)?, request.next_token.as_deref());
    let (rows, next_token) = match request.sort {
        Some(SortOrder::Desc) => wire::page(rows, |row| Reverse(place(row)), size, token)?,
        _ => wire::page(rows, place, size, token)?,
    };
    let task_definition_arns = rows.iter().map(|row| row.arn(scope)).collect();
    Ok(ListTaskDefinitionsResponse { task_definition_arns, next_token })
}

pub(super) async fn list_families(
    cx: Context,
    request: ListTaskDefinitionFamiliesRequest,
) -> Result<ListTaskDefinitionFamiliesResponse, Error> {
    let scope = cx.scope();
    let rows = cx.store.list::<TaskDefinition>(scope)?;
    let (mut active, mut all) = (BTreeSet::new(), BTreeSet::new());
    for (_, row) in rows {
        let family = row.definition.family;
        if row.status == TaskDefinitionStatus::Active {
            active.insert(family.clone());
        }
        all.insert(family);
    }
    let mut families: Vec<String> = match request.status.unwrap_or_default() {
        TaskDefinitionFamilyStatus::Active => active.into_iter().collect(),
        TaskDefinitionFamilyStatus::Inactive => all.difference(&active).cloned().collect(),
        TaskDefinitionFamilyStatus::All => all.into_iter().collect(),
    };
    if let Some(prefix) = &request.family_prefix {
        families.retain(|family| family.starts_with(prefix.as_str()));
    }
    let size = page_size(request.max_results, super::PAGE_MAX)?;
    let (families, next_token) = wire::page(families, Clone::clone, size, request.next_token.as_deref())?;
    Ok(ListTaskDefinitionFamiliesResponse { families, next_token })
}

/// A reference that names a revision, as deregistering and deleting want it.
fn revision_of(scope: &Scope, text: &str) -> Result<DefinitionReference, Error> {
    DefinitionReference::parse(scope, text).filter(|reference| reference.revision.is_some()).ok_or_else(|| {
        Error::InvalidParameter(format!("Invalid revision number. Number: {text}: family:revision is one."))
    })
}

fn key_of(scope: &Scope, row: &TaskDefinition) -> Key {
    TaskDefinition::key(scope, &row.definition.family, row.revision)
}

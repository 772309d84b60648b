//! Change sets: an update that is worked out, looked at, and then made or thrown away.

use api::cloudformation::{
    ChangeSetStatus, ChangeSetSummary, CreateChangeSetRequest, CreateChangeSetResponse, DeleteChangeSetRequest,
    DescribeChangeSetRequest, DescribeChangeSetResponse, Empty, ExecuteChangeSetRequest, ExecutionStatus,
    ListChangeSetsResponse, OnFailure, StackPageRequest, StackStatus,
};
use names::Arn;
use store::{Key, Transaction};
use wire::{Context, page};

use super::{
    canary,
    lookup::{self, Found, check_name},
    prepare::{Asked, For, Prepared, import, prepare},
    stack::{ask, check_updatable, key, new_stack, place, things},
};
use crate::{
    Cloudformation,
    error::Error,
    rows::{ChangeSet, Goal},
    target::Standing,
};

/// The longest name of a change set.
const NAME_MAX: usize = 128;
/// Change sets kept of one stack.
const KEPT_MAX: usize = 100;
/// Changes or change sets on a page.
const PAGE: usize = 100;
/// What `aws cloudformation deploy` looks for to know that there is nothing to do.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

type Cx = Context<Cloudformation>;

/// Makes a change set, and the stack in review that it is to create.
pub(super) async fn create_change_set(
    cx: Cx,
    request: CreateChangeSetRequest,
) -> Result<CreateChangeSetResponse, Error> {
    check_name("changeSetName", &request.change_set_name, NAME_MAX)?;
    let creates = match request.change_set_type.as_deref() {
        Some("CREATE") => true,
        None | Some("UPDATE") => false,
        Some(other) => {
            return Err(Error::Invalid(format!("ChangeSetType {other} is not supported: CREATE and UPDATE are")));
        }
    };
    let asked = Asked {
        template_body: request.template_body.clone(),
        template_url: request.template_url.clone(),
        use_previous_template: request.use_previous_template.unwrap_or_default(),
        parameters: request.parameters.clone(),
        capabilities: request.capabilities.clone(),
        tags: request.tags.clone(),
        role: request.role_arn.clone(),
    };
    canary::check(&cx, &request.stack_name, &asked).await?;
    let scope = cx.scope();
    cx.store.write(|tx| {
        let found = match (lookup::find(tx, scope, &request.stack_name)?, creates) {
            (Some(found), true) if found.status() == StackStatus::ReviewInProgress => found,
            (Some(found), true) => {
                return Err(Error::Invalid(format!(
                    "Stack [{}] already exists and cannot be created again with the changeSet [{}].",
                    found.stack.name, request.change_set_name
                )));
            }
            (Some(found), false) => {
                check_updatable(&found)?;
                found
            }
            (None, true) => begin_review(&cx, tx, &request.stack_name)?,
            (None, false) => return Err(Error::NoStack(request.stack_name.clone())),
        };
        add(&cx, tx, &found, &request, &asked)
    })
}

fn begin_review(cx: &Cx, tx: &mut Transaction<'_>, name: &str) -> Result<Found, Error> {
    check_name("stackName", name, NAME_MAX)?;
    let stack = new_stack(cx, name);
    let key = key(cx.scope(), &stack);
    tx.put(&key, &stack)?;
    Ok(Found { key, stack, progress: None })
}

fn add(
    cx: &Cx,
    tx: &mut Transaction<'_>,
    found: &Found,
    request: &CreateChangeSetRequest,
    asked: &Asked,
) -> Result<CreateChangeSetResponse, Error> {
    let row_key = row_key(&found.key, &request.change_set_name);
    let stack_id = found.stack.id.clone();
    if let Some(row) = tx.get::<ChangeSet>(&row_key)? {
        if request.client_token.is_some() && row.token == request.client_token {
            return Ok(CreateChangeSetResponse { id: row.id, stack_id });
        }
        // `aws cloudformation deploy` names change sets by the second, and two deployments can fall into one: a name is
        // free again once its change set can no longer be executed, sooner than in AWS.
        if execution(found, &row) == ExecutionStatus::Available {
            return Err(Error::ChangeSetExists(request.change_set_name.clone()));
        }
    }
    make_room(tx, found)?;
    let things = things(tx, &found.key)?;
    let place: For<'_> = place(cx.scope(), found, &things);
    let Prepared { mut deployment, target, changes } = prepare(tx, &cx.catalogue, &place, asked)?;
    let outputs = target.outputs(&Standing(&things)).ok();
    let stands = found.progress.as_ref().map(|progress| &progress.outputs);
    let changes_nothing = changes.is_empty() && outputs.as_ref() == stands;
    deployment.on_failure = request.on_stack_failure;
    let resource = format!("changeSet/{}/{}", request.change_set_name, cx.ids.uuid());
    let id = Arn::new("cloudformation", cx.scope(), resource).to_string();
    let row = ChangeSet {
        id: id.clone(),
        name: request.change_set_name.clone(),
        description: request.description.clone(),
        created: cx.clock.now(),
        status: if changes_nothing { ChangeSetStatus::Failed } else { ChangeSetStatus::CreateComplete },
        reason: changes_nothing.then(|| NO_CHANGES.to_owned()),
        generation: found.stack.generation,
        executed: None,
        deployment,
        changes,
        token: request.client_token.clone(),
    };
    tx.put(&row_key, &row)?;
    Ok(CreateChangeSetResponse { id, stack_id })
}

/// Forgets the oldest change set that can no longer be executed, if there are too many.
fn make_room(tx: &mut Transaction<'_>, found: &Found) -> Result<(), Error> {
    let mut rows = tx.list_under::<ChangeSet>(&found.key.scope, &format!("{}/", found.key.name))?;
    if rows.len() < KEPT_MAX {
        return Ok(());
    }
    rows.sort_by_key(|(_, row)| row.created);
    let spent = |row: &ChangeSet| execution(found, row) != ExecutionStatus::Available;
    match rows.iter().find(|(_, row)| spent(row)) {
        Some((key, _)) => {
            tx.delete::<ChangeSet>(key)?;
            Ok(())
        }
        None => Err(Error::TooManyChangeSets { stack: found.stack.name.clone(), limit: KEPT_MAX }),
    }
}

fn row_key(stack: &Key, name: &str) -> Key {
    Key::new(&stack.scope, format!("{}/{name}", stack.name))
}

/// The change set called `name`, which is an ARN, or a name beside its stack's name or ARN.
pub(super) fn find(cx: &Cx, stack: Option<&str>, name: &str) -> Result<(Found, Key, ChangeSet), Error> {
    cx.store.write(|tx| find_in(tx, cx, stack, name))
}

fn find_in(tx: &Transaction<'_>, cx: &Cx, stack: Option<&str>, name: &str) -> Result<(Found, Key, ChangeSet), Error> {
    let missing = || Error::NoChangeSet(name.to_owned());
    if name.starts_with("arn:") {
        let rows = tx.list::<ChangeSet>(cx.scope())?;
        let (key, row) = rows.into_iter().find(|(_, row)| row.id == name).ok_or_else(missing)?;
        let path = key.name.rsplit_once('/').map_or(key.name.as_str(), |(path, _)| path).to_owned();
        let stack_key = Key::new(cx.scope(), path);
        let stack = tx.get(&stack_key)?.ok_or_else(missing)?;
        let progress = tx.get(&stack_key)?;
        return Ok((Found { key: stack_key, stack, progress }, key, row));
    }
    let Some(stack) = stack else {
        return Err(Error::Invalid(
            "StackName must be specified if ChangeSetName is not specified as an ARN.".to_owned(),
        ));
    };
    let found = lookup::find(tx, cx.scope(), stack)?.ok_or_else(|| Error::NoStack(stack.to_owned()))?;
    let key = row_key(&found.key, name);
    let row = tx.get(&key)?.ok_or_else(missing)?;
    Ok((found, key, row))
}

/// Whether a change set can be, is being or has been executed: that follows from the stack's requests.
fn execution(found: &Found, row: &ChangeSet) -> ExecutionStatus {
    let progress = found.progress.as_ref();
    match row.executed {
        _ if row.status == ChangeSetStatus::Failed => ExecutionStatus::Unavailable,
        Some(generation) => match progress.filter(|progress| progress.generation >= generation) {
            Some(progress) if progress.generation == generation && progress.status.is_in_progress() => {
                ExecutionStatus::ExecuteInProgress
            }
            Some(progress) if progress.current.as_ref() == Some(&row.deployment) => ExecutionStatus::ExecuteComplete,
            Some(progress) if progress.generation == generation => ExecutionStatus::ExecuteFailed,
            Some(_) => ExecutionStatus::ExecuteComplete,
            None => ExecutionStatus::ExecuteInProgress,
        },
        None if row.generation == found.stack.generation => ExecutionStatus::Available,
        None => ExecutionStatus::Obsolete,
    }
}

/// Tells of a change set.
pub(super) async fn describe_change_set(
    cx: Cx,
    request: DescribeChangeSetRequest,
) -> Result<DescribeChangeSetResponse, Error> {
    let (found, _, row) = find(&cx, request.stack_name.as_deref(), &request.change_set_name)?;
    let execution_status = execution(&found, &row);
    // In the order they were found, which a change set keeps for ever.
    let changes = row.changes.into_iter().enumerate().collect();
    let (changes, next_token) = page(changes, |(place, _)| *place, PAGE, request.next_token.as_deref())?;
    let changes = changes.into_iter().map(|(_, change)| change).collect();
    Ok(DescribeChangeSetResponse {
        change_set_name: row.name,
        change_set_id: row.id,
        stack_id: found.stack.id,
        stack_name: found.stack.name,
        description: row.description,
        parameters: lookup::parameters(&row.deployment),
        creation_time: row.created,
        execution_status,
        status: row.status,
        status_reason: row.reason,
        notification_arns: Vec::new(),
        rollback_configuration: Empty {},
        capabilities: row.deployment.capabilities.clone(),
        tags: lookup::tags(&row.deployment.tags),
        changes,
        next_token,
        include_nested_stacks: false,
        on_stack_failure: row.deployment.on_failure,
    })
}

/// Asks for what a change set says.
pub(super) async fn execute_change_set(cx: Cx, request: ExecuteChangeSetRequest) -> Result<Empty, Error> {
    cx.store.write(|tx| {
        let name = &request.change_set_name;
        let (mut found, key, mut row) = find_in(tx, &cx, request.stack_name.as_deref(), name)?;
        match execution(&found, &row) {
            ExecutionStatus::Available => {}
            ExecutionStatus::Unavailable => {
                return Err(Error::ChangeSetStatus { id: row.id, status: row.status.to_string() });
            }
            other => return Err(Error::ChangeSetStatus { id: row.id, status: other.to_string() }),
        }
        if found.status() != StackStatus::ReviewInProgress {
            check_updatable(&found)?;
        }
        let imports: Vec<String> = row.deployment.imports.keys().cloned().collect();
        row.deployment.imports = import(tx, cx.scope(), imports)?;
        if request.disable_rollback.unwrap_or_default() {
            row.deployment.on_failure = Some(OnFailure::DoNothing);
        }
        row.deployment.retain_except_on_create = request.retain_except_on_create.unwrap_or_default();
        found.stack.change_set = Some(row.id.clone());
        ask(tx, &mut found, Goal::Deploy(Box::new(row.deployment.clone())), request.client_request_token)?;
        row.executed = Some(found.stack.generation);
        tx.put(&key, &row)?;
        Ok(Empty {})
    })
}

/// Throws a change set away.
pub(super) async fn delete_change_set(cx: Cx, request: DeleteChangeSetRequest) -> Result<Empty, Error> {
    cx.store.write(|tx| {
        let (found, key, row) = match find_in(tx, &cx, request.stack_name.as_deref(), &request.change_set_name) {
            Ok(found) => found,
            Err(Error::NoChangeSet(_)) => return Ok(Empty {}),
            Err(error) => return Err(error),
        };
        if execution(&found, &row) == ExecutionStatus::ExecuteInProgress {
            return Err(Error::ChangeSetStatus { id: row.id, status: ExecutionStatus::ExecuteInProgress.to_string() });
        }
        tx.delete::<ChangeSet>(&key)?;
        Ok(Empty {})
    })
}

/// Tells of a stack's change sets in brief, those that can no longer be executed left out.
pub(super) async fn list_change_sets(cx: Cx, request: StackPageRequest) -> Result<ListChangeSetsResponse, Error> {
    let found = lookup::find(&cx.store, cx.scope(), &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
    let rows = cx.store.list_under::<ChangeSet>(cx.scope(), &format!("{}/", found.key.name))?;
    let over = [ExecutionStatus::ExecuteComplete, ExecutionStatus::ExecuteFailed, ExecutionStatus::Obsolete];
    let summary = |(_, row): (Key, ChangeSet)| ChangeSetSummary {
        stack_id: found.stack.id.clone(),
        stack_name: found.stack.name.clone(),
        execution_status: execution(&found, &row),
        change_set_id: row.id,
        change_set_name: row.name,
        status: row.status,
        status_reason: row.reason,
        creation_time: row.created,
        description: row.description,
        include_nested_stacks: false,
    };
    let summaries: Vec<_> =
        rows.into_iter().map(summary).filter(|summary| !over.contains(&summary.execution_status)).collect();
    let name = |summary: &ChangeSetSummary| summary.change_set_name.clone();
    let (summaries, next_token) = page(summaries, name, PAGE, request.next_token.as_deref())?;
    Ok(ListChangeSetsResponse { summaries, next_token })
}

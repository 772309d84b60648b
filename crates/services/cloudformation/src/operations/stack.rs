//! Asking for stacks: to be, to be something else, to be gone.

use api::cloudformation::{
    CancelUpdateStackRequest, ContinueUpdateRollbackRequest, CreateStackRequest, DeleteStackRequest, Empty, OnFailure,
    RollbackStackRequest, StackIdResponse, StackStatus, UpdateStackRequest, UpdateTerminationProtectionRequest,
};
use names::{Arn, Scope};
use store::{Key, Transaction};
use wire::Context;

use super::{
    canary,
    lookup::{Found, check_name, find},
    prepare::{Asked, For, Prepared, prepare},
};
use crate::{
    Cloudformation,
    error::Error,
    exports,
    rows::{Goal, Physical, Stack},
    target::Standing,
};

/// The longest name of a stack.
const NAME_MAX: usize = 128;

type Cx = Context<Cloudformation>;

/// Makes a stack.
pub(super) async fn create_stack(cx: Cx, request: CreateStackRequest) -> Result<StackIdResponse, Error> {
    check_name("stackName", &request.stack_name, NAME_MAX)?;
    let on_failure = on_failure(request.on_failure, request.disable_rollback)?;
    let asked = Asked {
        template_body: request.template_body,
        template_url: request.template_url,
        parameters: request.parameters,
        capabilities: request.capabilities,
        tags: Some(request.tags),
        role: request.role_arn,
        ..Asked::default()
    };
    canary::check(&cx, &request.stack_name, &asked).await?;
    let scope = cx.scope();
    let mut stack = new_stack(&cx, &request.stack_name);
    cx.store.write(|tx| {
        if let Some(found) = find(tx, scope, &request.stack_name)? {
            let repeated = request.client_request_token.is_some() && found.stack.token == request.client_request_token;
            return if repeated {
                Ok(StackIdResponse { stack_id: found.stack.id })
            } else {
                Err(Error::AlreadyExists(request.stack_name))
            };
        }
        let place = For { scope, name: &stack.name, id: &stack.id, previous: None, things: &[] };
        let Prepared { mut deployment, .. } = prepare(tx, &cx.catalogue, &place, &asked)?;
        deployment.on_failure = on_failure;
        deployment.timeout_minutes = request.timeout_in_minutes;
        deployment.retain_except_on_create = request.retain_except_on_create.unwrap_or_default();
        stack.goal = Goal::Deploy(Box::new(deployment));
        stack.token = request.client_request_token;
        stack.termination_protection = request.enable_termination_protection.unwrap_or_default();
        tx.put(&key(scope, &stack), &stack)?;
        Ok(StackIdResponse { stack_id: stack.id })
    })
}

fn on_failure(given: Option<OnFailure>, disabled: Option<bool>) -> Result<Option<OnFailure>, Error> {
    match (given, disabled) {
        (Some(_), Some(_)) => {
            Err(Error::Invalid("You can specify either OnFailure or DisableRollback, but not both.".to_owned()))
        }
        (None, Some(true)) => Ok(Some(OnFailure::DoNothing)),
        (given, _) => Ok(given),
    }
}

/// A stack that nothing is asked of yet.
pub(super) fn new_stack(cx: &Cx, name: &str) -> Stack {
    let resource = format!("stack/{name}/{}", cx.ids.uuid());
    Stack {
        id: Arn::new("cloudformation", cx.scope(), resource).to_string(),
        name: name.to_owned(),
        created: cx.clock.now(),
        generation: 1,
        goal: Goal::Review,
        token: None,
        termination_protection: false,
        cancelled: None,
        change_set: None,
    }
}

/// The key of a stack's row: the end of its ARN.
pub(super) fn key(scope: &Scope, stack: &Stack) -> Key {
    let path = stack.id.split_once(":stack/").map_or(stack.name.as_str(), |(_, path)| path);
    Key::new(scope, path)
}

/// Changes a stack.
pub(super) async fn update_stack(cx: Cx, request: UpdateStackRequest) -> Result<StackIdResponse, Error> {
    let asked = Asked {
        template_body: request.template_body,
        template_url: request.template_url,
        use_previous_template: request.use_previous_template.unwrap_or_default(),
        parameters: request.parameters,
        capabilities: request.capabilities,
        tags: request.tags,
        role: request.role_arn,
    };
    canary::check(&cx, &request.stack_name, &asked).await?;
    let scope = cx.scope();
    cx.store.write(|tx| {
        let mut found = find(tx, scope, &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
        if request.client_request_token.is_some() && found.stack.token == request.client_request_token {
            return Ok(StackIdResponse { stack_id: found.stack.id });
        }
        check_updatable(&found)?;
        let things = things(tx, &found.key)?;
        let Prepared { mut deployment, target, changes } =
            prepare(tx, &cx.catalogue, &place(scope, &found, &things), &asked)?;
        let outputs = target.outputs(&Standing(&things));
        let progress = found.progress.as_ref();
        if changes.is_empty() && outputs.ok().as_ref() == progress.map(|progress| &progress.outputs) {
            return Err(Error::NoUpdates);
        }
        deployment.on_failure = on_failure(None, request.disable_rollback)?;
        deployment.retain_except_on_create = request.retain_except_on_create.unwrap_or_default();
        ask(tx, &mut found, Goal::Deploy(Box::new(deployment)), request.client_request_token)?;
        Ok(StackIdResponse { stack_id: found.stack.id })
    })
}

/// What a deployment of `found` is prepared for.
pub(super) fn place<'a>(scope: &'a Scope, found: &'a Found, things: &'a [Physical]) -> For<'a> {
    For { scope, name: &found.stack.name, id: &found.stack.id, previous: found.standing(), things }
}

/// The real things of the stack at `key`.
pub(super) fn things(tx: &Transaction<'_>, key: &Key) -> Result<Vec<Physical>, Error> {
    let things = tx.list_under::<Physical>(&key.scope, &format!("{}/", key.name))?;
    Ok(things.into_iter().map(|(_, thing)| thing).collect())
}

/// Refuses to change a stack that is busy or beyond repair.
pub(super) fn check_updatable(found: &Found) -> Result<(), Error> {
    use StackStatus::{CreateComplete, CreateFailed, UpdateComplete, UpdateFailed, UpdateRollbackComplete};
    match found.status() {
        CreateComplete | UpdateComplete | UpdateRollbackComplete | CreateFailed | UpdateFailed => Ok(()),
        status => Err(Error::WrongState { id: found.stack.id.clone(), status, done: "updated" }),
    }
}

/// Asks `goal` of the stack.
pub(super) fn ask(tx: &mut Transaction<'_>, found: &mut Found, goal: Goal, token: Option<String>) -> Result<(), Error> {
    found.stack.goal = goal;
    found.stack.generation += 1;
    found.stack.token = token;
    found.stack.cancelled = None;
    Ok(tx.put(&found.key, &found.stack)?)
}

/// Deletes a stack.
pub(super) async fn delete_stack(cx: Cx, request: DeleteStackRequest) -> Result<Empty, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let Some(mut found) = find(tx, scope, &request.stack_name)? else { return Ok(Empty {}) };
        let status = found.status();
        match status {
            StackStatus::DeleteComplete | StackStatus::DeleteInProgress => return Ok(Empty {}),
            StackStatus::CreateInProgress | StackStatus::RollbackInProgress => {}
            status if status.is_in_progress() => {
                return Err(Error::Invalid(format!(
                    "Stack [{}] cannot be deleted while in status {status}",
                    found.stack.name
                )));
            }
            _ => {}
        }
        if found.stack.termination_protection {
            return Err(Error::Protected(found.stack.name));
        }
        for (export, _) in exports::of(tx, scope, &found.stack.id)? {
            let mut users = exports::importers(tx, scope, &export.name)?;
            users.retain(|user| *user != found.stack.name);
            if !users.is_empty() {
                return Err(Error::ExportInUse { export: export.name, users });
            }
        }
        check_retained(tx, &found, &request.retain_resources)?;
        ask(tx, &mut found, Goal::Delete { retain: request.retain_resources }, request.client_request_token)?;
        Ok(Empty {})
    })
}

/// Only what could not be deleted may be let go.
fn check_retained(tx: &Transaction<'_>, found: &Found, retain: &[String]) -> Result<(), Error> {
    if retain.is_empty() {
        return Ok(());
    }
    if found.status() != StackStatus::DeleteFailed {
        return Err(Error::Invalid(
            "RetainResources can be specified only for a stack in the DELETE_FAILED state".to_owned(),
        ));
    }
    let things = things(tx, &found.key)?;
    match retain.iter().find(|id| !things.iter().any(|thing| thing.logical_id == **id)) {
        Some(id) => Err(Error::NoResource { resource: id.clone(), stack: found.stack.name.clone() }),
        None => Ok(()),
    }
}

/// Breaks an update off.
pub(super) async fn cancel_update_stack(cx: Cx, request: CancelUpdateStackRequest) -> Result<Empty, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let mut found = find(tx, scope, &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
        if found.status() != StackStatus::UpdateInProgress {
            return Err(Error::Invalid(format!(
                "CancelUpdateStack cannot be called from current stack status {}",
                found.status()
            )));
        }
        found.stack.cancelled = Some(found.stack.generation);
        tx.put(&found.key, &found.stack)?;
        Ok(Empty {})
    })
}

/// Tries a rollback that failed once more.
pub(super) async fn continue_update_rollback(cx: Cx, request: ContinueUpdateRollbackRequest) -> Result<Empty, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let mut found = find(tx, scope, &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
        if found.status() != StackStatus::UpdateRollbackFailed {
            let (id, status) = (found.stack.id, StackStatus::UpdateRollbackFailed);
            return Err(Error::Invalid(format!(
                "Stack:{id} is not in {status} state and its rollback cannot be continued"
            )));
        }
        ask(tx, &mut found, Goal::RollBack { skip: request.resources_to_skip }, request.client_request_token)?;
        Ok(Empty {})
    })
}

/// Rolls back what failed and was left standing.
pub(super) async fn rollback_stack(cx: Cx, request: RollbackStackRequest) -> Result<StackIdResponse, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let mut found = find(tx, scope, &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
        match found.status() {
            StackStatus::CreateFailed | StackStatus::UpdateFailed => {}
            status => return Err(Error::WrongState { id: found.stack.id, status, done: "rolled back" }),
        }
        ask(tx, &mut found, Goal::RollBack { skip: Vec::new() }, request.client_request_token)?;
        Ok(StackIdResponse { stack_id: found.stack.id })
    })
}

/// Protects a stack from deletion, or ends that.
pub(super) async fn update_termination_protection(
    cx: Cx,
    request: UpdateTerminationProtectionRequest,
) -> Result<StackIdResponse, Error> {
    let scope = cx.scope();
    cx.store.write(|tx| {
        let mut found = find(tx, scope, &request.stack_name)?.ok_or(Error::NoStack(request.stack_name))?;
        if found.status() == StackStatus::DeleteComplete {
            return Err(Error::NoStack(found.stack.name));
        }
        found.stack.termination_protection = request.enable_termination_protection;
        tx.put(&found.key, &found.stack)?;
        Ok(StackIdResponse { stack_id: found.stack.id })
    })
}

//! Exports, and who imports them. Shared by the operations, which refuse, and the controller, which publishes.

use api::cloudformation::StackStatus;
use names::Scope;
use store::{Key, Transaction};

use crate::{
    controller::status,
    error::Error,
    rows::{Deployment, Export, Goal, Progress, Stack},
};

/// The exports of the stack with the ARN `id`.
pub(crate) fn of(tx: &Transaction<'_>, scope: &Scope, id: &str) -> Result<Vec<(Key, Export)>, Error> {
    let exports = tx.list::<Export>(scope)?;
    Ok(exports.into_iter().filter(|(_, export)| export.stack_id == id).collect())
}

/// The names of the stacks that import the export `name`, or are about to.
pub(crate) fn importers(tx: &Transaction<'_>, scope: &Scope, name: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for (key, stack) in tx.list::<Stack>(scope)? {
        let progress = tx.get::<Progress>(&key)?;
        if deployments(&stack, progress.as_ref()).iter().any(|deployment| deployment.imports.contains_key(name)) {
            names.push(stack.name);
        }
    }
    Ok(names)
}

/// The deployments that real things of a stack may follow from.
fn deployments<'a>(stack: &'a Stack, progress: Option<&'a Progress>) -> Vec<&'a Deployment> {
    let mut deployments = Vec::new();
    let status = status(stack, progress);
    if matches!(status, StackStatus::DeleteComplete | StackStatus::RollbackComplete) {
        return deployments;
    }
    if let Goal::Deploy(deployment) = &stack.goal
        && progress.is_none_or(|progress| progress.generation < stack.generation)
    {
        deployments.push(&**deployment);
    }
    if let Some(progress) = progress {
        let unsettled = status.is_in_progress() || status.as_str().ends_with("_FAILED");
        deployments.extend(progress.current.as_ref());
        deployments.extend(progress.attempt.as_ref().filter(|_| unsettled));
    }
    deployments
}

//! Operations that are asked after. All of them succeeded: what would fail is refused before it begins.

use std::cmp::Reverse;

use api::servicediscovery as sd;
use store::Key;

use super::{Cx, filtered, page_size};
use crate::{Error, rows::Operation};

const STATUS: &str = "SUCCESS";

/// `GetOperation`.
pub(super) async fn get_operation(cx: Cx, request: sd::GetOperationRequest) -> Result<sd::GetOperationResponse, Error> {
    let operation = cx.store.get::<Operation>(&Key::new(cx.scope(), &request.operation_id))?;
    let own = request.owner_account.is_none_or(|owner| owner == cx.scope().account.as_str());
    let operation = operation.filter(|_| own).ok_or(Error::OperationNotFound(request.operation_id))?;
    Ok(sd::GetOperationResponse {
        operation: Some(sd::Operation {
            id: Some(operation.id),
            owner_account: Some(cx.scope().account.to_string()),
            r#type: Some(operation.kind),
            status: Some(STATUS.to_owned()),
            error_message: None,
            error_code: None,
            create_date: Some(operation.done),
            update_date: Some(operation.done),
            targets: operation.targets,
        }),
    })
}

/// `ListOperations`.
pub(super) async fn list_operations(
    cx: Cx,
    request: sd::ListOperationsRequest,
) -> Result<sd::ListOperationsResponse, Error> {
    let limit = page_size(request.max_results, 100)?;
    let operations = cx.store.list::<Operation>(cx.scope())?.into_iter().map(|(_, operation)| operation).collect();
    let target = |operation: &Operation, kind: &str| operation.targets.get(kind).cloned().unwrap_or_default();
    let kept = filtered(operations, &request.filters, |operation, filter| match filter {
        "NAMESPACE_ID" => Some(target(operation, "NAMESPACE")),
        "SERVICE_ID" => Some(target(operation, "SERVICE")),
        "STATUS" => Some(STATUS.to_owned()),
        "TYPE" => Some(operation.kind.clone()),
        // Seconds since 1970, as callers write them.
        "UPDATE_DATE" => Some((operation.done.as_millis() / 1000).to_string()),
        _ => None,
    })?;
    let newest_first = |operation: &Operation| (Reverse(operation.done.as_millis()), operation.id.clone());
    let (page, next_token) = wire::page(kept, newest_first, limit, request.next_token.as_deref())?;
    let operations = page
        .into_iter()
        .map(|operation| sd::OperationSummary { id: Some(operation.id), status: Some(STATUS.to_owned()) });
    Ok(sd::ListOperationsResponse { operations: operations.collect(), next_token })
}

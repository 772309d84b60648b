//! Roles that a service makes for itself. Services here need none; scripts that make them first find them made.

use std::collections::{BTreeMap, BTreeSet};

use api::iam as model;
use names::Tags;
use serde_json::json;

use super::{
    Cx,
    role::{add, description, shown},
};
use crate::{Error, rows::Role};

/// The services that have such roles, and what their roles' names end in.
const SERVICES: [(&str, &str); 6] = [
    ("appmesh.amazonaws.com", "AppMesh"),
    ("autoscaling.amazonaws.com", "AutoScaling"),
    ("ecs.amazonaws.com", "ECS"),
    ("ecs.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_ECSService"),
    ("elasticloadbalancing.amazonaws.com", "ElasticLoadBalancing"),
    ("replication.ecr.amazonaws.com", "ECRReplication"),
];

/// `CreateServiceLinkedRole`.
pub(super) async fn create_service_linked_role(
    cx: Cx,
    request: model::CreateServiceLinkedRoleRequest,
) -> Result<model::CreateServiceLinkedRoleResponse, Error> {
    let service = request.aws_service_name;
    let ending = SERVICES.iter().find(|(known, _)| *known == service).map(|(_, ending)| *ending);
    let ending =
        ending.ok_or_else(|| Error::InvalidInput(format!("{service} has no service-linked role in Serin.")))?;
    if request.custom_suffix.is_some() {
        return Err(Error::InvalidInput(format!("Custom suffix is not allowed for {service}")));
    }
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}],
    });
    let role = Role {
        name: format!("AWSServiceRoleFor{ending}"),
        id: format!("AROA{}", cx.ids.suffix(17)),
        path: format!("/aws-service-role/{service}/"),
        trust: trust.to_string(),
        description: description(request.description)?,
        max_session_duration: 3600,
        boundary: None,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
        tags: Tags::new(),
        created: cx.clock.now(),
        service_linked: true,
    };
    add(&cx, &role).map_err(|error| match error {
        Error::RoleExists(name) => Error::InvalidInput(format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        )),
        other => other,
    })?;
    Ok(model::CreateServiceLinkedRoleResponse { role: Some(shown(&role, &cx.scope().account)) })
}

/// `DeleteServiceLinkedRole`.
pub(super) async fn delete_service_linked_role(
    cx: Cx,
    request: model::DeleteServiceLinkedRoleRequest,
) -> Result<model::DeleteServiceLinkedRoleResponse, Error> {
    let key = Role::key(cx.scope(), &request.role_name);
    let role = cx.store.write(|tx| {
        let role = tx.get::<Role>(&key)?.filter(|role| role.service_linked);
        let role = role.ok_or(Error::NoSuchRole(request.role_name))?;
        tx.delete::<Role>(&key)?;
        Ok::<_, Error>(role)
    })?;
    Ok(model::DeleteServiceLinkedRoleResponse {
        deletion_task_id: format!("task{}{}/{}", role.path, role.name, cx.ids.uuid()),
    })
}

/// `GetServiceLinkedRoleDeletionStatus`.
pub(super) async fn get_service_linked_role_deletion_status(
    cx: Cx,
    request: model::GetServiceLinkedRoleDeletionStatusRequest,
) -> Result<model::GetServiceLinkedRoleDeletionStatusResponse, Error> {
    // The id tells which role went; that role is gone, or there never was such a task.
    let mut parts = request.deletion_task_id.split('/');
    let named = parts.next() == Some("task") && parts.next() == Some("aws-service-role");
    let name = parts.nth(1).filter(|_| named).map(str::to_owned);
    let gone = name.is_some_and(|name| !matches!(cx.store.get::<Role>(&Role::key(cx.scope(), &name)), Ok(Some(_))));
    if gone {
        return Ok(model::GetServiceLinkedRoleDeletionStatusResponse { status: "SUCCEEDED".to_owned() });
    }
    Err(Error::NoSuchDeletion(request.deletion_task_id))
}

//! Lifecycle policies, which the controller applies, and resource policies, which are kept and answered.

use api::ecr as shape;
use serde_json::Value;
use store::Key;
use wire::Context;

use super::{check_registry, not_found, repository::change};
use crate::{
    Registry,
    error::Error,
    plan::Policy,
    rows::{Evaluation, Repository},
};

/// The longest policies, in bytes, as the API model has it.
const LIFECYCLE_MAX: usize = 30_720;
const POLICY_MAX: usize = 10_240;

fn check_length(member: &'static str, text: &str, most: usize) -> Result<(), Error> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Error::InvalidParameter { member, constraint: format!("Member must have length less than or equal to {most}") })
}

fn check_json(member: &'static str, text: &str) -> Result<(), Error> {
    let is_object = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
    if is_object { Ok(()) } else { Err(Error::InvalidParameter { member, constraint: "a JSON object".to_owned() }) }
}

fn read(cx: &Context<Registry>, request: &shape::RepositoryRequest) -> Result<Repository, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    let row = cx.store.get::<Repository>(&Key::new(cx.scope(), request.repository_name.clone()))?;
    row.ok_or_else(|| not_found(cx.scope(), &request.repository_name))
}

fn lifecycle(cx: &Context<Registry>, repository: String, text: String) -> Result<shape::LifecyclePolicy, Error> {
    let evaluation = cx.store.get::<Evaluation>(&Key::new(cx.scope(), repository.clone()))?;
    Ok(shape::LifecyclePolicy {
        registry_id: cx.scope().account.to_string(),
        repository_name: repository,
        lifecycle_policy_text: text,
        last_evaluated_at: evaluation.map(|evaluation| evaluation.evaluated),
    })
}

fn resource(cx: &Context<Registry>, repository: String, text: String) -> shape::RepositoryPolicy {
    let registry_id = cx.scope().account.to_string();
    shape::RepositoryPolicy { registry_id, repository_name: repository, policy_text: text }
}

pub(crate) async fn put_lifecycle_policy(
    cx: Context<Registry>,
    request: shape::PutLifecyclePolicyRequest,
) -> Result<shape::PutLifecyclePolicyResponse, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    let (name, text) = (request.repository_name, request.lifecycle_policy_text);
    check_length("lifecyclePolicyText", &text, LIFECYCLE_MAX)?;
    Policy::parse(&text).map_err(|constraint| Error::InvalidParameter { member: "lifecyclePolicyText", constraint })?;
    change(&cx, &name, |row| {
        row.lifecycle_policy = Some(text.clone());
        Ok(())
    })?;
    let registry_id = cx.scope().account.to_string();
    Ok(shape::PutLifecyclePolicyResponse { registry_id, repository_name: name, lifecycle_policy_text: text })
}

pub(crate) async fn get_lifecycle_policy(
    cx: Context<Registry>,
    request: shape::RepositoryRequest,
) -> Result<shape::LifecyclePolicy, Error> {
    let text = read(&cx, &request)?.lifecycle_policy;
    let text = text.ok_or_else(|| Error::LifecyclePolicyNotFound(request.repository_name.clone()))?;
    lifecycle(&cx, request.repository_name, text)
}

pub(crate) async fn delete_lifecycle_policy(
    cx: Context<Registry>,
    request: shape::RepositoryRequest,
) -> Result<shape::LifecyclePolicy, Error> {
    let answer = get_lifecycle_policy(cx.clone(), request.clone()).await?;
    change(&cx, &request.repository_name, |row| {
        row.lifecycle_policy = None;
        Ok(())
    })?;
    Ok(answer)
}

pub(crate) async fn set_repository_policy(
    cx: Context<Registry>,
    request: shape::SetRepositoryPolicyRequest,
) -> Result<shape::RepositoryPolicy, Error> {
    check_registry(cx.scope(), request.registry_id.as_deref())?;
    let (name, text) = (request.repository_name, request.policy_text);
    check_length("policyText", &text, POLICY_MAX)?;
    check_json("policyText", &text)?;
    change(&cx, &name, |row| {
        row.policy = Some(text.clone());
        Ok(())
    })?;
    Ok(resource(&cx, name, text))
}

pub(crate) async fn get_repository_policy(
    cx: Context<Registry>,
    request: shape::RepositoryRequest,
) -> Result<shape::RepositoryPolicy, Error> {
    let text = read(&cx, &request)?.policy;
    let text = text.ok_or_else(|| Error::RepositoryPolicyNotFound(request.repository_name.clone()))?;
    Ok(resource(&cx, request.repository_name, text))
}

pub(crate) async fn delete_repository_policy(
    cx: Context<Registry>,
    request: shape::RepositoryRequest,
) -> Result<shape::RepositoryPolicy, Error> {
    let answer = get_repository_policy(cx.clone(), request.clone()).await?;
    change(&cx, &request.repository_name, |row| {
        row.policy = None;
        Ok(())
    })?;
    Ok(answer)
}

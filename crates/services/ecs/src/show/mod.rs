//! Rows as callers see them.

mod cluster;
mod service;
mod service_deployment;
mod task;
mod task_definition;

pub(crate) use cluster::{Counts, cluster};
pub(crate) use service::{is_stable, service};
pub(crate) use service_deployment::{
    service_deployment, service_deployment_brief, service_deployment_status, service_revision,
};
pub(crate) use task::{Tasks, health, task};
pub(crate) use task_definition::task_definition;

use api::ecs::Tag;
use names::Tags;

/// Tags as the wire lists them.
pub(crate) fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: Some(value.clone()) }).collect()
}

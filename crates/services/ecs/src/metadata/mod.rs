//! What ECS's agent tells tasks of themselves: metadata, statistics and credentials, at 169.254.170.2 on port 80.
//!
//! Libraries in tasks look there. Those for tracing and metrics ask who they are, by the address in
//! `ECS_CONTAINER_METADATA_URI_V4`; AWS's SDKs ask for the credentials of the task's role, by the path in
//! `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`. Answers have the shapes that AWS documents for the fourth version of the
//! endpoint; what is not known here (the drift of a clock, input and output by device) is left out of them.
//!
//! Everybody in a VPC can send a request there, and tasks are strangers to each other. So the paths name a container or a
//! task, and whoever asks must have that task's address, which the relay in the VPC tells and no task can choose.

mod document;
mod statistics;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::{Fault, ec2};
use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use container::{ContainerStatus, ContainerUsage, TaskState};
use http::StatusCode;
use names::{Scope, Timestamp};
use serde_json::{Value, json};
use store::Key;
use wire::Origin;

use crate::{
    Ecs,
    rows::{Status, Task, TaskDefinition, TaskObserved},
    show,
};

use document::Known;
use statistics::Reading;

/// Where all of it is.
const ADDRESS: &str = "http://169.254.170.2";
/// How long credentials are good. They go on being so, but SDKs ask again for what has no end, and too often.
const CREDENTIALS_LAST: Duration = Duration::from_hours(6);
/// Containers whose last reading is remembered; all are forgotten when there are more.
const READINGS_MAX: usize = 4096;

/// What `container` of `task` finds in its environment.
pub(crate) fn variables(task: &Task, container: &str, has_role: bool) -> Vec<(&'static str, String)> {
    let mut variables =
        vec![("ECS_CONTAINER_METADATA_URI_V4", format!("{ADDRESS}/v4/{}", container_id(&task.id, container)))];
    if has_role {
        variables.push(("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", format!("/v2/credentials/{}", task.id)));
    }
    variables
}

/// How a container is called by whom runs it.
pub(crate) fn container_id(task: &str, container: &str) -> String {
    format!("{task}-{container}")
}

/// What answers on port 80 of the address in every VPC.
pub fn agent(ecs: Arc<Ecs>) -> Router {
    let agent = Arc::new(Agent { ecs, readings: Mutex::default() });
    Router::new()
        .route("/v4/{id}", get(container))
        .route("/v4/{id}/task", get(task))
        .route("/v4/{id}/taskWithTags", get(task_with_tags))
        .route("/v4/{id}/stats", get(container_statistics))
        .route("/v4/{id}/task/stats", get(task_statistics))
        .route("/v2/credentials/{task}", get(credentials))
        .with_state(agent)
}

struct Agent {
    ecs: Arc<Ecs>,
    /// What each container used when somebody last asked, by its id.
    readings: Mutex<BTreeMap<String, Reading>>,
}

/// Why a task is told nothing.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the task that asks has no container {0}")]
    Stranger(String),
    #[error("the task has no role, and so no credentials")]
    NoRole,
    #[error("rows can't be read: {0}")]
    Store(#[from] store::Error),
    #[error("EC2 does not tell where the task is: {0}")]
    Place(#[from] Fault),
    #[error("what the containers do can't be read: {0}")]
    Runtime(#[from] crate::runtime::Error),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Stranger(_) | Self::NoRole => StatusCode::NOT_FOUND,
            Self::Store(_) | Self::Place(_) | Self::Runtime(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, self.to_string()).into_response()
    }
}

type Caller = Option<Extension<Origin>>;
type Answer = Result<Json<Value>, Error>;

async fn container(State(agent): State<Arc<Agent>>, Path(id): Path<String>, caller: Caller) -> Answer {
    let (known, container) = agent.known(&id, caller).await?;
    known.container(&container).map(Json).ok_or(Error::Stranger(id))
}

async fn task(State(agent): State<Arc<Agent>>, Path(id): Path<String>, caller: Caller) -> Answer {
    Ok(Json(agent.known(&id, caller).await?.0.task()))
}

async fn task_with_tags(State(agent): State<Arc<Agent>>, Path(id): Path<String>, caller: Caller) -> Answer {
    Ok(Json(agent.known(&id, caller).await?.0.task_with_tags()))
}

async fn container_statistics(State(agent): State<Arc<Agent>>, Path(id): Path<String>, caller: Caller) -> Answer {
    let (key, container) = agent.find(&id, caller)?;
    let mut all = agent.statistics(&key).await?;
    all.remove(&id).map(Json).ok_or(Error::Stranger(container))
}

async fn task_statistics(State(agent): State<Arc<Agent>>, Path(id): Path<String>, caller: Caller) -> Answer {
    let (key, _) = agent.find(&id, caller)?;
    Ok(Json(json!(agent.statistics(&key).await?)))
}

async fn credentials(State(agent): State<Arc<Agent>>, Path(id): Path<String>, caller: Caller) -> Answer {
    let key = agent.task_of(&id, caller)?.ok_or_else(|| Error::Stranger(id.clone()))?;
    let (task, definition) = agent.definition(&key)?.ok_or(Error::Stranger(id))?;
    let role = task.overrides.task_role_arn.or(definition.definition.task_role_arn).ok_or(Error::NoRole)?;
    let expires = agent.ecs.clock.now().plus(CREDENTIALS_LAST);
    Ok(Json(json!({
        "RoleArn": role,
        "AccessKeyId": key.scope.account.to_string(),
        "SecretAccessKey": agent.ecs.task_secret,
        // SDKs want one and send it along; here the task's key is enough.
        "Token": task.id,
        "Expiration": expires.to_iso8601(),
    })))
}

impl Agent {
    /// The key of the task called `id`, if it is the one that asks.
    fn task_of(&self, id: &str, caller: Caller) -> Result<Option<Key>, store::Error> {
        let Some(Extension(origin)) = caller else { return Ok(None) };
        let all = self.ecs.store.list_all::<TaskObserved>()?;
        let asks = |observed: &TaskObserved| {
            observed.status < Status::Deprovisioning
                && observed.interface.as_ref().is_some_and(|interface| {
                    interface.vpc == origin.network && interface.address == *origin.address.ip()
                })
        };
        let found = all.into_iter().find(|(key, seen)| key.name.rsplit('/').next() == Some(id) && asks(seen));
        Ok(found.map(|(key, _)| key))
    }

    /// The task that asks and the container that the id names.
    fn find(&self, id: &str, caller: Caller) -> Result<(Key, String), Error> {
        let stranger = || Error::Stranger(id.to_owned());
        let (task, container) = id.split_once('-').ok_or_else(stranger)?;
        let key = self.task_of(task, caller)?.ok_or_else(stranger)?;
        let row = self.ecs.store.get::<Task>(&key)?.ok_or_else(stranger)?;
        row.containers.contains_key(container).then(|| (key, container.to_owned())).ok_or_else(stranger)
    }

    fn definition(&self, key: &Key) -> Result<Option<(Task, TaskDefinition)>, store::Error> {
        let Some(task) = self.ecs.store.get::<Task>(key)? else { return Ok(None) };
        let definition = TaskDefinition::key(&key.scope, &task.family, task.revision);
        Ok(self.ecs.store.get::<TaskDefinition>(&definition)?.map(|definition| (task, definition)))
    }

    /// All that is known of the task that asks, and the container that the id names.
    async fn known(&self, id: &str, caller: Caller) -> Result<(Known, String), Error> {
        let (key, container) = self.find(id, caller)?;
        let (task, definition) = self.definition(&key)?.ok_or_else(|| Error::Stranger(id.to_owned()))?;
        let store = &self.ecs.store;
        let observed = store.get::<TaskObserved>(&key)?.unwrap_or_default();
        let state = self.state(&task.id).await?;
        let shown = show::task(store, &key.scope, &task, &["TAGS".to_owned()])?;
        let containers = definition.definition.container_definitions;
        let place = self.place(&key.scope, &observed).await?;
        Ok((Known { shown, task, containers, observed, state, place }, container))
    }

    /// What the task's containers are doing now. Rows say it too, a moment later: whoever asks runs, and is not to be told
    /// otherwise.
    async fn state(&self, task: &str) -> Result<Option<TaskState>, crate::runtime::Error> {
        self.ecs.runtime.wait(task, 0, Duration::ZERO).await
    }

    /// The networks of the task's subnet and VPC.
    async fn place(&self, scope: &Scope, observed: &TaskObserved) -> Result<Option<document::Place>, Fault> {
        let Some(interface) = &observed.interface else { return Ok(None) };
        let subnets = ec2::DescribeSubnetsRequest { subnet_ids: vec![interface.subnet.clone()], ..Default::default() };
        let subnets = self.ecs.caller.call::<ec2::DescribeSubnets>(scope, subnets).await?.subnets;
        let vpcs = ec2::DescribeVpcsRequest { vpc_ids: vec![interface.vpc.clone()], ..Default::default() };
        let vpcs = self.ecs.caller.call::<ec2::DescribeVpcs>(scope, vpcs).await?.vpcs;
        let subnet = subnets.first().and_then(|subnet| subnet.cidr_block.parse().ok());
        let vpc: Option<ipnet::Ipv4Net> = vpcs.first().and_then(|vpc| vpc.cidr_block.parse().ok());
        let resolver = |vpc: ipnet::Ipv4Net| Ipv4Addr::from_bits(vpc.network().to_bits().saturating_add(2));
        Ok(subnet.zip(vpc).map(|(subnet, vpc)| document::Place { subnet, resolver: resolver(vpc) }))
    }

    /// The statistics of the task's containers by their ids; null for those that do not run.
    async fn statistics(&self, key: &Key) -> Result<BTreeMap<String, Value>, Error> {
        let task = key.name.rsplit('/').next().unwrap_or_default();
        let Some(state) = self.state(task).await? else { return Ok(BTreeMap::new()) };
        let running = state.containers.iter().filter(|container| container.status == ContainerStatus::Running);
        let processes = running.filter_map(|container| Some((container.name.clone(), container.pid?))).collect();
        let mut used = self.ecs.runtime.containers(&state.id, processes).await?;
        let now = self.ecs.clock.now();
        let told = state.containers.iter().map(|container| {
            let id = container_id(&state.id, &container.name);
            let usage = used.remove(&container.name);
            let told = usage.map_or(Value::Null, |usage| self.reading(&id, &container.name, usage, now));
            (id, told)
        });
        Ok(told.collect())
    }

    /// A container's statistics, beside those that were told last.
    fn reading(&self, id: &str, name: &str, usage: ContainerUsage, at: Timestamp) -> Value {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if readings.len() >= READINGS_MAX && !readings.contains_key(id) {
            readings.clear();
        }
        let now = Reading { at, usage };
        let before = readings.insert(id.to_owned(), now.clone());
        statistics::document((id, name), before.as_ref(), &now, self.ecs.machine)
    }
}

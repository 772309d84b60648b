//! What the proxies of a mesh have counted: the one seam between canaries and the data plane.
//!
//! [`TaskProxies`] asks the proxies in this house's tasks, over a connection into the task's own namespace that stays
//! open. Counts only grow; whoever wants to know what happened since the last look subtracts.

use std::{
    collections::{BTreeMap, HashMap},
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use api::{appmesh::status as appmesh, ecs};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, join_all};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use names::Scope;
use network::{Namespace, Sockets};
use serde::Deserialize;
use wire::Caller;

use crate::Error;

/// Where a proxy answers questions, inside its task.
const ADMIN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9901);
/// How long connecting may take, and how long an answer.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The names of the clusters of both versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters {
    /// Of the old one.
    pub baseline: Vec<String>,
    /// Of the new one.
    pub canary: Vec<String>,
}

/// What one proxy has counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Tells it from others; another process has another one.
    pub proxy: String,
    /// Of the old version.
    pub baseline: Counts,
    /// Of the new version.
    pub canary: Counts,
}

/// What went to one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Requests answered, or given up on; each attempt of a retried one counts.
    pub requests: u64,
    /// Those that failed: with a status of 500 or above, the proxy's own included.
    pub errors: u64,
    /// How long they took, by bucket; see [`crate::judge::Histogram`].
    pub latency: Vec<(u16, u64)>,
    /// Its healthy endpoints.
    pub healthy: u32,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.extend(other.latency);
        self.healthy = self.healthy.max(other.healthy);
    }
}

/// Whoever knows what proxies have counted.
pub trait Proxies: Send + Sync + 'static {
    /// What the proxies of a mesh that know `clusters` have counted. Who does not answer in time is left out.
    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        mesh: &'a str,
        clusters: &'a Clusters,
    ) -> BoxFuture<'a, Result<Vec<Reading>, Error>>;
}

type Connection = http1::SendRequest<Empty<Bytes>>;

/// The proxies in tasks of this house.
pub struct TaskProxies {
    caller: Caller,
    connections: Mutex<HashMap<String, Connection>>,
}

#[derive(Deserialize)]
struct Answer {
    clusters: BTreeMap<String, Counts>,
}

impl TaskProxies {
    /// Finds proxies through `caller`: App Mesh knows which there are, ECS where.
    pub fn new(caller: Caller) -> Self {
        Self { caller, connections: Mutex::default() }
    }

    async fn read_all(&self, scope: &Scope, mesh: &str, clusters: &Clusters) -> Result<Vec<Reading>, Error> {
        let request = appmesh::ListProxiesRequest { mesh_name: mesh.to_owned(), mesh_owner: None };
        let listed = self.caller.call::<appmesh::ListProxies>(scope, request).await?;
        let tasks: Vec<String> = listed.proxies.into_iter().filter_map(|proxy| proxy.task_arn).collect();
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).retain(|task, _| tasks.contains(task));
        let asked = tasks.iter().map(|task| self.read_one(scope, task, clusters));
        Ok(join_all(asked).await.into_iter().flatten().collect())
    }

    async fn read_one(&self, scope: &Scope, task: &str, clusters: &Clusters) -> Option<Reading> {
        let answer = tokio::time::timeout(ANSWER_MAX * 2, self.ask(scope, task, clusters)).await;
        match answer.unwrap_or(Err(Problem::Late)) {
            Ok(answer) => reading(task, answer, clusters),
            Err(problem) => {
                tracing::debug!(task, %problem, "A proxy could not be asked.");
                None
            }
        }
    }

    /// Asks over the connection that is open, or a new one, which stays open only if all went well.
    async fn ask(&self, scope: &Scope, task: &str, clusters: &Clusters) -> Result<Answer, Problem> {
        let open = self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
        let mut connection = match open {
            Some(open) if !open.is_closed() => open,
            _ => self.connect(scope, task).await?,
        };
        let answer = exchange(&mut connection, clusters).await?;
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(task.to_owned(), connection);
        Ok(answer)
    }

    async fn connect(&self, scope: &Scope, task: &str) -> Result<Connection, Problem> {
        let request = ecs::DescribeTaskNamespacesRequest { tasks: vec![task.to_owned()] };
        let found = self.caller.call::<ecs::DescribeTaskNamespaces>(scope, request).await?;
        let place = found.task_namespaces.into_iter().next().ok_or(Problem::Gone)?;
        let sockets = Sockets::of(&Namespace::open(Path::new(&place.path))?)?;
        let stream = sockets.connect(None, ADMIN, ANSWER_MAX).await?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(connection)
    }
}

impl Proxies for TaskProxies {
    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        mesh: &'a str,
        clusters: &'a Clusters,
    ) -> BoxFuture<'a, Result<Vec<Reading>, Error>> {
        self.read_all(scope, mesh, clusters).boxed()
    }
}

/// Why a proxy has no answer.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("it did not answer in time")]
    Late,
    #[error("its task does not run")]
    Gone,
    #[error(transparent)]
    Neighbour(#[from] api::Fault),
    #[error(transparent)]
    Network(#[from] network::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("its answer is too long, or broke off")]
    Body,
    #[error("it answered {0}")]
    Status(http::StatusCode),
    #[error("its answer can't be read: {0}")]
    Answer(#[from] serde_json::Error),
}

async fn exchange(connection: &mut Connection, clusters: &Clusters) -> Result<Answer, Problem> {
    let names = clusters.baseline.iter().chain(&clusters.canary);
    let query: Vec<String> = names.map(|name| format!("cluster={name}")).collect();
    let request = Request::get(format!("/serin/counts?{}", query.join("&"))).header("host", "proxy");
    let request = request.body(Empty::new()).map_err(|_| Problem::Body)?;
    let (parts, body) = connection.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| Problem::Body)?;
    if parts.status.is_success() {
        Ok(serde_json::from_slice(&body.to_bytes())?)
    } else {
        Err(Problem::Status(parts.status))
    }
}

/// What `answer` says of both versions; none if the proxy knows neither, and is not on the way to this route.
fn reading(task: &str, mut answer: Answer, clusters: &Clusters) -> Option<Reading> {
    let mut take = |names: &[String]| {
        let found: Vec<Counts> = names.iter().filter_map(|name| answer.clusters.remove(name)).collect();
        let mut total = found.first().map(|_| Counts::default())?;
        for counts in found {
            total.add(counts);
        }
        Some(total)
    };
    let (baseline, canary) = (take(&clusters.baseline), take(&clusters.canary));
    if baseline.is_none() && canary.is_none() {
        return None;
    }
    let (baseline, canary) = (baseline.unwrap_or_default(), canary.unwrap_or_default());
    Some(Reading { proxy: task.to_owned(), baseline, canary })
}

//! What the proxies of a mesh have counted: the one seam between canaries and the data plane.
//!
//! [`TaskProxies`] asks the proxies in this house's tasks, over a connection into the task's own namespace that stays
//! open. Our proxy has a page made for this, Envoy has its statistics; which of the two is asked shows by its answer.
//! Counts only grow; whoever wants to know what happened since the last look subtracts.

mod envoy;
mod page;

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
use http::StatusCode;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use names::Scope;
use network::{Namespace, Sockets};
use page::Page;
use serde::Deserialize;
use wire::Caller;

use crate::Error;

/// Where a proxy answers questions, inside its task.
const ADMIN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9901);
/// How long connecting may take, and how long an answer.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The page of all of a proxy's statistics, and how long and how large its answer may be.
const STATISTICS: &str = "/stats/prometheus?usedonly";
const STATISTICS_TIME_MAX: Duration = Duration::from_secs(3);
const STATISTICS_BYTES_MAX: usize = 16 << 20;

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
    /// How long they took, by bucket, each bucket once; see [`crate::judge::Histogram`]. Where an Envoy counts, these
    /// come later than the requests: it gathers them for a while.
    pub latency: Vec<(u16, u64)>,
    /// Its healthy endpoints.
    pub healthy: u32,
    /// The part whose users are in the first of two random halves; nothing where a proxy does not tell them apart.
    #[serde(default)]
    pub half: Half,
    /// Requests and failures by groups of users, where users stay with a version, else nothing; none where a proxy does
    /// not tell groups apart.
    #[serde(default)]
    pub users: Option<Vec<(u64, u64)>>,
}

/// What went to a random half of the users of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Half {
    /// As of the whole.
    pub requests: u64,
    /// As of the whole.
    pub errors: u64,
    /// As of the whole.
    pub latency: Vec<(u16, u64)>,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency = together(&mut self.latency, other.latency);
        self.healthy = self.healthy.max(other.healthy);
        self.half.requests += other.half.requests;
        self.half.errors += other.half.errors;
        self.half.latency = together(&mut self.half.latency, other.half.latency);
        if let Some(others) = other.users {
            let users = self.users.get_or_insert_default();
            users.resize(users.len().max(others.len()), (0, 0));
            for (group, more) in users.iter_mut().zip(others) {
                *group = (group.0 + more.0, group.1 + more.1);
            }
        }
    }
}

/// Each bucket of both once.
fn together(some: &mut Vec<(u16, u64)>, others: Vec<(u16, u64)>) -> Vec<(u16, u64)> {
    let mut latency: BTreeMap<u16, u64> = std::mem::take(some).into_iter().collect();
    for (bucket, count) in others {
        *latency.entry(bucket).or_default() += count;
    }
    latency.into_iter().collect()
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
    /// By task.
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a task's proxy.
#[derive(Default)]
struct Known {
    page: Page,
    open: Option<Connection>,
}

/// What a proxy has counted of each cluster that it has.
type Answer = BTreeMap<String, Counts>;

impl TaskProxies {
    /// Finds proxies through `caller`: App Mesh knows which there are, ECS where.
    pub fn new(caller: Caller) -> Self {
        Self { caller, known: Mutex::default() }
    }

    async fn read_all(&self, scope: &Scope, mesh: &str, clusters: &Clusters) -> Result<Vec<Reading>, Error> {
        let request = appmesh::ListProxiesRequest { mesh_name: mesh.to_owned(), mesh_owner: None };
        let listed = self.caller.call::<appmesh::ListProxies>(scope, request).await?;
        let tasks: Vec<String> = listed.proxies.into_iter().filter_map(|proxy| proxy.task_arn).collect();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|task, _| tasks.contains(task));
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
        let Known { page, open } = self.take(task);
        let mut connection = match open {
            Some(open) if !open.is_closed() => open,
            _ => self.connect(scope, task).await?,
        };
        let (page, answer) = converse(&mut connection, page, clusters).await?;
        let known = Known { page, open: Some(connection) };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(task.to_owned(), known);
        Ok(answer)
    }

    /// All that the proxy in `task` counts, as Prometheus reads it; none if it does not answer in time.
    ///
    /// Over a connection of its own: a long answer holds up nobody who judges a canary.
    pub async fn statistics(&self, scope: &Scope, task: &str) -> Option<String> {
        let asked = async {
            let mut connection = self.connect(scope, task).await?;
            let (status, body) = exchange(&mut connection, STATISTICS, STATISTICS_BYTES_MAX).await?;
            if status.is_success() { Ok(body) } else { Err(Problem::Status(status)) }
        };
        match tokio::time::timeout(STATISTICS_TIME_MAX, asked).await.unwrap_or(Err(Problem::Late)) {
            Ok(body) => Some(String::from_utf8_lossy(&body).into_owned()),
            Err(problem) => {
                tracing::debug!(task, %problem, "A proxy does not tell its statistics.");
                None
            }
        }
    }

    /// What is known of a task's proxy. What kind it is stays known while it is being asked, and if that fails.
    fn take(&self, task: &str) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { page, open } = known.entry(task.to_owned()).or_default();
        Known { page: *page, open: open.take() }
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
    Status(StatusCode),
    #[error("its answer can't be read: {0}")]
    Answer(#[from] serde_json::Error),
}

/// Asks for `page`, or for the next one that such a proxy may have; answers with the one it has.
async fn converse(connection: &mut Connection, mut page: Page, clusters: &Clusters) -> Result<(Page, Answer), Problem> {
    let names: Vec<&str> = clusters.baseline.iter().chain(&clusters.canary).map(String::as_str).collect();
    loop {
        let (status, body) = exchange(connection, &page.path(&names), ANSWER_BYTES_MAX).await?;
        if status.is_success() {
            return Ok((page, page.read(&names, &body)?));
        }
        page = page.otherwise(status).ok_or(Problem::Status(status))?;
    }
}

async fn exchange(connection: &mut Connection, path: &str, bytes_max: usize) -> Result<(StatusCode, Bytes), Problem> {
    connection.ready().await?;
    let request = Request::get(path).header("host", "proxy").body(Empty::new()).map_err(|_| Problem::Body)?;
    let (parts, body) = connection.send_request(request).await?.into_parts();
    let body = Limited::new(body, bytes_max).collect().await.map_err(|_| Problem::Body)?;
    Ok((parts.status, body.to_bytes()))
}

/// What `answer` says of both versions; none if the proxy knows neither, and is not on the way to this route.
fn reading(task: &str, mut answer: Answer, clusters: &Clusters) -> Option<Reading> {
    let mut take = |names: &[String]| {
        let found: Vec<Counts> = names.iter().filter_map(|name| answer.remove(name)).collect();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    fn counts(requests: u64, latency: &[(u16, u64)]) -> Counts {
        Counts { requests, errors: 1, latency: latency.to_vec(), healthy: 2, half: Half::default(), users: None }
    }

    #[test]
    fn clusters_of_one_version_are_added_bucket_by_bucket() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let clusters = Clusters { baseline: names(&["a", "b"]), canary: names(&["c"]) };
        let of_both = [("a", counts(3, &[(10, 2), (12, 1)])), ("b", counts(4, &[(11, 1), (12, 3)]))];
        let answer: Answer = of_both.map(|(name, counts)| (name.to_owned(), counts)).into();
        let reading = reading("task", answer, &clusters).unwrap();
        let baseline = Counts {
            requests: 7,
            errors: 2,
            latency: vec![(10, 2), (11, 1), (12, 4)],
            healthy: 2,
            half: Half::default(),
            users: None,
        };
        assert_eq!((reading.baseline, reading.canary), (baseline, Counts::default()));
    }

    /// A connection to an admin port that answers each path that begins so with this status and body, others with 404.
    async fn admin(pages: &'static [(&str, u16, &str)]) -> (Connection, Arc<Mutex<Vec<String>>>) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut lines = BufReader::new(theirs);
            let mut line = String::new();
            while lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                if let Some(path) = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()) {
                    heard.lock().unwrap().push(path.to_owned());
                } else if line == "\r\n" {
                    let path = heard.lock().unwrap().last().cloned().unwrap_or_default();
                    let page = pages.iter().find(|(start, ..)| path.starts_with(start));
                    let (status, body) = page.map_or((404, "invalid path"), |(_, status, body)| (*status, *body));
                    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    lines.write_all(answer.as_bytes()).await.unwrap();
                }
                line.clear();
            }
        });
        let (connection, driver) = http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(driver);
        (connection, asked)
    }

    const STATISTICS: &str = r#"{"stats":[{"name":"cluster.a.membership_healthy","value":1},
        {"name":"cluster.a.upstream_rq_2xx","value":7},{"histograms":{"supported_percentiles":[]}}]}"#;

    #[tokio::test]
    async fn what_kind_a_proxy_is_shows_by_its_answers_and_is_asked_once() {
        let clusters = Clusters { baseline: vec!["a".to_owned()], canary: Vec::new() };
        let (mut connection, asked) = admin(&[("/stats", 200, STATISTICS)]).await;
        let (page, answer) = converse(&mut connection, Page::default(), &clusters).await.unwrap();
        assert_eq!((page, answer["a"].requests), (Page::Statistics, 7));
        converse(&mut connection, page, &clusters).await.unwrap();
        let starts: Vec<_> = asked.lock().unwrap().iter().map(|path| path[..6].to_owned()).collect();
        assert_eq!(starts, ["/serin", "/stats", "/stats"]);
    }

    #[tokio::test]
    async fn a_proxy_that_answers_neither_page_is_named_by_its_status() {
        let (mut connection, asked) = admin(&[("/serin", 503, "busy")]).await;
        let refused = converse(&mut connection, Page::default(), &Clusters::default()).await;
        assert!(matches!(refused, Err(Problem::Status(StatusCode::SERVICE_UNAVAILABLE))));
        assert_eq!(asked.lock().unwrap().len(), 1, "that it is busy does not make it an Envoy");
    }

    #[test]
    fn a_proxy_that_knows_neither_version_has_nothing_to_say() {
        let clusters = Clusters { baseline: vec!["a".to_owned()], canary: Vec::new() };
        assert_eq!(reading("task", Answer::new(), &clusters), None);
    }
}

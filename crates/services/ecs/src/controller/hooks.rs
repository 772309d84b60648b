//! The hook controller: asks the URLs that stand in the place of functions at the stages of a release, and notes what
//! they answer.
//!
//! What is sent and what is understood is as with a function on AWS: the stage, the service and its revision there, and
//! `{"hookStatus": "SUCCEEDED" | "FAILED" | "IN_PROGRESS", "callBackDelay": seconds}` back. Who does not answer, or
//! not so, is asked again until the hook's time is over.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use api::ecs::DeploymentLifecycleHookStatus as HookStatus;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use reconcile::{Controller, Next};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Key, Row};

use super::Error;
use crate::{
    Ecs,
    plan::release::{Hook, Release},
    rows::{Revision, Service, ServiceDeployment, ServiceHooks, ServiceObserved, ServiceRevision},
};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer taken, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// How soon to ask again where nothing is said, as on AWS.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// How soon to ask again who did not answer.
const RETRY: Duration = Duration::from_secs(5);

type Http = Client<HttpConnector, Full<Bytes>>;

/// Asks hooks.
pub(super) struct Hooks {
    ecs: Arc<Ecs>,
    http: Http,
}

/// What a hook answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    hook_status: HookStatus,
    call_back_delay: Option<u64>,
}

/// Why a hook's answer is none.
#[derive(Debug, thiserror::Error)]
enum Silence {
    /// It is no URL.
    #[error("it can't be asked: {0}")]
    Request(#[from] http::Error),
    /// Nobody answers.
    #[error("nobody answers: {0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    /// The answer broke off, or is too large.
    #[error("the answer can't be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    /// It is not well.
    #[error("it answers {0}")]
    Status(http::StatusCode),
    /// It answers something else.
    #[error("the answer can't be understood: {0}")]
    Answer(#[from] serde_json::Error),
    /// It takes too long.
    #[error("no answer within {} seconds", ANSWER_TIMEOUT.as_secs())]
    Timeout(#[from] tokio::time::error::Elapsed),
}

impl Hooks {
    pub(super) fn new(ecs: Arc<Ecs>) -> Self {
        Self { ecs, http: Client::builder(TokioExecutor::new()).build_http() }
    }
}

impl Controller for Hooks {
    type Error = Error;
    const NAME: &'static str = "ecs/hooks";

    fn watches(&self) -> &'static [&'static str] {
        &[ServiceObserved::KIND]
    }

    async fn keys(&self) -> Result<Vec<Key>, Error> {
        Ok(self.ecs.store.list_all::<ServiceObserved>()?.into_iter().map(|(key, _)| key).collect())
    }

    async fn reconcile(&self, key: &Key) -> Result<Next, Error> {
        let observed = self.ecs.store.get::<ServiceObserved>(key)?.unwrap_or_default();
        let (Some(release), Some(service)) = (&observed.release, self.ecs.store.get::<Service>(key)?) else {
            return Ok(Next::Settled);
        };
        let known = self.ecs.store.get::<ServiceHooks>(key)?.unwrap_or_default().answers;
        let open = release.hooks.iter().filter(|hook| hook.status == HookStatus::InProgress);
        let mut next = Next::Settled;
        for hook in open.filter(|hook| !known.contains_key(&hook.id)) {
            let Some(target) = &hook.target else { continue };
            let Some(latest) = observed.deployments.first() else { continue };
            match ask(&self.http, target, &question(key, &service, &latest.revision, release, hook)).await {
                Ok(Answer { hook_status: status @ (HookStatus::Succeeded | HookStatus::Failed), .. }) => {
                    self.note(key, release, hook, status)?;
                }
                Ok(answer) => next = Next::After(answer.call_back_delay.map_or(ASK_AGAIN, Duration::from_secs)),
                Err(error) => {
                    tracing::warn!(service = %key, target, stage = hook.stage.as_str(), %error, "A hook is silent.");
                    next = Next::After(RETRY);
                }
            }
        }
        Ok(next)
    }
}

impl Hooks {
    fn note(&self, key: &Key, release: &Release, hook: &Hook, status: HookStatus) -> Result<(), Error> {
        let ids: BTreeSet<&String> = release.hooks.iter().map(|hook| &hook.id).collect();
        self.ecs.store.write(|tx| {
            let mut row = tx.get::<ServiceHooks>(key)?.unwrap_or_default();
            // Those of releases that are over are asked for by nobody.
            row.answers.retain(|id, _| ids.contains(id));
            row.answers.insert(hook.id.clone(), status);
            tx.put(key, &row)?;
            Ok(())
        })
    }
}

/// Asks `target` once.
async fn ask(http: &Http, target: &str, question: &Value) -> Result<Answer, Silence> {
    let request = Request::post(target)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(question.to_string())))?;
    let answered = async {
        let response = http.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await.map_err(Silence::Body)?;
        if status.is_success() { Ok(body.to_bytes()) } else { Err(Silence::Status(status)) }
    };
    let body = tokio::time::timeout(ANSWER_TIMEOUT, answered).await??;
    Ok(serde_json::from_slice(&body)?)
}

/// What a hook is told.
fn question(key: &Key, service: &Service, revision: &Revision, release: &Release, hook: &Hook) -> Value {
    let (scope, id) = (&key.scope, revision.digits());
    let arn = ServiceRevision::arn(scope, &service.cluster, &service.name, id);
    let shares = |coming: u16| {
        let mut shares = serde_json::Map::from_iter([(arn.clone(), json!(f64::from(coming) / 10.0))]);
        if let Some(serving) = &release.serving {
            let digits = crate::rows::digits(serving);
            let serving = ServiceRevision::arn(scope, &service.cluster, &service.name, digits);
            shares.insert(serving, json!(f64::from(1000 - coming) / 10.0));
        }
        Value::Object(shares)
    };
    let details = hook.details.clone().map(|details| match &details {
        Value::String(text) => serde_json::from_str(text).unwrap_or(details),
        _ => details,
    });
    json!({
        "executionDetails": {
            "serviceArn": Service::arn(scope, &service.cluster, &service.name),
            "targetServiceRevisionArn": arn,
            "productionTrafficWeights": shares(release.weight),
            "testTrafficWeights": shares(if release.test { 1000 } else { 0 }),
        },
        "executionId": hook.id,
        "lifecycleStage": hook.stage.as_str(),
        "resourceArn": ServiceDeployment::arn(scope, &service.cluster, &service.name, id),
        "hookDetails": details,
    })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What is answered by a server that says `answer`, and what it was asked.
    async fn exchange(answer: &'static str) -> (Result<Answer, Silence>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/check", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = String::new();
            while !asked.ends_with('}') {
                let mut part = [0; 1024];
                let length = stream.read(&mut part).await.unwrap();
                assert!(length > 0, "the question broke off: {asked}");
                asked.push_str(&String::from_utf8_lossy(&part[..length]));
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
            asked
        });
        let http = Client::builder(TokioExecutor::new()).build_http();
        let answered = ask(&http, &url, &json!({"lifecycleStage": "POST_SCALE_UP"})).await;
        (answered, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_url_is_asked_as_a_function_would_be() {
        let (answer, asked) = exchange(r#"{"hookStatus": "IN_PROGRESS", "callBackDelay": 7}"#).await;
        let answer = answer.unwrap();
        assert_eq!((answer.hook_status, answer.call_back_delay), (HookStatus::InProgress, Some(7)));
        assert!(
            asked.starts_with("POST /check ") && asked.ends_with(r#"{"lifecycleStage":"POST_SCALE_UP"}"#),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn nonsense_and_silence_are_no_answers() {
        assert!(matches!(exchange("<html>").await.0, Err(Silence::Answer(_))));
        let http = Client::builder(TokioExecutor::new()).build_http();
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let answer = ask(&http, &format!("http://{nobody}/"), &json!({})).await;
        assert!(matches!(answer, Err(Silence::Connection(_))), "{answer:?}");
    }
}

//! Every constraint of the published API model, broken one at a time, through the gateway as a client would.
//!
//! Nothing here is written for one member: [`cases`] walks the model of each operation down to every member, and for
//! each makes requests that are right but for it. App Mesh must answer 400 `BadRequestException` and name the member.
//! The same request, not broken, must not be complained about there: else the refusal would prove nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod cases;
#[path = "../support/house.rs"]
mod house;
#[allow(dead_code, reason = "the API's own tests use the rest of it")]
#[path = "../../../../api/tests/models/model.rs"]
mod model;

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use cases::{Broken, Case};
use house::House;
use http::{Request, header};
use model::{Direction, Model, Operation};
use names::{AccountId, Clock, Ids};
use serde_json::{Map, Value};
use wire::Gateway;

/// Whose calls these are.
const CREDENTIAL: &str = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/appmesh/aws4_request, \
                          SignedHeaders=host, Signature=0000000000000000000000000000000000000000000000000000000000000000";

/// Members whose absence botocore's own model does not allow a client to say: a path without them is another path.
fn in_path(operation: &Operation, model: &Model, member: &str) -> bool {
    let input = operation.input.as_ref().unwrap();
    model.members(&input.shape, Direction::Request)[member].reference.location.as_deref() == Some("uri")
}

struct Front {
    gateway: Gateway,
    _house: House,
}

/// What came back.
struct Answer {
    status: u16,
    code: String,
    message: String,
}

impl Front {
    fn new() -> Self {
        let house = House::new();
        house.caller.fill([house.service.clone()]);
        let account = AccountId::default();
        let gateway =
            Gateway::new(house.caller.clone(), Clock::System, Ids::counting(), account, wire::Secrets::default());
        Self { gateway, _house: house }
    }

    /// Sends `members` as the model binds them: labels into the path, some into the query, the rest into the body.
    async fn send(&self, model: &Model, operation: &Operation, members: &Map<String, Value>) -> Answer {
        let input = operation.input.as_ref().unwrap();
        let theirs = model.members(&input.shape, Direction::Request);
        let mut uri = operation.http.request_uri.clone();
        let (mut query, mut body) = (Vec::new(), Map::new());
        for (name, value) in members {
            let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match theirs[name].reference.location.as_deref() {
                Some("uri") => uri = uri.replace(&format!("{{{name}}}"), &text()),
                Some("querystring") => query.push(format!("{name}={}", text())),
                _ => _ = body.insert(name.clone(), value.clone()),
            }
        }
        let uri = format!("{uri}?{}", query.join("&"));
        let request = Request::builder().method(operation.http.method.as_str()).uri(uri);
        let request = request.header(header::AUTHORIZATION, CREDENTIAL).header("x-amz-date", "20260101T000000Z");
        let answer = self.gateway.handle(request.body(Body::from(Value::from(body).to_string())).unwrap()).await;
        let code = answer.headers().get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        Answer { status, code: code.unwrap_or_default(), message }
    }
}

/// The members a message complains about, without the places in lists.
fn complaints(message: &str) -> Vec<String> {
    // What is right and not done yet is no complaint about a constraint.
    let sentences = message.split("; ").filter(|sentence| !sentence.contains("is not supported by Serin yet"));
    let quoted = sentences.flat_map(|sentence| sentence.split(['\'', '`']).skip(1).step_by(2));
    let place = regex::Regex::new(r"\.\d+\.member|\[\d+\]").unwrap();
    quoted.map(|text| place.replace_all(text, "").into_owned()).collect()
}

#[tokio::test]
async fn every_constraint_of_the_model_is_kept() {
    let (front, model) = (Front::new(), Model::read("appmesh"));
    let (mut wrong, mut count) = (Vec::new(), BTreeMap::<Broken, usize>::new());
    for (name, operation) in model.operations.iter().filter(|(_, operation)| operation.input.is_some()) {
        for Case { broken, member, right, request } in cases::of(&model, operation) {
            if matches!(broken, Broken::Required | Broken::Empty) && in_path(operation, &model, top(&member)) {
                continue;
            }
            let answer = front.send(&model, operation, &right).await;
            if complaints(&answer.message).contains(&member) {
                wrong.push(format!(
                    "{name} {member}: {} is right, but: {}",
                    Value::from(right.clone()),
                    answer.message
                ));
            }
            let answer = front.send(&model, operation, &request).await;
            let refused = (answer.status, answer.code.as_str()) == (400, "BadRequestException");
            if !refused || !complaints(&answer.message).contains(&member) {
                let Answer { status, code, message } = answer;
                wrong.push(format!("{name} {member} {broken:?}: {status} {code} {message}"));
            }
            *count.entry(broken).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{} wrong of {count:?}:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count:?}");
    // A walk that finds nothing would pass as well: these are the model's own numbers, rounded down.
    for (broken, least) in
        [(Broken::Required, 200), (Broken::Range, 200), (Broken::Length, 300), (Broken::Word, 50), (Broken::Union, 100)]
    {
        assert!(count[&broken] >= least, "{broken:?}: {}", count[&broken]);
    }
}

fn top(member: &str) -> &str {
    member.split('.').next().unwrap_or_default()
}

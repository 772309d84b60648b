//! The API: a few todos in memory, and a version.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::{Tracer, xray::Segment};

/// The version whose every second answer is an error.
const BROKEN: &str = "3";

struct Api {
    version: String,
    todos: Mutex<BTreeMap<String, String>>,
    asked: AtomicU64,
    tracer: Arc<Tracer>,
}

/// The routes of the API in `version`.
pub fn router(version: String, tracer: Arc<Tracer>) -> Router {
    let todos = [("todo1", "build an API"), ("todo2", "?????"), ("todo3", "profit!")];
    let todos = todos.into_iter().map(|(id, task)| (id.to_owned(), task.to_owned())).collect();
    let api = Arc::new(Api { version, todos: Mutex::new(todos), asked: AtomicU64::new(0), tracer });
    Router::new()
        .route("/ping", get(|| async { Json(json!({"response": "ok"})) }))
        .route("/todos", get(list).post(add))
        .route("/todos/{id}", get(show).put(replace).delete(remove))
        .with_state(api)
}

impl Api {
    fn segment(&self, what: &str, headers: &HeaderMap) -> Segment {
        let parent = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.tracer.begin(&format!("api_{}_{what}", self.version), parent("x-traceid"), parent("x-parentid"))
    }

    /// Ends `segment` and answers; the broken version fails every second time.
    fn answer(&self, segment: Segment, status: StatusCode, body: Value) -> Response {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let (status, body) = if self.version == BROKEN && turn.is_multiple_of(2) {
            (StatusCode::INTERNAL_SERVER_ERROR, json!({"message": "Internal Server Error", "version": self.version}))
        } else {
            (status, body)
        };
        self.tracer.end(&segment, status.as_u16());
        (status, Json(body)).into_response()
    }

    fn todos(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.todos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn list(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let segment = api.segment("todos", &headers);
    let todos: BTreeMap<String, Value> =
        api.todos().iter().map(|(id, task)| (id.clone(), json!({"task": task}))).collect();
    let body = json!({"todos": todos, "version": api.version});
    api.answer(segment, StatusCode::OK, body)
}

async fn add(State(api): State<Arc<Api>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let segment = api.segment("todos", &headers);
    let Some(task) = body["task"].as_str() else {
        return api.answer(segment, StatusCode::BAD_REQUEST, json!({"message": "a todo has a task"}));
    };
    let id = {
        let mut todos = api.todos();
        let id =
            (1..=todos.len() + 1).map(|n| format!("todo{n}")).find(|id| !todos.contains_key(id)).unwrap_or_default();
        todos.insert(id.clone(), task.to_owned());
        id
    };
    let body = json!({"todo": {"task": task}, "id": id, "version": api.version});
    api.answer(segment, StatusCode::CREATED, body)
}

async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let segment = api.segment("todo", &headers);
    let task = api.todos().get(&id).cloned();
    match task {
        Some(task) => {
            let body = json!({"todo": {"task": task}, "version": api.version});
            api.answer(segment, StatusCode::OK, body)
        }
        None => api.answer(segment, StatusCode::NOT_FOUND, missing(&id)),
    }
}

async fn replace(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let segment = api.segment("todo", &headers);
    let Some(task) = body["task"].as_str() else {
        return api.answer(segment, StatusCode::BAD_REQUEST, json!({"message": "a todo has a task"}));
    };
    api.todos().insert(id, task.to_owned());
    let body = json!({"todo": {"task": task}, "version": api.version});
    api.answer(segment, StatusCode::CREATED, body)
}

async fn remove(State(api): State<Arc<Api>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let segment = api.segment("todo", &headers);
    if api.todos().remove(&id).is_none() {
        return api.answer(segment, StatusCode::NOT_FOUND, missing(&id));
    }
    api.tracer.end(&segment, 204);
    StatusCode::NO_CONTENT.into_response()
}

fn missing(id: &str) -> Value {
    json!({"message": format!("Todo {id} doesn't exist")})
}

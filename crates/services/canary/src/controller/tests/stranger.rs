//! A server that webhooks are sent to: a real one, that answers well, badly or not at all.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// With this body, and all is well.
    Says(&'static str),
    /// With this status, and a yes.
    Status(u16),
    /// It takes the question, and says nothing for good.
    Hangs,
    /// It promises an answer, and never ends it.
    Drips,
    /// With more than anybody reads.
    Floods,
    /// It hangs up.
    HangsUp,
}

pub(super) const YES: Manner = Manner::Says(r#"{"verdict":"GoOn"}"#);

/// A question as it came.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) head: String,
    pub(super) body: String,
}

impl Question {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("it is JSON")
    }
}

struct State {
    manner: Manner,
    asked: Vec<Question>,
}

/// The server.
pub(super) struct Stranger {
    port: u16,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

impl Stranger {
    pub(super) async fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { manner, asked: Vec::new() }));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/check?for=todos", self.port)
    }

    pub(super) fn becomes(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    pub(super) fn asked(&self) -> Vec<Question> {
        lock(&self.state).asked.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(question) = read(&mut stream).await else { return };
    let manner = {
        let mut state = lock(&state);
        state.asked.push(question);
        state.manner
    };
    let (status, length, body) = match manner {
        Manner::Says(body) => (200, body.len(), body.to_owned()),
        Manner::Status(status) => (status, 18, r#"{"verdict":"GoOn"}"#.to_owned()),
        Manner::Hangs => return std::future::pending().await,
        Manner::Drips => (200, 1000, "{\"verdict\":".to_owned()),
        Manner::Floods => (200, 1 << 20, " ".repeat(1 << 20)),
        Manner::HangsUp => return,
    };
    let head = format!("HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: {length}\r\n\r\n");
    // Who asked may have gone.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    if matches!(manner, Manner::Drips) {
        std::future::pending::<()>().await;
    }
}

/// A request with its body; none where it breaks off.
async fn read(stream: &mut TcpStream) -> Option<Question> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let question = Question { head: head.replace('\r', ""), body: body.to_owned() };
        let length: usize = question.header("content-length")?.parse().ok()?;
        if body.len() >= length {
            return Some(question);
        }
    }
}

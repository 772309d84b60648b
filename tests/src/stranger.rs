//! Programs that webhooks and messages are posted to: real servers that answer as they are told, or not at all.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// With this body and status 200.
    Says(&'static str),
    /// It takes the question, and says nothing for good.
    Hangs,
}

/// What was posted.
#[derive(Clone, Debug)]
pub struct Question {
    fields: Vec<(String, String)>,
    /// The body, as it came.
    pub body: String,
}

impl Question {
    /// The value of a header field.
    ///
    /// # Panics
    /// When it has none of this name.
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value.as_str())
    }

    /// The body.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("it is JSON")
    }

    /// Demands that who sent it knows `secret`, and signed in the last minutes, as the guide says.
    ///
    /// # Panics
    /// When that is not so.
    pub fn assert_signed(&self, secret: &str) {
        let signature = self.field("Serin-Signature");
        let (time, digest) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("both parts");
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a secret of any length");
        mac.update(format!("{time}.{}", self.body).as_bytes());
        assert_eq!(digest, hex::encode(mac.finalize().into_bytes()), "{self:?}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        assert!(now.abs_diff(time.parse().expect("seconds")) < 600, "signed at {time}, now it is {now}");
    }
}

struct State {
    manner: Manner,
    asked: Vec<Question>,
    /// Who waits for an answer that never comes.
    left: Vec<TcpStream>,
}

/// Such a program.
pub struct Stranger {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Stranger {
    /// Starts one, in the network namespace of who calls.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let state = Arc::new(Mutex::new(State { manner, asked: Vec::new(), left: Vec::new() }));
        let shared = Arc::clone(&state);
        // It ends with the test's program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { port, state }
    }

    /// Where it is; who knows the path knows a secret, as with messengers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/T0/B0/path", self.port)
    }

    /// From now on it answers so.
    pub fn becomes(&self, manner: Manner) {
        lock(&self.state).manner = manner;
    }

    /// What was posted so far.
    pub fn asked(&self) -> Vec<Question> {
        lock(&self.state).asked.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics with it")
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    // One that breaks off asked nothing.
    let Some(question) = read(&stream) else { return };
    let mut state = lock(state);
    state.asked.push(question);
    match state.manner {
        Manner::Says(body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // Who asked may have gone.
            let _ = (&stream).write_all((head + body).as_bytes());
        }
        Manner::Hangs => state.left.push(stream),
    }
}

/// A request with its body.
fn read(stream: &TcpStream) -> Option<Question> {
    let mut reader = BufReader::new(stream);
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => fields.extend(line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()))),
        }
    }
    let length = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Question { fields, body: String::from_utf8(body).ok()? })
}

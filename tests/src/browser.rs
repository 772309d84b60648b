//! A real Chromium, driven as a person's hands and eyes would, over W3C `WebDriver`.
//!
//! The protocol is JSON over HTTP, of which a test needs a dozen commands: they are here, so that no crate under a
//! licence that the house does not want is needed for them. What the browser complains about, and every request it
//! makes, is read from its logs: a page must be silent, and ask nobody but its own server.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::Machine;

/// How long one command may take.
const COMMAND_MAX: Duration = Duration::from_mins(3);
/// How long something may take to show up on a page.
pub const SHOWN_MAX: Duration = Duration::from_secs(30);
/// How often an element is looked for anew to be clicked on.
const CLICKS_MAX: usize = 5;
/// The key of an element in an answer, by the specification.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that have no character, as `WebDriver` spells them.
pub mod keys {
    /// The arrow to the right.
    pub const RIGHT: &str = "\u{e014}";
    /// The arrow to the left.
    pub const LEFT: &str = "\u{e012}";
    /// To the next thing.
    pub const TAB: &str = "\u{e004}";
    /// The big key.
    pub const ENTER: &str = "\u{e007}";
    /// To the beginning.
    pub const HOME: &str = "\u{e011}";
}

/// A browser with one window.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts a browser on `machine`, with nothing of any earlier one.
    ///
    /// # Panics
    /// Without Debian's packages `chromium` and `chromium-driver`: such a test must fail, not pass in silence.
    pub fn start(machine: &Machine) -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).env("HOME", machine.folder());
        let mut driver = command.spawn().expect("chromedriver, of the package chromium-driver, can be started");
        let stdout = driver.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        // At first it says that it begins, on port 0.
        let port = |line: String| line.split_once(" on port ")?.1.trim_end_matches('.').parse().ok();
        let port = lines.find_map(|line| port(line).filter(|port| *port != 0));
        // What it says later is read too: it would not survive a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser =
            Self { driver, port: port.expect("chromedriver says where it listens"), session: String::new() };
        let profile = machine.folder().join("chromium");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let session = browser.ask("POST", "/session", &capabilities);
        session["sessionId"].as_str().expect("a session has an id").clone_into(&mut browser.session);
        browser
    }

    /// Goes to `url`.
    pub fn open(&self, url: &str) {
        self.command("POST", "url", &json!({ "url": url }));
    }

    /// What the script `body` returns, run in the page.
    pub fn script(&self, body: &str) -> Value {
        self.command("POST", "execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// The text of the first element that `selector` finds; empty if there is none.
    pub fn text(&self, selector: &str) -> String {
        let selector = Value::from(selector);
        let text = self.script(&format!("return document.querySelector({selector})?.textContent ?? ''"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the element that `selector` finds has `text` in it.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for(&self, selector: &str, text: &str) {
        let begun = std::time::Instant::now();
        while !self.text(selector).contains(text) {
            assert!(
                begun.elapsed() < SHOWN_MAX,
                "{selector} does not show `{text}` but `{}`; the page: {}",
                self.text(selector),
                self.text("main")
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Types `text` into the element that `selector` finds, which gets the focus by it.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.command("POST", &format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses keys one after the other, wherever the focus is.
    pub fn press(&self, keys: &[&str]) {
        let strokes: Vec<Value> = keys
            .iter()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        self.command(
            "POST",
            "actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }),
        );
    }

    /// Clicks on the element that `selector` finds.
    ///
    /// # Panics
    /// When it cannot be clicked on.
    pub fn click(&self, selector: &str) {
        let mut why = String::new();
        // On a live page an element may be replaced between the look and the click.
        for _ in 0..CLICKS_MAX {
            let path = format!("/session/{}/element/{}/click", self.session, self.find(selector));
            match self.try_ask("POST", &path, &json!({})) {
                Ok(_) => return,
                Err(error) => why = error,
            }
        }
        panic!("{selector} cannot be clicked on: {why}");
    }

    fn find(&self, selector: &str) -> String {
        let found = self.command("POST", "element", &json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().expect("an element has an id").to_owned()
    }

    /// Makes the page so wide and high, in light or dark.
    pub fn look(&self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &media);
    }

    /// Writes a picture of the whole page, or of so much of its height, to `path`.
    ///
    /// # Panics
    /// When the picture cannot be taken or written.
    pub fn picture(&self, path: &Path, height_max: Option<u32>) {
        let size = self.script("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]");
        let height = size[1].as_u64().unwrap_or(0).min(height_max.map_or(u64::MAX, u64::from));
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": height, "scale": 1 });
        let shot = json!({ "format": "png", "clip": clip, "captureBeyondViewport": true });
        let shot = self.devtools("Page.captureScreenshot", &shot);
        let bytes = BASE64_STANDARD.decode(shot["data"].as_str().unwrap_or_default()).expect("a picture in base64");
        fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What went wrong on pages since the last call: complaints of the browser, and requests to others than `origin`.
    pub fn problems(&self, origin: &str) -> Vec<String> {
        let complaints =
            self.log("browser").into_iter().filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG");
        let complaints = complaints.map(|entry| entry["message"].to_string());
        let requests = self.log("performance").into_iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let url = message["params"]["request"]["url"]
                .as_str()
                .filter(|_| message["method"] == "Network.requestWillBeSent")?;
            let own = url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            // The empty page of a new window.
            let own = own || url.starts_with("data:") || url.starts_with("about:") || url.starts_with("chrome:");
            (!own).then(|| format!("a request to {url}"))
        });
        complaints.chain(requests).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("POST", "se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_default()
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("/session/{}/{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_ask(method, path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        stream.set_read_timeout(Some(COMMAND_MAX)).expect("a timeout");
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("chromedriver takes a command");
        let (head, text) = answer(stream);
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"));
        if head.starts_with("http/1.1 200") {
            Ok(value["value"].clone())
        } else {
            Err(value["value"]["message"].to_string())
        }
    }
}

/// The first line of an answer, and its body. The driver keeps connections, whatever it is asked.
fn answer(stream: TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("chromedriver answers");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length is a number");
        }
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("chromedriver answers whole");
    (first, String::from_utf8(body).expect("JSON is UTF-8"))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its own goodbye ends the browser; without it the driver's end does.
        if !std::thread::panicking() && !self.session.is_empty() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

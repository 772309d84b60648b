//! Requests at a steady rate, each one accounted for.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long one request may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Requests in flight at once.
const WORKERS: usize = 16;

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The status line and the header fields.
    head: String,
}

impl Answer {
    /// The value of the header field `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The `version` in its JSON body.
    pub fn version(&self) -> Option<String> {
        serde_json::from_str::<Value>(&self.body).ok()?["version"].as_str().map(str::to_owned)
    }
}

/// One GET of `http://<host>[:<port>]<path>` over a connection of its own, always to loopback.
pub fn get(url: &str) -> std::io::Result<Answer> {
    get_with(url, &[])
}

/// The same with more header fields.
pub fn get_with(url: &str, fields: &[(&str, &str)]) -> std::io::Result<Answer> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80);
    let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: e2e\r\n{fields}Connection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes)
        .ok_or_else(|| std::io::Error::other(format!("not an HTTP answer: {}", String::from_utf8_lossy(&bytes))))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| head.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).map(str::to_owned);
    let chunked = header("transfer-encoding:").is_some_and(|line| line.contains("chunked"));
    let body = if chunked { unchunk(body)? } else { body.to_owned() };
    let whole = header("content-length:").and_then(|line| line.split(':').nth(1)?.trim().parse().ok());
    // An answer that was cut short is none.
    (whole.is_none_or(|length: usize| length == body.len())).then(|| Answer { status, body, head: head.to_owned() })
}

fn unchunk(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests answered, by version.
    pub versions: BTreeMap<String, usize>,
    /// What failed: when, since the start, and how.
    pub failures: Vec<(Duration, String)>,
}

impl Report {
    /// All requests.
    pub fn total(&self) -> usize {
        self.versions.values().sum::<usize>() + self.failures.len()
    }

    /// Requests that `version` answered.
    pub fn of(&self, version: &str) -> usize {
        self.versions.get(version).copied().unwrap_or(0)
    }
}

/// A load that runs until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<Report>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Sends `rate` requests a second to `url`, whether or not earlier ones have been answered.
    ///
    /// # Panics
    /// Never by itself; a panic in a worker shows when the load is stopped.
    pub fn start(url: &str, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let report = Arc::new(Mutex::new(Report::default()));
        let (due, next) = mpsc::channel::<()>();
        let next = Arc::new(Mutex::new(next));
        let begun = Instant::now();
        let mut threads: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (url, next, report) = (url.to_owned(), Arc::clone(&next), Arc::clone(&report));
                let stopping = Arc::clone(&stop);
                std::thread::spawn(move || {
                    // What is due and not yet sent when the load ends is not sent: on a slow machine it is a lot.
                    while next.lock().expect("no worker panics").recv().is_ok() && !stopping.load(Ordering::SeqCst) {
                        account(&report, begun, get(&url));
                    }
                })
            })
            .collect();
        let stopping = Arc::clone(&stop);
        threads.push(std::thread::spawn(move || {
            for number in 1.. {
                if stopping.load(Ordering::SeqCst) || due.send(()).is_err() {
                    return;
                }
                let at = Duration::from_secs(number) / rate;
                std::thread::sleep(at.saturating_sub(begun.elapsed()));
            }
        }));
        Self { stop, report, threads }
    }

    /// What came so far; counting begins anew.
    ///
    /// # Panics
    /// When a worker panicked.
    pub fn take(&self) -> Report {
        std::mem::take(&mut *self.report.lock().expect("no worker panics"))
    }

    /// Ends the load and answers what came since the last [`Self::take`].
    ///
    /// # Panics
    /// When a worker panicked.
    pub fn stop(self) -> Report {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("no worker panics");
        }
        std::mem::take(&mut *self.report.lock().expect("no worker panics"))
    }
}

fn account(report: &Mutex<Report>, begun: Instant, answer: std::io::Result<Answer>) {
    let mut report = report.lock().expect("no worker panics");
    match answer {
        Ok(answer) if answer.status == 200 => {
            let version = answer.version().unwrap_or_else(|| "none".to_owned());
            *report.versions.entry(version).or_default() += 1;
        }
        Ok(answer) => report.failures.push((begun.elapsed(), format!("{} {}", answer.status, answer.body))),
        Err(error) => report.failures.push((begun.elapsed(), error.to_string())),
    }
}

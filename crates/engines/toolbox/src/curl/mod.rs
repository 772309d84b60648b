//! `curl` over plain HTTP: what health checks and entry scripts use of it, with its exit statuses.
//!
//! There is no TLS and no proxy (`http_proxy` is not read). `localhost` needs neither `/etc/hosts` nor a name server.

mod options;
mod transfer;

use std::{fs::File, io::Write, time::Instant};

use crate::call::Call;
use options::Settings;
use transfer::Answer;

/// Exit statuses as curl numbers them.
mod status {
    pub(super) const UNSUPPORTED_PROTOCOL: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const MALFORMED_URL: u8 = 3;
    pub(super) const RESOLVE: u8 = 6;
    pub(super) const CONNECT: u8 = 7;
    pub(super) const WEIRD_REPLY: u8 = 8;
    pub(super) const PARTIAL: u8 = 18;
    pub(super) const HTTP_ERROR: u8 = 22;
    pub(super) const WRITE: u8 = 23;
    pub(super) const READ: u8 = 26;
    pub(super) const TIMEOUT: u8 = 28;
    pub(super) const REDIRECTS: u8 = 47;
    pub(super) const EMPTY_REPLY: u8 = 52;
    pub(super) const RECEIVE: u8 = 56;
}

/// Why a transfer failed: curl's exit status and its words.
#[derive(Debug)]
struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    fn new(status: u8, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// `curl [OPTION…] URL…`
pub(crate) fn main(call: &Call<'_>) -> u8 {
    let settings = match Settings::parse(call) {
        Ok(settings) => settings,
        Err(wrong) => return call.fail(wrong, status::USAGE),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return call.fail(error, status::USAGE),
    };
    let mut last = 0;
    for url in &settings.urls {
        last = match runtime.block_on(fetch(call, &settings, url)) {
            Ok(()) => 0,
            Err(failure) if settings.silent && !settings.show_error => failure.status,
            Err(failure) => call.fail(format_args!("({}) {}", failure.status, failure.message), failure.status),
        };
    }
    // A name still being looked up must not hold a program that has given up on it.
    runtime.shutdown_background();
    last
}

async fn fetch(call: &Call<'_>, settings: &Settings, url: &str) -> Result<(), Failure> {
    let begun = Instant::now();
    let transfer = transfer::follow(settings, url);
    let result = match settings.max_time {
        None => transfer.await,
        Some(most) => tokio::time::timeout(most, transfer).await.unwrap_or_else(|_| {
            let passed = begun.elapsed().as_millis();
            Err(Failure::new(status::TIMEOUT, format!("Operation timed out after {passed} milliseconds")))
        }),
    };
    // What `-w` asks for is written whatever became of the transfer.
    let none = Answer::default();
    let (answer, failure) = match result {
        Ok(answer) => (Some(answer), None),
        Err(failure) => (None, Some(failure)),
    };
    let failed_by_status = answer.as_ref().is_some_and(|answer| settings.fail && answer.code >= 400);
    if let Some(answer) = answer.as_ref().filter(|_| !failed_by_status) {
        write_body(call, settings, answer)?;
    }
    if let Some(format) = &settings.write_out {
        let text = written_out(format, answer.as_ref().unwrap_or(&none), begun);
        call.output().write_all(text.as_bytes()).map_err(|_| not_written())?;
    }
    match (failure, answer.unwrap_or_default()) {
        (Some(failure), _) => Err(failure),
        (None, answer) if failed_by_status => {
            let message = format!("The requested URL returned error: {}", answer.code);
            Err(Failure::new(status::HTTP_ERROR, message))
        }
        (None, answer) => answer.broken_off.map_or(Ok(()), Err),
    }
}

fn not_written() -> Failure {
    Failure::new(status::WRITE, "Failure writing output to destination")
}

fn write_body(call: &Call<'_>, settings: &Settings, answer: &Answer) -> Result<(), Failure> {
    let mut out: Box<dyn Write + '_> = match settings.output.as_deref() {
        None | Some("-") => Box::new(call.output()),
        Some(path) => Box::new(File::create(call.path(path)).map_err(|_| not_written())?),
    };
    if settings.include || settings.head {
        out.write_all(answer.head.as_bytes()).map_err(|_| not_written())?;
    }
    out.write_all(&answer.body).map_err(|_| not_written())
}

/// The text of `-w`, its variables and escapes filled in.
fn written_out(format: &str, answer: &Answer, begun: Instant) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        out.push_str(&rest[..at]);
        let marked = &rest[at..];
        let name = marked.strip_prefix("%{").and_then(|text| text.split_once('}'));
        let (text, length) = match (name, marked.get(..2)) {
            (Some((name, _)), _) => (variable(name, answer, begun), name.len() + 3),
            (None, Some("%%")) => ("%".to_owned(), 2),
            (None, Some("\\n")) => ("\n".to_owned(), 2),
            (None, Some("\\r")) => ("\r".to_owned(), 2),
            (None, Some("\\t")) => ("\t".to_owned(), 2),
            _ => (marked[..1].to_owned(), 1),
        };
        out.push_str(&text);
        rest = &marked[length..];
    }
    out + rest
}

/// The variables that were checked when the options were read.
const VARIABLES: [&str; 8] = [
    "http_code",
    "response_code",
    "size_download",
    "time_total",
    "num_redirects",
    "url_effective",
    "content_type",
    "remote_ip",
];

fn variable(name: &str, answer: &Answer, begun: Instant) -> String {
    match name {
        "http_code" | "response_code" => format!("{:03}", answer.code),
        "size_download" => answer.body.len().to_string(),
        "time_total" => format!("{:.6}", begun.elapsed().as_secs_f64()),
        "num_redirects" => answer.redirects.to_string(),
        "url_effective" => answer.url.clone(),
        "content_type" => answer.content_type.clone(),
        _ => answer.remote.clone(),
    }
}

#[cfg(test)]
mod tests;

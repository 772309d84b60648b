//! Requests written down, a line for each, in Envoy's default text format.
//!
//! A core never waits for a file: it hands lines to a thread of the file's own. If that falls behind by too much, lines
//! are left out, and counted, and the next line that gets through says how many were.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use names::Timestamp;

/// How many lines may wait for their file.
const WAITING_MAX: usize = 16 * 1024;

/// How much is written at once.
const BATCH_MAX: usize = 64 * 1024;

/// All files that are written to.
#[derive(Default)]
pub(crate) struct AccessLogs {
    files: Mutex<HashMap<String, File>>,
}

struct File {
    log: Arc<AccessLog>,
    thread: thread::JoinHandle<()>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct AccessLog {
    lines: SyncSender<Vec<u8>>,
    left_out: AtomicU64,
}

impl AccessLogs {
    /// The log at `path`, which is opened for appending if it isn't yet.
    pub(crate) fn open(&self, path: &str) -> io::Result<Arc<AccessLog>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Ok(Arc::clone(&file.log));
        }
        let output = OpenOptions::new().append(true).create(true).open(path)?;
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(move || write(output, &waiting))?;
        let log = Arc::new(AccessLog { lines, left_out: AtomicU64::new(0) });
        files.insert(path.to_owned(), File { log: Arc::clone(&log), thread });
        Ok(log)
    }

    /// Waits until everything is written. No other handle on a log may be left.
    pub(crate) fn close(&self) {
        let files = std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner));
        for File { log, thread } in files.into_values() {
            drop(log);
            if thread.join().is_err() {
                tracing::error!("a writer of access logs panicked");
            }
        }
    }
}

fn write(mut output: std::fs::File, waiting: &Receiver<Vec<u8>>) {
    let mut reported = false;
    while let Ok(mut batch) = waiting.recv() {
        while batch.len() < BATCH_MAX
            && let Ok(line) = waiting.try_recv()
        {
            batch.extend_from_slice(&line);
        }
        if let Err(error) = output.write_all(&batch)
            && !std::mem::replace(&mut reported, true)
        {
            tracing::warn!(%error, "an access log can't be written to; its lines are lost");
        }
    }
}

impl AccessLog {
    /// Hands in a line.
    pub(crate) fn write(&self, mut line: Vec<u8>) {
        let left_out = self.left_out.swap(0, Relaxed);
        if left_out > 0 {
            line.extend_from_slice(format!("[{left_out} lines were left out: the log is slow]\n").as_bytes());
        }
        if self.lines.try_send(line).is_err() {
            self.left_out.fetch_add(left_out + 1, Relaxed);
        }
    }
}

/// What a line says. What is not known is a dash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) start: Timestamp,
    /// Method, path and protocol; none for a connection that is passed on as it is.
    pub(crate) request: Option<(&'a [u8], &'a [u8], &'static str)>,
    pub(crate) status: u16,
    pub(crate) flags: &'a str,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) duration: Duration,
    pub(crate) service_time: Option<Duration>,
    pub(crate) forwarded_for: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) request_id: Option<&'a [u8]>,
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) upstream: Option<SocketAddr>,
}

impl Entry<'_> {
    /// The line: `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE%
    /// %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%
    /// "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(256);
        let mut add = |part: &[u8]| line.extend_from_slice(part);
        let (method, path, protocol) = self.request.unwrap_or((b"-", b"-", "-"));
        add(format!("[{}] \"", self.start.to_iso8601()).as_bytes());
        add(method);
        add(b" ");
        add(path);
        let service_time = self.service_time.map_or("-".to_owned(), |time| time.as_millis().to_string());
        let flags = if self.flags.is_empty() { "-" } else { self.flags };
        let Self { status, received, sent, .. } = self;
        let duration = self.duration.as_millis();
        add(format!(" {protocol}\" {status} {flags} {received} {sent} {duration} {service_time}").as_bytes());
        for value in [self.forwarded_for, self.user_agent, self.request_id, self.authority] {
            add(b" \"");
            add(value.filter(|value| !value.is_empty()).unwrap_or(b"-"));
            add(b"\"");
        }
        let upstream = self.upstream.map_or("-".to_owned(), |upstream| upstream.to_string());
        add(format!(" \"{upstream}\"\n").as_bytes());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry<'_> = Entry {
        start: Timestamp::from_millis(1_460_751_420_310),
        request: None,
        status: 0,
        flags: "",
        received: 5,
        sent: 7,
        duration: Duration::from_micros(12_900),
        service_time: None,
        forwarded_for: None,
        user_agent: None,
        request_id: None,
        authority: None,
        upstream: None,
    };

    #[test]
    fn a_line_is_as_envoys() {
        let entry = Entry {
            request: Some((b"GET", b"/todos?x=1", "HTTP/1.1")),
            status: 503,
            flags: "UF,URX",
            service_time: Some(Duration::from_millis(4)),
            user_agent: Some(b"curl/8"),
            request_id: Some(b"id"),
            authority: Some(b"api:3000"),
            upstream: Some(([10, 0, 0, 9], 80).into()),
            ..ENTRY
        };
        assert_eq!(
            String::from_utf8(entry.line()).unwrap(),
            "[2016-04-15T20:17:00.310Z] \"GET /todos?x=1 HTTP/1.1\" 503 UF,URX 5 7 12 4 \"-\" \"curl/8\" \"id\" \
             \"api:3000\" \"10.0.0.9:80\"\n"
        );
        assert_eq!(
            String::from_utf8(ENTRY.line()).unwrap(),
            "[2016-04-15T20:17:00.310Z] \"- - -\" 0 - 5 7 12 - \"-\" \"-\" \"-\" \"-\" \"-\"\n"
        );
    }

    #[test]
    fn lines_reach_the_file_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let logs = AccessLogs::default();
        let log = logs.open(path.to_str().unwrap()).unwrap();
        for number in 0..1000 {
            log.write(format!("{number}\n").into_bytes());
        }
        drop(log);
        logs.close();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().map(|line| line.parse::<u32>().unwrap()).eq(0..1000));
    }

    #[test]
    fn a_file_that_cant_be_opened_is_an_error() {
        assert!(AccessLogs::default().open("/no/such/directory/log").is_err());
    }
}

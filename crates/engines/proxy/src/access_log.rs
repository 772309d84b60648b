//! Requests and connections written down, a line for each.
//!
//! A core never waits for a file: it hands lines to a thread of the file's own. If that falls behind by too much, lines
//! are left out, and counted, and the next line that gets through says how many were.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{self, Write as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::{format::Facts, model::LogFormat};

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

/// A file, and what its lines say.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) file: Arc<AccessLog>,
    pub(crate) format: LogFormat,
}

impl Log {
    /// Writes down what is known.
    pub(crate) fn write(&self, facts: &Facts<'_>) {
        let mut line = Vec::with_capacity(256);
        match &self.format {
            LogFormat::Text { template, omit_empty } => {
                template.write(facts, if *omit_empty { "" } else { "-" }, &mut line);
            }
            LogFormat::Json { json, omit_empty } => {
                line.extend_from_slice(json.value(facts, *omit_empty).to_string().as_bytes());
                line.push(b'\n');
            }
        }
        self.file.write(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

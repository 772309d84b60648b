//! What containers print, line by line, in files that one process appends to and others tail.
//!
//! A container's log is a directory, `<task-dir>/logs/<container>/`. Its content is a stream of lines of JSON,
//!
//! ```json
//! {"t":1764000000123,"s":"out","m":"GET /todos 200"}
//! ```
//!
//! with the time in milliseconds since 1970, the stream (`out` or `err`) and the line without its end. A line longer
//! than 262,118 bytes is cut into several, as the `awslogs` driver cuts it on ECS. What is not UTF-8 is replaced.
//!
//! The stream lies in files named after the offset of their first byte (`00000000000004194304.jsonl`). A reader only
//! ever holds an offset into the stream; files are begun every 4 MiB and the oldest of more than eight is removed, so
//! a log takes some 32 MiB at most, and a line more for each file. Who reads on from an offset that is gone reads on from the oldest there is.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use names::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::TaskFiles;

/// The longest message, in bytes; longer lines are cut. It is what the `awslogs` driver sends as one event: 256 KiB, less
/// what CloudWatch adds to each.
pub const MESSAGE_MAX: usize = (256 << 10) - 26;
/// Bytes of messages that are read at once, but for the last of them.
const READ_MAX: usize = 1 << 20;
/// A file that has come to this size, in bytes, is the last but one.
const FILE_SIZE: u64 = 4 << 20;
/// The most files a log keeps.
const FILES_MAX: usize = 8;
/// The longest line in a file: a message whose every byte had to be escaped, and the rest.
const LINE_MAX: usize = 6 * MESSAGE_MAX + 128;

/// A line that a container printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was read from the container.
    pub time: Timestamp,
    /// Where it was printed.
    pub stream: Stream,
    /// The line, without its end.
    pub message: String,
}

/// Where a container prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    #[serde(rename = "out")]
    Out,
    /// Standard error.
    #[serde(rename = "err")]
    Err,
}

/// A line of a file.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    t: i64,
    s: Stream,
    #[serde(borrow)]
    m: std::borrow::Cow<'a, str>,
}

/// Where the log of `container` of the task in `task_dir` lies.
pub fn path(task_dir: &Path, container: &str) -> PathBuf {
    TaskFiles::new(task_dir.to_owned()).logs(container)
}

/// At most `max` entries of the log in `log` (see [`path`]) from `offset` on (0 is the beginning), fewer where they are
/// long, and the offset to read on from. No entries: there is nothing new; a log that does not exist yet is empty.
///
/// The writer may be at work meanwhile: a line that is only half there is read next time.
pub fn read_from(log: &Path, offset: u64, max: usize) -> io::Result<(Vec<Entry>, u64)> {
    let files = files(log)?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    let mut next = offset.max(files.first().copied().unwrap_or(0));
    for (place, base) in files.iter().enumerate() {
        let end = files.get(place + 1).copied();
        if end.is_some_and(|end| end <= next) {
            continue;
        }
        match read_file(log, *base, &mut next, max, (&mut entries, &mut bytes)) {
            // Removed as the oldest in the moment between listing and opening.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => read?,
        }
        if entries.len() >= max || bytes >= READ_MAX {
            break;
        }
        // The rest of a file that is followed by another would be half a line of a writer that died.
        next = end.unwrap_or(next);
    }
    Ok((entries, next))
}

fn read_file(
    log: &Path,
    base: u64,
    next: &mut u64,
    max: usize,
    (entries, bytes): (&mut Vec<Entry>, &mut usize),
) -> io::Result<()> {
    let mut file = File::open(file_path(log, base))?;
    file.seek(SeekFrom::Start(next.saturating_sub(base)))?;
    let mut reader = io::BufReader::with_capacity(64 << 10, file);
    let mut line = Vec::new();
    while entries.len() < max && *bytes < READ_MAX {
        line.clear();
        let read = io::BufRead::read_until(&mut reader.by_ref().take(LINE_MAX as u64), b'\n', &mut line)?;
        if line.last() != Some(&b'\n') && read < LINE_MAX {
            return Ok(());
        }
        *next += read as u64;
        // A damaged line is passed over: the writer died in it, or somebody else wrote.
        if let Ok(Line { t, s, m }) = serde_json::from_slice(&line) {
            *bytes += m.len();
            entries.push(Entry { time: Timestamp::from_millis(t), stream: s, message: m.into_owned() });
        }
    }
    Ok(())
}

/// The offsets at which the files of a log begin, in order.
fn files(log: &Path) -> io::Result<Vec<u64>> {
    let listed = match fs::read_dir(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut bases = Vec::new();
    for entry in listed {
        let name = entry?.file_name();
        let base = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
        bases.extend(base.and_then(|base| base.parse::<u64>().ok()));
    }
    bases.sort_unstable();
    Ok(bases)
}

fn file_path(log: &Path, base: u64) -> PathBuf {
    log.join(format!("{base:020}.jsonl"))
}

/// Appends to a log. There is one for each container, in its shim.
pub(crate) struct Writer {
    log: PathBuf,
    file: File,
    base: u64,
    length: u64,
}

impl Writer {
    /// Goes on at the end of the log in `log`, which is made if there is none.
    pub(crate) fn open(log: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&log)?;
        let base = files(&log)?.last().copied().unwrap_or(0);
        let file = fs::OpenOptions::new().create(true).append(true).open(file_path(&log, base))?;
        let length = file.metadata()?.len();
        Ok(Self { log, file, base, length })
    }

    /// The offset the log ends at.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.length
    }

    /// Writes `messages` of `stream`, all at one time.
    pub(crate) fn append(&mut self, stream: Stream, messages: &[String], now: Timestamp) -> io::Result<()> {
        let mut bytes = Vec::new();
        for message in messages {
            serde_json::to_writer(&mut bytes, &Line { t: now.as_millis(), s: stream, m: message.into() })?;
            bytes.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&bytes) {
            // What was half written on a full disk must not run into the next line.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        if self.length >= FILE_SIZE { self.begin_file() } else { Ok(()) }
    }

    fn begin_file(&mut self) -> io::Result<()> {
        let base = self.end();
        self.file = fs::OpenOptions::new().create(true).append(true).open(file_path(&self.log, base))?;
        (self.base, self.length) = (base, 0);
        let files = files(&self.log)?;
        for old in &files[..files.len().saturating_sub(FILES_MAX)] {
            fs::remove_file(file_path(&self.log, *old))?;
        }
        Ok(())
    }
}

/// Cuts a stream of bytes into messages.
#[derive(Default)]
pub(crate) struct Splitter {
    rest: Vec<u8>,
}

impl Splitter {
    /// Takes what was read; the messages that are complete with it.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut messages = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
            while self.rest.len() > MESSAGE_MAX {
                let cut = character_boundary(&self.rest, MESSAGE_MAX);
                let message: Vec<u8> = self.rest.drain(..cut).collect();
                messages.push(text(&message));
            }
            if piece.ends_with(b"\n") {
                messages.push(text(&self.rest));
                self.rest.clear();
            }
        }
        messages
    }

    /// The stream has ended: what is left is a message too.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `at`, or up to three bytes before it, so that no character is cut in two.
fn character_boundary(bytes: &[u8], at: usize) -> usize {
    let continues = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    (at.saturating_sub(3)..=at).rev().find(|place| !continues(bytes[*place])).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1000)
    }

    fn messages(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.message.as_str()).collect()
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("app");
        assert_eq!(read_from(&log, 0, 10).unwrap(), (vec![], 0));
        let mut writer = Writer::open(log.clone()).unwrap();
        writer.append(Stream::Out, &["one".to_owned(), "two".to_owned()], now()).unwrap();
        let (entries, next) = read_from(&log, 0, 1).unwrap();
        assert_eq!(messages(&entries), ["one"]);
        writer.append(Stream::Err, &["three".to_owned()], now()).unwrap();
        let (entries, next) = read_from(&log, next, 10).unwrap();
        assert_eq!(messages(&entries), ["two", "three"]);
        assert_eq!(entries[1].stream, Stream::Err);
        assert_eq!(next, writer.end());
        assert_eq!(read_from(&log, next, 10).unwrap(), (vec![], next));
    }

    #[test]
    fn half_a_line_is_read_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let file = file_path(directory.path(), 0);
        fs::write(&file, "{\"t\":1,\"s\":\"out\",\"m\":\"wh").unwrap();
        assert_eq!(read_from(directory.path(), 0, 10).unwrap(), (vec![], 0));
        fs::write(&file, "{\"t\":1,\"s\":\"out\",\"m\":\"whole\"}\n").unwrap();
        let (entries, _) = read_from(directory.path(), 0, 10).unwrap();
        assert_eq!(messages(&entries), ["whole"]);
    }

    #[test]
    fn a_log_stays_in_its_bounds_and_readers_pass_over_what_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(directory.path().to_owned()).unwrap();
        let batch: Vec<String> = (0..64).map(|_| "x".repeat(16 << 10)).collect();
        for number in 0..40 {
            writer.append(Stream::Out, &batch, now()).unwrap();
            writer.append(Stream::Out, &[format!("batch {number}")], now()).unwrap();
        }
        let size: u64 = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(size <= 36 << 20, "{size}");
        let (mut next, mut last, mut count) = (0, String::new(), 0);
        loop {
            let (entries, after) = read_from(directory.path(), next, 100).unwrap();
            let Some(entry) = entries.last() else { break };
            last.clone_from(&entry.message);
            count += entries.len();
            next = after;
        }
        assert_eq!((next, last.as_str()), (writer.end(), "batch 39"));
        assert!(count > 20 * 65 && count < 40 * 65, "{count}");
    }

    #[test]
    fn lines_as_long_as_can_be_are_read_some_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(directory.path().to_owned()).unwrap();
        // Nothing is longer in a file than what has to be escaped byte by byte.
        let line = "\0".repeat(MESSAGE_MAX);
        for _ in 0..10 {
            writer.append(Stream::Out, std::slice::from_ref(&line), now()).unwrap();
        }
        let (mut next, mut counts) = (0, Vec::new());
        loop {
            let (entries, after) = read_from(directory.path(), next, 100).unwrap();
            if entries.is_empty() {
                break;
            }
            assert!(entries.iter().all(|entry| entry.message == line));
            counts.push(entries.len());
            next = after;
        }
        assert_eq!((counts, next), (vec![5, 5], writer.end()));
    }

    #[test]
    fn a_writer_goes_on_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut writer = Writer::open(directory.path().to_owned()).unwrap();
            writer.append(Stream::Out, &["again".to_owned()], now()).unwrap();
        }
        assert_eq!(read_from(directory.path(), 0, 10).unwrap().0.len(), 2);
    }

    #[test]
    fn lines_are_cut_at_their_ends_and_at_the_bound() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(b"one\ntw"), ["one"]);
        assert_eq!(splitter.push(b"o\n\nthree"), ["two", ""]);
        assert_eq!(splitter.finish().as_deref(), Some("three"));
        assert_eq!(splitter.finish(), None);
        let long = "ä".repeat(MESSAGE_MAX);
        let mut pieces = splitter.push(format!("x{long}\n").as_bytes());
        assert!(pieces.iter().all(|piece| piece.len() <= MESSAGE_MAX), "{}", pieces.len());
        assert_eq!(pieces.concat(), format!("x{long}"));
        pieces.clear();
        assert_eq!(splitter.push(b"\xff\n"), ["\u{fffd}"]);
    }
}

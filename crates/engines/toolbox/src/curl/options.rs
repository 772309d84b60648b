//! The options of `curl`.

use std::{io::Read, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::VARIABLES;
use crate::{
    call::{Call, Opt, Options},
    files::reason,
};

/// The most bytes of a request's body.
const DATA_MAX: u64 = 64 * 1024 * 1024;

/// What a call asks for.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Settings {
    pub(super) urls: Vec<String>,
    pub(super) silent: bool,
    pub(super) show_error: bool,
    pub(super) fail: bool,
    pub(super) head: bool,
    pub(super) include: bool,
    pub(super) location: bool,
    pub(super) redirects_max: u32,
    pub(super) output: Option<String>,
    pub(super) write_out: Option<String>,
    pub(super) method: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) data: Option<Vec<u8>>,
    pub(super) max_time: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    /// Addresses of one family alone: `-4`, `-6`.
    pub(super) family: Option<u8>,
}

impl Settings {
    pub(super) fn parse(call: &Call<'_>) -> Result<Self, String> {
        let mut settings = Self { redirects_max: 50, ..Self::default() };
        let mut options = Options::new(call.arguments);
        while let Some(option) = options.next() {
            settings.take(call, option, &mut options)?;
        }
        settings.urls.extend(options.operands.iter().map(ToString::to_string));
        if settings.urls.is_empty() {
            return Err("no URL specified".to_owned());
        }
        Ok(settings)
    }

    fn take(&mut self, call: &Call<'_>, option: Opt<'_>, options: &mut Options<'_>) -> Result<(), String> {
        match option {
            Opt::Short('s') | Opt::Long("silent") => self.silent = true,
            Opt::Short('S') | Opt::Long("show-error") => self.show_error = true,
            Opt::Short('f') | Opt::Long("fail") => self.fail = true,
            Opt::Short('I') | Opt::Long("head") => self.head = true,
            Opt::Short('i') | Opt::Long("include" | "show-headers") => self.include = true,
            Opt::Short('L') | Opt::Long("location") => self.location = true,
            // Nothing to verify without TLS, nothing to draw without a terminal, and it is what we speak anyway.
            Opt::Short('k' | '#' | 'N') | Opt::Long("insecure" | "progress-bar" | "no-buffer" | "http1.1") => {}
            Opt::Short('4') | Opt::Long("ipv4") => self.family = Some(4),
            Opt::Short('6') | Opt::Long("ipv6") => self.family = Some(6),
            other => {
                let value = with_value(other).then(|| options.value()).ok_or_else(|| {
                    format!("option {other}: is unknown, or not supported by this curl of Serin's built-in images")
                })?;
                let value = value.ok_or_else(|| format!("option {other}: requires parameter"))?;
                self.take_value(call, other, value)?;
            }
        }
        Ok(())
    }

    fn take_value(&mut self, call: &Call<'_>, option: Opt<'_>, value: &str) -> Result<(), String> {
        match option {
            Opt::Short('o') | Opt::Long("output") => self.output = Some(value.to_owned()),
            Opt::Short('w') | Opt::Long("write-out") => self.write_out = Some(checked_format(value)?),
            Opt::Short('X') | Opt::Long("request") => self.method = Some(value.to_owned()),
            Opt::Short('H') | Opt::Long("header") => self.headers.push(header(value)?),
            Opt::Short('A') | Opt::Long("user-agent") => self.headers.push(("User-Agent".to_owned(), value.to_owned())),
            Opt::Short('u') | Opt::Long("user") => {
                let basic = format!("Basic {}", BASE64_STANDARD.encode(value));
                self.headers.push(("Authorization".to_owned(), basic));
            }
            Opt::Short('d') | Opt::Long("data" | "data-ascii" | "data-binary") => {
                let bytes = match value.strip_prefix('@') {
                    Some(path) => read(call, path, option != Opt::Long("data-binary"))?,
                    None => value.as_bytes().to_vec(),
                };
                self.add_data(&bytes);
            }
            Opt::Long("data-raw") => self.add_data(value.as_bytes()),
            Opt::Short('m') | Opt::Long("max-time") => self.max_time = seconds(option, value)?,
            Opt::Long("connect-timeout") => self.connect_timeout = seconds(option, value)?,
            Opt::Long("max-redirs") => {
                self.redirects_max =
                    value.parse().map_err(|_| format!("option {option}: expected a proper numerical parameter"))?;
            }
            _ => self.urls.push(value.to_owned()),
        }
        Ok(())
    }

    /// More than one piece of data makes one form.
    fn add_data(&mut self, bytes: &[u8]) {
        match &mut self.data {
            Some(data) => data.extend([b"&", bytes].concat()),
            None => self.data = Some(bytes.to_vec()),
        }
    }
}

fn with_value(option: Opt<'_>) -> bool {
    match option {
        Opt::Short(letter) => "owXHAudm".contains(letter),
        Opt::Long(name) => matches!(
            name,
            "output"
                | "write-out"
                | "request"
                | "header"
                | "user-agent"
                | "user"
                | "data"
                | "data-ascii"
                | "data-binary"
                | "data-raw"
                | "max-time"
                | "connect-timeout"
                | "max-redirs"
                | "url"
        ),
    }
}

/// `Name: value`; `Name;` is a header without a value, `Name:` takes one of curl's own away.
fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').or_else(|| text.strip_suffix(';').map(|name| (name, "")));
    let (name, value) = pair.ok_or_else(|| format!("`{text}` is no header"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn seconds(option: Opt<'_>, value: &str) -> Result<Option<Duration>, String> {
    let parsed = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let time = parsed.ok_or_else(|| format!("option {option}: expected a proper numerical parameter"))?;
    Ok((!time.is_zero()).then_some(time))
}

fn checked_format(format: &str) -> Result<String, String> {
    for part in format.split("%{").skip(1) {
        let name = part.split('}').next().unwrap_or(part);
        if !VARIABLES.contains(&name) {
            return Err(format!("unknown --write-out variable: '{name}'"));
        }
    }
    Ok(format.to_owned())
}

fn read(call: &Call<'_>, path: &str, lines: bool) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = call.open(path).and_then(|source| source.take(DATA_MAX).read_to_end(&mut bytes));
    read.map_err(|error| format!("({}) Failed to open {path}: {}", super::status::READ, reason(&error)))?;
    if lines {
        bytes.retain(|byte| !matches!(byte, b'\n' | b'\r'));
    }
    Ok(bytes)
}

//! `serin up`, and the `aws` CLI that talks to it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{Machine, wait_until};

/// How long a house may take to be ready, on a machine that is busy.
const READY_MAX: Duration = Duration::from_secs(30);
/// How long a house may take to drain and stop.
const STOP_MAX: Duration = Duration::from_mins(1);

/// A running `serin up`.
pub struct House {
    child: Child,
    folder: PathBuf,
}

impl House {
    /// Starts a house on `machine` and waits for its line that says it is ready.
    pub fn start(machine: &Machine) -> Self {
        Self::start_with(machine, &[])
    }

    /// The same with more arguments.
    ///
    /// # Panics
    /// When it is not ready in time.
    pub fn start_with(machine: &Machine, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("serin"));
        command.args(["up", "--data-dir"]).arg(machine.data_dir()).args(arguments);
        command.stdout(Stdio::piped()).env_remove("SERIN_LISTEN");
        let mut child = command.spawn().expect("serin can be started");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                println!("serin: {line}");
                if line.contains("ready") {
                    let _ = ready.send(());
                }
            }
        });
        is_ready.recv_timeout(READY_MAX).expect("serin says that it is ready");
        Self { child, folder: machine.folder().to_owned() }
    }

    /// The `aws` CLI against this house.
    pub fn aws(&self) -> Aws {
        Aws::new(&self.folder)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, as a user's Ctrl-C: drains and stops all.
    ///
    /// # Panics
    /// When it does not end in time or not with success.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let mut status = None;
        wait_until("serin stops", STOP_MAX, || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        assert!(status.is_some_and(|status| status.success()), "serin ended with {status:?}");
    }

    /// SIGKILL: what a crash looks like.
    ///
    /// # Panics
    /// When the process is gone already.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("it can be waited for");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("serin is still there");
    }
}

/// A program of this workspace, built before the tests are.
///
/// # Panics
/// When it is not there: `cargo xtask test e2e` builds it.
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a program knows where it is");
    // Tests lie in a folder below the programs.
    let mut folders = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    let path = folders.find(|path| path.is_file()).unwrap_or_else(|| own.with_file_name(name));
    assert!(path.exists(), "{} is missing: cargo build --package {name}", path.display());
    path
}

/// The unmodified `aws` CLI.
#[derive(Clone)]
pub struct Aws {
    folder: PathBuf,
    region: String,
    secret: String,
}

impl Aws {
    /// A CLI whose configuration lies in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), region: "ap-southeast-2".to_owned(), secret: "test".to_owned() }
    }

    /// The same CLI in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// The same CLI with another secret.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// Gives `command` the environment of a user: one endpoint, keys, a region and nothing else of AWS.
    pub fn equip<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_PAGER", "")
            .env("AWS_CONFIG_FILE", self.folder.join("aws-config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.folder.join("aws-credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env_remove("AWS_PROFILE")
    }

    fn call(&self, line: &str) -> Output {
        let mut command = Command::new("aws");
        self.equip(command.args(words(line))).args(["--output", "json"]);
        command.output().expect("the aws CLI is on the PATH")
    }

    /// Runs `aws <line>` and answers the JSON it prints (null where it prints none).
    ///
    /// # Panics
    /// When the CLI fails.
    pub fn json(&self, line: &str) -> Value {
        let Output { status, stdout, stderr } = self.call(line);
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "aws {line} ended with {status}\n{stdout}\n{stderr}");
        if stdout.trim().is_empty() { Value::Null } else { serde_json::from_str(&stdout).unwrap_or(Value::Null) }
    }

    /// Runs `aws <line>`, which must fail, and answers what it says.
    ///
    /// # Panics
    /// When the CLI succeeds.
    pub fn refused(&self, line: &str) -> String {
        let Output { status, stdout, stderr } = self.call(line);
        assert!(!status.success(), "aws {line} succeeded: {}", String::from_utf8_lossy(&stdout));
        String::from_utf8_lossy(&stderr).trim().to_owned()
    }
}

/// The words of a command line; single quotes keep a word together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for character in line.chars() {
        match character {
            '\'' => (quoted, any) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

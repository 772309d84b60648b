//! Commands whose reader goes before they have said all, as `head` does, and those that go on saying more.

use std::{
    fs,
    io::{BufRead, BufReader, Read, pipe},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use e2e::{Aws, House, Machine, Sample, binary, get, wait_until};

/// What a shell says of a program that SIGPIPE ended.
const SIGPIPE_STATUS: i32 = 141;
/// How long a demo may take to deploy or to clean up, and a line to be carried to whoever follows, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
const REGION: [&str; 2] = ["--region", "ap-southeast-2"];

fn serin(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("serin"));
    command.args(arguments).env_remove("AWS_ENDPOINT_URL");
    command
}

/// A group with a line in it.
fn log_a_line(aws: &Aws) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    aws.json("logs create-log-group --log-group-name g");
    aws.json("logs create-log-stream --log-group-name g --log-stream-name s");
    let event = format!("timestamp={now},message=hello");
    aws.json(&format!("logs put-log-events --log-group-name g --log-stream-name s --log-events {event}"));
}

#[test]
fn commands_end_quietly_when_nobody_reads_them() {
    let machine = Machine::new();
    let house = House::start(&machine);
    log_a_line(&house.aws());
    for line in [
        "--help",
        "--version",
        "explain",
        "status",
        "status --json",
        "logs",
        "logs --follow",
        "map",
        "map --json",
        "canary list",
    ] {
        let mut words: Vec<&str> = line.split(' ').collect();
        if !line.starts_with("--") && line != "explain" {
            words.extend(REGION);
        }
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let ended = serin(&words).stdout(writer).output().expect("serin can be started");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*said), (Some(SIGPIPE_STATUS), ""), "serin {line}");
    }
    house.stop();
}

#[test]
fn a_demo_whose_reader_goes_cleans_up() {
    let machine = Machine::new();
    let mut command = serin(&["demo"]);
    command.env("TMPDIR", machine.folder()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = command.spawn().expect("serin can be started");
    let mut first = BufReader::new(demo.stdout.take().expect("its output is a pipe"));
    for _ in 0..3 {
        first.read_line(&mut String::new()).expect("a line");
    }
    assert!(!machine.leftovers().is_empty(), "nothing runs yet, so that nothing shows that it ended");
    drop(first);
    let mut status = None;
    wait_until("the demo ends", PATIENCE, || {
        status = demo.try_wait().expect("it can be waited for");
        status.is_some()
    });
    let mut said = String::new();
    demo.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!((status.and_then(|status| status.code()), said.as_str()), (Some(SIGPIPE_STATUS), ""));
    let left: Vec<_> = fs::read_dir(machine.folder()).expect("the folder is there").flatten().collect();
    assert!(left.is_empty(), "left over: {left:?}");
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}

/// `serin logs --follow`, until it is dropped.
struct Follower {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Follower {
    fn start(stream: &str) -> Self {
        let mut command = serin(&["logs", stream, "--follow"]);
        let mut child = command.args(REGION).stdout(Stdio::piped()).spawn().expect("serin can be started");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits for a line with all of `parts`.
    fn until(&self, parts: &[&str]) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line with {parts:?} came"));
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn who_follows_the_logs_of_a_service_sees_each_of_its_requests() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let sample = Sample::push(&house);
    let url = sample.deploy();
    let follower = Follower::start("api/app");
    follower.until(&["api/app/", "api listens on port 3000"]);
    wait_until("the first answer", PATIENCE, || get(&url).is_ok_and(|answer| answer.status == 200));
    for todo in ["todo1", "todo2"] {
        assert_eq!(get(&format!("{url}/{todo}")).expect("an answer").status, 200);
        follower.until(&["api/app/", &format!("GET /todos/{todo} 200 ")]);
    }
    drop(follower);
    house.stop();
}

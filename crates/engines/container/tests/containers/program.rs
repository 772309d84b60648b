//! What runs inside the containers.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    thread::sleep,
    time::Duration,
};

use nix::sys::signal::{SigSet, Signal};

/// Longer than any test takes.
const LONG: Duration = Duration::from_mins(10);

/// Does what the words say, one after the other.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let mut argument = || words.next().expect("a word needs an argument");
        match word {
            "print" => println!("{}", argument()),
            "complain" => eprintln!("{}", argument()),
            "print-part" => {
                print!("{}", argument());
                std::io::stdout().flush().unwrap();
            }
            "write" => fs::write(argument(), "written").unwrap(),
            "count" => count(argument()),
            "exit" => return ExitCode::from(argument().parse::<u8>().unwrap()),
            "sleep" => sleep(LONG),
            "until-signal" => until_signal(),
            "eat" => eat(argument().parse().unwrap()),
            "report" => report(),
            "calls" => super::calls::report(),
            "orphan" => orphan(),
            other => panic!("unknown word {other}"),
        }
    }
    ExitCode::SUCCESS
}

/// `/bin/sh -c "<words>"`: `exists PATH` succeeds if the file is there, everything else goes to the program.
pub(crate) fn shell(arguments: &[String]) -> ExitCode {
    let words: Vec<String> = arguments[1].split(' ').map(str::to_owned).collect();
    match words[0].as_str() {
        "exists" if fs::exists(&words[1]).unwrap() => ExitCode::SUCCESS,
        "exists" => {
            println!("{} is not there for {}", words[1], nix::unistd::geteuid());
            ExitCode::FAILURE
        }
        _ => run(&words),
    }
}

/// Process 1 has no default actions: who does not wait for signals is deaf to them.
fn until_signal() {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGQUIT] {
        set.add(signal);
    }
    set.thread_block().unwrap();
    println!("waiting");
    let signal = set.wait().unwrap();
    println!("got {signal}");
}

/// Adds a line to a file, prints how many there are.
fn count(path: &str) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(b"line\n").unwrap();
    println!("run {}", fs::read_to_string(path).unwrap().lines().count());
}

fn eat(mebibytes: usize) {
    let mut eaten = Vec::new();
    for number in 0..mebibytes {
        eaten.push(vec![1u8; 1 << 20]);
        std::hint::black_box(&eaten[number]);
    }
    println!("ate {mebibytes} MiB");
}

/// Leaves a grandchild behind, and tells who looks after it.
fn orphan() {
    #[expect(clippy::zombie_processes, reason = "who looks after it then is the question")]
    let child = Command::new("/program").args(["program", "sleep"]).process_group(0).spawn().unwrap();
    println!("child {}", child.id());
}

/// Everything there is to see from inside, a line each.
fn report() {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|error| error.kind().to_string());
    seen.insert("pid", std::process::id().to_string());
    seen.insert("status", read("/proc/self/status"));
    seen.insert("hostname", nix::unistd::gethostname().unwrap().into_string().unwrap());
    seen.insert("hosts", read("/etc/hosts"));
    seen.insert("resolv", read("/etc/resolv.conf"));
    seen.insert("cwd", std::env::current_dir().unwrap().display().to_string());
    seen.insert("env", std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect::<Vec<_>>().concat());
    seen.insert("netns", fs::read_link("/proc/self/ns/net").unwrap().display().to_string());
    seen.insert("limits", read("/proc/self/limits"));
    seen.insert("mounts", read("/proc/self/mounts"));
    seen.insert("memory", read("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    seen.insert("memory v2", read("/sys/fs/cgroup/memory.max"));
    seen.insert("sysrq", format!("{:?}", fs::write("/proc/sysrq-trigger", "h").map_err(|error| error.kind())));
    seen.insert("kcore", read("/proc/kcore"));
    seen.insert("root", format!("{:?}", fs::write("/new", "").map_err(|error| error.kind())));
    seen.insert("mounted", format!("{:?}", fs::write("/mounted/new", "").map_err(|error| error.kind())));
    seen.insert("layers", read("/which"));
    seen.insert("stdout", format!("{:?}", fs::File::create("/dev/stdout").map(drop).map_err(|error| error.kind())));
    seen.insert("fds", fs::read_dir("/proc/self/fd").unwrap().count().to_string());
    seen.insert("low port", format!("{:?}", std::net::TcpListener::bind("127.0.0.1:80").map(drop).is_ok()));
    for (name, text) in seen {
        println!("{name}: {}", text.trim().replace('\n', "|").replace('\t', " "));
    }
}

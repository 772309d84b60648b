//! The built-in sidecar image for real: the health check that task definitions give it, unmodified, in nothing but the
//! image's own root directory, as the user Envoy runs as, without a name server.
//!
//! This test is its own executable in the image, so it has no harness: called `sh` or `curl` it is that program, called
//! with `inside` it enters the image, and else it is the test. It needs root.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod support;

use std::{
    env,
    io::{Read, Write},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode, Output},
    sync::{Arc, Mutex},
    thread,
};

use image::{Executable, Images, Settings};
use names::{Clock, Ids};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, chroot, setgid, setuid},
};
use rtnetlink::LinkUnspec;

/// As the sample's task definitions have it.
const HEALTH_CHECK: &str = "curl -s http://localhost:9901/server_info | grep state | grep -q LIVE";

fn main() -> ExitCode {
    if let Some(code) = toolbox::run(env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("inside") => inside(&arguments[2], &arguments[3..]),
        // What test runners ask before they run anything.
        Some("--list") => println!("the_health_check_runs_in_the_built_in_image: test"),
        _ => {
            the_health_check_runs_in_the_built_in_image();
            println!("test the_health_check_runs_in_the_built_in_image ... ok");
        }
    }
    ExitCode::SUCCESS
}

/// Becomes a command in the image.
fn inside(root: &str, command: &[String]) {
    chroot(root).expect("this test enters an image and needs root");
    env::set_current_dir("/").unwrap();
    setgid(Gid::from_raw(1337)).unwrap();
    setuid(Uid::from_raw(1337)).unwrap();
    let error = Command::new(&command[0]).args(&command[1..]).env_clear().env("PATH", "/usr/bin:/bin").exec();
    panic!("{command:?}: {error}");
}

fn run(root: &Path, command: &[&str]) -> Output {
    let executable = env::current_exe().unwrap();
    Command::new(executable).arg("inside").arg(root).args(command).output().unwrap()
}

fn the_health_check_runs_in_the_built_in_image() {
    let directory = tempfile::tempdir().unwrap();
    let executable = Executable { path: env::current_exe().unwrap(), applets: toolbox::APPLETS, envoy: Vec::new() };
    let settings = Settings::new(directory.path().join("images"), "localhost:4566", executable);
    let images =
        Images::open(settings, Arc::new(support::Memory::default()), Clock::System, &Ids::new(rand::random)).unwrap();
    let name = "111345817488.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.9.1.0-prod";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let image = runtime.block_on(images.resolve(name, &support::scope())).unwrap();
    let root = image.layers[0].clone();
    assert!(!root.join("etc/resolv.conf").exists());

    // A namespace of its own, so that port 9901 is free and nothing leaves the machine.
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("this test makes a network namespace and needs root");
        loopback_up();
        check(&root);
    })
    .join()
    .unwrap();
}

fn check(root: &Path) {
    let healthy = || run(root, &["/bin/sh", "-c", HEALTH_CHECK]).status.code();
    assert_eq!(healthy(), Some(1), "nobody listens yet");
    let state = Arc::new(Mutex::new("INITIALIZING"));
    serve(Arc::clone(&state));
    assert_eq!(healthy(), Some(1), "not yet live");
    *state.lock().unwrap() = "LIVE";
    assert_eq!(healthy(), Some(0));

    let identity = run(root, &["/usr/bin/id"]);
    assert_eq!(String::from_utf8_lossy(&identity.stdout), "uid=1337 gid=1337 groups=1337\n");
    let probes = "curl -fsS -o /tmp/body -w '%{http_code}' http://127.0.0.1:9901/ready && echo \" from $0\"";
    let answered = run(root, &["/bin/bash", "-c", probes, "bash"]);
    assert_eq!(String::from_utf8_lossy(&answered.stdout), "200 from bash\n");
    let refused = run(root, &["curl", "-sS", "https://localhost:9901/"]);
    assert_eq!(refused.status.code(), Some(1));
}

/// Answers every request as Envoy's `/server_info` does.
fn serve(state: Arc<Mutex<&'static str>>) {
    let listener = TcpListener::bind("127.0.0.1:9901").unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let state = *state.lock().unwrap();
            let body = format!(
                "{{\n \"version\": \"1.9.1\",\n \"state\": \"{state}\",\n \"hot_restart_version\": \"x\"\n}}\n"
            );
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
            // The check may have seen enough and gone.
            let _ = write!(stream, "{head}\r\n{body}");
        }
    });
}

fn loopback_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        handle.link().set(LinkUnspec::new_with_index(1).up().build()).execute().await.unwrap();
    });
}

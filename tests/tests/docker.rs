//! The real docker, client and engine, against the registry: log in both ways, push, pull.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use e2e::{House, Machine, run, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How long the engine may take to come up, and to end.
const ENGINE_MAX: Duration = Duration::from_mins(1);

/// A docker engine with all it has under one folder, in a mount namespace of its own and without networks.
struct Engine {
    children: Vec<Child>,
    folder: PathBuf,
}

impl Engine {
    fn start(folder: &Path) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let socket = at("containerd.sock");
        let containerd = spawn(folder, &["containerd", "--root", &at("c"), "--state", &at("cs"), "--address", &socket]);
        let mut engine = Self { children: vec![containerd], folder: folder.to_owned() };
        wait_until("containerd listens", ENGINE_MAX, || Path::new(&socket).exists());
        engine.children.push(spawn(
            folder,
            &[
                "dockerd",
                "--containerd",
                &socket,
                "--data-root",
                &at("d"),
                "--exec-root",
                &at("de"),
                "--pidfile",
                &at("pid"),
                "--host",
                &engine.host(),
                "--storage-driver=vfs",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
            ],
        ));
        wait_until("the engine answers", ENGINE_MAX, || {
            engine
                .docker()
                .arg("version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        });
        engine
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    /// The client, with a home of its own.
    fn docker(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", self.host()).env("HOME", &self.folder);
        docker
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // Whoever ended already does not mind.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

fn spawn(folder: &Path, words: &[&str]) -> Child {
    let log = fs::File::create(folder.join(format!("{}.log", words[0]))).expect("a log");
    let mut command = Command::new("unshare");
    command.arg("--mount").args(words).stdout(log.try_clone().expect("a log")).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("{words:?} cannot be started: {error}"))
}

#[test]
fn docker_logs_in_pushes_and_pulls() {
    let machine = Machine::new();
    let house = House::start(&machine);
    let aws = house.aws();
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::start(folder.path());

    let made = aws.json("ecr create-repository --repository-name hello");
    let uri = made["repository"]["repositoryUri"].as_str().expect("a repository has a URI");
    let (registry, _) = uri.split_once('/').expect("it names the registry");
    let layer = folder.path().join("layer");
    fs::create_dir(&layer).expect("a folder");
    fs::write(layer.join("greeting"), "hello").expect("a file");
    let tar = folder.path().join("layer.tar");
    run(Command::new("tar").arg("-C").arg(&layer).arg("-cf").arg(&tar).arg("."));
    let image = format!("{uri}:1");
    run(engine.docker().arg("import").arg(&tar).arg(&image));

    let mut password = Command::new("aws");
    let password = run(aws.equip(&mut password).args(["ecr", "get-login-password"]));
    let login = ["login", "--username", "AWS", "--password", password.trim(), registry];
    assert!(run(engine.docker().args(login)).contains("Login Succeeded"));
    run(engine.docker().args(["push", &image]));
    run(engine.docker().args(["rmi", &image]));
    let pulled = run(engine.docker().args(["pull", &image]));
    assert!(pulled.contains("Downloaded newer image"), "{pulled}");

    // What `$(aws ecr get-login --no-include-email)` runs.
    let mut line = Command::new("aws");
    let line = run(aws.equip(&mut line).args(["ecr", "get-login", "--no-include-email"]));
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    assert!(run(engine.docker().args(words)).contains("Login Succeeded"));
    drop(engine);
    house.stop();
    assert!(machine.leftovers().is_empty(), "left over: {:#?}", machine.leftovers());
}

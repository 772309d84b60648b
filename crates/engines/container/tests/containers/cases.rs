//! The cases, each named as what it shows.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use container::{
    BindMount, Client, Condition, ContainerStatus, Dependency, DependencyCondition, Health, HealthCheck, HealthCommand,
    Netns, Restart, StopCause, TaskStatus, Ulimit, client,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    confinement::{capabilities_are_taken_and_added, system_calls_are_filtered},
    harness::{Bench, Case, PATIENCE, network_namespace},
    unified::{all_goes_well_under_version_2_alone, limits_that_nothing_could_hold_are_refused},
};

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        /// Every case.
        pub(crate) const CASES: &[Case] = &[$((stringify!($name), $name)),*];
    };
}

cases![
    output_and_exit_code_are_kept,
    a_container_sees_its_own_world,
    system_calls_are_filtered,
    capabilities_are_taken_and_added,
    a_user_by_number_and_a_read_only_root,
    upper_layers_hide_lower_ones,
    an_app_starts_once_its_proxy_is_healthy,
    a_failing_health_check_makes_it_unhealthy,
    running_out_of_memory_is_reported,
    the_tasks_memory_limit_holds_for_all,
    a_deaf_container_is_killed_when_its_time_is_over,
    the_stop_signal_is_heard,
    an_essential_exit_stops_the_others,
    what_cannot_start_is_told,
    commands_run_inside,
    a_sidecar_is_restarted_with_its_files,
    an_init_passes_signals_on,
    a_task_outlives_who_started_it,
    what_a_dead_shim_leaves_is_swept_up,
    a_shim_that_is_told_to_end_stops_its_task,
    a_task_is_started_once,
    a_start_that_came_to_nothing_is_adopted_as_gone,
    a_namespace_is_entered_by_path,
    a_container_with_too_little_memory_ends_one_way_or_another,
    tasks_come_and_go_side_by_side,
    starting_takes_a_moment,
    a_shim_keeps_one_thread_and_few_descriptors,
    all_goes_well_under_version_2_alone,
];

/// Those that say nothing of limits, for version 2 has no controllers on a machine that uses them by version 1.
pub(crate) const WITHOUT_LIMITS: &[Case] = &[
    ("output_and_exit_code_are_kept", output_and_exit_code_are_kept),
    ("system_calls_are_filtered", system_calls_are_filtered),
    ("an_app_starts_once_its_proxy_is_healthy", an_app_starts_once_its_proxy_is_healthy),
    ("what_cannot_start_is_told", what_cannot_start_is_told),
    ("a_sidecar_is_restarted_with_its_files", a_sidecar_is_restarted_with_its_files),
    ("what_a_dead_shim_leaves_is_swept_up", what_a_dead_shim_leaves_is_swept_up),
    ("a_shim_that_is_told_to_end_stops_its_task", a_shim_that_is_told_to_end_stops_its_task),
    ("tasks_come_and_go_side_by_side", tasks_come_and_go_side_by_side),
    ("limits_that_nothing_could_hold_are_refused", limits_that_nothing_could_hold_are_refused),
];

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn output_and_exit_code_are_kept() {
    let bench = Bench::new();
    let task = bench.program(&["print", "hello", "complain", "oh", "print-part", "half", "exit", "7"]);
    let state = task.until_final();
    let app = state.container("app").unwrap();
    assert_eq!((app.exit_code, app.status, app.pid), (Some(7), ContainerStatus::Stopped, None));
    assert!(app.started_at.is_some() && app.finished_at >= app.started_at);
    let stop = state.stop.clone().unwrap();
    assert_eq!(stop.cause, StopCause::EssentialContainerExited { container: "app".to_owned() });
    assert_eq!(stop.reason, "Essential container in task exited");
    let mut lines = task.lines("app");
    lines.sort();
    assert_eq!(lines, ["half", "hello", "oh"]);
    assert_eq!(task.state(), state, "the file answers when the shim has gone");
    task.forget();
    bench.assert_clean();
}

fn a_container_sees_its_own_world() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["report"]);
    app.env = vec![("COLOUR".to_owned(), "blue = green".to_owned())];
    app.working_directory = Some("/srv/app/data".into());
    app.ulimits = vec![Ulimit { name: "nofile".to_owned(), soft: 1000, hard: 2000 }];
    app.memory_mib = Some(64);
    app.mounts.push(BindMount {
        source: bench.directory.path().join("layer"),
        destination: "/mounted".into(),
        read_only: true,
    });
    let task = bench.task(vec![app]);
    assert_eq!(task.until_final().containers[0].exit_code, Some(0), "{:?}", task.lines("app"));
    let seen = task.report("app");
    let has = |name: &str, text: &str| assert!(seen[name].contains(text), "{name}: {} lacks {text}", seen[name]);
    assert_eq!(seen["pid"], "1");
    assert_eq!(seen["hostname"], "ip-10-0-0-5");
    has("hosts", "127.0.0.1 localhost");
    has("hosts", "10.0.0.5 ip-10-0-0-5");
    assert_eq!(seen["resolv"], "search ec2.internal|nameserver 10.0.0.2");
    assert_eq!(seen["cwd"], "/srv/app/data");
    has("env", "COLOUR=blue = green");
    has("env", "HOSTNAME=ip-10-0-0-5");
    has("limits", "Max open files 1000 2000".split(' ').next().unwrap());
    assert!(seen["limits"].split_whitespace().collect::<Vec<_>>().windows(2).any(|pair| pair == ["1000", "2000"]));
    assert!([&seen["memory"], &seen["memory v2"]].iter().any(|limit| **limit == (64u64 << 20).to_string()), "{seen:?}");
    assert_ne!(seen["netns"], fs::read_link("/proc/self/ns/net").unwrap().display().to_string());
    has("sysrq", "Err(");
    assert!(["", "entity not found"].contains(&seen["kcore"].as_str()), "the memory of the machine can be read");
    assert_eq!(seen["root"], "Ok(())");
    has("mounted", "ReadOnlyFilesystem");
    // Docker's capabilities, without those to change the network or mount.
    let held = u64::from_str_radix(field(&seen["status"], "CapEff:"), 16).unwrap();
    assert_eq!(held & (1 << 12 | 1 << 21), 0, "{held:x}");
    assert_ne!(held & 1 << 10, 0, "{held:x}");
    assert_eq!(field(&seen["status"], "NoNewPrivs:"), "0");
    assert_eq!(held & 1 << 21, 0, "what loads the filter is given up: {held:x}");
    assert_eq!(field(&seen["status"], "Seccomp:"), "2");
    // SIGPIPE is Rust's doing; 32 and 33 are the C library's own, which nobody can change.
    let ignored = u64::from_str_radix(field(&seen["status"], "SigIgn:"), 16).unwrap();
    assert_eq!(ignored & !(0b11 << 31), 1 << 12, "{ignored:x}");
    assert_eq!(seen["fds"], "4", "the standard streams and the directory that is being read");
    let mounts = seen["mounts"].split('|').filter(|mount| mount.contains("/sys/fs/cgroup/"));
    mounts.for_each(|mount| assert!(mount.contains(" ro,"), "{mount}"));
    task.forget();
    bench.assert_clean();
}

/// A field of `/proc/self/status` as the report tells it.
pub(crate) fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.split('|').find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

fn a_user_by_number_and_a_read_only_root() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["report"]);
    app.user = Some("1337".to_owned());
    app.read_only_root = true;
    let task = bench.task(vec![app]);
    assert_eq!(task.until_final().containers[0].exit_code, Some(0), "{:?}", task.lines("app"));
    let seen = task.report("app");
    assert_eq!(field(&seen["status"], "Uid:"), "1337 1337 1337 1337");
    assert_eq!(field(&seen["status"], "Gid:"), "0 0 0 0");
    assert_eq!(field(&seen["status"], "Groups:"), "");
    assert_eq!(field(&seen["status"], "CapEff:"), "0000000000000000");
    assert_eq!(seen["root"], "Err(ReadOnlyFilesystem)");
    assert_eq!(seen["stdout"], "Ok(())", "who runs as somebody may open its standard output again");
    assert_eq!(seen["low port"], "true");
    bench.assert_clean();
}

fn upper_layers_hide_lower_ones() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["report"]);
    app.user = Some("somebody:people".to_owned());
    for (layer, file, text) in [
        ("low", "which", "low"),
        ("low", "etc/passwd", "somebody:x:12:13::/home/some:/bin/sh"),
        ("low", "etc/group", "people:x:14:"),
        ("high", "which", "high"),
    ] {
        let path = bench.directory.path().join(layer).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    // As systemd images have it: a link to what is not there in a container.
    std::os::unix::fs::symlink("../run/resolve/stub.conf", bench.directory.path().join("low/etc/resolv.conf")).unwrap();
    app.layers = vec![bench.directory.path().join("low"), bench.directory.path().join("high")];
    let task = bench.task(vec![app]);
    assert_eq!(task.until_final().containers[0].exit_code, Some(0), "{:?}", task.lines("app"));
    let seen = task.report("app");
    assert_eq!(seen["layers"], "high");
    assert_eq!(field(&seen["status"], "Uid:"), "12 12 12 12");
    assert_eq!(field(&seen["status"], "Gid:"), "14 14 14 14");
    assert!(seen["env"].contains("HOME=/home/some"), "{}", seen["env"]);
    assert_eq!(seen["resolv"], "search ec2.internal|nameserver 10.0.0.2");
    bench.assert_clean();
}

fn shell_check(line: &str) -> HealthCheck {
    HealthCheck {
        command: HealthCommand::Shell(line.to_owned()),
        interval: seconds(1),
        timeout: seconds(5),
        retries: 2,
        start_period: Duration::ZERO,
    }
}

fn an_app_starts_once_its_proxy_is_healthy() {
    let bench = Bench::new();
    let mut proxy = bench.container("proxy", &["until-signal"]);
    proxy.health_check = Some(HealthCheck { retries: 100, ..shell_check("exists /ready") });
    let mut app = bench.container("app", &["print", "app", "until-signal"]);
    app.depends_on = vec![Dependency { container: "proxy".to_owned(), condition: DependencyCondition::Healthy }];
    let task = bench.task(vec![app, proxy]);
    let state = task.until(|state| state.container("proxy").unwrap().health_output.is_some());
    assert_eq!(state.container("app").unwrap().status, ContainerStatus::Pending);
    assert_eq!(state.status, TaskStatus::Pending);
    // Only inside the container is there such a file.
    task.exec("proxy", &["write", "/ready"], PATIENCE).unwrap();
    let state = task.until(|state| state.status == TaskStatus::Running);
    assert_eq!(state.container("proxy").unwrap().health, Health::Healthy);
    assert!(state.container("app").unwrap().started_at > state.container("proxy").unwrap().started_at);
    task.until_printed("app", "waiting");
    task.stop(None);
    let state = task.until_final();
    let finished = |name| state.container(name).unwrap().finished_at;
    assert!(finished("app") <= finished("proxy"), "stopped against the order they started in");
    assert_eq!(state.stop.unwrap().cause, StopCause::Requested);
    bench.assert_clean();
}

fn a_failing_health_check_makes_it_unhealthy() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["sleep"]);
    app.user = Some("1337".to_owned());
    app.health_check = Some(HealthCheck { interval: Duration::from_millis(300), ..shell_check("exists /ready") });
    let mut slow = bench.container("slow", &["sleep"]);
    slow.health_check = Some(HealthCheck {
        command: HealthCommand::Command(["/program", "program", "sleep"].map(str::to_owned).to_vec()),
        interval: Duration::from_millis(300),
        timeout: Duration::from_millis(300),
        ..shell_check("")
    });
    let task = bench.task(vec![app, slow]);
    let unhealthy = |name: &'static str| {
        task.until(|state| state.container(name).unwrap().health == Health::Unhealthy).container(name).unwrap().clone()
    };
    assert_eq!(unhealthy("app").health_output.as_deref(), Some("/ready is not there for 1337\n"));
    let output = unhealthy("slow").health_output.unwrap();
    assert!(output.contains("exceeded timeout (300ms)"), "{output}");
    assert_eq!(task.state().status, TaskStatus::Running);
    task.stop(Some(Duration::ZERO));
    task.until_final();
    bench.assert_clean();
}

fn running_out_of_memory_is_reported() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["eat", "300"]);
    app.memory_mib = Some(32);
    let task = bench.task(vec![app]);
    let state = task.until_final();
    let app = state.container("app").unwrap();
    assert_eq!(app.exit_code, Some(137));
    assert_eq!(app.reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    bench.assert_clean();
}

fn the_tasks_memory_limit_holds_for_all() {
    let bench = Bench::new();
    let mut spec = bench.spec(vec![bench.container("app", &["eat", "300"])]);
    spec.limits = container::TaskLimits { cpu_units: Some(512), memory_mib: Some(48) };
    let task = bench.spawn(&spec);
    let state = task.until_final();
    assert!(state.containers[0].reason.as_ref().unwrap().starts_with("OutOfMemoryError"), "{state:?}");
    bench.assert_clean();
}

fn a_deaf_container_is_killed_when_its_time_is_over() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["print", "up", "sleep"]);
    app.stop_timeout = seconds(1);
    let task = bench.task(vec![app]);
    task.until_printed("app", "up");
    let begun = Instant::now();
    task.stop(None);
    let state = task.until_final();
    assert!(begun.elapsed() >= seconds(1), "{:?}", begun.elapsed());
    assert_eq!(state.containers[0].exit_code, Some(137));
    assert_eq!(state.stop.unwrap().reason, "asked by a test");
    bench.assert_clean();
}

fn the_stop_signal_is_heard() {
    let bench = Bench::new();
    let mut quit = bench.container("quit", &["until-signal"]);
    quit.stop_signal = Some("SIGQUIT".to_owned());
    let task = bench.task(vec![quit, bench.container("term", &["until-signal"])]);
    task.until_printed("quit", "waiting");
    task.until_printed("term", "waiting");
    task.stop(None);
    let state = task.until_final();
    assert!(state.containers.iter().all(|container| container.exit_code == Some(0)), "{state:?}");
    assert_eq!(task.lines("quit").last().unwrap(), "got SIGQUIT");
    assert_eq!(task.lines("term").last().unwrap(), "got SIGTERM");
    bench.assert_clean();
}

fn an_essential_exit_stops_the_others() {
    let bench = Bench::new();
    let mut helper = bench.container("helper", &["exit", "3"]);
    helper.essential = false;
    let mut app = bench.container("app", &["exit", "1"]);
    app.depends_on = vec![
        Dependency { container: "helper".to_owned(), condition: DependencyCondition::Complete },
        Dependency { container: "other".to_owned(), condition: DependencyCondition::Start },
    ];
    let other = bench.container("other", &["until-signal"]);
    let task = bench.task(vec![app, helper, other]);
    let state = task.until_final();
    let codes: Vec<_> = state.containers.iter().map(|container| container.exit_code).collect();
    assert_eq!(codes[..2], [Some(1), Some(3)]);
    assert_eq!(state.stop.unwrap().cause, StopCause::EssentialContainerExited { container: "app".to_owned() });
    bench.assert_clean();
}

fn what_cannot_start_is_told() {
    let bench = Bench::new();
    let reason = |change: &dyn Fn(&mut container::ContainerSpec)| {
        let mut app = bench.container("app", &[]);
        change(&mut app);
        let task = bench.task(vec![app]);
        let state = task.until_final();
        assert!(matches!(state.stop.unwrap().cause, StopCause::FailedToStart { .. }));
        state.containers[0].reason.clone().unwrap()
    };
    assert_eq!(
        reason(&|app| app.args = vec!["no-such-program".to_owned()]),
        "CannotStartContainerError: exec: \"no-such-program\": executable file not found in $PATH"
    );
    assert_eq!(
        reason(&|app| app.args = vec!["/no/such/program".to_owned()]),
        "CannotStartContainerError: exec: \"/no/such/program\": no such file or directory"
    );
    assert_eq!(
        reason(&|app| app.args = vec!["/etc/hosts".to_owned()]),
        "CannotStartContainerError: exec: \"/etc/hosts\": permission denied"
    );
    assert_eq!(
        reason(&|app| app.user = Some("nobody".to_owned())),
        "CannotCreateContainerError: unable to find user nobody: no matching entries in passwd file"
    );
    let missing = reason(&|app| app.layers = vec!["/no/such/layer".into()]);
    assert!(missing.ends_with("no layer at /no/such/layer"), "{missing}");
    let missing = reason(&|app| {
        app.mounts.push(BindMount { source: "/no/such/file".into(), destination: "/x".into(), read_only: true });
    });
    assert!(missing.starts_with("CannotCreateContainerError: "), "{missing}");
    bench.assert_clean();
}

fn commands_run_inside() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["sleep"]);
    app.user = Some("1337:7".to_owned());
    app.env = vec![("COLOUR".to_owned(), "blue".to_owned())];
    app.working_directory = Some("/tmp".into());
    app.memory_mib = Some(64);
    let task = bench.task(vec![app]);
    task.until(|state| state.status == TaskStatus::Running);
    let output = task.exec("app", &["report", "exit", "5"], PATIENCE).unwrap();
    assert_eq!(output.exit_code, Some(5), "{}", output.output);
    for text in ["COLOUR=blue", "hostname: ip-10-0-0-5", "cwd: /tmp", "Uid: 1337", "Gid: 7", "CapEff: 0000000000000000"]
    {
        assert!(output.output.contains(text), "{text} not in {}", output.output);
    }
    assert!(!output.output.contains("pid: 1\n"));
    // It counts against the container's memory.
    let output = task.exec("app", &["eat", "300"], PATIENCE).unwrap();
    assert_eq!(output.exit_code, Some(137), "{}", output.output);
    let output = task.exec("app", &["print", "begun", "sleep"], seconds(2)).unwrap();
    assert_eq!((output.exit_code, output.output.as_str()), (None, "begun\n"));
    let refused = task.exec("other", &["report"], PATIENCE).unwrap_err();
    assert!(matches!(refused, client::Error::Refused(_)), "{refused}");
    let missing = bench.runtime.block_on(task.client.exec("app", vec!["nothing".to_owned()], PATIENCE)).unwrap_err();
    assert!(missing.to_string().contains("executable file not found in $PATH"), "{missing}");
    task.stop(Some(Duration::ZERO));
    task.until_final();
    bench.assert_clean();
}

fn a_sidecar_is_restarted_with_its_files() {
    let bench = Bench::new();
    let mut sidecar = bench.container("sidecar", &["count", "/runs", "exit", "3"]);
    sidecar.restart = Some(Restart {
        backoff_initial: Duration::from_millis(50),
        backoff_max: seconds(1),
        minimum_run: Duration::ZERO,
        ignored_exit_codes: Vec::new(),
    });
    let task = bench.task(vec![sidecar, bench.container("app", &["until-signal"])]);
    let state = task.until(|state| state.container("sidecar").unwrap().restarts == 2);
    assert_eq!(state.status, TaskStatus::Running);
    task.until_printed("sidecar", "run 3");
    task.stop(None);
    let state = task.until_final();
    assert_eq!(state.container("sidecar").unwrap().exit_code, Some(3));
    bench.assert_clean();
}

fn an_init_passes_signals_on() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["report", "orphan", "until-signal", "exit", "9"]);
    app.init = true;
    let task = bench.task(vec![app]);
    task.until_printed("app", "waiting");
    assert_eq!(task.report("app")["pid"], "2");
    assert_eq!(task.report("app")["fds"], "4");
    task.stop(None);
    let state = task.until_final();
    assert_eq!(state.containers[0].exit_code, Some(9));
    assert_eq!(task.lines("app").last().unwrap(), "got SIGTERM");
    let mut missing = bench.container("app", &[]);
    missing.init = true;
    missing.args = vec!["nothing".to_owned()];
    let reason = bench.task(vec![missing]).until_final().containers[0].reason.clone().unwrap();
    assert!(reason.contains("executable file not found in $PATH"), "{reason}");
    bench.assert_clean();
}

fn a_task_outlives_who_started_it() {
    let bench = Bench::new();
    let spec = bench.spec(vec![bench.container("app", &["until-signal"])]);
    let task_dir = bench.task_dir(&spec);
    fs::create_dir_all(task_dir.parent().unwrap()).unwrap();
    fs::write(format!("{}.spec", task_dir.display()), serde_json::to_vec(&spec).unwrap()).unwrap();
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["host", task_dir.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "spawned\n");
    host.kill().unwrap();
    host.wait().unwrap();
    let adopted = bench.runtime.block_on(Client::adopt(&task_dir)).unwrap();
    assert_eq!(adopted.condition, Condition::Alive);
    let task = bench.adopted(adopted.client);
    task.until_printed("app", "waiting");
    task.stop(None);
    assert_eq!(task.until_final().containers[0].exit_code, Some(0));
    let adopted = bench.runtime.block_on(Client::adopt(&task_dir)).unwrap();
    assert_eq!((adopted.condition, adopted.state.is_final()), (Condition::Finished, true));
    bench.assert_clean();
}

fn what_a_dead_shim_leaves_is_swept_up() {
    let bench = Bench::new();
    let task = bench.task(vec![bench.container("app", &["print", "up", "sleep"])]);
    task.until_printed("app", "up");
    let state = task.state();
    let app_pid = state.containers[0].pid.unwrap();
    kill(Pid::from_raw(state.shim_pid), Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !matches!(bench.runtime.block_on(task.client.state()), Err(client::Error::Gone(_))) {
        assert!(Instant::now() < deadline, "a dead shim answers");
    }
    assert!(Path::new(&format!("/proc/{app_pid}")).exists(), "its container lives on");
    let adopted = bench.runtime.block_on(Client::adopt(task.client.task_dir())).unwrap();
    assert_eq!(adopted.condition, Condition::Gone);
    assert_eq!(adopted.state.stop.as_ref().unwrap().cause, StopCause::ShimLost);
    assert_eq!(task.state(), adopted.state);
    assert_eq!(task.lines("app"), ["up"]);
    task.forget();
    bench.assert_clean();
}

fn a_shim_that_is_told_to_end_stops_its_task() {
    let bench = Bench::new();
    let task = bench.task(vec![bench.container("app", &["until-signal"])]);
    task.until_printed("app", "waiting");
    kill(Pid::from_raw(task.state().shim_pid), Signal::SIGTERM).unwrap();
    assert_eq!(task.until_final().containers[0].exit_code, Some(0));
    bench.assert_clean();
}

fn a_start_that_came_to_nothing_is_adopted_as_gone() {
    let bench = Bench::new();
    let spec = bench.spec(vec![bench.container("app", &["exit", "0"])]);
    let task_dir = bench.task_dir(&spec);
    let nowhere = Netns::Path("/no/such/namespace".into());
    let executable = std::env::current_exe().unwrap();
    let failed = bench.runtime.block_on(Client::spawn(&executable, &task_dir, &spec, nowhere)).unwrap_err();
    assert!(failed.to_string().contains("cannot open the network namespace"), "{failed}");
    let adopted = bench.runtime.block_on(Client::adopt(&task_dir)).unwrap();
    assert_eq!((adopted.condition, adopted.state.is_final()), (Condition::Gone, true));
    bench.runtime.block_on(adopted.client.forget()).unwrap();
    let nothing = bench.runtime.block_on(Client::adopt(&task_dir)).unwrap_err();
    assert!(matches!(nothing, client::Error::NoTask(_)), "{nothing}");
    let nothing = bench.runtime.block_on(Client::at(bench.directory.path()).forget()).unwrap_err();
    assert!(matches!(nothing, client::Error::NoTask(_)) && bench.directory.path().exists(), "{nothing}");
    bench.assert_clean();
}

fn a_namespace_is_entered_by_path() {
    let bench = Bench::new();
    let spec = bench.spec(vec![bench.container("app", &["report"])]);
    let namespace = fs::File::from(network_namespace());
    let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
    let executable = std::env::current_exe().unwrap();
    let task_dir = bench.task_dir(&spec);
    let client = Client::spawn(&executable, &task_dir, &spec, Netns::Path(path.into()));
    let task = bench.adopted(bench.runtime.block_on(client).unwrap());
    task.until_final();
    assert_eq!(task.report("app")["netns"], format!("net:[{}]", namespace.metadata().unwrap().ino()));
    bench.assert_clean();
}

fn a_container_with_too_little_memory_ends_one_way_or_another() {
    let bench = Bench::new();
    let mut app = bench.container("app", &["eat", "64"]);
    app.memory_mib = Some(6);
    let task = bench.task(vec![app]);
    let state = task.until_final();
    assert!(state.containers[0].reason.is_some(), "{state:?}");
    bench.assert_clean();
}

fn tasks_come_and_go_side_by_side() {
    let bench = Bench::new();
    let tasks: Vec<_> = (0..8).map(|_| bench.program(&["print", "done"])).collect();
    for task in &tasks {
        assert_eq!(task.until_final().containers[0].exit_code, Some(0));
        assert_eq!(task.lines("app"), ["done"]);
    }
    bench.assert_clean();
}

fn starting_takes_a_moment() {
    let bench = Bench::new();
    let mut took = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        let task = bench.program(&["until-signal"]);
        task.until(|state| state.status == TaskStatus::Running);
        took.push(begun.elapsed().as_millis());
        task.stop(Some(Duration::ZERO));
        task.until_final();
    }
    took.sort_unstable();
    println!("from spawn to running: {took:?} ms");
    assert!(took[5] < 2000, "{took:?}");
    bench.assert_clean();
}

fn a_task_is_started_once() {
    let bench = Bench::new();
    let spec = bench.spec(vec![bench.container("app", &["until-signal"])]);
    let task = bench.spawn(&spec);
    assert!(matches!(bench.try_spawn(&spec).err(), Some(client::Error::Exists(_))));
    task.until_printed("app", "waiting");
    let running = bench.runtime.block_on(task.client.clone().forget()).unwrap_err();
    assert!(matches!(running, client::Error::Running(_)), "{running}");
    task.stop(None);
    task.until_final();
    let mut broken = bench.spec(vec![bench.container("app", &[])]);
    broken.containers[0].essential = false;
    assert!(matches!(bench.try_spawn(&broken).err(), Some(client::Error::InvalidSpec(_))));
    bench.assert_clean();
}

fn a_shim_keeps_one_thread_and_few_descriptors() {
    let bench = Bench::new();
    let task = bench.task(vec![bench.container("app", &["sleep"])]);
    let state = task.until(|state| state.status == TaskStatus::Running);
    let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", state.shim_pid)).unwrap().count();
    task.exec("app", &["exit", "0"], PATIENCE).unwrap();
    let before = count("fd");
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(task.exec("app", &["exit", "0"], PATIENCE).unwrap().exit_code, Some(0));
    }
    println!("20 commands: {:?} each", begun.elapsed() / 20);
    assert!(count("fd") <= before + 1, "{} descriptors, {before} before", count("fd"));
    assert_eq!(count("task"), 1);
    task.stop(Some(Duration::ZERO));
    task.until_final();
    bench.assert_clean();
}

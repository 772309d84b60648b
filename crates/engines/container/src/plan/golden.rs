//! Lives of tasks told step by step, for who wants to know how it goes.

use std::time::Duration;

use names::Timestamp;

use super::*;
use crate::{
    Restart, TaskStatus,
    spec::tests::{checked, container, depends, task},
};

/// A life: does every step at once, tells what was done, and moves the clock only when told.
struct Life {
    spec: TaskSpec,
    course: Course,
    now: Timestamp,
}

impl Life {
    fn new(spec: TaskSpec) -> Self {
        spec.validate().unwrap();
        let now = Timestamp::from_millis(0);
        Self { course: Course::new(&spec, 1, now), spec, now }
    }

    /// Does what is planned until nothing is left; each step in words.
    fn settle(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let steps = plan(&self.spec, &self.course, self.now).steps;
            if steps.is_empty() {
                return told;
            }
            for step in steps {
                told.push(self.tell(&step));
                self.course.done(&step, self.now);
                if let Step::Start(index) = step {
                    self.course.started(index, 100 + i32::try_from(index).unwrap(), self.now);
                }
            }
        }
    }

    fn tell(&self, step: &Step) -> String {
        let name = |index: &usize| &self.spec.containers[*index].name;
        match step {
            Step::Start(index) => format!("start {}", name(index)),
            Step::Probe(index) => format!("probe {}", name(index)),
            Step::Signal(index, signal) => format!("signal {} {signal}", name(index)),
            Step::Kill(index) => format!("kill {}", name(index)),
            Step::Abandon(index, _) => format!("abandon {}", name(index)),
            Step::Stop(_, reason) => format!("stop: {reason}"),
            Step::Finish => "finish".to_owned(),
        }
    }

    fn pass(&mut self, seconds: f64) -> &mut Self {
        self.now = self.now.plus(Duration::from_secs_f64(seconds));
        self
    }

    fn exit(&mut self, index: usize, code: i32) -> &mut Self {
        self.course.exited(&self.spec, index, code, false, self.now);
        self
    }

    fn probe(&mut self, index: usize, success: bool) -> &mut Self {
        let output = "output".to_owned();
        self.course.probed(&self.spec, index, Probed { success, output }, self.now);
        self
    }

    fn wake_after(&self) -> Option<Duration> {
        plan(&self.spec, &self.course, self.now).wake_at.map(|at| at.since(self.now))
    }
}

/// The article's shape: an app that waits for its proxy to be healthy.
fn app_and_proxy() -> TaskSpec {
    let mut app = container("app");
    depends(&mut app, "proxy", DependencyCondition::Healthy);
    task(vec![app, checked(container("proxy"))])
}

#[test]
fn an_app_starts_when_its_proxy_is_healthy_and_stops_before_it() {
    let mut life = Life::new(app_and_proxy());
    assert_eq!(life.settle(), ["start proxy"]);
    assert_eq!(life.course.state.status, TaskStatus::Pending);
    assert_eq!(life.pass(0.5).settle(), ["probe proxy"]);
    assert_eq!(life.probe(1, false).settle(), [""; 0]);
    assert_eq!(life.pass(0.5).settle(), ["probe proxy"]);
    assert_eq!(life.probe(1, true).settle(), ["start app"]);
    assert_eq!(life.course.state.status, TaskStatus::Running);
    assert_eq!(life.wake_after(), Some(Duration::from_secs(10)), "once healthy the interval is the configured one");

    life.course.stop_requested("Scaling activity".to_owned(), None, life.now);
    assert_eq!(life.settle(), ["signal app 15"]);
    assert_eq!(life.course.state.status, TaskStatus::Stopping);
    assert_eq!(life.pass(30.0).settle(), ["kill app"]);
    assert_eq!(life.exit(0, 137).settle(), ["signal proxy 15"]);
    assert_eq!(life.exit(1, 0).settle(), ["finish"]);
    assert_eq!(life.course.state.status, TaskStatus::Stopped);
    assert_eq!(life.settle(), [""; 0]);
}

#[test]
fn the_end_of_an_essential_container_is_the_end_of_all() {
    let mut helper = container("helper");
    helper.essential = false;
    let mut life = Life::new(task(vec![container("app"), helper]));
    assert_eq!(life.settle(), ["start app", "start helper"]);
    let told = life.exit(0, 3).settle();
    assert_eq!(told, ["stop: Essential container in task exited", "signal helper 15"]);
    assert_eq!(life.exit(1, 143).settle(), ["finish"]);
    let stop = life.course.state.stop.clone().unwrap();
    assert_eq!(stop.cause, StopCause::EssentialContainerExited { container: "app".to_owned() });
}

#[test]
fn a_container_that_is_not_essential_ends_alone() {
    let mut helper = container("helper");
    helper.essential = false;
    let mut life = Life::new(task(vec![container("app"), helper]));
    life.settle();
    assert_eq!(life.exit(1, 1).settle(), [""; 0]);
    assert_eq!(life.course.state.status, TaskStatus::Running);
}

#[test]
fn success_is_waited_for_and_failure_ends_the_wait() {
    let mut setup = container("setup");
    setup.essential = false;
    let mut app = container("app");
    depends(&mut app, "setup", DependencyCondition::Success);
    let spec = task(vec![app, setup]);

    let mut life = Life::new(spec.clone());
    assert_eq!(life.settle(), ["start setup"]);
    assert_eq!(life.exit(1, 0).settle(), ["start app"]);

    let mut life = Life::new(spec);
    life.settle();
    let reason = "DependencyError: container app waits for setup to be SUCCESS, but setup did not exit successfully";
    let told = life.exit(1, 1).settle();
    assert_eq!(told, ["abandon app".to_owned(), format!("stop: {reason}"), "finish".to_owned()]);
    assert_eq!(life.course.state.containers[0].reason.as_deref(), Some(reason));
}

#[test]
fn a_start_timeout_ends_the_wait_for_health() {
    let mut spec = app_and_proxy();
    spec.containers[1].start_timeout = Some(Duration::from_secs(20));
    let mut life = Life::new(spec);
    assert_eq!(life.settle(), ["start proxy"]);
    life.pass(0.5).settle();
    life.probe(1, false);
    let told = life.pass(20.0).settle();
    assert_eq!(told[0], "abandon app");
    assert!(told[1].contains("did not get there in its start timeout"), "{told:?}");
    assert_eq!(told[2], "signal proxy 15");
}

#[test]
fn a_container_that_cannot_start_fails_the_task() {
    let mut life = Life::new(task(vec![container("app")]));
    life.course.failed_to_start(0, "CannotStartContainerError: no such file".to_owned(), life.now);
    assert_eq!(life.settle(), ["stop: CannotStartContainerError: no such file", "finish"]);
    assert!(matches!(life.course.state.stop.as_ref().unwrap().cause, StopCause::FailedToStart { .. }));
}

#[test]
fn three_failures_an_interval_apart_make_it_unhealthy_and_one_success_healthy() {
    let mut life = Life::new(task(vec![checked(container("app"))]));
    life.settle();
    let mut verdicts = Vec::new();
    for half_seconds in 1..=60 {
        if life.pass(0.5).settle() == ["probe app"] {
            life.probe(0, false);
            verdicts.push((f64::from(half_seconds) / 2.0, life.course.state.containers[0].health));
        }
    }
    let unhealthy = verdicts.iter().find(|(_, health)| *health == Health::Unhealthy).unwrap();
    assert!((unhealthy.0 - 30.0).abs() < f64::EPSILON, "{unhealthy:?}");
    assert_eq!(life.pass(10.0).settle(), ["probe app"]);
    life.probe(0, true);
    assert_eq!(life.course.state.containers[0].health, Health::Healthy);
    assert_eq!(life.course.state.status, TaskStatus::Running, "a bad health alone stops nothing here");
}

#[test]
fn failures_in_the_start_period_do_not_count() {
    let mut spec = task(vec![checked(container("app"))]);
    spec.containers[0].health_check.as_mut().unwrap().start_period = Duration::from_mins(1);
    let mut life = Life::new(spec);
    life.settle();
    for _ in 0..119 {
        life.pass(0.5).settle();
        life.probe(0, false);
    }
    assert_eq!(life.course.state.containers[0].health, Health::Unknown);
}

#[test]
fn a_sidecar_is_restarted_with_growing_waits() {
    let mut proxy = container("proxy");
    proxy.restart = Some(Restart {
        backoff_initial: Duration::from_secs(1),
        backoff_max: Duration::from_secs(5),
        minimum_run: Duration::ZERO,
        ignored_exit_codes: vec![0],
    });
    let mut life = Life::new(task(vec![proxy]));
    life.settle();
    for wait in [1, 2, 4, 5, 5] {
        assert_eq!(life.exit(0, 139).settle(), [""; 0]);
        assert_eq!(life.wake_after(), Some(Duration::from_secs(wait)));
        assert_eq!(life.pass(f64::from(u32::try_from(wait).unwrap())).settle(), ["start proxy"]);
    }
    assert_eq!(life.course.state.containers[0].restarts, 5);
    life.pass(5.0).exit(0, 139);
    assert_eq!(life.wake_after(), Some(Duration::from_secs(1)), "a run as long as the longest wait starts afresh");
    life.pass(1.0).settle();
    let told = life.exit(0, 0).settle();
    assert_eq!(told, ["stop: Essential container in task exited", "finish"], "an ignored exit code stays down");
}

#[test]
fn the_first_reason_to_stop_stands_and_the_last_time_given() {
    let mut life = Life::new(task(vec![container("app")]));
    life.settle();
    life.course.stop_requested("first".to_owned(), None, life.now);
    assert_eq!(life.settle(), ["signal app 15"]);
    life.course.stop_requested("second".to_owned(), Some(Duration::from_secs(2)), life.now);
    assert_eq!(life.wake_after(), Some(Duration::from_secs(2)));
    assert_eq!(life.pass(2.0).settle(), ["kill app"]);
    assert_eq!(life.exit(0, 137).settle(), ["finish"]);
    assert_eq!(life.course.state.stop.as_ref().unwrap().reason, "first");
}

//! What must never happen, whatever the specification and whatever the containers do.

use std::time::Duration;

use names::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    ContainerSpec, Dependency, Restart,
    spec::tests::{checked, container, task},
};

/// More rounds than any life needs after it was asked to stop.
const ROUNDS_MAX: usize = 10_000;

#[derive(Clone, Debug)]
enum Happening {
    Exit { index: usize, code: i32 },
    Probe { index: usize, success: bool },
    Wait { milliseconds: i64 },
    StopRequest,
}

fn condition() -> impl Strategy<Value = DependencyCondition> {
    prop_oneof![
        Just(DependencyCondition::Start),
        Just(DependencyCondition::Complete),
        Just(DependencyCondition::Success),
        Just(DependencyCondition::Healthy),
    ]
}

/// A container that depends on some of those before it, so that there is no circle.
fn any_container(index: usize) -> impl Strategy<Value = ContainerSpec> {
    let dependencies = proptest::collection::vec((0..index.max(1), condition()), 0..=index.min(3));
    (any::<bool>(), dependencies, proptest::option::of(1u64..60), proptest::option::of(1u64..10)).prop_map(
        move |(essential, dependencies, start_timeout, restart)| {
            let mut spec = checked(container(&format!("c{index}")));
            spec.essential = essential || index == 0;
            spec.start_timeout = start_timeout.map(Duration::from_secs);
            spec.restart = restart.map(|seconds| Restart {
                backoff_initial: Duration::from_secs(seconds),
                backoff_max: Duration::from_secs(20),
                minimum_run: Duration::ZERO,
                ignored_exit_codes: vec![0],
            });
            let on = |(on, condition)| Dependency { container: format!("c{on}"), condition };
            spec.depends_on = if index == 0 { Vec::new() } else { dependencies.into_iter().map(on).collect() };
            spec
        },
    )
}

fn any_task() -> impl Strategy<Value = TaskSpec> {
    (1usize..6).prop_flat_map(|count| {
        let containers: Vec<_> = (0..count).map(any_container).collect();
        containers.prop_map(task)
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0usize..6, prop_oneof![Just(0), Just(1), Just(137)]).prop_map(|(index, code)| Happening::Exit { index, code }),
        4 => (0usize..6, any::<bool>()).prop_map(|(index, success)| Happening::Probe { index, success }),
        6 => (1i64..40_000).prop_map(|milliseconds| Happening::Wait { milliseconds }),
        1 => Just(Happening::StopRequest),
    ]
}

struct World {
    spec: TaskSpec,
    course: Course,
    now: Timestamp,
}

impl World {
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let steps = plan(&self.spec, &self.course, self.now).steps;
            if steps.is_empty() {
                return;
            }
            for step in steps {
                self.perform(&step);
            }
        }
        panic!("the plan never comes to rest");
    }

    fn perform(&mut self, step: &Step) {
        match step {
            Step::Start(index) => {
                assert_eq!(self.course.state.containers[*index].status, ContainerStatus::Pending, "started twice");
                assert!(self.course.state.stop.is_none(), "started while stopping");
                self.assert_dependencies_hold(*index);
                self.course.done(step, self.now);
                self.course.started(*index, 1, self.now);
                return;
            }
            Step::Probe(index) => assert!(!self.course.notes[*index].probe.running, "two checks at once"),
            Step::Signal(index, _) | Step::Kill(index) => self.assert_may_stop(*index),
            Step::Finish => {
                let ended = |state: &crate::ContainerState| state.status == ContainerStatus::Stopped;
                assert!(self.course.state.containers.iter().all(ended), "finished while something runs");
            }
            Step::Abandon(..) | Step::Stop(..) => {}
        }
        self.course.done(step, self.now);
    }

    /// Says by itself what holds, without the planner's own words for it.
    fn assert_dependencies_hold(&self, index: usize) {
        if self.course.notes[index].restart_at.is_some() {
            return;
        }
        for dependency in &self.spec.containers[index].depends_on {
            let on = self.course.state.container(&dependency.container).unwrap();
            let holds = match dependency.condition {
                DependencyCondition::Start => on.started_at.is_some(),
                DependencyCondition::Complete => on.finished_at.is_some() && on.pid.is_none(),
                DependencyCondition::Success => on.pid.is_none() && on.exit_code == Some(0),
                DependencyCondition::Healthy => on.pid.is_some() && on.health == Health::Healthy,
            };
            assert!(holds, "c{index} started before {dependency:?}");
        }
    }

    fn assert_may_stop(&self, index: usize) {
        let name = &self.spec.containers[index].name;
        for (other, state) in self.spec.containers.iter().zip(&self.course.state.containers) {
            let depends = other.depends_on.iter().any(|dependency| dependency.container == *name);
            assert!(!depends || state.pid.is_none(), "{name} was stopped before {}", other.name);
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Exit { index, code } if self.runs(index) => {
                self.course.exited(&self.spec, index, code, false, self.now);
            }
            Happening::Probe { index, success } if self.runs(index) && self.course.notes[index].probe.running => {
                let probed = Probed { success, output: String::new() };
                self.course.probed(&self.spec, index, probed, self.now);
            }
            Happening::Wait { milliseconds } => {
                self.now = Timestamp::from_millis(self.now.as_millis() + milliseconds);
            }
            Happening::StopRequest => self.course.stop_requested("asked".to_owned(), None, self.now),
            Happening::Exit { .. } | Happening::Probe { .. } => {}
        }
    }

    fn runs(&self, index: usize) -> bool {
        self.course.state.containers.get(index).is_some_and(|state| state.pid.is_some())
    }

    /// From a request to stop on, containers only end when killed: the worst case.
    fn run_down(&mut self) {
        self.course.stop_requested("the end".to_owned(), None, self.now);
        for _ in 0..ROUNDS_MAX {
            self.settle();
            if self.course.state.is_final() {
                return;
            }
            for index in 0..self.spec.containers.len() {
                if self.runs(index) && self.course.notes[index].kill_signalled {
                    self.course.exited(&self.spec, index, 137, false, self.now);
                }
            }
            if let Some(wake_at) = plan(&self.spec, &self.course, self.now).wake_at {
                assert!(wake_at > self.now, "woken in the past");
                self.now = wake_at;
            }
        }
        panic!("the task never ends: {:?}", self.course.state);
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold_and_a_stop_ends_it(
        spec in any_task(),
        happenings in proptest::collection::vec(happening(), 0..60),
    ) {
        prop_assert_eq!(spec.validate(), Ok(()));
        let now = Timestamp::from_millis(1_000_000);
        let mut world = World { course: Course::new(&spec, 1, now), spec, now };
        world.settle();
        for happening in &happenings {
            world.happen(happening);
            world.settle();
        }
        world.run_down();
    }
}

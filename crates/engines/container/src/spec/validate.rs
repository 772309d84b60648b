//! What a specification must hold to before anything is made of it.

use std::collections::{HashMap, HashSet};

use super::{ContainerSpec, DependencyCondition, HealthCommand, TaskSpec};

/// The most containers a task may have, as in ECS's default quota.
const CONTAINERS_MAX: usize = 20;
/// The longest name or id, in bytes: it becomes the name of directories and cgroups.
const NAME_MAX: usize = 200;
/// The least memory a container can start in, in MiB, as with Docker.
const MEMORY_MIB_MIN: u64 = 6;

/// Why a specification cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpec {
    /// A name that cannot be a directory's or cgroup's.
    #[error("`{0}` cannot be the name of a task or container: use letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// No containers, or too many.
    #[error("a task has 1 to {CONTAINERS_MAX} containers, not {0}")]
    ContainerCount(usize),
    /// Two containers of one name.
    #[error("two containers are called `{0}`")]
    DuplicateName(String),
    /// A task in which nothing is essential.
    #[error("a task needs an essential container")]
    NothingEssential,
    /// A dependency on a container that is not there.
    #[error("container `{container}` depends on `{on}`, which is not in the task")]
    UnknownDependency {
        /// The one that depends.
        container: String,
        /// The one that is not there.
        on: String,
    },
    /// Containers that wait for each other.
    #[error("container `{0}` waits for itself by way of its dependencies")]
    Cycle(String),
    /// Waiting for the health of a container without a health check.
    #[error("container `{container}` waits for `{on}` to be healthy, which has no health check")]
    NoHealthCheck {
        /// The one that waits.
        container: String,
        /// The one without a check.
        on: String,
    },
    /// A property of a container that cannot be.
    #[error("container `{container}`: {property} {problem}")]
    Property {
        /// The container.
        container: String,
        /// The property's name.
        property: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl TaskSpec {
    /// Whether it can be run, as far as the specification alone tells.
    pub fn validate(&self) -> Result<(), InvalidSpec> {
        name(&self.id)?;
        if self.containers.is_empty() || self.containers.len() > CONTAINERS_MAX {
            return Err(InvalidSpec::ContainerCount(self.containers.len()));
        }
        let mut names = HashSet::new();
        for container in &self.containers {
            if !names.insert(&container.name) {
                return Err(InvalidSpec::DuplicateName(container.name.clone()));
            }
            container.validate()?;
        }
        if !self.containers.iter().any(|container| container.essential) {
            return Err(InvalidSpec::NothingEssential);
        }
        self.dependencies_exist()?;
        self.dependencies_end()
    }

    fn dependencies_exist(&self) -> Result<(), InvalidSpec> {
        for (container, dependency) in self.containers.iter().flat_map(|c| c.depends_on.iter().map(move |d| (c, d))) {
            let (container, on) = (container.name.clone(), dependency.container.clone());
            let Some(other) = self.containers.iter().find(|other| other.name == on) else {
                return Err(InvalidSpec::UnknownDependency { container, on });
            };
            if dependency.condition == DependencyCondition::Healthy && other.health_check.is_none() {
                return Err(InvalidSpec::NoHealthCheck { container, on });
            }
        }
        Ok(())
    }

    /// Takes away containers that wait for none of those left, until none is left; what remains waits in a circle.
    fn dependencies_end(&self) -> Result<(), InvalidSpec> {
        let mut waiting: HashMap<&str, HashSet<&str>> = HashMap::new();
        for container in &self.containers {
            let on = container.depends_on.iter().map(|dependency| dependency.container.as_str());
            waiting.insert(&container.name, on.collect());
        }
        while !waiting.is_empty() {
            let free: HashSet<&str> = waiting.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
            if free.is_empty() {
                let stuck = waiting.keys().min().map_or_else(String::new, ToString::to_string);
                return Err(InvalidSpec::Cycle(stuck));
            }
            waiting.retain(|name, _| !free.contains(name));
            for on in waiting.values_mut() {
                on.retain(|name| !free.contains(name));
            }
        }
        Ok(())
    }
}

impl ContainerSpec {
    fn validate(&self) -> Result<(), InvalidSpec> {
        name(&self.name)?;
        let addable = |name: &String| crate::ADDABLE_CAPABILITIES.contains(&name.as_str());
        let relative = |path: &std::path::PathBuf| !path.is_absolute();
        let checks: [(bool, &'static str, &'static str); 12] = [
            (self.layers.is_empty(), "layers", "must hold at least one directory"),
            (self.layers.iter().any(relative), "layers", "must be absolute paths"),
            (self.args.first().is_none_or(String::is_empty), "args", "must name a command"),
            (self.working_directory.as_ref().is_some_and(relative), "working directory", "must be an absolute path"),
            (
                self.mounts.iter().any(|mount| relative(&mount.source) || relative(&mount.destination)),
                "mounts",
                "must have absolute paths",
            ),
            (self.memory_mib.is_some_and(|mib| mib < MEMORY_MIB_MIN), "memory", "must be at least 6 MiB"),
            (self.stop_signal.as_ref().is_some_and(|text| signal(text).is_none()), "stop signal", "is no signal"),
            (self.ulimits.iter().any(|limit| rlimit_name(&limit.name).is_none()), "ulimits", "name an unknown limit"),
            (self.ulimits.iter().any(|limit| limit.soft > limit.hard), "ulimits", "have a soft limit above the hard"),
            (self.health_check.as_ref().is_some_and(|check| check.retries == 0), "health check retries", "must be > 0"),
            (!self.added_capabilities.iter().all(addable), "added capabilities", "can only be SYS_PTRACE"),
            (self.has_nul(), "args and env", "must not hold a zero byte, nor a name `=`"),
        ];
        for (wrong, property, problem) in checks {
            if wrong {
                return Err(InvalidSpec::Property { container: self.name.clone(), property, problem });
            }
        }
        match self.health_check.as_ref().map(|check| &check.command) {
            Some(HealthCommand::Command(args)) if args.first().is_none_or(String::is_empty) => {
                let (property, problem) = ("health check command", "must name a command");
                Err(InvalidSpec::Property { container: self.name.clone(), property, problem })
            }
            _ => Ok(()),
        }
    }

    /// Whether the kernel could not take an argument or a variable.
    fn has_nul(&self) -> bool {
        let odd_name = |name: &String| name.is_empty() || name.contains(['\0', '=']);
        self.args.iter().any(|arg| arg.contains('\0'))
            || self.env.iter().any(|(name, value)| odd_name(name) || value.contains('\0'))
    }

    /// The signal that asks it to end, as a number.
    pub(crate) fn stop_signal_number(&self) -> i32 {
        self.stop_signal.as_deref().and_then(signal).unwrap_or(libc::SIGTERM)
    }
}

fn name(name: &str) -> Result<(), InvalidSpec> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_MAX || name.starts_with('.') || !name.chars().all(fits) {
        return Err(InvalidSpec::Name(name.to_owned()));
    }
    Ok(())
}

/// `SIGQUIT`, `QUIT`, `3` or `SIGRTMIN+3`, as images spell their stop signal.
fn signal(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=libc::SIGRTMAX()).contains(&number).then_some(number);
    }
    let name = text.strip_prefix("SIG").unwrap_or(text);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return offset.parse::<i32>().ok().map(|offset| libc::SIGRTMIN() + offset).filter(|n| *n <= libc::SIGRTMAX());
    }
    format!("SIG{name}").parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32)
}

/// ECS's name of a limit in the kernel's spelling.
pub(crate) fn rlimit_name(name: &str) -> Option<String> {
    const NAMES: [&str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    NAMES.contains(&name).then(|| format!("RLIMIT_{}", name.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{container, depends, task};

    #[test]
    fn a_plain_task_is_fine() {
        assert_eq!(task(vec![container("app")]).validate(), Ok(()));
    }

    #[test]
    fn containers_that_wait_for_each_other_are_refused() {
        let mut first = container("first");
        let mut second = container("second");
        depends(&mut first, "second", DependencyCondition::Start);
        depends(&mut second, "first", DependencyCondition::Start);
        assert_eq!(task(vec![first, second]).validate(), Err(InvalidSpec::Cycle("first".to_owned())));
    }

    #[test]
    fn health_of_a_container_without_a_check_cannot_be_waited_for() {
        let mut app = container("app");
        depends(&mut app, "proxy", DependencyCondition::Healthy);
        let refused = task(vec![app, container("proxy")]).validate();
        assert!(matches!(refused, Err(InvalidSpec::NoHealthCheck { .. })), "{refused:?}");
    }

    #[test]
    fn signals_are_read_in_every_spelling() {
        for (text, number) in [("SIGQUIT", 3), ("QUIT", 3), ("3", 3), ("SIGTERM", 15)] {
            assert_eq!(signal(text), Some(number), "{text}");
        }
        assert_eq!(signal("SIGRTMIN+3"), Some(libc::SIGRTMIN() + 3));
        assert_eq!(signal("SIGNONSENSE"), None);
        assert_eq!(signal("0"), None);
    }

    #[test]
    fn names_that_leave_their_directory_are_refused() {
        for name in ["", "..", ".hidden", "a/b", "a b"] {
            let refused = task(vec![container(name)]).validate();
            assert_eq!(refused, Err(InvalidSpec::Name(name.to_owned())));
        }
    }
}

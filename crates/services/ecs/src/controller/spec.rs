//! A task as the container engine takes it: the definition, what the task overrides of it, its images and its place,
//! put together. Pure.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use api::ecs::{
    ContainerCondition, ContainerDefinition, ContainerOverride, KernelCapabilities, RegisterTaskDefinitionRequest,
    Volume,
};
use container::{
    BindMount, ContainerSpec, Dependency, DependencyCondition, HealthCheck, HealthCommand, HostEntry, Resolver,
    Restart, TaskLimits, TaskSpec, Ulimit,
};
use image::Image;
use names::Scope;

use crate::{
    caller::PROXY_VARIABLES,
    metadata,
    rows::{Interface, Task},
};

/// Where tasks reach this house, in every VPC.
const ENDPOINT: &str = "169.254.170.2:4566";
/// The wait before a container is restarted by its policy, and the longest.
const RESTART_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// What surrounds a task.
pub(super) struct Surroundings<'a> {
    /// Its account and region.
    pub(super) scope: &'a Scope,
    /// The secret of its access key, if it has a role.
    pub(super) task_secret: &'a str,
    /// Its network interface.
    pub(super) interface: &'a Interface,
    /// Its VPC's resolver.
    pub(super) resolver: Ipv4Addr,
    /// Where its own volumes lie, by name.
    pub(super) volume: &'a dyn Fn(&str) -> PathBuf,
}

/// `task` of `definition` with `images` by container; a stop reason if it can't be.
pub(super) fn task_spec(
    task: &Task,
    definition: &RegisterTaskDefinitionRequest,
    images: &BTreeMap<String, Image>,
    around: &Surroundings<'_>,
) -> Result<TaskSpec, String> {
    let address = around.interface.address;
    let hostname = around.interface.dns_name.clone().unwrap_or_else(|| host_of(address, around.scope));
    let draft = Draft { task, definition, images, around };
    let containers = definition.container_definitions.iter().map(|container| draft.container(container));
    Ok(TaskSpec {
        id: task.id.clone(),
        resolver: Resolver {
            nameservers: vec![IpAddr::V4(around.resolver)],
            search: vec![format!("{}.compute.internal", around.scope.region)],
        },
        hosts: vec![HostEntry { address: IpAddr::V4(address), names: vec![hostname.clone()] }],
        hostname,
        limits: TaskLimits {
            cpu_units: task.cpu,
            memory_mib: (task.overrides.memory.is_some() || definition.memory.is_some()).then_some(task.memory),
        },
        containers: containers.collect::<Result<_, _>>()?,
    })
}

/// `ip-10-0-0-5.ap-southeast-2.compute.internal`.
fn host_of(address: Ipv4Addr, scope: &Scope) -> String {
    format!("ip-{}.{}.compute.internal", address.to_string().replace('.', "-"), scope.region)
}

/// A task being put together.
struct Draft<'a> {
    task: &'a Task,
    definition: &'a RegisterTaskDefinitionRequest,
    images: &'a BTreeMap<String, Image>,
    around: &'a Surroundings<'a>,
}

impl Draft<'_> {
    fn container(&self, container: &ContainerDefinition) -> Result<ContainerSpec, String> {
        let name = container.name.clone().unwrap_or_default();
        let missing = || format!("CannotPullContainerError: the image of container {name} is not there");
        let image = self.images.get(&name).ok_or_else(missing)?;
        let empty = ContainerOverride::default();
        let overrides = self.task.overrides.container_overrides.iter();
        let over = overrides.into_iter().find(|o| o.name.as_deref() == Some(&name)).unwrap_or(&empty);
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let cpu = over.cpu.unwrap_or(container.cpu);
        Ok(ContainerSpec {
            layers: image.layers.clone(),
            read_only_root: container.readonly_root_filesystem == Some(true),
            mounts: self.mounts(container),
            args: args(container, over, image).ok_or_else(|| no_command(&name))?,
            env: self.environment(container, over, image),
            working_directory: set(&container.working_directory)
                .or_else(|| set(&Some(image.config.working_directory.clone())))
                .map(PathBuf::from),
            user: set(&container.user).or_else(|| set(&Some(image.config.user.clone()))),
            ulimits: container.ulimits.iter().map(ulimit).collect(),
            cpu_units: u32::try_from(cpu).ok().filter(|units| *units > 0),
            memory_mib: mib(over.memory.or(container.memory)),
            memory_reservation_mib: mib(over.memory_reservation.or(container.memory_reservation)),
            essential: container.essential != Some(false),
            depends_on: container.depends_on.iter().map(dependency).collect(),
            health_check: container.health_check.as_ref().and_then(health_check),
            start_timeout: container.start_timeout.map(seconds),
            stop_timeout: container.stop_timeout.map_or(container::DEFAULT_STOP_TIMEOUT, seconds),
            stop_signal: image.config.stop_signal.clone(),
            restart: restart(container),
            added_capabilities: capabilities(container, |both| &both.add),
            dropped_capabilities: capabilities(container, |both| &both.drop),
            init: container.linux_parameters.as_ref().is_some_and(|linux| linux.init_process_enabled == Some(true)),
            name,
        })
    }

    fn mounts(&self, container: &ContainerDefinition) -> Vec<BindMount> {
        let volume = |name: &str| self.definition.volumes.iter().find(|volume| volume.name.as_deref() == Some(name));
        let mount = |point: &api::ecs::MountPoint| {
            let name = point.source_volume.as_deref()?;
            Some(BindMount {
                source: host_path(volume(name)?).unwrap_or_else(|| (self.around.volume)(name)),
                destination: PathBuf::from(point.container_path.clone()?),
                read_only: point.read_only == Some(true),
            })
        };
        container.mount_points.iter().filter_map(mount).collect()
    }

    /// The image's variables, ours, the definition's, the override's: each stands over those before.
    fn environment(
        &self,
        container: &ContainerDefinition,
        over: &ContainerOverride,
        image: &Image,
    ) -> Vec<(String, String)> {
        let mut variables = Variables::default();
        for variable in &image.config.environment {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            variables.set(name, value);
        }
        let given = || container.environment.iter().chain(&over.environment);
        let named = |name: &str| given().any(|variable| variable.name.as_deref() == Some(name));
        let own_name = container.name.as_deref().unwrap_or_default();
        for (name, value) in self.own_variables(own_name, PROXY_VARIABLES.iter().any(|name| named(name))) {
            variables.set(name, &value);
        }
        for variable in given() {
            let (name, value) = (variable.name.as_deref(), variable.value.as_deref());
            variables.set(name.unwrap_or_default(), value.unwrap_or_default());
        }
        variables.0
    }

    fn own_variables(&self, container: &str, is_proxy: bool) -> Vec<(&'static str, String)> {
        let (scope, task) = (self.around.scope, self.task);
        let region = scope.region.to_string();
        let mut own = vec![
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EXECUTION_ENV", format!("AWS_ECS_{}", task.launch_type.as_str())),
            ("AWS_ENDPOINT_URL", format!("http://{ENDPOINT}")),
        ];
        let has_role = self.definition.task_role_arn.is_some() || task.overrides.task_role_arn.is_some();
        own.extend(metadata::variables(task, container, has_role));
        if has_role {
            own.push(("AWS_ACCESS_KEY_ID", scope.account.to_string()));
            own.push(("AWS_SECRET_ACCESS_KEY", self.around.task_secret.to_owned()));
        }
        if is_proxy {
            own.push(("APPMESH_XDS_ENDPOINT", ENDPOINT.to_owned()));
            own.push(("SERIN_TASK_ARN", Task::arn(scope, &task.cluster, &task.id)));
        }
        own
    }
}

fn capabilities(container: &ContainerDefinition, which: impl Fn(&KernelCapabilities) -> &Vec<String>) -> Vec<String> {
    let both = container.linux_parameters.as_ref().and_then(|linux| linux.capabilities.as_ref());
    both.map(|both| which(both).clone()).unwrap_or_default()
}

/// Variables in the order in which they were first set.
#[derive(Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// What runs: an entry point of its own makes a container forget the image's command, as with Docker.
fn args(container: &ContainerDefinition, over: &ContainerOverride, image: &Image) -> Option<Vec<String>> {
    let own_entry = !container.entry_point.is_empty();
    let entry = if own_entry { &container.entry_point } else { &image.config.entrypoint };
    let none = Vec::new();
    let command = if !over.command.is_empty() {
        &over.command
    } else if !container.command.is_empty() {
        &container.command
    } else if own_entry {
        &none
    } else {
        &image.config.command
    };
    let args: Vec<String> = entry.iter().chain(command).cloned().collect();
    (!args.is_empty()).then_some(args)
}

fn no_command(name: &str) -> String {
    format!(
        "CannotCreateContainerError: container {name} has no command: neither its definition nor its image says one"
    )
}

fn host_path(volume: &Volume) -> Option<PathBuf> {
    let path = volume.host.as_ref()?.source_path.as_deref()?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

fn ulimit(limit: &api::ecs::Ulimit) -> Ulimit {
    // A negative limit is none.
    let value = |limit: i64| u64::try_from(limit).unwrap_or(u64::MAX);
    Ulimit { name: limit.name.clone(), soft: value(limit.soft_limit), hard: value(limit.hard_limit) }
}

fn mib(value: Option<i32>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok()).filter(|mib| *mib > 0)
}

fn seconds(value: i32) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or_default())
}

fn dependency(dependency: &api::ecs::ContainerDependency) -> Dependency {
    let condition = match dependency.condition {
        ContainerCondition::Start => DependencyCondition::Start,
        ContainerCondition::Complete => DependencyCondition::Complete,
        ContainerCondition::Success => DependencyCondition::Success,
        ContainerCondition::Healthy => DependencyCondition::Healthy,
    };
    Dependency { container: dependency.container_name.clone(), condition }
}

fn health_check(health: &api::ecs::HealthCheck) -> Option<HealthCheck> {
    let (form, rest) = health.command.split_first()?;
    let command = match form.as_str() {
        "CMD-SHELL" => HealthCommand::Shell(rest.join(" ")),
        _ => HealthCommand::Command(rest.to_vec()),
    };
    Some(HealthCheck {
        command,
        interval: seconds(health.interval.unwrap_or(30)),
        timeout: seconds(health.timeout.unwrap_or(5)),
        retries: u32::try_from(health.retries.unwrap_or(3)).unwrap_or(1),
        start_period: seconds(health.start_period.unwrap_or(0)),
    })
}

fn restart(container: &ContainerDefinition) -> Option<Restart> {
    let policy = container.restart_policy.as_ref().filter(|policy| policy.enabled)?;
    Some(Restart {
        backoff_initial: RESTART_BACKOFF.0,
        backoff_max: RESTART_BACKOFF.1,
        minimum_run: seconds(policy.restart_attempt_period.unwrap_or(300)),
        ignored_exit_codes: policy.ignored_exit_codes.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn spec(change: impl FnOnce(&mut Task, &mut RegisterTaskDefinitionRequest)) -> TaskSpec {
        let (mut task, mut definition) = (samples::task(), samples::gateway_definition());
        change(&mut task, &mut definition);
        let images = ["app", "envoy", "xray-daemon"].map(|name| (name.to_owned(), samples::image()));
        let scope = Scope::default();
        let around = Surroundings {
            task_secret: "",
            scope: &scope,
            interface: &samples::interface(),
            resolver: Ipv4Addr::new(10, 0, 0, 2),
            volume: &|name| PathBuf::from("/volumes").join(name),
        };
        task_spec(&task, &definition, &BTreeMap::from(images), &around).unwrap()
    }

    fn variable<'a>(spec: &'a TaskSpec, container: usize, name: &str) -> Option<&'a str> {
        let variables = &spec.containers[container].env;
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_articles_gateway_becomes_a_valid_task() {
        let spec = spec(|_, _| {});
        spec.validate().unwrap();
        let (app, envoy) = (&spec.containers[0], &spec.containers[1]);
        assert_eq!(app.depends_on[0].condition, DependencyCondition::Healthy);
        assert_eq!(envoy.user.as_deref(), Some("1337"));
        assert_eq!((envoy.ulimits[0].soft, envoy.ulimits[0].hard), (15000, 15000));
        let line = "curl -s http://localhost:9901/server_info | grep state | grep -q LIVE";
        assert_eq!(envoy.health_check.as_ref().unwrap().command, HealthCommand::Shell(line.to_owned()));
        assert_eq!((spec.limits.cpu_units, spec.limits.memory_mib), (Some(256), Some(512)));
        assert_eq!(spec.hosts[0].names, ["ip-10-0-0-5.us-east-1.compute.internal"]);
    }

    #[test]
    fn a_proxy_is_told_where_its_mesh_is_and_an_app_where_aws_is() {
        let spec = spec(|_, _| {});
        assert_eq!(variable(&spec, 1, "APPMESH_XDS_ENDPOINT"), Some("169.254.170.2:4566"));
        assert_eq!(variable(&spec, 0, "APPMESH_XDS_ENDPOINT"), None);
        assert_eq!(variable(&spec, 0, "AWS_ENDPOINT_URL"), Some("http://169.254.170.2:4566"));
        assert_eq!(variable(&spec, 0, "AWS_REGION"), Some("us-east-1"));
        assert_eq!(variable(&spec, 0, "AWS_ACCESS_KEY_ID"), Some("000000000000"));
        let id = samples::task().id;
        let metadata = format!("http://169.254.170.2/v4/{id}-app");
        assert_eq!(variable(&spec, 0, "ECS_CONTAINER_METADATA_URI_V4"), Some(&*metadata));
        let credentials = format!("/v2/credentials/{id}");
        assert_eq!(variable(&spec, 0, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), Some(&*credentials));
    }

    #[test]
    fn what_the_user_sets_stands() {
        let spec = spec(|task, definition| {
            let pair = |name: &str, value: &str| api::ecs::KeyValuePair {
                name: Some(name.to_owned()),
                value: Some(value.to_owned()),
            };
            definition.container_definitions[0].environment.push(pair("AWS_ENDPOINT_URL", "http://elsewhere"));
            task.overrides.container_overrides = vec![ContainerOverride {
                name: Some("app".to_owned()),
                command: vec!["once".to_owned()],
                environment: vec![pair("SERVER_PORT", "4000")],
                ..ContainerOverride::default()
            }];
        });
        assert_eq!(variable(&spec, 0, "AWS_ENDPOINT_URL"), Some("http://elsewhere"));
        assert_eq!(variable(&spec, 0, "SERVER_PORT"), Some("4000"));
        assert_eq!(spec.containers[0].args, ["/entry", "once"]);
        assert_eq!(spec.containers[1].args, ["/entry", "serve"]);
    }

    #[test]
    fn capabilities_are_added_and_dropped_as_asked() {
        let spec = spec(|_, definition| {
            let capabilities = KernelCapabilities { add: vec!["SYS_PTRACE".to_owned()], drop: vec!["ALL".to_owned()] };
            definition.container_definitions[0].linux_parameters = Some(api::ecs::LinuxParameters {
                capabilities: Some(capabilities),
                ..api::ecs::LinuxParameters::default()
            });
        });
        let app = &spec.containers[0];
        assert_eq!(
            (&app.added_capabilities[..], &app.dropped_capabilities[..]),
            (&["SYS_PTRACE".to_owned()][..], &["ALL".to_owned()][..])
        );
        assert!(spec.containers[1].added_capabilities.is_empty());
    }

    #[test]
    fn an_entry_point_of_its_own_forgets_the_images_command() {
        let spec = spec(|_, definition| definition.container_definitions[0].entry_point = vec!["/mine".to_owned()]);
        assert_eq!(spec.containers[0].args, ["/mine"]);
    }

    #[test]
    fn a_volume_without_a_path_is_the_tasks_own() {
        let spec = spec(|_, definition| {
            definition.volumes = vec![Volume { name: Some("shared".to_owned()), ..Volume::default() }];
            definition.container_definitions[0].mount_points = vec![api::ecs::MountPoint {
                source_volume: Some("shared".to_owned()),
                container_path: Some("/data".to_owned()),
                read_only: None,
            }];
        });
        assert_eq!(spec.containers[0].mounts[0].source, PathBuf::from("/volumes/shared"));
    }
}

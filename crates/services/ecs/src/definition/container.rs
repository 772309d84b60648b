//! One container's definition, checked.

use std::collections::BTreeMap;

use api::ecs::{ContainerDefinition, HealthCheck, LogConfiguration, PortMapping, TransportProtocol, Ulimit};

use super::{NAME_LENGTH_MAX, wrong};
use crate::Error;

/// The longest that Fargate waits between SIGTERM and SIGKILL, in seconds.
const STOP_TIMEOUT_MAX: i32 = 120;
/// The limits that `setrlimit` knows, as ECS spells them.
const ULIMITS: [&str; 15] = [
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
/// The options of `awslogs` that are honoured, or that change nothing that could be seen here.
const LOG_OPTIONS: [&str; 6] =
    ["awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode", "max-buffer-size"];

/// The kernel's capabilities as ECS spells them, and all of them.
const CAPABILITIES: [&str; 38] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// Checks `container` and fills in what it leaves to defaults.
pub(super) fn check(container: &mut ContainerDefinition) -> Result<(), Error> {
    let name = name(container)?;
    if container.image.as_deref().is_none_or(str::is_empty) {
        return Err(wrong("Container.image should not be null or empty.".to_owned()));
    }
    container.essential.get_or_insert(true);
    container.port_mappings.iter_mut().try_for_each(|mapping| port(mapping, &name))?;
    container.ulimits.iter().try_for_each(|limit| ulimit(limit, &name))?;
    capabilities(container, &name)?;
    for variable in &container.environment {
        if variable.name.as_deref().is_none_or(|name| name.is_empty() || name.contains('=')) {
            return Err(wrong(format!(
                "Environment variable names of container {name} must not be empty or hold '='."
            )));
        }
    }
    if let Some(health) = &mut container.health_check {
        health_check(health, &name)?;
    }
    if let Some(log) = &container.log_configuration {
        log_configuration(log, &name)?;
    }
    timeouts(container, &name)?;
    restart(container, &name)
}

fn capabilities(container: &ContainerDefinition, name: &str) -> Result<(), Error> {
    let both = container.linux_parameters.iter().filter_map(|linux| linux.capabilities.as_ref());
    let mut named = both.flat_map(|both| both.add.iter().chain(&both.drop));
    match named.find(|capability| !CAPABILITIES.contains(&capability.as_str())) {
        Some(unknown) => Err(wrong(format!("Container {name} names an unknown capability: {unknown}"))),
        None => Ok(()),
    }
}

fn name(container: &ContainerDefinition) -> Result<String, Error> {
    let name = container.name.clone().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() {
        Err(wrong("Container.name should not be null or empty.".to_owned()))
    } else if name.len() > NAME_LENGTH_MAX || !name.chars().all(allowed) {
        Err(wrong(format!(
            "Container name {name} is invalid: up to 255 letters, numbers, hyphens and underscores are allowed."
        )))
    } else {
        Ok(name)
    }
}

fn port(mapping: &mut PortMapping, name: &str) -> Result<(), Error> {
    if mapping.container_port_range.is_some() {
        let member = format!("containerDefinitions[{name}].portMappings.containerPortRange");
        return Err(Error::Unsupported { member, reason: "name each port; in awsvpc mode all are reachable anyway" });
    }
    let port = mapping.container_port.filter(|port| (1..=65535).contains(port));
    let Some(port) = port else {
        return Err(wrong(format!("Invalid 'containerPort' setting for container '{name}': 1 to 65535 is a port.")));
    };
    if mapping.host_port.is_some_and(|host| host != 0 && host != port) {
        let text = "When networkMode=awsvpc, the host ports and container ports in port mappings must match.";
        return Err(wrong(text.to_owned()));
    }
    mapping.host_port = Some(port);
    mapping.protocol.get_or_insert(TransportProtocol::Tcp);
    Ok(())
}

fn ulimit(limit: &Ulimit, name: &str) -> Result<(), Error> {
    let sane = limit.soft_limit >= -1 && (limit.hard_limit == -1 || limit.soft_limit <= limit.hard_limit);
    if ULIMITS.contains(&limit.name.as_str()) && sane {
        Ok(())
    } else {
        Err(wrong(format!(
            "Invalid ulimit {} of container '{name}': the soft limit must not exceed the hard one.",
            limit.name
        )))
    }
}

fn health_check(health: &mut HealthCheck, name: &str) -> Result<(), Error> {
    let form = health.command.first().map(String::as_str);
    if !matches!(form, Some("CMD" | "CMD-SHELL")) || health.command.len() < 2 {
        return Err(wrong(format!(
            "Health check command of container '{name}' must begin with CMD or CMD-SHELL and name a command."
        )));
    }
    let within = |value: &mut Option<i32>, default, range: std::ops::RangeInclusive<i32>, what: &str| {
        if range.contains(value.get_or_insert(default)) {
            Ok(())
        } else {
            let (from, to) = range.into_inner();
            Err(wrong(format!("Health check {what} of container '{name}' must be between {from} and {to}.")))
        }
    };
    within(&mut health.interval, 30, 5..=300, "interval")?;
    within(&mut health.timeout, 5, 2..=120, "timeout")?;
    within(&mut health.retries, 3, 1..=10, "retries")?;
    match &mut health.start_period {
        None => Ok(()),
        period => within(period, 0, 0..=300, "startPeriod"),
    }
}

fn log_configuration(log: &LogConfiguration, name: &str) -> Result<(), Error> {
    let at = format!("containerDefinitions[{name}].logConfiguration");
    if log.log_driver != "awslogs" {
        let member = format!("{at}.logDriver {}", log.log_driver);
        return Err(Error::Unsupported { member, reason: "use awslogs" });
    }
    if !log.secret_options.is_empty() {
        let member = format!("{at}.secretOptions");
        return Err(Error::Unsupported { member, reason: "there is no Secrets Manager and no Parameter Store" });
    }
    if let Some(option) = log.options.keys().find(|option| !LOG_OPTIONS.contains(&option.as_str())) {
        let member = format!("{at}.options.{option}");
        return Err(Error::Unsupported { member, reason: "a line of output is an event, as it comes" });
    }
    match log.options.get("awslogs-group").map(String::as_str) {
        None | Some("") => {
            Err(wrong(format!("Log driver awslogs requires options: awslogs-group (container '{name}').")))
        }
        Some(_) => Ok(()),
    }
}

fn timeouts(container: &ContainerDefinition, name: &str) -> Result<(), Error> {
    let stop = container.stop_timeout.is_some_and(|seconds| !(0..=STOP_TIMEOUT_MAX).contains(&seconds));
    let start = container.start_timeout.is_some_and(|seconds| seconds < 0);
    if stop || start {
        return Err(wrong(format!(
            "Invalid timeouts of container '{name}': 'stopTimeout' is 0 to {STOP_TIMEOUT_MAX} seconds, \
             'startTimeout' not negative."
        )));
    }
    Ok(())
}

fn restart(container: &mut ContainerDefinition, name: &str) -> Result<(), Error> {
    let Some(policy) = &mut container.restart_policy else { return Ok(()) };
    let period = *policy.restart_attempt_period.get_or_insert(300);
    if !(60..=1800).contains(&period) {
        return Err(wrong(format!("Restart attempt period of container '{name}' must be between 60 and 1800.")));
    }
    Ok(())
}

/// What a log stream is called: with a prefix by container and task, without one by the container's own id.
pub(crate) type StreamPrefix<'a> = Option<&'a str>;

/// The log group and stream prefix of a container's output, and whether the group is to be made; none if its output
/// goes nowhere.
pub(crate) fn log_options(container: &ContainerDefinition) -> Option<(&str, StreamPrefix<'_>, bool)> {
    let options: &BTreeMap<String, String> = &container.log_configuration.as_ref()?.options;
    let group = options.get("awslogs-group")?;
    let create = options.get("awslogs-create-group").is_some_and(|value| value == "true");
    Some((group, options.get("awslogs-stream-prefix").map(String::as_str), create))
}

//! Task definitions, checked: what registers is what can be run.
//!
//! A definition is looked at once, when it is registered, and refused there with AWS's code and words (or, where only
//! this house is at fault, with the member's name and the reason). What is accepted has all defaults filled in as AWS
//! fills them, so that nothing later has to know them again.

mod container;
mod fargate;
mod graph;
mod proxy;
mod refused;

use api::ecs::{NetworkMode, RegisterTaskDefinitionRequest};

use crate::Error;

pub(crate) use container::log_options;
pub(crate) use fargate::{Size, cpu_units, memory_mib, size_of};
pub(crate) use proxy::redirect;

/// The longest name of a family or container.
const NAME_LENGTH_MAX: usize = 255;
/// How many containers a task may have, as on AWS.
const CONTAINERS_MAX: usize = 10;

/// Checks `request` and fills in what it leaves to defaults.
pub(crate) fn check(mut request: RegisterTaskDefinitionRequest) -> Result<RegisterTaskDefinitionRequest, Error> {
    family(&request.family)?;
    refused::in_task(&request)?;
    network_mode(&mut request)?;
    if request.container_definitions.is_empty() || request.container_definitions.len() > CONTAINERS_MAX {
        return Err(wrong(format!("TaskDefinition must have between 1 and {CONTAINERS_MAX} containers.")));
    }
    fargate::check(&mut request)?;
    for definition in &mut request.container_definitions {
        refused::in_container(definition)?;
        container::check(definition)?;
    }
    if !request.container_definitions.iter().any(|definition| definition.essential != Some(false)) {
        return Err(wrong("TaskDefinition must contain at least one essential container.".to_owned()));
    }
    graph::check(&request)?;
    proxy::check(&request)?;
    Ok(request)
}

fn family(family: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if family.is_empty() {
        Err(wrong("Family should not be null or empty.".to_owned()))
    } else if family.len() > NAME_LENGTH_MAX || !family.chars().all(allowed) {
        Err(wrong(format!(
            "Invalid family name: {family}. Up to 255 letters, numbers, hyphens and underscores are allowed."
        )))
    } else {
        Ok(())
    }
}

fn network_mode(request: &mut RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let fargate = request.requires_compatibilities.iter().any(|kind| kind == "FARGATE");
    match request.network_mode {
        Some(NetworkMode::Awsvpc) => Ok(()),
        None | Some(_) if fargate => Err(wrong("Fargate only supports network mode ‘awsvpc’.".to_owned())),
        other => Err(Error::Unsupported {
            member: format!("networkMode {}", other.unwrap_or(NetworkMode::Bridge).as_str()),
            reason: "every task has a network interface of its own; use awsvpc",
        }),
    }
}

fn wrong(message: String) -> Error {
    Error::Definition(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn refusal(change: impl FnOnce(&mut RegisterTaskDefinitionRequest)) -> String {
        let mut request = samples::gateway_definition();
        change(&mut request);
        check(request).expect_err("it should be refused").to_string()
    }

    #[test]
    fn the_gateway_of_the_article_is_accepted_with_defaults() {
        let checked = check(samples::gateway_definition()).unwrap();
        let envoy = &checked.container_definitions[1];
        let health = envoy.health_check.as_ref().unwrap();
        assert_eq!((health.interval, health.timeout, health.retries), (Some(5), Some(2), Some(3)));
        assert_eq!((checked.cpu.as_deref(), checked.memory.as_deref()), (Some("256"), Some("512")));
    }

    #[test]
    fn what_fargate_does_not_sell_is_refused_in_its_words() {
        let message = refusal(|request| request.memory = Some("4096".to_owned()));
        assert!(
            message.starts_with("No Fargate configuration exists for given values: 256 CPU, 4096 memory."),
            "{message}"
        );
    }

    #[test]
    fn capabilities_are_added_as_fargate_allows_and_dropped_at_will() {
        let with = |add: &[&str], drop: &[&str]| {
            let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let capabilities = api::ecs::KernelCapabilities { add: texts(add), drop: texts(drop) };
            move |request: &mut RegisterTaskDefinitionRequest| {
                request.container_definitions[0].linux_parameters =
                    Some(api::ecs::LinuxParameters { capabilities: Some(capabilities), ..Default::default() });
            }
        };
        let mut fine = samples::gateway_definition();
        with(&["SYS_PTRACE"], &["ALL"])(&mut fine);
        check(fine).unwrap();
        let message = refusal(with(&["NET_ADMIN"], &[]));
        assert!(message.contains("linuxParameters.capabilities.add is not supported"), "{message}");
        let message = refusal(with(&[], &["FLYING"]));
        assert!(message.contains("unknown capability: FLYING"), "{message}");
    }

    #[test]
    fn what_nobody_can_honour_here_is_refused_by_name() {
        let message = refusal(|request| request.container_definitions[0].privileged = Some(true));
        assert!(message.starts_with("containerDefinitions[app].privileged is not supported by Serin"), "{message}");
        let message = refusal(|request| request.ipc_mode = Some("host".to_owned()));
        assert!(message.starts_with("ipcMode is not supported"), "{message}");
        let message = refusal(|request| request.network_mode = Some(NetworkMode::Bridge));
        assert!(message.contains("awsvpc"), "{message}");
    }

    #[test]
    fn circles_and_strangers_in_depends_on_are_refused() {
        let message = refusal(|request| {
            let mut circle = request.container_definitions[0].depends_on.clone();
            circle[0].container_name = "app".to_owned();
            circle[0].condition = api::ecs::ContainerCondition::Start;
            request.container_definitions[1].depends_on = circle;
        });
        assert!(message.contains("circle"), "{message}");
        let message =
            refusal(|request| request.container_definitions[0].depends_on[0].container_name = "nobody".to_owned());
        assert!(message.contains("nobody"), "{message}");
    }

    #[test]
    fn a_healthy_dependency_needs_a_health_check() {
        let message = refusal(|request| request.container_definitions[1].health_check = None);
        assert!(message.contains("health check"), "{message}");
    }

    #[test]
    fn ports_of_the_host_are_those_of_the_container() {
        let message = refusal(|request| request.container_definitions[0].port_mappings[0].host_port = Some(80));
        assert!(message.contains("must match"), "{message}");
    }

    #[test]
    fn nothing_essential_is_refused() {
        let message = refusal(|request| {
            request.container_definitions.iter_mut().for_each(|container| container.essential = Some(false));
        });
        assert!(message.contains("at least one essential container"), "{message}");
    }
}

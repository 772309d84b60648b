//! Members that a service or a task can't be given here, refused by name.

use api::ecs::{CapacityProviderStrategyItem, PlacementConstraint, PlacementStrategy, Unsupported};

use crate::Error;

/// The capacity providers there are; both mean this machine.
const CAPACITY_PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// Refuses each member that says something.
pub(super) fn members(checks: &[(&str, Option<&Unsupported>, &'static str)]) -> Result<(), Error> {
    match checks.iter().find(|(_, member, _)| member.is_some_and(|member| !member.is_empty())) {
        Some((member, _, reason)) => Err(unsupported(member, reason)),
        None => Ok(()),
    }
}

/// Refuses rules for placing tasks.
pub(super) fn placement(constraints: &[PlacementConstraint], strategies: &[PlacementStrategy]) -> Result<(), Error> {
    if !constraints.is_empty() {
        return Err(unsupported("placementConstraints", "there is one machine, and all run on it"));
    }
    if !strategies.is_empty() {
        return Err(unsupported("placementStrategy", "there is one machine, and all run on it"));
    }
    Ok(())
}

/// Refuses `enableExecuteCommand`.
pub(super) fn execute_command(enable: bool) -> Result<(), Error> {
    if enable {
        Err(unsupported("enableExecuteCommand", "there is no Session Manager to carry commands into containers"))
    } else {
        Ok(())
    }
}

/// Refuses capacity providers that are not there.
pub(super) fn capacity_providers<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    match names.into_iter().find(|name| !CAPACITY_PROVIDERS.contains(name)) {
        Some(name) => Err(Error::InvalidParameter(format!("The specified capacity provider '{name}' was not found."))),
        None => Ok(()),
    }
}

/// Refuses a strategy that names capacity providers that are not there, or stands beside a launch type.
pub(super) fn strategy(strategy: &[CapacityProviderStrategyItem], has_launch_type: bool) -> Result<(), Error> {
    if has_launch_type && !strategy.is_empty() {
        let text =
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.";
        return Err(Error::InvalidParameter(text.to_owned()));
    }
    capacity_providers(strategy.iter().map(|item| item.capacity_provider.as_str()))
}

pub(super) fn unsupported(member: &str, reason: &'static str) -> Error {
    Error::Unsupported { member: member.to_owned(), reason }
}

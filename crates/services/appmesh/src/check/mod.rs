//! The constraints of the API model and the rules of the service, apart from those that need the rest of the mesh.
//!
//! Every fault of a request is found and named at once, with the path of the member, in the words of AWS's validators:
//! a user who mends a template wants the whole list.

mod gateway;
mod listener;
mod matching;
mod node;
mod route;
mod tls;
mod trial;

use std::fmt::Display;

use api::appmesh::{TagRef, VirtualRouterSpec, VirtualServiceSpec};

use crate::{error::Error, expression};

pub(crate) use gateway::{gateway, gateway_route};
pub(crate) use node::node;
pub(crate) use route::route;
pub(crate) use trial::trial;

/// Tags that a resource can have.
pub(crate) const TAGS_MAX: usize = 50;
/// Faults that are named in one answer; the rest would help nobody.
const FAULTS_MAX: usize = 20;

/// Collects what is wrong with a request.
#[derive(Default)]
pub(crate) struct Checks {
    faults: Vec<String>,
}

impl Checks {
    /// Notes that `value` at `path` breaks `constraint`.
    pub(crate) fn fault(&mut self, path: &str, value: impl Display, constraint: impl Display) {
        let fault = format!("Value '{value}' at '{path}' failed to satisfy constraint: {constraint}");
        self.faults.push(fault);
    }

    /// Demands `holds`; else `what`, a sentence about the member at `path`, is what is wrong.
    pub(crate) fn demand(&mut self, holds: bool, path: &str, what: &str) {
        if !holds {
            self.faults.push(format!("Member at '{path}' {what}"));
        }
    }

    /// Demands `min <= value <= max`.
    pub(crate) fn range(&mut self, path: &str, value: u64, min: u64, max: u64) {
        if value < min {
            self.fault(path, value, format_args!("Member must have value greater than or equal to {min}"));
        } else if value > max {
            self.fault(path, value, format_args!("Member must have value less than or equal to {max}"));
        }
    }

    /// Demands that `text` has `min` to `max` characters.
    pub(crate) fn length(&mut self, path: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if length < min {
            self.fault(path, text, format_args!("Member must have length greater than or equal to {min}"));
        } else if length > max {
            self.fault(path, text, format_args!("Member must have length less than or equal to {max}"));
        }
    }

    /// Demands that a list has `min` to `max` members.
    pub(crate) fn count(&mut self, path: &str, count: usize, min: usize, max: usize) {
        let value = format!("{count} members");
        if count < min {
            self.fault(path, value, format_args!("Member must have length greater than or equal to {min}"));
        } else if count > max {
            self.fault(path, value, format_args!("Member must have length less than or equal to {max}"));
        }
    }

    /// Demands exactly one of the members of a union: their names, and whether each is given.
    pub(crate) fn one_of(&mut self, path: &str, members: &[(&str, bool)]) {
        let given: Vec<&str> = members.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        if given.len() != 1 {
            let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
            let value = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
            self.fault(path, value, format_args!("Member must have exactly one of {}", names.join(", ")));
        }
    }

    /// Demands that `text` is a regular expression that proxies can run.
    pub(crate) fn regex(&mut self, path: &str, text: &str) {
        self.length(path, text, 1, 255);
        if expression::compile(text).is_err() {
            self.fault(
                path,
                text,
                "Member must be a valid regular expression of RE2, of a size and depth that proxies run",
            );
        }
    }

    /// Demands a name of 1 to 255 characters that can stand in a path.
    pub(crate) fn name(&mut self, path: &str, name: &str) {
        self.length(path, name, 1, 255);
        if name.contains('/') || name.chars().any(|character| character.is_whitespace() || character.is_control()) {
            self.fault(path, name, "Member must not contain slashes, spaces or control characters");
        }
    }

    /// Demands that a port, if it is given, is 1 to 65535.
    pub(crate) fn port(&mut self, path: &str, port: Option<u32>) {
        if let Some(port) = port {
            self.range(path, port.into(), 1, 65535);
        }
    }

    /// Demands an ARN of `service`.
    pub(crate) fn arn(&mut self, path: &str, text: &str, service: &str) {
        if text.parse::<names::Arn>().is_ok_and(|arn| arn.service == service) {
            return;
        }
        self.fault(path, text, format_args!("Member must be an ARN of {service}"));
    }

    /// All that is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let count = self.faults.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        let named: Vec<String> = self.faults.into_iter().take(FAULTS_MAX).collect();
        Err(Error::Invalid(format!("{count} validation {errors} detected: {}", named.join("; "))))
    }
}

/// A client token: up to 36 letters, digits, hyphens and underscores.
pub(crate) fn token(checks: &mut Checks, token: Option<&str>) {
    let Some(token) = token else { return };
    checks.length("clientToken", token, 1, 36);
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    if !token.chars().all(fits) {
        checks.fault("clientToken", token, "Member must consist of letters, numbers, hyphens, and underscores");
    }
}

/// Tags of a request.
pub(crate) fn tags(checks: &mut Checks, tags: &[TagRef]) {
    checks.count("tags", tags.len(), 0, TAGS_MAX);
    for (index, tag) in tags.iter().enumerate() {
        let path = format!("tags.{}.member", index + 1);
        checks.length(&format!("{path}.key"), &tag.key, 1, 128);
        checks.length(&format!("{path}.value"), &tag.value, 0, 256);
        let twice = tags[..index].iter().any(|earlier| earlier.key == tag.key);
        checks.demand(!twice, &path, "has the key of another tag");
    }
}

/// How many to list at most.
pub(crate) fn limit(checks: &mut Checks, limit: Option<u32>, max: u32) {
    if let Some(limit) = limit {
        checks.range("limit", limit.into(), 1, max.into());
    }
}

/// The spec of a virtual router.
pub(crate) fn router(checks: &mut Checks, spec: &VirtualRouterSpec) {
    for (index, listener) in spec.listeners.iter().enumerate() {
        let path = format!("spec.listeners.{}.member.portMapping.port", index + 1);
        checks.port(&path, Some(listener.port_mapping.port));
        let ports = spec.listeners[..index].iter().map(|earlier| earlier.port_mapping.port);
        checks.demand(ports.into_iter().all(|port| port != listener.port_mapping.port), &path, "is used twice");
    }
}

/// The spec of a virtual service.
pub(crate) fn service(checks: &mut Checks, spec: &VirtualServiceSpec) {
    let Some(provider) = &spec.provider else { return };
    let members =
        [("virtualNode", provider.virtual_node.is_some()), ("virtualRouter", provider.virtual_router.is_some())];
    checks.one_of("spec.provider", &members);
    if let Some(node) = &provider.virtual_node {
        checks.name("spec.provider.virtualNode.virtualNodeName", &node.virtual_node_name);
    }
    if let Some(router) = &provider.virtual_router {
        checks.name("spec.provider.virtualRouter.virtualRouterName", &router.virtual_router_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_with_its_path() {
        let mut checks = Checks::default();
        checks.range("spec.a", 101, 0, 100);
        checks.length("spec.b", "", 1, 255);
        checks.one_of("spec", &[("httpRoute", true), ("tcpRoute", true)]);
        let text = checks.finish().unwrap_err().to_string();
        assert_eq!(
            text,
            "3 validation errors detected: Value '101' at 'spec.a' failed to satisfy constraint: Member must have value \
             less than or equal to 100; Value '' at 'spec.b' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value 'httpRoute, tcpRoute' at 'spec' failed to satisfy constraint: Member \
             must have exactly one of httpRoute, tcpRoute"
        );
    }

    #[test]
    fn an_arn_is_not_a_name() {
        let mut checks = Checks::default();
        checks.name("meshName", "arn:aws:appmesh:r:123456789012:mesh/m");
        assert!(checks.finish().is_err());
    }
}

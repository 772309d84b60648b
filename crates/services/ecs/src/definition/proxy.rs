//! `proxyConfiguration`: which of a task's traffic goes through its proxy, exactly as given.

use std::collections::BTreeSet;

use api::ecs::{ProxyConfiguration, RegisterTaskDefinitionRequest};
use ipnet::Ipv4Net;
use network::Redirect;

use super::wrong;
use crate::Error;

/// Checks a task's proxy configuration, if it has one.
pub(super) fn check(request: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let Some(proxy) = &request.proxy_configuration else { return Ok(()) };
    if proxy.r#type.as_deref().is_some_and(|kind| kind != "APPMESH") {
        return Err(wrong("Invalid proxyConfiguration.type: APPMESH is the only one.".to_owned()));
    }
    let known = |name: &str| request.container_definitions.iter().any(|c| c.name.as_deref() == Some(name));
    if !known(&proxy.container_name) {
        let text =
            format!("The proxy configuration names the container {}, which is not in the task.", proxy.container_name);
        return Err(wrong(text));
    }
    redirect(proxy).map(drop)
}

/// What `proxy` asks for, as the network engine takes it.
pub(crate) fn redirect(proxy: &ProxyConfiguration) -> Result<Redirect, Error> {
    let mut redirect = Redirect::default();
    let (mut ingress, mut egress) = (None, None);
    for property in &proxy.properties {
        let (name, value) =
            (property.name.as_deref().unwrap_or_default(), property.value.as_deref().unwrap_or_default());
        match name {
            "IgnoredUID" => redirect.ignored_uid = number(name, value)?,
            "IgnoredGID" => redirect.ignored_gid = number(name, value)?,
            "ProxyIngressPort" => ingress = number(name, value)?,
            "ProxyEgressPort" => egress = number(name, value)?,
            "AppPorts" => redirect.app_ports = ports(name, value)?,
            "EgressIgnoredPorts" => redirect.egress_ignored_ports = ports(name, value)?,
            "EgressIgnoredIPs" => redirect.egress_ignored_addresses = addresses(name, value)?,
            other => return Err(wrong(format!("Unknown property of the proxy configuration: {other}."))),
        }
    }
    if redirect.ignored_uid.is_none() && redirect.ignored_gid.is_none() {
        return Err(wrong("The proxy configuration must have the property IgnoredUID or IgnoredGID.".to_owned()));
    }
    let (Some(ingress), Some(egress)) = (ingress, egress) else {
        let text = "The proxy configuration must have the properties ProxyIngressPort and ProxyEgressPort.";
        return Err(wrong(text.to_owned()));
    };
    Ok(Redirect { proxy_ingress_port: ingress, proxy_egress_port: egress, ..redirect })
}

/// A number; none for an empty value, as the console leaves it.
fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<Option<T>, Error> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| wrong(format!("Invalid value of the proxy configuration's {name}: {value}.")))
}

fn ports(name: &str, value: &str) -> Result<BTreeSet<u16>, Error> {
    list(value).map(|port| Ok(number(name, port)?.unwrap_or_default())).collect()
}

fn addresses(name: &str, value: &str) -> Result<BTreeSet<Ipv4Net>, Error> {
    let bad = |text: &str| wrong(format!("Invalid value of the proxy configuration's {name}: {text}."));
    let net = |text: &str| text.parse().or_else(|_| format!("{text}/32").parse()).map_err(|_| bad(text));
    list(value).map(net).collect()
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_articles_properties_are_taken_as_given() {
        let definition = samples::gateway_definition();
        let redirect = redirect(definition.proxy_configuration.as_ref().unwrap()).unwrap();
        assert_eq!(redirect.ignored_uid, Some(1337));
        assert_eq!((redirect.proxy_ingress_port, redirect.proxy_egress_port), (15000, 15001));
        assert_eq!(redirect.app_ports, BTreeSet::from([9080]));
        let ignored: Vec<String> = redirect.egress_ignored_addresses.iter().map(ToString::to_string).collect();
        assert_eq!(ignored, ["169.254.169.254/32", "169.254.170.2/32"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut definition = samples::gateway_definition();
        let proxy = definition.proxy_configuration.as_mut().unwrap();
        proxy.properties[3].value = Some("http".to_owned());
        assert!(redirect(proxy).unwrap_err().to_string().contains("AppPorts"));
    }
}

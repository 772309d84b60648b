//! What the variables of the image say of statistics: tags that all of them carry, and where they are sent.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::settings::{SettingsError, number, resource, truth};

/// How often statistics are sent where nothing is said, as Envoy does.
const INTERVAL: Duration = Duration::from_secs(5);
/// How often they can be sent, and how seldom.
const INTERVALS: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;

/// What is done with statistics, beside showing them.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// What all of them carry: names as Prometheus spells them, and values.
    pub(crate) tags: Vec<(&'static str, String)>,
    /// Where they are sent, if they are.
    pub(crate) sink: Option<StatsAddress>,
    /// How often.
    pub(crate) interval: Duration,
}

/// Where statistics are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatsAddress {
    /// To an address.
    Udp(SocketAddr),
    /// To a socket in the file system.
    Unix(String),
}

impl Statistics {
    /// Reads the environment of the proxy of `node_id`.
    pub(super) fn read(set: &impl Fn(&str) -> Option<String>, node_id: &str) -> Result<Self, SettingsError> {
        Ok(Self { tags: tags(set, node_id), sink: sink(set)?, interval: interval(set)? })
    }
}

/// The tags of App Mesh's dashboards, where `ENABLE_ENVOY_STATS_TAGS` asks for them.
fn tags(set: &impl Fn(&str) -> Option<String>, node_id: &str) -> Vec<(&'static str, String)> {
    let Some((mesh, kind, name)) = resource(node_id).filter(|_| truth(set("ENABLE_ENVOY_STATS_TAGS"))) else {
        return Vec::new();
    };
    let own = if kind == "virtualGateway" { "appmesh_virtual_gateway" } else { "appmesh_virtual_node" };
    vec![("appmesh_mesh", mesh.to_owned()), (own, name.to_owned())]
}

fn sink(set: &impl Fn(&str) -> Option<String>) -> Result<Option<StatsAddress>, SettingsError> {
    const ADDRESS: &str = "STATSD_ADDRESS";
    if !truth(set("ENABLE_ENVOY_DOG_STATSD")) {
        return Ok(None);
    }
    if let Some(path) = set("STATSD_SOCKET_PATH") {
        return Ok(Some(StatsAddress::Unix(path.trim_start_matches("unix://").to_owned())));
    }
    let port = number(set, "STATSD_PORT", 8125, 1..=u16::MAX, "a port")?;
    let value = set(ADDRESS).unwrap_or_else(|| "127.0.0.1".to_owned());
    let Ok(address) = value.parse::<IpAddr>() else {
        return Err(SettingsError::Value { name: ADDRESS, value, wanted: "an IP address" });
    };
    Ok(Some(StatsAddress::Udp((address, port).into())))
}

/// A duration as Envoy's bootstrap has it: `5s`, `500ms`, or seconds.
fn interval(set: &impl Fn(&str) -> Option<String>) -> Result<Duration, SettingsError> {
    const NAME: &str = "ENVOY_STATS_FLUSH_INTERVAL";
    let Some(value) = set(NAME) else { return Ok(INTERVAL) };
    let (number, unit) = value.split_at(value.find(char::is_alphabetic).unwrap_or(value.len()));
    let factor = match unit {
        "" | "s" => Some(1.0),
        "ms" => Some(0.001),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let seconds = factor.and_then(|factor| Some(number.parse::<f64>().ok()? * factor));
    match seconds.filter(|seconds| INTERVALS.contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs_f64(seconds)),
        None => {
            Err(SettingsError::Value { name: NAME, value, wanted: "a duration such as 5s or 500ms, a day at most" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], node: &str) -> Result<Statistics, SettingsError> {
        let set = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        Statistics::read(&set, node)
    }

    #[test]
    fn nothing_is_added_and_sent_where_nothing_is_said() {
        let none = Statistics { tags: Vec::new(), sink: None, interval: Duration::from_secs(5) };
        assert_eq!(read(&[("STATSD_PORT", "1")], "mesh/m/virtualNode/n").unwrap(), none);
    }

    #[test]
    fn tags_name_the_mesh_and_who_is_proxied() {
        let on = [("ENABLE_ENVOY_STATS_TAGS", "1")];
        let node = read(&on, "arn:aws:appmesh:r:000000000000:mesh/m/virtualNode/n").unwrap().tags;
        assert_eq!(node, [("appmesh_mesh", "m".to_owned()), ("appmesh_virtual_node", "n".to_owned())]);
        let gateway = read(&on, "mesh/m/virtualGateway/g").unwrap().tags;
        assert_eq!(gateway[1], ("appmesh_virtual_gateway", "g".to_owned()));
    }

    #[test]
    fn what_is_sent_goes_where_the_variables_say() {
        let node = "mesh/m/virtualNode/n";
        let on = ("ENABLE_ENVOY_DOG_STATSD", "true");
        let at = |more: &[(&str, &str)]| read(&[&[on][..], more].concat(), node).map(|own| (own.sink, own.interval));
        let udp = |address: &str| Some(StatsAddress::Udp(address.parse().unwrap()));
        assert_eq!(at(&[]), Ok((udp("127.0.0.1:8125"), Duration::from_secs(5))));
        let elsewhere =
            [("STATSD_ADDRESS", "10.0.0.9"), ("STATSD_PORT", "99"), ("ENVOY_STATS_FLUSH_INTERVAL", "500ms")];
        assert_eq!(at(&elsewhere), Ok((udp("10.0.0.9:99"), Duration::from_millis(500))));
        let socket = StatsAddress::Unix("/run/statsd.sock".to_owned());
        assert_eq!(at(&[("STATSD_SOCKET_PATH", "/run/statsd.sock")]).unwrap().0, Some(socket));
        for (name, value) in [("STATSD_ADDRESS", "agent"), ("STATSD_PORT", "0"), ("ENVOY_STATS_FLUSH_INTERVAL", "soon")]
        {
            let error = at(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}

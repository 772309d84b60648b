//! What the sidecar is told by its environment: the variables of App Mesh's Envoy image, with its defaults.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use envoy_types::pb::{
    envoy::config::core::v3::Node,
    google::protobuf::{Struct, Value, value::Kind},
};

use super::{statistics::Statistics, tracers};
use crate::{
    TracerSettings,
    xds::{
        client::{self, ControlPlane},
        credentials::Credentials,
    },
};

/// Where the control plane is when nothing is said: the address it has in every VPC.
const CONTROL_PLANE: &str = "169.254.170.2:4566";
/// Threads that carry traffic at most.
const CONCURRENCY_MAX: usize = 64;

/// Variables of the image that mean nothing here, and why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("APPMESH_PREVIEW", "there is one control plane, the one this proxy is connected to"),
    ("APPMESH_DUALSTACK_ENDPOINT", "there is one control plane, the one this proxy is connected to"),
    ("APPMESH_FIPS_ENDPOINT", "there is one control plane, the one this proxy is connected to"),
    ("APPMESH_METRIC_EXTENSION_VERSION", "metrics are counted without that extension"),
    ("ENVOY_ADMIN_ACCESS_LOG_FILE", "requests to the admin pages are not written down"),
    ("ENVOY_ADMIN_ACCESS_ENABLE_IPV6", "a VPC has IPv4 addresses alone"),
    ("MAX_REQUESTS_PER_IO_CYCLE", "connections take turns after each request"),
    ("ENVOY_ENABLE_TCP_POOL_IDLE_TIMEOUT", "connections of TCP listeners are not kept for others"),
    ("ENVOY_OUTLIER_DETECTION_EVENT_LOG_PATH", "ejections are among the log's lines"),
    ("ENVOY_NO_EXTENSION_LOOKUP_BY_NAME", "extensions are known by their type alone"),
    ("ENVOY_USE_HTTP_CLIENT_TO_FETCH_AWS_CREDENTIALS", "no AWS credentials are needed"),
    ("APPMESH_SIGNING_NAME", "requests to the control plane are not signed"),
    ("APPNET_ENVOY_RESTART_COUNT", "whoever runs the task starts the proxy anew"),
    ("PID_POLL_INTERVAL_MS", "there is one process"),
    ("HC_POLL_INTERVAL_MS", "there is one process"),
    ("HC_DISCONNECTED_TIMEOUT_S", "traffic goes on by the last configuration for as long as it takes"),
    ("APPNET_AGENT_POLL_ENVOY_READINESS_INTERVAL_S", "there is one process"),
    ("APPNET_AGENT_POLL_ENVOY_READINESS_TIMEOUT_S", "there is one process"),
    ("APPNET_AGENT_LOGGING_RESET_TIMEOUT", "a log level stays until it is set anew"),
];

/// Variables of the image that would change what the proxy does, which it can't; with them it does not start.
const REFUSED: &[(&str, &str)] = &[
    ("ENVOY_CONFIG_FILE", "it takes its configuration by xDS alone"),
    ("ENVOY_RESOURCES_CONFIG_FILE", "it takes its configuration by xDS alone"),
    ("ENVOY_TRACING_CFG_FILE", "it traces for X-Ray and OpenTelemetry"),
    ("ENVOY_STATS_CONFIG_FILE", "its statistics have Envoy's names and tags"),
    ("ENVOY_STATS_SINKS_CFG_FILE", "its statistics are read at /stats, and sent to DogStatsD alone"),
    ("ENABLE_ENVOY_JAEGER_TRACING", "it traces for X-Ray and OpenTelemetry"),
    ("ENABLE_ENVOY_DATADOG_TRACING", "it traces for X-Ray and OpenTelemetry"),
    ("XRAY_SAMPLING_RULE_MANIFEST", "XRAY_SAMPLING_RATE is the rate for all requests"),
    ("APPNET_ENABLE_RELAY_MODE_FOR_XDS", "it speaks to the control plane itself"),
    ("APPNET_ENVOY_LOG_DESTINATION", "it writes its log to its standard output"),
    ("ENABLE_STATS_SNAPSHOT", "its statistics are read at /stats"),
];

/// What the image calls the server of secrets that it is given the socket of.
const SECRETS: &str = "static_cluster_sds_unix_socket";

/// What the sidecar is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Who it is: an ARN or `mesh/<mesh>/virtualNode/<node>`.
    pub node_id: String,
    /// The group it belongs to, its own id as a rule.
    pub node_cluster: String,
    /// The task it runs in, if it is told.
    pub task_arn: Option<String>,
    pub(crate) control_plane: ControlPlane,
    pub(crate) credentials: Credentials,
    /// The socket of a server of secrets.
    pub sds_socket: Option<String>,
    /// How long is waited for the configuration before the proxy counts as ready all the same. None: for ever.
    pub initial_fetch_timeout: Option<Duration>,
    /// Where its admin pages are.
    pub admin: Door,
    /// Where the pages of the image's agent are.
    pub agent: Door,
    /// Threads that carry traffic.
    pub concurrency: usize,
    /// The words of `tracing` for Envoy's log levels.
    pub log_level: String,
    /// How long what is under way may take to end.
    pub drain_time: Duration,
    /// How requests are traced, if they are.
    pub tracer: Option<TracerSettings>,
    /// What is done with statistics.
    pub statistics: Statistics,
}

/// Where pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// At an address.
    Tcp(SocketAddr),
    /// At a socket in the file system, which its owner alone may use.
    Unix(String),
}

/// A variable that makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody says who it is.
    #[error(
        "set APPMESH_RESOURCE_ARN, APPMESH_RESOURCE_NAME or APPMESH_VIRTUAL_NODE_NAME to mesh/<mesh>/virtualNode/<node>"
    )]
    NoNode,
    /// It can't be honoured.
    #[error("{name} is set, and this proxy can't honour it: {reason}; unset it, or run Envoy itself")]
    Refused {
        /// Which one.
        name: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// It has a value it can't have.
    #[error("{name} is `{value}`: {wanted}")]
    Value {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        wanted: &'static str,
    },
}

impl Settings {
    /// Reads the environment.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        refuse(&set)?;
        let names = ["APPMESH_RESOURCE_ARN", "APPMESH_RESOURCE_NAME", "APPMESH_VIRTUAL_NODE_NAME"];
        let node_id = names.into_iter().find_map(set).ok_or(SettingsError::NoNode)?;
        let clusters = ["APPMESH_RESOURCE_CLUSTER", "APPMESH_VIRTUAL_NODE_CLUSTER"];
        let control_plane = control_plane(set("APPMESH_XDS_ENDPOINT").as_deref().unwrap_or(CONTROL_PLANE));
        let seconds = number(&set, "LISTENER_DRAIN_WAIT_TIME_S", 20, 0..=110, "seconds, 110 at most")?;
        Ok(Self {
            node_cluster: clusters.into_iter().find_map(set).unwrap_or_else(|| node_id.clone()),
            task_arn: set("SERIN_TASK_ARN"),
            credentials: credentials(&set, &control_plane)?,
            control_plane,
            sds_socket: set("APPMESH_SDS_SOCKET_PATH").map(|path| path.trim_start_matches("unix://").to_owned()),
            initial_fetch_timeout: initial_fetch_timeout(&set)?,
            admin: admin(&set)?,
            agent: agent(&set)?,
            concurrency: number(&set, "ENVOY_CONCURRENCY", 1, 1..=CONCURRENCY_MAX, "a number of threads, 1 to 64")?,
            log_level: log_level(set("ENVOY_LOG_LEVEL"))?.to_owned(),
            drain_time: Duration::from_secs(seconds),
            tracer: tracers::tracer(&set, &node_id)?,
            statistics: Statistics::read(&set, &node_id)?,
            node_id,
        })
    }

    /// What the client of the control plane is told.
    pub(crate) fn client(&self) -> client::Settings {
        let sockets = self.sds_socket.iter().map(|path| (SECRETS.to_owned(), path.clone()));
        client::Settings {
            control_plane: self.control_plane.clone(),
            credentials: self.credentials.clone(),
            node: self.node(),
            sockets: sockets.collect(),
            initial_fetch_timeout: self.initial_fetch_timeout,
        }
    }

    /// How it introduces itself, as the image does.
    pub(crate) fn node(&self) -> Node {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let structure = |fields: Vec<(&str, Value)>| Value {
            kind: Some(Kind::StructValue(Struct {
                fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            })),
        };
        let mut metadata = HashMap::new();
        if let Some(arn) = &self.task_arn {
            let platform = structure(vec![("ecsTaskArn", text(arn))]);
            metadata.insert("aws.appmesh.platformInfo".to_owned(), structure(vec![("ecsPlatformInfo", platform)]));
        }
        Node {
            id: self.node_id.clone(),
            cluster: self.node_cluster.clone(),
            metadata: Some(Struct { fields: metadata.into_iter().collect() }),
            user_agent_name: "serin".to_owned(),
            ..Node::default()
        }
    }
}

fn refuse(set: &impl Fn(&str) -> Option<String>) -> Result<(), SettingsError> {
    let asked =
        |name: &str| set(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "False" | "FALSE"));
    let refused = REFUSED.iter().find(|(name, _)| asked(name));
    refused.map_or(Ok(()), |(name, reason)| Err(SettingsError::Refused { name, reason }))
}

fn initial_fetch_timeout(set: &impl Fn(&str) -> Option<String>) -> Result<Option<Duration>, SettingsError> {
    const NAME: &str = "ENVOY_INITIAL_FETCH_TIMEOUT";
    let plain = |name: &str| set(name).map(|value| value.trim_end_matches('s').to_owned());
    let seconds = number(&plain, NAME, 0_u64, 0..=86_400, "seconds, a day at most")?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

/// Whether pages are served at a socket instead of a port.
fn is_unix(set: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<bool, SettingsError> {
    match set(name).as_deref() {
        None | Some("tcp") => Ok(false),
        Some("uds") => Ok(true),
        Some(other) => Err(SettingsError::Value { name, value: other.to_owned(), wanted: "tcp or uds" }),
    }
}

fn admin(set: &impl Fn(&str) -> Option<String>) -> Result<Door, SettingsError> {
    let port = number(set, "ENVOY_ADMIN_ACCESS_PORT", 9901, 1..=u16::MAX, "a port")?;
    let unix = is_unix(set, "ENVOY_ADMIN_MODE")?;
    Ok(if unix { Door::Unix("/tmp/envoy_admin.sock".to_owned()) } else { Door::Tcp(([0, 0, 0, 0], port).into()) })
}

fn agent(set: &impl Fn(&str) -> Option<String>) -> Result<Door, SettingsError> {
    const ADDRESS: &str = "APPNET_AGENT_HTTP_BIND_ADDRESS";
    let port = number(set, "APPNET_AGENT_HTTP_PORT", 9902, 1..=u16::MAX, "a port")?;
    if is_unix(set, "APPNET_AGENT_ADMIN_MODE")? {
        let path = set("APPNET_AGENT_ADMIN_UDS_PATH");
        return Ok(Door::Unix(path.unwrap_or_else(|| "/var/run/ecs/appnet_admin.sock".to_owned())));
    }
    let address = set(ADDRESS).filter(|address| !matches!(address.as_str(), "[::]" | "::"));
    let address = address.map_or(Ok(IpAddr::from([0, 0, 0, 0])), |value| {
        let parsed = value.trim_matches(['[', ']']).parse();
        parsed.map_err(|_| SettingsError::Value { name: ADDRESS, value: value.clone(), wanted: "an address" })
    })?;
    Ok(Door::Tcp((address, port).into()))
}

/// The variables that are set and mean nothing here, with the reason.
pub(crate) fn without_effect(variable: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, &'static str)> {
    let off = |value: &str| matches!(value, "" | "0" | "false" | "False" | "FALSE");
    let set = |(name, _): &&(&'static str, &'static str)| variable(name).is_some_and(|value| !off(&value));
    WITHOUT_EFFECT.iter().filter(set).copied().collect()
}

fn control_plane(endpoint: &str) -> ControlPlane {
    match endpoint.strip_prefix("unix://") {
        Some(path) => ControlPlane::Unix(path.to_owned()),
        None => match endpoint.strip_prefix("https://") {
            Some(address) => ControlPlane::Tls(address.to_owned()),
            None => ControlPlane::Tcp(endpoint.trim_start_matches("http://").to_owned()),
        },
    }
}

/// What is shown to a control plane on another machine: the variables that `serin envoy-bootstrap` reads, too.
fn credentials(
    set: &impl Fn(&str) -> Option<String>,
    control_plane: &ControlPlane,
) -> Result<Credentials, SettingsError> {
    const CERTIFICATE: &str = "SERIN_XDS_CERTIFICATE_FILE";
    const KEY: &str = "SERIN_XDS_KEY_FILE";
    const AUTHORITIES: &str = "SERIN_XDS_CA_FILE";
    let pair = match (set(CERTIFICATE), set(KEY)) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (None, None) => None,
        (Some(value), None) => {
            return Err(SettingsError::Value { name: CERTIFICATE, value, wanted: "set SERIN_XDS_KEY_FILE, too" });
        }
        (None, Some(value)) => {
            return Err(SettingsError::Value { name: KEY, value, wanted: "set SERIN_XDS_CERTIFICATE_FILE, too" });
        }
    };
    let credentials =
        Credentials { authorities: set(AUTHORITIES), certificate: pair, token: set("SERIN_XDS_TOKEN_FILE") };
    if matches!(control_plane, ControlPlane::Tls(_)) {
        return Ok(credentials);
    }
    let wanted = "it is for TLS: let APPMESH_XDS_ENDPOINT begin with https://";
    match [AUTHORITIES, CERTIFICATE].into_iter().find_map(|name| Some((name, set(name)?))) {
        Some((name, value)) => Err(SettingsError::Value { name, value, wanted }),
        None => Ok(credentials),
    }
}

pub(super) fn number<T: std::str::FromStr + PartialOrd>(
    set: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: T,
    range: std::ops::RangeInclusive<T>,
    wanted: &'static str,
) -> Result<T, SettingsError> {
    let Some(value) = set(name) else { return Ok(default) };
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or(SettingsError::Value { name, value, wanted })
}

fn log_level(level: Option<String>) -> Result<&'static str, SettingsError> {
    level_word(level.as_deref().unwrap_or("info")).ok_or_else(|| SettingsError::Value {
        name: "ENVOY_LOG_LEVEL",
        value: level.unwrap_or_default(),
        wanted: "trace, debug, info, warning, error, critical or off",
    })
}

/// The word of `tracing` for a level of Envoy's.
pub(crate) fn level_word(level: &str) -> Option<&'static str> {
    Some(match level.to_ascii_lowercase().as_str() {
        "trace" => "trace",
        "debug" => "debug",
        "info" => "info",
        "warning" | "warn" => "warn",
        "error" | "critical" => "error",
        "off" => "off",
        _ => return None,
    })
}

/// The mesh, the kind and the name of what a proxy stands for.
pub(super) fn resource(node_id: &str) -> Option<(&str, &str, &str)> {
    let steps: Vec<&str> = node_id.rsplit(':').next().unwrap_or(node_id).split('/').collect();
    match steps[..] {
        ["mesh", mesh, kind, name] => Some((mesh, kind, name)),
        _ => None,
    }
}

/// A truth as Go's `strconv.ParseBool` reads it, which the image uses.
pub(super) fn truth(value: Option<String>) -> bool {
    matches!(value.as_deref(), Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(|name| variables.get(name).cloned())
    }

    #[test]
    fn the_article_s_variables_say_who_it_is_and_that_it_traces() {
        let settings = read(&[
            ("APPMESH_VIRTUAL_NODE_NAME", "mesh/flask-mesh/virtualNode/gateway-vn"),
            ("ENVOY_LOG_LEVEL", "debug"),
            ("ENABLE_ENVOY_XRAY_TRACING", "1"),
        ])
        .unwrap();
        assert_eq!(settings.node_id, "mesh/flask-mesh/virtualNode/gateway-vn");
        assert_eq!(settings.control_plane, ControlPlane::Tcp("169.254.170.2:4566".to_owned()));
        assert!(matches!(settings.tracer, Some(TracerSettings::XRay(_))));
    }

    #[test]
    fn the_arn_comes_before_the_short_name_and_a_socket_is_a_socket() {
        let arn = "arn:aws:appmesh:r:000000000000:mesh/m/virtualNode/n";
        let settings = read(&[
            ("APPMESH_RESOURCE_ARN", arn),
            ("APPMESH_VIRTUAL_NODE_NAME", "x"),
            ("APPMESH_XDS_ENDPOINT", "unix:///xds.sock"),
            ("SERIN_TASK_ARN", "arn:aws:ecs:r:000000000000:task/c/1"),
        ])
        .unwrap();
        assert_eq!(settings.node_id, arn);
        assert_eq!(settings.control_plane, ControlPlane::Unix("/xds.sock".to_owned()));
        assert!(settings.node().metadata.unwrap().fields.contains_key("aws.appmesh.platformInfo"));
    }

    #[test]
    fn pages_secrets_and_the_control_plane_are_where_the_variables_say() {
        let node = ("APPMESH_RESOURCE_ARN", "mesh/m/virtualNode/n");
        let settings = read(&[node]).unwrap();
        assert_eq!(settings.admin, Door::Tcp(([0, 0, 0, 0], 9901).into()));
        assert_eq!(settings.agent, Door::Tcp(([0, 0, 0, 0], 9902).into()));
        assert_eq!(settings.initial_fetch_timeout, None);
        let settings = read(&[
            node,
            ("APPMESH_XDS_ENDPOINT", "https://mesh.example:443"),
            ("APPMESH_SDS_SOCKET_PATH", "/run/spire/agent.sock"),
            ("ENVOY_INITIAL_FETCH_TIMEOUT", "7"),
            ("ENVOY_ADMIN_MODE", "uds"),
            ("APPNET_AGENT_ADMIN_MODE", "uds"),
        ])
        .unwrap();
        assert_eq!(settings.control_plane, ControlPlane::Tls("mesh.example:443".to_owned()));
        assert_eq!(settings.client().sockets["static_cluster_sds_unix_socket"], "/run/spire/agent.sock");
        assert_eq!(settings.initial_fetch_timeout, Some(Duration::from_secs(7)));
        assert_eq!(settings.admin, Door::Unix("/tmp/envoy_admin.sock".to_owned()));
        assert_eq!(settings.agent, Door::Unix("/var/run/ecs/appnet_admin.sock".to_owned()));
    }

    #[test]
    fn who_is_elsewhere_has_files_to_show() {
        let node = ("APPMESH_RESOURCE_ARN", "mesh/m/virtualNode/n");
        let endpoint = ("APPMESH_XDS_ENDPOINT", "https://mesh.example:443");
        let files = [
            ("SERIN_XDS_CA_FILE", "ca.pem"),
            ("SERIN_XDS_CERTIFICATE_FILE", "own.pem"),
            ("SERIN_XDS_KEY_FILE", "own.key"),
            ("SERIN_XDS_TOKEN_FILE", "token"),
        ];
        let settings = read(&[&[node, endpoint][..], &files].concat()).unwrap();
        let wanted = Credentials {
            authorities: Some("ca.pem".to_owned()),
            certificate: Some(("own.pem".to_owned(), "own.key".to_owned())),
            token: Some("token".to_owned()),
        };
        assert_eq!(settings.client().credentials, wanted);
        assert_eq!(read(&[node, files[3]]).unwrap().credentials.token.as_deref(), Some("token"));
        for alone in [files[0], files[1], files[2]] {
            let error = read(&[node, alone]).unwrap_err().to_string();
            assert!(error.contains(alone.0), "{error}");
        }
        assert!(read(&[node, files[1], files[2]]).unwrap_err().to_string().contains("https://"));
        assert!(read(&[node, endpoint, files[2]]).unwrap_err().to_string().contains("SERIN_XDS_CERTIFICATE_FILE"));
    }

    #[test]
    fn nonsense_is_named() {
        let node = ("APPMESH_RESOURCE_ARN", "mesh/m/virtualNode/n");
        assert_eq!(read(&[]), Err(SettingsError::NoNode));
        for (name, value) in [
            ("ENVOY_LOG_LEVEL", "loud"),
            ("ENVOY_CONCURRENCY", "0"),
            ("ENVOY_ADMIN_ACCESS_PORT", "99999"),
            ("LISTENER_DRAIN_WAIT_TIME_S", "111"),
        ] {
            let error = read(&[node, (name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
        let set = |name: &str| (name == "APPMESH_PREVIEW").then(|| "1".to_owned());
        assert_eq!(without_effect(set).len(), 1);
        let error = read(&[node, ("ENVOY_CONFIG_FILE", "/etc/envoy.yaml")]).unwrap_err().to_string();
        assert!(error.contains("ENVOY_CONFIG_FILE") && error.contains("xDS"), "{error}");
    }
}

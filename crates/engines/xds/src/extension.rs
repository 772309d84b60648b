//! Envoy's typed extension configurations, packed.
//!
//! Envoy carries the configuration of its extensions as `google.protobuf.Any`. The functions here pack the ones we use;
//! they are plain functions and not one generic one, so that their encoders are compiled once, in this crate.

use envoy_types::pb::{
    envoy::{
        config::core::v3::{SubstitutionFormatString, substitution_format_string},
        extensions::{
            access_loggers::file::v3::{FileAccessLog, file_access_log},
            filters::{
                http::{fault::v3::HttpFault, router::v3::Router},
                listener::{original_dst::v3::OriginalDst, tls_inspector::v3::TlsInspector},
                network::{http_connection_manager::v3::HttpConnectionManager, tcp_proxy::v3::TcpProxy},
            },
            retry::host::previous_hosts::v3::PreviousHostsPredicate,
            transport_sockets::tls::v3::{DownstreamTlsContext, UpstreamTlsContext},
            upstreams::http::v3::HttpProtocolOptions,
        },
    },
    google::protobuf::{Any, Struct, Value, value},
};
use prost::Message;

/// The type URL of the HTTP filter of a listener.
pub const HTTP_CONNECTION_MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
/// The type URL of the TCP filter of a listener.
pub const TCP_PROXY: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
/// The type URL of an access log in a file.
pub const FILE_ACCESS_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
/// The name of the HTTP filter that makes faults on purpose.
pub const FAULT_FILTER: &str = "envoy.filters.http.fault";
/// The key and type URL of a cluster's HTTP options.
pub const HTTP_PROTOCOL_OPTIONS: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

macro_rules! packers {
    ($($(#[$doc:meta])* $function:ident($message:ty) = $url:expr;)*) => {
        $($(#[$doc])* pub fn $function(message: &$message) -> Any {
            Any { type_url: $url.to_owned(), value: message.encode_to_vec() }
        })*
    };
}

packers! {
    /// The HTTP filter of a listener.
    http_connection_manager(HttpConnectionManager) = HTTP_CONNECTION_MANAGER;
    /// The TCP filter of a listener.
    tcp_proxy(TcpProxy) = TCP_PROXY;
    /// The last HTTP filter, which sends requests on.
    router(Router) = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    /// The HTTP filter that makes faults on purpose.
    http_fault(HttpFault) = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
    /// The listener filter that finds where a redirected connection was meant to go.
    original_dst(OriginalDst) =
        "type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst";
    /// The listener filter that reads the name a TLS client asks for.
    tls_inspector(TlsInspector) =
        "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
    /// The rule that a retry goes to a host that was not tried yet.
    previous_hosts(PreviousHostsPredicate) =
        "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    /// How a cluster's hosts speak HTTP.
    http_protocol_options(HttpProtocolOptions) = HTTP_PROTOCOL_OPTIONS;
    /// TLS toward clients.
    downstream_tls(DownstreamTlsContext) =
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    /// TLS toward hosts.
    upstream_tls(UpstreamTlsContext) =
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
}

/// How a line of an access log looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Envoy's own.
    Default,
    /// A line of text with Envoy's command operators. A line break is the caller's to add.
    Text(String),
    /// An object with these members.
    Json(Vec<(String, String)>),
}

/// An access log in the file at `path`.
pub fn file_access_log(path: &str, format: &LogFormat) -> Any {
    let mut log = FileAccessLog { path: path.to_owned(), access_log_format: None };
    let mut value = Vec::new();
    match format {
        LogFormat::Default => value = log.encode_to_vec(),
        LogFormat::Text(text) => {
            let text = DataSourceOf(text).into();
            log.access_log_format = Some(log_format(substitution_format_string::Format::TextFormatSource(text)));
            value = log.encode_to_vec();
        }
        // A map has no order of its own, and bytes whose order changed would be another version, and would make proxies
        // drain their listeners for nothing. Messages laid end to end are merged when read, so each member is a message.
        LogFormat::Json(members) => {
            value.extend(log.encode_to_vec());
            for (key, text) in members {
                let member = Value { kind: Some(value::Kind::StringValue(text.clone())) };
                let object = Struct { fields: [(key.clone(), member)].into() };
                log = FileAccessLog {
                    path: String::new(),
                    access_log_format: Some(log_format(substitution_format_string::Format::JsonFormat(object))),
                };
                value.extend(log.encode_to_vec());
            }
        }
    }
    Any { type_url: FILE_ACCESS_LOG.to_owned(), value }
}

fn log_format(format: substitution_format_string::Format) -> file_access_log::AccessLogFormat {
    file_access_log::AccessLogFormat::LogFormat(SubstitutionFormatString { format: Some(format), ..Default::default() })
}

/// A text as Envoy's inline data source.
struct DataSourceOf<'a>(&'a str);

impl From<DataSourceOf<'_>> for envoy_types::pb::envoy::config::core::v3::DataSource {
    fn from(text: DataSourceOf<'_>) -> Self {
        use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
        Self { specifier: Some(Specifier::InlineString(text.0.to_owned())), ..Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_log_format_has_one_spelling_and_all_its_members() {
        let members: Vec<_> = ('a'..='j').map(|key| (key.to_string(), format!("%{key}%"))).collect();
        let first = file_access_log("/dev/stdout", &LogFormat::Json(members.clone()));
        for _ in 0..20 {
            assert_eq!(file_access_log("/dev/stdout", &LogFormat::Json(members.clone())), first);
        }
        let read = FileAccessLog::decode(first.value.as_slice()).unwrap();
        assert_eq!(read.path, "/dev/stdout");
        let Some(file_access_log::AccessLogFormat::LogFormat(format)) = read.access_log_format else { panic!() };
        let Some(substitution_format_string::Format::JsonFormat(object)) = format.format else { panic!() };
        assert_eq!(object.fields.len(), 10);
    }
}

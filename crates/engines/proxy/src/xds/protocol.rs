//! Which HTTP is spoken, with clients and with servers.

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonProto, KeepaliveSettings,
        },
        extensions::{
            filters::network::http_connection_manager::v3::http_connection_manager::CodecType,
            upstreams::http::v3::{
                HttpProtocolOptions as Proto,
                http_protocol_options::{
                    AutoHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
                    explicit_http_config::ProtocolConfig,
                },
            },
        },
    },
    google::protobuf::{Any, UInt32Value},
};
use prost::Message;

use super::{refuse, strict::nothing_else, time};
use crate::model::{ClientTls, Codec, Http2, Keepalive, Protocol, ServerVersion};

/// The smallest window for a body, as HTTP/2 begins with.
const WINDOW_MIN: u32 = 65_535;

/// The largest window, as RFC 9113, 6.9.1 has it.
const WINDOW_MAX: u32 = i32::MAX.cast_unsigned();

/// What clients of a connection manager speak.
pub(super) fn codec(kind: i32) -> Result<Codec, String> {
    match CodecType::try_from(kind) {
        Ok(CodecType::Auto) => Ok(Codec::Auto),
        Ok(CodecType::Http1) => Ok(Codec::Http1),
        Ok(CodecType::Http2) => Ok(Codec::Http2),
        Ok(CodecType::Http3) | Err(_) => Err("HTTP/3 from clients is not supported by this proxy".to_owned()),
    }
}

/// What the servers of a cluster speak.
pub(super) fn of_cluster(packed: &Any) -> Result<Protocol, String> {
    let broken = |error: prost::DecodeError| format!("the HTTP protocol options cannot be decoded: {error}");
    let proto = Proto::decode(packed.value.as_slice()).map_err(broken)?;
    let (version, http2) = match proto.upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => match explicit.protocol_config {
            Some(ProtocolConfig::Http2ProtocolOptions(options)) => (ServerVersion::Http2, http2(&options)?),
            Some(ProtocolConfig::HttpProtocolOptions(options)) => {
                http1(&options)?;
                (ServerVersion::Http1, Http2::default())
            }
            Some(ProtocolConfig::Http3ProtocolOptions(_)) => return Err(http3()),
            None => return Err("an explicit HTTP configuration without a protocol".to_owned()),
        },
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(ref same)) => {
            (ServerVersion::Client, of_client(same)?)
        }
        Some(UpstreamProtocolOptions::AutoConfig(ref auto)) => (ServerVersion::Agreed, agreed(auto)?),
        None => return Err("HTTP protocol options without a protocol".to_owned()),
    };
    let common = proto.common_http_protocol_options.unwrap_or_default();
    nothing_else(&CommonProto { idle_timeout: None, max_requests_per_connection: None, ..common })?;
    nothing_else(&Proto { common_http_protocol_options: None, upstream_protocol_options: None, ..proto })?;
    Ok(Protocol {
        version,
        http2,
        requests_per_connection: common.max_requests_per_connection.map(|limit| limit.value).filter(|limit| *limit > 0),
        idle_timeout: common.idle_timeout.and_then(super::limit),
    })
}

fn of_client(same: &UseDownstreamHttpConfig) -> Result<Http2, String> {
    refuse(same.http3_protocol_options.is_none(), "HTTP/3 to servers")?;
    http1(&same.http_protocol_options.clone().unwrap_or_default())?;
    same.http2_protocol_options.as_ref().map_or_else(|| Ok(Http2::default()), http2)
}

fn agreed(auto: &AutoHttpConfig) -> Result<Http2, String> {
    refuse(auto.http3_protocol_options.is_none(), "HTTP/3 to servers")?;
    refuse(auto.alternate_protocols_cache_options.is_none(), "a cache of alternate protocols")?;
    http1(&auto.http_protocol_options.clone().unwrap_or_default())?;
    auto.http2_protocol_options.as_ref().map_or_else(|| Ok(Http2::default()), http2)
}

fn http1(options: &Http1ProtocolOptions) -> Result<(), String> {
    // Trailers go on in any case.
    nothing_else(&Http1ProtocolOptions { enable_trailers: false, ..options.clone() })
}

fn http3() -> String {
    "HTTP/3 to servers is not supported by this proxy".to_owned()
}

/// What is offered to a server by ALPN where the configuration does not say: what will be spoken, as Envoy does. Servers
/// of gRPC insist on it.
pub(super) fn offered(mut tls: ClientTls, version: ServerVersion) -> ClientTls {
    let names: &[&str] = match version {
        ServerVersion::Http1 => &["http/1.1"],
        ServerVersion::Http2 => &["h2"],
        ServerVersion::Agreed => &["h2", "http/1.1"],
        // It is not known before there is a client, and a connection may serve several.
        ServerVersion::Client => &[],
    };
    if tls.common.protocols.is_empty() {
        tls.common.protocols = names.iter().map(|name| (*name).to_owned()).collect();
    }
    tls
}

/// How HTTP/2 is spoken.
#[expect(deprecated, reason = "they are cleared to see what else is set")]
pub(super) fn http2(proto: &Http2ProtocolOptions) -> Result<Http2, String> {
    nothing_else(&Http2ProtocolOptions {
        max_concurrent_streams: None,
        initial_stream_window_size: None,
        initial_connection_window_size: None,
        connection_keepalive: None,
        // How much a head is compressed is the proxy's own affair, as are its limits against floods, which are tighter.
        hpack_table_size: None,
        enable_huffman_encoding: None,
        max_outbound_frames: None,
        max_outbound_control_frames: None,
        max_consecutive_inbound_frames_with_empty_payload: None,
        max_inbound_priority_frames_per_stream: None,
        max_inbound_window_update_frames_per_data_frame_sent: None,
        // A message that is not HTTP ends its stream and not the connection, as these ask for.
        stream_error_on_invalid_http_messaging: false,
        override_stream_error_on_invalid_http_message: None,
        ..proto.clone()
    })?;
    let default = Http2::default();
    let window = |value: Option<UInt32Value>, default: u32| {
        value.map_or(default, |value| value.value.clamp(WINDOW_MIN, WINDOW_MAX))
    };
    Ok(Http2 {
        concurrent_streams: proto.max_concurrent_streams.map_or(default.concurrent_streams, |limit| limit.value.max(1)),
        stream_window: window(proto.initial_stream_window_size, default.stream_window),
        connection_window: window(proto.initial_connection_window_size, default.connection_window),
        keepalive: proto.connection_keepalive.as_ref().map(keepalive).transpose()?.flatten(),
    })
}

fn keepalive(proto: &KeepaliveSettings) -> Result<Option<Keepalive>, String> {
    // Connections begin at different times, which spreads questions enough.
    nothing_else(&KeepaliveSettings { interval: None, timeout: None, interval_jitter: None, ..*proto })?;
    let timeout = proto.timeout.map(time).ok_or("a keepalive without timeout")?;
    Ok(proto.interval.and_then(super::limit).map(|interval| Keepalive { interval, timeout }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use envoy_types::pb::google::protobuf;

    use super::*;

    fn packed(options: UpstreamProtocolOptions) -> Any {
        let proto = Proto {
            upstream_protocol_options: Some(options),
            common_http_protocol_options: Some(CommonProto {
                max_requests_per_connection: Some(UInt32Value { value: 9 }),
                ..CommonProto::default()
            }),
            ..Proto::default()
        };
        Any { type_url: String::new(), value: proto.encode_to_vec() }
    }

    fn auto(http2: Http2ProtocolOptions) -> Result<Protocol, String> {
        let auto = AutoHttpConfig { http2_protocol_options: Some(http2), ..AutoHttpConfig::default() };
        of_cluster(&packed(UpstreamProtocolOptions::AutoConfig(auto)))
    }

    #[test]
    fn options_are_translated_or_refused_by_name() {
        let seconds = |seconds| Some(protobuf::Duration { seconds, nanos: 0 });
        let asked = Http2ProtocolOptions {
            max_concurrent_streams: Some(UInt32Value { value: 7 }),
            initial_stream_window_size: Some(UInt32Value { value: 100_000 }),
            connection_keepalive: Some(KeepaliveSettings {
                interval: seconds(30),
                timeout: seconds(5),
                ..KeepaliveSettings::default()
            }),
            ..Http2ProtocolOptions::default()
        };
        let found = auto(asked).unwrap();
        let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(5));
        let keepalive = Some(Keepalive { interval, timeout });
        let http2 = Http2 { concurrent_streams: 7, stream_window: 100_000, keepalive, ..Http2::default() };
        let version = ServerVersion::Agreed;
        assert_eq!(found, Protocol { version, http2, requests_per_connection: Some(9), idle_timeout: None });
        let refused = auto(Http2ProtocolOptions { allow_connect: true, ..Http2ProtocolOptions::default() });
        assert!(refused.unwrap_err().contains("allow_connect"));
        let same = UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig::default());
        assert_eq!(of_cluster(&packed(same)).unwrap().version, ServerVersion::Client);
        assert_eq!((codec(0), codec(1), codec(2)), (Ok(Codec::Auto), Ok(Codec::Http1), Ok(Codec::Http2)));
        assert!(codec(3).unwrap_err().contains("HTTP/3"));
    }

    #[test]
    fn what_will_be_spoken_is_offered_unless_the_configuration_offers_something() {
        let offers = |tls, version| offered(tls, version).common.protocols;
        assert_eq!(offers(ClientTls::default(), ServerVersion::Http2), ["h2"]);
        assert_eq!(offers(ClientTls::default(), ServerVersion::Agreed), ["h2", "http/1.1"]);
        let mut own = ClientTls::default();
        own.common.protocols = vec!["x".to_owned()];
        assert_eq!(offers(own, ServerVersion::Http2), ["x"]);
    }
}

//! Small parts of Envoy's messages.

use api::appmesh::{Duration, DurationUnit};
use xds::pb::{
    envoy::{
        config::core::v3::{
            Address, AggregatedConfigSource, ApiConfigSource, ApiVersion, ConfigSource, GrpcService, SocketAddress,
            address,
            api_config_source::ApiType,
            config_source::ConfigSourceSpecifier,
            grpc_service::{EnvoyGrpc, TargetSpecifier},
            socket_address::PortSpecifier,
        },
        r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
    },
    google::protobuf,
};

/// `milliseconds` as a message. Envoy's longest is ten thousand years.
pub(super) fn millis(milliseconds: u64) -> protobuf::Duration {
    const SECONDS_MAX: u64 = 315_576_000_000;
    let seconds = (milliseconds / 1000).min(SECONDS_MAX);
    protobuf::Duration {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(milliseconds % 1000 * 1_000_000).unwrap_or(0),
    }
}

/// A duration of the API as a message; what does not say its value is zero, its unit milliseconds.
pub(super) fn duration(duration: Duration) -> protobuf::Duration {
    let value = duration.value.unwrap_or(0);
    match duration.unit {
        Some(DurationUnit::Seconds) => millis(value.saturating_mul(1000)),
        Some(DurationUnit::Milliseconds) | None => millis(value),
    }
}

pub(super) fn uint(value: u32) -> protobuf::UInt32Value {
    protobuf::UInt32Value { value }
}

pub(super) fn boolean(value: bool) -> protobuf::BoolValue {
    protobuf::BoolValue { value }
}

/// The TCP socket `address`:`port`. One of all IPv6 addresses is one of all IPv4 addresses too.
pub(super) fn socket(address: &str, port: u32) -> Address {
    let socket = SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ipv4_compat: address == "::",
        ..SocketAddress::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

/// "It comes over the same stream."
pub(super) fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

/// "It comes from the secret discovery service behind that cluster of the proxy's own."
pub(super) fn secret_service(cluster: &str) -> ConfigSource {
    let grpc = EnvoyGrpc { cluster_name: cluster.to_owned(), ..EnvoyGrpc::default() };
    let service = GrpcService { target_specifier: Some(TargetSpecifier::EnvoyGrpc(grpc)), ..GrpcService::default() };
    let source = ApiConfigSource {
        api_type: ApiType::Grpc as i32,
        transport_api_version: ApiVersion::V3 as i32,
        grpc_services: vec![service],
        ..ApiConfigSource::default()
    };
    ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(source)),
        ..ConfigSource::default()
    }
}

pub(super) fn regex(regex: &str) -> RegexMatcher {
    RegexMatcher { regex: regex.to_owned(), ..RegexMatcher::default() }
}

pub(super) fn matcher(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..StringMatcher::default() }
}

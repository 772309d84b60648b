//! Envoy's messages as JSON, as its admin page prints them.
//!
//! The types of the messages are known from descriptors that were cut out of Envoy's own (`examples/descriptors.rs`), so
//! that a resource is shown with everything in it, whatever this proxy makes of it.

use std::io::Read as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use envoy_types::pb::google::protobuf::Any;
use flate2::read::GzDecoder;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

/// The descriptors.
const PACKED: &[u8] = include_bytes!("descriptors.bin.gz");

/// What nobody should read on a page, with all that is in it.
const SENSITIVE: [&str; 4] = ["generic_secret", "password", "private_key", "session_ticket_keys"];

/// Prints messages.
pub(super) struct Messages(DescriptorPool);

impl Messages {
    /// Reads the descriptors.
    pub(super) fn load() -> Self {
        let mut bytes = Vec::new();
        let read = GzDecoder::new(PACKED).read_to_end(&mut bytes);
        let pool = read.ok().and_then(|_| DescriptorPool::decode(bytes.as_slice()).ok());
        Self(pool.unwrap_or_default())
    }

    /// The message with its type, in the names of its fields. One of a type that is not known is shown as its bytes.
    pub(super) fn json(&self, message: &Any) -> Value {
        let mut shown =
            self.fields(message).unwrap_or_else(|| json!({ "value": BASE64_STANDARD.encode(&message.value) }));
        redact(&mut shown);
        typed(&message.type_url, shown)
    }

    fn fields(&self, message: &Any) -> Option<Value> {
        let name = message.type_url.rsplit('/').next()?;
        let kind = self.0.get_message_by_name(name)?;
        let decoded = DynamicMessage::decode(kind, message.value.as_slice()).ok()?;
        let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(true);
        decoded.serialize_with_options(serde_json::value::Serializer, &options).ok()
    }
}

/// An object behind its type.
pub(super) fn typed(url: &str, members: Value) -> Value {
    let mut whole = json!({ "@type": url });
    if let (Value::Object(whole), Value::Object(members)) = (&mut whole, members) {
        whole.extend(members);
    }
    whole
}

/// Blackens what is sensitive.
fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if SENSITIVE.contains(&name.as_str()) { blacken(value) } else { redact(value) }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(redact),
        _ => {}
    }
}

fn blacken(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(blacken),
        Value::Array(all) => all.iter_mut().for_each(blacken),
        plain => *plain = json!("[redacted]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::{
        envoy::{
            config::{
                cluster::v3::Cluster,
                core::v3::{DataSource, TransportSocket, data_source::Specifier, transport_socket::ConfigType},
            },
            extensions::transport_sockets::tls::v3::{CommonTlsContext, TlsCertificate, UpstreamTlsContext},
        },
        google::protobuf::Duration,
    };

    fn packed(kind: &str, message: &impl prost::Message) -> Any {
        Any { type_url: format!("type.googleapis.com/{kind}"), value: message.encode_to_vec() }
    }

    #[test]
    fn a_message_is_shown_whole_without_its_secrets() {
        let inline = |text: &str| {
            Some(DataSource { specifier: Some(Specifier::InlineString(text.to_owned())), ..DataSource::default() })
        };
        let certificate = TlsCertificate {
            certificate_chain: inline("CHAIN"),
            private_key: inline("KEY"),
            ..TlsCertificate::default()
        };
        let common = CommonTlsContext { tls_certificates: vec![certificate], ..CommonTlsContext::default() };
        let tls = UpstreamTlsContext { common_tls_context: Some(common), ..UpstreamTlsContext::default() };
        let tls = packed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", &tls);
        let cluster = Cluster {
            name: "api".to_owned(),
            connect_timeout: Some(Duration { seconds: 1, nanos: 500_000_000 }),
            dns_lookup_family: 1,
            transport_socket: Some(TransportSocket {
                name: "tls".to_owned(),
                config_type: Some(ConfigType::TypedConfig(tls)),
            }),
            ..Cluster::default()
        };
        let shown = Messages::load().json(&packed("envoy.config.cluster.v3.Cluster", &cluster));
        assert_eq!(shown["@type"], "type.googleapis.com/envoy.config.cluster.v3.Cluster");
        assert_eq!((&shown["connect_timeout"], &shown["dns_lookup_family"]), (&json!("1.500s"), &json!("V4_ONLY")));
        let tls = &shown["transport_socket"]["typed_config"];
        assert_eq!(tls["@type"], "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext");
        let certificate = &tls["common_tls_context"]["tls_certificates"][0];
        assert_eq!(certificate["certificate_chain"]["inline_string"], "CHAIN");
        assert_eq!(certificate["private_key"]["inline_string"], "[redacted]");
        assert!(!shown.to_string().contains("KEY"));
    }

    #[test]
    fn a_message_of_a_type_that_is_not_known_is_shown_as_bytes() {
        let unknown = Any { type_url: "type.googleapis.com/a.B".to_owned(), value: vec![1, 2] };
        assert_eq!(Messages::load().json(&unknown), json!({ "@type": "type.googleapis.com/a.B", "value": "AQI=" }));
    }
}

//! TLS contexts and secrets.

use std::{collections::BTreeMap, env};

use envoy_types::pb::{
    envoy::{
        config::core::v3::{
            ApiConfigSource, ConfigSource, DataSource, GrpcService, TransportSocket,
            config_source::ConfigSourceSpecifier, data_source::Specifier, grpc_service::TargetSpecifier,
            transport_socket,
        },
        extensions::transport_sockets::tls::v3::{
            CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
            Secret as SecretProto, SubjectAltNameMatcher, TlsCertificate, TlsParameters, UpstreamTlsContext,
            certificate_validation_context::TrustChainVerification,
            common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
            downstream_tls_context::SessionTicketKeysType,
            secret,
            subject_alt_name_matcher::SanType,
            tls_parameters::TlsProtocol,
        },
        r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
    },
    google::protobuf::{Any, BoolValue},
};
use prost::Message;

use super::{Refusal, decode, refuse, strict::nothing_else, translated};
use crate::model::{
    Certificate, CertificateSource, ClientTls, CommonTls, Keeper, Material, NameKind, NameMatch, Secret, SecretName,
    ServerTls, TextMatch, TextPattern, Validation, ValidationSource, Versions,
};

/// The secrets of a response.
pub(super) fn secrets(resources: &[Any]) -> Result<BTreeMap<String, Secret>, Refusal> {
    translated("secret", decode::<SecretProto>("secret", resources)?, |secret| &secret.name, secret)
}

fn secret(proto: &SecretProto) -> Result<Secret, String> {
    match &proto.r#type {
        Some(secret::Type::TlsCertificate(proto)) => certificate(proto).map(Secret::Certificate),
        Some(secret::Type::ValidationContext(proto)) => validation(proto).map(Secret::Validation),
        Some(secret::Type::SessionTicketKeys(_)) => {
            Err("session ticket keys are not supported by this proxy".to_owned())
        }
        Some(secret::Type::GenericSecret(_)) => Err("a generic secret is not supported by this proxy".to_owned()),
        None => Err("a secret without content".to_owned()),
    }
}

/// How clients' connections are secured; none if they are not.
pub(super) fn server(socket: Option<&TransportSocket>) -> Result<Option<ServerTls>, String> {
    let Some(proto) = context::<DownstreamTlsContext>(socket, "DownstreamTlsContext")? else { return Ok(None) };
    let on = |value: Option<BoolValue>| value.is_some_and(|value| value.value);
    if let Some(
        SessionTicketKeysType::SessionTicketKeys(_) | SessionTicketKeysType::SessionTicketKeysSdsSecretConfig(_),
    ) = proto.session_ticket_keys_type
    {
        return Err("session ticket keys are not supported by this proxy".to_owned());
    }
    nothing_else(&DownstreamTlsContext {
        common_tls_context: None,
        require_client_certificate: None,
        require_sni: None,
        // Sessions are taken up again by what this process remembers, never by what a client brings.
        session_ticket_keys_type: None,
        // The suites there are, are all good: whose order counts makes no difference to what is safe.
        prefer_client_ciphers: false,
        ..proto.clone()
    })?;
    Ok(Some(ServerTls {
        common: common(proto.common_tls_context.as_ref())?,
        require_client_certificate: on(proto.require_client_certificate),
        require_server_name: on(proto.require_sni),
    }))
}

/// How connections to servers are secured; none if they are not.
pub(super) fn client(socket: Option<&TransportSocket>) -> Result<Option<ClientTls>, String> {
    let Some(proto) = context::<UpstreamTlsContext>(socket, "UpstreamTlsContext")? else { return Ok(None) };
    nothing_else(&UpstreamTlsContext {
        common_tls_context: None,
        sni: String::new(),
        auto_sni_san_validation: false,
        ..proto.clone()
    })?;
    let common = common(proto.common_tls_context.as_ref())?;
    refuse(common.certificates.len() <= 1, "more than one certificate toward servers")?;
    Ok(Some(ClientTls { common, server_name: proto.sni, validate_server_name: proto.auto_sni_san_validation }))
}

/// The TLS context of a transport socket; none if it carries bytes as they are.
fn context<M: Message + Default>(socket: Option<&TransportSocket>, wanted: &str) -> Result<Option<M>, String> {
    const RAW: &str = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    const TLS: &str = "envoy.extensions.transport_sockets.tls.v3.";
    let Some(socket) = socket else { return Ok(None) };
    let Some(transport_socket::ConfigType::TypedConfig(config)) = &socket.config_type else {
        return Err(format!("the transport socket {} has no configuration", socket.name));
    };
    match config.type_url.rsplit('/').next().unwrap_or_default() {
        RAW => Ok(None),
        name if name.strip_prefix(TLS) == Some(wanted) => M::decode(config.value.as_slice())
            .map(Some)
            .map_err(|error| format!("the transport socket {} cannot be decoded: {error}", socket.name)),
        other => Err(format!("the transport socket {other} is not supported by this proxy")),
    }
}

fn common(proto: Option<&CommonTlsContext>) -> Result<CommonTls, String> {
    let proto = proto.cloned().unwrap_or_default();
    nothing_else(&CommonTlsContext {
        tls_params: None,
        tls_certificates: Vec::new(),
        tls_certificate_sds_secret_configs: Vec::new(),
        alpn_protocols: Vec::new(),
        validation_context_type: None,
        ..proto.clone()
    })?;
    let given = proto.tls_certificates.iter().map(|proto| certificate(proto).map(CertificateSource::Given));
    let named = proto.tls_certificate_sds_secret_configs.iter();
    let named = named.map(|proto| secret_name(proto).map(CertificateSource::Secret));
    let (versions, cipher_suites, groups) = parameters(&proto.tls_params.unwrap_or_default())?;
    Ok(CommonTls {
        certificates: given.chain(named).collect::<Result<_, _>>()?,
        validation: proto.validation_context_type.as_ref().map(validation_source).transpose()?,
        protocols: proto.alpn_protocols,
        versions,
        cipher_suites,
        groups,
    })
}

fn parameters(proto: &TlsParameters) -> Result<(Versions, Vec<String>, Vec<String>), String> {
    nothing_else(&TlsParameters {
        tls_minimum_protocol_version: 0,
        tls_maximum_protocol_version: 0,
        cipher_suites: Vec::new(),
        ecdh_curves: Vec::new(),
        ..proto.clone()
    })?;
    let version = |number| TlsProtocol::try_from(number).map_err(|_| format!("TLS version {number} is not known"));
    let least = match version(proto.tls_minimum_protocol_version)? {
        // What is older is not spoken, so that nobody gets less than was asked for.
        TlsProtocol::TlsAuto | TlsProtocol::TlSv10 | TlsProtocol::TlSv11 | TlsProtocol::TlSv12 => 12,
        TlsProtocol::TlSv13 => 13,
    };
    let most = match version(proto.tls_maximum_protocol_version)? {
        TlsProtocol::TlsAuto | TlsProtocol::TlSv13 => 13,
        TlsProtocol::TlSv12 => 12,
        older => return Err(format!("TLS {} at most is not supported by this proxy", older.as_str_name())),
    };
    let versions = match (least, most) {
        (12, 13) => Versions::All,
        (12, 12) => Versions::Tls12,
        (13, 13) => Versions::Tls13,
        _ => return Err("the least TLS version is above the most".to_owned()),
    };
    Ok((versions, proto.cipher_suites.clone(), proto.ecdh_curves.clone()))
}

fn validation_source(proto: &ValidationContextType) -> Result<ValidationSource, String> {
    match proto {
        ValidationContextType::ValidationContext(proto) => {
            Ok(ValidationSource { given: validation(proto)?, secret: None })
        }
        ValidationContextType::ValidationContextSdsSecretConfig(proto) => {
            Ok(ValidationSource { given: Validation::default(), secret: Some(secret_name(proto)?) })
        }
        ValidationContextType::CombinedValidationContext(proto) => {
            nothing_else(&CombinedCertificateValidationContext {
                default_validation_context: None,
                validation_context_sds_secret_config: None,
                ..proto.clone()
            })?;
            Ok(ValidationSource {
                given: proto
                    .default_validation_context
                    .as_ref()
                    .map_or_else(|| Ok(Validation::default()), validation)?,
                secret: proto.validation_context_sds_secret_config.as_ref().map(secret_name).transpose()?,
            })
        }
        _ => Err("a certificate provider is not supported by this proxy".to_owned()),
    }
}

#[expect(deprecated, reason = "older control planes send names of any kind")]
fn validation(proto: &CertificateValidationContext) -> Result<Validation, String> {
    nothing_else(&CertificateValidationContext {
        trusted_ca: None,
        crl: None,
        match_typed_subject_alt_names: Vec::new(),
        match_subject_alt_names: Vec::new(),
        verify_certificate_spki: Vec::new(),
        verify_certificate_hash: Vec::new(),
        allow_expired_certificate: false,
        trust_chain_verification: 0,
        // Files are read again when they change, wherever they are.
        watched_directory: None,
        ..proto.clone()
    })?;
    let typed = proto.match_typed_subject_alt_names.iter().map(name_match);
    // By Envoy's rule the older field counts only where the newer is not set.
    let older = proto.match_subject_alt_names.iter().filter(|_| proto.match_typed_subject_alt_names.is_empty());
    let older = older.map(|matcher| Ok(NameMatch { kind: None, text: text_match(matcher)? }));
    let names = typed.chain(older).collect::<Result<_, String>>()?;
    Ok(Validation {
        authorities: proto.trusted_ca.as_ref().map(material).transpose()?,
        revoked: proto.crl.as_ref().map(material).transpose()?,
        names,
        hashes: proto.verify_certificate_hash.clone(),
        key_hashes: proto.verify_certificate_spki.clone(),
        accept_untrusted: proto.trust_chain_verification == TrustChainVerification::AcceptUntrusted as i32,
        accept_expired: proto.allow_expired_certificate,
    })
}

fn name_match(proto: &SubjectAltNameMatcher) -> Result<NameMatch, String> {
    let kind = match SanType::try_from(proto.san_type) {
        Ok(SanType::Dns) => NameKind::Dns,
        Ok(SanType::Uri) => NameKind::Uri,
        Ok(SanType::Email) => NameKind::Email,
        Ok(SanType::IpAddress) => NameKind::Ip,
        _ => {
            return Err(
                "a match of a name that is no DNS, URI, EMAIL or IP_ADDRESS is not supported by this proxy".to_owned()
            );
        }
    };
    let matcher = proto.matcher.as_ref().ok_or_else(|| "a match of a name without a matcher".to_owned())?;
    Ok(NameMatch { kind: Some(kind), text: text_match(matcher)? })
}

fn text_match(proto: &StringMatcher) -> Result<TextMatch, String> {
    let pattern = match &proto.match_pattern {
        Some(MatchPattern::Exact(text)) => TextPattern::Exact(text.clone()),
        Some(MatchPattern::Prefix(text)) => TextPattern::Prefix(text.clone()),
        Some(MatchPattern::Suffix(text)) => TextPattern::Suffix(text.clone()),
        Some(MatchPattern::Contains(text)) => TextPattern::Contains(text.clone()),
        Some(MatchPattern::SafeRegex(RegexMatcher { regex, .. })) => TextPattern::Expression(regex.clone()),
        Some(MatchPattern::Custom(_)) => {
            return Err("a custom string matcher is not supported by this proxy".to_owned());
        }
        None => return Err("a string matcher without a pattern".to_owned()),
    };
    Ok(TextMatch { pattern, ignore_case: proto.ignore_case })
}

fn certificate(proto: &TlsCertificate) -> Result<Certificate, String> {
    nothing_else(&TlsCertificate {
        certificate_chain: None,
        private_key: None,
        watched_directory: None,
        ..proto.clone()
    })?;
    let part =
        |part: Option<&DataSource>, name: &str| material(part.ok_or_else(|| format!("a certificate without {name}"))?);
    Ok(Certificate {
        chain: part(proto.certificate_chain.as_ref(), "certificate_chain")?,
        key: part(proto.private_key.as_ref(), "private_key")?,
    })
}

fn material(proto: &DataSource) -> Result<Material, String> {
    match &proto.specifier {
        Some(Specifier::Filename(path)) => Ok(Material::File(path.clone())),
        Some(Specifier::InlineString(text)) => Ok(Material::Inline(text.clone())),
        Some(Specifier::InlineBytes(bytes)) => {
            let text = String::from_utf8(bytes.clone());
            text.map(Material::Inline).map_err(|_| "inline_bytes that are no PEM".to_owned())
        }
        Some(Specifier::EnvironmentVariable(name)) => {
            env::var(name).map(Material::Inline).map_err(|_| format!("the environment variable {name} is not set"))
        }
        None => Err("a data source without content".to_owned()),
    }
}

fn secret_name(proto: &SdsSecretConfig) -> Result<SecretName, String> {
    let name = proto.name.clone();
    let Some(ConfigSource { config_source_specifier: Some(source), .. }) = &proto.sds_config else {
        return Err(format!("secret {name}: a secret of the bootstrap is not supported by this proxy"));
    };
    let keeper = match source {
        ConfigSourceSpecifier::Ads(_) | ConfigSourceSpecifier::Self_(_) => Keeper::ControlPlane,
        ConfigSourceSpecifier::ApiConfigSource(source) => Keeper::Cluster(cluster(source).ok_or_else(|| {
            format!("secret {name}: an SDS server that is no envoy_grpc cluster is not supported by this proxy")
        })?),
        _ => return Err(format!("secret {name}: a secret in a file is not supported by this proxy")),
    };
    Ok(SecretName { keeper, name })
}

/// The cluster that a source is asked at, by gRPC.
fn cluster(source: &ApiConfigSource) -> Option<String> {
    match source.grpc_services.as_slice() {
        [GrpcService { target_specifier: Some(TargetSpecifier::EnvoyGrpc(grpc)), .. }] => {
            Some(grpc.cluster_name.clone())
        }
        _ => None,
    }
}

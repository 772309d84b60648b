//! TLS of both sides: what a listener shows, and what a client demands of the listener it goes to.
//!
//! Files are read by the proxy where its task has them. A name of a secret discovery service is asked of the service
//! beside the proxy, as App Mesh did, unless the house itself can vouch for it: those secrets, and the certificates of
//! ACM, come over the same stream as all else.

use api::appmesh::{
    ClientPolicyTls, ClientTlsCertificate, ListenerTls, ListenerTlsCertificate, ListenerTlsFileCertificate,
    ListenerTlsMode, PortProtocol, SubjectAlternativeNames, TlsValidationContextTrust,
};
use xds::{
    extension,
    pb::{
        envoy::{
            config::core::v3::{DataSource, TransportSocket, data_source::Specifier, transport_socket},
            extensions::transport_sockets::tls::v3::{
                CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, Secret,
                SubjectAltNameMatcher, TlsCertificate, UpstreamTlsContext,
                common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
                secret,
                subject_alt_name_matcher::SanType,
            },
        },
        google::protobuf::Any,
    },
};

use super::{
    Scene, names,
    proto::{ads, boolean, matcher, secret_service},
};
use crate::plan::Certificate;
use xds::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;

/// What Envoy calls a socket that speaks TLS.
const TLS: &str = "envoy.transport_sockets.tls";

/// Why TLS that is asked for cannot be spoken.
type Missing = String;

/// The TLS that a listener demands, if it has any.
pub(super) fn of(tls: Option<&ListenerTls>) -> Option<&ListenerTls> {
    tls.filter(|tls| tls.mode != ListenerTlsMode::Disabled)
}

/// How a listener of `protocol` speaks TLS toward its clients.
pub(super) fn downstream(
    scene: &mut Scene<'_>,
    tls: &ListenerTls,
    protocol: PortProtocol,
) -> Result<TransportSocket, Missing> {
    let mut common = common(protocol);
    let ListenerTlsCertificate { acm, file, sds } = &tls.certificate;
    if let Some(acm) = acm {
        let config = certificate_of_house(scene, &acm.certificate_arn)?;
        common.tls_certificate_sds_secret_configs.push(config);
    }
    own_certificate(scene, &mut common, file.as_ref(), sds.as_ref().map(|sds| sds.secret_name.as_str()));
    if let Some(validation) = &tls.validation {
        let trust = Trust::File(validation.trust.file.as_ref().map(|file| file.certificate_chain.as_str()));
        let trust = validation.trust.sds.as_ref().map_or(trust, |sds| Trust::Service(&sds.secret_name));
        let names = names_in(validation.subject_alternative_names.as_ref());
        common.validation_context_type = Some(validate(scene, trust, &names)?);
    }
    let context = DownstreamTlsContext {
        require_client_certificate: tls.validation.as_ref().map(|_| boolean(true)),
        common_tls_context: Some(common),
        ..DownstreamTlsContext::default()
    };
    Ok(socket(extension::downstream_tls(&context)))
}

/// How to speak to a listener of `host`: with TLS if the client's policy says so, or else if the listener does.
///
/// Without a policy the listener's own certificate tells what a client can demand of it: one of ACM is held against the
/// authority it comes from, any other is taken as it is.
pub(super) fn upstream(
    scene: &mut Scene<'_>,
    policy: Option<&ClientPolicyTls>,
    listener: &api::appmesh::Listener,
    host: &str,
) -> Result<Option<TransportSocket>, Missing> {
    let server = of(listener.tls.as_ref());
    let port = listener.port_mapping.port;
    let policy = policy.filter(|policy| policy.ports.is_empty() || policy.ports.contains(&port));
    let mut common = common(listener.port_mapping.protocol);
    match (policy, server) {
        (Some(policy), server) if policy.enforce.unwrap_or(true) || server.is_some() => {
            by_policy(scene, &mut common, policy, host)?;
        }
        (None, Some(server)) => {
            if let Some(acm) = &server.certificate.acm {
                let root = root_of(scene, &acm.certificate_arn)?;
                common.validation_context_type = Some(validate(scene, root, &[host.to_owned()])?);
            }
        }
        _ => return Ok(None),
    }
    let context =
        UpstreamTlsContext { common_tls_context: Some(common), sni: host.to_owned(), ..UpstreamTlsContext::default() };
    Ok(Some(socket(extension::upstream_tls(&context))))
}

fn by_policy(
    scene: &mut Scene<'_>,
    common: &mut CommonTlsContext,
    policy: &ClientPolicyTls,
    host: &str,
) -> Result<(), Missing> {
    let mut names = names_in(policy.validation.subject_alternative_names.as_ref());
    if names.is_empty() {
        names.push(host.to_owned());
    }
    let TlsValidationContextTrust { acm, file, sds } = &policy.validation.trust;
    let trust = match (acm, sds) {
        (Some(acm), _) => authorities(scene, &acm.certificate_authority_arns)?,
        (None, Some(sds)) => Trust::Service(&sds.secret_name),
        (None, None) => Trust::File(file.as_ref().map(|file| file.certificate_chain.as_str())),
    };
    common.validation_context_type = Some(validate(scene, trust, &names)?);
    // Last, because it cannot fail: a secret that nothing refers to would never be asked for, nor acknowledged.
    if let Some(ClientTlsCertificate { file, sds }) = &policy.certificate {
        own_certificate(scene, common, file.as_ref(), sds.as_ref().map(|sds| sds.secret_name.as_str()));
    }
    Ok(())
}

/// Who must have signed a certificate.
enum Trust<'a> {
    /// The authorities of a file.
    File(Option<&'a str>),
    /// Those of a secret discovery service, by the secret's name.
    Service(&'a str),
    /// Those of a secret of ours, which is in the snapshot.
    House(String),
}

/// What every TLS connection that carries `protocol` has.
fn common(protocol: PortProtocol) -> CommonTlsContext {
    let application = match protocol {
        PortProtocol::Http => Some("http/1.1"),
        PortProtocol::Http2 | PortProtocol::Grpc => Some("h2"),
        PortProtocol::Tcp => None,
    };
    let alpn_protocols = application.into_iter().map(str::to_owned).collect();
    CommonTlsContext { alpn_protocols, ..CommonTlsContext::default() }
}

/// Adds the certificate to show, of a file or of a secret discovery service.
fn own_certificate(
    scene: &mut Scene<'_>,
    common: &mut CommonTlsContext,
    file: Option<&ListenerTlsFileCertificate>,
    secret: Option<&str>,
) {
    common.tls_certificates.extend(file.map(|file| TlsCertificate {
        certificate_chain: Some(in_file(&file.certificate_chain)),
        private_key: Some(in_file(&file.private_key)),
        ..TlsCertificate::default()
    }));
    let Some(name) = secret else { return };
    let config = match scene.mesh.certificates.get(name) {
        Some(certificate) => {
            scene.builder.secret(&certificate_secret(name, certificate));
            from_house(name)
        }
        None => from_service(name),
    };
    common.tls_certificate_sds_secret_configs.push(config);
}

/// The certificate `arn` of ACM, as a secret of the snapshot.
fn certificate_of_house(scene: &mut Scene<'_>, arn: &str) -> Result<SdsSecretConfig, Missing> {
    let mesh = scene.mesh;
    let certificate = mesh.certificates.get(arn).ok_or_else(|| missing_certificate(arn))?;
    scene.builder.secret(&certificate_secret(arn, certificate));
    Ok(from_house(arn))
}

/// The authority that the certificate `arn` of ACM comes from, as a secret of the snapshot.
fn root_of<'a>(scene: &mut Scene<'_>, arn: &str) -> Result<Trust<'a>, Missing> {
    let certificate = scene.mesh.certificates.get(arn).ok_or_else(|| missing_certificate(arn))?;
    let name = names::root_of(arn);
    scene.builder.secret(&trust_secret(&name, &certificate.authorities));
    Ok(Trust::House(name))
}

/// The authorities `arns` of ACM, as one secret of the snapshot.
fn authorities<'a>(scene: &mut Scene<'_>, arns: &[String]) -> Result<Trust<'a>, Missing> {
    let mut bundle = String::new();
    for arn in arns {
        let authority = scene.mesh.authorities.get(arn);
        bundle += authority.ok_or_else(|| format!("certificate authority {arn} is not there"))?;
        if !bundle.ends_with('\n') {
            bundle.push('\n');
        }
    }
    let name = arns.join(",");
    scene.builder.secret(&trust_secret(&name, &bundle));
    Ok(Trust::House(name))
}

fn missing_certificate(arn: &str) -> Missing {
    format!("certificate {arn} is not there")
}

fn validate(scene: &mut Scene<'_>, trust: Trust<'_>, names: &[String]) -> Result<ValidationContextType, Missing> {
    let mut context = CertificateValidationContext {
        match_typed_subject_alt_names: names.iter().map(|name| subject_name(name)).collect(),
        ..CertificateValidationContext::default()
    };
    let config = match trust {
        Trust::File(file) => {
            let file = file.ok_or("no certificate authority is named to trust")?;
            context.trusted_ca = Some(in_file(file));
            return Ok(ValidationContextType::ValidationContext(context));
        }
        Trust::House(name) => from_house(&name),
        Trust::Service(name) => match scene.mesh.authorities.get(name) {
            Some(bundle) => {
                let secret = trust_secret(name, bundle);
                scene.builder.secret(&secret);
                from_house(name)
            }
            None => from_service(name),
        },
    };
    Ok(ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(context),
        validation_context_sds_secret_config: Some(config),
        ..CombinedCertificateValidationContext::default()
    }))
}

fn names_in(names: Option<&SubjectAlternativeNames>) -> Vec<String> {
    names.map(|names| names.r#match.exact.clone()).unwrap_or_default()
}

/// A name that a certificate must have: a URI, as SPIFFE's, or a host name.
fn subject_name(name: &str) -> SubjectAltNameMatcher {
    let kind = if name.contains("://") { SanType::Uri } else { SanType::Dns };
    let matcher = Some(matcher(MatchPattern::Exact(name.to_owned())));
    SubjectAltNameMatcher { san_type: kind as i32, matcher, ..SubjectAltNameMatcher::default() }
}

fn certificate_secret(name: &str, certificate: &Certificate) -> Secret {
    let certificate = TlsCertificate {
        certificate_chain: Some(inline(&certificate.chain)),
        private_key: Some(inline(&certificate.private_key)),
        ..TlsCertificate::default()
    };
    Secret { name: name.to_owned(), r#type: Some(secret::Type::TlsCertificate(certificate)) }
}

fn trust_secret(name: &str, authorities: &str) -> Secret {
    let trust = CertificateValidationContext {
        trusted_ca: Some(inline(authorities)),
        ..CertificateValidationContext::default()
    };
    Secret { name: name.to_owned(), r#type: Some(secret::Type::ValidationContext(trust)) }
}

fn from_house(name: &str) -> SdsSecretConfig {
    SdsSecretConfig { name: name.to_owned(), sds_config: Some(ads()) }
}

fn from_service(name: &str) -> SdsSecretConfig {
    SdsSecretConfig { name: name.to_owned(), sds_config: Some(secret_service(names::SECRET_SERVICE)) }
}

fn in_file(path: &str) -> DataSource {
    DataSource { specifier: Some(Specifier::Filename(path.to_owned())), ..DataSource::default() }
}

fn inline(text: &str) -> DataSource {
    DataSource { specifier: Some(Specifier::InlineString(text.to_owned())), ..DataSource::default() }
}

fn socket(config: Any) -> TransportSocket {
    TransportSocket { name: TLS.to_owned(), config_type: Some(transport_socket::ConfigType::TypedConfig(config)) }
}

//! Makes of settings and secrets what `rustls` goes by.

use std::{collections::HashMap, fmt, sync::Arc};

use names::Clock;
use rustls::{
    ClientConfig, ServerConfig, SupportedProtocolVersion,
    client::{ResolvesClientCert, danger::ServerCertVerifier},
    crypto::{CryptoProvider, SupportedKxGroup, ring},
    pki_types::{ServerName, UnixTime},
    server::{ClientHello, NoClientAuth, ResolvesServerCert, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
};

use super::{
    certificate::Certificate,
    material::{Error, Identity, Reader},
    suites,
    trust::{ClientTrust, ServerTrust, Trust},
};
use crate::model::{
    CertificateSource, ClientTls, CommonTls, Secret, SecretName, ServerTls, Validation, ValidationSource, Versions,
};

/// All secrets that have come.
pub(crate) type Secrets = HashMap<SecretName, Secret>;

/// What a configuration was made of.
#[derive(Debug)]
pub(crate) struct Made<T> {
    /// It; none if a secret has not come.
    pub(crate) config: Option<T>,
    pub(crate) identities: Vec<Identity>,
}

/// Makes configurations.
pub(crate) struct Builder<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) secrets: &'a Secrets,
    pub(crate) reader: Reader,
}

/// The clock of the house, as `rustls` wants one.
struct Time(Clock);

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let milliseconds = u64::try_from(self.0.now().as_millis()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(milliseconds)))
    }
}

impl<'a> Builder<'a> {
    pub(crate) fn new(clock: &'a Clock, secrets: &'a Secrets) -> Self {
        Self { clock, secrets, reader: Reader::new(clock.now().as_millis().div_euclid(1000)) }
    }

    /// For a side that is connected to.
    pub(crate) fn server(&mut self, settings: &ServerTls) -> Result<Made<ServerConfig>, Error> {
        let common = &settings.common;
        let identities = self.identities(common)?;
        let provider = Arc::new(provider(common)?);
        let trust = self.trust(common.validation.as_ref())?;
        let (Some(identities), Some(trust)) = (identities, trust) else { return Ok(Made::waiting()) };
        if identities.is_empty() {
            return Err(Error::Unsupported("a TLS listener needs a certificate".to_owned()));
        }
        let asked = common.validation.is_some() || settings.require_client_certificate;
        let verifier: Arc<dyn ClientCertVerifier> = if asked {
            let required = settings.require_client_certificate;
            let trust = ClientTrust::new(trust, required, Arc::clone(&provider)).map_err(Error::Unsupported)?;
            Arc::new(trust)
        } else {
            Arc::new(NoClientAuth)
        };
        let builder = ServerConfig::builder_with_details(provider, Arc::new(Time(self.clock.clone())))
            .with_protocol_versions(versions(common.versions))
            .map_err(|error| Error::Unsupported(error.to_string()))?;
        let choice = Arc::new(Choice(identities.clone()));
        let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(choice);
        config.alpn_protocols = protocols(common);
        Ok(Made { config: Some(config), identities })
    }

    /// For a side that connects.
    pub(crate) fn client(&mut self, settings: &ClientTls) -> Result<Made<ClientConfig>, Error> {
        let common = &settings.common;
        if !settings.server_name.is_empty() && server_name(&settings.server_name).is_none() {
            return Err(Error::Unsupported(format!("the server name `{}` is none", settings.server_name)));
        }
        let identities = self.identities(common)?;
        let provider = Arc::new(provider(common)?);
        let trust = self.trust(common.validation.as_ref())?;
        let (Some(identities), Some(trust)) = (identities, trust) else { return Ok(Made::waiting()) };
        let trust = ServerTrust::new(trust, settings.validate_server_name, Arc::clone(&provider));
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(trust.map_err(Error::Unsupported)?);
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Time(self.clock.clone())))
            .with_protocol_versions(versions(common.versions))
            .map_err(|error| Error::Unsupported(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identities.first() {
            Some(identity) => builder.with_client_cert_resolver(own(&identity.key)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols(common);
        config.enable_sni = !settings.server_name.is_empty();
        Ok(Made { config: Some(config), identities })
    }

    /// Our own certificates; none if one has not come.
    fn identities(&mut self, common: &CommonTls) -> Result<Option<Vec<Identity>>, Error> {
        let mut identities = Vec::new();
        for source in &common.certificates {
            let given = match source {
                CertificateSource::Given(given) => given,
                CertificateSource::Secret(name) => match self.secrets.get(name) {
                    Some(Secret::Certificate(certificate)) => certificate,
                    Some(_) => return Err(Error::Kind { name: name.to_string(), wanted: "a certificate" }),
                    None => return Ok(None),
                },
            };
            identities.push(self.reader.identity(given)?);
        }
        Ok(Some(identities))
    }

    /// Whom to believe; none if that has not come.
    fn trust(&mut self, source: Option<&ValidationSource>) -> Result<Option<Trust>, Error> {
        let Some(source) = source else { return Ok(Some(Trust::default())) };
        let Some(name) = &source.secret else { return self.reader.trust(&source.given).map(Some) };
        match self.secrets.get(name) {
            Some(Secret::Validation(more)) => self.reader.trust(&merged(&source.given, more)).map(Some),
            Some(_) => Err(Error::Kind { name: name.to_string(), wanted: "a validation context" }),
            None => Ok(None),
        }
    }
}

impl<T> Made<T> {
    fn waiting() -> Self {
        Self { config: None, identities: Vec::new() }
    }
}

/// A name as `rustls` wants it; none if it can't be one.
pub(crate) fn server_name(name: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(name.trim_end_matches('.').to_owned()).ok()
}

fn own(key: &Arc<CertifiedKey>) -> Arc<dyn ResolvesClientCert> {
    Arc::new(SingleCertAndKey::from(Arc::clone(key)))
}

/// What is said in both places, by protobuf's rules for merging: what comes by name replaces what is one, and is added
/// to what are several.
fn merged(given: &Validation, more: &Validation) -> Validation {
    let both = |one: &[String], other: &[String]| one.iter().chain(other).cloned().collect();
    Validation {
        authorities: more.authorities.clone().or_else(|| given.authorities.clone()),
        revoked: more.revoked.clone().or_else(|| given.revoked.clone()),
        names: given.names.iter().chain(&more.names).cloned().collect(),
        hashes: both(&given.hashes, &more.hashes),
        key_hashes: both(&given.key_hashes, &more.key_hashes),
        accept_untrusted: given.accept_untrusted || more.accept_untrusted,
        accept_expired: given.accept_expired || more.accept_expired,
    }
}

fn protocols(common: &CommonTls) -> Vec<Vec<u8>> {
    common.protocols.iter().map(|name| name.as_bytes().to_vec()).collect()
}

fn versions(versions: Versions) -> &'static [&'static SupportedProtocolVersion] {
    static TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    static TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    match versions {
        Versions::All => rustls::ALL_VERSIONS,
        Versions::Tls12 => TLS12,
        Versions::Tls13 => TLS13,
    }
}

fn provider(common: &CommonTls) -> Result<CryptoProvider, Error> {
    let mut provider = ring::default_provider();
    provider.cipher_suites = suites::named(&common.cipher_suites).map_err(Error::Unsupported)?;
    if !common.groups.is_empty() {
        provider.kx_groups = common.groups.iter().map(|name| group(name)).collect::<Result<_, _>>()?;
    }
    Ok(provider)
}

fn group(name: &str) -> Result<&'static dyn SupportedKxGroup, Error> {
    match name {
        "X25519" => Ok(ring::kx_group::X25519),
        "P-256" | "prime256v1" => Ok(ring::kx_group::SECP256R1),
        "P-384" | "secp384r1" => Ok(ring::kx_group::SECP384R1),
        other => Err(Error::Unsupported(format!("the curve {other} is not supported by this proxy"))),
    }
}

/// Chooses among our certificates by the name a client asks for, and by what it can check.
struct Choice(Vec<Identity>);

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|identity| &identity.certificate.subject)).finish()
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable = |identity: &&Identity| identity.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let exact = |certificate: &Certificate, name: &str| {
            certificate.names_of(crate::model::NameKind::Dns).any(|own| own.eq_ignore_ascii_case(name))
        };
        let chosen = hello.server_name().and_then(|name| {
            let mut exactly = self.0.iter().filter(|identity| exact(&identity.certificate, name));
            let mut covering = self.0.iter().filter(|identity| identity.certificate.is_for_host(name));
            exactly.find(usable).or_else(|| covering.find(usable))
        });
        let chosen = chosen.or_else(|| self.0.iter().find(usable)).or(self.0.first());
        chosen.map(|identity| Arc::clone(&identity.key))
    }
}

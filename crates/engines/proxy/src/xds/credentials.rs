//! How the proxy proves who it is to a control plane on another machine, and whom it takes for that control plane.
//!
//! All of it lies in files, which are read for each connection: what was renewed is used from the next one on.

use std::fs;

use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, ClientTlsConfig, Identity},
};

/// What is shown to a control plane, and believed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// A file of the authorities that vouch for the control plane; those of the machine if there is none.
    pub(crate) authorities: Option<String>,
    /// Files of a certificate and its key.
    pub(crate) certificate: Option<(String, String)>,
    /// A file of a token.
    pub(crate) token: Option<String>,
}

impl Credentials {
    /// How TLS is spoken with the control plane.
    pub(super) fn tls(&self) -> Result<ClientTlsConfig, String> {
        let authorities = match &self.authorities {
            Some(path) => read(path)?,
            None => machine_authorities()?,
        };
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities));
        Ok(match &self.certificate {
            Some((chain, key)) => tls.identity(Identity::from_pem(read(chain)?, read(key)?)),
            None => tls,
        })
    }

    /// The value of `authorization`, if a token is shown.
    pub(super) fn authorization(&self) -> Result<Option<MetadataValue<Ascii>>, String> {
        let Some(path) = &self.token else { return Ok(None) };
        let token = String::from_utf8(read(path)?).unwrap_or_default();
        let token = token.trim();
        if token.is_empty() {
            return Err(format!("{path} has no token in it"));
        }
        let value = format!("Bearer {token}").parse();
        let mut value: MetadataValue<Ascii> = value.map_err(|_| format!("{path} has no token in it"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{path} cannot be read: {error}"))
}

/// The authorities the machine believes, where OpenSSL and the image keep them.
fn machine_authorities() -> Result<Vec<u8>, String> {
    const PLACES: [&str; 2] = ["/etc/pki/tls/cert.pem", "/etc/ssl/certs/ca-certificates.crt"];
    let told = std::env::var("SSL_CERT_FILE").ok();
    let places: Vec<&str> = told.as_deref().map_or_else(|| PLACES.to_vec(), |path| vec![path]);
    let read = places.iter().find_map(|path| fs::read(path).ok());
    read.ok_or_else(|| format!("no authorities to believe in: {} cannot be read", places.join(" and ")))
}

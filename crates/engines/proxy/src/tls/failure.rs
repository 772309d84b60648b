//! Why a handshake failed, for the statistics.

use std::io;

use rustls::{AlertDescription, Error};

use super::trust::Distrust;
use crate::stats::TlsCounters;

/// Counts a handshake that failed.
pub(crate) fn count(error: &io::Error, counters: &TlsCounters) {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::NoCertificatesPresented) => counters.fail_verify_no_cert.increment(),
        Some(cause @ Error::InvalidCertificate(_)) => match Distrust::of(cause) {
            Some(Distrust::Name) => counters.fail_verify_san.increment(),
            Some(Distrust::Hash) => counters.fail_verify_cert_hash.increment(),
            None => counters.fail_verify_error.increment(),
        },
        _ => counters.connection_error.increment(),
    }
}

/// What Envoy's statistics and answers call a failed handshake.
pub(crate) fn words(error: &io::Error) -> Option<String> {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>())?;
    Some(match cause {
        Error::InvalidCertificate(_) => match Distrust::of(cause) {
            Some(distrust) => format!("TLS_error:|{distrust}"),
            None => format!("TLS_error:|certificate verify failed: {cause}"),
        },
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "TLS_error:|the server asks for a certificate".to_owned()
        }
        other => format!("TLS_error:|{other}"),
    })
}

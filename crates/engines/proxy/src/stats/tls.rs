//! What is counted of TLS: `listener.<address>.ssl.…` and `cluster.<name>.ssl.…`.

use super::{
    Counter, PerCore,
    group::{Metric, Value, counters},
};
use crate::tls::Session;

counters! {
    /// What came of handshakes.
    TlsCounters {
        counters {
            connection_error: "ssl.connection_error",
            fail_verify_cert_hash: "ssl.fail_verify_cert_hash",
            fail_verify_error: "ssl.fail_verify_error",
            fail_verify_no_cert: "ssl.fail_verify_no_cert",
            fail_verify_san: "ssl.fail_verify_san",
            handshake: "ssl.handshake",
            no_certificate: "ssl.no_certificate",
            session_reused: "ssl.session_reused",
            tls12: "ssl.versions.TLSv1.2",
            tls13: "ssl.versions.TLSv1.3",
            aes128: "ssl.ciphers.TLS_AES_128_GCM_SHA256",
            aes256: "ssl.ciphers.TLS_AES_256_GCM_SHA384",
            chacha20: "ssl.ciphers.TLS_CHACHA20_POLY1305_SHA256",
            ecdsa_aes128: "ssl.ciphers.ECDHE-ECDSA-AES128-GCM-SHA256",
            ecdsa_aes256: "ssl.ciphers.ECDHE-ECDSA-AES256-GCM-SHA384",
            ecdsa_chacha20: "ssl.ciphers.ECDHE-ECDSA-CHACHA20-POLY1305",
            rsa_aes128: "ssl.ciphers.ECDHE-RSA-AES128-GCM-SHA256",
            rsa_aes256: "ssl.ciphers.ECDHE-RSA-AES256-GCM-SHA384",
            rsa_chacha20: "ssl.ciphers.ECDHE-RSA-CHACHA20-POLY1305",
        }
        gauges {}
        statuses {}
        times {}
    }
}

impl TlsCounters {
    /// Counts a handshake that came to its end.
    pub(crate) fn handshake(&self, session: &Session) {
        self.handshake.increment();
        if session.resumed {
            self.session_reused.increment();
        }
        match session.version {
            "TLSv1.2" => self.tls12.increment(),
            _ => self.tls13.increment(),
        }
        match session.cipher {
            "TLS_AES_128_GCM_SHA256" => self.aes128.increment(),
            "TLS_AES_256_GCM_SHA384" => self.aes256.increment(),
            "TLS_CHACHA20_POLY1305_SHA256" => self.chacha20.increment(),
            "ECDHE-ECDSA-AES128-GCM-SHA256" => self.ecdsa_aes128.increment(),
            "ECDHE-ECDSA-AES256-GCM-SHA384" => self.ecdsa_aes256.increment(),
            "ECDHE-ECDSA-CHACHA20-POLY1305" => self.ecdsa_chacha20.increment(),
            "ECDHE-RSA-AES128-GCM-SHA256" => self.rsa_aes128.increment(),
            "ECDHE-RSA-AES256-GCM-SHA384" => self.rsa_aes256.increment(),
            _ => self.rsa_chacha20.increment(),
        }
    }
}

//! Cipher suites by the names Envoy's configuration has for them, which are OpenSSL's.

use rustls::{CipherSuite, SupportedCipherSuite, crypto::ring::cipher_suite as suite};

/// The suites of TLS 1.2 that there are, the best first. Those of TLS 1.3 are always there, as in Envoy.
const SUITES: [(&str, SupportedCipherSuite); 6] = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES256-GCM-SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
];

/// Those of TLS 1.3.
const ALWAYS: [SupportedCipherSuite; 3] =
    [suite::TLS13_AES_128_GCM_SHA256, suite::TLS13_AES_256_GCM_SHA384, suite::TLS13_CHACHA20_POLY1305_SHA256];

/// The suites that `names` call for, in their order; all there are if there are no names.
///
/// A name can be several of equal rank, as in `[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]`; the
/// error is a name that is not known here.
pub(crate) fn named(names: &[String]) -> Result<Vec<SupportedCipherSuite>, String> {
    let mut suites = ALWAYS.to_vec();
    if names.is_empty() {
        suites.extend(SUITES.iter().map(|(_, suite)| *suite));
        return Ok(suites);
    }
    for name in names.iter().flat_map(|group| group.trim_matches(['[', ']']).split('|')) {
        let found = SUITES.iter().find(|(known, _)| *known == name);
        let (_, suite) = found.ok_or_else(|| format!("the cipher suite {name} is not supported by this proxy"))?;
        suites.push(*suite);
    }
    Ok(suites)
}

/// What OpenSSL calls a suite.
pub(crate) fn name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => SUITES.iter().find(|(_, known)| known.suite() == other).map_or("", |(name, _)| *name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_found_by_name_alone_or_as_equals() {
        assert_eq!(named(&[]).unwrap().len(), 9);
        let asked = ["[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]", "ECDHE-RSA-AES256-GCM-SHA384"];
        let suites = named(&asked.map(str::to_owned)).unwrap();
        let names: Vec<&str> = suites.iter().map(|suite| name(suite.suite())).collect();
        assert_eq!(
            names[3..],
            ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-GCM-SHA384"]
        );
        assert!(named(&["AES128-SHA".to_owned()]).unwrap_err().contains("AES128-SHA"));
    }
}

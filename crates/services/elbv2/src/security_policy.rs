//! Security policies: by which versions and ciphers a listener speaks TLS.
//!
//! They have the names of Elastic Load Balancing's own, which say what a policy allows. Of that, a listener here offers
//! what is safe today: TLS 1.2 and 1.3, with forward secrecy and authenticated encryption alone. So a policy that allows
//! TLS 1.0 here begins with 1.2, as [`described`] tells; every one has something left to offer. Policies that promise more
//! than there is, post-quantum key exchange (`PQ`) or validated modules (`FIPS`), are not known here.

use api::elbv2::{Cipher, SslPolicy};
use edge::balancers::Versions;

/// The policy of a listener that is asked for none, as the API has it.
pub(crate) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

/// The policies, with what of each there is.
const POLICIES: [(&str, Versions); 18] = [
    ("ELBSecurityPolicy-TLS13-1-2-2021-06", Versions::All),
    ("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", Versions::All),
    ("ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", Versions::All),
    ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", Versions::All),
    ("ELBSecurityPolicy-TLS13-1-1-2021-06", Versions::All),
    ("ELBSecurityPolicy-TLS13-1-0-2021-06", Versions::All),
    ("ELBSecurityPolicy-TLS13-1-3-2021-06", Versions::Tls13),
    (DEFAULT, Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-2-2017-01", Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", Versions::Tls12),
    ("ELBSecurityPolicy-FS-2018-06", Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-1-2019-08", Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-2-2019-08", Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-2-Res-2019-08", Versions::Tls12),
    ("ELBSecurityPolicy-FS-1-2-Res-2020-10", Versions::Tls12),
    ("ELBSecurityPolicy-2015-05", Versions::Tls12),
    ("ELBSecurityPolicy-TLS-1-0-2015-04", Versions::Tls12),
];

/// The ciphers of TLS 1.3, the best first.
const OF_TLS13: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// The ciphers of TLS 1.2, the best first.
const OF_TLS12: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];

/// The versions that a listener with the policy `name` speaks; none if there is no such policy.
pub(crate) fn versions(name: &str) -> Option<Versions> {
    POLICIES.iter().find(|(known, _)| *known == name).map(|(_, versions)| *versions)
}

/// All policies, as they are described.
pub(crate) fn described() -> Vec<SslPolicy> {
    POLICIES.iter().map(|(name, versions)| describe(name, *versions)).collect()
}

fn describe(name: &str, versions: Versions) -> SslPolicy {
    let (protocols, ciphers): (&[&str], Vec<&str>) = match versions {
        Versions::All => (&["TLSv1.2", "TLSv1.3"], OF_TLS13.into_iter().chain(OF_TLS12).collect()),
        Versions::Tls12 => (&["TLSv1.2"], OF_TLS12.to_vec()),
        Versions::Tls13 => (&["TLSv1.3"], OF_TLS13.to_vec()),
    };
    let ciphers = (1..).zip(ciphers).map(|(priority, name)| Cipher { name: name.to_owned(), priority });
    SslPolicy {
        ssl_protocols: protocols.iter().map(|&protocol| protocol.to_owned()).collect(),
        ciphers: ciphers.collect(),
        name: name.to_owned(),
        supported_load_balancer_types: vec!["application".to_owned()],
    }
}

//! Authorities, chains and leaves, and that TLS takes them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

use std::{sync::Arc, time::Duration};

use certificate::{
    Algorithm, Authority, Details, Error, Hash, Key, Name, Order, Request, Subject, Usage, chain, self_signed,
};
use names::Timestamp;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// 2026-01-01: rustls looks at the machine's own clock, which is later.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn order(usage: Usage, names: Vec<Name>, days: u64) -> Order {
    let not_after = BEGIN.plus(Duration::from_hours(24 * days));
    Order { subject: Some(Subject::named("test")), names, usage, serial: [7; 16], not_before: BEGIN, not_after }
}

fn root(algorithm: Algorithm) -> Authority {
    let key = Key::generate(algorithm).unwrap();
    let order = Order { subject: Some(Subject::named("root")), ..order(Usage::Authority(None), vec![], 7300) };
    let certificate = self_signed(&key, algorithm.hash(), &order).unwrap();
    Authority::load(&certificate, "", &key, algorithm.hash()).unwrap()
}

#[test]
fn a_leaf_says_what_was_ordered_and_its_chain_holds() {
    let root = root(Algorithm::EcP384);
    let key = Key::generate(Algorithm::EcP256).unwrap();
    let names = vec![
        Name::Dns("*.example.com".to_owned()),
        Name::Uri("spiffe://mesh/api".to_owned()),
        Name::Address([10, 0, 0, 1].into()),
    ];
    let leaf = root.issue(&key, &order(Usage::EndEntity, names, 30)).unwrap();
    let details = chain(&leaf, &root.chain()).unwrap();
    assert_eq!(details[0].names, ["*.example.com", "spiffe://mesh/api", "10.0.0.1"]);
    assert_eq!((details[0].subject.as_str(), details[0].issuer.as_str()), ("CN=test", "CN=root"));
    assert_eq!((details[0].key_algorithm.as_str(), details[0].is_authority), ("EC_prime256v1", false));
    assert_eq!(details[0].signature_algorithm, "SHA384WITHECDSA");
    assert_eq!(details[0].serial, "47:07:07:07:07:07:07:07:07:07:07:07:07:07:07:07");
    assert_eq!((details[0].not_before, details[0].public.clone()), (BEGIN, key.public()));
    assert!(details[1].is_authority);
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let root = root(Algorithm::EcP256);
    let leaf = root.issue(&Key::generate(Algorithm::EcP256).unwrap(), &order(Usage::Server, vec![], 9000)).unwrap();
    assert_eq!(Details::read(&leaf).unwrap().not_after, BEGIN.plus(Duration::from_hours(24 * 7300)));
}

#[test]
fn a_subordinate_is_made_by_request_and_signs() {
    let root = root(Algorithm::EcP256);
    let key = Key::generate(Algorithm::EcP256).unwrap();
    let request = Request::write(&Subject::named("sub"), &key, Hash::Sha256).unwrap();
    let order_of = Order { subject: None, ..order(Usage::Authority(Some(0)), vec![], 365) };
    let certificate = root.answer(&Request::read(&request).unwrap(), &order_of).unwrap();
    let sub = Authority::load(&certificate, &root.chain(), &key, Hash::Sha256).unwrap();
    let leaf = sub.issue(&Key::generate(Algorithm::EcP256).unwrap(), &order(Usage::Server, vec![], 30)).unwrap();
    let subjects: Vec<_> = chain(&leaf, &sub.chain()).unwrap().into_iter().map(|details| details.subject).collect();
    assert_eq!(subjects, ["CN=test", "CN=sub", "CN=root"]);
}

#[test]
fn a_chain_of_strangers_is_refused() {
    let (one, other) = (root(Algorithm::EcP256), root(Algorithm::EcP256));
    let leaf = one.issue(&Key::generate(Algorithm::EcP256).unwrap(), &order(Usage::Server, vec![], 30)).unwrap();
    assert!(matches!(chain(&leaf, &other.chain()), Err(Error::Chain(..))));
    assert!(matches!(Request::read("nothing"), Err(Error::Request(_))));
    assert!(matches!(Details::read(Key::generate(Algorithm::EcP256).unwrap().pem()), Err(Error::Certificate(_))));
    let key = Key::generate(Algorithm::EcP256).unwrap();
    assert!(matches!(Authority::load(&leaf, "", &key, Hash::Sha256), Err(Error::Mismatch)));
    assert!(matches!(Request::write(&Subject::default(), &key, Hash::Sha512), Err(Error::Combination(..))));
}

#[test]
fn an_rsa_key_is_made_read_back_and_encrypted() {
    let key = Key::generate(Algorithm::Rsa2048).unwrap();
    assert_eq!(Key::read(key.pem()).unwrap().algorithm(), Algorithm::Rsa2048);
    let request = Request::read(&Request::write(&Subject::named("rsa"), &key, Hash::Sha512).unwrap()).unwrap();
    assert_eq!(request.public(), key.public());
    let encrypted = key.encrypted_pem(b"a passphrase").unwrap();
    assert!(encrypted.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{encrypted}");
    assert!(matches!(Key::read(&encrypted), Err(Error::Key(_))));
}

#[tokio::test]
async fn tls_takes_a_leaf_by_its_root_and_by_no_other() {
    let authority = root(Algorithm::EcP256);
    let key = Key::generate(Algorithm::Rsa2048).unwrap();
    let leaf = authority.issue(&key, &order(Usage::EndEntity, vec![Name::Dns("api.test".to_owned())], 7000)).unwrap();
    let shake = async |trusted: &Authority| {
        let server = ServerConfig::builder().with_no_client_auth().with_single_cert(
            vec![CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.pem().as_bytes()).unwrap(),
        );
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.chain().as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let (near, far) = tokio::io::duplex(65_536);
        let accept = tokio::spawn(TlsAcceptor::from(Arc::new(server.unwrap())).accept(far));
        let name = ServerName::try_from("api.test").unwrap();
        let connected = TlsConnector::from(Arc::new(client)).connect(name, near).await.map(|_| ());
        let _ = accept.await;
        connected
    };
    shake(&authority).await.unwrap();
    assert!(shake(&root(Algorithm::EcP256)).await.is_err());
}

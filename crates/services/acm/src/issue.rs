//! Making certificates: by the built-in authority, or by a private one.

use std::time::Duration;

use api::{
    acm::{self, FailureReason},
    acmpca::{self, CertificateAuthorityStatus, CertificateAuthorityUsageMode, SigningAlgorithm},
};
use certificate::{Algorithm, Authority as Signer, Hash, Key as PrivateKey, Name, Order, Subject, Usage, self_signed};
use names::{Ids, Scope, Timestamp};
use store::Key;

use crate::{
    Error, State,
    rows::{Authority, Builtin, Pair},
};

/// How long a certificate of ACM holds: thirteen months, as AWS's do.
pub(crate) const LIFETIME: Duration = Duration::from_hours(24 * 395);
/// How long the built-in authority holds.
const ROOT_LIFETIME: Duration = Duration::from_hours(24 * 365 * 20);
/// By how much certificates begin before they are made: clocks differ.
const BACKDATE: Duration = Duration::from_hours(1);

/// What a certificate is to say, and how its key is to be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) names: Vec<Name>,
    pub(crate) subject: Subject,
    pub(crate) algorithm: Algorithm,
    pub(crate) lifetime: Duration,
}

/// Who signs, ready to be sent to the thread that does it.
struct Desk {
    certificate: String,
    chain: String,
    private_key: String,
    hash: Option<Hash>,
}

impl Desk {
    fn open(&self) -> Result<Signer, certificate::Error> {
        let key = PrivateKey::read(&self.private_key)?;
        let hash = self.hash.unwrap_or(key.algorithm().hash());
        Signer::load(&self.certificate, &self.chain, &key, hash)
    }
}

/// A serial number.
pub(crate) fn serial(ids: &Ids) -> [u8; 16] {
    u128::from_str_radix(&ids.hex(32), 16).unwrap_or_default().to_be_bytes()
}

/// An hour before `now`: from when a new certificate holds.
pub(crate) fn begin(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis() - i64::try_from(BACKDATE.as_millis()).unwrap_or(0))
}

/// The built-in authority of `scope`, which is made when it is first asked for.
pub(crate) async fn builtin(state: &State, scope: &Scope) -> Result<Builtin, Error> {
    let key = Key::new(scope, Builtin::NAME);
    if let Some(present) = state.store.get::<Builtin>(&key)? {
        return Ok(present);
    }
    let (now, serial) = (state.clock.now(), serial(&state.ids));
    let name = format!("Serin {} {}", scope.account, scope.region);
    let made = tokio::task::spawn_blocking(move || {
        let subject = Subject { organization: Some("Serin".to_owned()), ..Subject::named(&name) };
        let private_key = PrivateKey::generate(Algorithm::EcP256)?;
        let (not_before, not_after) = (begin(now), now.plus(ROOT_LIFETIME));
        let usage = Usage::Authority(None);
        let order = Order { subject: Some(subject), names: Vec::new(), usage, serial, not_before, not_after };
        let certificate = self_signed(&private_key, private_key.algorithm().hash(), &order)?;
        let private_key = private_key.pem().to_owned();
        Ok::<_, certificate::Error>(Pair { certificate, chain: String::new(), private_key, not_before, not_after })
    });
    let made = Builtin { pair: made.await?? };
    state.store.write(|tx| {
        // Somebody else may have been first.
        if let Some(present) = tx.get::<Builtin>(&key)? {
            return Ok(present);
        }
        tx.put(&key, &made)?;
        Ok(made)
    })
}

/// A new key and its certificate, of the private authority `authority` if one is named.
pub(crate) async fn issue(
    state: &State,
    scope: &Scope,
    authority: Option<&str>,
    wanted: Wanted,
) -> Result<Pair, Error> {
    let desk = if let Some(arn) = authority {
        private_desk(state, scope, arn)?
    } else {
        let Pair { certificate, chain, private_key, .. } = builtin(state, scope).await?.pair;
        Desk { certificate, chain, private_key, hash: None }
    };
    let (now, serial) = (state.clock.now(), serial(&state.ids));
    let made = tokio::task::spawn_blocking(move || {
        let signer = desk.open()?;
        let key = PrivateKey::generate(wanted.algorithm)?;
        let order = Order {
            subject: Some(wanted.subject),
            names: wanted.names,
            usage: Usage::EndEntity,
            serial,
            not_before: begin(now),
            not_after: now.plus(wanted.lifetime),
        };
        let certificate = signer.issue(&key, &order)?;
        let details = certificate::Details::read(&certificate)?;
        Ok::<_, certificate::Error>(Pair {
            certificate,
            chain: signer.chain(),
            private_key: key.pem().to_owned(),
            not_before: details.not_before,
            not_after: details.not_after,
        })
    });
    Ok(made.await??)
}

/// The private authority `arn`, if it may sign for ACM.
fn private_desk(state: &State, scope: &Scope, arn: &str) -> Result<Desk, Error> {
    let row = private(state, scope, arn)?;
    let active = row.status(state.clock.now()) == CertificateAuthorityStatus::Active;
    let Some(certificate) = row.certificate.filter(|_| active) else {
        return Err(Error::Condition(format!("The Certificate Authority {arn} is not ACTIVE")));
    };
    if row.usage == CertificateAuthorityUsageMode::ShortLivedCertificate {
        return Err(Error::Parameter(format!("ACM does not issue by {arn}, which is for short-lived certificates")));
    }
    let hash = Some(hash(row.configuration.signing_algorithm));
    Ok(Desk { certificate, chain: row.chain, private_key: row.private_key, hash })
}

/// The private authority `arn`.
pub(crate) fn private(state: &State, scope: &Scope, arn: &str) -> Result<Authority, Error> {
    let key = crate::check::arn(scope, arn, "acm-pca", "certificate-authority", Error::NoAuthority)?;
    state.store.get::<Authority>(&key)?.ok_or_else(|| Error::NoAuthority(arn.to_owned()))
}

/// Why a renewal failed, in the words of the API.
pub(crate) fn reason(error: &Error) -> FailureReason {
    match error {
        Error::Condition(_) | Error::Parameter(_) => FailureReason::PcaInvalidState,
        Error::NoAuthority(_) => FailureReason::PcaResourceNotFound,
        _ => FailureReason::Other,
    }
}

/// The hash of a way of signing.
pub(crate) fn hash(algorithm: SigningAlgorithm) -> Hash {
    match algorithm {
        SigningAlgorithm::Sha256WithEcdsa | SigningAlgorithm::Sha256WithRsa => Hash::Sha256,
        SigningAlgorithm::Sha384WithEcdsa | SigningAlgorithm::Sha384WithRsa => Hash::Sha384,
        SigningAlgorithm::Sha512WithRsa => Hash::Sha512,
    }
}

/// The kind of key that ACM's words mean, if such keys are made here.
pub(crate) fn algorithm(algorithm: acm::KeyAlgorithm) -> Result<Algorithm, Error> {
    match algorithm {
        acm::KeyAlgorithm::Rsa2048 => Ok(Algorithm::Rsa2048),
        acm::KeyAlgorithm::Rsa3072 => Ok(Algorithm::Rsa3072),
        acm::KeyAlgorithm::Rsa4096 => Ok(Algorithm::Rsa4096),
        acm::KeyAlgorithm::EcPrime256v1 => Ok(Algorithm::EcP256),
        acm::KeyAlgorithm::EcSecp384r1 => Ok(Algorithm::EcP384),
        acm::KeyAlgorithm::Rsa1024 => Err(Error::Parameter("KeyAlgorithm RSA_1024 is for imported keys only".into())),
        acm::KeyAlgorithm::EcSecp521r1 => {
            Err(Error::Parameter("KeyAlgorithm EC_secp521r1 is not supported by Serin".into()))
        }
    }
}

/// ACM's word for a kind of key.
pub(crate) fn word(algorithm: Algorithm) -> acm::KeyAlgorithm {
    match algorithm {
        Algorithm::Rsa2048 => acm::KeyAlgorithm::Rsa2048,
        Algorithm::Rsa3072 => acm::KeyAlgorithm::Rsa3072,
        Algorithm::Rsa4096 => acm::KeyAlgorithm::Rsa4096,
        Algorithm::EcP256 => acm::KeyAlgorithm::EcPrime256v1,
        Algorithm::EcP384 => acm::KeyAlgorithm::EcSecp384r1,
    }
}

/// The kind of key that ACM-PCA's words mean.
pub(crate) fn private_algorithm(algorithm: acmpca::KeyAlgorithm) -> Algorithm {
    match algorithm {
        acmpca::KeyAlgorithm::Rsa2048 => Algorithm::Rsa2048,
        acmpca::KeyAlgorithm::Rsa3072 => Algorithm::Rsa3072,
        acmpca::KeyAlgorithm::Rsa4096 => Algorithm::Rsa4096,
        acmpca::KeyAlgorithm::EcPrime256v1 => Algorithm::EcP256,
        acmpca::KeyAlgorithm::EcSecp384r1 => Algorithm::EcP384,
    }
}

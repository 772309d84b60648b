//! Private keys.

use pkcs8::{LineEnding, PrivateKeyInfo, pkcs5::pbes2};
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm};
use rsa::{
    RsaPrivateKey,
    pkcs1::DecodeRsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
    rand_core::{OsRng, RngCore},
    traits::PublicKeyParts,
};

use crate::Error;

/// Rounds of PBKDF2 over a passphrase.
const ROUNDS: u32 = 20_000;

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
}

impl Algorithm {
    /// The bits of the modulus, if it has one.
    fn bits(self) -> Option<usize> {
        match self {
            Self::EcP256 | Self::EcP384 => None,
            Self::Rsa2048 => Some(2048),
            Self::Rsa3072 => Some(3072),
            Self::Rsa4096 => Some(4096),
        }
    }

    /// The hash that a key of this kind signs with if nothing else is asked.
    pub fn hash(self) -> Hash {
        if self == Self::EcP384 { Hash::Sha384 } else { Hash::Sha256 }
    }

    /// What signs with a key of this kind and `hash`.
    fn signature(self, hash: Hash) -> Result<&'static SignatureAlgorithm, Error> {
        match (self, hash) {
            (Self::EcP256, Hash::Sha256) => Ok(&rcgen::PKCS_ECDSA_P256_SHA256),
            (Self::EcP384, Hash::Sha384) => Ok(&rcgen::PKCS_ECDSA_P384_SHA384),
            (Self::EcP256 | Self::EcP384, _) => Err(Error::Combination(self, hash)),
            (_, Hash::Sha256) => Ok(&rcgen::PKCS_RSA_SHA256),
            (_, Hash::Sha384) => Ok(&rcgen::PKCS_RSA_SHA384),
            (_, Hash::Sha512) => Ok(&rcgen::PKCS_RSA_SHA512),
        }
    }
}

/// The hashes that are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A private key.
pub struct Key {
    pair: KeyPair,
    pem: String,
    algorithm: Algorithm,
}

impl Key {
    /// A new key. RSA takes its time: a second for 4096 bits is not rare.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let Some(bits) = algorithm.bits() else {
            let pair = KeyPair::generate_for(algorithm.signature(algorithm.hash())?)?;
            return Ok(Self { pem: pair.serialize_pem(), pair, algorithm });
        };
        let unreadable = |error: &dyn std::fmt::Display| Error::Key(error.to_string());
        let key = RsaPrivateKey::new(&mut OsRng, bits).map_err(|error| unreadable(&error))?;
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| unreadable(&error))?;
        Self::read(&pem)
    }

    /// The key that `pem` holds, in PKCS#8 or, of RSA, in PKCS#1.
    pub fn read(pem: &str) -> Result<Self, Error> {
        let unreadable = |error: &dyn std::fmt::Display| Error::Key(error.to_string());
        let rsa = RsaPrivateKey::from_pkcs8_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem));
        let Ok(rsa) = rsa else {
            let pair = KeyPair::from_pem(pem).map_err(|error| unreadable(&error))?;
            let p256 = pair.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256;
            let p384 = pair.algorithm() == &rcgen::PKCS_ECDSA_P384_SHA384;
            let algorithm = match (p256, p384) {
                (true, _) => Algorithm::EcP256,
                (_, true) => Algorithm::EcP384,
                _ => return Err(unreadable(&"it is neither of RSA nor of ECDSA on P-256 or P-384")),
            };
            return Ok(Self { pem: pair.serialize_pem(), pair, algorithm });
        };
        let algorithm = match rsa.size() * 8 {
            2048 => Algorithm::Rsa2048,
            3072 => Algorithm::Rsa3072,
            4096 => Algorithm::Rsa4096,
            bits => return Err(unreadable(&format!("RSA of {bits} bits is not used"))),
        };
        let pem = rsa.to_pkcs8_pem(LineEnding::LF).map_err(|error| unreadable(&error))?.to_string();
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256)?;
        Ok(Self { pair, pem, algorithm })
    }

    /// The key in PKCS#8, in the clear.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The key in PKCS#8, encrypted with `passphrase` (PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC).
    pub fn encrypted_pem(&self, passphrase: &[u8]) -> Result<String, Error> {
        let (mut salt, mut start) = ([0; 16], [0; 16]);
        OsRng.fill_bytes(&mut salt);
        OsRng.fill_bytes(&mut start);
        let failed = |error: &dyn std::fmt::Display| Error::Key(error.to_string());
        let scheme = pbes2::Parameters::pbkdf2_sha256_aes256cbc(ROUNDS, &salt, &start);
        let scheme = scheme.map_err(|error| failed(&error))?;
        let info = PrivateKeyInfo::try_from(self.pair.serialized_der()).map_err(|error| failed(&error))?;
        let document = info.encrypt_with_params(scheme, passphrase).map_err(|error| failed(&error))?;
        let pem = document.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).map_err(|error| failed(&error))?;
        Ok(pem.to_string())
    }

    /// Its kind.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half, as certificates have it (DER of a `SubjectPublicKeyInfo`).
    pub fn public(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    /// The pair that signs with `hash`.
    pub(crate) fn signer(&self, hash: Hash) -> Result<KeyPair, Error> {
        Ok(KeyPair::from_pkcs8_pem_and_sign_algo(&self.pem, self.algorithm.signature(hash)?)?)
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

//! Digests: content is named by its SHA-256, and what does not hash to its name is not that content.
//!
//! Only `sha256:` is taken. OCI allows `sha512:` beside it, but no client pushes it unless told to, and one name for
//! one content keeps the store free of doubles.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The name of some content: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// The text is no digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a digest: `sha256:` and 64 lower-case hexadecimal digits are")]
pub struct ParseDigestError(String);

const ALGORITHM: &str = "sha256:";

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(content)))
    }

    /// The digest of all that `source` gives.
    pub fn of_reader(source: impl Read) -> io::Result<Self> {
        let mut reader = HashingReader::new(source);
        io::copy(&mut reader, &mut io::sink())?;
        Ok(reader.finish())
    }

    /// The hexadecimal digits alone, as files are named.
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// The digest whose digits are `hex`.
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (hex.len() == 64 && digits).then(|| Self(hex.to_owned()))
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix(ALGORITHM).and_then(Self::from_hex).ok_or_else(|| ParseDigestError(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.0)
    }
}

/// Passes bytes through and hashes them on the way.
pub(crate) struct HashingReader<R> {
    source: R,
    hash: Sha256,
}

impl<R: Read> HashingReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, hash: Sha256::new() }
    }

    /// The digest of what has been read.
    pub(crate) fn finish(self) -> Digest {
        Digest(hex::encode(self.hash.finalize()))
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sha256_in_lower_case() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert_eq!(empty.parse::<Digest>(), Ok(Digest::of(b"")));
        for wrong in ["", "sha256:", "sha512:00", &empty.to_uppercase(), "sha256:../../../etc/passwd"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}

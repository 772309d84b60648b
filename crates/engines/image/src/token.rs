//! The password that ECR hands out for `docker login`.
//!
//! One address serves every account and region, so the password says whose repositories are meant:
//! `<account>.<region>.<expiry>.<signature>`. It is signed and not recorded: a restart, or ten thousand logins, cost
//! nothing. It holds no colon, because Docker splits `AWS:<password>` at the first one, and CLI v1's `get-login` at
//! every one.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use names::{Ids, Region, Scope, Timestamp};
use sha2::Sha256;

use crate::content::found;

/// The user name that goes with a password.
pub const USER: &str = "AWS";

/// How long a password is good, as ECR's are.
pub const LIFETIME: Duration = Duration::from_hours(12);

/// Makes passwords and reads them again.
pub struct Tokens {
    key: Vec<u8>,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// It is none of ours, or was changed.
    #[error("the password is not one that `aws ecr get-login-password` of this registry printed")]
    Forged,
    /// Its time is over.
    #[error("Your authorization token has expired. Reauthenticate and try again.")]
    Expired,
}

impl Tokens {
    /// Reads the key of `directory`, or makes one.
    pub(crate) fn open(directory: &Path, ids: &Ids) -> io::Result<Self> {
        let path = directory.join("registry.key");
        if let Some(key) = found(fs::read(&path))?.filter(|key| !key.is_empty()) {
            return Ok(Self { key });
        }
        let key = format!("{}{}", ids.hex(32), ids.hex(32)).into_bytes();
        let written = path.with_extension("new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&written)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&written, &path)?;
        File::open(directory)?.sync_all()?;
        Ok(Self { key })
    }

    /// A password for the repositories of `scope`, and when it expires.
    pub fn issue(&self, scope: &Scope, now: Timestamp) -> (String, Timestamp) {
        let expires = now.plus(LIFETIME);
        let region = BASE64_URL_SAFE_NO_PAD.encode(scope.region.as_str());
        let claim = format!("{}.{region}.{}", scope.account, expires.as_millis());
        let signature = hex::encode(self.sign(&claim).finalize().into_bytes());
        (format!("{claim}.{signature}"), expires)
    }

    /// Whose repositories `password` opens.
    pub fn verify(&self, password: &str, now: Timestamp) -> Result<Scope, TokenError> {
        let (claim, signature) = password.rsplit_once('.').ok_or(TokenError::Forged)?;
        let signature = hex::decode(signature).map_err(|_| TokenError::Forged)?;
        self.sign(claim).verify_slice(&signature).map_err(|_| TokenError::Forged)?;
        let (scope, expires) = read(claim).ok_or(TokenError::Forged)?;
        if now < expires { Ok(scope) } else { Err(TokenError::Expired) }
    }

    fn sign(&self, claim: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(claim.as_bytes());
        mac
    }
}

fn read(claim: &str) -> Option<(Scope, Timestamp)> {
    let mut parts = claim.split('.');
    let account = parts.next()?.parse().ok()?;
    let region = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
    let expires = Timestamp::from_millis(parts.next()?.parse().ok()?);
    Some((Scope::new(account, Region::new(region)), expires))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_opens_its_scope_until_it_expires() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(directory.path(), &Ids::counting()).unwrap();
        let scope = Scope::new("123456789012".parse().unwrap(), Region::new("ap-southeast-2"));
        let now = Timestamp::from_millis(1_000);
        let (password, expires) = tokens.issue(&scope, now);
        assert!(!password.contains(':'));
        assert_eq!(tokens.verify(&password, now), Ok(scope.clone()));
        assert_eq!(tokens.verify(&password, expires), Err(TokenError::Expired));
        assert_eq!(tokens.verify(&password.replace("123456789012", "123456789013"), now), Err(TokenError::Forged));
        assert_eq!(tokens.verify("", now), Err(TokenError::Forged));

        let restarted = Tokens::open(directory.path(), &Ids::counting()).unwrap();
        assert_eq!(restarted.verify(&password, now), Ok(scope));
        let other = tempfile::tempdir().unwrap();
        let ids = Ids::new(|| 7);
        assert_eq!(Tokens::open(other.path(), &ids).unwrap().verify(&password, now), Err(TokenError::Forged));
    }
}

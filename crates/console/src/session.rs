//! Who is signed in, and the tokens that forms carry.
//!
//! Who reaches the port on loopback can call every API already, so there nobody signs in, unless the house was given
//! access keys. Sessions are kept in memory, bounded in number and in time; a new process knows none of the old ones.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use names::Timestamp;
use sha2::Sha256;

/// Sessions at once; a new one takes the place of the oldest.
const SESSIONS_MAX: usize = 64;
/// How long a session lasts after it was last used.
const IDLE_MAX: Duration = Duration::from_hours(8);
/// Wrong secrets that are listened to in a [`TRIES_PERIOD`], from all together.
const TRIES_MAX: u32 = 10;
/// See [`TRIES_MAX`].
const TRIES_PERIOD: Duration = Duration::from_mins(1);

/// Who is signed in.
pub(crate) struct Sessions {
    keys: BTreeMap<String, String>,
    /// Whether others than this machine reach the port.
    is_open: bool,
    /// What tokens are made with; nobody else has it.
    key: [u8; 32],
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<String, Session>,
    /// Wrong secrets since a moment.
    wrong: (u32, Timestamp),
}

struct Session {
    access_key: String,
    used: Timestamp,
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The pair is not one of the house's.
    #[error("This access key and secret are not among those that `serin up --access-key` was given.")]
    Wrong,
    /// Too many tries.
    #[error("There were too many wrong secrets. Wait a minute, then try again.")]
    TooMany,
}

impl Sessions {
    /// Nobody, with those who may sign in: `keys`, secrets by access key.
    pub(crate) fn new(keys: BTreeMap<String, String>, is_open: bool) -> Self {
        Self { keys, is_open, key: rand::random(), table: Mutex::default() }
    }

    /// Whether one must sign in to see anything.
    pub(crate) fn are_needed(&self) -> bool {
        self.is_open || !self.keys.is_empty()
    }

    /// Whether anybody can sign in.
    pub(crate) fn are_possible(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Begins a session for who knows the secret of `access_key`; answers what the browser is to keep.
    pub(crate) fn sign_in(&self, access_key: &str, secret: &str, now: Timestamp) -> Result<String, Refused> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(table.wrong.1) > TRIES_PERIOD {
            table.wrong = (0, now);
        }
        if table.wrong.0 >= TRIES_MAX {
            return Err(Refused::TooMany);
        }
        if !self.knows(access_key, secret) {
            table.wrong.0 += 1;
            return Err(Refused::Wrong);
        }
        table.sessions.retain(|_, session| now.since(session.used) <= IDLE_MAX);
        if table.sessions.len() >= SESSIONS_MAX {
            let oldest = table.sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone());
            oldest.map(|id| table.sessions.remove(&id));
        }
        let id = hex::encode(rand::random::<[u8; 32]>());
        table.sessions.insert(id.clone(), Session { access_key: access_key.to_owned(), used: now });
        Ok(id)
    }

    /// Whose session `id` is, if it lasts.
    pub(crate) fn of(&self, id: &str, now: Timestamp) -> Option<String> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let session = table.sessions.get_mut(id).filter(|session| now.since(session.used) <= IDLE_MAX)?;
        session.used = now;
        Some(session.access_key.clone())
    }

    /// Whether the session `id` lasts, without making it last longer.
    pub(crate) fn lasts(&self, id: &str, now: Timestamp) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.sessions.get(id).is_some_and(|session| now.since(session.used) <= IDLE_MAX)
    }

    /// Ends a session.
    pub(crate) fn sign_out(&self, id: &str) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).sessions.remove(id);
    }

    /// What forms of the session `id` must carry; without sessions it is one for all, and only pages know it.
    pub(crate) fn token(&self, id: &str) -> String {
        hex::encode(self.mac(id).finalize().into_bytes())
    }

    /// Whether `token` is the one of the session `id`.
    pub(crate) fn is_token(&self, id: &str, token: &str) -> bool {
        hex::decode(token).is_ok_and(|token| self.mac(id).verify_slice(&token).is_ok())
    }

    /// Compared by their codes, so that the time it takes says nothing of the secret.
    pub(crate) fn knows(&self, access_key: &str, secret: &str) -> bool {
        let right = self.keys.get(access_key);
        let code = self.mac(right.map_or("", String::as_str)).finalize().into_bytes();
        self.mac(secret).verify_slice(&code).is_ok() && right.is_some()
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        mac.chain_update(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Sessions {
        Sessions::new([("key".to_owned(), "secret".to_owned())].into(), false)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn only_a_right_pair_signs_in() {
        let sessions = sessions();
        let id = sessions.sign_in("key", "secret", at(0)).unwrap();
        assert_eq!(sessions.of(&id, at(1)).as_deref(), Some("key"));
        for (key, secret) in [("key", "secre"), ("key", ""), ("other", "secret"), ("", ""), ("other", "")] {
            assert_eq!(sessions.sign_in(key, secret, at(1)), Err(Refused::Wrong), "{key}:{secret}");
        }
        assert!(sessions.lasts(&id, at(1)));
        sessions.sign_out(&id);
        assert_eq!(sessions.of(&id, at(1)), None);
        assert!(!sessions.lasts(&id, at(1)));
    }

    #[test]
    fn sessions_end_by_themselves_and_are_bounded() {
        let sessions = sessions();
        let first = sessions.sign_in("key", "secret", at(0)).unwrap();
        for second in 1..=SESSIONS_MAX as u64 {
            sessions.sign_in("key", "secret", at(second)).unwrap();
        }
        assert_eq!(sessions.of(&first, at(100)), None);
        let last = sessions.sign_in("key", "secret", at(100)).unwrap();
        assert!(sessions.of(&last, at(100 + 8 * 3600)).is_some());
        assert!(sessions.of(&last, at(101 + 16 * 3600)).is_none());
    }

    #[test]
    fn guessing_ends_after_a_few_tries() {
        let sessions = sessions();
        for _ in 0..TRIES_MAX {
            assert_eq!(sessions.sign_in("key", "guess", at(0)), Err(Refused::Wrong));
        }
        assert_eq!(sessions.sign_in("key", "secret", at(1)), Err(Refused::TooMany));
        assert!(sessions.sign_in("key", "secret", at(62)).is_ok());
    }

    #[test]
    fn a_token_is_of_one_session_and_of_one_process() {
        let (one, other) = (sessions(), sessions());
        let token = one.token("a");
        assert!(one.is_token("a", &token));
        assert!(!one.is_token("b", &token) && !other.is_token("a", &token) && !one.is_token("a", ""));
    }

    #[test]
    fn one_signs_in_where_there_are_keys_or_others() {
        assert!(!Sessions::new(BTreeMap::new(), false).are_needed());
        assert!(Sessions::new(BTreeMap::new(), true).are_needed());
        assert!(!Sessions::new(BTreeMap::new(), true).are_possible());
        assert!(sessions().are_needed());
    }
}

//! Proxies that were turned away: which, why, and how often.
//!
//! A proxy with a wrong name asks again every few seconds, for ever, while its task looks well: nobody reads its log. So
//! what it was told is kept here too, for whoever looks at the whole, and is logged once. What is kept is bounded in
//! number, in length and in time: callers of all kinds reach the port.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;

use crate::{Identity, Node};

/// Kinds of callers that are told apart; what comes beyond is only known to have come.
const KEPT_MAX: usize = 256;
/// How long one is kept that does not come again. A proxy waits half a minute at most between two tries; an old Envoy two.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// Characters kept of a name or reason: more than any that means something.
const TEXT_MAX: usize = 600;

/// A proxy that asks in vain.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnedAway {
    /// The node it says it stands for; none if it was not let in so far as to say it.
    pub id: Option<String>,
    /// The name that would have served it best.
    pub name: Option<String>,
    /// Who it has proved to be, or else the address it calls from.
    pub caller: String,
    /// What it was told: what is wrong, and what to do.
    pub reason: String,
    /// How often it asked.
    pub times: u64,
}

impl TurnedAway {
    /// The first try of a proxy: by what it says of itself, the `names` that fit that, and who it is, as far as known.
    pub(crate) fn new(
        node: Option<(&Node, Vec<String>)>,
        identity: Option<&Identity>,
        peer: Option<SocketAddr>,
        reason: String,
    ) -> Self {
        let (id, names) = node.map_or((None, Vec::new()), |(node, names)| (Some(node.id.clone()), names));
        Self { id, name: names.into_iter().next(), caller: caller(identity, peer), reason, times: 1 }
    }

    fn shorten(&mut self) {
        for text in [self.id.as_mut(), self.name.as_mut(), Some(&mut self.caller), Some(&mut self.reason)] {
            let Some(text) = text else { continue };
            if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
                text.truncate(end);
            }
        }
    }
}

/// Those that were turned away of late.
#[derive(Default)]
pub(crate) struct Ledger {
    kept: BTreeMap<Key, (TurnedAway, Instant)>,
    /// When one came last for whom there was no room.
    beyond: Option<Instant>,
}

/// The node that is asked for, by whom.
type Key = (Option<String>, String);

impl Ledger {
    /// Notes one more try, at `now`.
    pub(crate) fn note(&mut self, mut one: TurnedAway, now: Instant) {
        self.forget(now);
        one.shorten();
        let full = self.kept.len() >= KEPT_MAX;
        match self.kept.entry((one.id.clone(), one.caller.clone())) {
            Entry::Occupied(mut entry) => {
                let (known, last) = entry.get_mut();
                *last = now;
                known.times += 1;
                known.reason = one.reason;
            }
            Entry::Vacant(_) if full => {
                if self.beyond.replace(now).is_none() {
                    warn!(most = KEPT_MAX, "More proxies are turned away than can be told apart.");
                }
            }
            Entry::Vacant(entry) => {
                warn!(id = one.id, caller = one.caller, reason = one.reason, "A proxy is turned away.");
                entry.insert((one, now));
            }
        }
    }

    /// Forgets those that asked for the node `id` as this caller does: it has been let in.
    pub(crate) fn clear(&mut self, id: &str, identity: &Identity, peer: Option<SocketAddr>) {
        if !self.kept.is_empty() {
            let caller = caller(Some(identity), peer);
            self.kept.remove(&(Some(id.to_owned()), caller.clone()));
            self.kept.remove(&(None, caller));
        }
    }

    /// Those that asked of late, by the nodes they asked for.
    pub(crate) fn all(&mut self, now: Instant) -> Vec<TurnedAway> {
        self.forget(now);
        self.kept.values().map(|(known, _)| known.clone()).collect()
    }

    fn forget(&mut self, now: Instant) {
        let recent = |last: &Instant| now.saturating_duration_since(*last) < KEPT_FOR;
        self.kept.retain(|_, (_, last)| recent(last));
        self.beyond = self.beyond.filter(recent);
    }
}

/// Ports are left out: each try has another.
fn caller(identity: Option<&Identity>, peer: Option<SocketAddr>) -> String {
    let name = identity.map(|identity| identity.name.as_str()).filter(|name| !name.is_empty());
    name.map_or_else(|| peer.map(|peer| peer.ip().to_string()).unwrap_or_default(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, who: &str, port: u16, reason: &str) -> TurnedAway {
        let node = Node { id: id.to_owned(), ..Node::default() };
        TurnedAway::new(Some((&node, vec![id.to_owned()])), Some(&named(who)), Some(peer(port)), reason.to_owned())
    }

    fn named(who: &str) -> Identity {
        Identity { name: who.to_owned(), ..Identity::default() }
    }

    fn peer(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn one_that_comes_again_is_one_and_is_forgotten_when_it_is_let_in_or_stays_away() {
        let (mut ledger, begin) = (Ledger::default(), Instant::now());
        ledger.note(one("a", "", 1, "no node `a`"), begin);
        ledger.note(one("a", "", 2, "no node `a` yet"), begin);
        ledger.note(one("a", "task", 3, "no node `a`"), begin);
        ledger.note(TurnedAway::new(None, None, Some(peer(4)), "prove who you are".to_owned()), begin);
        let told = |ledger: &mut Ledger, now| -> Vec<_> {
            ledger.all(now).into_iter().map(|one| (one.id, one.caller, one.times)).collect()
        };
        let a = || Some("a".to_owned());
        let here = || "127.0.0.1".to_owned();
        assert_eq!(told(&mut ledger, begin), [(None, here(), 1), (a(), here(), 2), (a(), "task".to_owned(), 1)]);
        assert_eq!(ledger.all(begin)[1].reason, "no node `a` yet");
        ledger.clear("a", &named(""), Some(peer(5)));
        assert_eq!(told(&mut ledger, begin), [(a(), "task".to_owned(), 1)]);
        assert_eq!(told(&mut ledger, begin + KEPT_FOR), []);
    }

    #[test]
    fn however_many_ask_by_however_long_names_little_is_kept() {
        let (mut ledger, begin) = (Ledger::default(), Instant::now());
        for number in 0..2 * KEPT_MAX {
            ledger.note(one(&format!("{number:ä>9000}"), &"y".repeat(9000), 1, &"x".repeat(9000)), begin);
        }
        let kept = ledger.all(begin);
        assert_eq!(kept.len(), 1, "the names are one name as far as they are kept");
        assert!([&kept[0].caller, &kept[0].reason].iter().all(|text| text.len() == TEXT_MAX));
        for number in 0..2 * KEPT_MAX {
            ledger.note(one(&number.to_string(), "", 1, "no node"), begin);
        }
        assert_eq!(ledger.all(begin).len(), KEPT_MAX);
        ledger.note(one("later", "", 1, "no node"), begin + KEPT_FOR);
        assert_eq!(ledger.all(begin + KEPT_FOR).len(), 1);
    }
}

//! Users who stay with a version: on a route that says by what, the cluster is chosen by a hash of it, as Envoy chooses.
//!
//! The hash of a key falls somewhere among the weights, which lie one behind the other in the order of the clusters. Where
//! two clusters share the same sum of weights the boundary between them moves one way while the share of one grows: so
//! whoever is there stays there. It is Envoy's hash (XXH64), so both data planes send a user to the same version. A
//! request without the key has its turn like any other.

use twox_hash::XxHash64;

use super::{halves, routes::Forward, view::RequestView};
use crate::{core::Core, format::Lookup as _, model::StickyKey};

/// What is chosen for a request.
pub(super) struct Chosen {
    /// The number of the cluster.
    pub(super) turn: usize,
    /// The group of users that is counted apart; none where users do not stay.
    pub(super) group: Option<usize>,
    /// The user is in the first half.
    pub(super) first_half: bool,
}

/// Chooses for a request on a route.
pub(super) fn choose(forward: &Forward, view: &RequestView<'_>, core: &Core) -> Chosen {
    let Some(key) = &forward.settings.sticky else {
        let turn = forward.turn().unwrap_or(0);
        return Chosen { turn, group: None, first_half: halves::is_first(view.request, core) };
    };
    match hash(key, view) {
        Some(user) => Chosen {
            turn: place(user, forward.settings.clusters.iter().map(|cluster| cluster.weight)).unwrap_or(0),
            group: Some(halves::group(user)),
            first_half: halves::is_user_first(user, core),
        },
        // Who is not known is a user of his own.
        None => Chosen {
            turn: forward.turn().unwrap_or(0),
            group: Some(halves::group(core.random())),
            first_half: halves::is_first(view.request, core),
        },
    }
}

/// Where a hash falls among weights.
fn place(hash: u64, weights: impl Iterator<Item = u32> + Clone) -> Option<usize> {
    let sum: u64 = weights.clone().map(u64::from).sum();
    let mut left = hash.checked_rem(sum)?;
    let mut weights = weights.map(u64::from);
    weights.position(|weight| match left.checked_sub(weight) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

fn hash(key: &StickyKey, view: &RequestView<'_>) -> Option<u64> {
    match key {
        StickyKey::Header(name) => {
            let mut values: Vec<Vec<u8>> = Vec::new();
            view.each(name, &mut |value| values.push(value.to_vec()));
            // In no order that a hop on the way could change; each begins with the hash of those before, as Envoy does it.
            values.sort_unstable();
            (!values.is_empty()).then(|| values.iter().fold(0, |seed, value| XxHash64::oneshot(seed, value)))
        }
        StickyKey::Cookie(name) => {
            let mut found = None;
            view.each("cookie", &mut |line| {
                found = found.or_else(|| cookie(line, name.as_bytes()).map(|value| XxHash64::oneshot(0, value)));
            });
            found
        }
    }
}

/// The value of the first cookie of this name in a field, without its quotation marks; none if it is empty.
fn cookie<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut pairs = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii_start);
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))?.trim_ascii_end();
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    (!bare.is_empty()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(percent: u32) -> [u32; 2] {
        [100 - percent, percent]
    }

    proptest! {
        #[test]
        fn who_has_come_to_a_version_stays_there_while_its_share_grows(hash: u64, low in 0_u32..=100, high in 0_u32..=100) {
            let (low, high) = (low.min(high), low.max(high));
            let at = |weights: [u32; 2]| place(hash, weights.into_iter()).unwrap();
            prop_assert!(at(share(low)) <= at(share(high)));
            // The same where the new version stands before the old one.
            let [old, new] = share(low);
            let [older, newer] = share(high);
            prop_assert!(at([new, old]) >= at([newer, older]));
        }

        #[test]
        fn who_has_no_weight_is_never_chosen(hash: u64, weights in proptest::collection::vec(0_u32..12, 1..6)) {
            if let Some(place) = place(hash, weights.iter().copied()) {
                prop_assert!(weights[place] > 0);
            } else {
                prop_assert_eq!(weights.iter().sum::<u32>(), 0);
            }
        }
    }

    #[test]
    fn shares_are_those_of_users() {
        let users = (0..10_000).map(|user| XxHash64::oneshot(0, format!("user{user}").as_bytes()));
        let new = users.filter(|hash| place(*hash, share(30).into_iter()) == Some(1)).count();
        assert!((2850..3150).contains(&new), "{new}");
    }

    #[test]
    fn a_cookie_is_read_as_it_is_meant() {
        for (line, value) in [
            ("ring=a", Some("a")),
            ("one=1; ring=a; two=2", Some("a")),
            ("ring=\"a b\"", Some("a b")),
            ("ring=a; ring=b", Some("a")),
            ("string=a", None),
            ("ring=", None),
            ("ring=\"\"", None),
            ("ring", None),
            ("", None),
        ] {
            assert_eq!(cookie(line.as_bytes(), b"ring"), value.map(str::as_bytes), "{line}");
        }
    }
}

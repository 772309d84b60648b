//! Which of two random halves a request's user falls into: what the A/A test of a canary rests on.
//!
//! Whoever judges canaries takes failures for independent, and retries and users who meet the same fault again are not.
//! If all requests of a user, and all attempts of a request, are on one side, then how unevenly failures fall to the
//! sides shows how many of them come from one cause.
//!
//! A user is known by what he proves, else by his cookies, else by the address that the first proxy saw; a request
//! without any of these is a user of its own. Sides are drawn anew each minute, so that one busy user with a fault of
//! his own does not make the sides differ for good. All proxies draw the same.
//!
//! Where users stay with a version that is not enough: whoever meets a fault again and again does so on one side for as
//! long as the canary lasts, and a minute shows little of it. There users are also counted in groups that stay the same.

use crate::{
    core::Core,
    http::{Name, Request},
    stats::GROUPS,
};

/// How long a user stays on a side, in milliseconds.
const EPOCH_MILLIS: i64 = 64_000;
/// Bytes of what a user is known by that are looked at.
const KNOWN_BY_MAX: usize = 1024;

/// Whether the user is in the first half now.
pub(crate) fn is_first(request: &Request, core: &Core) -> bool {
    let known_by = [Name::Authorization, Name::Cookie, Name::XForwardedFor];
    match known_by.into_iter().find_map(|name| request.value(name)) {
        Some(known_by) => side(known_by, epoch(core)),
        None => core.random() & 1 == 0,
    }
}

/// Whether the user with this hash is in the first half now.
pub(crate) fn is_user_first(user: u64, core: &Core) -> bool {
    side(&user.to_be_bytes(), epoch(core))
}

/// The group of the user with this hash, for good. Which version he is with says nothing of it.
pub(crate) fn group(user: u64) -> usize {
    // Versions are chosen by the remainder of the hash, which is what must not show here.
    let mixed = (user ^ (user >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 58).expect("six bits") % GROUPS
}

fn epoch(core: &Core) -> u64 {
    u64::try_from(core.time_of_day().as_millis() / EPOCH_MILLIS).unwrap_or(0)
}

/// The side of a user in an epoch, at random for who does not look for a pattern (after splitmix64).
fn side(known_by: &[u8], epoch: u64) -> bool {
    let mut state = epoch.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut take = |word: u64| state = (state ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29);
    let (words, rest) = known_by[..known_by.len().min(KNOWN_BY_MAX)].as_chunks();
    for word in words {
        take(u64::from_be_bytes(*word));
    }
    if !rest.is_empty() {
        take(rest.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }
    let mixed = (state ^ (state >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) & 1 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_users_are_on_each_side_and_half_of_those_change_it() {
        let users: Vec<String> = (0..4000).map(|user| format!("10.1.{}.{}", user / 256, user % 256)).collect();
        let first = |epoch| users.iter().map(|user| side(user.as_bytes(), epoch)).collect::<Vec<_>>();
        let (now, next) = (first(28_000_000), first(28_000_001));
        let on_first = now.iter().filter(|side| **side).count();
        let changed = now.iter().zip(&next).filter(|(now, next)| now != next).count();
        assert!((1850..2150).contains(&on_first) && (1850..2150).contains(&changed), "{on_first} {changed}");
        assert_eq!(first(28_000_000), now, "a user stays");
    }

    #[test]
    fn groups_are_alike_among_the_users_of_each_version() {
        let users: Vec<u64> = (0..200_000).map(|user: u64| side_hash(user)).collect();
        for version in [0..5, 5..100] {
            let mut groups = [0_usize; GROUPS];
            let own = users.iter().filter(|user| version.contains(&(*user % 100)));
            own.for_each(|user| groups[group(*user)] += 1);
            let mean = groups.iter().sum::<usize>() / GROUPS;
            assert!(groups.iter().all(|count| count.abs_diff(mean) < mean / 2), "{version:?}: {groups:?}");
        }
    }

    fn side_hash(user: u64) -> u64 {
        twox_hash::XxHash64::oneshot(0, &user.to_be_bytes())
    }
}

//! Bytes that are nearly what a reader expects: seeds with a few things changed, the same ones in every run.

use crate::Target;

/// The most changes to one input.
const CHANGES_MAX: usize = 6;
/// The longest input.
const LENGTH_MAX: usize = 8 * 1024;
/// Inputs that are kept to be changed further.
const KEPT_MAX: usize = 256;
/// Bytes that mean something to somebody.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"%",
    b"/",
    b"..",
    b"\\",
    b";",
    b",",
    b"\"",
    b"'",
    b"(",
    b")",
    b"{",
    b"}",
    b"[",
    b"]",
    b"!",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"\xff\xff\xff\xff",
    b"\x80",
    b"\xc3\xa9",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Connection: close\r\n",
    b"0\r\n\r\n",
    b"%2e",
    b"%00",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"!Sub",
    b"!Ref",
    b"${",
    b"AND",
    b"=",
    b"<",
    b">",
    b"\\x",
    b"*",
    b"&",
];

/// Numbers that look random and are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }
}

/// Gives `target` its seeds, and `count` inputs made from them by `seed`.
///
/// # Panics
/// When the target does; what it was given is printed before.
pub fn run(target: Target, seeds: &[Vec<u8>], seed: u64, count: usize) {
    let mut numbers = Numbers(seed);
    let mut kept: Vec<Vec<u8>> = seeds.to_vec();
    kept.push(Vec::new());
    for seed in seeds {
        attempt(target, seed);
    }
    for _ in 0..count {
        let mut input = kept[numbers.below(kept.len())].clone();
        for _ in 0..=numbers.below(CHANGES_MAX) {
            change(&mut input, &kept, &mut numbers);
        }
        input.truncate(LENGTH_MAX);
        attempt(target, &input);
        // Some go further from the seeds.
        if numbers.below(8) == 0 {
            let place = if kept.len() < KEPT_MAX { kept.len() } else { seeds.len() + numbers.below(KEPT_MAX / 2) };
            if place < kept.len() { kept[place] = input } else { kept.push(input) }
        }
    }
}

fn attempt(target: Target, input: &[u8]) {
    /// Says what was given when the target does not come back.
    struct Given<'a>(&'a [u8]);
    impl Drop for Given<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("given: {:?}", self.0.escape_ascii().to_string());
            }
        }
    }
    let given = Given(input);
    target(given.0);
}

fn change(input: &mut Vec<u8>, others: &[Vec<u8>], numbers: &mut Numbers) {
    let place = numbers.below(input.len() + 1);
    let end = (place + 1 + numbers.below(16)).min(input.len());
    match numbers.below(9) {
        0 if place < input.len() => input[place] ^= 1 << numbers.below(8),
        1 if place < input.len() => input[place] = numbers.next().to_le_bytes()[0],
        2 => drop(input.drain(place..end)),
        3 => {
            let copy = input[place..end].to_vec();
            let to = numbers.below(input.len() + 1);
            input.splice(to..to, copy);
        }
        4 => {
            let token = TOKENS[numbers.below(TOKENS.len())];
            input.splice(place..place, token.iter().copied());
        }
        5 => {
            let token = TOKENS[numbers.below(TOKENS.len())];
            input.splice(place..end, token.iter().copied());
        }
        6 => {
            let other = &others[numbers.below(others.len())];
            let from = numbers.below(other.len() + 1);
            input.truncate(place);
            input.extend_from_slice(&other[from..]);
        }
        7 => {
            let times = 1 << numbers.below(8);
            let copy = input[place..end].repeat(times);
            input.splice(place..place, copy);
        }
        _ => input.truncate(place),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local!(static SEEN: RefCell<Vec<Vec<u8>>> = RefCell::default());

    fn remember(input: &[u8]) {
        SEEN.with_borrow_mut(|seen| seen.push(input.to_vec()));
    }

    #[test]
    fn the_same_number_makes_the_same_inputs_and_most_are_new() {
        let seeds = [b"GET / HTTP/1.1\r\n\r\n".to_vec()];
        let once = |seed| {
            run(remember, &seeds, seed, 1000);
            SEEN.take()
        };
        let (first, second, other) = (once(1), once(1), once(2));
        assert_eq!(first, second);
        assert_ne!(first, other);
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert!(different.len() > 800 && first.iter().all(|input| input.len() <= LENGTH_MAX), "{}", different.len());
    }
}

//! Pages of a list, as `maxResults` and `nextToken` cut them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// The token is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pagination token is not valid; list again without it")]
pub struct BadToken;

/// The page of `items` after `token`, at most `limit` long, in the order of their positions; and the token of the page
/// after it.
///
/// A token holds the position of the last item seen, and the next page is what comes behind it. So items that come or go
/// between two pages, the last one seen among them, make no other item be missed or shown twice.
pub fn page<T, P: Ord + Serialize + DeserializeOwned>(
    mut items: Vec<T>,
    position: impl Fn(&T) -> P,
    limit: usize,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), BadToken> {
    items.sort_by_cached_key(&position);
    if let Some(token) = token {
        let last: P = read(token)?;
        items.drain(..items.partition_point(|item| position(item) <= last));
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| write(&position(last))).transpose()?;
    Ok((items, next))
}

fn read<P: DeserializeOwned>(token: &str) -> Result<P, BadToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
    serde_json::from_slice(&bytes).map_err(|_| BadToken)
}

fn write<P: Serialize>(position: &P) -> Result<String, BadToken> {
    let bytes = serde_json::to_vec(position).map_err(|_| BadToken)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    fn named(name: &&str) -> String {
        (*name).to_owned()
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let items = || vec!["a", "b", "c", "d", "e"];
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let (page, next) = page(items(), named, 2, token.as_deref()).unwrap();
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, items());
    }

    #[test]
    fn what_comes_and_goes_between_two_pages_moves_nothing_else() {
        let (first, token) = page(vec!["b", "d", "f", "h"], named, 2, None).unwrap();
        assert_eq!(first, ["b", "d"]);
        // The last one seen is gone, and so is one to come; others came before and behind.
        let (second, token) = page(vec!["a", "b", "e", "h", "i"], named, 2, token.as_deref()).unwrap();
        assert_eq!(second, ["e", "h"]);
        let (third, token) = page(vec!["i"], named, 2, token.as_deref()).unwrap();
        assert_eq!((third, token), (vec!["i"], None));
    }

    #[test]
    fn a_list_may_run_backward() {
        let newest_first = |time: &u64| Reverse(*time);
        let (first, token) = page(vec![1, 2, 3, 4], newest_first, 2, None).unwrap();
        assert_eq!(first, [4, 3]);
        let (second, token) = page(vec![1, 2, 5], newest_first, 2, token.as_deref()).unwrap();
        assert_eq!((second, token), (vec![2, 1], None));
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let (_, numbers) = page(vec![1, 2], |number| *number, 1, None).unwrap();
        for token in ["no", "?", "", numbers.as_deref().unwrap()] {
            assert_eq!(page(vec!["a"], named, 1, Some(token)), Err(BadToken), "{token}");
        }
    }
}

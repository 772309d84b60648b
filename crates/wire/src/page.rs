//! Pages of a list, as `maxResults` and `nextToken` cut them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// The token is none of ours, or what it points at is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pagination token is not valid; list again without it")]
pub struct BadToken;

/// The page of `items` after `token`, at most `limit` long, and the token of the page after it.
///
/// A token holds the key of the last item seen, so items that come or go on other pages move nothing.
pub fn page<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    limit: usize,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), BadToken> {
    let start = match token {
        None => 0,
        Some(token) => {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
            let last = String::from_utf8(bytes).map_err(|_| BadToken)?;
            items.iter().position(|item| key(item) == last).ok_or(BadToken)? + 1
        }
    };
    let more = items.len() > start.saturating_add(limit);
    let page: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let next = page.last().filter(|_| more).map(|last| BASE64_URL_SAFE_NO_PAD.encode(key(last)));
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        let items = || vec!["a", "b", "c", "d", "e"];
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let (page, next) = page(items(), |item| (*item).to_owned(), 2, token.as_deref()).unwrap();
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, items());
        assert_eq!(page(items(), |item| (*item).to_owned(), 2, Some("no")), Err(BadToken));
    }
}

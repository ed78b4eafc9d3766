//! Pages: how many items one holds, and the opaque token that leads to the next.

use serde::{Serialize, de::DeserializeOwned};

use crate::refusal::Refusal;

const DEFAULT: usize = 50;
const MAX: usize = 1000;

/// How many items a page holds, by the request's `page_size`.
pub(crate) fn size(asked: i32) -> Result<usize, Refusal> {
    match usize::try_from(asked) {
        Err(_) => Err(Refusal::invalid("page_size", "must not be negative")),
        Ok(0) => Ok(DEFAULT),
        Ok(asked) => Ok(asked.min(MAX)),
    }
}

/// How many items to ask for, to see whether there is a page after.
pub(crate) fn with_one_more(size: usize) -> u32 {
    u32::try_from(size).map_or(u32::MAX, |size| size.saturating_add(1))
}

/// The place to go on from; `None` for the first page.
pub(crate) fn after<C: DeserializeOwned>(token: &str) -> Result<Option<C>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = hex::decode(token).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let refused = || Refusal::invalid("page_token", "is not a next_page_token of this list");
    place.map(Some).ok_or_else(refused)
}

/// The token of the page after `items`, which were asked for with one more than `size`; that one is
/// taken off. Empty when there is none.
pub(crate) fn next<T, C: Serialize>(
    items: &mut Vec<T>,
    size: usize,
    place: impl Fn(&T) -> C,
) -> String {
    if items.len() <= size {
        return String::new();
    }
    items.truncate(size);
    let last = items.last().and_then(|item| serde_json::to_vec(&place(item)).ok());
    last.map(hex::encode).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_from_the_last_item_of_the_page() {
        let mut items = vec![("a", 1), ("b", 2), ("c", 3)];
        let token = next(&mut items, 2, |item| *item);
        assert_eq!(items.len(), 2);
        assert_eq!(after::<(String, i32)>(&token).unwrap(), Some(("b".to_owned(), 2)));
    }

    #[test]
    fn the_last_page_has_no_token() {
        let mut items = vec![1, 2];
        assert_eq!(next(&mut items, 2, |item| *item), "");
        assert!(after::<i32>("").unwrap().is_none());
    }

    #[test]
    fn foreign_tokens_and_negative_sizes_are_refused() {
        assert!(after::<i32>("zz").is_err());
        assert!(after::<i32>("6162").is_err());
        assert!(size(-1).is_err());
        assert_eq!(size(100_000).unwrap(), MAX);
    }
}

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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_that_nobody_gave_is_refused_by_name(token in "[0-9a-fA-F]{0,200}|.{1,60}") {
            if token.is_empty() {
                return Ok(());
            }
            match after::<(String, u64)>(&token) {
                // Whoever writes such a token gets the page they ask for.
                Ok(place) => prop_assert!(place.is_some()),
                Err(Refusal::Invalid(fields)) => prop_assert_eq!(&fields[0].field, "page_token"),
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn a_damaged_token_leads_nowhere_or_somewhere(
            place in (".{0,30}", any::<u64>()),
            at in any::<prop::sample::Index>(),
            with in any::<char>(),
        ) {
            let token = next(&mut vec![place.clone(), place.clone()], 1, Clone::clone);
            prop_assert_eq!(after(&token).unwrap(), Some(place));
            let mut damaged: Vec<char> = token.chars().collect();
            let at = at.index(damaged.len());
            damaged[at] = with;
            drop(after::<(String, u64)>(&damaged.into_iter().collect::<String>()));
        }
    }

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

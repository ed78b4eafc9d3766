//! Owns query parameters and paging.
//!
//! Arrays are written `name[]=a&name[]=b`. A page holds 25 unless told otherwise and never over 100;
//! nothing beyond the ten-thousandth element can be reached.

use serde_json::{Map, Value, json};

use super::strict::INCLUDE;
use crate::refusal::Refusal;

const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;
const MAX_REACH: usize = 10_000;

/// The parameters of a call, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.0.iter().filter(|(found, _)| found == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub(crate) fn include(&self) -> Vec<&str> {
        self.all(INCLUDE)
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    limit: usize,
    offset: usize,
    total: bool,
}

impl Page {
    pub(crate) fn read(query: &Query) -> Result<Self, Refusal> {
        let number = |name: &str, default: usize| match query.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| Refusal::Invalid(vec![format!("{name} must be a number.")])),
        };
        let limit = number("limit", DEFAULT_LIMIT)?.clamp(1, MAX_LIMIT);
        let offset = number("offset", 0)?;
        if offset.saturating_add(limit) > MAX_REACH {
            return Err(Refusal::invalid("Offset must be less than or equal to 10000 - limit."));
        }
        Ok(Self { limit, offset, total: query.flag("total") })
    }

    /// Writes one page of a list.
    pub(crate) fn cut<T>(self, name: &str, items: &[T], shape: impl Fn(&T) -> Value) -> Value {
        let page: Vec<_> = items.iter().skip(self.offset).take(self.limit).map(shape).collect();
        let more = items.len() > self.offset.saturating_add(page.len());
        let mut out = Map::new();
        out.insert(name.to_owned(), Value::Array(page));
        out.insert("limit".to_owned(), json!(self.limit));
        out.insert("offset".to_owned(), json!(self.offset));
        out.insert("more".to_owned(), json!(more));
        out.insert("total".to_owned(), json!(self.total.then_some(items.len())));
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    /// §3.6, paging.
    #[test]
    fn a_page_is_capped_and_says_whether_there_is_more() {
        let items: Vec<u32> = (0..150).collect();
        let page = Page::read(&query(&[("limit", "500"), ("total", "true")])).unwrap();
        let out = page.cut("items", &items, |it| json!(it));
        assert_eq!(out["items"].as_array().unwrap().len(), 100);
        assert_eq!((&out["more"], &out["total"]), (&json!(true), &json!(150)));
        let rest = Page::read(&query(&[("limit", "100"), ("offset", "100")])).unwrap();
        let out = rest.cut("items", &items, |it| json!(it));
        assert_eq!(out["items"].as_array().unwrap().len(), 50);
        assert_eq!((&out["more"], &out["total"]), (&json!(false), &Value::Null));
    }

    #[test]
    fn nothing_beyond_ten_thousand_can_be_reached() {
        assert!(Page::read(&query(&[("limit", "100"), ("offset", "9900")])).is_ok());
        assert!(Page::read(&query(&[("limit", "100"), ("offset", "9901")])).is_err());
    }
}

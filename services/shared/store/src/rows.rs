//! Turning stored values into domain values, and batches into parameters.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

use crate::StoreError;

/// Where a stored value lies, for the error that says it cannot be understood.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) row: Uuid,
}

impl Place {
    pub(crate) fn broken(
        self,
        column: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Inconsistent { table: self.table, row: self.row, column, source: source.into() }
    }

    /// A text column as a domain value.
    pub(crate) fn text<T>(self, column: &'static str, text: String) -> Result<T, StoreError>
    where
        T: TryFrom<String>,
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        T::try_from(text).map_err(|error| self.broken(column, error))
    }

    /// A JSON column as a domain value.
    pub(crate) fn json<T: DeserializeOwned>(
        self,
        column: &'static str,
        value: serde_json::Value,
    ) -> Result<T, StoreError> {
        serde_json::from_value(value).map_err(|error| self.broken(column, error))
    }

    /// A JSON column that was read as text, as a domain value.
    pub(crate) fn raw<T: DeserializeOwned>(
        self,
        column: &'static str,
        value: &Raw,
    ) -> Result<T, StoreError> {
        serde_json::from_str(value.0.get()).map_err(|error| self.broken(column, error))
    }

    /// A column that holds the name of one of a few values.
    pub(crate) fn named<T: Copy>(
        self,
        column: &'static str,
        name: &str,
        all: &[T],
        name_of: impl Fn(T) -> &'static str,
    ) -> Result<T, StoreError> {
        let found = all.iter().copied().find(|value| name_of(*value) == name);
        found.ok_or_else(|| self.broken(column, format!("{name:?} is none of the known ones")))
    }

    /// A counter column.
    pub(crate) fn count(self, column: &'static str, value: i64) -> Result<u64, StoreError> {
        u64::try_from(value).map_err(|error| self.broken(column, error))
    }
}

/// JSON as text, on its way to Postgres or from there: what is read and written with every event is
/// not made into a tree of values in between.
pub(crate) type Raw = Json<Box<RawValue>>;

/// A batch as one JSON parameter.
pub(crate) fn batch<T: Serialize>(rows: &[T]) -> Result<Raw, StoreError> {
    serde_json::value::to_raw_value(rows).map(Json).map_err(StoreError::Json)
}

/// One column of a batch. Statements of the way every event goes take a parameter for each column:
/// that is several times as fast as one JSON document with all of them, which Postgres would take
/// apart key by key.
pub(crate) fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// A value as the text of a JSON column. Such columns take every text, but whoever looks into them
/// cannot read one with a NUL character.
pub(crate) fn text_of<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    let text = serde_json::to_string(value).map_err(StoreError::Json)?;
    if holds_nul(&text) {
        let cause = "a text holds a NUL character, which cannot be stored";
        return Err(StoreError::Json(serde::ser::Error::custom(cause)));
    }
    Ok(text)
}

/// Whether a string in a JSON text holds a NUL character.
fn holds_nul(text: &str) -> bool {
    let escaped = |place: usize| {
        let before = text.as_bytes().get(..place).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
    };
    text.match_indices("\\u0000").any(|(place, _)| !escaped(place))
}

/// A value that JSON writes as one word, as that word.
pub(crate) fn word<T: Serialize>(value: T) -> Result<String, StoreError> {
    let json = serde_json::to_value(value).map_err(StoreError::Json)?;
    Ok(json.as_str().unwrap_or_default().to_owned())
}

/// A counter as Postgres holds it; counters never come near its end.
pub(crate) fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_character_is_told_from_a_text_about_one() {
        assert!(text_of("a\0b").is_err_and(|error| error.is_poison()));
        assert!(text_of("\\\0").is_err());
        assert_eq!(text_of(r"a\u0000b").unwrap(), r#""a\\u0000b""#);
        assert_eq!(text_of("").unwrap(), r#""""#);
    }
}

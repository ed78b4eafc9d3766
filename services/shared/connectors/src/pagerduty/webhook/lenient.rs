//! Reading JSON that may hold something else than expected, in one pass and without copies.
//!
//! New fields and odd values must never cost us an event, so each type here takes any JSON value
//! whatever: one of another shape counts as absent and is skipped without being built or descended
//! into. What is left to fail is the JSON itself.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use tandem_domain::field::Value;

/// A text; numbers and truth values count as what they look like.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Text<'a> {
    text: Option<Cow<'a, str>>,
}

impl Text<'_> {
    /// The text as it was sent; an empty one counts as absent.
    pub(super) fn raw(&self) -> Option<&str> {
        self.text.as_deref().filter(|text| !text.is_empty())
    }

    /// The text as it can be stored: Postgres takes no NUL.
    pub(super) fn clean(&self) -> Option<String> {
        self.raw().map(|text| text.replace('\0', "\u{fffd}"))
    }
}

/// One text or several; null is none of them, which is not the same as absent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Texts<'a> {
    texts: Option<Vec<Cow<'a, str>>>,
}

impl Texts<'_> {
    /// The texts with commas between them, empty where there are none; `None` where nothing that
    /// can be read was sent.
    pub(super) fn joined(&self) -> Option<Value> {
        let texts = self.texts.as_ref()?.iter().filter(|text| !text.is_empty());
        let texts: Vec<_> = texts.map(|text| text.replace('\0', "\u{fffd}")).collect();
        Some((!texts.is_empty()).then(|| texts.join(", ")))
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object<T> {
    object: Option<T>,
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self { object: None }
    }
}

impl<T> Object<T> {
    /// The object, if it was one.
    pub(super) const fn get(&self) -> Option<&T> {
        self.object.as_ref()
    }
}

/// A list; only its first elements are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<T> {
    list: Option<Vec<T>>,
}

/// Far more assignees or changed fields than anybody reads; bounds the memory a body can claim.
const KEPT: usize = 64;

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { list: None }
    }
}

impl<T> List<T> {
    /// The list, if it was one.
    pub(super) fn get(&self) -> Option<&[T]> {
        self.list.as_deref()
    }

    /// Its elements, none if it was no list.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.list.iter().flatten()
    }
}

/// What a type makes of each shape a value can have; the default is absence.
trait Shape<'de>: Default {
    fn text(_text: Cow<'de, str>) -> Self {
        Self::default()
    }

    fn null() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl<'de: 'a, 'a> Shape<'de> for Text<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self { text: Some(text) }
    }
}

impl<'de: 'a, 'a> Shape<'de> for Texts<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self { texts: Some(vec![text]) }
    }

    fn null() -> Self {
        Self { texts: Some(Vec::new()) }
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let texts = <List<Text<'a>> as Shape<'de>>::list(list)?;
        let texts = texts.list.into_iter().flatten().filter_map(|text| text.text);
        Ok(Self { texts: Some(texts.collect()) })
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for Object<T> {
    fn object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Self { object: Some(object) })
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for List<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < KEPT {
            let Some(element) = list.next_element()? else {
                return Ok(Self { list: Some(kept) });
            };
            kept.push(element);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self { list: Some(kept) })
    }
}

/// Takes a value of any shape.
struct Any<S> {
    shape: PhantomData<S>,
}

impl<'de, S: Shape<'de>> Visitor<'de> for Any<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<S, E> {
        Ok(S::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<S, E> {
        Ok(S::text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<S, E> {
        Ok(S::text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<S, E> {
        Ok(S::text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<S, E> {
        Ok(S::text(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<S, E> {
        Ok(S::text(Cow::Borrowed(if truth { "true" } else { "false" })))
    }

    fn visit_unit<E>(self) -> Result<S, E> {
        Ok(S::null())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S, A::Error> {
        S::object(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<S, A::Error> {
        S::list(list)
    }
}

macro_rules! taken_in_any_shape {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Any { shape: PhantomData })
            }
        }
    )*};
}

taken_in_any_shape! {
    ['de: 'a, 'a] Text<'a>;
    ['de: 'a, 'a] Texts<'a>;
    ['de, T: Deserialize<'de>] Object<T>;
    ['de, T: Deserialize<'de>] List<T>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        serde_json::from_str::<Text<'_>>(json).unwrap().clean()
    }

    #[test]
    fn a_text_takes_any_value_and_keeps_what_reads_as_text() {
        assert_eq!(text(r#""a\u0000b""#).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(text("12").as_deref(), Some("12"));
        assert_eq!(text("-1.5").as_deref(), Some("-1.5"));
        assert_eq!(text("true").as_deref(), Some("true"));
        for absent in ["null", "\"\"", "{\"a\":[1,{}]}", "[[],2]"] {
            assert_eq!(text(absent), None, "{absent}");
        }
    }

    #[test]
    fn several_texts_are_joined_and_none_is_not_the_same_as_nothing() {
        let joined = |json: &str| serde_json::from_str::<Texts<'_>>(json).unwrap().joined();
        for (json, text) in [(r#"["a",2,true,{}]"#, "a, 2, true"), ("1.5", "1.5"), ("\"x\"", "x")] {
            assert_eq!(joined(json), Some(Some(text.to_owned())));
        }
        for empty in ["null", "[]", "\"\"", "[null]"] {
            assert_eq!(joined(empty), Some(None), "{empty}");
        }
        assert_eq!(joined("{}"), None);
        assert_eq!(Texts::default().joined(), None);
    }

    #[test]
    fn objects_and_lists_of_another_shape_count_as_absent() {
        for json in ["null", "1", "\"x\"", "[{}]"] {
            assert_eq!(serde_json::from_str::<Object<IgnoredAny>>(json).unwrap().get(), None);
        }
        for json in ["null", "1", "\"x\"", "{\"a\":1}"] {
            assert_eq!(serde_json::from_str::<List<IgnoredAny>>(json).unwrap().get(), None);
        }
        assert!(serde_json::from_str::<Object<IgnoredAny>>("{}").unwrap().get().is_some());
        let many = format!("[{}0]", "0,".repeat(1000));
        assert_eq!(serde_json::from_str::<List<IgnoredAny>>(&many).unwrap().iter().count(), KEPT);
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(text(&deep), None);
        assert!(serde_json::from_str::<Text<'_>>(&"[".repeat(100_000)).is_err());
    }
}

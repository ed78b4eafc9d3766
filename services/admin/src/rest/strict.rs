//! JSON in which an object is an object: what is derived also takes a list of an object's values in the
//! order in which they happen to be declared, which no document tells of.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Visitor},
};

/// A value that was read so.
pub(super) struct Strict<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Within(deserializer)).map(Self)
    }
}

/// Whatever is handed on, for everything below it.
struct Within<I>(I);

macro_rules! asked {
    ($($method:ident($($given:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($given: $type,)* visitor: V) -> Result<V::Value, I::Error> {
            self.0.$method($($given,)* Within(visitor))
        }
    )*};
}

impl<'de, I: Deserializer<'de>> Deserializer<'de> for Within<I> {
    type Error = I::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, I::Error> {
        self.0.deserialize_map(Within(visitor))
    }

    asked! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}

macro_rules! told {
    ($($method:ident($type:ty);)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<I::Value, E> {
            self.0.$method(value)
        }
    )*};
}

impl<'de, I: Visitor<'de>> Visitor<'de> for Within<I> {
    type Value = I::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    told! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
    }

    fn visit_none<E: Error>(self) -> Result<I::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<I::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<I::Value, D::Error> {
        self.0.visit_some(Within(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<I::Value, D::Error> {
        self.0.visit_newtype_struct(Within(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<I::Value, A::Error> {
        self.0.visit_seq(Within(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<I::Value, A::Error> {
        self.0.visit_map(Within(members))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<I::Value, A::Error> {
        self.0.visit_enum(variant)
    }
}

impl<'de, I: DeserializeSeed<'de>> DeserializeSeed<'de> for Within<I> {
    type Value = I::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<I::Value, D::Error> {
        self.0.deserialize(Within(deserializer))
    }
}

impl<'de, I: SeqAccess<'de>> SeqAccess<'de> for Within<I> {
    type Error = I::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, I::Error> {
        self.0.next_element_seed(Within(seed))
    }
}

impl<'de, I: MapAccess<'de>> MapAccess<'de> for Within<I> {
    type Error = I::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, I::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, I::Error> {
        self.0.next_value_seed(Within(seed))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        text: Option<String>,
        number: u32,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outer {
        one: Inner,
        maybe: Option<Inner>,
        many: Vec<Inner>,
        named: BTreeMap<String, Inner>,
        any: serde_json::Value,
    }

    fn read(json: &str) -> Result<Outer, String> {
        let read: Result<Strict<Outer>, _> = serde_json::from_str(json);
        read.map(|Strict(outer)| outer).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_an_object_is_read_as_ever() {
        let json = r#"{"one": {"text": "a"}, "maybe": null, "many": [{"number": 1}, {}],
            "named": {"x": {"text": null, "number": 2}}, "any": [1, [2.5, true], {"y": "z"}]}"#;
        assert_eq!(read(json), Ok(serde_json::from_str::<Outer>(json).unwrap()));
    }

    #[test]
    fn a_list_is_no_object_wherever_it_stands() {
        for json in [
            "[]",
            r#"{"one": ["a", 1]}"#,
            r#"{"maybe": ["a"]}"#,
            r#"{"many": [[]]}"#,
            r#"{"named": {"x": ["a"]}}"#,
        ] {
            assert!(serde_json::from_str::<Outer>(json).is_ok(), "{json} is what is meant");
            let told = read(json).unwrap_err();
            assert!(told.starts_with("invalid type: sequence, expected struct "), "{told}");
        }
    }
}

//! Custom fields, which are labels on the platform: their values as text, and back by their type.
//!
//! A value is shown as people write it: a text as it is, a number or truth value in its usual form,
//! several values with commas between them. A field that is there but not set is empty; a field
//! that the account does not have is not observed.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tandem_domain::{
    field::{LabelName, Value},
    lens::Foreign,
};

/// A custom field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomField {
    /// What it holds.
    pub value: Foreign,
    data_type: String,
    several: bool,
}

/// The custom fields in an answer or a record, by name; none where it shows none.
pub fn custom_fields(of: &Json) -> Option<BTreeMap<LabelName, CustomField>> {
    let fields = of.get("custom_fields")?.as_array()?;
    Some(fields.iter().filter_map(custom_field).collect())
}

fn custom_field(field: &Json) -> Option<(LabelName, CustomField)> {
    let text = |name| field.get(name).and_then(Json::as_str).unwrap_or_default();
    let name = text("name").parse().ok()?;
    let value = Foreign { value: shown(field.get("value")?), label: None };
    let several = text("field_type").starts_with("multi_value");
    Some((name, CustomField { value, data_type: text("data_type").to_owned(), several }))
}

/// A value as text; what is neither text, number nor truth value is shown as nothing.
fn shown(value: &Json) -> Value {
    let one = |value: &Json| match value {
        Json::String(text) if !text.is_empty() => Some(text.replace('\0', "\u{FFFD}")),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Json::Array(values) => {
            let values: Vec<_> = values.iter().filter_map(one).collect();
            (!values.is_empty()).then(|| values.join(", "))
        }
        value => one(value),
    }
}

impl CustomField {
    /// A text as a value of this field. One that does not fit its type stays a text: the far side
    /// then says what is wrong with it.
    pub fn json(&self, value: &Value) -> Json {
        let Some(text) = value.as_deref() else { return Json::Null };
        if self.several {
            text.split(',').map(|one| self.one(one.trim())).collect()
        } else {
            self.one(text)
        }
    }

    fn one(&self, text: &str) -> Json {
        let typed = match &*self.data_type {
            "boolean" => text.trim().to_lowercase().parse().ok().map(Json::Bool),
            "integer" => text.trim().parse::<i64>().ok().map(Json::from),
            "float" => text.trim().parse::<f64>().ok().map(Json::from),
            _ => None,
        };
        typed.unwrap_or_else(|| json!(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(data_type: &str, field_type: &str, value: &Json) -> CustomField {
        let answer = json!({ "custom_fields": [{
            "id": "PF1", "name": "region", "data_type": data_type, "field_type": field_type,
            "value": value,
        }] });
        let name: LabelName = "region".parse().unwrap();
        custom_fields(&answer).unwrap().remove(&name).unwrap()
    }

    #[test]
    fn each_type_is_shown_as_text_and_written_back_as_it_was() {
        for (data_type, field_type, value, text) in [
            ("string", "single_value", json!("eu, west"), "eu, west"),
            ("string", "single_value_fixed", json!("eu"), "eu"),
            ("string", "multi_value", json!(["a", "b"]), "a, b"),
            ("integer", "single_value", json!(-7), "-7"),
            ("integer", "multi_value_fixed", json!([1, 2]), "1, 2"),
            ("float", "single_value", json!(0.5), "0.5"),
            ("boolean", "single_value", json!(true), "true"),
            ("url", "single_value", json!("https://x.test/1"), "https://x.test/1"),
            ("datetime", "single_value", json!("2026-03-02T09:14:07Z"), "2026-03-02T09:14:07Z"),
        ] {
            let field = field(data_type, field_type, &value);
            assert_eq!(field.value, Foreign::plain(text), "{data_type}");
            assert_eq!(field.json(&Some(text.to_owned())), value, "{data_type}");
            assert_eq!(field.json(&None), Json::Null);
        }
    }

    #[test]
    fn what_is_not_set_is_empty_and_what_does_not_fit_is_left_to_the_far_side() {
        for value in [json!(null), json!(""), json!([]), json!({ "a": 1 })] {
            assert_eq!(field("string", "single_value", &value).value, Foreign::empty());
        }
        let count = field("integer", "single_value", &json!(1));
        assert_eq!(count.json(&Some("many".to_owned())), json!("many"));
        assert_eq!(custom_fields(&json!({ "incident": {} })), None);
    }
}

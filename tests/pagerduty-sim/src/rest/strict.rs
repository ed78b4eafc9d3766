//! Owns strictness: what PagerDuty silently ignores in a call, and a test must not.
//!
//! Unknown query parameters, unknown members of a body and values of the wrong type are violations;
//! they are written to the call log and do not change the answer.

use serde_json::Value;

use super::routes::Route;
use super::serve::Incoming;

/// What a value in a request has to look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Text,
    Int,
    Bool,
    Any,
    /// One of these words.
    Word(&'static [&'static str]),
    /// This, as a member that has to be there.
    Required(&'static Shape),
    /// This, or null.
    Nullable(&'static Shape),
    /// Either of two.
    Either(&'static Shape, &'static Shape),
    List(&'static Shape),
    /// These members and no others.
    Object(&'static [(&'static str, Shape)]),
}

/// The parameter that asks for more than is shown otherwise.
pub(crate) const INCLUDE: &str = "include[]";

/// A text that has to be there.
pub(crate) const TEXT: Shape = Shape::Required(&Shape::Text);

/// A reference to one of these types; what a client copies from an answer does no harm.
macro_rules! reference {
    ($($word:literal)|+) => {
        Shape::Object(&[
            ("id", crate::rest::strict::TEXT),
            ("type", Shape::Required(&Shape::Word(&[$($word),+]))),
            ("summary", Shape::Nullable(&Shape::Text)),
            ("self", Shape::Nullable(&Shape::Text)),
            ("html_url", Shape::Nullable(&Shape::Text)),
        ])
    };
}
pub(crate) use reference;

impl Shape {
    fn check(self, at: &str, value: &Value, out: &mut Vec<String>) {
        let right = match (self, value) {
            (Self::Any, _)
            | (Self::Text, Value::String(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Nullable(_), Value::Null) => true,
            (Self::Int, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Self::Word(words), Value::String(word)) => words.contains(&word.as_str()),
            (Self::Nullable(inner) | Self::Required(inner), value) => {
                return inner.check(at, value, out);
            }
            (Self::Either(one, other), value) => {
                let mut wrong = Vec::new();
                one.check(at, value, &mut wrong);
                if !wrong.is_empty() {
                    let mut wrong_too = Vec::new();
                    other.check(at, value, &mut wrong_too);
                    // Tell what is wrong with the shape that was probably meant.
                    if !wrong_too.is_empty() {
                        out.append(if value.is_object() { &mut wrong } else { &mut wrong_too });
                    }
                }
                return;
            }
            (Self::List(inner), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    inner.check(&format!("{at}[{index}]"), item, out);
                }
                return;
            }
            (Self::Object(members), Value::Object(found)) => {
                let place = |name: &str| {
                    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
                };
                for (name, shape) in members {
                    if matches!(shape, Self::Required(_)) && !found.contains_key(*name) {
                        out.push(format!("missing field: {}", place(name)));
                    }
                }
                for (name, value) in found {
                    let place = place(name);
                    match members.iter().find(|(known, _)| known == name) {
                        Some((_, shape)) => shape.check(&place, value, out),
                        None => out.push(format!("unknown field: {place}")),
                    }
                }
                return;
            }
            _ => false,
        };
        if !right {
            out.push(format!("wrong value: {at} is {}", kind(value)));
        }
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => {
            format!("the string {:?}", text.chars().take(40).collect::<String>())
        }
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Finds everything in a call that PagerDuty would silently ignore.
pub(crate) fn check(incoming: &Incoming, route: Option<&Route>) -> Vec<String> {
    let mut out = Vec::new();
    let Some(route) = route else {
        out.push(format!("no such call: {} {}", incoming.method, incoming.path));
        return out;
    };
    for name in incoming.pairs.names() {
        let known = route.query.contains(&name) || (name == INCLUDE && !route.include.is_empty());
        if !known {
            out.push(format!("unknown query parameter: {name}"));
        }
    }
    for word in incoming.pairs.include() {
        if !route.include.is_empty() && !route.include.contains(&word) {
            out.push(format!("nothing to include: {word}"));
        }
    }
    match (route.body, incoming.json()) {
        (Some(shape), Some(body)) => shape.check("", &body, &mut out),
        (Some(_), None) => out.push("the body is not JSON".to_owned()),
        (None, _) if !incoming.bytes.is_empty() => out.push("unexpected body".to_owned()),
        (None, _) => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(shape: Shape, value: &Value) -> Vec<String> {
        let mut out = Vec::new();
        shape.check("", value, &mut out);
        out
    }

    const SHAPE: Shape = Shape::Object(&[
        ("title", Shape::Text),
        ("urgency", Shape::Word(&["high", "low"])),
        ("priority", Shape::Either(&Shape::Nullable(&reference!("x")), &Shape::Text)),
        ("list", Shape::List(&Shape::Int)),
    ]);

    #[test]
    fn a_right_value_violates_nothing() {
        let right = json!({
            "title": "t", "urgency": "low", "priority": { "id": "P", "type": "x" }, "list": [1, 2],
        });
        assert!(found(SHAPE, &right).is_empty());
        assert!(found(SHAPE, &json!({ "priority": "P1" })).is_empty());
        assert!(found(SHAPE, &json!({ "priority": null })).is_empty());
    }

    #[test]
    fn misspelt_and_mistyped_members_are_named() {
        let wrong = json!({ "titel": "t", "urgency": "HIGH", "list": [1, "2"], "priority": 3 });
        let found = found(SHAPE, &wrong);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().any(|it| it == "unknown field: titel"), "{found:?}");
        assert!(found.iter().any(|it| it.starts_with("wrong value: list[1]")), "{found:?}");
    }

    #[test]
    fn a_misspelt_member_of_one_alternative_is_named() {
        let found = found(SHAPE, &json!({ "priority": { "idd": "P", "type": "x" } }));
        assert_eq!(found, ["missing field: priority.id", "unknown field: priority.idd"]);
    }
}

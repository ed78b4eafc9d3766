//! Which keys a document may hold, and which was meant where one is none of them.

use serde_json::Value;

/// What may stand at a place.
enum Shape {
    /// A value, judged elsewhere.
    Value,
    /// These members.
    Members(&'static [(&'static str, Shape)]),
    /// Any number of these.
    List(&'static Shape),
    /// Names of fields, each with this.
    Fields(&'static Shape),
    /// Any names, each with a value.
    Names,
}

const ROW: Shape = Shape::Members(&[
    ("platform", Shape::Value),
    ("external", Shape::Value),
    ("fresh", Shape::Value),
]);

const FIELD: Shape = Shape::Members(&[
    ("owner", Shape::Value),
    ("priority", Shape::Value),
    ("enforced", Shape::Value),
    ("direction", Shape::Value),
    ("external_name", Shape::Value),
    ("rows", Shape::List(&ROW)),
    ("priorities", Shape::List(&ROW)),
]);

const SCOPE: Shape = Shape::Members(&[
    ("services", Shape::Value),
    ("teams", Shape::Value),
    ("labels", Shape::Names),
    ("min_severity", Shape::Value),
    ("expression", Shape::Value),
]);

const SERVICE: Shape = Shape::Members(&[
    ("service", Shape::Value),
    ("incident_type", Shape::Value),
    ("is_default", Shape::Value),
]);

const INTEGRATION: Shape = Shape::Members(&[
    ("handle", Shape::Value),
    ("name", Shape::Value),
    ("type", Shape::Value),
    ("base_url", Shape::Value),
    ("token_env", Shape::Value),
    ("token_file", Shape::Value),
    ("signing_secret_env", Shape::Value),
    ("signing_secret_file", Shape::Value),
    ("direction", Shape::Value),
    ("enabled", Shape::Value),
    ("paused", Shape::Value),
    ("conflict_strategy", Shape::Value),
    ("rate_limit", Shape::Value),
    ("headroom", Shape::Value),
    ("backoff_multiplier", Shape::Value),
    ("from_email", Shape::Value),
    ("sync_escalations", Shape::Value),
    ("public_url", Shape::Value),
    ("scope", SCOPE),
    ("fields", Shape::Fields(&FIELD)),
    ("service_mappings", Shape::List(&SERVICE)),
    ("etag", Shape::Value),
]);

const ROOT: Shape =
    Shape::Members(&[("org", Shape::Value), ("integrations", Shape::List(&INTEGRATION))]);

const FIELDS: [&str; 6] =
    ["title", "description", "severity", "status", "assigned_to", "escalation_policy"];

/// Every key that is none, by its path.
pub(super) fn check(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    look(document, &ROOT, "", &mut wrong);
    wrong
}

/// What an integration, or a service, is called in a path.
pub(super) fn named(value: &Value, place: usize) -> String {
    format!("integrations.{}", name(value, place))
}

fn name(value: &Value, place: usize) -> String {
    let called = ["handle", "service", "platform"].iter().find_map(|key| value.get(key)?.as_str());
    called.map_or_else(|| place.to_string(), str::to_owned)
}

fn look(value: &Value, shape: &Shape, path: &str, wrong: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let here = if path.is_empty() { "the document" } else { path };
    match (shape, value) {
        // What is left empty is left out.
        (Shape::Value, _) | (_, Value::Null) | (Shape::Names, Value::Object(_)) => {}
        (Shape::Members(members), Value::Object(held)) => {
            let known: Vec<&str> = members.iter().map(|(key, _)| *key).collect();
            for (key, value) in held {
                match members.iter().find(|(known, _)| known == key) {
                    Some((_, shape)) => look(value, shape, &below(key), wrong),
                    None => wrong.push(unknown(&below(key), key, &known)),
                }
            }
        }
        (Shape::Fields(shape), Value::Object(held)) => {
            for (key, value) in held {
                if FIELDS.contains(&key.as_str()) || key.starts_with("label.") {
                    look(value, shape, &below(key), wrong);
                } else {
                    wrong.push(unknown(&below(key), key, &FIELDS));
                }
            }
        }
        (Shape::List(shape), Value::Array(held)) => {
            for (place, value) in held.iter().enumerate() {
                look(value, shape, &below(&name(value, place)), wrong);
            }
        }
        (Shape::List(_), _) => wrong.push(format!("{here}: must be a list")),
        (_, _) => wrong.push(format!("{here}: must hold keys and values")),
    }
}

fn unknown(path: &str, key: &str, known: &[&str]) -> String {
    let nearest = known.iter().max_by(|one, other| {
        let near = |known: &str| strsim::jaro_winkler(known, key);
        near(one).total_cmp(&near(other))
    });
    match nearest {
        Some(nearest) => format!("{path}: there is no such key; is {nearest} meant?"),
        None => format!("{path}: there is no such key"),
    }
}

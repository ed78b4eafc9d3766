use std::collections::BTreeSet;

use super::*;

/// The file that shows changes of the document in review.
const LOCK: &str = include_str!("../../../openapi.json");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let each = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    each.collect()
}

/// Every `$ref` of the document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn what_is_served_is_in_the_document_and_nothing_else_is() {
    let routed: BTreeSet<(String, String)> =
        routes().all.iter().map(|it| (it.method.to_owned(), it.path.to_owned())).collect();
    let served: BTreeSet<(String, String)> =
        served::SERVED.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
    let document = document();
    let told: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(routed, served, "a route that stands for no call, or a call without its route");
    assert_eq!(told, served);
    assert_eq!(routes().all.len(), served::SERVED.len(), "each once");
}

#[test]
fn every_call_that_is_no_stream_has_its_address() {
    let served: BTreeSet<&str> = served::SERVED.iter().map(|it| it.2).collect();
    for call in tandem_proto::calls() {
        let is_stream = call.contains("/Watch");
        assert_ne!(served.contains(call.as_str()), is_stream, "{call}");
    }
}

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    let reviewed: Value = serde_json::from_str(LOCK).unwrap();
    assert!(
        reviewed == document(),
        "the REST API has changed: cargo run -p tandem-admin --example openapi, and commit the file"
    );
}

#[test]
fn whatever_the_document_refers_to_is_in_it_and_whatever_is_in_it_is_referred_to() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(reference.as_str()), "nothing refers to {reference}");
        }
    }
}

#[test]
fn every_operation_is_told_in_full() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{what}: not one of a kind"
        );
        for key in ["summary", "description"] {
            assert!(!operation[key].as_str().unwrap().is_empty(), "{what}: {key}");
        }
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let named = |place: &str| -> BTreeSet<&str> {
            let of = parameters.iter().filter(|one| one["in"] == place);
            of.map(|one| one["name"].as_str().unwrap()).collect()
        };
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(named("path"), in_path.collect(), "{what}");
        for parameter in parameters {
            let text = parameter["description"].as_str().unwrap();
            assert!(!text.is_empty(), "{what}: {}", parameter["name"]);
        }
        let responses = operation["responses"].as_object().unwrap();
        for status in ["401", "403", "422", "429", "500", "503"] {
            assert!(responses.contains_key(status), "{what}: {status}");
        }
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
    }
}

#[test]
fn every_field_is_told_in_words() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name}.{field}");
        }
    }
}

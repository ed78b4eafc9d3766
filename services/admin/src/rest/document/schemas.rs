//! Schemas with what the `.proto` files say of their fields: descriptions, the words of enums, instants.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tandem_proto::{
    told::{Field, Kind, Message, Told},
    words,
};

use super::Generators;

/// What gRPC says that HTTP says in another way.
const IN_REST: [(&str, &str); 8] = [
    ("NOT_FOUND", "404"),
    ("ALREADY_EXISTS", "409"),
    ("FAILED_PRECONDITION", "409"),
    ("ABORTED", "412"),
    ("INVALID_ARGUMENT", "422"),
    ("PERMISSION_DENIED", "403"),
    ("UNAVAILABLE", "503"),
    ("`org`", "`organization_id`"),
];
/// Fields that have another name in a body than in the contract.
const RENAMED: [(&str, &str); 4] = [
    ("organization_id", "org"),
    ("integration_type", "type"),
    ("sync_direction", "direction"),
    ("schedule_id", "schedule"),
];
/// Types that are a message's by another name.
const TYPES: [(&str, &str); 3] =
    [("ConfiguredScope", "Scope"), ("ScopeChanged", "Scope"), ("ConfiguredRow", "MappingRow")];

/// The schemas of the document by name.
pub(super) struct Schemas<'a> {
    told: &'a Told,
    all: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(told: &'a Told) -> Self {
        Self { told, all: BTreeMap::new() }
    }

    /// Adds a schema whose fields are those of a message, if any.
    pub(super) fn put(&mut self, name: &str, message: Option<&str>, mut schema: Value) {
        let message = message.and_then(|message| self.told.message(message));
        self.enrich(message, &mut schema);
        self.all.insert(name.to_owned(), schema);
    }

    /// Adds the schema of an answer, and gives its name: that of its type, or of the message that the
    /// call answers, where the type is its handler's own.
    pub(super) fn answer(
        &mut self,
        of_type: Option<String>,
        output: &str,
        schema: Value,
    ) -> String {
        let name = of_type.unwrap_or_else(|| output.to_owned());
        let message = self.message(&name).or_else(|| self.told.message(output));
        let mut schema = schema;
        self.enrich(message, &mut schema);
        self.all.insert(name.clone(), schema);
        name
    }

    /// Adds what others refer to. What is read otherwise than it is written is known by two names.
    pub(super) fn take_in(&mut self, mut generators: Generators) {
        let given = generators.given.take_definitions(true);
        let taken = generators.taken.take_definitions(true);
        for (name, mut schema) in given.clone() {
            let message = self.message(&name);
            self.enrich(message, &mut schema);
            self.all.entry(name).or_insert(schema);
        }
        let twice = known_by_two_names(&given, &taken);
        let bodies: Vec<String> =
            self.all.keys().filter(|name| name.ends_with("Request")).cloned().collect();
        for (name, mut schema) in taken {
            let message = self.message(&name);
            self.enrich(message, &mut schema);
            refer_to_taken(&mut schema, &twice);
            let name = if twice.contains(&name) { taken_name(&name) } else { name };
            self.all.entry(name).or_insert(schema);
        }
        for name in bodies {
            if let Some(schema) = self.all.get_mut(&name) {
                refer_to_taken(schema, &twice);
            }
        }
    }

    pub(super) fn into_value(self) -> Value {
        self.all.into_iter().collect::<Map<String, Value>>().into()
    }

    /// Adds to a field's schema what its message says of it, and gives the description.
    pub(super) fn tell(&self, message: &str, field: &str, schema: &mut Value) -> String {
        let found = self.told.message(message).and_then(|message| self.field(message, field));
        found.map(|field| refine(field, schema)).unwrap_or_default()
    }

    /// What is said of a schema.
    pub(super) fn about(&self, name: &str) -> String {
        let schema = self.all.get(name).and_then(|schema| schema.get("description"));
        schema.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn message(&self, of_type: &str) -> Option<&'a Message> {
        let renamed = TYPES.iter().find(|(name, _)| *name == of_type).map(|(_, message)| *message);
        self.told.message(renamed.unwrap_or(of_type))
    }

    /// A field of a message, or of a message within it.
    fn field(&self, message: &'a Message, name: &str) -> Option<&'a Field> {
        let renamed = RENAMED.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        let of = |message: &'a Message| {
            message.fields.get(name).or_else(|| message.fields.get(renamed?))
        };
        of(message).or_else(|| {
            let within = message.fields.values().filter_map(|field| match &field.kind {
                Kind::Message(name) => self.told.message(name),
                _ => None,
            });
            within.into_iter().find_map(of)
        })
    }

    fn enrich(&self, message: Option<&'a Message>, schema: &mut Value) {
        let Some(object) = schema.as_object_mut() else { return };
        object.remove("title");
        if let Some(message) = message {
            object.insert("description".to_owned(), in_rest(&message.text).into());
        }
        let properties = object.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            if *property == Value::Bool(true) {
                *property = json!({});
            }
            let field = message.and_then(|message| self.field(message, name));
            if let Some(field) = field {
                let text = refine(field, property);
                property["description"] = text.into();
            }
            without_trifling_default(property);
        }
    }
}

/// A description in the words of HTTP.
pub(super) fn in_rest(text: &str) -> String {
    IN_REST.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Adds to a schema what is known of the field, and gives the description.
fn refine(field: &Field, schema: &mut Value) -> String {
    let Some(object) = schema.as_object_mut() else { return in_rest(&field.text) };
    let is_text = match object.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        _ => false,
    };
    match &field.kind {
        Kind::Word(name) if is_text => {
            let words = words::of(name).unwrap_or_default();
            let mut words: Vec<Value> = words.into_iter().map(Into::into).collect();
            if object.get("type").is_some_and(Value::is_array) {
                words.push(Value::Null);
            }
            object.insert("enum".to_owned(), words.into());
        }
        Kind::Time if is_text => {
            object.insert("format".to_owned(), "date-time".into());
        }
        _ => {}
    }
    in_rest(&field.text)
}

/// What a parameter can be: there is no null in a query.
pub(super) fn without_null(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("default");
    object.remove("description");
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(kinds)) = object.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            object.insert("type".to_owned(), kind);
        }
    }
}

/// A default that is nothing says no more than that a field may be left out.
fn without_trifling_default(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    let is_trifling = match object.get("default") {
        Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Array(all)) => all.is_empty(),
        Some(Value::Object(all)) => all.values().all(Value::is_null),
        _ => false,
    };
    if is_trifling {
        object.remove("default");
    }
}

/// What is read otherwise than it is written, be it only that it holds something that is.
fn known_by_two_names(given: &Map<String, Value>, taken: &Map<String, Value>) -> Vec<String> {
    let mut twice: Vec<String> = Vec::new();
    loop {
        let differs = |name: &str, schema: &Value| {
            let mut as_read = schema.clone();
            refer_to_taken(&mut as_read, &twice);
            given.get(name).is_some_and(|as_written| *as_written != as_read)
        };
        let found = taken.iter().filter(|(name, schema)| differs(name, schema));
        let found: Vec<String> = found.map(|(name, _)| name.clone()).collect();
        if found.len() == twice.len() {
            return twice;
        }
        twice = found;
    }
}

fn taken_name(name: &str) -> String {
    format!("{name}Given")
}

/// Has a schema refer to what is read where that is another one than what is written.
fn refer_to_taken(schema: &mut Value, twice: &[String]) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                let target = value.as_str().and_then(|it| it.strip_prefix("#/components/schemas/"));
                if key == "$ref"
                    && let Some(name) = target.filter(|it| twice.iter().any(|t| t == it))
                {
                    *value = format!("#/components/schemas/{}", taken_name(name)).into();
                } else {
                    refer_to_taken(value, twice);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| refer_to_taken(one, twice)),
        _ => {}
    }
}

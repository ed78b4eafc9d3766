//! One operation of the document.

use serde_json::{Map, Value, json};
use tandem_proto::told::Call;

use super::{
    super::{
        routes::{Routed, Shape},
        served,
    },
    refusals,
    schemas::{self, Schemas},
};
use crate::access::rights;

/// One operation, as far as it is known.
pub(super) struct Operation<'a> {
    pub(super) routed: Routed,
    pub(super) call: &'static str,
    pub(super) said: &'a Call,
    pub(super) shape: Shape,
}

/// What a service's operations are listed under.
pub(super) fn tag(service: &str) -> String {
    service.trim_end_matches("Service").to_owned()
}

impl Operation<'_> {
    /// The operation, whose schemas are added to the others.
    pub(super) fn describe(self, schemas: &mut Schemas<'_>) -> Value {
        let (service, name) = self.call.split_once('/').unwrap_or_default();
        let text = schemas::in_rest(&self.said.text);
        let first =
            text.split_once(". ").map_or_else(|| text.trim_end_matches('.'), |(first, _)| first);
        let mut operation = Map::new();
        let mut put = |key: &str, value: Value| operation.insert(key.to_owned(), value);
        put("operationId", self.id(name).into());
        put("tags", json!([tag(service)]));
        put("summary", first.into());
        put("description", format!("{text} {}", refusals::takes(rights::of(self.call))).into());
        let (names, parameters): (Vec<String>, Vec<Value>) =
            self.parameters(schemas).into_iter().unzip();
        let mut responses = refusals::of(self.call, &self.routed, &self.shape, &names);
        if !parameters.is_empty() {
            put("parameters", parameters.into());
        }
        if let Some(body) = &self.shape.body {
            schemas.put(&self.said.input, Some(&self.said.input), body.clone().into());
            put("requestBody", json!({"required": true, "content": content(&self.said.input)}));
        }
        responses.extend(self.answers(schemas));
        put("responses", responses.into());
        operation.into()
    }

    /// The call's name; where several addresses stand for it, with what tells this one from them.
    fn id(&self, name: &str) -> String {
        let last = self.routed.path.rsplit('/').next().unwrap_or_default();
        let is_one_of_many = served::SERVED.iter().filter(|it| it.2 == self.call).count() > 1;
        if is_one_of_many && !last.starts_with('{') {
            return format!("{name}_{last}");
        }
        name.to_owned()
    }

    /// The parameters by name.
    fn parameters(&self, schemas: &Schemas<'_>) -> Vec<(String, Value)> {
        let described = |name: &str, place: &str, mut schema: Value| {
            let text = schemas.tell(&self.said.input, name, &mut schema);
            schemas::without_null(&mut schema);
            let is_required = place == "path";
            let parameter = json!({
                "name": name, "in": place, "required": is_required, "description": text,
                "schema": schema,
            });
            (name.to_owned(), parameter)
        };
        let in_path = self.routed.path.split('/').filter_map(|part| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some(described(name, "path", json!({"type": "string", "minLength": 1})))
        });
        let query = self.shape.query.as_ref().and_then(|query| query.get("properties"));
        let in_query = query.and_then(Value::as_object).into_iter().flatten();
        let in_query = in_query.map(|(name, schema)| described(name, "query", schema.clone()));
        in_path.chain(in_query).collect()
    }

    /// The answers where all is well, by status.
    fn answers(self, schemas: &mut Schemas<'_>) -> Vec<(String, Value)> {
        let Some((of_type, schema)) = self.shape.answer else {
            let gone = |status: u16| (status.to_string(), json!({"description": "It is gone."}));
            return self.shape.statuses.into_iter().map(gone).collect();
        };
        let answer = schemas.answer(of_type, &self.said.output, schema.into());
        let text = schemas.about(&answer);
        let each = self.shape.statuses.into_iter().map(|status| {
            let text = if status == 202 { "It is taken on, and goes on." } else { text.as_str() };
            let response = if self.shape.has_place {
                json!({"description": text, "content": content(&answer), "headers": {"location": {
                    "description": "Where it is.",
                    "schema": {"type": "string", "format": "uri-reference"},
                }}})
            } else {
                json!({"description": text, "content": content(&answer)})
            };
            (status.to_string(), response)
        });
        each.collect()
    }
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

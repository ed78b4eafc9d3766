//! The OpenAPI document of this API, made of what is there: the routes with what their handlers take
//! and give, the calls that they stand for, and what the `.proto` files say of those.

mod operation;
mod refusals;
mod schemas;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{Router, http::header, routing::get};
use bytes::Bytes;
use schemars::{JsonSchema as _, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use tandem_proto::told::Told;

use self::{operation::Operation, schemas::Schemas};
use super::{not_this_way, problem::Problem, routes, routes::Generators, served};
use crate::check;

/// Where it is served.
const ADDRESS: &str = "/api/v1/openapi.json";

/// The route of the document, which is for everybody.
pub(super) fn served<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Made when somebody first asks for it.
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    let answer = || async { ([(header::CONTENT_TYPE, "application/json")], TEXT.clone()) };
    let other = || async { not_this_way("GET, HEAD") };
    Router::new().route(ADDRESS, get(answer).fallback(other))
}

/// The document.
pub fn document() -> Value {
    let told = Told::read();
    let settings = || {
        SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into())
    };
    let mut generators = Generators {
        taken: settings().into_generator(),
        given: settings().for_serialize().into_generator(),
    };
    let problem = Problem::json_schema(&mut generators.given);
    let mut schemas = Schemas::new(&told);
    schemas.put("Problem", None, problem.into());
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut tags = BTreeMap::new();
    for routed in routes().all {
        let Some(call) = served::named(routed.method, routed.path) else { continue };
        let Some(said) = told.call(call) else { continue };
        let shape = (routed.shape)(&mut generators);
        let (service, _) = call.split_once('/').unwrap_or_default();
        tags.insert(operation::tag(service), told.about(service).unwrap_or_default());
        let one = Operation { routed, call, said, shape };
        let path = paths.entry(routed.path).or_insert_with(for_all);
        path.insert(routed.method.to_lowercase(), one.describe(&mut schemas));
    }
    schemas.take_in(generators);
    let tags: Vec<Value> = tags
        .iter()
        .map(|(name, text)| json!({"name": name, "description": schemas::in_rest(text)}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Tandem",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        // Where nobody is asked who they are, no token is needed.
        "security": [{"bearer": []}, {}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token, which begins with tdm_. On one's own machine none is needed.",
            }},
            "parameters": {"Actor": actor()},
            "responses": refusals::all(),
            "schemas": schemas.into_value(),
        },
    })
}

const ABOUT: &str = "The admin API of Tandem as JSON: the calls of the gRPC package tandem.v1, whose \
    words these are. Keys are always there, and null where nothing is known; instants are RFC 3339; \
    a body with a key that is none is refused. A list goes on where next_page_token is not empty. \
    Every refusal is a problem (RFC 9457) that names the fields that are wrong.";

/// What goes for each method of an address.
fn for_all() -> Map<String, Value> {
    let mut path = Map::new();
    path.insert("parameters".to_owned(), json!([{"$ref": "#/components/parameters/Actor"}]));
    path
}

fn actor() -> Value {
    json!({
        "name": "x-actor",
        "in": "header",
        "description": "On whose behalf the call is made, by email address. A token has to allow that.",
        "schema": {"type": "string", "pattern": check::EMAIL, "maxLength": check::EMAIL_MAX},
    })
}

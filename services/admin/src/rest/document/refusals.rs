//! Which refusals an operation may be answered with, and how they are told.

use serde_json::{Map, Value, json};

use super::super::routes::{Routed, Shape};
use crate::access::rights::Least;

/// Every refusal: its status, the name of its description, and the description.
const ALL: [(u16, &str, &str); 12] = [
    (400, "BadRequest", "The address cannot be decoded, or the body is not JSON."),
    (401, "Unauthorized", "Nobody knows who is calling: a token is missing, or is not in force."),
    (403, "Forbidden", "The token's role, or the organisation that it opens, does not allow it."),
    (404, "NotFound", "There is no such thing, or the token does not open it."),
    (
        409,
        "Conflict",
        "It cannot be done as things stand; the detail says why, and what would help.",
    ),
    (412, "PreconditionFailed", "It has changed since it was read."),
    (413, "ContentTooLarge", "The body is too large."),
    (415, "UnsupportedMediaType", "The body was not sent as application/json."),
    (
        422,
        "UnprocessableContent",
        "Fields cannot be used; each is named, with what would be right.",
    ),
    (429, "TooManyRequests", "Too many requests come from this address: try again a little later."),
    (500, "InternalServerError", "Something is wrong with admin or its data; its log says what."),
    (503, "ServiceUnavailable", "Something that is needed cannot be reached: try again."),
];

/// Of what names something else, a value may name nothing.
const NAMES: [&str; 8] =
    ["integration", "incident", "link", "conflicts", "dead_letters", "group", "key", "version"];

/// The descriptions that operations refer to.
pub(super) fn all() -> Map<String, Value> {
    let each = ALL.iter().map(|(status, name, text)| {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        let content = json!({"application/problem+json": {"schema": schema}});
        let mut response = json!({"description": text, "content": content});
        let header = match status {
            429 => Some(("retry-after", "In how many seconds.", "integer")),
            401 => Some(("www-authenticate", "How to say who is calling.", "string")),
            _ => None,
        };
        if let (Some((name, text, of)), Some(response)) = (header, response.as_object_mut()) {
            let header = json!({name: {"description": text, "schema": {"type": of}}});
            response.insert("headers".to_owned(), header);
        }
        ((*name).to_owned(), response)
    });
    each.collect()
}

/// The refusals of one operation, by status.
pub(super) fn of(
    call: &str,
    routed: &Routed,
    shape: &Shape,
    parameters: &[String],
) -> Map<String, Value> {
    let (has_path, has_body) = (routed.path.contains('{'), shape.body.is_some());
    let body = shape.body.as_ref().and_then(|body| body.get("properties"));
    let is_asked = |name: &&str| {
        parameters.iter().any(|known| known == name)
            || body.is_some_and(|body| body.get(name).is_some())
    };
    let names_something = has_path || NAMES.iter().any(is_asked);
    let asks_the_account = ["OnCallService/", "DirectoryService/"];
    // The etag is in each of them.
    let applies_many = call == "ConfigurationService/ApplyConfiguration";
    let is_given = |status: u16| match status {
        400 => has_path || has_body,
        404 => names_something,
        409 => routed.method != "GET" || asks_the_account.iter().any(|it| call.starts_with(it)),
        412 => is_asked(&"etag") || call == "KeyService/RotateKeys" || applies_many,
        413 | 415 => has_body,
        _ => true,
    };
    let given = ALL.iter().filter(|(status, ..)| is_given(*status));
    given
        .map(|(status, name, _)| {
            (status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}))
        })
        .collect()
}

/// What it takes to make a call, in words.
pub(super) fn takes(least: Option<Least>) -> String {
    match least {
        Some(Least::Role(role)) => format!("Takes the role {}.", role.name()),
        Some(Least::Everywhere(role)) => {
            format!("Takes the role {}, and a token that opens every organisation.", role.name())
        }
        Some(Least::Nothing) | None => String::new(),
    }
}

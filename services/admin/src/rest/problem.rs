//! Refusals over HTTP: `application/problem+json` (RFC 9457), naming the fields that are wrong.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::refusal::{Refusal, Violation};

/// A problem as its reader sees it.
#[derive(Debug, Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

#[derive(Debug, Serialize)]
struct FieldError {
    field: String,
    detail: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.log();
        let (status, title) = match &self {
            Self::Unauthenticated { .. } => {
                (StatusCode::UNAUTHORIZED, "nobody knows who is calling")
            }
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "not allowed"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "the request is not valid"),
            Self::Unknown { .. } | Self::NotAmong { .. } => {
                (StatusCode::NOT_FOUND, "there is no such thing")
            }
            Self::Exists { .. } => (StatusCode::CONFLICT, "there is such a thing already"),
            Self::Stale { .. } => (StatusCode::PRECONDITION_FAILED, "it has changed since"),
            Self::Settled { .. } => (StatusCode::CONFLICT, "it was dealt with before"),
            Self::Precluded { .. } => (StatusCode::CONFLICT, "it cannot be done as things stand"),
            Self::Unavailable { .. } | Self::Unanswered { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "not available")
            }
            Self::Broken { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        };
        let detail = self.to_string();
        let violations = match self {
            Self::Invalid(violations) => violations,
            _ => Vec::new(),
        };
        let mut response = answer(status, title, detail, violations);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"tandem\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// What serde says names the field and the place, for the sender alone: it is not logged.
pub(super) fn unreadable(rejection: &JsonRejection) -> Response {
    let detail = match rejection {
        JsonRejection::JsonDataError(error) => without_texts(&error.body_text()),
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON".to_owned(),
        JsonRejection::MissingJsonContentType(_) => {
            "the body must be sent as content-type application/json".to_owned()
        }
        _ => "the body cannot be read".to_owned(),
    };
    answer(rejection.status(), "the body cannot be used", detail, Vec::new())
}

/// What serde says of a value that has the wrong type, without the value: it may be a secret that
/// was put into the wrong place.
fn without_texts(told: &str) -> String {
    const BEFORE: &str = "string \"";
    let mut kept = String::with_capacity(told.len());
    let mut rest = told;
    while let Some((before, quoted)) = rest.split_once(BEFORE) {
        kept.push_str(before);
        kept.push_str("a string");
        let mut is_escaped = false;
        let end = quoted.find(|c: char| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        });
        rest = end.and_then(|end| quoted.get(end + 1..)).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

/// A problem that has nothing to do with what was asked, but with how.
pub(super) fn answer(
    status: StatusCode,
    title: &'static str,
    detail: String,
    violations: Vec<Violation>,
) -> Response {
    let errors = violations
        .into_iter()
        .map(|violation| FieldError {
            field: as_in_rest(&violation.field).to_owned(),
            detail: violation.problem,
        })
        .collect();
    let problem = Problem { r#type: "about:blank", title, status: status.as_u16(), detail, errors };
    let mut response = (status, Json(problem)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A few fields have other names in the REST body than in the contract.
fn as_in_rest(field: &str) -> &str {
    match field {
        "org" => "organization_id",
        "type" => "integration_type",
        "direction" => "sync_direction",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        let told =
            r#"credentials: invalid type: string "can\"ary \\", expected struct Credentials"#;
        let expected = "credentials: invalid type: a string, expected struct Credentials";
        assert_eq!(without_texts(told), expected);
        assert_eq!(without_texts("missing field `name`"), "missing field `name`");
        assert_eq!(without_texts(r#"x: string "cut"#), "x: a string");
    }
}

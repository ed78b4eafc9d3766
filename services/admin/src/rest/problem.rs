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
        answer(status, title, detail, violations)
    }
}

/// What serde says names the field and the place, for the sender alone: it is not logged.
pub(super) fn unreadable(rejection: &JsonRejection) -> Response {
    let detail = match rejection {
        JsonRejection::JsonDataError(error) => error.body_text(),
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON".to_owned(),
        JsonRejection::MissingJsonContentType(_) => {
            "the body must be sent as content-type application/json".to_owned()
        }
        _ => "the body cannot be read".to_owned(),
    };
    answer(rejection.status(), "the body cannot be used", detail, Vec::new())
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

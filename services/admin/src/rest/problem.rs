//! Refusals over HTTP: `application/problem+json` (RFC 9457), naming the fields that are wrong.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{BODY_MAX, misread};
use crate::refusal::{Refusal, Violation};

/// A problem as its reader sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    /// What kind of problem it is, in words.
    title: &'static str,
    /// The status of the answer.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What is wrong, and the way out where one is known.
    detail: String,
    /// The fields that are wrong; left out where none is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A field that cannot be used.
#[derive(Debug, Serialize, JsonSchema)]
struct FieldError {
    /// Its path in the body, or the name of the parameter.
    field: String,
    /// What is wrong with it, and what would be right.
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

/// A part of a request that cannot be read, and the answer to that.
#[derive(Debug)]
pub(super) struct Unreadable {
    status: StatusCode,
    title: &'static str,
    detail: String,
    violation: Option<Violation>,
}

impl Unreadable {
    /// What serde says names the field and the place, for the sender alone: it is not logged.
    pub(super) fn body(rejection: &JsonRejection) -> Self {
        let (detail, violation) = match rejection {
            JsonRejection::JsonDataError(error) => {
                let (field, told) = misread::body(error)
                    .unwrap_or_else(|| ("body".to_owned(), "cannot be used".to_owned()));
                (format!("{field}: {told}"), Some(Violation::new(field, told)))
            }
            JsonRejection::JsonSyntaxError(_) => ("the body is not JSON".to_owned(), None),
            JsonRejection::MissingJsonContentType(_) => {
                ("the body must be sent as content-type application/json".to_owned(), None)
            }
            _ if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                (format!("the body must not be larger than {BODY_MAX} bytes"), None)
            }
            _ => ("the body cannot be read".to_owned(), None),
        };
        let status = rejection.status();
        Self { status, title: "the body cannot be used", detail, violation }
    }

    /// A name in the address.
    pub(super) fn path(name: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "the address cannot be used",
            detail: format!("{name}: is not UTF-8 where it is percent-encoded"),
            violation: Some(Violation::new(name, "is not UTF-8 where it is percent-encoded")),
        }
    }
}

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        answer(self.status, self.title, self.detail, self.violation.into_iter().collect())
    }
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
    for message in ["mapping.", "ownership."] {
        if let Some(field) = field.strip_prefix(message) {
            return field;
        }
    }
    match field {
        "org" => "organization_id",
        "type" => "integration_type",
        "direction" => "sync_direction",
        // Only the names of labels are not known beforehand.
        "update_mask" => "labels",
        other => other,
    }
}

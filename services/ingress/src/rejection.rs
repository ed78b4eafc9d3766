//! Why a delivery was not taken, and the one place that chooses its status.
//!
//! PagerDuty drops a delivery for good on any 4xx and stops sending after three of them, so only
//! what can never become right is one: a signature that is wrong against secrets we hold, a body
//! that is no delivery, one that is too large, a deleted integration; and 429 for what nobody has
//! signed, where that comes too often. Whatever may be our own fault is a 503 and comes again.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tandem_bus::publish::NotStored;
use tandem_connectors::inbound::{NotADelivery, Refusal};

use crate::body::BodyError;

/// When to come again, in seconds, for those who heed it.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    /// Too many deliveries are in hand.
    #[error("too many deliveries are in hand")]
    Overloaded,
    /// It says nothing of who it is from, and too much of that comes from there. Nothing that an
    /// external system sends is refused for this.
    #[error("too many requests come from there")]
    TooMany {
        /// When to come again.
        wait: Duration,
    },
    /// The body was not taken.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The broker is away.
    #[error("the broker is away")]
    Disconnected,
    /// The configuration was not read in full yet.
    #[error("the configuration is not loaded yet")]
    NotLoaded,
    /// The integration is not among those we know of.
    #[error("no such integration is known here, or not yet")]
    Unknown,
    /// The integration was deleted.
    #[error("the integration was deleted")]
    Deleted,
    /// There is no signing secret to judge by.
    #[error("the integration holds no signing secret yet")]
    NoSecret,
    /// The signature fits none of the secrets we could look at, and there are more.
    #[error("the signature cannot be judged: a signing secret does not open")]
    Unjudged,
    /// It comes from a subscription whose secret may be on its way to us.
    #[error("the secret of this subscription is not known here, or not yet")]
    NewSender,
    /// The signature was judged.
    #[error(transparent)]
    Signature(Refusal),
    /// What was signed is not a delivery.
    #[error(transparent)]
    NotADelivery(NotADelivery),
    /// It could not be written for the broker.
    #[error("the event cannot be written as a message")]
    Unwritable(#[source] serde_json::Error),
    /// The broker has not said that it is on disk.
    #[error("the event could not be stored")]
    NotStored(#[source] NotStored),
    /// It all took too long.
    #[error("the event could not be stored in time")]
    TimedOut,
}

impl Rejection {
    /// The HTTP status.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Body(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Deleted => StatusCode::GONE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::NotADelivery(_) => StatusCode::BAD_REQUEST,
            Self::Overloaded
            | Self::Body(BodyError::Slow | BodyError::Broken(_))
            | Self::Disconnected
            | Self::NotLoaded
            | Self::Unknown
            | Self::NoSecret
            | Self::Unjudged
            | Self::NewSender
            | Self::Unwritable(_)
            | Self::NotStored(_)
            | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A short name for metrics and for machines that read the answer.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::TooMany { .. } => "too_many_requests",
            Self::Body(BodyError::TooLarge { .. }) => "too_large",
            Self::Body(BodyError::Slow) => "slow_body",
            Self::Body(BodyError::Broken(_)) => "broken_body",
            Self::Disconnected => "broker_away",
            Self::NotLoaded => "not_loaded",
            Self::Unknown => "unknown_integration",
            Self::Deleted => "deleted_integration",
            Self::NoSecret => "no_secret",
            Self::Unjudged => "secret_does_not_open",
            Self::NewSender => "unknown_subscription",
            Self::Signature(Refusal::Missing) => "signature_missing",
            Self::Signature(Refusal::Malformed) => "signature_malformed",
            Self::Signature(Refusal::Wrong) => "signature_wrong",
            Self::NotADelivery(_) => "not_a_delivery",
            Self::Unwritable(_) => "unwritable",
            Self::NotStored(_) => "not_stored",
            Self::TimedOut => "timed_out",
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = problem(self.status(), self.code(), &self.to_string());
        if let Self::TooMany { wait } = self {
            let seconds = HeaderValue::from(wait.as_secs().saturating_add(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// An error as JSON (RFC 9457), with a `code` beside.
pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

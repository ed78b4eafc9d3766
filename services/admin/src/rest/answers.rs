//! What handlers answer with. The status is in the type, so that the document can tell it.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// Something was made.
pub(super) struct Created<T>(pub(super) T);

/// Something was made, and has an address.
pub(super) struct Placed<T> {
    pub(super) place: String,
    pub(super) answer: T,
}

/// Something was begun, and goes on.
pub(super) struct Begun<T>(pub(super) T);

/// Something was taken away, and nothing is left to tell.
pub(super) struct Gone;

/// Something is done with `DONE`, or was taken on and is pending.
pub(super) struct Soon<const DONE: u16, T> {
    pub(super) pending: bool,
    pub(super) answer: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Placed<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, [(header::LOCATION, self.place)], Json(self.answer)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Begun<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<const DONE: u16, T: Serialize> IntoResponse for Soon<DONE, T> {
    fn into_response(self) -> Response {
        let done = StatusCode::from_u16(DONE).unwrap_or(StatusCode::OK);
        let status = if self.pending { StatusCode::ACCEPTED } else { done };
        (status, Json(self.answer)).into_response()
    }
}

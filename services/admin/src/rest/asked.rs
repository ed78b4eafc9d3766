//! What handlers have in common: queries, bodies and words, each refused in the same way.

use axum::{
    Json,
    extract::{
        Query,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use serde::Deserialize;
use tandem_proto::words::Word;

use super::problem;
use crate::refusal::Refusal;

/// A query as the extractor gives it.
pub(super) type Queried<T> = Result<Query<T>, QueryRejection>;

/// The organisation that a name is looked for in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Within {
    pub(super) organization_id: String,
}

/// The query, or why it cannot be used.
pub(super) fn query<T>(asked: Queried<T>) -> Result<T, Refusal> {
    let refused = |rejection: QueryRejection| Refusal::invalid("query", rejection.body_text());
    asked.map(|Query(asked)| asked).map_err(refused)
}

/// The body, or the answer to one that cannot be used.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once")]
pub(super) fn body<T>(asked: Result<Json<T>, JsonRejection>) -> Result<T, Response> {
    asked.map(|Json(body)| body).map_err(|rejection| problem::unreadable(&rejection))
}

/// The value of a word; left out, the unspecified one.
pub(super) fn word<W: Word + Default>(text: Option<String>) -> Result<W, String> {
    match text {
        None => Ok(W::default()),
        Some(text) => W::from_word(&text).ok_or_else(|| format!("must be one of {}", W::choices())),
    }
}

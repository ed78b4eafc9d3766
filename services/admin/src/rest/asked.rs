//! What requests are read by: queries, bodies, names in the address and words, each refused in the same way, by
//! the name of what is wrong.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        path::ErrorKind,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::request::Parts,
};
use prost_types::FieldMask;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use tandem_proto::{v1, words::Word};

use super::{misread, problem::Unreadable, strict::Strict};
use crate::refusal::{Checks, Refusal, Violation};

/// A query that could be read.
pub(super) struct Queried<T>(pub(super) T);

/// A body that could be read.
pub(super) struct Body<T>(pub(super) T);

/// What the address names: handles, ids or names.
pub(super) struct InPath<T = String>(pub(super) T);

/// The organisation that a name is looked for in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Within {
    pub(super) organization_id: String,
}

/// A page of what an organisation has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Paged {
    pub(super) organization_id: String,
    #[schemars(range(min = 0))]
    pub(super) page_size: i32,
    pub(super) page_token: String,
}

/// The organisation that a name is looked for in, and the state that a change is meant for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Unchanged {
    pub(super) organization_id: String,
    pub(super) etag: String,
}

/// The fields that a change is about: those that its body holds.
#[derive(Debug, Default)]
pub(super) struct Mask(Vec<String>);

/// Secrets that are handed over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Credentials {
    #[schemars(with = "Option<String>", extend("format" = "password", "writeOnly" = true))]
    token: Option<SecretString>,
    #[schemars(with = "Option<String>", extend("format" = "password", "writeOnly" = true))]
    signing_secret: Option<SecretString>,
}

impl Credentials {
    /// Those that are to take the place of others.
    pub(super) fn changed(self, mask: &mut Mask) -> v1::Credentials {
        let exposed =
            |secret: Option<SecretString>| secret.map(|secret| secret.expose_secret().to_owned());
        v1::Credentials {
            token: mask.take("credentials.token", exposed(self.token)),
            signing_secret: mask.take("credentials.signing_secret", exposed(self.signing_secret)),
        }
    }
}

impl From<Credentials> for v1::Credentials {
    fn from(from: Credentials) -> Self {
        from.changed(&mut Mask::default())
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Queried<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = pairs.map(|Query(pairs)| pairs).unwrap_or_default();
        // The database holds no such text, so nothing can be found by it.
        if let Some((name, _)) = pairs.into_iter().find(|(_, value)| value.contains('\0')) {
            return Err(Refusal::invalid(name, "must not hold a NUL character"));
        }
        let read = Query::<T>::from_request_parts(parts, state).await;
        let refused = |rejection: QueryRejection| {
            let (field, problem) = misread::query(&rejection)
                .unwrap_or_else(|| ("query".to_owned(), rejection.body_text()));
            Refusal::Invalid(vec![Violation::new(field, problem)])
        };
        read.map(|Query(asked)| Self(asked)).map_err(refused)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Unreadable;

    async fn from_request(request: Request, state: &S) -> Result<Self, Unreadable> {
        let read: Result<Json<Strict<T>>, JsonRejection> = Json::from_request(request, state).await;
        read.map(|Json(Strict(body))| Self(body)).map_err(|rejection| Unreadable::body(&rejection))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Unreadable;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unreadable> {
        let read: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        let refused = |rejection: PathRejection| match rejection {
            PathRejection::FailedToDeserializePathParams(error) => match error.into_kind() {
                ErrorKind::InvalidUtf8InPathParam { key } => Unreadable::path(key),
                _ => Unreadable::path("path".to_owned()),
            },
            _ => Unreadable::path("path".to_owned()),
        };
        read.map(|Path(name)| Self(name)).map_err(refused)
    }
}

impl Mask {
    /// What was given for a field, which is then one of those that are changed.
    pub(super) fn take<T: Default>(&mut self, field: &str, given: Option<T>) -> T {
        given.inspect(|_| self.0.push(field.to_owned())).unwrap_or_default()
    }

    /// The same for a word.
    pub(super) fn word<W: Word + Default>(
        &mut self,
        checks: &mut Checks,
        field: &str,
        given: Option<String>,
    ) -> W {
        let read = given.map(|given| checks.take(field, word(Some(given))).unwrap_or_default());
        self.take(field, read)
    }

    /// The fields that are changed; a change of nothing is refused.
    pub(super) fn finish(self) -> Result<FieldMask, Refusal> {
        if self.0.is_empty() {
            return Err(Refusal::invalid("body", "must hold at least one field to change"));
        }
        Ok(FieldMask { paths: self.0 })
    }
}

/// The value of a word; left out, the unspecified one.
pub(super) fn word<W: Word + Default>(text: Option<String>) -> Result<W, String> {
    match text {
        None => Ok(W::default()),
        Some(text) => W::from_word(&text).ok_or_else(|| format!("must be one of {}", W::choices())),
    }
}

//! Who calls. While callers are not authenticated, they are whoever they say they are, by the
//! metadata or header `x-actor`; nothing is allowed or refused because of it.
//!
//! The caller is the author of what a call changes, so that an external account that knows the
//! address shows that person, and the audit names them.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use tandem_domain::incident::{Actor, Side};
use tonic::metadata::MetadataMap;

use crate::{check, refusal::Refusal};

/// Where a caller says who they are.
const ACTOR: &str = "x-actor";
/// What a caller is called in the audit who does not say.
const UNNAMED: &str = "unnamed";
/// What the service itself is called there.
const ITSELF: &str = "tandem";

/// Whoever makes a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    email: Option<String>,
    itself: bool,
}

impl Caller {
    /// The caller of a gRPC call.
    pub fn of(metadata: &MetadataMap) -> Result<Self, Refusal> {
        Self::said(metadata.get(ACTOR).map(tonic::metadata::MetadataValue::as_bytes))
    }

    fn of_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        Self::said(headers.get(ACTOR).map(axum::http::HeaderValue::as_bytes))
    }

    fn said(said: Option<&[u8]>) -> Result<Self, Refusal> {
        let Some(said) = said else { return Ok(Self::default()) };
        let text = std::str::from_utf8(said).map_err(|_| "must be an email address".to_owned());
        let email = text.and_then(check::email);
        let email = email.map_err(|problem| Refusal::invalid(ACTOR, problem))?;
        Ok(Self { email, itself: false })
    }

    /// The service itself, seeing to what it was told to see to.
    pub(crate) fn itself() -> Self {
        Self { email: None, itself: true }
    }

    /// The author of what the call changes.
    pub fn actor(&self) -> Actor {
        Actor { email: self.email.clone(), ..Actor::unnamed(Side::Platform) }
    }

    /// Who they are in the audit.
    pub fn name(&self) -> &str {
        let unnamed = if self.itself { ITSELF } else { UNNAMED };
        self.email.as_deref().unwrap_or(unnamed)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Self::of_headers(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calling(actor: &'static str) -> Result<Caller, Refusal> {
        let mut metadata = MetadataMap::new();
        metadata.insert(ACTOR, tonic::metadata::MetadataValue::from_static(actor));
        Caller::of(&metadata)
    }

    #[test]
    fn a_caller_is_who_they_say_or_nobody_in_particular() {
        let ada = calling("ada@acme.test").unwrap();
        assert_eq!((ada.name(), ada.actor().label()), ("ada@acme.test", "ada@acme.test"));
        let nobody = Caller::of(&MetadataMap::new()).unwrap();
        assert_eq!((nobody.name(), nobody.actor()), (UNNAMED, Actor::unnamed(Side::Platform)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["ada", "a b@acme.test"] {
            assert!(matches!(calling(bad), Err(Refusal::Invalid(_))), "{bad}");
        }
    }
}

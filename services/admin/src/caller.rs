//! Who calls: whoever holds the token that was presented, or, where none is needed, whoever they
//! say they are.
//!
//! The caller is the author of what a call changes, so that an external account that knows the
//! address shows that person, and the audit names them. A caller sees the organisations that the
//! token opens, and of the others not even whether there is something.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use tandem_domain::{
    id::{Org, TokenId},
    incident::{Actor, Side},
};
use tandem_store::tokens::{Role, Token};
use tonic::Request;

use crate::{check, refusal::Refusal};

/// Where a caller says on whose behalf they act.
const ACTOR: &str = "x-actor";
/// What a caller is called in the audit who has no token and does not say.
const UNNAMED: &str = "unnamed";
/// What the service itself is called there.
const ITSELF: &str = "tandem";

/// Whoever makes a call. Only the gate makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    token: Option<Arc<Token>>,
    /// On whose behalf, by email.
    acting_for: Option<String>,
    name: String,
}

/// Whom a request says it is made for.
pub(crate) fn said(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(said) = headers.get(ACTOR) else { return Ok(None) };
    let text = std::str::from_utf8(said.as_bytes());
    let text = text.map_err(|_| "must be an email address".to_owned());
    let email = text.and_then(check::email).map_err(|problem| Refusal::invalid(ACTOR, problem))?;
    // Whoever meant to name somebody, and names nobody, would have their change put down to another.
    let nobody = "must be an email address: leave it out to act for nobody else";
    email.map(Some).ok_or_else(|| Refusal::invalid(ACTOR, nobody))
}

/// Whether a token's holder may say on whose behalf a change is made.
pub(crate) fn may_act_for_others(token: &Token) -> bool {
    token.acts_for_others || token.role == Role::Admin
}

impl Caller {
    /// Somebody without a token, where none is needed.
    pub(crate) fn anybody(acting_for: Option<String>) -> Self {
        let name = acting_for.clone().unwrap_or_else(|| UNNAMED.to_owned());
        Self { token: None, acting_for, name }
    }

    /// The service itself, seeing to what it was told to see to.
    pub(crate) fn itself() -> Self {
        Self { token: None, acting_for: None, name: ITSELF.to_owned() }
    }

    /// Whoever has the database at hand.
    pub(crate) fn at_hand() -> Self {
        Self { token: None, acting_for: None, name: "tandem-admin".to_owned() }
    }

    /// The holder of a token.
    pub(crate) fn holding(token: Token, acting_for: Option<String>) -> Self {
        let name = match &acting_for {
            Some(other) => format!("{other} (by {})", token.name),
            None => token.name.clone(),
        };
        Self { token: Some(Arc::new(token)), acting_for, name }
    }

    /// The caller of a gRPC call.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Refusal> {
        request.extensions().get().cloned().ok_or_else(unasked)
    }

    /// The author of what the call changes.
    pub fn actor(&self) -> Actor {
        let unnamed = Actor::unnamed(Side::Platform);
        let Some(token) = &self.token else {
            return Actor { email: self.acting_for.clone(), ..unnamed };
        };
        let id = Some(token.id.to_string());
        if let Some(other) = &self.acting_for {
            return Actor { id, email: Some(other.clone()), ..unnamed };
        }
        let email = check::email(&token.name).ok().flatten();
        Actor { id, name: Some(token.name.clone()), email, ..unnamed }
    }

    /// Who they are in the audit.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token they hold.
    pub(crate) fn token(&self) -> Option<TokenId> {
        self.token.as_ref().map(|token| token.id)
    }

    /// What they may do.
    pub(crate) fn role(&self) -> Role {
        self.token.as_ref().map_or(Role::Admin, |token| token.role)
    }

    /// Whether every organisation is open to them.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.own_org().is_none()
    }

    fn own_org(&self) -> Option<&Org> {
        self.token.as_ref().and_then(|token| token.org.as_ref())
    }

    /// The organisation that a request means: the one it says, or the one that the token opens.
    pub(crate) fn org(&self, said: &str) -> Result<Org, Refusal> {
        let found = self.org_or_all(said)?;
        found.map_or_else(
            || check::org(said).map_err(|problem| Refusal::invalid("org", problem)),
            Ok,
        )
    }

    /// The same where a request need not say one; none means all of them.
    pub(crate) fn org_or_all(&self, said: &str) -> Result<Option<Org>, Refusal> {
        if said.is_empty() {
            return Ok(self.own_org().cloned());
        }
        let org = check::org(said).map_err(|problem| Refusal::invalid("org", problem))?;
        if self.sees(&org) {
            return Ok(Some(org));
        }
        let message = format!("the token {:?} does not open the organisation {org}", self.name);
        Err(Refusal::Forbidden { kind: "ORGANISATION", message })
    }

    /// The organisation that something new is to belong to, as text: what is wrong with it is told
    /// with all else that is wrong.
    pub(crate) fn org_of_new(&self, said: &str) -> Result<String, Refusal> {
        match check::org(said) {
            Ok(_) => Ok(self.org(said)?.to_string()),
            Err(_) if said.is_empty() => Ok(self.own_org().map(Org::to_string).unwrap_or_default()),
            Err(_) => Ok(said.to_owned()),
        }
    }

    /// Whether an organisation is open to them.
    pub(crate) fn sees(&self, org: &Org) -> bool {
        self.own_org().is_none_or(|own| own == org)
    }

    /// The same for what may belong to none: that is for those alone who see all.
    pub(crate) fn sees_text(&self, org: Option<&str>) -> bool {
        self.own_org().is_none_or(|own| org == Some(own.as_str()))
    }
}

fn unasked() -> Refusal {
    Refusal::Unauthenticated { problem: "nobody asked who is calling".to_owned() }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().ok_or_else(unasked)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn calling(actor: &'static str) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(ACTOR, axum::http::HeaderValue::from_static(actor));
        said(&headers)
    }

    fn token(name: &str) -> Token {
        Token {
            id: TokenId::from_uuid(uuid::Uuid::from_u128(7)),
            org: "acme".parse().ok(),
            name: name.to_owned(),
            role: Role::Operator,
            acts_for_others: false,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "ada".to_owned(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_caller_without_a_token_is_who_they_say_or_nobody_in_particular() {
        let ada = Caller::anybody(calling("ada@acme.test").unwrap());
        assert_eq!((ada.name(), ada.actor().label()), ("ada@acme.test", "ada@acme.test"));
        let nobody = Caller::anybody(said(&HeaderMap::new()).unwrap());
        assert_eq!((nobody.name(), nobody.actor()), (UNNAMED, Actor::unnamed(Side::Platform)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", " ", "ada", "a b@acme.test"] {
            assert!(matches!(calling(bad), Err(Refusal::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn the_author_is_the_token_or_whom_its_holder_acts_for() {
        let bot = Caller::holding(token("chat-bot"), None);
        assert_eq!((bot.name(), bot.actor().label()), ("chat-bot", "chat-bot"));
        assert_eq!(bot.actor().email, None);
        let person = Caller::holding(token("ada@acme.test"), None);
        assert_eq!(person.actor().email.as_deref(), Some("ada@acme.test"));
        let other = Caller::holding(token("chat-bot"), Some("ada@acme.test".to_owned()));
        assert_eq!(other.name(), "ada@acme.test (by chat-bot)");
        assert_eq!(other.actor().label(), "ada@acme.test");
    }

    #[test]
    fn a_token_opens_its_organisation_and_no_other() {
        let caller = Caller::holding(token("bot"), None);
        assert_eq!(caller.org("").unwrap().as_str(), "acme");
        assert_eq!(caller.org("acme").unwrap().as_str(), "acme");
        assert!(matches!(caller.org("other"), Err(Refusal::Forbidden { .. })));
        assert!(matches!(caller.org("Not a slug"), Err(Refusal::Invalid(_))));
        assert_eq!(caller.org_of_new("").unwrap(), "acme");
        assert!(caller.org_of_new("other").is_err());
        assert_eq!(caller.org_of_new("Not a slug").unwrap(), "Not a slug");
        assert!(!caller.sees_text(None) && caller.sees_text(Some("acme")));

        let all = Caller::anybody(None);
        assert!(matches!(all.org(""), Err(Refusal::Invalid(_))));
        assert_eq!(all.org_or_all("").unwrap(), None);
        assert!(all.sees_text(None) && all.sees(&"other".parse().unwrap()));
    }
}

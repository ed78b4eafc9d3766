//! Finding out who calls, and whether they may.
//!
//! A token is looked up at each call, so a revocation holds at once, in every copy. Whoever presents
//! a token is judged by it, also where none is needed. A refusal says what to do, never which part
//! of a token was right.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderName, header};
use jiff::{SignedDuration, Timestamp};
use tandem_runtime::{clock, http::Rates};
use tandem_store::{
    Store,
    tokens::{self, Token},
};

use super::{rights::Least, token::Presented};
use crate::{
    caller::{self, Caller},
    refusal::Refusal,
};

/// Where ingress says for whom it forwards.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A token's use is remembered this often.
const USED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Who may call without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Tokens,
    /// Whoever is on this machine.
    Loopback,
    /// Anybody who reaches the port, because somebody said so.
    Anybody,
}

/// Lets callers in, or not.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    store: Store,
    access: Access,
    rates: Arc<Rates>,
}

impl Gate {
    pub(crate) fn new(store: Store, access: Access) -> Self {
        Self { store, access, rates: Arc::new(Rates::per_second(0)) }
    }

    pub(crate) fn paced(self, per_second: u32) -> Self {
        Self { rates: Arc::new(Rates::per_second(per_second)), ..self }
    }

    /// Counts a call; where too many come from there, says in how long one may come again.
    pub(crate) fn count(&self, source: Option<IpAddr>) -> Result<(), Duration> {
        source.map_or(Ok(()), |source| self.rates.take(source))
    }

    /// The caller, if whoever sends these headers may make a call that takes this much.
    pub(crate) async fn admit(&self, least: Least, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let admitted = match self.who(headers).await {
            Ok(caller) => allow(&caller, least).map(|()| caller),
            Err(refusal) => Err(refusal),
        };
        let reason = match &admitted {
            Err(Refusal::Unauthenticated { .. }) => "unauthenticated",
            Err(Refusal::Forbidden { .. }) => "forbidden",
            _ => return admitted,
        };
        metrics::counter!("tandem_admin_callers_refused_total", "reason" => reason).increment(1);
        admitted
    }

    async fn who(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let actor = caller::said(headers)?;
        let Some(presented) = presented(headers)? else {
            self.check_tokenless(headers)?;
            return Ok(Caller::anybody(actor));
        };
        let token = self.token(&presented).await?;
        if actor.is_some() && !caller::may_act_for_others(&token) {
            let message = format!(
                "the token {:?} may not act for others: leave x-actor (im --as) out, or have an \
                 admin make a token with --acts-for-others",
                token.name
            );
            return Err(Refusal::Forbidden { kind: "ACTOR", message });
        }
        Ok(Caller::holding(token, actor))
    }

    /// The token that was presented, if it is in force.
    async fn token(&self, presented: &Presented) -> Result<Token, Refusal> {
        let mut conn = self.store.acquire().await?;
        let found = tokens::get(&mut conn, presented.id).await?;
        let found = found.filter(|(_, digest)| presented.is(digest)).map(|(token, _)| token);
        let token = found.ok_or_else(|| refused("the token is not one that was made here"))?;
        let now = clock::now();
        check(&token, now)?;
        let is_known = |at: Timestamp| now.duration_since(at) < USED_EVERY;
        if !token.last_used_at.is_some_and(is_known)
            && let Err(error) = tokens::used(&mut conn, token.id, now).await
        {
            // Reading must not fail for want of writing.
            tracing::debug!(%error, "a token's use is not remembered");
        }
        Ok(token)
    }

    /// Whether a caller without a token is let in.
    fn check_tokenless(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let is_let_in = match self.access {
            Access::Tokens => false,
            Access::Loopback => is_for_loopback(headers) && is_addressed_as_loopback(headers),
            Access::Anybody => true,
        };
        let who = "say who is calling: send `authorization: Bearer <token>` (im: TANDEM_TOKEN, \
                   --token-file or a profile)";
        if is_let_in { Ok(()) } else { Err(refused(who)) }
    }

    /// Whether a caller is still let in as the one it was.
    pub(crate) async fn recheck(&self, caller: &Caller) -> Result<(), Refusal> {
        let Some(id) = caller.token() else { return Ok(()) };
        let mut conn = self.store.acquire().await?;
        let found = tokens::get(&mut conn, id).await?;
        let (token, _) = found.ok_or_else(|| refused("the token is gone"))?;
        check(&token, clock::now())
    }
}

fn check(token: &Token, now: Timestamp) -> Result<(), Refusal> {
    if token.revoked_at.is_some() {
        return Err(refused("the token was revoked: ask an admin for another one"));
    }
    if token.expires_at.is_some_and(|at| at <= now) {
        return Err(refused("the token has expired: ask an admin for another one"));
    }
    Ok(())
}

/// Whether a caller may make a call that takes this much.
fn allow(caller: &Caller, least: Least) -> Result<(), Refusal> {
    let (role, everywhere) = match least {
        Least::Nothing => return Ok(()),
        Least::Role(role) => (role, false),
        Least::Everywhere(role) => (role, true),
    };
    if caller.role() < role {
        let message = format!(
            "the role of the token {:?} is {}, and this takes {}",
            caller.name(),
            caller.role().name(),
            role.name()
        );
        return Err(Refusal::Forbidden { kind: "ROLE", message });
    }
    if everywhere && !caller.is_everywhere() {
        let message = format!(
            "this concerns every organisation, and the token {:?} opens one: one for all is made \
             on the server, by tandem-admin token create --all-orgs",
            caller.name()
        );
        return Err(Refusal::Forbidden { kind: "ORGANISATION", message });
    }
    Ok(())
}

fn refused(problem: &str) -> Refusal {
    Refusal::Unauthenticated { problem: problem.to_owned() }
}

/// The token that was sent, if any was; one in another form than a token's is refused.
fn presented(headers: &HeaderMap) -> Result<Option<Presented>, Refusal> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (sent.next(), sent.next());
    let Some(value) = first else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| second.is_none());
    let token = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        Presented::read(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    });
    let expected = "what was sent as authorization is not a token: send \
                    `authorization: Bearer tdm_…`, once";
    token.map(Some).ok_or_else(|| refused(expected))
}

/// Whether nobody from elsewhere is behind a call that was forwarded.
fn is_for_loopback(headers: &HeaderMap) -> bool {
    let is_loopback = |text: &str| text.trim().parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let all = headers.get_all(FORWARDED_FOR).iter();
    all.into_iter().all(|value| value.to_str().is_ok_and(|all| all.split(',').all(is_loopback)))
}

/// Whether a call was meant for this machine by name: a page of a foreign site whose name was made
/// to point here is not.
fn is_addressed_as_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<axum::http::uri::Authority>()
    else {
        return false;
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let parse = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in all.iter().map(parse) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn only_this_machine_is_loopback_also_behind_a_forwarder() {
        for good in [&[][..], &[("x-forwarded-for", "127.0.0.1")], &[("x-forwarded-for", "::1")]] {
            assert!(is_for_loopback(&headers(good)), "{good:?}");
        }
        for bad in ["203.0.113.7", "127.0.0.1, 203.0.113.7", "", "localhost", "unknown"] {
            assert!(!is_for_loopback(&headers(&[("x-forwarded-for", bad)])), "{bad}");
        }
        let twice = headers(&[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.1")]);
        assert!(!is_for_loopback(&twice));
    }

    #[test]
    fn a_foreign_name_that_points_here_is_not_loopback() {
        for good in ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "[::1]:8081", "127.1.2.3"] {
            assert!(is_addressed_as_loopback(&headers(&[("host", good)])), "{good}");
        }
        for bad in ["evil.test", "localhost.evil.test:8081", "203.0.113.7", "", "a b"] {
            assert!(!is_addressed_as_loopback(&headers(&[("host", bad)])), "{bad}");
        }
    }

    #[test]
    fn what_is_sent_as_a_token_must_be_one() {
        const TOKEN: &str = "bearer tdm_00000000000000000000000000000001_\
            0000000000000000000000000000000000000000000000000000000000000000";
        assert!(presented(&headers(&[])).unwrap().is_none());
        for bad in ["Bearer", "Bearer ", "Basic eDp5", "Bearer secret", "tdm_1_2"] {
            let refused = presented(&headers(&[("authorization", bad)])).unwrap_err();
            assert!(matches!(refused, Refusal::Unauthenticated { .. }), "{bad}");
            assert!(!refused.to_string().contains("secret"));
        }
        assert!(presented(&headers(&[("authorization", TOKEN)])).unwrap().is_some());
        let twice = headers(&[("authorization", TOKEN), ("authorization", TOKEN)]);
        assert!(presented(&twice).is_err());
    }
}

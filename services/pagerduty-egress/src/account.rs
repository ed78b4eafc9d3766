//! The far side of one integration: where its API is and how calls are signed.
//!
//! Made from a configuration snapshot by opening its sealed token; the token is then kept only in a
//! header that is marked sensitive, and is shown by nothing.

use std::{fmt, time::Duration};

use reqwest::{
    Url,
    header::{
        ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue, USER_AGENT,
    },
};
use secrecy::ExposeSecret;
use tandem_bus::config::{Snapshot, token_place};
use tandem_connectors::pagerduty::rest;
use tandem_domain::integration::Integration;
use tandem_seal::{Keyring, SealError};

use crate::{pace::Backoff, work};

const AGENT: &str = concat!("tandem/", env!("CARGO_PKG_VERSION"));
const FROM: HeaderName = HeaderName::from_static("from");

/// Why an integration cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The token does not open.
    #[error("its token cannot be opened")]
    Token(#[source] SealError),
    /// The token or the email holds what a header must not.
    #[error("its {name} does not fit a header")]
    Header {
        /// Which one.
        name: &'static str,
        /// What the library says.
        #[source]
        source: InvalidHeaderValue,
    },
    /// The base URL is no URL that can be called.
    #[error("its base url cannot be called")]
    Address,
}

/// One version of an integration, ready to be called.
pub struct Account {
    /// The integration.
    pub integration: Integration,
    /// The most calls in any minute: the integration's limit without what is left to others.
    pub limit: u32,
    /// How long to wait after failures.
    pub backoff: Backoff,
    headroom: u32,
    base: String,
    headers: HeaderMap,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, version) = (self.integration.id, self.integration.version);
        f.debug_struct("Account")
            .field("id", &id)
            .field("version", &version)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// Opens a snapshot; `None` for one that is not to be served here. One that nothing is to be sent to
    /// is: what it holds is read, and its webhooks are seen to.
    ///
    /// `headroom` is how many calls a minute are left to others who use the same key, unless the
    /// integration leaves them more.
    pub fn open(
        snapshot: &Snapshot,
        keys: &Keyring,
        headroom: u32,
    ) -> Result<Option<Self>, Unusable> {
        let integration = &snapshot.integration;
        let active = integration.enabled && !snapshot.deleted;
        let Some(token) = snapshot.token.as_ref().filter(|_| active) else { return Ok(None) };
        if !work::is_ours(&integration.connector) {
            return Ok(None);
        }
        let token = keys.open(&token_place(integration.id), token).map_err(Unusable::Token)?;
        let mut authorization = header("token", &rest::authorization(token.expose_secret()))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([
            (AUTHORIZATION, authorization),
            (ACCEPT, HeaderValue::from_static(rest::ACCEPT)),
            (USER_AGENT, HeaderValue::from_static(AGENT)),
        ]);
        if let Some(email) = &integration.from_email {
            headers.insert(FROM, header("email", email)?);
        }
        let base = integration.base_url.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).map_err(|_| Unusable::Address)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Unusable::Address);
        }
        let backoff = Backoff::new(integration.backoff_multiplier);
        let headroom = headroom.max(integration.headroom);
        let limit = integration.rate_limit.saturating_sub(headroom).max(1);
        let integration = integration.clone();
        Ok(Some(Self { integration, limit, backoff, headroom, base, headers }))
    }

    /// What is ours of the calls that are left until a window ends.
    pub fn without_headroom(&self, remaining: u32, window: Duration) -> u32 {
        let seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX).min(60);
        remaining.saturating_sub(self.headroom.saturating_mul(seconds) / 60)
    }

    /// The configuration's version.
    pub const fn version(&self) -> u64 {
        self.integration.version
    }

    /// The address of a path below the base URL.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The headers every call carries.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

fn header(name: &'static str, value: &str) -> Result<HeaderValue, Unusable> {
    HeaderValue::from_str(value).map_err(|source| Unusable::Header { name, source })
}

#[cfg(test)]
pub(crate) mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    fn keys() -> Keyring {
        Keyring::parse(&SecretString::from("ab".repeat(32))).unwrap()
    }

    fn snapshot(token: Option<&str>) -> Snapshot {
        let integration: Integration = serde_json::from_value(json!({
            "id": "int_00000000000000000000000000000001", "org": "acme-corp", "handle": "prod-pd",
            "name": "Production PagerDuty", "connector": "pagerduty",
            "base_url": "https://api.pagerduty.com/", "direction": "bidirectional", "enabled": true,
            "strategy": "last_write_wins", "from_email": "bot@example.com", "rate_limit": 900,
            "backoff_multiplier": 2.0, "fields": {}, "services": [], "version": 3,
        }))
        .unwrap();
        let place = token_place(integration.id);
        let token = token.map(|token| keys().seal(&place, &SecretString::from(token)).unwrap());
        Snapshot {
            integration,
            token,
            signing_secrets: Vec::new(),
            senders: Vec::new(),
            deleted: false,
        }
    }

    /// An account at a version of the configuration, which hardly limits the calls.
    pub(crate) fn account(version: u64) -> Account {
        let mut snapshot = snapshot(Some("s3cret"));
        snapshot.integration.version = version;
        snapshot.integration.rate_limit = 60_000;
        Account::open(&snapshot, &keys(), 0).unwrap().unwrap()
    }

    #[test]
    fn an_account_signs_calls_and_shows_its_token_nowhere() {
        let account = Account::open(&snapshot(Some("s3cret")), &keys(), 0).unwrap().unwrap();
        assert_eq!(account.headers()[AUTHORIZATION], "Token token=s3cret");
        assert_eq!(account.headers()[FROM], "bot@example.com");
        assert_eq!(account.address("/incidents"), "https://api.pagerduty.com/incidents");
        assert!(!format!("{account:?} {:?}", account.headers()).contains("s3cret"));
    }

    #[test]
    fn what_others_need_is_left_to_them() {
        let account = Account::open(&snapshot(Some("s")), &keys(), 300).unwrap().unwrap();
        assert_eq!(account.limit, 600);
        assert_eq!(account.without_headroom(200, Duration::from_secs(30)), 50);
        assert_eq!(account.without_headroom(100, Duration::from_secs(30)), 0);
        let all = Account::open(&snapshot(Some("s")), &keys(), 2000).unwrap().unwrap();
        assert_eq!(all.limit, 1, "never none at all");
        let mut own = snapshot(Some("s"));
        own.integration.headroom = 400;
        assert_eq!(Account::open(&own, &keys(), 300).unwrap().unwrap().limit, 500);
        assert_eq!(Account::open(&own, &keys(), 500).unwrap().unwrap().limit, 400);
    }

    #[test]
    fn what_is_not_to_be_served_here_has_no_account() {
        let none = |change: fn(&mut Snapshot)| {
            let mut snapshot = snapshot(Some("s3cret"));
            change(&mut snapshot);
            Account::open(&snapshot, &keys(), 0).unwrap().is_none()
        };
        assert!(none(|it| it.deleted = true));
        assert!(none(|it| it.token = None));
        assert!(none(|it| it.integration.enabled = false));
        assert!(none(|it| it.integration.connector = "jira".parse().unwrap()));
    }

    #[test]
    fn what_nothing_is_sent_to_is_read_all_the_same() {
        let mut snapshot = snapshot(Some("s3cret"));
        snapshot.integration.direction = tandem_domain::integration::Direction::Inbound;
        assert!(Account::open(&snapshot, &keys(), 0).unwrap().is_some());
    }

    #[test]
    fn what_cannot_be_called_is_said_without_the_secret() {
        let refused = |token: &str, change: fn(&mut Snapshot)| {
            let mut snapshot = snapshot(Some(token));
            change(&mut snapshot);
            let error = Account::open(&snapshot, &keys(), 0).unwrap_err();
            tandem_runtime::process::chain(&error)
        };
        assert!(!refused("s3c\nret", |_| {}).contains("s3c"));
        assert_eq!(
            refused("s", |it| it.integration.base_url = "ftp://x".to_owned()),
            "its base url cannot be called"
        );
        let elsewhere = |it: &mut Snapshot| {
            it.token = Some(keys().seal("elsewhere", &SecretString::from("s3cret")).unwrap());
        };
        assert!(refused("s", elsewhere).starts_with("its token cannot be opened"));
    }
}

//! What each field of an integration may hold: parsed once, at the door, with the way out named.

use axum::http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use tandem_domain::{
    id::{Connector, Handle, Org},
    integration::{Direction, Strategy},
};
use tandem_proto::{v1, words::Word as _};

/// What organisations and handles look like.
pub(crate) const SLUG: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
pub(crate) const NAME_MAX: usize = 120;
pub(crate) const URL_MAX: usize = 2048;
pub(crate) const EMAIL_MAX: usize = 254;
/// What an email address looks like.
pub(crate) const EMAIL: &str = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$";
const SECRET_MAX: usize = 1024;
/// PagerDuty answers 960 calls a minute; no connector needs more so far.
pub(crate) const RATE_LIMIT: std::ops::RangeInclusive<u32> = 1..=960;
/// A larger factor would only hide that waits are capped anyway.
pub(crate) const BACKOFF: std::ops::RangeInclusive<f64> = 1.0..=100.0;
/// The priorities an owner may be given.
const PRIORITY: std::ops::RangeInclusive<u32> = 0..=1000;

type Checked<T> = Result<T, String>;

pub(crate) fn org(text: &str) -> Checked<Org> {
    text.parse().map_err(|error: tandem_domain::id::NotAName| error.to_string())
}

pub(crate) fn handle(text: &str) -> Checked<Handle> {
    text.parse().map_err(|error: tandem_domain::id::NotAName| error.to_string())
}

pub(crate) fn name(text: &str) -> Checked<String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("must not be empty: it is the name people read".to_owned()),
        1..=NAME_MAX if text.chars().any(char::is_control) => {
            Err("must not hold control characters".to_owned())
        }
        1..=NAME_MAX => Ok(text.to_owned()),
        _ => Err(format!("must not be longer than {NAME_MAX} characters")),
    }
}

/// The connectors that are built in.
pub(crate) fn connector(text: &str) -> Checked<Connector> {
    let refused =
        || format!("must be one of the connectors: {}", tandem_connectors::NAMES.join(", "));
    let known = Some(text).filter(|text| tandem_connectors::NAMES.contains(text));
    known.and_then(|text| text.parse().ok()).ok_or_else(refused)
}

/// An http or https address without trailing slash; what hangs behind the path is not part of a root.
pub(crate) fn base_url(text: &str) -> Checked<String> {
    const EXPECTED: &str = "must be an address like https://api.pagerduty.com";
    let text = text.trim();
    if text.len() > URL_MAX {
        return Err(format!("must not be longer than {URL_MAX} characters"));
    }
    let uri: Uri = text.parse().map_err(|_| EXPECTED.to_owned())?;
    let authority = uri.authority().ok_or(EXPECTED)?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
        return Err(EXPECTED.to_owned());
    }
    if authority.as_str().contains('@') {
        return Err("must not carry credentials: they belong into the token".to_owned());
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(format!("{EXPECTED}, without a query or fragment"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The root by which the outside reaches us; none for none.
pub(crate) fn public_url(text: &str) -> Checked<Option<String>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    base_url(text).map(Some).map_err(|_| {
        "must be the root by which the outside reaches ingress, like https://tandem.example.com"
            .to_owned()
    })
}

pub(crate) fn direction(value: v1::Direction) -> Checked<Direction> {
    match value {
        v1::Direction::Inbound => Ok(Direction::Inbound),
        v1::Direction::Outbound => Ok(Direction::Outbound),
        v1::Direction::Bidirectional => Ok(Direction::Bidirectional),
        v1::Direction::Unspecified => Err("must be inbound, outbound or bidirectional".to_owned()),
    }
}

pub(crate) fn strategy(value: v1::ConflictStrategy) -> Checked<Strategy> {
    match value {
        v1::ConflictStrategy::LastWriteWins => Ok(Strategy::LastWriteWins),
        v1::ConflictStrategy::OwnershipPriority => Ok(Strategy::OwnershipPriority),
        v1::ConflictStrategy::ManualReview => Ok(Strategy::ManualReview),
        v1::ConflictStrategy::Unspecified => {
            Err(format!("must be one of {}", v1::ConflictStrategy::choices()))
        }
    }
}

pub(crate) fn rate_limit(calls: u32) -> Checked<u32> {
    if RATE_LIMIT.contains(&calls) {
        return Ok(calls);
    }
    Err(format!("must be {} to {} calls a minute", RATE_LIMIT.start(), RATE_LIMIT.end()))
}

/// What is left to others of a limit.
pub(crate) fn headroom(calls: u32, rate_limit: u32) -> Checked<u32> {
    if calls < rate_limit {
        return Ok(calls);
    }
    Err(format!("must be less than the rate limit, which is {rate_limit} calls a minute"))
}

pub(crate) fn backoff_multiplier(factor: f64) -> Checked<f64> {
    if BACKOFF.contains(&factor) {
        return Ok(factor);
    }
    Err(format!("must be {} to {}", BACKOFF.start(), BACKOFF.end()))
}

pub(crate) fn priority(priority: u32) -> Checked<u32> {
    if PRIORITY.contains(&priority) {
        return Ok(priority);
    }
    Err(format!("must be {} to {}", PRIORITY.start(), PRIORITY.end()))
}

/// Empty means none.
pub(crate) fn email(text: &str) -> Checked<Option<String>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let fits = text.len() <= EMAIL_MAX;
    if fits && text.split_once('@').is_some_and(|(who, host)| is_mailbox(who) && is_host(host)) {
        return Ok(Some(text.to_owned()));
    }
    Err("must be an email address".to_owned())
}

fn is_mailbox(text: &str) -> bool {
    const BESIDES: &[u8] = b".!#$%&'*+/=?^_`{|}~-";
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || BESIDES.contains(&it))
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        is_end(bytes.first())
            && is_end(bytes.last())
            && bytes.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'-')
    };
    text.split('.').all(is_label)
}

/// A secret that can stand in an HTTP header; empty means none. The message never quotes it.
pub(crate) fn secret(text: String) -> Checked<Option<SecretString>> {
    let secret = SecretString::from(text);
    match secret.expose_secret().len() {
        0 => Ok(None),
        1..=SECRET_MAX if secret.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(secret))
        }
        1..=SECRET_MAX => {
            Err("must hold printable ASCII characters without spaces only".to_owned())
        }
        _ => Err(format!("must not be longer than {SECRET_MAX} characters")),
    }
}

/// A service's id in the external account, as opaque as a record's.
pub(crate) fn service(text: &str) -> Checked<String> {
    match text.len() {
        0 => Err("must be the service's id, such as P123ABC".to_owned()),
        1..=128 if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => Err("must be 1 to 128 printable ASCII characters".to_owned()),
    }
}

/// The id of something in the external account other than a service, or its word for a value.
pub(crate) fn external(text: &str) -> Checked<String> {
    plain(text, "must be what the external account calls it")
}

/// A word of the platform for something that the external account keeps.
pub(crate) fn platform(text: &str) -> Checked<String> {
    plain(text, "must be the platform's word for it")
}

fn plain(text: &str, empty: &str) -> Checked<String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(empty.to_owned()),
        1..=254 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("must be 1 to 254 characters without control characters".to_owned()),
    }
}

/// An incident type of the platform.
pub(crate) fn incident_type(text: &str) -> Checked<String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("must be an incident type, such as infrastructure".to_owned()),
        1..=63 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("must be 1 to 63 characters without control characters".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_the_root_of_an_api_and_nothing_more() {
        assert_eq!(base_url("https://api.pagerduty.com/").unwrap(), "https://api.pagerduty.com");
        assert_eq!(base_url("http://127.0.0.1:8090").unwrap(), "http://127.0.0.1:8090");
        assert_eq!(base_url("https://x.test/v2/").unwrap(), "https://x.test/v2");
        for bad in [
            "",
            "api.pagerduty.com",
            "/v2",
            "ftp://x.test",
            "https://",
            "https://u:p@x.test",
            "https://x.test?a=b",
            "https://x.test#f",
            "https://x test",
        ] {
            assert!(base_url(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limits_include_their_ends_and_no_more() {
        assert!(rate_limit(1).is_ok() && rate_limit(960).is_ok());
        assert!(rate_limit(0).is_err() && rate_limit(961).is_err());
        assert!(backoff_multiplier(1.0).is_ok());
        for bad in [0.99, f64::NAN, f64::INFINITY, -2.0] {
            assert!(backoff_multiplier(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_that_would_break_a_header_is_refused_without_being_quoted() {
        let told = secret("abc\r\nX-Evil: 1".to_owned()).unwrap_err();
        assert!(!told.contains("abc"), "{told}");
        assert!(secret("u+abc_-/=".to_owned()).unwrap().is_some());
        assert!(secret(String::new()).unwrap().is_none());
    }

    #[test]
    fn an_email_has_both_parts_and_no_line_break() {
        assert_eq!(email(" a@b.test ").unwrap().as_deref(), Some("a@b.test"));
        assert_eq!(email("").unwrap(), None);
        for bad in
            ["a", "@b", "a@", "a@b\r\nX: y", "!kM8DF@bS)9i", "a@-b.test", "a@b..test", "a@b@c.test"]
        {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }
}

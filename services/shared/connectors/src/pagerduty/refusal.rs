//! What a call came to that did not succeed, sorted into what is to be done about it.
//!
//! Codes are those of the REST error list; bodies are read leniently, because `error` and `errors`
//! have been seen as object, list, map, plain string, HTML and nothing. [`sort`] is the only place
//! that decides, and knows every case.

use std::fmt;

use serde_json::Value as Json;

/// The longest reason that is passed on, in characters.
const REASON_MAX: usize = 500;
/// The longest root cause, in characters.
const GROUP_MAX: usize = 200;
/// The code of "Incident Already Resolved".
const ALREADY_RESOLVED: u64 = 1001;
/// The code of "Incident Already Acknowledged".
const ALREADY_ACKNOWLEDGED: u64 = 1002;
/// "Requester User Not Found", "Requester not authorized" and "Malformed From header".
const STRANGERS: [u64; 3] = [1008, 1018, 1028];
/// The code of "Arguments Caused Error", which a second open record with one key is refused with.
const ARGUMENTS: u64 = 2002;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending<'a> {
    /// No connection could be made, so nothing was sent.
    Unreached,
    /// It was sent, or may have been, and no answer came.
    Unanswered,
    /// It succeeded by its status, but the answer cannot be read.
    Unreadable,
    /// It was answered with a status that is no success.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: &'a [u8],
    },
}

/// What is to be done about a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing was done; try again later.
    Unreached,
    /// Whether it was done is not known; look before trying again.
    Unanswered,
    /// The far side is in trouble; whether it was done is not known either.
    Troubled,
    /// Too many calls; nothing was done; every call has to wait.
    Throttled,
    /// The key or the address is no good: no call will do better until the configuration changes.
    Unwelcome,
    /// The person it was made for is not known over there, or may not do it; nothing was done. It
    /// can be made in the name of the integration's own user.
    Stranger,
    /// The record has the wanted status already; read it again.
    AlreadySo,
    /// There is an open record with this key; look it up.
    Duplicate,
    /// This very call is refused for good.
    Refused,
}

impl Class {
    /// Whether the call may have taken effect all the same.
    pub const fn may_have_landed(self) -> bool {
        match self {
            Self::Unanswered | Self::Troubled => true,
            Self::Unreached
            | Self::Throttled
            | Self::Unwelcome
            | Self::Stranger
            | Self::AlreadySo
            | Self::Duplicate
            | Self::Refused => false,
        }
    }

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreached => "unreached",
            Self::Unanswered => "unanswered",
            Self::Troubled => "troubled",
            Self::Throttled => "throttled",
            Self::Unwelcome => "unwelcome",
            Self::Stranger => "stranger",
            Self::AlreadySo => "already_so",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}

/// Says what is to be done about a call that did not succeed.
pub fn sort(ending: Ending<'_>) -> Class {
    let (status, body) = match ending {
        Ending::Unreached => return Class::Unreached,
        Ending::Unanswered | Ending::Unreadable => return Class::Unanswered,
        Ending::Answered { status, body } => (status, body),
    };
    match (status, Problem::read(body).code) {
        (429, _) => Class::Throttled,
        (408 | 500.., _) => Class::Troubled,
        (400..=499, Some(code)) if STRANGERS.contains(&code) => Class::Stranger,
        // Redirects are not followed: they would carry the key elsewhere. The address is wrong.
        (401 | 403 | 300..=399, _) => Class::Unwelcome,
        (400..=499, Some(ALREADY_RESOLVED | ALREADY_ACKNOWLEDGED)) => Class::AlreadySo,
        (400..=499, Some(ARGUMENTS)) if speaks_of_a_key(body) => Class::Duplicate,
        (400..=499, _) => Class::Refused,
        // Neither an answer nor a refusal: as good as none.
        (0..=299, _) => Class::Unanswered,
    }
}

/// Says why a call did not succeed, in words for people.
pub fn reason(ending: Ending<'_>) -> String {
    let reason = match ending {
        Ending::Unreached => "PagerDuty could not be reached".to_owned(),
        Ending::Unanswered => "PagerDuty did not answer in time".to_owned(),
        Ending::Unreadable => "PagerDuty's answer cannot be understood".to_owned(),
        Ending::Answered { status, body } => {
            format!("PagerDuty answered {status}{}", Problem::read(body))
        }
    };
    reason.chars().take(REASON_MAX).collect()
}

/// The root cause: the same for all failures that one remedy would help, whichever record they
/// were about.
pub fn group(ending: Ending<'_>) -> String {
    let Ending::Answered { status, body } = ending else { return reason(ending) };
    let problem = Problem::read(body);
    let code = problem.code.map_or_else(|| status.to_string(), |code| code.to_string());
    let said = problem.message.into_iter().chain(problem.errors.into_iter().take(1));
    // Words with digits are ids and numbers: they tell records apart, not causes.
    let alike = |word: &str| {
        if word.contains(|c: char| c.is_ascii_digit()) { "…" } else { word }.to_owned()
    };
    let said: Vec<_> =
        said.map(|text| text.split_whitespace().map(alike).collect::<Vec<_>>().join(" ")).collect();
    let group = format!("pagerduty {code} {}", said.join(": "));
    group.trim_end().chars().take(GROUP_MAX).collect()
}

/// Code 2002 is used for several things; its words tell this one.
fn speaks_of_a_key(body: &[u8]) -> bool {
    let problem = Problem::read(body);
    let speaks = |text: &String| text.to_lowercase().contains("dedup key");
    problem.errors.iter().any(speaks) || problem.message.as_ref().is_some_and(speaks)
}

/// An error body, as far as it could be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Problem {
    code: Option<u64>,
    message: Option<String>,
    errors: Vec<String>,
}

impl Problem {
    fn read(body: &[u8]) -> Self {
        let json: Json = serde_json::from_slice(body).unwrap_or_default();
        let error = json.get("error").or_else(|| json.get("errors")).unwrap_or(&Json::Null);
        match error {
            Json::Object(members) => {
                let message = members.get("message").or_else(|| members.get("detail"));
                Self {
                    code: members.get("code").and_then(Json::as_u64),
                    message: message.and_then(Json::as_str).map(str::to_owned),
                    errors: members.get("errors").map_or_else(Vec::new, texts),
                }
            }
            other => Self { code: None, message: None, errors: texts(other) },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if !self.errors.is_empty() {
            write!(f, ": {}", self.errors.join("; "))?;
        }
        Ok(())
    }
}

/// The texts in a value, whatever its form.
fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::Object(members) => {
            let named = |(name, value): (&String, &Json)| {
                texts(value).into_iter().map(|text| format!("{name} {text}")).collect::<Vec<_>>()
            };
            members.iter().flat_map(named).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Ending<'_> {
        Ending::Answered { status, body: body.as_bytes() }
    }

    #[test]
    fn every_status_has_a_class() {
        let class = |status| sort(answered(status, ""));
        assert_eq!(class(429), Class::Throttled);
        for status in [408, 500, 502, 503, 504, 599, 999] {
            assert_eq!(class(status), Class::Troubled, "{status}");
        }
        for status in [301, 302, 307, 401, 403] {
            assert_eq!(class(status), Class::Unwelcome, "{status}");
        }
        for status in [400, 402, 404, 405, 409, 410, 413, 422] {
            assert_eq!(class(status), Class::Refused, "{status}");
        }
        for status in [0, 101, 200] {
            assert_eq!(class(status), Class::Unanswered, "{status}");
        }
    }

    #[test]
    fn no_answer_is_told_from_nothing_sent() {
        assert!(!sort(Ending::Unreached).may_have_landed());
        assert!(sort(Ending::Unanswered).may_have_landed());
        assert!(sort(Ending::Unreadable).may_have_landed());
        assert!(sort(answered(503, "")).may_have_landed());
        assert!(!sort(answered(429, "")).may_have_landed());
    }

    #[test]
    fn a_status_that_holds_already_and_a_key_in_use_are_known_by_their_codes() {
        let body = |code: u64, errors: &str| {
            format!(r#"{{"error":{{"code":{code},"message":"M","errors":{errors}}}}}"#)
        };
        let class = |code, errors: &str| sort(answered(400, &body(code, errors)));
        assert_eq!(class(1001, "[]"), Class::AlreadySo);
        assert_eq!(class(1002, "[]"), Class::AlreadySo);
        let key = "Open incident with matching dedup key already exists on this service";
        assert_eq!(class(2002, &format!("[{key:?}]")), Class::Duplicate);
        assert_eq!(class(2002, &format!("{key:?}")), Class::Duplicate);
        assert_eq!(class(1008, "[]"), Class::Stranger);
        assert_eq!(class(2002, r#"["Incidents cannot be merged"]"#), Class::Refused);
        assert_eq!(class(2001, r#"["Title cannot be empty."]"#), Class::Refused);
    }

    #[test]
    fn every_known_form_of_error_body_is_put_into_words() {
        for (body, words) in [
            (r#"{"error":{"code":2001,"message":"M","errors":["a","b"]}}"#, ", code 2001: M: a; b"),
            (r#"{"error":{"code":2001,"message":"M","errors":"a"}}"#, ", code 2001: M: a"),
            (r#"{"error":{"code":1,"message":"M","errors":{"t":["a"]}}}"#, ", code 1: M: t a"),
            (r#"{"error":["a","b"]}"#, ": a; b"),
            (r#"{"error":"a"}"#, ": a"),
            (r#"{"errors":{"code":2019,"detail":"a"}}"#, ", code 2019: a"),
            ("<html>502</html>", ""),
            ("", ""),
            ("[1]", ""),
        ] {
            assert_eq!(reason(answered(400, body)), format!("PagerDuty answered 400{words}"));
        }
    }

    #[test]
    fn failures_of_one_cause_are_of_one_group_whichever_record_they_were_about() {
        let body = |id: &str| {
            format!(
                r#"{{"error":{{"code":2001,"message":"Invalid Input","errors":["No {id} here."]}}}}"#
            )
        };
        let of = |id: &str| group(answered(400, &body(id)));
        assert_eq!(of("Q1T7M4"), "pagerduty 2001 Invalid Input: No … here.");
        assert_eq!(of("Q1T7M4"), of("QZZ9"));
        assert_eq!(group(answered(404, "<html>")), "pagerduty 404");
        assert_eq!(group(Ending::Unanswered), "PagerDuty did not answer in time");
    }

    #[test]
    fn a_reason_is_of_bearable_length() {
        let body = format!(r#"{{"error":"{}"}}"#, "x".repeat(10_000));
        assert_eq!(reason(answered(400, &body)).chars().count(), REASON_MAX);
    }
}

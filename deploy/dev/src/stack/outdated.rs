//! Notices streams of another layout in the broker's data, which the services cannot make into their own.
//!
//! Some settings of a stream cannot be changed once it exists. A service whose stream is refused keeps asking and is
//! never ready; the broker tells of each such refusal as an advisory, and with that the start ends at once, with what to
//! do about it. Nothing is thrown away unasked.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::Value;
use tandem_dev::{Service, workspace};

use crate::commands::steps::Signals;
use crate::feed::{self, Feed};

/// Where the broker tells of every request to its API, with the answer.
const ADVISORIES: &str = "$JS.EVENT.ADVISORY.API";
/// The request that changes a stream.
const UPDATE: &str = "$JS.API.STREAM.UPDATE.";
/// A stream that is not there is made next.
const NOT_FOUND: u64 = 10_059;
/// How often services and refusals are looked at.
const POLL: Duration = Duration::from_millis(20);

/// A watch over the broker's refusals.
pub(super) struct Outdated {
    refusal: Arc<Mutex<Option<String>>>,
    _feed: Feed,
}

impl Outdated {
    /// Watches from now on.
    pub(super) fn watch(nats: &str) -> anyhow::Result<Self> {
        let refusal = Arc::default();
        let seen: Arc<Mutex<Option<String>>> = Arc::clone(&refusal);
        let feed = feed::follow(nats, ADVISORIES, move |message| {
            if let Some(found) = refused(&message.payload) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
            }
        })?;
        Ok(Self { refusal, _feed: feed })
    }

    /// Waits until all are ready; fails when one is not in time, or at the first refusal.
    pub(super) fn while_starting(
        &self,
        services: &mut [&mut Service],
        signals: &Signals,
    ) -> anyhow::Result<()> {
        for service in services {
            while service.is_running() && !service.is_ready() {
                ensure!(!signals.asked(), "interrupted");
                let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(refusal) = refusal {
                    bail!(
                        "the data under {}/nats is of another layout than this checkout's: {refusal}\n\
                         `cargo dev up --fresh` starts over without that data; the checkout that \
                         made it can still be run with it.",
                        workspace::dev_name().display()
                    );
                }
                thread::sleep(POLL);
            }
            // Ready by now, or ended, which this says.
            service.wait_ready()?;
        }
        Ok(())
    }
}

/// The stream that an advisory tells was not changed, and why.
fn refused(advisory: &[u8]) -> Option<String> {
    let advisory: Value = serde_json::from_slice(advisory).ok()?;
    let stream = advisory.get("subject")?.as_str()?.strip_prefix(UPDATE)?;
    let answer: Value = serde_json::from_str(advisory.get("response")?.as_str()?).ok()?;
    let error = answer.get("error")?;
    let is_missing = error.get("err_code").and_then(Value::as_u64) == Some(NOT_FOUND);
    let why = error.get("description").and_then(Value::as_str).unwrap_or("no reason is given");
    (!is_missing).then(|| format!("the stream {stream} cannot be changed ({why})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn advisory(subject: &str, answer: &Value) -> Vec<u8> {
        let advisory =
            json!({ "subject": subject, "request": "{}", "response": answer.to_string() });
        advisory.to_string().into_bytes()
    }

    #[test]
    fn a_refused_change_of_a_stream_is_told_with_its_reason() {
        let answer = json!({ "error": { "err_code": 10_052, "description": "can not change retention policy" } });
        let told = refused(&advisory("$JS.API.STREAM.UPDATE.TANDEM_IN", &answer)).unwrap();
        assert_eq!(
            told,
            "the stream TANDEM_IN cannot be changed (can not change retention policy)"
        );
    }

    #[test]
    fn what_is_no_refusal_is_passed_over() {
        let missing =
            json!({ "error": { "err_code": NOT_FOUND, "description": "stream not found" } });
        assert_eq!(refused(&advisory("$JS.API.STREAM.UPDATE.TANDEM_IN", &missing)), None);
        let done = json!({ "config": {} });
        assert_eq!(refused(&advisory("$JS.API.STREAM.UPDATE.TANDEM_IN", &done)), None);
        let other = json!({ "error": { "err_code": 1 } });
        assert_eq!(refused(&advisory("$JS.API.CONSUMER.CREATE.TANDEM_IN", &other)), None);
        assert_eq!(refused(b"no JSON"), None);
    }
}

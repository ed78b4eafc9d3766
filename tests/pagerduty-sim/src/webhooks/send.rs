//! Owns one attempt to deliver one webhook, and what its outcome means.
//!
//! 2xx within 5 s is delivery; time-outs, refused connections, 429 and 5xx are tried again; everything
//! else is a drop.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::Delivery;
use crate::clock;
use crate::journal::Attempt;
use crate::knobs::Redirect;
use crate::shared::Shared;

/// What an attempt came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    Retry,
    Drop,
}

/// Tries once; gives nothing when the subscription is gone.
pub(crate) async fn attempt(shared: &Shared, delivery: &Delivery) -> Option<Outcome> {
    let (url, headers, redirect) = shared.peek(|world| {
        let subscription = world.subscriptions.iter().find(|it| it.id == delivery.subscription)?;
        let signature = super::sign::signature(&subscription.secrets, &delivery.body);
        let headers = headers(delivery, &signature, &subscription.headers);
        Some((subscription.url.clone(), headers, world.knobs.behaviour.redirect))
    })?;
    let request = shared
        .http
        .post(url)
        .headers(headers)
        .timeout(shared.options.scaled(5))
        .body(delivery.body.clone());
    let outcome = match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            // Reading the answer to its end lets the connection be used again.
            let read = response.bytes().await;
            Outcome {
                verdict: judge(status, redirect),
                status: Some(status),
                error: read.err().map(|error| chain(&error)),
            }
        }
        Err(error) => Outcome {
            verdict: if tls_failure(&error) { Verdict::Drop } else { Verdict::Retry },
            status: None,
            error: Some(chain(&error)),
        },
    };
    Some(outcome)
}

fn judge(status: u16, redirect: Redirect) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        429 | 500..=599 => Verdict::Retry,
        300..=399 if redirect == Redirect::Retry => Verdict::Retry,
        _ => Verdict::Drop,
    }
}

fn headers(delivery: &Delivery, signature: &str, custom: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("PagerDuty-Webhook/V3.0"));
    let own = [
        ("x-pagerduty-signature", signature),
        ("x-webhook-id", &delivery.webhook_id),
        ("x-webhook-subscription", &delivery.subscription),
    ];
    let custom = custom.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.into_iter().chain(custom) {
        // Custom headers were checked when the subscription was made.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    headers
}

/// A TLS error is permanent, unless the certificate has merely expired.
fn tls_failure(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let io = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = current
            .downcast_ref::<rustls::Error>()
            .or_else(|| io.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        if let Some(tls) = tls {
            let expired = rustls::CertificateError::Expired;
            return !matches!(tls, rustls::Error::InvalidCertificate(it) if *it == expired);
        }
        cause = current.source();
    }
    false
}

fn chain(error: &reqwest::Error) -> String {
    let mut out = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        out = format!("{out}: {current}");
        cause = current.source();
    }
    out
}

/// The record of an attempt.
pub(crate) fn record(delivery: &Delivery, outcome: &Outcome, word: &str) -> Attempt {
    Attempt {
        seq: 0,
        time: clock::millis(clock::now()),
        webhook_id: delivery.webhook_id.clone(),
        event_id: delivery.event_id.clone(),
        event_type: delivery.event_type.clone(),
        subscription: delivery.subscription.clone(),
        incident: delivery.resource.clone(),
        attempt: delivery.attempts,
        status: outcome.status,
        error: outcome.error.clone(),
        outcome: word.to_owned(),
    }
}

/// The record of a webhook that is not going to be tried (again).
pub(crate) fn lost(delivery: &Delivery, why: &str) -> Attempt {
    let outcome = Outcome { verdict: Verdict::Drop, status: None, error: Some(why.to_owned()) };
    record(delivery, &outcome, "lost")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §2.3, the table of what a receiver's answer means.
    #[test]
    fn answers_are_judged_as_documented() {
        let judged = |status| judge(status, Redirect::Drop);
        for delivered in [200, 202, 204] {
            assert_eq!(judged(delivered), Verdict::Delivered);
        }
        for again in [429, 500, 503] {
            assert_eq!(judged(again), Verdict::Retry);
        }
        for dropped in [301, 400, 401, 404, 410] {
            assert_eq!(judged(dropped), Verdict::Drop);
        }
        assert_eq!(judge(302, Redirect::Retry), Verdict::Retry);
    }
}

//! The rest of `/api/v1`: handed to the admin API where `--api-upstream` is set, else not there.
//!
//! Only what is listed here travels, either way, and both bodies are bounded.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use bytes::BytesMut;
use reqwest::{Client, Url, redirect};
use tandem_runtime::{process::chain, trace};
use tokio::sync::Semaphore;

use crate::{
    body,
    door::Door,
    rejection::{Rejection, problem},
};

const REQUEST_MAX: usize = 1024 * 1024;
const ANSWER_MAX: usize = 8 * 1024 * 1024;
/// Each may hold [`REQUEST_MAX`].
const IN_HAND: usize = 16;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Shorter than the admin API lets a connection idle, so that none is used that it is about to close.
const IDLE_MAX: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What a request takes along.
const THERE: [HeaderName; 8] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("x-actor"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static(trace::TRACEPARENT),
];
/// For whom: without a token, admin lets in only who is on its own machine.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What an answer brings back.
const BACK: [HeaderName; 6] = [
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
];

/// The admin API.
#[derive(Debug)]
pub(crate) struct Upstream {
    base: Url,
    client: Client,
    slots: Semaphore,
}

/// Why there is no answer from the admin API.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the admin API does not answer")]
    Away(#[source] reqwest::Error),
    #[error("the admin API's answer is larger than {ANSWER_MAX} bytes")]
    TooLarge,
}

impl Upstream {
    /// An admin API at a base URL.
    pub(crate) fn new(base: Url) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { base, client, slots: Semaphore::new(IN_HAND) })
    }

    async fn ask(&self, url: Url, request: Request) -> Result<Response, Rejection> {
        let _slot = self.slots.try_acquire().map_err(|_| Rejection::Overloaded)?;
        let (head, body) = request.into_parts();
        let body = body::read(body, REQUEST_MAX, BODY_WITHIN).await?;
        let asked = self
            .client
            .request(head.method.clone(), url)
            .headers(picked(&head.headers, &THERE))
            .header(FORWARDED_FOR, asking(&head))
            .body(body)
            .send()
            .await
            .map_err(NoAnswer::Away);
        let answer = match asked {
            Ok(answer) => relay(answer).await,
            Err(error) => Err(error),
        };
        Ok(answer.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "a request could not be forwarded");
            problem(StatusCode::BAD_GATEWAY, "upstream_away", &error.to_string())
        }))
    }
}

/// Anything under `/api/v1` that is not a webhook.
pub(crate) async fn forward(
    State(door): State<Arc<Door>>,
    request: Request,
) -> Result<Response, Rejection> {
    door.count(request.extensions())?;
    let Some(upstream) = &door.upstream else { return Ok(no_such_path()) };
    match target(&upstream.base, request.uri()) {
        Some(url) => upstream.ask(url, request).await,
        None => Ok(no_such_path()),
    }
}

/// Where a request goes; none where dots in its path would lead out of the API.
fn target(base: &Url, uri: &Uri) -> Option<Url> {
    let prefix = base.path().trim_end_matches('/');
    let mut url = base.clone();
    url.set_path(&format!("{prefix}{}", uri.path()));
    url.set_query(uri.query());
    url.path().starts_with(&format!("{prefix}/api/v1/")).then_some(url)
}

/// The answer where nothing is.
pub(crate) fn no_such_path() -> Response {
    let hint = "here is POST /api/v1/webhooks/{integration} and its /test; the rest of the API is \
                served by admin, or from here where --api-upstream is set";
    problem(StatusCode::NOT_FOUND, "no_such_path", hint)
}

async fn relay(mut answer: reqwest::Response) -> Result<Response, NoAnswer> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(NoAnswer::Away)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(NoAnswer::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let headers = picked(answer.headers(), &BACK);
    Ok((answer.status(), headers, Body::from(body.freeze())).into_response())
}

/// Everybody who is behind a request: whom the sender forwards for, and the sender.
fn asking(head: &Parts) -> String {
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or_else(|| "unknown".to_owned(), |ConnectInfo(it)| it.ip().to_string());
    let before = head.headers.get_all(FORWARDED_FOR).iter();
    let before = before.map(|value| value.to_str().unwrap_or("unknown").to_owned());
    before.chain([peer]).collect::<Vec<_>>().join(", ")
}

fn picked(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let pick = |name: &HeaderName| Some((name.clone(), headers.get(name)?.clone()));
    names.iter().filter_map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_behind_a_request_is_told_also_when_the_sender_claims_another() {
        let asked = |peer: Option<&str>, claims: &[&str]| {
            let mut request = axum::http::Request::new(());
            if let Some(peer) = peer {
                let peer: SocketAddr = peer.parse().unwrap();
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            for claim in claims {
                request.headers_mut().append(FORWARDED_FOR, claim.parse().unwrap());
            }
            asking(&request.into_parts().0)
        };
        assert_eq!(asked(Some("127.0.0.1:9"), &[]), "127.0.0.1");
        assert_eq!(asked(Some("[2001:db8::1]:9"), &["127.0.0.1"]), "127.0.0.1, 2001:db8::1");
        assert_eq!(asked(Some("127.0.0.1:9"), &["a", "b"]), "a, b, 127.0.0.1");
        assert_eq!(asked(None, &[]), "unknown");
    }

    #[test]
    fn a_path_stays_within_the_api_whatever_it_holds() {
        for base in ["http://127.0.0.1:9", "http://127.0.0.1:9/below/"] {
            let base: Url = base.parse().unwrap();
            let prefix = base.path().trim_end_matches('/').to_owned();
            let path = |uri: &str| target(&base, &uri.parse().unwrap()).map(String::from);
            let there = format!("http://127.0.0.1:9{prefix}/api/v1/integrations/x?a=b%20c&d");
            assert_eq!(path("/api/v1/integrations/x?a=b%20c&d"), Some(there));
            for out in ["/api/v1/../../metrics", "/api/v1/%2e%2e/x", "/api/v1/x/../..//y"] {
                assert_eq!(path(out), None, "{out}");
            }
        }
    }
}

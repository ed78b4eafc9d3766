//! Whoever asks too often hears so, and those who are in order are served meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tandem_proto::v1::{
    ListIntegrationsRequest, integration_service_client::IntegrationServiceClient,
};
use tandem_tests::{Options, Stack, Webhook};
use tokio::time::Instant;
use tonic::Code;
use tonic_types::StatusExt as _;

/// Requests a second from one address.
const RATE: u32 = 20;
/// More than enough to be too many, in whatever time a loaded machine takes for them.
const MANY: usize = 2_000;
const WITHIN: Duration = Duration::from_mins(1);

async fn start() -> Stack {
    Stack::start_with(Options { requests_per_source: Some(RATE), ..Options::default() }).await
}

/// Asks until it is too much; gives that answer, and how often each status came.
async fn until_refused(
    request: impl Fn() -> reqwest::RequestBuilder + Send + Sync,
) -> (Response, BTreeMap<u16, usize>) {
    let mut seen = BTreeMap::new();
    let until = Instant::now() + WITHIN;
    let mut answers = stream::repeat_with(|| request().send()).take(MANY).buffer_unordered(16);
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap();
        *seen.entry(answer.status().as_u16()).or_default() += 1;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return (answer, seen);
        }
        assert!(Instant::now() < until, "{seen:?}");
    }
    panic!("nothing was too much: {seen:?}");
}

/// A refusal says when to come again, as every error is told.
async fn assert_told(answer: Response) {
    let after = answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], 429, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_what_nobody_signed_is_turned_away_and_good_webhooks_are_taken() {
    let stack = start().await;
    let unsigned = || stack.http.post(stack.webhook_url()).body("{}");
    let (refused, seen) = until_refused(unsigned).await;
    assert_told(refused).await;
    assert!(seen.keys().all(|status| [401, 429].contains(status)), "{seen:?}");

    // From the same address, in the middle of it.
    let ping = |name: String| Webhook::event(&name, "pagey.ping", &json!({"type": "ping"}));
    for number in 0..100 {
        let answer = unsigned().send().await.unwrap();
        assert!([401, 429].contains(&answer.status().as_u16()));
        assert_eq!(stack.post(&ping(format!("E{number}"))).await.unwrap(), 202);
        // Wrong ones are judged as ever: nothing but that tells them from good ones.
        let (wrong, signature) = (ping(format!("W{number}")), format!("v1={number:064x}"));
        assert_eq!(stack.post_signed(&wrong, &signature).await.unwrap(), 401);
    }
    // Whoever says so often that they cannot sign is not told of each time.
    let told = stack.logs().lines().filter(|line| line.contains("webhook refused\"")).count();
    assert!(told < 200, "{told}");

    // An integration that may be known soon is put off, never refused for good.
    let unknown = format!("{}/api/v1/webhooks/int_{:032x}", stack.http_url, 7);
    let statuses = stream::repeat_with(|| stack.http.post(&unknown).body("{}").send()).take(200);
    let statuses: Vec<_> = statuses.buffer_unordered(16).collect().await;
    let all = statuses.into_iter().map(|answer| answer.unwrap().status().as_u16());
    assert_eq!(all.collect::<BTreeSet<_>>(), BTreeSet::from([503]));

    let elsewhere = || stack.http.get(format!("{}/nowhere", stack.http_url));
    assert_told(until_refused(elsewhere).await.0).await;
    stack.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_calls_admin_too_often_hears_when_to_come_again() {
    let stack = start().await;
    let (refused, seen) =
        until_refused(|| stack.http.get(format!("{}/api/v1/integrations", stack.rest_url))).await;
    assert_told(refused).await;
    assert!(seen.keys().all(|status| [200, 429].contains(status)), "{seen:?}");

    let channel = tonic::transport::Endpoint::from_shared(stack.im.admin_url().to_owned());
    let channel = channel.unwrap().connect().await.unwrap();
    let mut client = IntegrationServiceClient::new(channel);
    let mut refused = None;
    for _ in 0..MANY {
        if let Err(status) = client.list_integrations(ListIntegrationsRequest::default()).await {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("it was too often");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    let again = refused.get_details_retry_info().expect("it says when").retry_delay.unwrap();
    assert!(again <= Duration::from_mins(1), "{again:?}");
    let words = stack.im.run(&["integration", "list"]).await.unwrap();
    let said = String::from_utf8_lossy(&words.stderr).into_owned();
    assert!(words.status.success() || said.contains("try again"), "{said}");
}

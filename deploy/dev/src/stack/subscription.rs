//! The webhook subscription at the simulated PagerDuty that feeds the ingress, made as a user would.
//!
//! The simulator remembers it. One of an earlier run is kept as long as it still leads here, so that what it owes us
//! arrives; one that does not is deleted, or each event would be sent twice and soon no further subscription allowed.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_dev::http::{self, Response};

use super::configure::{FROM, TOKEN};
use super::state::Addresses;

/// Makes sure of exactly one subscription for the integration; returns the secret of a new one.
///
/// Without the secret, which is told only once, an earlier one is of no use.
pub(super) fn ensure(
    addresses: &Addresses,
    integration: &str,
    secret_is_known: bool,
) -> anyhow::Result<Option<String>> {
    let list = format!("{}/webhook_subscriptions", addresses.pagerduty);
    let path = format!("/api/v1/webhooks/{integration}");
    let url = format!("{}{path}", addresses.http);
    let found = ask("GET", &format!("{list}?filter_type=account"), "")?;
    let found = found.get("webhook_subscriptions").and_then(Value::as_array);
    let mut kept = false;
    for earlier in found.into_iter().flatten().filter(|it| url_of(it).ends_with(&path)) {
        if !kept && secret_is_known && leads_to(earlier, &url) {
            kept = true;
            continue;
        }
        let id = earlier.get("id").and_then(Value::as_str).context("a subscription has no id")?;
        ask("DELETE", &format!("{list}/{id}"), "")?;
    }
    if kept { Ok(None) } else { make(&list, &url).map(Some) }
}

/// Says whether all our events arrive at the address by way of this subscription.
fn leads_to(subscription: &Value, url: &str) -> bool {
    let method = subscription.get("delivery_method");
    let disabled = method.and_then(|method| method.get("temporarily_disabled"));
    url_of(subscription) == url
        && subscription.get("active") == Some(&Value::Bool(true))
        && disabled == Some(&Value::Bool(false))
        && subscription.get("events") == Some(&json!(EVENTS))
}

fn url_of(subscription: &Value) -> &str {
    subscription.pointer("/delivery_method/url").and_then(Value::as_str).unwrap_or_default()
}

/// Subscribes the address; returns the secret that webhooks are signed with.
fn make(list: &str, url: &str) -> anyhow::Result<String> {
    let body = json!({ "webhook_subscription": {
        "type": "webhook_subscription",
        "delivery_method": { "type": "http_delivery_method", "url": url, "custom_headers": [] },
        "description": "Tandem",
        "events": EVENTS,
        "filter": { "type": "account_reference" },
    } });
    let answer = ask("POST", list, &body.to_string())?;
    let secret = answer.pointer("/webhook_subscription/delivery_method/secret");
    Ok(secret.and_then(Value::as_str).context("the simulator told no secret")?.to_owned())
}

fn ask(method: &str, url: &str, body: &str) -> anyhow::Result<Value> {
    let token = format!("Token token={TOKEN}");
    let headers = [("authorization", token.as_str()), ("from", FROM)];
    let Response { status, body, .. } = http::request(method, url, &headers, body)?;
    ensure!((200..300).contains(&status), "{method} {url} was refused with {status}: {body}");
    if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&body)?) }
}

/// Every event the simulator can tell.
const EVENTS: [&str; 17] = [
    "incident.acknowledged",
    "incident.annotated",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.delegated",
    "incident.escalated",
    "incident.priority_updated",
    "incident.incident_type.changed",
    "incident.reassigned",
    "incident.reopened",
    "incident.resolved",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.service_updated",
    "incident.status_update_published",
    "incident.triggered",
    "incident.unacknowledged",
];

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:8080/api/v1/webhooks/int_1";

    fn subscription() -> Value {
        json!({
            "active": true,
            "delivery_method": { "url": URL, "temporarily_disabled": false },
            "events": EVENTS,
        })
    }

    #[test]
    fn one_that_tells_everything_to_the_same_address_is_kept() {
        assert!(leads_to(&subscription(), URL));
    }

    #[test]
    fn one_that_leads_elsewhere_or_tells_less_is_not_kept() {
        assert!(!leads_to(&subscription(), "http://127.0.0.1:8081/api/v1/webhooks/int_1"));
        for (member, value) in [
            ("/active", json!(false)),
            ("/delivery_method/temporarily_disabled", json!(true)),
            ("/events", json!(["incident.triggered"])),
        ] {
            let mut changed = subscription();
            *changed.pointer_mut(member).unwrap() = value;
            assert!(!leads_to(&changed, URL), "{member}");
        }
    }
}

//! Webhook subscriptions as REST has them: listed, made, enabled, pinged, deleted.
//!
//! A secret is told once, by the answer that makes a subscription; it cannot be changed, so a new
//! secret means a new subscription (REST API, "webhook subscriptions").

use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tandem_domain::id::IntegrationId;

use super::{
    directory::{Page, page, read, text},
    event_type::EventType,
    rest::{Method, Request},
};

/// What a subscription must announce for fields to follow within seconds.
pub(super) const NEEDED: [EventType; 11] = [
    EventType::Triggered,
    EventType::Acknowledged,
    EventType::Unacknowledged,
    EventType::Escalated,
    EventType::Reassigned,
    EventType::Delegated,
    EventType::PriorityUpdated,
    EventType::ServiceUpdated,
    EventType::Resolved,
    EventType::Reopened,
    EventType::Annotated,
];

/// What it is good to hear of besides. Others need rights that not every key has, and one type that
/// is refused refuses the whole subscription.
const WELCOME: [EventType; 6] = [
    EventType::IncidentTypeChanged,
    EventType::StatusUpdatePublished,
    EventType::ConferenceBridgeUpdated,
    EventType::CustomFieldsUpdated,
    EventType::ResponderAdded,
    EventType::ResponderReplied,
];

/// A webhook subscription of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// Whether anything is sent at the moment.
    pub sends: bool,
    /// Whether it was switched off because too much was dropped, for a day.
    pub disabled: bool,
    /// What it announces.
    pub events: Vec<String>,
    /// The one service it is about; none where it is about more.
    pub service: Option<String>,
    /// What whoever made it says it is for.
    pub description: String,
}

/// A subscription that was just made.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// What its webhooks are signed with, which is not told again.
    pub secret: SecretString,
}

/// Asks for the account's subscriptions.
pub fn subscriptions(offset: usize) -> Request {
    page("/webhook_subscriptions", offset)
}

/// The subscriptions in an answer.
pub fn read_subscriptions(answer: &Json) -> Option<Page<Subscription>> {
    read(answer, "webhook_subscriptions", |item| {
        let delivery = item.get("delivery_method")?;
        let is = |of: &Json, name: &str| of.get(name).and_then(Json::as_bool);
        let disabled = is(delivery, "temporarily_disabled").unwrap_or(false);
        let events = item.get("events").and_then(Json::as_array);
        let events = events.into_iter().flatten().filter_map(Json::as_str);
        let filter = item
            .get("filter")
            .filter(|filter| text(filter, "type").is_some_and(|kind| kind == "service_reference"));
        Some(Subscription {
            id: text(item, "id")?,
            url: text(delivery, "url")?,
            sends: is(item, "active").unwrap_or(true) && !disabled,
            disabled,
            events: events.map(str::to_owned).collect(),
            service: filter.and_then(|filter| text(filter, "id")),
            description: text(item, "description").unwrap_or_default(),
        })
    })
}

/// Makes a subscription that sends to `url` what happens in one service, or in the whole account.
pub fn subscribe(url: &str, service: Option<&str>, description: &str) -> Request {
    let filter = match service {
        Some(id) => json!({ "type": "service_reference", "id": id }),
        None => json!({ "type": "account_reference" }),
    };
    let events: Vec<_> = NEEDED.iter().chain(&WELCOME).map(|event| event.name()).collect();
    let body = json!({ "webhook_subscription": {
        "type": "webhook_subscription",
        "delivery_method": { "type": "http_delivery_method", "url": url },
        "description": description,
        "events": events,
        "filter": filter,
    }});
    let path = "/webhook_subscriptions".to_owned();
    Request { method: Method::Post, path, query: Vec::new(), body: Some(body) }
}

/// The subscription that was made, in the answer to that.
pub fn read_made(answer: &Json) -> Option<Made> {
    let made = answer.get("webhook_subscription")?;
    let secret = text(made.get("delivery_method")?, "secret")?;
    Some(Made { id: text(made, "id")?, secret: SecretString::from(secret) })
}

/// Has a subscription send again that was switched off for a day.
pub fn enable(id: &str) -> Request {
    of(id, "/enable", Method::Post)
}

/// Has a subscription send a ping.
pub fn ping(id: &str) -> Request {
    of(id, "/ping", Method::Post)
}

/// Deletes a subscription.
pub fn unsubscribe(id: &str) -> Request {
    of(id, "", Method::Delete)
}

fn of(id: &str, verb: &str, method: Method) -> Request {
    let path = format!("/webhook_subscriptions/{}{verb}", super::rest::segment(id));
    Request { method, path, query: Vec::new(), body: None }
}

/// Whether an address is our door for this integration, wherever that stands.
pub fn is_ours(url: &str, integration: IntegrationId) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    path.rsplit_once("/api/v1/webhooks/")
        .and_then(|(_, id)| id.parse::<IntegrationId>().ok())
        .is_some_and(|id| id == integration)
}

/// Where webhooks of an integration are sent to, under the root by which the outside reaches us.
pub fn door(public_url: &str, integration: IntegrationId) -> String {
    format!("{}/api/v1/webhooks/{integration}", public_url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn integration() -> IntegrationId {
        "int_00000000000000000000000000000001".parse().unwrap()
    }

    #[test]
    fn a_subscription_is_made_for_a_service_or_the_account_and_its_secret_read_once() {
        let url = door("https://sync.acme.test/", integration());
        assert_eq!(
            url,
            "https://sync.acme.test/api/v1/webhooks/int_00000000000000000000000000000001"
        );
        assert!(is_ours(&url, integration()) && !is_ours("https://sync.acme.test", integration()));
        let body = subscribe(&url, Some("P123ABC"), "Tandem").body.unwrap();
        let made = &body["webhook_subscription"];
        assert_eq!(made["filter"], json!({ "type": "service_reference", "id": "P123ABC" }));
        assert!(made["events"].as_array().unwrap().contains(&json!("incident.priority_updated")));
        let body = subscribe(&url, None, "Tandem").body.unwrap();
        let filter = &body["webhook_subscription"]["filter"];
        assert_eq!(*filter, json!({ "type": "account_reference" }));
        let answer = json!({ "webhook_subscription": {
            "id": "PWSUB01", "delivery_method": { "secret": "s3cret" },
        }});
        let made = read_made(&answer).unwrap();
        assert_eq!((made.id.as_str(), made.secret.expose_secret()), ("PWSUB01", "s3cret"));
        assert!(!format!("{made:?}").contains("s3cret"));
        let without = json!({ "webhook_subscription": {
            "id": "PWSUB01", "delivery_method": { "secret": null },
        }});
        assert!(read_made(&without).is_none());
    }

    #[test]
    fn one_that_was_switched_off_is_told_from_one_that_somebody_switched_off() {
        let item = |active: bool, disabled: bool| {
            json!({
                "id": "P1", "active": active, "description": "d", "events": [],
                "delivery_method": { "url": "https://x", "temporarily_disabled": disabled },
                "filter": { "type": "account_reference" },
            })
        };
        let all = json!({ "webhook_subscriptions": [item(true, true), item(false, false)] });
        let read = read_subscriptions(&all).unwrap().items;
        let told: Vec<_> = read.iter().map(|it| (it.sends, it.disabled)).collect();
        assert_eq!(told, [(false, true), (false, false)]);
    }

    #[test]
    fn calls_about_one_name_it_as_one_segment() {
        assert_eq!(enable("P/1").path, "/webhook_subscriptions/P%2F1/enable");
        assert_eq!(ping("P1").path, "/webhook_subscriptions/P1/ping");
        assert_eq!(unsubscribe("P1").method, Method::Delete);
    }
}

//! Whether webhooks are sent to us: the subscriptions that name our address, and what they cover.

use serde_json::Value as Json;
use tandem_domain::{id::IntegrationId, integration::Integration};

use super::super::{
    directory::{Page, page, read, text},
    event_type::EventType,
    rest::Request,
};
use crate::checkup::Check;

/// What a subscription must announce for fields to follow within seconds.
const NEEDED: [EventType; 11] = [
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

/// A webhook subscription of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// Whether anything is sent at the moment.
    pub sends: bool,
    /// What it announces.
    pub events: Vec<String>,
    /// The one service it is about; none where it is about more.
    pub service: Option<String>,
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
            events: events.map(str::to_owned).collect(),
            service: filter.and_then(|filter| text(filter, "id")),
        })
    })
}

/// Judges whether the webhooks that are needed are sent to us.
pub fn webhooks(integration: &Integration, all: &[Subscription]) -> Check {
    let name = "subscription";
    let ours: Vec<_> = all.iter().filter(|it| is_ours(&it.url, integration.id)).collect();
    let ids = |some: &[&Subscription]| {
        some.iter().map(|it| it.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    if ours.is_empty() {
        let way_out = format!(
            "in PagerDuty, Integrations > Generic Webhooks (v3) > New Webhook, with the URL \
             https://<YOUR SERVER>/api/v1/webhooks/{}; then: im integration configure {} \
             --signing-secret-file <FILE>",
            integration.id, integration.handle
        );
        return Check::warning(name, "none seen that sends to this integration", way_out);
    }
    let (on, off): (Vec<_>, Vec<_>) = ours.into_iter().partition(|it| it.sends);
    if on.is_empty() {
        let found = format!("switched off, so nothing arrives: {}", ids(&off));
        return Check::failed(name, found, ENABLE);
    }
    if !off.is_empty() {
        let found = format!("{} sends, {} is switched off", ids(&on), ids(&off));
        return Check::warning(name, found, ENABLE);
    }
    let missing: Vec<_> = NEEDED
        .iter()
        .map(|needed| needed.name())
        .filter(|needed| on.iter().all(|it| it.events.iter().all(|event| event != needed)))
        .collect();
    if !missing.is_empty() {
        let found = format!("{} does not announce {}", ids(&on), missing.join(", "));
        return Check::warning(name, found, "add these event types to it in PagerDuty");
    }
    let everywhere = on.iter().any(|it| it.service.is_none());
    let covers = |id: &str| everywhere || on.iter().any(|it| it.service.as_deref() == Some(id));
    let mapped = integration.services.iter().map(|it| it.service.as_str());
    let uncovered: Vec<_> = mapped.filter(|id| !covers(id)).collect();
    if !uncovered.is_empty() {
        let found = format!("{} is not about {}", ids(&on), uncovered.join(", "));
        return Check::warning(name, found, "subscribe to these services too, or to the account");
    }
    Check::ok(name, format!("{} sends to this integration", ids(&on)))
}

const ENABLE: &str = "enable it in PagerDuty (Integrations > Generic Webhooks), and see why it was: \
                      three webhooks in a row were refused or not answered";

/// Whether an address is our door for this integration, wherever that stands.
fn is_ours(url: &str, integration: IntegrationId) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    path.rsplit_once("/api/v1/webhooks/")
        .and_then(|(_, id)| id.parse::<IntegrationId>().ok())
        .is_some_and(|id| id == integration)
}

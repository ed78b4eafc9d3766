//! Webhooks sent by hand, as with curl and openssl.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The signature header of a body under a secret (PagerDuty's webhook signature documentation).
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// A webhook about to be sent.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The delivery's id; none to leave the header out.
    pub delivery: Option<String>,
    /// The body, to the byte.
    pub body: Vec<u8>,
}

impl Webhook {
    /// A webhook as in PagerDuty's documentation: `incident.triggered`, laid out in full.
    pub fn triggered(event: &str, record: &str, title: &str) -> Self {
        let reference = |kind: &str, id: &str, name: &str| {
            json!({
                "html_url": format!("https://northwind-ops.pagerduty.com/{kind}/{id}"), "id": id,
                "self": format!("https://api.pagerduty.com/{kind}/{id}"), "summary": name,
                "type": format!("{kind}_reference"),
            })
        };
        let data = json!({
            "id": record, "type": "incident", "number": 4821, "status": "triggered",
            "self": format!("https://api.pagerduty.com/incidents/{record}"),
            "html_url": format!("https://northwind-ops.pagerduty.com/incidents/{record}"),
            "incident_key": "k-1", "created_at": "2026-03-02T09:14:07Z", "title": title,
            "service": reference("service", "P123ABC", "Checkout API"),
            "assignees": [reference("user", "PRY4M2A", "Priya Raman")],
            "escalation_policy": reference("escalation_policy", "PEPCHK1", "Checkout primary"),
            "teams": [], "priority": null, "urgency": "high", "conference_bridge": null,
            "resolve_reason": null, "incident_type": {"name": "incident_default"},
        });
        Self::event(event, "incident.triggered", &data)
    }

    /// Any event.
    pub fn event(event: &str, event_type: &str, data: &Value) -> Self {
        let body = json!({"event": {
            "id": event, "event_type": event_type, "occurred_at": "2026-03-02T09:14:07.412Z",
            "resource_type": event_type.split('.').next(), "agent": null, "client": null,
            "data": data,
        }});
        Self { delivery: Some(format!("delivery-of-{event}")), body: body.to_string().into_bytes() }
    }

    /// The same event in another delivery.
    #[must_use]
    pub fn redelivered_as(&self, delivery: &str) -> Self {
        Self { delivery: Some(delivery.to_owned()), body: self.body.clone() }
    }
}

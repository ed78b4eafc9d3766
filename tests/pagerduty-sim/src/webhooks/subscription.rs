//! Owns webhook subscriptions: where to, which events, of what, and whether they are being disabled.
//!
//! The secret shows once, in the answer that creates it, and never in a log.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::incident::Incident;

/// How many consecutive drops disable a subscription.
pub(crate) const DROPS_TO_DISABLE: u32 = 3;

/// What a subscription is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Filter {
    Account,
    Service(String),
    Team(String),
}

impl Filter {
    /// Reads `{type, id}`.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let id = || value.get("id").and_then(Value::as_str).map(str::to_owned);
        match value.get("type").and_then(Value::as_str)? {
            "account_reference" => Some(Self::Account),
            "service_reference" => id().map(Self::Service),
            "team_reference" => id().map(Self::Team),
            _ => None,
        }
    }

    pub(crate) fn shape(&self) -> Value {
        match self {
            Self::Account => json!({ "type": "account_reference" }),
            Self::Service(id) => json!({ "type": "service_reference", "id": id }),
            Self::Team(id) => json!({ "type": "team_reference", "id": id }),
        }
    }

    pub(crate) fn covers(&self, incident: &Incident) -> bool {
        match self {
            Self::Account => true,
            Self::Service(id) => incident.service == *id,
            Self::Team(id) => incident.teams.contains(id),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) method_id: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) description: Option<String>,
    pub(crate) events: Vec<String>,
    pub(crate) filter: Filter,
    pub(crate) active: bool,
    /// The newest first; all of them sign.
    pub(crate) secrets: Vec<String>,
    pub(crate) drops: u32,
    #[serde(with = "crate::clock::wall::optional")]
    pub(crate) disabled_until: Option<Instant>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Subscription");
        shown.field("id", &self.id).field("active", &self.active).finish_non_exhaustive()
    }
}

impl Subscription {
    pub(crate) fn disabled(&self, now: Instant) -> bool {
        self.disabled_until.is_some_and(|until| now < until)
    }

    /// Says whether events of this type are wanted, whatever they are about.
    pub(crate) fn wants(&self, event_type: &str) -> bool {
        self.active && self.events.iter().any(|wanted| wanted == event_type)
    }

    /// Forgets drops and disabling.
    pub(crate) fn enable(&mut self) {
        self.drops = 0;
        self.disabled_until = None;
    }

    /// The REST form; the secret is shown only on creation.
    pub(crate) fn shape(&self, show_secret: bool) -> Value {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, _)| json!({ "name": name, "value": "-- redacted --" }))
            .collect();
        json!({
            "id": self.id,
            "type": "webhook_subscription",
            "active": self.active,
            "delivery_method": {
                "id": self.method_id,
                "type": "http_delivery_method",
                "url": self.url,
                "secret": if show_secret { self.secrets.first() } else { None },
                "temporarily_disabled": self.disabled(Instant::now()),
                "custom_headers": headers,
            },
            "description": self.description,
            "events": self.events,
            "filter": self.filter.shape(),
            "oauth_client": null,
        })
    }
}

//! What happens to incidents in a bench: acknowledged over there, renamed here, the receipt, a note.

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tandem_connectors::pagerduty::defaults;
use tandem_domain::{
    event::Event,
    field::Field,
    id::{IncidentId, IntegrationId, LinkId, RecordId},
    integration::Integration,
    reconcile::{Configs, Input, State, reconcile},
};
use uuid::Uuid;

/// An event with its place in the stream.
#[derive(Debug)]
pub(crate) struct Happening {
    pub(crate) event: Event,
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
}

/// The one integration of the bench, and its stream.
pub(crate) struct Traffic {
    pub(crate) configs: Configs,
    sequence: u64,
}

pub(crate) fn integration() -> IntegrationId {
    IntegrationId::from_uuid(Uuid::from_u128(1))
}

pub(crate) fn incident(number: u64) -> IncidentId {
    IncidentId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn link(number: u64) -> LinkId {
    LinkId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn record(number: u64) -> RecordId {
    RecordId::try_from(format!("Q{number:012}")).unwrap()
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let config: Integration = from(json!({
            "id": integration(), "org": "bench", "handle": "bench", "name": "bench",
            "connector": "pagerduty", "base_url": "http://127.0.0.1",
            "direction": "bidirectional", "enabled": true, "strategy": "last_write_wins",
            "from_email": null, "rate_limit": 900, "backoff_multiplier": 2.0,
            "fields": defaults::fields(), "services": [], "version": 1,
        }));
        Self { configs: Configs::from([(config.id, config)]), sequence: 0 }
    }

    /// An incident as it is after its record was first seen.
    pub(crate) fn begin(&mut self, number: u64) -> State {
        let event = self.told(number, "triggered");
        let happening = self.happen(event);
        let input = input(&happening);
        let mut state = reconcile(None, input, &self.configs).state.unwrap();
        state.incident.id = incident(number);
        for owned in state.incident.fields.values_mut() {
            owned.via = owned.via.map(|_| link(number));
        }
        for joined in &mut state.links {
            (joined.id, joined.incident) = (link(number), incident(number));
        }
        state
    }

    /// What happens next to an incident, the `round`th time.
    pub(crate) fn next(&mut self, number: u64, state: &State, round: usize) -> Happening {
        let version = state.links[0].version;
        let event = match round % 4 {
            0 => {
                let status = if round.is_multiple_of(8) { "acknowledged" } else { "triggered" };
                self.told(number, status)
            }
            1 => self.renamed(number, round),
            2 if state.links[0].confirmed < version => self.settled(number, state, version),
            _ => self.noted(number),
        };
        self.happen(event)
    }

    /// Leaves places in the stream out.
    pub(crate) const fn skip(&mut self, places: u64) {
        self.sequence += places;
    }

    fn happen(&mut self, event: Event) -> Happening {
        let at = self.now();
        Happening { event, sequence: self.sequence, at }
    }

    /// The next moment: each event has its own.
    fn tick(&mut self) -> Timestamp {
        self.sequence += 1;
        self.now()
    }

    fn now(&self) -> Timestamp {
        let begin = Timestamp::from_second(1_790_000_000).unwrap();
        begin + SignedDuration::from_millis(20 * i64::try_from(self.sequence).unwrap())
    }

    fn told(&mut self, number: u64, status: &str) -> Event {
        let shown = shown(number, status, "Checkout is slow");
        self.webhook(number, &json!({"snapshot": shown, "edited": "status"}))
    }

    fn noted(&mut self, number: u64) -> Event {
        let place = self.sequence;
        let text = format!("Looking into it, attempt {place}");
        self.webhook(number, &json!({"note": {"id": format!("PN{place}"), "text": text}}))
    }

    fn webhook(&mut self, number: u64, with: &Json) -> Event {
        let at = self.tick();
        let mut event = json!({
            "kind": "observation", "integration": integration(),
            "delivery": format!("delivery-{}", self.sequence),
            "event": format!("01HV{:022}", self.sequence), "event_type": "incident",
            "occurred_at": at, "arrived": at, "record": record(number),
            "actor": {"side": "external", "id": "PRY4M2A", "name": "Priya Raman"},
        });
        for (name, value) in with.as_object().unwrap() {
            event[name] = value.clone();
        }
        from(event)
    }

    fn renamed(&mut self, number: u64, round: usize) -> Event {
        let at = self.tick();
        let title = format!("Checkout is slow, as seen {round} times");
        let id = format!("edt_{:032x}", self.sequence);
        from(json!({
            "kind": "edit", "id": id, "org": "bench", "incident": incident(number), "at": at,
            "author": {"side": "platform", "name": "Ana"},
            "change": "update", "fields": {"title": title},
        }))
    }

    /// The egress has done what the state's last version asks for.
    fn settled(&mut self, number: u64, state: &State, version: u64) -> Event {
        let (sent, received) = (self.tick(), self.tick());
        let status = state.links[0].fields[&Field::Status].theirs.as_ref().unwrap();
        let status = status.value.value.clone().unwrap();
        let title = state.links[0].fields[&Field::Title].theirs.as_ref().unwrap();
        let reading = |title: &str, sent: Timestamp| {
            let received = sent + SignedDuration::from_millis(15);
            json!({"sent": sent, "received": received, "snapshot": shown(number, &status, title)})
        };
        let before = reading(title.value.value.as_deref().unwrap(), sent);
        let wanted = state.incident.value(Field::Title).unwrap();
        let after = reading(wanted, received);
        from(json!({
            "kind": "receipt",
            "id": format!("{}-v{version}-settled", link(number)),
            "integration": integration(), "link": link(number),
            "outcome": "settled", "version": version, "before": before, "after": after,
            "fates": {"title": "sent"},
        }))
    }
}

/// A value as it would come out of a message.
fn from<T: DeserializeOwned>(json: Json) -> T {
    serde_json::from_value(json).unwrap()
}

pub(crate) fn input(happening: &Happening) -> Input<'_> {
    let (event, sequence, at) = (&happening.event, happening.sequence, happening.at);
    Input { event, sequence, at, elsewhere: false }
}

/// What a record shows.
fn shown(number: u64, status: &str, title: &str) -> Json {
    json!({
        "record": record(number),
        "fields": {
            "title": {"value": title},
            "severity": {"value": "high"},
            "status": {"value": status},
            "assigned_to": {"value": "PRY4M2A", "label": "Priya Raman"},
            "escalation_policy": {"value": "PEPCHK1", "label": "Checkout primary"},
        },
        "assignees": ["PRY4M2A"], "number": number, "key": format!("key-{number}"),
        "url": format!("https://example.pagerduty.com/incidents/Q{number}"),
        "service": {"value": "P123ABC", "label": "Checkout API"},
    })
}

//! The calls that a message should come to, as far as the external side holds what it was last
//! seen to hold. Whoever sends it reads first and decides anew; this only lets people see before.

use std::collections::BTreeMap;

use tandem_bus::dead_letter::Request;
use tandem_connectors::pagerduty::{
    self,
    plan::{self, Origin},
    priority::Priorities,
    rest,
};
use tandem_domain::{
    event::Snapshot,
    field::Field,
    id::{Connector, RecordId},
    lens::Foreign,
    link::Link,
    outbound::{Act, ActKind, Desired},
};

/// The calls that bring a link's record to a desired state.
pub(crate) fn of_state(connector: &Connector, desired: &Desired, link: &Link) -> Vec<Request> {
    if connector.as_str() != pagerduty::NAME {
        return Vec::new();
    }
    let record = link.record.as_ref().or(desired.record.as_ref());
    let calls = match (record, &desired.create) {
        (Some(record), _) => {
            let held = held(record, link);
            let plan = plan::plan(&desired.want, &held, Origin::Linked);
            let changes = Some(plan.changes).filter(|changes| !changes.is_empty());
            let change = changes.map(|changes| rest::change(&held, &changes));
            [rest::read(record)].into_iter().chain(change).collect()
        }
        (None, Some(create)) => {
            // Which priorities the account has is not known here: they are left out.
            let none = Priorities::default();
            vec![rest::find(&create.key), rest::create(create, &desired.want, &none)]
        }
        (None, None) => Vec::new(),
    };
    calls.iter().map(call).collect()
}

/// The calls that carry an act out.
pub(crate) fn of_act(connector: &Connector, act: &Act) -> Vec<Request> {
    if connector.as_str() != pagerduty::NAME {
        return Vec::new();
    }
    match &act.kind {
        ActKind::Note { text, .. } => vec![call(&rest::add_note(&act.record, text))],
        // Who asks is found out when it is sent.
        ActKind::Respond { message, users, policies, .. } => {
            vec![call(&rest::request_responders(&act.record, "", message, users, policies))]
        }
        ActKind::Escalate { level, .. } => vec![call(&rest::escalate(&act.record, *level))],
    }
}

/// The record as it was last seen.
fn held(record: &RecordId, link: &Link) -> Snapshot {
    let seen = link.fields.iter();
    let seen = seen.filter_map(|(field, seen)| Some((*field, seen.theirs.as_ref()?.value.clone())));
    let fields: BTreeMap<Field, Foreign> = seen.collect();
    Snapshot {
        record: record.clone(),
        fields,
        assignees: Vec::new(),
        number: link.number,
        url: link.url.clone(),
        key: None,
        service: None,
        teams: Vec::new(),
        changed_by: None,
        created_at: None,
    }
}

fn call(request: &rest::Request) -> Request {
    Request {
        method: request.method.name().to_owned(),
        path: request.address(),
        body: request.body.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use tandem_domain::{
        id::{IncidentId, IntegrationId, LinkId},
        link::{LinkField, Stamp, Theirs},
    };

    use super::*;
    use crate::dead_letters::message::tests::desired;

    fn link(title: &str) -> Link {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let theirs = Theirs {
            value: Foreign::plain(title),
            stamp: Stamp::Read { sent: at, received: at, made: false },
        };
        let id = uuid::Uuid::from_u128(1);
        let mut link = Link::new(
            LinkId::from_uuid(id),
            IncidentId::from_uuid(id),
            IntegrationId::from_uuid(id),
        );
        link.record = "Q1".parse().ok();
        let field = LinkField { theirs: Some(theirs), ..LinkField::default() };
        link.fields.insert(Field::Title, field);
        link
    }

    fn calls(connector: &str, desired: Json, link: &Link) -> Vec<String> {
        let desired: Desired = serde_json::from_value(desired).unwrap();
        let calls = of_state(&connector.parse().unwrap(), &desired, link);
        calls.iter().map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    #[test]
    fn only_what_differs_from_what_was_seen_would_be_written() {
        let both = ["GET /incidents/Q1", "PUT /incidents/Q1"];
        assert_eq!(calls("pagerduty", desired(), &link("db")), both);
        assert_eq!(calls("pagerduty", desired(), &link("db down")), both[..1]);
        assert_eq!(calls("other", desired(), &link("db")), Vec::<String>::new());
    }

    #[test]
    fn a_record_that_is_not_there_would_be_looked_for_and_created() {
        let mut desired = desired();
        desired["record"] = Json::Null;
        desired["create"] = json!({ "key": "tandem-x", "service": "P1", "description": null });
        let mut link = link("db");
        link.record = None;
        let [find, create] = &calls("pagerduty", desired, &link)[..] else { panic!() };
        assert!(find.starts_with("GET /incidents?incident_key=tandem-x"), "{find}");
        assert_eq!(create, "POST /incidents");
    }
}

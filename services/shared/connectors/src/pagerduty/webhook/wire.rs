//! A delivery's body as far as anything is read of it (webhooks v3 overview), borrowed from its
//! bytes. One struct holds the fields of every `data` type: their names never contradict.

use serde::Deserialize;

use super::lenient::{List, Object, Text, Texts};

#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) event: Object<Event<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default, rename = "event_type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) occurred_at: Text<'a>,
    #[serde(borrow, default)]
    pub(super) agent: Object<Reference<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Object<Data<'a>>,
}

/// A mention of something that lives elsewhere; its summary may be missing.
#[derive(Debug, Deserialize)]
pub(super) struct Reference<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) summary: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) summary: Text<'a>,
    // an incident
    #[serde(borrow)]
    pub(super) html_url: Text<'a>,
    #[serde(borrow)]
    pub(super) number: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) incident_key: Text<'a>,
    #[serde(borrow)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) urgency: Text<'a>,
    #[serde(borrow)]
    pub(super) service: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) assignees: List<Object<Reference<'a>>>,
    #[serde(borrow)]
    pub(super) teams: List<Object<Reference<'a>>>,
    #[serde(borrow)]
    pub(super) escalation_policy: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) priority: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) incident_type: Object<Named<'a>>,
    #[serde(borrow)]
    pub(super) resolve_reason: Object<ResolveReason<'a>>,
    // what happens to an incident
    #[serde(borrow)]
    pub(super) incident: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) trimmed: Text<'a>,
    #[serde(borrow)]
    pub(super) state: Text<'a>,
    #[serde(borrow)]
    pub(super) user: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) conference_url: Text<'a>,
    #[serde(borrow)]
    pub(super) conference_numbers: List<Object<ConferenceNumber<'a>>>,
    #[serde(borrow)]
    pub(super) custom_fields: List<Object<FieldValue<'a>>>,
    #[serde(borrow)]
    pub(super) changed_custom_fields: List<Object<FieldValue<'a>>>,
    #[serde(borrow)]
    pub(super) incident_role_assignments: List<Object<RoleAssignment<'a>>>,
    #[serde(borrow)]
    pub(super) incident_workflow: Object<Reference<'a>>,
    #[serde(borrow)]
    pub(super) action: Object<Reference<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResolveReason<'a> {
    #[serde(borrow, default)]
    pub(super) incident: Object<Reference<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ConferenceNumber<'a> {
    #[serde(borrow, default)]
    pub(super) number: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FieldValue<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) value: Texts<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoleAssignment<'a> {
    #[serde(borrow, default)]
    pub(super) assignee: Object<Reference<'a>>,
    #[serde(borrow, default)]
    pub(super) role: Object<Reference<'a>>,
    #[serde(borrow, default)]
    pub(super) incident: Object<Reference<'a>>,
}

impl<'a> Data<'a> {
    /// Whether it is a whole incident and not something that happened to one.
    pub(super) fn is_incident(&self) -> bool {
        self.kind.raw() == Some("incident")
    }

    /// The reference to the incident it concerns: beside it, or in the first role assignment.
    pub(super) fn incident(&self) -> Option<&Reference<'a>> {
        let roles = || self.incident_role_assignments.iter().filter_map(Object::get);
        self.incident.get().or_else(|| roles().find_map(|role| role.incident.get()))
    }
}

impl Reference<'_> {
    /// What people call it: its summary, or its id where there is none.
    pub(super) fn label(&self) -> Option<&str> {
        self.summary.raw().or_else(|| self.id.raw())
    }
}

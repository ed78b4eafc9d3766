//! Owns updates by REST: which fields may change, in which order, all checked before any is changed.
//!
//! Unknown and read-only members are ignored, as PagerDuty does; the call log shows them as violations.

use std::sync::Arc;

use serde_json::Value;

use super::Change;
use crate::incident::{Bridge, Status, Urgency};
use crate::refusal::Refusal;
use crate::world::World;

/// What an update says about a field that can be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Edit<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Edit<T> {
    /// The value of a field that had none before.
    pub(crate) fn initial(self) -> Option<T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// The fields of one update.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub(crate) status: Option<Status>,
    pub(crate) title: Option<String>,
    pub(crate) urgency: Option<Urgency>,
    pub(crate) priority: Edit<String>,
    pub(crate) assignees: Option<Vec<String>>,
    pub(crate) policy: Option<String>,
    pub(crate) level: Option<usize>,
    pub(crate) resolution: Option<String>,
    pub(crate) type_name: Option<String>,
    pub(crate) bridge: Edit<Bridge>,
    pub(crate) service: Option<String>,
}

impl Patch {
    /// Reads an update from the object of a request.
    pub(crate) fn read(world: &World, object: &Value) -> Result<Self, Refusal> {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let id = |name: &str| text_at(object, &[name, "id"]).map(str::to_owned);
        let status = match text("status") {
            Some(name) => Some(Status::parse(name).ok_or(Refusal::InvalidStatus)?),
            None => None,
        };
        let urgency = match text("urgency") {
            Some(name) => Some(Urgency::parse(name).ok_or_else(invalid_urgency)?),
            None => None,
        };
        Ok(Self {
            status,
            title: text("title").map(str::to_owned),
            urgency,
            priority: priority(world, object)?,
            assignees: object.get("assignments").and_then(Value::as_array).map(|list| {
                let assignee = |it| text_at(it, &["assignee", "id"]).map(str::to_owned);
                list.iter().filter_map(assignee).collect()
            }),
            policy: id("escalation_policy"),
            level: object
                .get("escalation_level")
                .and_then(Value::as_u64)
                .and_then(|level| usize::try_from(level).ok()),
            resolution: text("resolution").map(str::to_owned),
            type_name: text_at(object, &["incident_type", "name"]).map(str::to_owned),
            bridge: bridge(object),
            service: id("service"),
        })
    }
}

/// Reads `conference_bridge`: absent, null, or an object.
pub(crate) fn bridge(object: &Value) -> Edit<Bridge> {
    match object.get("conference_bridge") {
        None => Edit::Keep,
        Some(value) => serde_json::from_value(value.clone()).map_or(Edit::Clear, Edit::Set),
    }
}

/// Reads `priority`: an object with an id, a name, or null.
pub(crate) fn priority(world: &World, object: &Value) -> Result<Edit<String>, Refusal> {
    let found = match object.get("priority") {
        Some(Value::Null) if world.knobs.behaviour.priority_null_clears => return Ok(Edit::Clear),
        None | Some(Value::Null) => return Ok(Edit::Keep),
        Some(Value::String(name)) => world.account.priority_by_name(name),
        Some(value) => text_at(value, &["id"]).and_then(|id| world.account.priority(id)),
    };
    let found = found.ok_or(Refusal::InvalidPriority)?;
    Ok(Edit::Set(found.id.clone()))
}

pub(crate) fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, name| value.get(name))?.as_str()
}

pub(crate) fn invalid_urgency() -> Refusal {
    Refusal::invalid("Urgency must be high or low.")
}

impl Change<'_> {
    /// Refuses an update that could not be carried out in full.
    pub(crate) fn check(&self, id: &str, patch: &Patch) -> Result<(), Refusal> {
        let incident = self.incident(id)?;
        if let Some(title) = &patch.title {
            self.check_title(title)?;
        }
        if let Some(service) = &patch.service {
            self.check_service(service)?;
        }
        if let Some(urgency) = patch.urgency {
            self.check_urgency(id, urgency)?;
        }
        if patch.assignees.is_some() && patch.policy.is_some() {
            let both = "Assignments and escalation policy cannot both be specified";
            return Err(Refusal::Arguments(both.to_owned()));
        }
        if patch.resolution.is_some() && patch.status != Some(Status::Resolved) {
            return Err(Refusal::invalid("Resolution is only allowed with status resolved."));
        }
        let moved = patch.assignees.is_some() || patch.policy.is_some() || patch.level.is_some();
        let reopens = !incident.open() && patch.status.is_some_and(|it| it != Status::Resolved);
        if moved && !incident.open() && !reopens {
            return Err(Refusal::AlreadyResolved);
        }
        if let Some(users) = &patch.assignees {
            self.check_assignees(users)?;
        }
        if let Some(policy) = &patch.policy {
            self.check_policy(policy)?;
        }
        if let Some(level) = patch.level {
            self.check_level(incident, patch.policy.as_ref().unwrap_or(&incident.policy), level)?;
        }
        match patch.status {
            Some(_) if incident.merged_into.is_some() => Err(Refusal::AlreadyMerged),
            Some(status) => self.check_status(incident, status),
            None => Ok(()),
        }
    }

    /// Carries an update out, with one event for each field that has one.
    pub(crate) fn apply(&mut self, id: &str, patch: &Patch) -> Result<(), Refusal> {
        self.check(id, patch)?;
        let win = self.world.knobs.behaviour.given_assignees_win;
        self.placed_by_hand = win && patch.assignees.is_some();
        let reopens =
            !self.incident(id)?.open() && patch.status.is_some_and(|it| it != Status::Resolved);
        if reopens {
            return self.apply_reopening(id, patch);
        }
        let status_first = self.world.knobs.behaviour.status_first;
        if status_first {
            self.apply_status(id, patch)?;
        }
        self.apply_fields(id, patch)?;
        if self.incident(id)?.open() {
            self.apply_placement(id, patch)?;
        }
        if status_first { Ok(()) } else { self.apply_status(id, patch) }
    }

    fn apply_fields(&mut self, id: &str, patch: &Patch) -> Result<(), Refusal> {
        if let Some(title) = &patch.title {
            self.retitle(id, title)?;
        }
        if let Some(service) = &patch.service {
            self.set_service(id, service)?;
        }
        if let Some(name) = &patch.type_name {
            self.set_type(id, name)?;
        }
        match &patch.priority {
            Edit::Keep => {}
            Edit::Clear => self.set_priority(id, None)?,
            Edit::Set(priority) => self.set_priority(id, Some(priority))?,
        }
        match &patch.bridge {
            Edit::Keep => {}
            Edit::Clear => self.set_bridge(id, None)?,
            Edit::Set(bridge) => self.set_bridge(id, Some(bridge.clone()))?,
        }
        match patch.urgency {
            Some(urgency) => self.set_urgency(id, urgency),
            None => Ok(()),
        }
    }

    fn apply_placement(&mut self, id: &str, patch: &Patch) -> Result<(), Refusal> {
        if let Some(policy) = &patch.policy {
            self.delegate(id, policy)?;
        }
        if let Some(users) = &patch.assignees {
            self.reassign(id, users)?;
        }
        match patch.level {
            Some(level) => self.escalate(id, level),
            None => Ok(()),
        }
    }

    fn apply_status(&mut self, id: &str, patch: &Patch) -> Result<(), Refusal> {
        let Some(status) = patch.status else { return Ok(()) };
        self.set_status(id, status)?;
        match &patch.resolution {
            Some(text) if self.world.knobs.behaviour.resolution_annotates => {
                self.annotate_resolution(id, text)
            }
            Some(text) => {
                self.note_on_last_entry(id, text);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Reopening takes assignees or policy from the same request, without events of their own.
    fn apply_reopening(&mut self, id: &str, patch: &Patch) -> Result<(), Refusal> {
        self.apply_fields(id, patch)?;
        let incident = self.incident(id)?;
        let policy = patch.policy.clone().unwrap_or_else(|| incident.policy.clone());
        let level = patch.level.unwrap_or(1);
        let on_call = self.world.account.on_call(&policy, level, self.now);
        self.edit(id, |incident| {
            incident.policy = policy;
            incident.level = level;
        });
        match &patch.assignees {
            Some(users) => self.place(id, users.clone(), true),
            None => self.place(id, on_call, false),
        }
        match patch.status {
            Some(Status::Acknowledged) => self.reopen_acknowledged(id),
            _ => self.reopen(id),
        }
    }

    /// A resolution lands on the resolve log entry.
    fn note_on_last_entry(&mut self, id: &str, text: &str) {
        let last = self.world.incidents.get(id).and_then(|incident| incident.log.last().copied());
        if let Some(entry) = last.and_then(|position| self.world.log.get_mut(position))
            && let Some(details) = Arc::make_mut(entry).details.as_object_mut()
        {
            details.insert("note".to_owned(), Value::from(text));
        }
    }
}

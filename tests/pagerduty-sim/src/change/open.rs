//! Owns how an incident begins: what its creator may say, and what follows from the service.
//!
//! An open incident with the same key on the same service refuses a second one.

use serde_json::{Value, json};

use super::Change;
use crate::account::ServiceState;
use crate::incident::{Agent, Bridge, Incident, Status, Urgency};
use crate::refusal::Refusal;

/// What the creator of an incident says.
#[derive(Debug, Default)]
pub(crate) struct New {
    pub(crate) title: String,
    pub(crate) service: String,
    pub(crate) body: Option<String>,
    pub(crate) key: Option<String>,
    /// An incident made from an alert has the alert's key, and none of its own, not even a generated one.
    pub(crate) alert_key: Option<String>,
    pub(crate) urgency: Option<Urgency>,
    pub(crate) priority: Option<String>,
    pub(crate) assignee: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) incident_type: Option<String>,
    pub(crate) bridge: Option<Bridge>,
}

const DUPLICATE_KEY: &str = "Open incident with matching dedup key already exists on this service";

impl Change<'_> {
    /// Creates an incident and gives its id.
    pub(crate) fn create(&mut self, new: New) -> Result<String, Refusal> {
        self.check_new(&new)?;
        let policy = self.policy_of(&new);
        let assignees = match &new.assignee {
            Some(user) => vec![user.clone()],
            None => self.world.account.on_call(&policy, 1, self.now),
        };
        if assignees.is_empty() {
            return Err(Refusal::NobodyOnCall);
        }
        let to_self = self.actor.user_id().is_some_and(|id| new.assignee.as_deref() == Some(id));
        let (service, details) = (new.service.clone(), opening_details(&new));
        let emits_priority = new.priority.is_some();
        let id = self.insert(new, policy, assignees);
        self.record(&id, "trigger", details);
        self.record(&id, "assign", json!({ "assignees": self.assignee_refs(&id) }));
        self.emit(&id, "incident.triggered");
        if emits_priority && self.world.knobs.behaviour.create_emits_priority {
            self.emit(&id, "incident.priority_updated");
        }
        if to_self {
            self.acknowledge(&id)?;
        }
        self.set_auto_resolve(&id, &service);
        Ok(id)
    }

    fn check_new(&self, new: &New) -> Result<(), Refusal> {
        self.check_title(&new.title)?;
        let account = &self.world.account;
        let service =
            account.service(&new.service).ok_or_else(|| Refusal::invalid("Service must exist"))?;
        if service.state != ServiceState::Active {
            return Err(Refusal::invalid("Incident could not be created"));
        }
        if new.assignee.is_some() && new.policy.is_some() {
            let both = "Assignments and escalation policy cannot both be specified";
            return Err(Refusal::Arguments(both.to_owned()));
        }
        if new.assignee.as_ref().is_some_and(|id| account.user(id).is_none()) {
            return Err(Refusal::AssigneeNotFound);
        }
        if new.policy.as_ref().is_some_and(|id| account.policy(id).is_none()) {
            return Err(Refusal::PolicyNotFound);
        }
        if new.priority.as_ref().is_some_and(|id| account.priority(id).is_none()) {
            return Err(Refusal::InvalidPriority);
        }
        let max_body = self.world.knobs.behaviour.max_body;
        let body_chars = new.body.as_ref().map_or(0, |body| body.chars().count());
        if max_body > 0 && body_chars > max_body {
            return Err(Refusal::invalid("Body is too long."));
        }
        let taken = new.key.as_deref().is_some_and(|key| {
            self.world.incidents.with_key(key).any(|it| it.open() && it.service == new.service)
        });
        if taken { Err(Refusal::Arguments(DUPLICATE_KEY.to_owned())) } else { Ok(()) }
    }

    fn policy_of(&self, new: &New) -> String {
        let of_service = || self.world.account.service(&new.service).map(|it| it.policy.clone());
        new.policy.clone().or_else(of_service).unwrap_or_default()
    }

    fn insert(&mut self, new: New, policy: String, assignees: Vec<String>) -> String {
        let id = self.world.minter.incident_id();
        let service = self.world.account.service(&new.service);
        let teams = service.map(|service| service.teams.clone()).unwrap_or_default();
        let fixed = service.and_then(|service| service.fixed_urgency);
        let key = match new.key {
            None if new.alert_key.is_none() => Some(self.world.minter.incident_key()),
            key => key,
        };
        let incident = Incident {
            id: id.clone(),
            number: self.world.incidents.take_number(),
            title: new.title,
            body: new.body,
            status: Status::Triggered,
            key,
            alert_key: new.alert_key,
            created_at: self.now,
            updated_at: self.now,
            reopened_at: None,
            resolved_at: None,
            last_status_change_at: self.now,
            last_status_change_by: self.actor.agent.clone(),
            service: new.service,
            assignments: self.since(assignees),
            direct: new.assignee.is_some(),
            acknowledgements: Vec::new(),
            policy,
            level: 1,
            teams,
            priority: new.priority,
            urgency: new.urgency.or(fixed).unwrap_or(Urgency::High),
            type_name: new.incident_type.unwrap_or_else(|| "incident_default".to_owned()),
            bridge: new.bridge,
            merged_into: None,
            notes: Vec::new(),
            status_updates: Vec::new(),
            responders: Vec::new(),
            custom_fields: std::collections::BTreeMap::default(),
            snoozed_until: None,
            log: Vec::new(),
            last_event_at: None,
            timer_epoch: 0,
            previous: None,
        };
        self.world.incidents.insert(incident);
        self.world.touch(&id);
        self.touched.insert(id.clone());
        id
    }

    /// Refuses an empty or overlong title.
    pub(super) fn check_title(&self, title: &str) -> Result<(), Refusal> {
        if title.trim().is_empty() {
            return Err(Refusal::invalid("Title cannot be empty."));
        }
        let max = self.world.knobs.behaviour.max_title;
        if max > 0 && title.chars().count() > max {
            return Err(Refusal::Invalid(vec![format!(
                "Title is too long (maximum is {max} characters)."
            )]));
        }
        Ok(())
    }

    /// The agent to whom automatic changes of a service are ascribed.
    pub(super) fn automation(&self, service: &str) -> Agent {
        if self.world.knobs.behaviour.automation_is_service {
            Agent::Service(service.to_owned())
        } else {
            Agent::Automation
        }
    }
}

fn opening_details(new: &New) -> Value {
    json!({ "summary": new.title, "details": new.body, "subject": new.title })
}

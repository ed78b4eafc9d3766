//! Owns references: `{html_url, id, self, summary, type}`.
//!
//! A reference to something that is gone keeps its id and has no summary.

use serde_json::{Value, json};

use crate::account::User;
use crate::incident::{Agent, Incident};
use crate::options::BOT_EMAIL;
use crate::world::World;

/// Where a reference is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Rest,
    Webhook,
}

/// Makes references as one surface shows them.
#[derive(Clone, Copy)]
pub(crate) struct Refs<'w> {
    world: &'w World,
    surface: Surface,
}

impl<'w> Refs<'w> {
    pub(crate) fn new(world: &'w World, surface: Surface) -> Self {
        Self { world, surface }
    }

    pub(crate) fn user(self, id: &str) -> Value {
        let name = self.world.account.any_user(id).map(|user| user.name.as_str());
        self.plain("user", "users", id, name)
    }

    pub(crate) fn service(self, id: &str) -> Value {
        let name = self.world.account.service(id).map(|service| service.name.as_str());
        let folder = match self.surface {
            Surface::Rest => "service-directory",
            Surface::Webhook => "services",
        };
        let html = self.html(&format!("{folder}/{id}"));
        self.built("service_reference", id, name, &self.api(&format!("services/{id}")), &html)
    }

    pub(crate) fn policy(self, id: &str) -> Value {
        let name = self.world.account.policy(id).map(|policy| policy.name.as_str());
        self.plain("escalation_policy", "escalation_policies", id, name)
    }

    pub(crate) fn team(self, id: &str) -> Value {
        let name = self.world.account.team(id).map(|team| team.name.as_str());
        self.plain("team", "teams", id, name)
    }

    pub(crate) fn schedule(self, id: &str) -> Value {
        let name = self.world.account.schedule(id).map(|schedule| schedule.name.as_str());
        self.plain("schedule", "schedules", id, name)
    }

    pub(crate) fn incident(self, incident: &Incident) -> Value {
        let title = match self.surface {
            Surface::Rest => format!("[#{}] {}", incident.number, incident.title),
            Surface::Webhook => incident.title.clone(),
        };
        self.plain("incident", "incidents", &incident.id, Some(&title))
    }

    /// A reference to an incident in field values, roles and tasks, where the summary is null.
    pub(crate) fn bare_incident(self, incident: &Incident) -> Value {
        self.plain("incident", "incidents", &incident.id, None)
    }

    /// All priorities share one web page; webhooks link to it.
    pub(crate) fn priority(self, id: &str) -> Value {
        let name = self.world.account.priority(id).map(|priority| priority.name.as_str());
        let html = self.html("account/incident_priorities");
        self.built("priority_reference", id, name, &self.api(&format!("priorities/{id}")), &html)
    }

    pub(crate) fn agent(self, agent: &Agent) -> Value {
        match agent {
            Agent::User(id) if self.is_bot(id) => {
                let path = format!("users/{id}");
                let name = self.world.account.any_user(id).map(|user| user.name.as_str());
                let (api, html) = (self.api(&path), self.html(&path));
                self.built("bot_user_reference", id, name, &api, &html)
            }
            Agent::User(id) => self.user(id),
            Agent::Service(id) => self.service(id),
            Agent::Integration(service) => self.integration(service),
            Agent::Automation => Value::Null,
        }
    }

    /// Whether this user shows as a bot when it acts.
    fn is_bot(self, id: &str) -> bool {
        let is_bot = |user: &User| user.email == BOT_EMAIL;
        self.world.knobs.behaviour.agent_is_bot
            && self.world.account.any_user(id).is_some_and(is_bot)
    }

    fn integration(self, service: &str) -> Value {
        let Some(service) = self.world.account.service(service) else { return Value::Null };
        let path = format!("services/{}/integrations/{}", service.id, service.integration_id);
        let (api, html) = (self.api(&path), self.html(&path));
        let kind = "inbound_integration_reference";
        self.built(kind, &service.integration_id, Some("Events API V2"), &api, &html)
    }

    /// A reference whose addresses follow from the collection's name.
    pub(crate) fn plain(
        self,
        kind: &str,
        collection: &str,
        id: &str,
        summary: Option<&str>,
    ) -> Value {
        let path = format!("{collection}/{id}");
        let (api, html) = (self.api(&path), self.html(&path));
        self.built(&format!("{kind}_reference"), id, summary, &api, &html)
    }

    pub(crate) fn built(
        self,
        kind: &str,
        id: &str,
        summary: Option<&str>,
        api: &str,
        html: &str,
    ) -> Value {
        if self.surface == Surface::Webhook && self.world.knobs.webhooks.minimal_refs {
            return json!({ "id": id, "type": kind });
        }
        json!({ "html_url": html, "id": id, "self": api, "summary": summary, "type": kind })
    }

    pub(crate) fn api(self, path: &str) -> String {
        format!("{}/{path}", self.world.options.api_url)
    }

    pub(crate) fn html(self, path: &str) -> String {
        format!("{}/{path}", self.world.options.account_url)
    }
}

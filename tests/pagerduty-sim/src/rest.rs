//! Owns REST v2: the table of calls, and everything that happens around each of them.
//!
//! A handler is a plain function of the world and the call; authentication, limits, faults, strictness
//! and the call log are the same for all and live in [`serve`].

mod bulk;
mod catalog;
mod custom_fields;
#[cfg(test)]
mod document;
mod gate;
mod incidents;
pub(crate) mod limits;
mod log_entries;
mod notes;
mod on_call;
mod people;
mod query;
mod respond;
mod routes;
pub(crate) mod serve;
mod strict;
pub(crate) mod subscriptions;
mod widen;
mod writes;

use jiff::Timestamp;
use serde_json::Value;

use crate::change::Change;
use crate::incident::{Actor, Agent, Incident};
use crate::refusal::Refusal;
use crate::world::World;

pub(crate) use query::Query;

/// A call that passed the gate.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What the path's placeholders stand for.
    pub(crate) path: Vec<String>,
    pub(crate) query: Query,
    pub(crate) body: Value,
    /// The user the call acts as.
    pub(crate) acts_as: Option<String>,
    /// A key of the account, which belongs to no user.
    pub(crate) account_key: bool,
    pub(crate) now: Timestamp,
    pub(crate) view: View,
}

/// Which state of an incident a read shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Latest,
    /// What was before the last change.
    Previous,
    /// What was then.
    At(Timestamp),
}

impl View {
    /// The incident as it is seen, if it is there yet.
    fn of(self, incident: &Incident) -> Option<&Incident> {
        match self {
            Self::Latest => Some(incident),
            Self::Previous => Some(incident.previous.as_deref().unwrap_or(incident)),
            Self::At(instant) => incident.at(instant),
        }
    }

    /// Whether what happened then can be seen.
    fn shows(self, at: Timestamp) -> bool {
        match self {
            Self::Latest | Self::Previous => true,
            Self::At(instant) => at <= instant,
        }
    }
}

impl Asked {
    /// The first placeholder of the path.
    pub(crate) fn id(&self) -> &str {
        self.path.first().map(String::as_str).unwrap_or_default()
    }

    /// The incident that the path names, as it is seen.
    pub(crate) fn incident<'w>(&self, world: &'w World) -> Result<&'w Incident, Refusal> {
        let found = world.incidents.find(self.id()).and_then(|found| self.view.of(found));
        found.ok_or(Refusal::IncidentNotFound)
    }

    /// The second placeholder of the path.
    pub(crate) fn sub_id(&self) -> &str {
        self.path.get(1).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn actor(&self) -> Actor {
        let agent = self.acts_as.clone().map_or(Agent::Automation, Agent::User);
        Actor { agent, channel: "api", client: None }
    }

    /// Starts a change made by this call.
    pub(crate) fn change<'w>(&self, world: &'w mut World) -> Change<'w> {
        Change::new(world, self.actor(), self.now)
    }
}

/// A call's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: 201, body: Some(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: None }
    }
}

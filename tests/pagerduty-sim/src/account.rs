//! Owns what an account has besides incidents: people, services, policies, schedules, priorities.
//!
//! Lookups are by id. A deleted user stays here, marked, since old references still name it.

mod northwind;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incident::{Urgency, Word};

/// Everything an account has besides incidents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) users: Vec<User>,
    pub(crate) services: Vec<Service>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) teams: Vec<Team>,
    pub(crate) priorities: Vec<Priority>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) fields: Vec<CustomField>,
    pub(crate) abilities: BTreeSet<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) deleted: bool,
    /// May look, and is refused when named as the author of a change.
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default)]
    pub(crate) teams: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: ServiceState,
    pub(crate) policy: String,
    pub(crate) teams: Vec<String>,
    pub(crate) fixed_urgency: Option<Urgency>,
    pub(crate) acknowledgement_timeout_s: Option<u64>,
    pub(crate) auto_resolve_timeout_s: Option<u64>,
    pub(crate) integration_id: String,
    pub(crate) integration_key: String,
}

/// Whether a service takes incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServiceState {
    Active,
    Maintenance,
    Disabled,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) levels: Vec<Level>,
    pub(crate) teams: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) id: String,
    pub(crate) delay_min: u64,
    pub(crate) targets: Vec<Target>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    User(String),
    Schedule(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Priority {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) users: Vec<String>,
    pub(crate) shift_s: i64,
}

/// A custom field of incidents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CustomField {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) data_type: Word,
    pub(crate) field_type: Word,
    /// What a field with fixed values may hold.
    #[serde(default)]
    pub(crate) options: Vec<String>,
}

impl Account {
    /// Makes the account every simulator starts with.
    pub(crate) fn northwind() -> Self {
        northwind::account()
    }

    /// Finds a user, deleted or not.
    pub(crate) fn any_user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.any_user(id).filter(|user| !user.deleted)
    }

    /// Finds a user by login email, whatever its case.
    pub(crate) fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.iter().find(|user| !user.deleted && user.email.eq_ignore_ascii_case(email))
    }

    pub(crate) fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    pub(crate) fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.id == id)
    }

    pub(crate) fn team(&self, id: &str) -> Option<&Team> {
        self.teams.iter().find(|team| team.id == id)
    }

    pub(crate) fn priority(&self, id: &str) -> Option<&Priority> {
        self.priorities.iter().find(|priority| priority.id == id)
    }

    /// Finds a priority by name; the list is ordered from most to least severe, so the first wins.
    pub(crate) fn priority_by_name(&self, name: &str) -> Option<&Priority> {
        self.priorities.iter().find(|priority| priority.name == name)
    }

    pub(crate) fn schedule(&self, id: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.id == id)
    }

    /// Who is on call at a level (1 is the first) of a policy.
    pub(crate) fn on_call(&self, policy: &str, level: usize, at: Timestamp) -> Vec<String> {
        let level = self.policy(policy).and_then(|policy| policy.levels.get(level.checked_sub(1)?));
        let targets = level.map(|level| level.targets.as_slice()).unwrap_or_default();
        let mut users = Vec::new();
        for target in targets {
            let user = match target {
                Target::User(id) => Some(id.clone()),
                Target::Schedule(id) => self
                    .schedule(id)
                    .and_then(|schedule| schedule.shift_at(at))
                    .map(|shift| shift.user),
            };
            if let Some(user) = user.filter(|id| self.user(id).is_some() && !users.contains(id)) {
                users.push(user);
            }
        }
        users
    }
}

/// One turn of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) user: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Schedule {
    /// The turn that covers an instant; turns are counted from the Unix epoch.
    pub(crate) fn shift_at(&self, at: Timestamp) -> Option<Shift> {
        let turn = at.as_second().div_euclid(self.shift_s.max(1));
        let people = i64::try_from(self.users.len()).ok().filter(|people| *people > 0)?;
        let index = usize::try_from(turn.rem_euclid(people)).ok()?;
        let instant = |turn: i64| Timestamp::from_second(turn.saturating_mul(self.shift_s)).ok();
        Some(Shift {
            user: self.users.get(index)?.clone(),
            start: instant(turn)?,
            end: instant(turn.saturating_add(1))?,
        })
    }
}

//! What an external account has as JSON: each list with when it was read.

use schemars::JsonSchema;
use serde::Serialize;

use super::{instant, known};
use crate::{v1, words::Word};

/// [`v1::Reading`] as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Reading {
    pub read_time: Option<String>,
    pub age_s: i64,
    pub outdated: Option<String>,
    pub complete: bool,
}

impl From<Option<v1::Reading>> for Reading {
    fn from(from: Option<v1::Reading>) -> Self {
        let from = from.unwrap_or_default();
        Self {
            read_time: instant(from.read_time),
            age_s: from.age_s,
            outdated: known(from.outdated),
            complete: from.complete,
        }
    }
}

/// [`v1::ListOnCallResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct OnCalls {
    pub on_call: Vec<OnCall>,
    #[serde(flatten)]
    pub reading: Reading,
}

impl From<v1::ListOnCallResponse> for OnCalls {
    fn from(from: v1::ListOnCallResponse) -> Self {
        let on_call = from.on_call.into_iter().map(Into::into).collect();
        Self { on_call, reading: from.reading.into() }
    }
}

/// [`v1::OnCall`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct OnCall {
    pub user: String,
    pub user_name: String,
    pub email: Option<String>,
    pub schedule: Option<String>,
    pub schedule_name: Option<String>,
    pub escalation_policy: String,
    pub escalation_policy_name: String,
    pub level: u32,
    pub start_time: Option<String>,
    pub end_time: Option<String>,
}

impl From<v1::OnCall> for OnCall {
    fn from(from: v1::OnCall) -> Self {
        Self {
            user: from.user,
            user_name: from.user_name,
            email: known(from.email),
            schedule: known(from.schedule),
            schedule_name: known(from.schedule_name),
            escalation_policy: from.escalation_policy,
            escalation_policy_name: from.escalation_policy_name,
            level: from.level,
            start_time: instant(from.start_time),
            end_time: instant(from.end_time),
        }
    }
}

/// [`v1::ListUsersResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountUsers {
    pub users: Vec<AccountUser>,
    pub unknown_people: Vec<PlatformPerson>,
    #[serde(flatten)]
    pub reading: Reading,
}

impl From<v1::ListUsersResponse> for AccountUsers {
    fn from(from: v1::ListUsersResponse) -> Self {
        let person = |from: v1::PlatformPerson| {
            let v1::PlatformPerson { platform, incidents } = from;
            PlatformPerson { platform, incidents }
        };
        Self {
            users: from.users.into_iter().map(Into::into).collect(),
            unknown_people: from.unknown_people.into_iter().map(person).collect(),
            reading: from.reading.into(),
        }
    }
}

/// [`v1::AccountUser`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountUser {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub role: Option<String>,
    pub r#match: Option<&'static str>,
    pub platform: Option<String>,
}

impl From<v1::AccountUser> for AccountUser {
    fn from(from: v1::AccountUser) -> Self {
        Self {
            r#match: from.r#match().word(),
            id: from.id,
            name: from.name,
            email: known(from.email),
            role: known(from.role),
            platform: known(from.platform),
        }
    }
}

/// [`v1::PlatformPerson`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct PlatformPerson {
    pub platform: String,
    pub incidents: i64,
}

/// [`v1::ListServicesResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountServices {
    pub services: Vec<AccountService>,
    pub unmapped_incident_types: Vec<String>,
    #[serde(flatten)]
    pub reading: Reading,
}

impl From<v1::ListServicesResponse> for AccountServices {
    fn from(from: v1::ListServicesResponse) -> Self {
        Self {
            services: from.services.into_iter().map(Into::into).collect(),
            unmapped_incident_types: from.unmapped_incident_types,
            reading: from.reading.into(),
        }
    }
}

/// [`v1::AccountService`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountService {
    pub id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    pub takes_incidents: bool,
    pub escalation_policy: Option<String>,
    pub r#match: Option<&'static str>,
    pub incident_type: Option<String>,
    pub is_default: bool,
}

impl From<v1::AccountService> for AccountService {
    fn from(from: v1::AccountService) -> Self {
        Self {
            r#match: from.r#match().word(),
            id: from.id,
            name: known(from.name),
            status: known(from.status),
            takes_incidents: from.takes_incidents,
            escalation_policy: known(from.escalation_policy),
            incident_type: known(from.incident_type),
            is_default: from.is_default,
        }
    }
}

/// [`v1::ListEscalationPoliciesResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountEscalationPolicies {
    pub escalation_policies: Vec<AccountEscalationPolicy>,
    #[serde(flatten)]
    pub reading: Reading,
}

impl From<v1::ListEscalationPoliciesResponse> for AccountEscalationPolicies {
    fn from(from: v1::ListEscalationPoliciesResponse) -> Self {
        let level = |from: v1::EscalationLevel| {
            let v1::EscalationLevel { delay_minutes, targets } = from;
            EscalationLevel { delay_minutes, targets }
        };
        let policy = |from: v1::AccountEscalationPolicy| AccountEscalationPolicy {
            id: from.id,
            name: from.name,
            levels: from.levels.into_iter().map(level).collect(),
        };
        Self {
            escalation_policies: from.escalation_policies.into_iter().map(policy).collect(),
            reading: from.reading.into(),
        }
    }
}

/// [`v1::AccountEscalationPolicy`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountEscalationPolicy {
    pub id: String,
    pub name: String,
    pub levels: Vec<EscalationLevel>,
}

/// [`v1::EscalationLevel`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct EscalationLevel {
    pub delay_minutes: i64,
    pub targets: Vec<String>,
}

/// [`v1::ListPrioritiesResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountPriorities {
    pub priorities: Vec<AccountPriority>,
    #[serde(flatten)]
    pub reading: Reading,
}

impl From<v1::ListPrioritiesResponse> for AccountPriorities {
    fn from(from: v1::ListPrioritiesResponse) -> Self {
        let priority = |from: v1::AccountPriority| AccountPriority {
            id: from.id,
            name: from.name,
            description: known(from.description),
        };
        let priorities = from.priorities.into_iter().map(priority).collect();
        Self { priorities, reading: from.reading.into() }
    }
}

/// [`v1::AccountPriority`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AccountPriority {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
}

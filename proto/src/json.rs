//! How the contract's resources read as JSON: proto field names, words for enums, RFC 3339 for times.
//!
//! Every key is always there; what is unknown or unset is `null`. Secrets have no field here, so none can be shown.

mod audit;
mod configuration;
mod dead_letter;
mod directory;
mod integration;
mod link;
mod plan;
mod sync_status;
mod token;

use std::collections::BTreeMap;

use prost_types::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::{
    audit::{
        AdminAuditEntry, AuditFault, Decision, ExplainedSide, ExplainedStep, ExplainedWrite,
        Explanation, FieldStory, Verification,
    },
    configuration::{
        AppliedConfiguration, Configuration, ConfigurationVersion, ConfiguredRow, ConfiguredScope,
        FieldConfiguration, MappedService,
    },
    dead_letter::{
        DeadLetter, DeadLetterAnswer, DeadLetterCall, DeadLetterGroup, Replay, ReplayPreview,
        ReplayedLetter,
    },
    directory::{
        AccountEscalationPolicies, AccountEscalationPolicy, AccountPriorities, AccountPriority,
        AccountService, AccountServices, AccountUser, AccountUsers, EscalationLevel, OnCall,
        OnCalls, PlatformPerson, Reading,
    },
    integration::{
        ClockDifference, FieldMapping, FieldOwnership, IgnoredEvent, IgnoredEvents, Integration,
        ManagedSubscription, MappingRow, Scope, ServiceMapping,
    },
    link::{
        ChangedLink, Conflict, ConflictCandidate, ConflictChoice, ConflictEnding,
        ConflictResolution, Link,
    },
    plan::{
        LeftOut, PagedPerson, Paging, Plan, PlanChange, PlanLine, PlanProgress, PlanWithLines,
        WithoutPartner,
    },
    sync_status::{
        Check, Checkup, HealingProgress, Lane, LinkCounts, LinkFreshness, NeverTold, OutboundQueue,
        Retry, SyncStatus, Waiting, WebhookSubscriptions,
    },
    token::{Key, NewToken, Rotation, Token},
};
use crate::{v1, words::Word};

/// [`v1::Incident`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Incident {
    pub id: String,
    pub org: String,
    pub title: String,
    pub description: String,
    pub severity: Option<&'static str>,
    pub status: Option<&'static str>,
    pub assigned_to: Option<String>,
    pub escalation_policy: Option<String>,
    pub incident_type: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub links: Vec<RecordRef>,
    pub etag: String,
    pub create_time: Option<String>,
    pub update_time: Option<String>,
}

impl From<v1::Incident> for Incident {
    fn from(from: v1::Incident) -> Self {
        Self {
            severity: from.severity().word(),
            status: from.status().word(),
            id: from.id,
            org: from.org,
            title: from.title,
            description: from.description,
            assigned_to: known(from.assigned_to),
            escalation_policy: known(from.escalation_policy),
            incident_type: known(from.incident_type),
            labels: from.labels.into_iter().collect(),
            links: from.links.into_iter().map(Into::into).collect(),
            etag: from.etag,
            create_time: instant(from.create_time),
            update_time: instant(from.update_time),
        }
    }
}

/// [`v1::RecordRef`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct RecordRef {
    pub integration: String,
    pub record: Option<String>,
    pub number: Option<i64>,
    pub url: Option<String>,
}

impl From<v1::RecordRef> for RecordRef {
    fn from(from: v1::RecordRef) -> Self {
        Self {
            integration: from.integration,
            record: known(from.record),
            number: number(from.number),
            url: known(from.url),
        }
    }
}

/// [`v1::TimelineEntry`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct TimelineEntry {
    pub position: i64,
    pub incident: String,
    pub time: Option<String>,
    pub kind: String,
    pub text: String,
    pub side: Option<&'static str>,
    pub author: Option<String>,
}

impl From<v1::TimelineEntry> for TimelineEntry {
    fn from(from: v1::TimelineEntry) -> Self {
        Self {
            side: from.side().word(),
            position: from.position,
            incident: from.incident,
            time: instant(from.time),
            kind: from.kind,
            text: from.text,
            author: known(from.author),
        }
    }
}

fn known(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn number(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_reads_in_words_and_rfc_3339() {
        let incident = v1::Incident {
            id: "inc_1".to_owned(),
            title: "db down".to_owned(),
            severity: v1::Severity::Sev1.into(),
            status: v1::Status::Open.into(),
            create_time: Some(Timestamp { seconds: 1_767_225_600, nanos: 5_000_000 }),
            ..Default::default()
        };
        let read = serde_json::to_value(Incident::from(incident)).unwrap();
        assert_eq!(read["severity"], "SEV-1");
        assert_eq!(read["status"], "open");
        assert_eq!(read["create_time"], "2026-01-01T00:00:00.005Z");
        assert_eq!(read["assigned_to"], serde_json::Value::Null);
    }

    #[test]
    fn an_integration_never_reads_with_its_secrets() {
        let integration = v1::Integration {
            credentials: Some(v1::Credentials {
                token: "u+tokentoken".to_owned(),
                signing_secret: "secretsecret".to_owned(),
            }),
            ..Default::default()
        };
        let read = serde_json::to_string(&Integration::from(integration)).unwrap();
        assert!(!read.contains("tokentoken") && !read.contains("secretsecret"), "{read}");
    }
}

//! Integrations and what they are configured with, as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{instant, known};
use crate::{v1, words::Word};

/// [`v1::Integration`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Integration {
    pub id: String,
    pub org: String,
    pub handle: String,
    pub name: String,
    pub r#type: String,
    pub base_url: String,
    pub direction: Option<&'static str>,
    pub enabled: bool,
    pub paused: bool,
    pub conflict_strategy: Option<&'static str>,
    pub rate_limit: u32,
    pub headroom: u32,
    pub backoff_multiplier: f64,
    pub from_email: Option<String>,
    pub sync_escalations: bool,
    pub scope: Scope,
    pub has_token: bool,
    pub signing_secrets: u32,
    pub webhook_path: String,
    pub public_url: Option<String>,
    pub subscriptions: Vec<ManagedSubscription>,
    pub clock_difference: Option<ClockDifference>,
    pub config_version: i64,
    pub etag: String,
    pub create_time: Option<String>,
    pub update_time: Option<String>,
}

impl From<v1::Integration> for Integration {
    fn from(from: v1::Integration) -> Self {
        Self {
            direction: from.direction().word(),
            conflict_strategy: from.conflict_strategy().word(),
            id: from.id,
            org: from.org,
            handle: from.handle,
            name: from.name,
            r#type: from.r#type,
            base_url: from.base_url,
            enabled: from.enabled,
            paused: from.paused,
            rate_limit: from.rate_limit,
            headroom: from.headroom,
            backoff_multiplier: from.backoff_multiplier,
            from_email: known(from.from_email),
            sync_escalations: from.sync_escalations,
            scope: from.scope.unwrap_or_default().into(),
            has_token: from.has_token,
            signing_secrets: from.signing_secrets,
            webhook_path: from.webhook_path,
            public_url: known(from.public_url),
            subscriptions: from.subscriptions.into_iter().map(Into::into).collect(),
            clock_difference: from.clock_difference.map(Into::into),
            config_version: from.config_version,
            etag: from.etag,
            create_time: instant(from.create_time),
            update_time: instant(from.update_time),
        }
    }
}

/// [`v1::ManagedSubscription`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ManagedSubscription {
    pub id: String,
    pub service: Option<String>,
    pub create_time: Option<String>,
    pub confirm_time: Option<String>,
    pub replaced: bool,
}

impl From<v1::ManagedSubscription> for ManagedSubscription {
    fn from(from: v1::ManagedSubscription) -> Self {
        Self {
            id: from.id,
            service: known(from.service),
            create_time: instant(from.create_time),
            confirm_time: instant(from.confirm_time),
            replaced: from.replaced,
        }
    }
}

/// [`v1::Scope`] as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Scope {
    pub services: Vec<String>,
    pub teams: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub min_severity: Option<String>,
    pub expression: Option<String>,
}

impl From<v1::Scope> for Scope {
    fn from(from: v1::Scope) -> Self {
        Self {
            services: from.services,
            teams: from.teams,
            labels: from.labels.into_iter().collect(),
            min_severity: known(from.min_severity),
            expression: known(from.expression),
        }
    }
}

/// [`v1::ClockDifference`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ClockDifference {
    pub least_us: i64,
    pub most_us: i64,
    pub measure_time: Option<String>,
}

impl From<v1::ClockDifference> for ClockDifference {
    fn from(from: v1::ClockDifference) -> Self {
        let measure_time = instant(from.measure_time);
        Self { least_us: from.least_us, most_us: from.most_us, measure_time }
    }
}

/// [`v1::ServiceMapping`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ServiceMapping {
    pub integration: String,
    pub service: String,
    pub incident_type: String,
    pub is_default: bool,
}

impl From<v1::ServiceMapping> for ServiceMapping {
    fn from(from: v1::ServiceMapping) -> Self {
        Self {
            integration: from.integration,
            service: from.service,
            incident_type: from.incident_type,
            is_default: from.is_default,
        }
    }
}

/// [`v1::FieldOwnership`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct FieldOwnership {
    pub integration: String,
    pub field: String,
    pub owner: Option<&'static str>,
    pub priority: u32,
    pub enforced: bool,
    pub direction: Option<&'static str>,
    pub is_default: bool,
    pub etag: String,
}

impl From<v1::FieldOwnership> for FieldOwnership {
    fn from(from: v1::FieldOwnership) -> Self {
        Self {
            owner: from.owner().word(),
            direction: from.direction().word(),
            integration: from.integration,
            field: from.field,
            priority: from.priority,
            enforced: from.enforced.unwrap_or_default(),
            is_default: from.is_default,
            etag: from.etag,
        }
    }
}

/// [`v1::FieldMapping`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct FieldMapping {
    pub integration: String,
    pub field: String,
    pub kind: Option<&'static str>,
    pub rows: Vec<MappingRow>,
    pub priorities: Vec<MappingRow>,
    pub external_name: Option<String>,
    pub is_default: bool,
    pub without_partner: Vec<String>,
    pub by_email: Vec<MappingRow>,
    pub etag: String,
}

impl From<v1::FieldMapping> for FieldMapping {
    fn from(from: v1::FieldMapping) -> Self {
        Self {
            kind: from.kind().word(),
            integration: from.integration,
            field: from.field,
            rows: from.rows.into_iter().map(Into::into).collect(),
            priorities: from.priorities.into_iter().map(Into::into).collect(),
            external_name: known(from.external_name),
            is_default: from.is_default,
            without_partner: from.without_partner,
            by_email: from.by_email.into_iter().map(Into::into).collect(),
            etag: from.etag,
        }
    }
}

/// [`v1::MappingRow`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct MappingRow {
    pub platform: String,
    pub external: String,
    pub fresh: bool,
}

impl From<v1::MappingRow> for MappingRow {
    fn from(from: v1::MappingRow) -> Self {
        Self { platform: from.platform, external: from.external, fresh: from.fresh }
    }
}

/// [`v1::IgnoredEvents`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct IgnoredEvents {
    pub reason: String,
    pub count: i64,
    pub last_time: Option<String>,
    pub examples: Vec<IgnoredEvent>,
}

impl From<v1::IgnoredEvents> for IgnoredEvents {
    fn from(from: v1::IgnoredEvents) -> Self {
        Self {
            reason: from.reason,
            count: from.count,
            last_time: instant(from.last_time),
            examples: from.examples.into_iter().map(Into::into).collect(),
        }
    }
}

/// [`v1::IgnoredEvent`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct IgnoredEvent {
    pub event: String,
    pub kind: String,
    pub time: Option<String>,
}

impl From<v1::IgnoredEvent> for IgnoredEvent {
    fn from(from: v1::IgnoredEvent) -> Self {
        Self { event: from.event, kind: from.kind, time: instant(from.time) }
    }
}

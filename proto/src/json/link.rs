//! Links and conflicts as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::{instant, known, number};
use crate::{v1, words::Word};

/// [`v1::Link`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Link {
    pub id: String,
    pub integration: String,
    pub integration_handle: String,
    pub incident: String,
    pub record: Option<String>,
    pub number: Option<i64>,
    pub url: Option<String>,
    pub state: Option<&'static str>,
    pub problem: Option<String>,
    pub conflicts: Vec<String>,
    pub seen_time: Option<String>,
    pub desired_version: i64,
    pub applied_version: i64,
    pub eta_s: Option<i64>,
    pub create_time: Option<String>,
    pub update_time: Option<String>,
}

impl From<v1::Link> for Link {
    fn from(from: v1::Link) -> Self {
        Self {
            state: from.state().word(),
            id: from.id,
            integration: from.integration,
            integration_handle: from.integration_handle,
            incident: from.incident,
            record: known(from.record),
            number: number(from.number),
            url: known(from.url),
            problem: known(from.problem),
            conflicts: from.conflicts,
            seen_time: instant(from.seen_time),
            desired_version: from.desired_version,
            applied_version: from.applied_version,
            eta_s: from.eta_s,
            create_time: instant(from.create_time),
            update_time: instant(from.update_time),
        }
    }
}

/// [`v1::ChangeLinkResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ChangedLink {
    pub link: Option<Link>,
    pub pending: bool,
}

impl From<v1::ChangeLinkResponse> for ChangedLink {
    fn from(from: v1::ChangeLinkResponse) -> Self {
        Self { link: from.link.map(Into::into), pending: from.pending }
    }
}

/// [`v1::Conflict`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Conflict {
    pub id: String,
    pub integration: String,
    pub integration_handle: String,
    pub incident: String,
    pub link: String,
    pub record: Option<String>,
    pub url: Option<String>,
    pub field: String,
    pub reason: Option<&'static str>,
    pub standing: Option<&'static str>,
    pub platform: Option<ConflictCandidate>,
    pub external: Option<ConflictCandidate>,
    pub base: Option<String>,
    pub open_time: Option<String>,
    pub ending: Option<ConflictEnding>,
    pub choices: Vec<ConflictChoice>,
}

impl From<v1::Conflict> for Conflict {
    fn from(from: v1::Conflict) -> Self {
        Self {
            reason: from.reason().word(),
            standing: from.standing().word(),
            id: from.id,
            integration: from.integration,
            integration_handle: from.integration_handle,
            incident: from.incident,
            link: from.link,
            record: known(from.record),
            url: known(from.url),
            field: from.field,
            platform: from.platform.map(Into::into),
            external: from.external.map(Into::into),
            base: from.base,
            open_time: instant(from.open_time),
            ending: from.ending.map(Into::into),
            choices: from.choices.into_iter().map(Into::into).collect(),
        }
    }
}

/// [`v1::ConflictCandidate`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConflictCandidate {
    pub side: Option<&'static str>,
    pub value: Option<String>,
    pub external_value: Option<String>,
    pub external_label: Option<String>,
    pub author: Option<String>,
    pub time: Option<String>,
}

impl From<v1::ConflictCandidate> for ConflictCandidate {
    fn from(from: v1::ConflictCandidate) -> Self {
        Self {
            side: from.side().word(),
            value: from.value,
            external_value: from.external_value,
            external_label: known(from.external_label),
            author: known(from.author),
            time: instant(from.time),
        }
    }
}

/// [`v1::ConflictEnding`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConflictEnding {
    pub take: Option<&'static str>,
    pub value: Option<String>,
    pub author: Option<String>,
    pub time: Option<String>,
}

impl From<v1::ConflictEnding> for ConflictEnding {
    fn from(from: v1::ConflictEnding) -> Self {
        Self {
            take: from.take().word(),
            value: from.value,
            author: known(from.author),
            time: instant(from.time),
        }
    }
}

/// [`v1::ConflictChoice`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConflictChoice {
    pub take: Option<&'static str>,
    pub platform_value: Option<String>,
    pub external_value: Option<String>,
    pub effect: String,
}

impl From<v1::ConflictChoice> for ConflictChoice {
    fn from(from: v1::ConflictChoice) -> Self {
        Self {
            take: from.take().word(),
            platform_value: from.platform_value,
            external_value: from.external_value,
            effect: from.effect,
        }
    }
}

/// [`v1::ConflictResolution`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConflictResolution {
    pub conflict: String,
    pub resolved: Option<Conflict>,
    pub pending: bool,
    pub problem: Option<String>,
}

impl From<v1::ConflictResolution> for ConflictResolution {
    fn from(from: v1::ConflictResolution) -> Self {
        Self {
            conflict: from.conflict,
            resolved: from.resolved.map(Into::into),
            pending: from.pending,
            problem: known(from.problem),
        }
    }
}

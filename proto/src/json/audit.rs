//! Decisions, the stories they tell, and their proof, as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::{instant, known, number};
use crate::{v1, words::Word};

/// [`v1::Decision`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Decision {
    pub id: String,
    pub incident: String,
    pub position: i64,
    pub link: Option<String>,
    pub integration_handle: Option<String>,
    pub field: String,
    pub before: Option<String>,
    pub before_author: Option<String>,
    pub before_time: Option<String>,
    pub after: Option<String>,
    pub external: Option<String>,
    pub rule: String,
    pub rule_number: i32,
    pub why: String,
    pub cause: String,
    pub cause_id: String,
    pub author: Option<String>,
    pub side: Option<&'static str>,
    pub author_time: Option<String>,
    pub time: Option<String>,
    pub config_version: Option<i64>,
    pub previous_hash: Option<String>,
    pub hash: String,
}

impl From<v1::Decision> for Decision {
    fn from(from: v1::Decision) -> Self {
        Self {
            side: from.side().word(),
            id: from.id,
            incident: from.incident,
            position: from.position,
            link: known(from.link),
            integration_handle: known(from.integration_handle),
            field: from.field,
            before: from.before,
            before_author: known(from.before_author),
            before_time: instant(from.before_time),
            after: from.after,
            external: from.external,
            rule: from.rule,
            rule_number: from.rule_number,
            why: from.why,
            cause: from.cause,
            cause_id: from.cause_id,
            author: known(from.author),
            author_time: instant(from.author_time),
            time: instant(from.time),
            config_version: number(from.config_version),
            previous_hash: known(from.previous_hash),
            hash: from.hash,
        }
    }
}

/// [`v1::ExplainIncidentResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Explanation {
    pub incident: String,
    pub title: String,
    pub fields: Vec<FieldStory>,
}

impl From<v1::ExplainIncidentResponse> for Explanation {
    fn from(from: v1::ExplainIncidentResponse) -> Self {
        let fields = from.fields.into_iter().map(Into::into).collect();
        Self { incident: from.incident, title: from.title, fields }
    }
}

/// [`v1::FieldStory`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct FieldStory {
    pub field: String,
    pub value: Option<String>,
    pub author: Option<String>,
    pub time: Option<String>,
    pub earlier: i32,
    pub steps: Vec<ExplainedStep>,
    pub sides: Vec<ExplainedSide>,
}

impl From<v1::FieldStory> for FieldStory {
    fn from(from: v1::FieldStory) -> Self {
        Self {
            field: from.field,
            value: from.value,
            author: known(from.author),
            time: instant(from.time),
            earlier: from.earlier,
            steps: from.steps.into_iter().map(Into::into).collect(),
            sides: from.sides.into_iter().map(Into::into).collect(),
        }
    }
}

/// [`v1::ExplainedStep`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ExplainedStep {
    pub time: Option<String>,
    pub what: String,
    pub why: Option<String>,
    pub decision: Option<Decision>,
    pub write: Option<ExplainedWrite>,
}

impl From<v1::ExplainedStep> for ExplainedStep {
    fn from(from: v1::ExplainedStep) -> Self {
        Self {
            time: instant(from.time),
            what: from.what,
            why: known(from.why),
            decision: from.decision.map(Into::into),
            write: from.write.map(Into::into),
        }
    }
}

/// [`v1::ExplainedWrite`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ExplainedWrite {
    pub link: String,
    pub integration_handle: String,
    pub version: i64,
    pub value: Option<String>,
    pub state: String,
}

impl From<v1::ExplainedWrite> for ExplainedWrite {
    fn from(from: v1::ExplainedWrite) -> Self {
        Self {
            link: from.link,
            integration_handle: from.integration_handle,
            version: from.version,
            value: from.value,
            state: from.state,
        }
    }
}

/// [`v1::ExplainedSide`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ExplainedSide {
    pub link: String,
    pub integration_handle: String,
    pub record: Option<String>,
    pub value: Option<String>,
    pub seen_time: Option<String>,
    pub agrees: bool,
    pub conflict: Option<String>,
    pub standing: String,
}

impl From<v1::ExplainedSide> for ExplainedSide {
    fn from(from: v1::ExplainedSide) -> Self {
        Self {
            link: from.link,
            integration_handle: from.integration_handle,
            record: known(from.record),
            value: from.value,
            seen_time: instant(from.seen_time),
            agrees: from.agrees,
            conflict: known(from.conflict),
            standing: from.standing,
        }
    }
}

/// [`v1::VerifyAuditResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Verification {
    pub intact: bool,
    pub chains: i64,
    pub decisions: i64,
    pub seals: i64,
    pub last_seal: Option<String>,
    pub faults: Vec<AuditFault>,
}

impl From<v1::VerifyAuditResponse> for Verification {
    fn from(from: v1::VerifyAuditResponse) -> Self {
        Self {
            intact: from.intact,
            chains: from.chains,
            decisions: from.decisions,
            seals: from.seals,
            last_seal: known(from.last_seal),
            faults: from.faults.into_iter().map(Into::into).collect(),
        }
    }
}

/// [`v1::AuditFault`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AuditFault {
    pub incident: Option<String>,
    pub problem: String,
}

impl From<v1::AuditFault> for AuditFault {
    fn from(from: v1::AuditFault) -> Self {
        Self { incident: known(from.incident), problem: from.problem }
    }
}

/// [`v1::AdminAuditEntry`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AdminAuditEntry {
    pub position: i64,
    pub time: Option<String>,
    pub actor: String,
    pub org: Option<String>,
    pub action: String,
    pub target: String,
    pub reason: Option<String>,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

impl From<v1::AdminAuditEntry> for AdminAuditEntry {
    fn from(from: v1::AdminAuditEntry) -> Self {
        let object = |text: String| serde_json::from_str(&text).ok();
        Self {
            position: from.position,
            time: instant(from.time),
            actor: from.actor,
            org: known(from.org),
            action: from.action,
            target: from.target,
            reason: known(from.reason),
            before: object(from.before),
            after: object(from.after),
        }
    }
}

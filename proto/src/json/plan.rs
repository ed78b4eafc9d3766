//! Plans and their lines as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::{instant, known};
use crate::{v1, words::Word};

/// [`v1::Plan`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Plan {
    pub id: String,
    pub integration: String,
    pub integration_handle: String,
    pub state: Option<&'static str>,
    pub links: i64,
    pub updates: i64,
    pub creates_here: i64,
    pub creates_there: i64,
    pub conflicts: i64,
    pub in_step: i64,
    pub under_way: i64,
    pub left_out: Vec<LeftOut>,
    pub without_partner: Vec<WithoutPartner>,
    pub paging: Paging,
    pub complete: bool,
    pub progress: PlanProgress,
    pub problem: Option<String>,
    pub actor: String,
    pub create_time: Option<String>,
    pub read_time: Option<String>,
    pub apply_time: Option<String>,
    pub finish_time: Option<String>,
}

impl From<v1::Plan> for Plan {
    fn from(from: v1::Plan) -> Self {
        Self {
            state: from.state().word(),
            id: from.id,
            integration: from.integration,
            integration_handle: from.integration_handle,
            links: from.links,
            updates: from.updates,
            creates_here: from.creates_here,
            creates_there: from.creates_there,
            conflicts: from.conflicts,
            in_step: from.in_step,
            under_way: from.under_way,
            left_out: from.left_out.into_iter().map(Into::into).collect(),
            without_partner: from.without_partner.into_iter().map(Into::into).collect(),
            paging: from.paging.unwrap_or_default().into(),
            complete: from.complete,
            progress: from.progress.unwrap_or_default().into(),
            problem: known(from.problem),
            actor: from.actor,
            create_time: instant(from.create_time),
            read_time: instant(from.read_time),
            apply_time: instant(from.apply_time),
            finish_time: instant(from.finish_time),
        }
    }
}

/// A plan with its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the messages, documented there")]
pub struct PlanWithLines {
    #[serde(flatten)]
    pub plan: Plan,
    pub lines: Vec<PlanLine>,
}

/// [`v1::LeftOut`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct LeftOut {
    pub reason: String,
    pub count: i64,
}

impl From<v1::LeftOut> for LeftOut {
    fn from(from: v1::LeftOut) -> Self {
        let v1::LeftOut { reason, count } = from;
        Self { reason, count }
    }
}

/// [`v1::WithoutPartner`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct WithoutPartner {
    pub kind: Option<&'static str>,
    pub name: String,
    pub id: Option<String>,
    pub count: i64,
}

impl From<v1::WithoutPartner> for WithoutPartner {
    fn from(from: v1::WithoutPartner) -> Self {
        Self { kind: from.kind().word(), name: from.name, id: known(from.id), count: from.count }
    }
}

/// [`v1::Paging`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Paging {
    pub notifications: i64,
    pub people: Vec<PagedPerson>,
    pub unknown: i64,
    pub reason: Option<String>,
}

impl From<v1::Paging> for Paging {
    fn from(from: v1::Paging) -> Self {
        Self {
            notifications: from.notifications,
            people: from.people.into_iter().map(Into::into).collect(),
            unknown: from.unknown,
            reason: known(from.reason),
        }
    }
}

/// [`v1::PagedPerson`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct PagedPerson {
    pub user: String,
    pub name: String,
    pub notifications: i64,
}

impl From<v1::PagedPerson> for PagedPerson {
    fn from(from: v1::PagedPerson) -> Self {
        let v1::PagedPerson { user, name, notifications } = from;
        Self { user, name, notifications }
    }
}

/// [`v1::PlanProgress`] as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct PlanProgress {
    pub total: i64,
    pub sent: i64,
    pub done: i64,
    pub moved: i64,
    pub failed: i64,
}

impl From<v1::PlanProgress> for PlanProgress {
    fn from(from: v1::PlanProgress) -> Self {
        let v1::PlanProgress { total, sent, done, moved, failed } = from;
        Self { total, sent, done, moved, failed }
    }
}

/// [`v1::PlanLine`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct PlanLine {
    pub position: i64,
    pub kind: Option<&'static str>,
    pub incident: Option<String>,
    pub record: Option<String>,
    pub number: Option<i64>,
    pub title: String,
    pub service: Option<String>,
    pub changes: Vec<PlanChange>,
    pub conflicts: Vec<String>,
    pub state: Option<&'static str>,
    pub reason: Option<String>,
}

impl From<v1::PlanLine> for PlanLine {
    fn from(from: v1::PlanLine) -> Self {
        Self {
            kind: from.kind().word(),
            state: from.state().word(),
            position: from.position,
            incident: known(from.incident),
            record: known(from.record),
            number: (from.number != 0).then_some(from.number),
            title: from.title,
            service: known(from.service),
            changes: from.changes.into_iter().map(Into::into).collect(),
            conflicts: from.conflicts,
            reason: known(from.reason),
        }
    }
}

/// [`v1::PlanChange`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct PlanChange {
    pub side: Option<&'static str>,
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl From<v1::PlanChange> for PlanChange {
    fn from(from: v1::PlanChange) -> Self {
        Self { side: from.side().word(), field: from.field, before: from.before, after: from.after }
    }
}

//! Plans and their lines in the contract's messages.

use tandem_domain::{
    incident::Side,
    plan::{Difference, Kind},
};
use tandem_proto::v1;
use tandem_store::plans::{LineState, State, Stored, StoredLine};

use super::{instant, number};
use crate::plans::told::Told;

/// A plan, with how far it was applied.
pub(crate) fn plan(from: Stored, handle: String) -> v1::Plan {
    let progress = v1::PlanProgress {
        total: number(from.progress.total),
        sent: number(from.progress.sent),
        done: number(from.progress.done),
        moved: number(from.progress.moved),
        failed: number(from.progress.failed),
    };
    let state = match from.state {
        State::Planned => v1::PlanState::Planned,
        State::Applying => v1::PlanState::Applying,
        State::Applied => v1::PlanState::Applied,
        State::Failed => v1::PlanState::Failed,
        State::Stale => v1::PlanState::Stale,
    };
    v1::Plan {
        id: from.id.to_string(),
        integration: from.integration.to_string(),
        integration_handle: handle,
        state: state.into(),
        progress: Some(progress),
        problem: from.problem.unwrap_or_default(),
        actor: from.actor,
        create_time: Some(instant(from.created_at)),
        read_time: Some(instant(from.read_at)),
        apply_time: from.applied_at.map(instant),
        finish_time: from.finished_at.map(instant),
        ..Told::read(&from.told).told()
    }
}

/// A line.
pub(crate) fn line(from: StoredLine) -> v1::PlanLine {
    let StoredLine { position, line, state, reason } = from;
    let kind = match line.kind {
        Kind::Link => v1::PlanLineKind::Link,
        Kind::Update => v1::PlanLineKind::Update,
        Kind::CreateHere => v1::PlanLineKind::CreateHere,
        Kind::CreateThere => v1::PlanLineKind::CreateThere,
    };
    let state = match state {
        LineState::Planned => v1::PlanLineState::Planned,
        LineState::Sent => v1::PlanLineState::Sent,
        LineState::Done => v1::PlanLineState::Done,
        LineState::Moved => v1::PlanLineState::Moved,
        LineState::Failed => v1::PlanLineState::Failed,
    };
    let record = line.record.as_deref();
    v1::PlanLine {
        position: number(position),
        kind: kind.into(),
        incident: line.incident.map(|id| id.to_string()).unwrap_or_default(),
        record: record.map(|record| record.record.to_string()).unwrap_or_default(),
        number: record.and_then(|record| record.number).map(number).unwrap_or_default(),
        title: line.title,
        service: line.service.unwrap_or_default(),
        changes: line.changes.into_iter().map(change).collect(),
        conflicts: line.conflicts.iter().map(ToString::to_string).collect(),
        state: state.into(),
        reason: reason.unwrap_or_default(),
    }
}

fn change(from: Difference) -> v1::PlanChange {
    let Difference { side, field, before, after } = from;
    let side = match side {
        Side::Platform => v1::Side::Platform,
        Side::External => v1::Side::External,
    };
    v1::PlanChange { side: side.into(), field: field.to_string(), before, after }
}

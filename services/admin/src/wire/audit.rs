//! Decisions and the proof of them in the contract's messages.

use tandem_domain::decision::Decision;
use tandem_proto::v1;
use tandem_store::{
    audit::Done,
    verify::{Break, Report},
};

use super::{author, instant, number, side};

/// A decision; `handle` is its link's integration.
pub(crate) fn decision(from: &Decision, handle: &str) -> v1::Decision {
    v1::Decision {
        id: from.id.to_string(),
        incident: from.incident.to_string(),
        position: number(from.position),
        link: from.link.map(|link| link.to_string()).unwrap_or_default(),
        integration_handle: handle.to_owned(),
        field: from.field.to_string(),
        before: from.before.clone(),
        before_author: from.before_by.as_ref().map(author).unwrap_or_default(),
        before_time: from.before_at.map(instant),
        after: from.after.clone(),
        external: from.external.clone(),
        rule: from.rule.name().to_owned(),
        rule_number: i32::from(from.rule.number()),
        why: from.rule.why().to_owned(),
        cause: from.cause.kind.clone(),
        cause_id: from.cause.id.clone(),
        author: author(&from.actor),
        side: side(from.actor.side).into(),
        author_time: Some(instant(from.authored_at)),
        time: Some(instant(from.at)),
        config_version: from.config_version.map(number).unwrap_or_default(),
        previous_hash: from.previous.clone(),
        // What was decided before there was a chain is hashed by nobody.
        hash: if from.position == 0 { String::new() } else { from.hash() },
    }
}

/// What checking the audit came to.
pub(crate) fn verification(from: Report) -> v1::VerifyAuditResponse {
    v1::VerifyAuditResponse {
        intact: from.breaks.is_empty(),
        chains: number(from.incidents),
        decisions: number(from.decisions),
        seals: number(from.seals),
        last_seal: from.last_seal.unwrap_or_default(),
        faults: from.breaks.iter().map(fault).collect(),
    }
}

/// Something that was done through admin.
pub(crate) fn done(from: Done) -> v1::AdminAuditEntry {
    let text = |json: Option<serde_json::Value>| json.map(|it| it.to_string()).unwrap_or_default();
    v1::AdminAuditEntry {
        position: from.position,
        time: Some(instant(from.at)),
        actor: from.actor,
        org: from.org.unwrap_or_default(),
        action: from.action,
        target: from.target,
        reason: from.reason.unwrap_or_default(),
        before: text(from.before),
        after: text(from.after),
    }
}

fn fault(from: &Break) -> v1::AuditFault {
    let incident = match from {
        Break::Changed { incident, .. }
        | Break::Missing { incident, .. }
        | Break::Unchained { incident, .. }
        | Break::End { incident, .. }
        | Break::Gone { incident }
        | Break::Unsealed { incident, .. } => incident.to_string(),
        Break::Seal { .. } | Break::NoSeal { .. } | Break::SealUnchained { .. } => String::new(),
    };
    v1::AuditFault { incident, problem: from.to_string() }
}

//! How the domain's values look in the contract's messages.

pub(crate) mod audit;
pub(crate) mod conflict;
pub(crate) mod dead_letter;
pub(crate) mod plan;
mod sync_status;

use jiff::Timestamp;
use tandem_domain::{
    clock::Offset,
    field::Field,
    id::IncidentId,
    incident::{Actor, Incident, Side},
    integration::{Direction, ServiceMapping, Strategy},
    scope::Scope,
};
use tandem_proto::{v1, words::Word as _};
use tandem_store::{
    inbox::{Ignored, IgnoredEvent},
    integrations::{Stored, Subscription},
    timeline::Line,
    tokens::{Role, Token},
};

pub(crate) use self::sync_status::{check, healing, never_told, outbound, subscribed};

/// An instant as protobuf has it.
pub(crate) fn instant(at: Timestamp) -> prost_types::Timestamp {
    let mut at = prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() };
    // Before 1970 jiff counts nanoseconds down, protobuf up.
    at.normalize();
    at
}

/// A token, without its text.
pub(crate) fn token(from: &Token) -> v1::Token {
    let role = match from.role {
        Role::Viewer => v1::Role::Viewer,
        Role::Operator => v1::Role::Operator,
        Role::Admin => v1::Role::Admin,
    };
    v1::Token {
        id: from.id.to_string(),
        org: from.org.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: from.name.clone(),
        role: role.into(),
        acts_for_others: from.acts_for_others,
        create_time: Some(instant(from.created_at)),
        creator: from.created_by.clone(),
        expire_time: from.expires_at.map(instant),
        last_use_time: from.last_used_at.map(instant),
        revoke_time: from.revoked_at.map(instant),
    }
}

/// An integration, without its secrets.
pub(crate) fn integration(stored: &Stored) -> v1::Integration {
    let from = &stored.integration;
    v1::Integration {
        id: from.id.to_string(),
        org: from.org.to_string(),
        handle: from.handle.to_string(),
        name: from.name.clone(),
        r#type: from.connector.to_string(),
        base_url: from.base_url.clone(),
        direction: direction(from.direction).into(),
        enabled: from.enabled,
        paused: from.paused,
        conflict_strategy: strategy(from.strategy).into(),
        rate_limit: from.rate_limit,
        headroom: from.headroom,
        backoff_multiplier: from.backoff_multiplier,
        from_email: from.from_email.clone().unwrap_or_default(),
        credentials: None,
        has_token: stored.token.is_some(),
        signing_secrets: u32::try_from(stored.secrets().len()).unwrap_or(u32::MAX),
        webhook_path: format!("/api/v1/webhooks/{}", from.id),
        config_version: number(from.version),
        etag: from.version.to_string(),
        create_time: Some(instant(stored.created_at)),
        update_time: Some(instant(stored.updated_at)),
        scope: Some(scope(&from.scope)),
        sync_escalations: from.sync_escalations,
        clock_difference: None,
        public_url: from.public_url.clone().unwrap_or_default(),
        subscriptions: stored.subscriptions.iter().map(subscription).collect(),
    }
}

fn subscription(from: &Subscription) -> v1::ManagedSubscription {
    v1::ManagedSubscription {
        id: from.id.clone(),
        service: from.service.clone().unwrap_or_default(),
        create_time: Some(instant(from.made_at)),
        confirm_time: from.confirmed_at.map(instant),
        replaced: from.replaced,
    }
}

/// How far one clock is from another; none while that was never measured.
pub(crate) fn clock_difference(from: Offset) -> Option<v1::ClockDifference> {
    let measure_time = Some(instant(from.at?));
    Some(v1::ClockDifference { least_us: from.lo, most_us: from.hi, measure_time })
}

/// What was left out for one reason.
pub(crate) fn ignored(from: Ignored, examples: Vec<IgnoredEvent>) -> v1::IgnoredEvents {
    let example = |from: IgnoredEvent| v1::IgnoredEvent {
        event: from.event,
        kind: from.kind,
        time: Some(instant(from.at)),
    };
    v1::IgnoredEvents {
        reason: from.reason,
        count: number(from.count),
        last_time: Some(instant(from.last_at)),
        examples: examples.into_iter().map(example).collect(),
    }
}

/// Which incidents and records take part.
pub(crate) fn scope(from: &Scope) -> v1::Scope {
    v1::Scope {
        services: from.services.clone(),
        teams: from.teams.clone(),
        labels: from.labels.clone().into_iter().collect(),
        min_severity: from.min_severity.clone().unwrap_or_default(),
        expression: from.expression.clone().unwrap_or_default(),
    }
}

/// A service mapping of an integration.
pub(crate) fn service_mapping(integration: String, from: &ServiceMapping) -> v1::ServiceMapping {
    v1::ServiceMapping {
        integration,
        service: from.service.clone(),
        incident_type: from.incident_type.clone(),
        is_default: from.default,
    }
}

/// An incident, with its counterparts.
pub(crate) fn incident(from: &Incident, links: Vec<v1::RecordRef>) -> v1::Incident {
    let text = |field| from.value(field).unwrap_or_default().to_owned();
    let severity = from.value(Field::Severity).and_then(v1::Severity::from_word);
    let status = from.value(Field::Status).and_then(v1::Status::from_word);
    v1::Incident {
        id: from.id.to_string(),
        org: from.org.to_string(),
        title: text(Field::Title),
        description: text(Field::Description),
        severity: severity.unwrap_or_default().into(),
        status: status.unwrap_or_default().into(),
        assigned_to: text(Field::AssignedTo),
        escalation_policy: text(Field::EscalationPolicy),
        incident_type: from.incident_type.clone().unwrap_or_default(),
        labels: from.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        links,
        etag: from.revision.to_string(),
        create_time: Some(instant(from.created_at)),
        update_time: Some(instant(from.updated_at)),
    }
}

/// A line of an incident's timeline.
pub(crate) fn timeline_entry(incident: IncidentId, from: Line) -> v1::TimelineEntry {
    v1::TimelineEntry {
        position: number(from.position),
        incident: incident.to_string(),
        time: Some(instant(from.at)),
        kind: from.kind,
        text: from.text,
        side: side(from.actor.side).into(),
        author: author(&from.actor),
    }
}

/// What somebody is called; empty where nothing but their side is known.
pub(crate) fn author(from: &Actor) -> String {
    let known = from.name.as_ref().or(from.email.as_ref()).or(from.id.as_ref());
    known.cloned().unwrap_or_default()
}

/// A side.
pub(crate) fn side(from: Side) -> v1::Side {
    match from {
        Side::Platform => v1::Side::Platform,
        Side::External => v1::Side::External,
    }
}

/// A count that never comes near the sign bit.
pub(crate) fn number(from: u64) -> i64 {
    i64::try_from(from).unwrap_or(i64::MAX)
}

/// A direction.
pub(crate) fn direction(from: Direction) -> v1::Direction {
    match from {
        Direction::Inbound => v1::Direction::Inbound,
        Direction::Outbound => v1::Direction::Outbound,
        Direction::Bidirectional => v1::Direction::Bidirectional,
    }
}

/// A strategy.
pub(crate) fn strategy(from: Strategy) -> v1::ConflictStrategy {
    match from {
        Strategy::LastWriteWins => v1::ConflictStrategy::LastWriteWins,
        Strategy::OwnershipPriority => v1::ConflictStrategy::OwnershipPriority,
        Strategy::ManualReview => v1::ConflictStrategy::ManualReview,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_before_1970_counts_its_nanoseconds_upwards() {
        let at: Timestamp = "1969-12-31T23:59:58.25Z".parse().unwrap();
        assert_eq!(instant(at).to_string(), "1969-12-31T23:59:58.250Z");
    }
}

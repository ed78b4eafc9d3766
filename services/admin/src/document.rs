//! An integration's configuration as a document: written out whole, and read back with every path
//! that cannot be used named.
//!
//! What is written out and read back is the same configuration, so applying an export changes
//! nothing. What a document leaves out is what a new integration begins with.

use std::collections::BTreeSet;

use tandem_domain::{
    field::{Field, NotAField},
    incident::Side,
    integration::{FieldRule, Integration, ServiceMapping},
    lens::{Lens, Row},
};
use tandem_proto::v1;
use tandem_store::integrations::Stored;

use crate::{
    check,
    configuration::{self, Secrets},
    kinship, mapping,
    refusal::{Refusal, Violation},
    wire,
};

/// The configuration of a stored integration.
pub(crate) fn of(stored: &Stored) -> v1::Configuration {
    v1::Configuration {
        etag: stored.integration.version.to_string(),
        has_token: stored.token.is_some(),
        signing_secrets: u32::try_from(stored.secrets().len()).unwrap_or(u32::MAX),
        ..of_integration(&stored.integration)
    }
}

/// The same without what is only known of one that is stored.
pub(crate) fn of_integration(from: &Integration) -> v1::Configuration {
    let mut services: Vec<&ServiceMapping> = from.services.iter().collect();
    services.sort_by(|one, other| one.service.cmp(&other.service));
    let service = |it: &ServiceMapping| v1::MappedService {
        service: it.service.clone(),
        incident_type: it.incident_type.clone(),
        is_default: it.default,
    };
    v1::Configuration {
        handle: from.handle.to_string(),
        name: from.name.clone(),
        r#type: from.connector.to_string(),
        base_url: from.base_url.clone(),
        direction: wire::direction(from.direction).into(),
        enabled: from.enabled,
        paused: from.paused,
        conflict_strategy: wire::strategy(from.strategy).into(),
        rate_limit: from.rate_limit,
        headroom: from.headroom,
        backoff_multiplier: from.backoff_multiplier,
        from_email: from.from_email.clone().unwrap_or_default(),
        sync_escalations: from.sync_escalations,
        public_url: from.public_url.clone().unwrap_or_default(),
        scope: Some(wire::scope(&from.scope)),
        fields: from.fields.iter().map(|(field, rule)| shown(from, *field, rule)).collect(),
        service_mappings: services.into_iter().map(service).collect(),
        ..Default::default()
    }
}

/// A field's rule; its mapping only where that is not the default.
fn shown(integration: &Integration, field: Field, rule: &FieldRule) -> v1::FieldConfiguration {
    let default = mapping::initial(integration, field);
    let own = default.is_none_or(|default| !mapping::is_same(&default.lens, &rule.lens));
    let row = |row: &Row| v1::MappingRow {
        platform: row.platform.clone(),
        external: row.external.clone(),
        fresh: row.fresh,
    };
    let rows = |rows: &[Row]| rows.iter().map(row).collect();
    let (first, second) = match &rule.lens {
        _ if !own => (Vec::new(), Vec::new()),
        Lens::Same | Lens::Once => (Vec::new(), Vec::new()),
        Lens::Table { rows: first } | Lens::Reference { rows: first, .. } => {
            (rows(first), Vec::new())
        }
        Lens::Ranked { rows: first, second } => (rows(first), rows(second)),
    };
    v1::FieldConfiguration {
        field: field.to_string(),
        owner: wire::side(rule.owner).into(),
        priority: Some(rule.priority),
        enforced: Some(rule.enforced),
        direction: wire::direction(rule.direction).into(),
        rows: first,
        priorities: second,
        external_name: rule.external.map(String::from).unwrap_or_default(),
    }
}

/// The integration that a document describes, under the id, organisation and version of `like`.
pub(crate) fn read(
    from: v1::Configuration,
    org: &str,
    like: Option<&Integration>,
    fresh: tandem_domain::id::IntegrationId,
) -> Result<(Integration, Secrets), Refusal> {
    let handle = from.handle.clone();
    read_in(from, org, like, fresh)
        .map_err(|refusal| below(&format!("integrations.{handle}"), refusal))
}

fn read_in(
    from: v1::Configuration,
    org: &str,
    like: Option<&Integration>,
    fresh: tandem_domain::id::IntegrationId,
) -> Result<(Integration, Secrets), Refusal> {
    let (direction, strategy) = (from.direction, from.conflict_strategy);
    let described = v1::Integration {
        org: org.to_owned(),
        handle: from.handle,
        name: from.name,
        r#type: from.r#type,
        base_url: from.base_url,
        direction,
        enabled: from.enabled,
        paused: from.paused,
        conflict_strategy: strategy,
        rate_limit: from.rate_limit,
        headroom: from.headroom,
        backoff_multiplier: from.backoff_multiplier,
        from_email: from.from_email,
        sync_escalations: from.sync_escalations,
        public_url: from.public_url,
        scope: from.scope,
        credentials: from.credentials,
        ..Default::default()
    };
    let id = like.map_or(fresh, |like| like.id);
    let (mut integration, _, secrets) = configuration::creation(described, id)?;
    if let Some(like) = like {
        if like.connector != integration.connector {
            let problem = format!("is {} since it was made, and cannot change", like.connector);
            return Err(Refusal::invalid("type", problem));
        }
        integration.version = like.version;
        integration.clock = like.clock;
    }
    let known = like.map(|like| kinship::rows(like).1.to_vec()).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for field in from.fields {
        let path = format!("fields.{}", field.field);
        let put = if named.insert(field.field.clone()) {
            put(&mut integration, field)
        } else {
            Err(Refusal::invalid("", "is named twice"))
        };
        gather(&mut wrong, &path, put)?;
    }
    gather(&mut wrong, "service_mappings", services(&mut integration, from.service_mappings))?;
    // Whoever is known by address was found, not configured.
    kinship::know(&mut integration, known);
    if wrong.is_empty() { Ok((integration, secrets)) } else { Err(Refusal::Invalid(wrong)) }
}

/// Puts a field's rule in its place.
fn put(integration: &mut Integration, from: v1::FieldConfiguration) -> Result<(), Refusal> {
    let field: Field =
        from.field.parse().map_err(|error: NotAField| Refusal::invalid("", error.to_string()))?;
    let Some(mut rule) = mapping::initial(integration, field) else {
        return Err(Refusal::invalid("", "is not carried by this integration's connector"));
    };
    match from.owner() {
        v1::Side::Platform => rule.owner = Side::Platform,
        v1::Side::External => rule.owner = Side::External,
        v1::Side::Unspecified => {}
    }
    if from.direction() != v1::Direction::Unspecified {
        let direction = check::direction(from.direction());
        rule.direction = direction.map_err(|problem| Refusal::invalid("direction", problem))?;
    }
    if let Some(priority) = from.priority {
        let priority = check::priority(priority);
        rule.priority = priority.map_err(|problem| Refusal::invalid("priority", problem))?;
    }
    rule.enforced = from.enforced.unwrap_or(rule.enforced);
    let ranked = matches!(rule.lens, Lens::Ranked { .. });
    integration.fields.insert(field, rule);
    let parts = mapping::Parts {
        rows: !from.rows.is_empty() || !from.priorities.is_empty(),
        // Without rows of priorities only the first table is in force, where there may be two.
        priorities: !from.priorities.is_empty() || (!from.rows.is_empty() && ranked),
        external_name: matches!(field, Field::Label(_)) || !from.external_name.is_empty(),
    };
    let asked = v1::FieldMapping {
        rows: from.rows,
        priorities: from.priorities,
        external_name: from.external_name,
        ..Default::default()
    };
    mapping::set(integration, field, asked, parts)
}

fn services(integration: &mut Integration, from: Vec<v1::MappedService>) -> Result<(), Refusal> {
    let mut wrong = Vec::new();
    let mut refuse = |service: &str, what: &str, problem: String| {
        let path = if what.is_empty() { service.to_owned() } else { format!("{service}.{what}") };
        wrong.push(Violation::new(path, problem));
    };
    for one in from {
        if let Err(problem) = check::service(&one.service) {
            refuse(&one.service, "service", problem);
        }
        let incident_type = check::incident_type(&one.incident_type);
        match incident_type {
            Err(problem) => refuse(&one.service, "incident_type", problem),
            Ok(incident_type) => {
                let held = &integration.services;
                if held.iter().any(|held| held.service == one.service) {
                    refuse(&one.service, "", "is mapped twice".to_owned());
                }
                let rival =
                    |held: &&ServiceMapping| held.default && held.incident_type == incident_type;
                if let Some(rival) = held.iter().find(rival).filter(|_| one.is_default) {
                    let problem = format!("{} is that for {incident_type}", rival.service);
                    refuse(&one.service, "is_default", problem);
                }
                integration.services.push(ServiceMapping {
                    service: one.service,
                    incident_type,
                    default: one.is_default,
                });
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

/// Keeps what is wrong below a path; any other refusal ends it.
fn gather(
    wrong: &mut Vec<Violation>,
    path: &str,
    done: Result<(), Refusal>,
) -> Result<(), Refusal> {
    match done.map_err(|refusal| below(path, refusal)) {
        Err(Refusal::Invalid(all)) => wrong.extend(all),
        done => done?,
    }
    Ok(())
}

/// The refusal with its paths below another one.
pub(crate) fn below(path: &str, refusal: Refusal) -> Refusal {
    let Refusal::Invalid(all) = refusal else { return refusal };
    let moved = all.into_iter().map(|violation| {
        let field = violation.field.strip_prefix("mapping.").unwrap_or(&violation.field);
        let field = if field.is_empty() { path.to_owned() } else { format!("{path}.{field}") };
        Violation { field, ..violation }
    });
    Refusal::Invalid(moved.collect())
}

#[cfg(test)]
mod tests;

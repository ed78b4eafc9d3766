//! The integrations of a world, with the mappings a new integration starts with.

use std::{collections::BTreeMap, fmt::Debug, str::FromStr};

use super::plan::{Ruled, Setup};
use crate::{
    clock::Offset,
    field::{Field, LabelName},
    id::{IntegrationId, Mint, Org, RecordId},
    incident::Side,
    integration::{Direction, Disturbance, FieldRule, Integration, ServiceMapping, Strategy},
    lens::{Lens, Row},
    reconcile::Configs,
    scope::Scope,
};

fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| unreachable!("{text}: {error:?}"))
}

/// The label that is kept in step.
pub(super) fn label() -> Field {
    Field::Label(word::<LabelName>("team"))
}

/// The organisation.
pub(super) fn org() -> Org {
    word("demo")
}

/// The record of a side.
pub(super) fn record(side: usize) -> RecordId {
    word(&format!("R{side}"))
}

/// The integration of a side.
pub(super) fn integration_id(side: usize) -> IntegrationId {
    let ids = u128::try_from(side).unwrap_or(0) + 1;
    IntegrationId::from_uuid(uuid::Uuid::from_u128(ids))
}

/// The integrations of a world.
pub(super) fn configs(setups: &[Setup]) -> Configs {
    let configured = setups.iter().enumerate().map(|(side, setup)| {
        let mut config = Integration {
            id: integration_id(side),
            handle: word(&format!("sim-{side}")),
            ..integration(setup.strategy, Side::Platform)
        };
        for (field, ruled) in setup.rules {
            if let Some(of_field) = config.fields.get_mut(&field) {
                rule(of_field, ruled);
            }
        }
        if setup.narrow {
            config.fields.values_mut().for_each(narrow);
        }
        map(&mut config, setup.mapped);
        (config.id, config)
    });
    configured.collect()
}

/// Sets the rules of a field, and leaves its lens.
pub(super) fn rule(of_field: &mut FieldRule, ruled: Ruled) {
    let Ruled { owner, enforced, direction, priority } = ruled;
    (of_field.owner, of_field.enforced) = (owner, enforced);
    (of_field.direction, of_field.priority) = (direction, priority);
}

/// Maps the service, or none.
pub(super) fn map(config: &mut Integration, mapped: bool) {
    let mapping = ServiceMapping {
        service: "S1".to_owned(),
        incident_type: "infrastructure".to_owned(),
        default: true,
    };
    config.services = mapped.then_some(mapping).into_iter().collect();
}

/// A mapping that knows neither `SEV-4` nor the acknowledged.
fn narrow(rule: &mut FieldRule) {
    let known = |row: &Row| row.platform != "SEV-4" && row.platform != "mitigated";
    match &mut rule.lens {
        Lens::Table { rows } => rows.retain(known),
        Lens::Ranked { rows, second } => {
            rows.retain(known);
            second.retain(known);
        }
        Lens::Same | Lens::Once | Lens::Reference { .. } => {}
    }
}

fn rows(rows: &[(&str, &str, bool)]) -> Vec<Row> {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| Row {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    rows.iter().map(row).collect()
}

/// An integration with the usual lenses.
pub(crate) fn integration(strategy: Strategy, owner: Side) -> Integration {
    Integration {
        id: Mint::new(super::at(0), b"integration").id(),
        org: org(),
        handle: word("sim"),
        name: "a simulated system".to_owned(),
        connector: word("sim"),
        base_url: String::new(),
        direction: Direction::Bidirectional,
        enabled: true,
        paused: false,
        strategy,
        from_email: None,
        rate_limit: 900,
        headroom: 0,
        backoff_multiplier: 2.0,
        fields: field_rules(owner),
        services: vec![ServiceMapping {
            service: "S1".to_owned(),
            incident_type: "infrastructure".to_owned(),
            default: true,
        }],
        scope: Scope::default(),
        sync_escalations: false,
        public_url: None,
        clock: Offset::default(),
        version: 1,
    }
}

fn field_rules(owner: Side) -> BTreeMap<Field, FieldRule> {
    let rule = |lens, direction| FieldRule {
        lens,
        direction,
        owner,
        initial: None,
        disturbs: Vec::new(),
        priority: 0,
        enforced: false,
        external: None,
    };
    let unacknowledges = Disturbance {
        by: "high".to_owned(),
        field: Field::Status,
        from: "acknowledged".to_owned(),
        to: "triggered".to_owned(),
    };
    let (both, initial) = (Direction::Bidirectional, Some("triggered".to_owned()));
    let severity = FieldRule { disturbs: vec![unacknowledges], ..rule(severity(), both) };
    let status = FieldRule { initial, ..rule(status(), both) };
    BTreeMap::from([
        (Field::Title, rule(Lens::Same, both)),
        (Field::Severity, severity),
        (Field::Status, status),
        (
            Field::AssignedTo,
            rule(Lens::Reference { rows: Vec::new(), by_email: Vec::new() }, Direction::Inbound),
        ),
        (Field::Description, rule(Lens::Once, Direction::Outbound)),
        (label(), rule(Lens::Same, both)),
    ])
}

fn severity() -> Lens {
    let urgencies = rows(&[
        ("SEV-1", "high", false),
        ("SEV-2", "high", true),
        ("SEV-3", "low", true),
        ("SEV-4", "low", false),
    ]);
    let ranks = rows(&[
        ("SEV-1", "P1", true),
        ("SEV-2", "P2", true),
        ("SEV-3", "P3", true),
        ("SEV-4", "P4", true),
    ]);
    Lens::Ranked { rows: urgencies, second: ranks }
}

fn status() -> Lens {
    Lens::Table {
        rows: rows(&[
            ("open", "triggered", true),
            ("mitigated", "acknowledged", true),
            ("resolved", "resolved", true),
            ("closed", "resolved", false),
        ]),
    }
}

//! From a request to a field's lens: rows and names checked, the laws kept, the offending value
//! named.
//!
//! What the external account can hold at all is what the connector's default says it holds; a label
//! and a priority are the account's own, so anything goes there.

use std::collections::BTreeSet;

use tandem_domain::{
    field::{Field, LabelName, SEVERITIES, STATUSES},
    incident::Side,
    integration::{Direction, FieldRule, Integration},
    lens::{Lens, Row},
};
use tandem_proto::v1;

use crate::{
    check,
    refusal::{Checks, Refusal},
};

/// The most rows of one mapping; people are the many.
const ROWS_MAX: usize = 10_000;

/// Which parts of a mapping a request sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) rows: bool,
    pub(crate) priorities: bool,
    pub(crate) external_name: bool,
}

impl Parts {
    /// The parts that a mask names; there must be one.
    pub(crate) fn of(paths: &[String]) -> Result<Self, Refusal> {
        let mut parts = Self::default();
        for path in paths {
            match path.as_str() {
                "rows" => parts.rows = true,
                "priorities" => parts.priorities = true,
                "external_name" => parts.external_name = true,
                _ => {
                    let problem = format!("{path:?} is not rows, priorities or external_name");
                    return Err(Refusal::invalid("update_mask", problem));
                }
            }
        }
        if parts == Self::default() {
            return Err(Refusal::invalid("update_mask", "must name what to set"));
        }
        Ok(parts)
    }
}

/// Puts the named parts of a mapping into an integration.
pub(crate) fn set(
    integration: &mut Integration,
    field: Field,
    from: v1::FieldMapping,
    parts: Parts,
) -> Result<(), Refusal> {
    let default = default(integration, field);
    let held = integration.fields.get(&field).cloned();
    let Some(mut rule) = held.or_else(|| initial(integration, field)) else {
        let problem = "is not carried by this integration's connector";
        return Err(Refusal::invalid("mapping.field", problem));
    };
    let mut checks = Checks::default();
    if parts.external_name {
        rule.external = external_name(&mut checks, field, &from.external_name);
    }
    if parts.rows || parts.priorities {
        let rows = parts.rows.then(|| rows(&mut checks, "mapping.rows", from.rows));
        let priorities = parts
            .priorities
            .then(|| self::rows(&mut checks, "mapping.priorities", from.priorities));
        let lens = lens(&mut checks, &rule.lens, default.as_ref(), field, (rows, priorities));
        rule.lens = lens.unwrap_or(rule.lens);
    }
    checks.finish()?;
    put(integration, field, rule)
}

/// Puts a rule in its place, if it obeys the laws.
pub(crate) fn put(
    integration: &mut Integration,
    field: Field,
    rule: FieldRule,
) -> Result<(), Refusal> {
    let default = default(integration, field);
    let mut checks = Checks::default();
    lawful(&mut checks, field, &rule.lens, default.as_ref());
    integration.fields.insert(field, rule);
    let name = integration.external_name(field);
    let same = |other: &&Field| **other != field && integration.external_name(**other) == name;
    if let Some(other) = integration.fields.keys().find(same) {
        let problem = format!("{} is what {other} is called there already", name.name());
        checks.refuse("mapping.external_name", problem);
    }
    checks.finish()
}

/// Whether two lenses are configured alike; who is known by address was found, not configured.
pub(crate) fn is_same(one: &Lens, other: &Lens) -> bool {
    match (one, other) {
        (Lens::Reference { rows, .. }, Lens::Reference { rows: others, .. }) => rows == others,
        _ => one == other,
    }
}

/// The connector's default for a field; none where it knows none, as for labels.
pub(crate) fn default(integration: &Integration, field: Field) -> Option<FieldRule> {
    tandem_connectors::default_fields(&integration.connector)?.remove(&field)
}

/// What a field's rule begins with, labels included; none where the connector does not carry it.
pub(crate) fn initial(integration: &Integration, field: Field) -> Option<FieldRule> {
    default(integration, field).or_else(|| of_label(field))
}

/// A label that is carried as it is, both ways, and belongs to the platform.
pub(crate) fn of_label(field: Field) -> Option<FieldRule> {
    matches!(field, Field::Label(_)).then(|| FieldRule {
        lens: Lens::Same,
        direction: Direction::Bidirectional,
        owner: Side::Platform,
        initial: None,
        disturbs: Vec::new(),
        priority: 0,
        enforced: false,
        external: None,
    })
}

fn external_name(checks: &mut Checks, field: Field, text: &str) -> Option<LabelName> {
    const PATH: &str = "mapping.external_name";
    match field {
        Field::Label(_) if text.is_empty() => None,
        Field::Label(_) => {
            let named = text.parse::<LabelName>();
            let expected = "must be 1 to 63 printable ASCII characters without spaces";
            checks.take(PATH, named.map_err(|_| expected))
        }
        _ => {
            checks.refuse(PATH, "only a label has a name of its own there");
            None
        }
    }
}

fn rows(checks: &mut Checks, path: &'static str, from: Vec<v1::MappingRow>) -> Vec<Row> {
    if from.len() > ROWS_MAX {
        checks.refuse(path, format!("must not be more than {ROWS_MAX}"));
    }
    let mut rows = Vec::new();
    for row in from {
        let platform = checks.take(path, check::platform(&row.platform));
        let external = checks.take(path, check::external(&row.external));
        if let (Some(platform), Some(external)) = (platform, external) {
            rows.push(Row { platform, external, fresh: row.fresh });
        }
    }
    rows
}

/// The lens with the rows that were given; what was not given stays.
fn lens(
    checks: &mut Checks,
    held: &Lens,
    default: Option<&FieldRule>,
    field: Field,
    (rows, priorities): (Option<Vec<Row>>, Option<Vec<Row>>),
) -> Option<Lens> {
    let kind = default.map(|rule| &rule.lens);
    let ranks = matches!(kind, Some(Lens::Ranked { .. }));
    if priorities.is_some() && !ranks {
        checks.refuse("mapping.priorities", format!("{field} has no priorities there"));
        return None;
    }
    match kind {
        Some(Lens::Same | Lens::Once) => {
            checks.refuse("mapping.rows", format!("{field} carries its text as it is"));
            None
        }
        Some(Lens::Reference { .. }) => {
            let by_email = match held {
                Lens::Reference { by_email, .. } => by_email.clone(),
                _ => Vec::new(),
            };
            Some(Lens::Reference { rows: rows.unwrap_or_default(), by_email })
        }
        Some(Lens::Table { .. } | Lens::Ranked { .. }) | None => {
            let (held, second) = match held {
                Lens::Table { rows } | Lens::Reference { rows, .. } => (rows.clone(), Vec::new()),
                Lens::Ranked { rows, second } => (rows.clone(), second.clone()),
                Lens::Same | Lens::Once => (Vec::new(), Vec::new()),
            };
            let (rows, second) = (rows.unwrap_or(held), priorities.unwrap_or(second));
            match (rows.is_empty(), second.is_empty()) {
                (true, _) if default.is_none() => Some(Lens::Same),
                (true, _) => {
                    let problem = "must not be empty; field-mapping reset brings the default back";
                    checks.refuse("mapping.rows", problem);
                    None
                }
                (false, true) => Some(Lens::Table { rows }),
                (false, false) => Some(Lens::Ranked { rows, second }),
            }
        }
    }
}

/// Refuses what breaks a law, or what the external account cannot hold.
fn lawful(checks: &mut Checks, field: Field, lens: &Lens, default: Option<&FieldRule>) {
    if let Err(unlawful) = lens.check(field) {
        let source = std::error::Error::source(&unlawful).map(ToString::to_string);
        checks.refuse("mapping.rows", source.unwrap_or_else(|| unlawful.to_string()));
    }
    if let Lens::Reference { rows, .. } = lens {
        let twice = |row: &&Row| rows.iter().filter(|it| it.external == row.external).count() > 1;
        if let Some(row) = rows.iter().find(twice) {
            let problem = format!("{:?} stands for two of the platform's", row.external);
            checks.refuse("mapping.rows", problem);
        }
    }
    let known = default.map(|rule| externals(&rule.lens)).unwrap_or_default();
    let unknown = |row: &&Row| !known.is_empty() && !known.contains(row.external.as_str());
    if let Some(row) = table(lens).iter().find(unknown) {
        let known: Vec<_> = known.into_iter().collect();
        let problem = format!("{:?} is not one of {}", row.external, known.join(", "));
        checks.refuse("mapping.rows", problem);
    }
}

/// The rows of a table, the first one where there are two.
fn table(lens: &Lens) -> &[Row] {
    match lens {
        Lens::Table { rows } | Lens::Ranked { rows, .. } => rows,
        Lens::Same | Lens::Once | Lens::Reference { .. } => &[],
    }
}

fn externals(lens: &Lens) -> BTreeSet<&str> {
    table(lens).iter().map(|row| row.external.as_str()).collect()
}

/// The values of either side that have no row.
pub(crate) fn without_partner(
    field: Field,
    lens: &Lens,
    default: Option<&FieldRule>,
) -> Vec<String> {
    let rows = table(lens);
    if rows.is_empty() {
        return Vec::new();
    }
    let ours: &[&str] = match field {
        Field::Severity => &SEVERITIES,
        Field::Status => &STATUSES,
        _ => &[],
    };
    let ours = ours.iter().filter(|value| rows.iter().all(|row| row.platform != **value));
    let known = default.map(|rule| externals(&rule.lens)).unwrap_or_default();
    let held = externals(lens);
    let theirs = known.difference(&held);
    ours.chain(theirs).map(|value| (*value).to_owned()).collect()
}

#[cfg(test)]
mod tests;

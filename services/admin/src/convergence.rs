//! Whether what is configured can come to rest: an enforced field needs its owner's value to get
//! through, else nothing could undo what the other side does.

use tandem_domain::{
    field::Field,
    incident::Side,
    integration::{FieldRule, Integration},
    lens::Lens,
};

use crate::refusal::{Refusal, Violation};

/// Refuses a change after which a field could not converge that could before.
pub(crate) fn check(before: Option<&Integration>, after: &Integration) -> Result<(), Refusal> {
    let held = before.map(problems).unwrap_or_default();
    let new: Vec<Violation> =
        problems(after).into_iter().filter(|problem| !held.contains(problem)).collect();
    if new.is_empty() { Ok(()) } else { Err(Refusal::Invalid(new)) }
}

fn problems(integration: &Integration) -> Vec<Violation> {
    let enforced = integration.fields.iter().filter(|(_, rule)| rule.enforced);
    let stuck = enforced
        .filter_map(|(field, rule)| Some((field, rule.owner, stuck(integration, *field, rule)?)));
    let told = |(field, owner, why): (&Field, Side, &'static str)| {
        let owner = match owner {
            Side::Platform => "the platform",
            Side::External => "the external account",
        };
        let problem = format!(
            "only {owner} may change it (enforced), but {why}: the sides could never agree"
        );
        Violation::new(field.to_string(), problem)
    };
    stuck.map(told).collect()
}

/// Why the owner's value of a field cannot get through; none where it can.
fn stuck(integration: &Integration, field: Field, rule: &FieldRule) -> Option<&'static str> {
    match rule.owner {
        Side::Platform if !integration.direction.outbound() => {
            Some("the integration is inbound only, so its value cannot be written back")
        }
        Side::Platform if !rule.direction.outbound() => {
            Some("the field travels inbound only, so its value cannot be written back")
        }
        Side::External if !integration.direction.inbound() => {
            Some("the integration is outbound only, so its value is never taken")
        }
        Side::External if !rule.direction.inbound() => {
            Some("the field travels outbound only, so its value is never taken")
        }
        Side::Platform | Side::External => match (&rule.lens, rule.owner) {
            (Lens::Once, _) => {
                Some("the external account takes it when a record is created and never again")
            }
            (Lens::Reference { rows, by_email }, Side::Platform)
                if rows.is_empty() && by_email.is_empty() =>
            {
                Some(match field {
                    Field::AssignedTo => {
                        "nobody's counterpart is known there, so it cannot be written back \
                     (see user-mapping)"
                    }
                    _ => {
                        "no counterpart of it is known there, so it cannot be written back \
                     (see policy-mapping)"
                    }
                })
            }
            _ => None,
        },
    }
}

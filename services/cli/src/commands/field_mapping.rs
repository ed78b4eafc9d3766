//! `im integration field-mapping …`.

use prost_types::FieldMask;
use tandem_proto::{json, v1};

use super::Context;
use crate::{args::mapping::FieldMappingCommand, failure::Failure};

pub(super) async fn run(context: &Context, command: FieldMappingCommand) -> Result<(), Failure> {
    match command {
        FieldMappingCommand::List(named) => {
            let all = all(context, named.integration).await?;
            context.show.list(&all)
        }
        FieldMappingCommand::Set { named, field, rows, priorities, no_priorities, external } => {
            let (mapping, update_mask) =
                changes(field, &rows, &priorities, no_priorities, external)?;
            let request = v1::SetFieldMappingRequest {
                org: context.org.clone(),
                integration: named.integration,
                mapping: Some(mapping),
                update_mask: Some(update_mask),
                etag: String::new(),
            };
            let set = context.client.field_mappings().set_field_mapping(request).await?;
            shown(context, set.into_inner())
        }
        FieldMappingCommand::Reset { named, field } => {
            let request = v1::ResetFieldMappingRequest {
                org: context.org.clone(),
                integration: named.integration,
                field,
                etag: String::new(),
            };
            let reset = context.client.field_mappings().reset_field_mapping(request).await?;
            shown(context, reset.into_inner())
        }
    }
}

/// The mappings of an integration.
pub(super) async fn all(
    context: &Context,
    integration: String,
) -> Result<Vec<json::FieldMapping>, Failure> {
    let request = v1::ListFieldMappingsRequest { org: context.org.clone(), integration };
    let all = context.client.field_mappings().list_field_mappings(request).await?.into_inner();
    Ok(all.mappings.into_iter().map(Into::into).collect())
}

fn shown(context: &Context, mapping: v1::FieldMapping) -> Result<(), Failure> {
    let mapping = json::FieldMapping::from(mapping);
    context.show.one(&mapping)?;
    if !mapping.without_partner.is_empty() {
        eprintln!(
            "note: {} of {} without a partner: where one turns up, the link lists it as its problem",
            mapping.without_partner.join(", "),
            mapping.field
        );
    }
    Ok(())
}

/// What was said of a mapping, and which parts that is.
fn changes(
    field: String,
    rows: &[v1::MappingRow],
    priorities: &[v1::MappingRow],
    no_priorities: bool,
    external: Option<String>,
) -> Result<(v1::FieldMapping, FieldMask), Failure> {
    let said = [
        ("rows", !rows.is_empty()),
        ("priorities", no_priorities || !priorities.is_empty()),
        ("external_name", external.is_some()),
    ];
    let paths: Vec<String> =
        said.into_iter().filter(|(_, is_said)| *is_said).map(|(path, _)| path.to_owned()).collect();
    if paths.is_empty() {
        return Err(Failure::Usage(
            "nothing to set: say how values correspond, as in SEV-1=high SEV-2=high!".to_owned(),
        ));
    }
    let mapping = v1::FieldMapping {
        field,
        rows: marked(rows),
        priorities: marked(priorities),
        external_name: external.unwrap_or_default(),
        ..Default::default()
    };
    Ok((mapping, FieldMask { paths }))
}

/// An external value that has one row needs no mark.
fn marked(rows: &[v1::MappingRow]) -> Vec<v1::MappingRow> {
    let alone =
        |row: &v1::MappingRow| rows.iter().filter(|it| it.external == row.external).count() == 1;
    let mark =
        |row: &v1::MappingRow| v1::MappingRow { fresh: row.fresh || alone(row), ..row.clone() };
    rows.iter().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(platform: &str, external: &str) -> v1::MappingRow {
        v1::MappingRow {
            platform: platform.to_owned(),
            external: external.to_owned(),
            fresh: false,
        }
    }

    #[test]
    fn only_shared_values_need_a_mark() {
        let rows = vec![row("SEV-1", "high"), row("SEV-2", "high"), row("SEV-3", "low")];
        let (mapping, mask) = changes("severity".to_owned(), &rows, &[], false, None).unwrap();
        let fresh: Vec<bool> = mapping.rows.iter().map(|row| row.fresh).collect();
        assert_eq!((fresh, mask.paths), (vec![false, false, true], vec!["rows".to_owned()]));
    }

    #[test]
    fn saying_nothing_is_wrong_usage() {
        let nothing = changes("severity".to_owned(), &[], &[], false, None);
        assert!(matches!(nothing, Err(Failure::Usage(_))));
        let (_, mask) = changes("severity".to_owned(), &[], &[], true, None).unwrap();
        assert_eq!(mask.paths, ["priorities"]);
    }
}

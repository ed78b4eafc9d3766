//! Field mappings: how values correspond; a part of an integration's configuration.

use tandem_domain::{
    field::{Field, NotAField},
    integration::{FieldRule, Integration},
    lens::{Lens, Row},
};
use tandem_proto::v1::{self, field_mapping_service_server::FieldMappingService};
use tonic::{Request, Response, Status};

use super::{
    change::{Asked, edit},
    find,
};
use crate::{
    Admin,
    caller::Caller,
    check, mapping,
    refusal::{Checks, Refusal},
};

pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListFieldMappingsRequest,
) -> Result<v1::ListFieldMappingsResponse, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found =
        find(&mut transaction, caller, &request.org, &request.integration).await?.integration;
    let mappings = found.fields.iter().map(|(field, rule)| shown(&found, *field, Some(rule)));
    Ok(v1::ListFieldMappingsResponse { mappings: mappings.collect() })
}

pub(crate) async fn set(
    admin: &Admin,
    caller: &Caller,
    request: v1::SetFieldMappingRequest,
) -> Result<v1::FieldMapping, Refusal> {
    let from = request.mapping.unwrap_or_default();
    let field = field("mapping.field", &from.field)?;
    let parts = mapping::Parts::of(&request.update_mask.unwrap_or_default().paths)?;
    let asked = Asked {
        caller,
        action: "field_mapping.set",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    change(admin, asked, field, |integration| mapping::set(integration, field, from, parts)).await
}

pub(crate) async fn reset(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResetFieldMappingRequest,
) -> Result<v1::FieldMapping, Refusal> {
    let field = field("field", &request.field)?;
    let asked = Asked {
        caller,
        action: "field_mapping.reset",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    change(admin, asked, field, |integration| {
        let default = mapping::default(integration, field);
        match (integration.fields.get_mut(&field), default) {
            (Some(rule), Some(default)) => {
                (rule.lens, rule.external) = (default.lens, default.external);
                Ok(())
            }
            // A label takes part because somebody mapped it.
            (Some(_), None) => {
                integration.fields.remove(&field);
                Ok(())
            }
            (None, _) => Err(Refusal::unknown("field mapping", field.to_string())),
        }
    })
    .await
}

pub(crate) async fn set_counterpart(
    admin: &Admin,
    caller: &Caller,
    request: v1::SetCounterpartRequest,
) -> Result<v1::FieldMapping, Refusal> {
    let mut checks = Checks::default();
    let field = checks.take("field", reference(&request.field));
    let platform = checks.take("platform", check::platform(&request.platform));
    let external = checks.take("external", check::service(&request.external));
    checks.finish()?;
    let (Some(field), Some(platform), Some(external)) = (field, platform, external) else {
        return Err(Refusal::Invalid(Vec::new()));
    };
    let asked = Asked {
        caller,
        action: "counterpart.set",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    change(admin, asked, field, |integration| {
        let mut rule = carried(integration, field)?;
        let Lens::Reference { rows, .. } = &mut rule.lens else { return Err(no_reference(field)) };
        rows.retain(|row| row.platform != platform);
        let other = rows.iter().find(|row| row.external == external);
        if let Some(other) = other {
            let way_out = format!("it stands for {:?}; remove that first", other.platform);
            let name = external.clone();
            return Err(Refusal::Exists { noun: "counterpart", name, way_out });
        }
        rows.push(Row { platform, external, fresh: true });
        rows.sort_by(|one, other| one.platform.cmp(&other.platform));
        mapping::put(integration, field, rule)
    })
    .await
}

pub(crate) async fn remove_counterpart(
    admin: &Admin,
    caller: &Caller,
    request: v1::RemoveCounterpartRequest,
) -> Result<v1::FieldMapping, Refusal> {
    let field = reference(&request.field).map_err(|problem| Refusal::invalid("field", problem))?;
    let asked = Asked {
        caller,
        action: "counterpart.remove",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    let platform = request.platform;
    change(admin, asked, field, |integration| {
        let mut rule = carried(integration, field)?;
        let Lens::Reference { rows, .. } = &mut rule.lens else { return Err(no_reference(field)) };
        let before = rows.len();
        rows.retain(|row| row.platform != platform);
        if rows.len() == before {
            return Err(Refusal::unknown("counterpart", platform));
        }
        mapping::put(integration, field, rule)
    })
    .await
}

/// Changes a field's rule, and answers its mapping.
async fn change<F>(
    admin: &Admin,
    asked: Asked<'_>,
    field: Field,
    change: F,
) -> Result<v1::FieldMapping, Refusal>
where
    F: FnOnce(&mut Integration) -> Result<(), Refusal>,
{
    let changed = edit(admin, asked, |stored| change(&mut stored.integration)).await?.integration;
    Ok(shown(&changed, field, changed.fields.get(&field)))
}

fn carried(integration: &Integration, field: Field) -> Result<FieldRule, Refusal> {
    integration.fields.get(&field).cloned().ok_or_else(|| no_reference(field))
}

fn no_reference(field: Field) -> Refusal {
    let problem = format!("{field} is no reference in this integration's connector");
    Refusal::invalid("field", problem)
}

/// A field that refers to something the external account keeps.
fn reference(text: &str) -> Result<Field, String> {
    match text.parse() {
        Ok(field @ (Field::AssignedTo | Field::EscalationPolicy)) => Ok(field),
        _ => Err("must be assigned_to or escalation_policy".to_owned()),
    }
}

fn field(path: &str, text: &str) -> Result<Field, Refusal> {
    text.parse().map_err(|error: NotAField| Refusal::invalid(path, error.to_string()))
}

/// A field's mapping; of one that takes no part any more, only its name.
fn shown(integration: &Integration, field: Field, rule: Option<&FieldRule>) -> v1::FieldMapping {
    let of_field = v1::FieldMapping {
        integration: integration.id.to_string(),
        field: field.to_string(),
        etag: integration.version.to_string(),
        ..Default::default()
    };
    let Some(rule) = rule else { return of_field };
    let default = mapping::default(integration, field);
    let row = |row: &Row| v1::MappingRow {
        platform: row.platform.clone(),
        external: row.external.clone(),
        fresh: row.fresh,
    };
    let rows = |rows: &[Row]| rows.iter().map(row).collect();
    let (kind, first, second) = match &rule.lens {
        Lens::Same => (v1::FieldMappingKind::Same, Vec::new(), Vec::new()),
        Lens::Once => (v1::FieldMappingKind::Once, Vec::new(), Vec::new()),
        Lens::Table { rows: first } => (v1::FieldMappingKind::Table, rows(first), Vec::new()),
        Lens::Reference { rows: all, .. } => {
            (v1::FieldMappingKind::Reference, rows(all), Vec::new())
        }
        Lens::Ranked { rows: first, second } => {
            (v1::FieldMappingKind::Priorities, rows(first), rows(second))
        }
    };
    let by_email = match &rule.lens {
        Lens::Reference { by_email, .. } => rows(by_email),
        _ => Vec::new(),
    };
    let is_default =
        default.as_ref().is_some_and(|default| mapping::is_same(&default.lens, &rule.lens));
    v1::FieldMapping {
        kind: kind.into(),
        rows: first,
        priorities: second,
        external_name: rule.external.map(String::from).unwrap_or_default(),
        by_email,
        is_default,
        without_partner: mapping::without_partner(field, &rule.lens, default.as_ref()),
        ..of_field
    }
}

#[tonic::async_trait]
impl FieldMappingService for Admin {
    async fn list_field_mappings(
        &self,
        request: Request<v1::ListFieldMappingsRequest>,
    ) -> Result<Response<v1::ListFieldMappingsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn set_field_mapping(
        &self,
        request: Request<v1::SetFieldMappingRequest>,
    ) -> Result<Response<v1::FieldMapping>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(set(self, &caller, request.into_inner()).await?))
    }

    async fn reset_field_mapping(
        &self,
        request: Request<v1::ResetFieldMappingRequest>,
    ) -> Result<Response<v1::FieldMapping>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(reset(self, &caller, request.into_inner()).await?))
    }

    async fn set_counterpart(
        &self,
        request: Request<v1::SetCounterpartRequest>,
    ) -> Result<Response<v1::FieldMapping>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(set_counterpart(self, &caller, request.into_inner()).await?))
    }

    async fn remove_counterpart(
        &self,
        request: Request<v1::RemoveCounterpartRequest>,
    ) -> Result<Response<v1::FieldMapping>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(remove_counterpart(self, &caller, request.into_inner()).await?))
    }
}

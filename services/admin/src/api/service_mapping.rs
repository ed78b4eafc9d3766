//! Service mappings: a part of an integration's configuration, one for each external service.

use tandem_domain::integration::ServiceMapping;
use tandem_proto::v1::{self, service_mapping_service_server::ServiceMappingService};
use tonic::{Request, Response, Status};

use super::{
    change::{Asked, edit},
    find,
};
use crate::{
    Admin,
    caller::Caller,
    check, page,
    refusal::{Checks, Refusal},
    wire,
};

/// Maps a service, or maps it anew.
pub(crate) async fn add(
    admin: &Admin,
    caller: &Caller,
    request: v1::AddServiceMappingRequest,
) -> Result<v1::ServiceMapping, Refusal> {
    let asked = request.mapping.unwrap_or_default();
    let mut checks = Checks::default();
    let service = checks.take("mapping.service", check::service(&asked.service));
    let incident_type =
        checks.take("mapping.incident_type", check::incident_type(&asked.incident_type));
    checks.finish()?;
    let mapping = ServiceMapping {
        service: service.unwrap_or_default(),
        incident_type: incident_type.unwrap_or_default(),
        default: asked.is_default,
    };
    let added = mapping.clone();
    let asked = Asked {
        caller,
        action: "service_mapping.add",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    let changed = edit(admin, asked, |stored| {
        put(&mut stored.integration.services, added);
        Ok(())
    })
    .await?;
    Ok(wire::service_mapping(changed.integration.id.to_string(), &mapping))
}

/// Puts a mapping among others: one for each service, one default for each incident type.
fn put(mappings: &mut Vec<ServiceMapping>, new: ServiceMapping) {
    if new.default {
        let rivals = mappings.iter_mut().filter(|held| held.incident_type == new.incident_type);
        rivals.for_each(|held| held.default = false);
    }
    match mappings.iter_mut().find(|held| held.service == new.service) {
        Some(held) => *held = new,
        None => mappings.push(new),
    }
}

pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListServiceMappingsRequest,
) -> Result<v1::ListServiceMappingsResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let after = page::after::<String>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let found =
        find(&mut transaction, caller, &request.org, &request.integration).await?.integration;
    let etag = found.version.to_string();
    let mut mappings = found.services;
    mappings.sort_by(|one, other| one.service.cmp(&other.service));
    let mut page: Vec<ServiceMapping> = mappings
        .into_iter()
        .filter(|mapping| after.as_ref().is_none_or(|after| mapping.service > *after))
        .take(size.saturating_add(1))
        .collect();
    let next_page_token = page::next(&mut page, size, |mapping| mapping.service.clone());
    let shown = |mapping| wire::service_mapping(found.id.to_string(), mapping);
    let mappings = page.iter().map(shown).collect();
    Ok(v1::ListServiceMappingsResponse { mappings, next_page_token, etag })
}

pub(crate) async fn remove(
    admin: &Admin,
    caller: &Caller,
    request: v1::RemoveServiceMappingRequest,
) -> Result<(), Refusal> {
    let v1::RemoveServiceMappingRequest { org, integration, service, incident_type, etag } =
        request;
    if service.is_empty() {
        return Err(Refusal::invalid("service", "must be the service's id, such as P123ABC"));
    }
    let asked = Asked {
        caller,
        action: "service_mapping.remove",
        org: &org,
        integration: &integration,
        etag: &etag,
    };
    edit(admin, asked, |stored| {
        let mappings = &mut stored.integration.services;
        let before = mappings.len();
        mappings.retain(|held| {
            held.service != service
                || !(incident_type.is_empty() || held.incident_type == incident_type)
        });
        if mappings.len() == before {
            return Err(Refusal::unknown("service mapping", service));
        }
        Ok(())
    })
    .await?;
    Ok(())
}

#[tonic::async_trait]
impl ServiceMappingService for Admin {
    async fn add_service_mapping(
        &self,
        request: Request<v1::AddServiceMappingRequest>,
    ) -> Result<Response<v1::ServiceMapping>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(add(self, &caller, request.into_inner()).await?))
    }

    async fn list_service_mappings(
        &self,
        request: Request<v1::ListServiceMappingsRequest>,
    ) -> Result<Response<v1::ListServiceMappingsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn remove_service_mapping(
        &self,
        request: Request<v1::RemoveServiceMappingRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(remove(self, &caller, request.into_inner()).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(service: &str, incident_type: &str, default: bool) -> ServiceMapping {
        ServiceMapping {
            service: service.to_owned(),
            incident_type: incident_type.to_owned(),
            default,
        }
    }

    #[test]
    fn an_incident_type_has_one_default_service() {
        let mut all = vec![mapping("A", "web", true), mapping("B", "db", true)];
        put(&mut all, mapping("C", "web", true));
        let expected =
            [mapping("A", "web", false), mapping("B", "db", true), mapping("C", "web", true)];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_service_has_one_mapping() {
        let mut all = vec![mapping("A", "web", true)];
        put(&mut all, mapping("A", "db", false));
        assert_eq!(all, [mapping("A", "db", false)]);
    }
}

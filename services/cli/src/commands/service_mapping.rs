//! `im integration service-mapping …`.

use tandem_proto::{json, v1};

use super::{Context, PAGE};
use crate::{
    args::integration::{Named, ServiceMappingCommand},
    failure::Failure,
};

pub(super) async fn run(context: &Context, command: ServiceMappingCommand) -> Result<(), Failure> {
    let org = context.org.clone();
    match command {
        ServiceMappingCommand::Add { named, service, incident_type, default, etag } => {
            let mapping = v1::ServiceMapping {
                service,
                incident_type,
                is_default: default,
                ..Default::default()
            };
            let request = v1::AddServiceMappingRequest {
                org,
                integration: named.integration,
                mapping: Some(mapping),
                etag: etag.unwrap_or_default(),
            };
            let added = context.client.service_mappings().add_service_mapping(request).await?;
            context.show.one(&json::ServiceMapping::from(added.into_inner()))
        }
        ServiceMappingCommand::List(named) => list(context, named).await,
        ServiceMappingCommand::Remove { named, service, incident_type, etag } => {
            let done = format!("removed the mapping of {service}");
            let request = v1::RemoveServiceMappingRequest {
                org,
                integration: named.integration,
                service,
                incident_type: incident_type.unwrap_or_default(),
                etag: etag.unwrap_or_default(),
            };
            context.client.service_mappings().remove_service_mapping(request).await?;
            context.show.done(&done)
        }
    }
}

async fn list(context: &Context, named: Named) -> Result<(), Failure> {
    let mut client = context.client.service_mappings();
    let mut found: Vec<json::ServiceMapping> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListServiceMappingsRequest {
            org: context.org.clone(),
            integration: named.integration.clone(),
            page_size: PAGE,
            page_token,
        };
        let page = client.list_service_mappings(request).await?.into_inner();
        found.extend(page.mappings.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return context.show.list(&found);
        }
    }
}

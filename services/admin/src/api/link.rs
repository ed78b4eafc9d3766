//! Links: read here, made by reconciling.

use jiff::Timestamp;
use tandem_domain::id::{LinkId, RecordId};
use tandem_proto::v1::{self, link_service_server::LinkService};
use tandem_store::{
    PgConnection, integrations,
    links::{self, Stored},
};
use tonic::{Request, Response, Status};

use super::{find, incident_id};
use crate::{Admin, page, refusal::Refusal, wire};

async fn get(admin: &Admin, request: v1::GetLinkRequest) -> Result<v1::Link, Refusal> {
    let id = request.link.parse::<LinkId>();
    let id = id.map_err(|_| Refusal::unknown("link", &*request.link))?;
    let mut transaction = admin.store.begin().await?;
    let found = links::get(&mut transaction, id).await?;
    let found = found.ok_or_else(|| Refusal::unknown("link", request.link))?;
    shown(&mut transaction, &found).await
}

async fn list(
    admin: &Admin,
    request: v1::ListLinksRequest,
) -> Result<v1::ListLinksResponse, Refusal> {
    if request.integration.is_empty() && request.incident.is_empty() {
        return Err(Refusal::invalid("integration", "must be given, or an incident"));
    }
    if !request.incident.is_empty() {
        return of_incident(admin, &request).await;
    }
    let size = page::size(request.page_size)?;
    let after = page::after::<(Timestamp, LinkId)>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, &request.org, &request.integration).await?.integration;
    let limit = page::with_one_more(size);
    let mut page = links::list(&mut transaction, found.id, after, limit).await?;
    let next_page_token = page::next(&mut page, size, |stored| (stored.created_at, stored.link.id));
    let links = page.iter().map(|stored| link(stored, found.handle.as_str())).collect();
    Ok(v1::ListLinksResponse { links, next_page_token })
}

/// An incident has one link per integration at most: too few for pages.
async fn of_incident(
    admin: &Admin,
    request: &v1::ListLinksRequest,
) -> Result<v1::ListLinksResponse, Refusal> {
    let incident = incident_id(&request.incident)?;
    let mut transaction = admin.store.begin().await?;
    let mut found = links::of_incidents(&mut transaction, &[incident]).await?;
    if !request.integration.is_empty() {
        let wanted = find(&mut transaction, &request.org, &request.integration).await?;
        found.retain(|stored| stored.link.integration == wanted.integration.id);
    }
    found.sort_by_key(|stored| std::cmp::Reverse((stored.created_at, stored.link.id)));
    let mut links = Vec::with_capacity(found.len());
    for stored in &found {
        links.push(shown(&mut transaction, stored).await?);
    }
    Ok(v1::ListLinksResponse { links, next_page_token: String::new() })
}

async fn shown(conn: &mut PgConnection, stored: &Stored) -> Result<v1::Link, Refusal> {
    let integration = integrations::get(conn, stored.link.integration, false).await?;
    let handle = integration.map(|found| found.integration.handle.to_string());
    Ok(link(stored, &handle.unwrap_or_default()))
}

fn link(stored: &Stored, handle: &str) -> v1::Link {
    let link = &stored.link;
    v1::Link {
        id: link.id.to_string(),
        integration: link.integration.to_string(),
        integration_handle: handle.to_owned(),
        incident: link.incident.to_string(),
        record: link.record.as_ref().map(RecordId::to_string).unwrap_or_default(),
        number: link.number.map(wire::number).unwrap_or_default(),
        url: link.url.clone().unwrap_or_default(),
        desired_version: wire::number(link.version),
        applied_version: wire::number(link.confirmed),
        problem: link.problem.clone().unwrap_or_default(),
        create_time: Some(wire::instant(stored.created_at)),
        update_time: Some(wire::instant(stored.updated_at)),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl LinkService for Admin {
    async fn get_link(
        &self,
        request: Request<v1::GetLinkRequest>,
    ) -> Result<Response<v1::Link>, Status> {
        Ok(Response::new(get(self, request.into_inner()).await?))
    }

    async fn list_links(
        &self,
        request: Request<v1::ListLinksRequest>,
    ) -> Result<Response<v1::ListLinksResponse>, Status> {
        Ok(Response::new(list(self, request.into_inner()).await?))
    }

    async fn create_link(
        &self,
        _: Request<v1::CreateLinkRequest>,
    ) -> Result<Response<v1::ChangeLinkResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn delete_link(
        &self,
        _: Request<v1::DeleteLinkRequest>,
    ) -> Result<Response<v1::ChangeLinkResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn resync_link(
        &self,
        _: Request<v1::ResyncLinkRequest>,
    ) -> Result<Response<v1::ChangeLinkResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

//! Incidents: read from Postgres, edited through the reconciler, watched on the public feed.

use std::{collections::HashMap, pin::Pin};

use futures_util::Stream;
use jiff::Timestamp;
use tandem_domain::{
    id::{IncidentId, IntegrationId, Org, RecordId},
    incident::Incident,
};
use tandem_proto::{
    v1::{self, incident_service_server::IncidentService},
    words::Word as _,
};
use tandem_store::{
    PgConnection,
    incidents::{self, Filter},
    integrations, links, timeline,
};
use tonic::{Request, Response, Status};

use super::{edit, incident_id, watch};
use crate::{Admin, caller::Caller, page, refusal::Refusal, wire};

/// Answers one incident with its counterparts.
pub(super) async fn read(
    admin: &Admin,
    org: &Org,
    id: IncidentId,
) -> Result<v1::Incident, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found = incidents::get(&mut transaction, org, id).await?;
    let found = found.ok_or_else(|| Refusal::unknown("incident", id.to_string()))?;
    let mut shown = with_links(&mut transaction, org, &[found]).await?;
    shown.pop().ok_or_else(|| Refusal::unknown("incident", id.to_string()))
}

pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetIncidentRequest,
) -> Result<v1::Incident, Refusal> {
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    read(admin, &org, id).await
}

pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListIncidentsRequest,
) -> Result<v1::ListIncidentsResponse, Refusal> {
    let org = caller.org(&request.org)?;
    let size = page::size(request.page_size)?;
    let filter = Filter {
        status: request.status().word().map(str::to_owned),
        severity: request.severity().word().map(str::to_owned),
        after: page::after::<(Timestamp, IncidentId)>(&request.page_token)?,
        limit: page::with_one_more(size),
    };
    let mut transaction = admin.store.begin().await?;
    let mut page = incidents::list(&mut transaction, &org, &filter).await?;
    let next_page_token =
        page::next(&mut page, size, |incident| (incident.created_at, incident.id));
    let incidents = with_links(&mut transaction, &org, &page).await?;
    Ok(v1::ListIncidentsResponse { incidents, next_page_token })
}

/// Incidents of one organisation with their counterparts, in the order given.
async fn with_links(
    conn: &mut PgConnection,
    org: &Org,
    incidents: &[Incident],
) -> Result<Vec<v1::Incident>, Refusal> {
    let ids: Vec<IncidentId> = incidents.iter().map(|incident| incident.id).collect();
    let links = links::of_incidents(conn, &ids).await?;
    let handles: HashMap<IntegrationId, String> = integrations::list(conn, Some(org))
        .await?
        .into_iter()
        .map(|stored| (stored.integration.id, stored.integration.handle.to_string()))
        .collect();
    let mut records: HashMap<IncidentId, Vec<v1::RecordRef>> = HashMap::new();
    for links::Stored { link, .. } in links {
        records.entry(link.incident).or_default().push(v1::RecordRef {
            integration: handles.get(&link.integration).cloned().unwrap_or_default(),
            record: link.record.as_ref().map(RecordId::to_string).unwrap_or_default(),
            number: link.number.map(wire::number).unwrap_or_default(),
            url: link.url.unwrap_or_default(),
        });
    }
    let shown = |incident: &Incident| {
        wire::incident(incident, records.remove(&incident.id).unwrap_or_default())
    };
    Ok(incidents.iter().map(shown).collect())
}

pub(crate) async fn list_timeline(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListTimelineRequest,
) -> Result<v1::ListTimelineResponse, Refusal> {
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    let size = page::size(request.page_size)?;
    let after = page::after::<u64>(&request.page_token)?.unwrap_or_default();
    let mut transaction = admin.store.begin().await?;
    let found = incidents::get(&mut transaction, &org, id).await?;
    found.ok_or_else(|| Refusal::unknown("incident", id.to_string()))?;
    let limit = page::with_one_more(size);
    let mut page = timeline::list(&mut transaction, id, after, limit).await?;
    let next_page_token = page::next(&mut page, size, |line| line.position);
    let entries = page.into_iter().map(|line| wire::timeline_entry(id, line)).collect();
    Ok(v1::ListTimelineResponse { entries, next_page_token })
}

#[tonic::async_trait]
impl IncidentService for Admin {
    type WatchIncidentsStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchIncidentsResponse, Status>> + Send>>;

    async fn create_incident(
        &self,
        request: Request<v1::CreateIncidentRequest>,
    ) -> Result<Response<v1::CreateIncidentResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(edit::create(self, &caller, request.into_inner()).await?))
    }

    async fn get_incident(
        &self,
        request: Request<v1::GetIncidentRequest>,
    ) -> Result<Response<v1::Incident>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn update_incident(
        &self,
        request: Request<v1::UpdateIncidentRequest>,
    ) -> Result<Response<v1::UpdateIncidentResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(edit::update(self, &caller, request.into_inner()).await?))
    }

    async fn watch_incidents(
        &self,
        request: Request<v1::WatchIncidentsRequest>,
    ) -> Result<Response<Self::WatchIncidentsStream>, Status> {
        let caller = Caller::of(&request)?;
        let org = caller.org(&request.into_inner().org)?;
        Ok(Response::new(Box::pin(watch::stream(self, caller, org).await?)))
    }

    async fn add_note(
        &self,
        request: Request<v1::AddNoteRequest>,
    ) -> Result<Response<v1::AddNoteResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(edit::note(self, &caller, request.into_inner()).await?))
    }

    async fn escalate_incident(
        &self,
        request: Request<v1::EscalateIncidentRequest>,
    ) -> Result<Response<v1::EscalateIncidentResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(edit::escalate(self, &caller, request.into_inner()).await?))
    }

    async fn page_responders(
        &self,
        request: Request<v1::PageRespondersRequest>,
    ) -> Result<Response<v1::PageRespondersResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(edit::page(self, &caller, request.into_inner()).await?))
    }

    async fn list_timeline(
        &self,
        request: Request<v1::ListTimelineRequest>,
    ) -> Result<Response<v1::ListTimelineResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list_timeline(self, &caller, request.into_inner()).await?))
    }
}

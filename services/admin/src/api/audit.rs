//! The audit: decisions listed, told as stories, and proven unchanged; and what was done through
//! admin.

use std::collections::HashMap;

use jiff::Timestamp;
use tandem_domain::{
    decision::{Decision, Rule},
    field::{Field, NotAField},
    id::{DecisionId, LinkId, Org},
};
use tandem_proto::v1::{self, audit_service_server::AuditService};
use tandem_store::{
    PgConnection, audit as done,
    decisions::{self, Filter},
    incidents, integrations, links, verify,
};
use tonic::{Request, Response, Status};

use super::{explain, find, incident_id, token::time};
use crate::{Admin, caller::Caller, page, refusal::Refusal, wire::audit as wire};

/// The most steps of a field that are told.
const STEPS_MAX: usize = 1000;

/// Lists decisions, newest first.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListDecisionsRequest,
) -> Result<v1::ListDecisionsResponse, Refusal> {
    let org = caller.org(&request.org)?;
    let size = page::size(request.page_size)?;
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let filter = Filter {
        incident: said(&request.incident).map(|id| incident_id(&id)).transpose()?,
        link: said(&request.link).map(|id| link_id(&id)).transpose()?,
        field: said(&request.field).map(|name| field(&name)).transpose()?,
        rule: said(&request.rule).map(|name| rule(&name)).transpose()?,
        after: page::after::<(Timestamp, DecisionId)>(&request.page_token)?,
        limit: page::with_one_more(size),
        ..Filter::default()
    };
    let mut transaction = admin.store.begin().await?;
    if let Some(id) = filter.incident {
        let found = incidents::get(&mut transaction, &org, id).await?;
        found.ok_or_else(|| Refusal::unknown("incident", id.to_string()))?;
    }
    let mut page = decisions::list(&mut transaction, &org, &filter).await?;
    let next_page_token = page::next(&mut page, size, |one| (one.at, one.id));
    let handles = handles(&mut transaction, &org, &page).await?;
    let handle = |one: &Decision| one.link.and_then(|link| handles.get(&link));
    let decisions =
        page.iter().map(|one| wire::decision(one, handle(one).map_or("", String::as_str)));
    Ok(v1::ListDecisionsResponse { decisions: decisions.collect(), next_page_token })
}

/// The handles of the integrations of the decisions' links.
async fn handles(
    conn: &mut PgConnection,
    org: &Org,
    page: &[Decision],
) -> Result<HashMap<LinkId, String>, Refusal> {
    let all: HashMap<_, _> = integrations::list(conn, Some(org))
        .await?
        .into_iter()
        .map(|stored| (stored.integration.id, stored.integration.handle.to_string()))
        .collect();
    let mut incidents: Vec<_> = page.iter().map(|decision| decision.incident).collect();
    incidents.sort_unstable();
    incidents.dedup();
    let links = links::of_incidents(conn, &incidents).await?.into_iter();
    let handle = |stored: links::Stored| {
        let handle = all.get(&stored.link.integration)?;
        Some((stored.link.id, handle.clone()))
    };
    Ok(links.filter_map(handle).collect())
}

/// Tells the story of a field, or shortly that of each.
pub(crate) async fn explain(
    admin: &Admin,
    caller: &Caller,
    request: v1::ExplainIncidentRequest,
) -> Result<v1::ExplainIncidentResponse, Refusal> {
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    let field = (!request.field.is_empty()).then(|| field(&request.field)).transpose()?;
    let steps = match usize::try_from(request.steps) {
        Err(_) => return Err(Refusal::invalid("steps", "must not be negative")),
        Ok(0) => explain::STEPS,
        Ok(asked) => asked.min(STEPS_MAX),
    };
    let mut transaction = admin.store.begin().await?;
    let found = incidents::get(&mut transaction, &org, id).await?;
    let found = found.ok_or_else(|| Refusal::unknown("incident", id.to_string()))?;
    explain::tell(&mut transaction, &found, field, steps).await
}

/// Checks the chains of decisions and the seals over them.
pub(crate) async fn verify(
    admin: &Admin,
    caller: &Caller,
    request: v1::VerifyAuditRequest,
) -> Result<v1::VerifyAuditResponse, Refusal> {
    let mut only = None;
    if !request.incident.is_empty() {
        let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
        let mut transaction = admin.store.begin().await?;
        let found = incidents::get(&mut transaction, &org, id).await?;
        found.ok_or_else(|| Refusal::unknown("incident", id.to_string()))?;
        only = Some(id);
    } else if !caller.is_everywhere() {
        let message = "the seals cover every organisation, and the token opens one: name an \
                       incident, or use a token that opens all";
        return Err(Refusal::Forbidden { kind: "ORGANISATION", message: message.to_owned() });
    }
    Ok(wire::verification(verify::verify(&admin.store, only).await?))
}

/// Lists what was done through admin, newest first.
pub(crate) async fn done(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListAdminAuditRequest,
) -> Result<v1::ListAdminAuditResponse, Refusal> {
    let org = caller.org_or_all(&request.org)?;
    let size = page::size(request.page_size)?;
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let since = request.since.map(time).transpose();
    let since = since.map_err(|problem| Refusal::invalid("since", problem))?;
    let before = page::after::<i64>(&request.page_token)?;
    let mut transaction = admin.store.begin().await?;
    let target = match said(&request.target) {
        // Whoever types it knows the handle.
        Some(target) => match find(&mut transaction, caller, &request.org, &target).await {
            Ok(found) => Some(found.integration.id.to_string()),
            Err(Refusal::Unknown { .. } | Refusal::NotAmong { .. }) => Some(target),
            Err(refusal) => return Err(refusal),
        },
        None => None,
    };
    let filter = done::Filter {
        org,
        actor: said(&request.actor),
        action: said(&request.action),
        target,
        since,
        before,
        limit: page::with_one_more(size),
    };
    let mut page = done::list(&mut transaction, &filter).await?;
    let next_page_token = page::next(&mut page, size, |one| one.position);
    let entries = page.into_iter().map(wire::done).collect();
    Ok(v1::ListAdminAuditResponse { entries, next_page_token })
}

fn field(text: &str) -> Result<Field, Refusal> {
    text.parse().map_err(|error: NotAField| Refusal::invalid("field", error.to_string()))
}

fn rule(text: &str) -> Result<Rule, Refusal> {
    let found = Rule::ALL.iter().copied().find(|rule| rule.name() == text);
    found.ok_or_else(|| {
        let names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        Refusal::invalid("rule", format!("must be one of {}", names.join(", ")))
    })
}

fn link_id(text: &str) -> Result<LinkId, Refusal> {
    text.parse().map_err(|_| Refusal::unknown("link", text))
}

#[tonic::async_trait]
impl AuditService for Admin {
    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn explain_incident(
        &self,
        request: Request<v1::ExplainIncidentRequest>,
    ) -> Result<Response<v1::ExplainIncidentResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(explain(self, &caller, request.into_inner()).await?))
    }

    async fn list_admin_audit(
        &self,
        request: Request<v1::ListAdminAuditRequest>,
    ) -> Result<Response<v1::ListAdminAuditResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(done(self, &caller, request.into_inner()).await?))
    }

    async fn verify_audit(
        &self,
        request: Request<v1::VerifyAuditRequest>,
    ) -> Result<Response<v1::VerifyAuditResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(verify(self, &caller, request.into_inner()).await?))
    }
}

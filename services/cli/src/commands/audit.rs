//! `im audit …` and `im explain`.

use std::time::{Duration, SystemTime};

use tandem_proto::{json, v1};

use super::{Context, PAGE};
use crate::{
    args::audit::{AuditCommand, Explain},
    failure::Failure,
};

const DAY: Duration = Duration::from_hours(24);

pub(super) async fn run(context: &Context, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::List { incident, field, rule, link, limit } => {
            let request = v1::ListDecisionsRequest {
                org: context.org()?,
                incident: incident.unwrap_or_default(),
                field: field.unwrap_or_default(),
                rule: rule.unwrap_or_default(),
                link: link.unwrap_or_default(),
                ..Default::default()
            };
            list(context, request, limit).await
        }
        AuditCommand::Admin { actor, action, target, days, limit } => {
            let since = days.and_then(|days| {
                SystemTime::now().checked_sub(DAY.saturating_mul(days)).map(Into::into)
            });
            let request = v1::ListAdminAuditRequest {
                org: context.org.clone(),
                actor: actor.unwrap_or_default(),
                action: action.unwrap_or_default(),
                target: target.unwrap_or_default(),
                since,
                ..Default::default()
            };
            done(context, request, limit).await
        }
        AuditCommand::Verify { incident } => verify(context, incident.unwrap_or_default()).await,
    }
}

async fn list(
    context: &Context,
    mut request: v1::ListDecisionsRequest,
    limit: usize,
) -> Result<(), Failure> {
    let mut client = context.client.audit();
    let mut found: Vec<json::Decision> = Vec::new();
    loop {
        let missing = limit.saturating_sub(found.len());
        request.page_size = i32::try_from(missing).unwrap_or(PAGE).clamp(1, PAGE);
        let page = client.list_decisions(request.clone()).await?.into_inner();
        found.extend(page.decisions.into_iter().map(Into::into));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= limit {
            found.truncate(limit);
            return context.show.list(&found);
        }
    }
}

/// Lists what was done through admin.
async fn done(
    context: &Context,
    mut request: v1::ListAdminAuditRequest,
    limit: usize,
) -> Result<(), Failure> {
    let mut client = context.client.audit();
    let mut found: Vec<json::AdminAuditEntry> = Vec::new();
    loop {
        let missing = limit.saturating_sub(found.len());
        request.page_size = i32::try_from(missing).unwrap_or(PAGE).clamp(1, PAGE);
        let page = client.list_admin_audit(request.clone()).await?.into_inner();
        found.extend(page.entries.into_iter().map(Into::into));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= limit {
            found.truncate(limit);
            return context.show.list(&found);
        }
    }
}

/// Shows what checking came to; a fault is a failure.
async fn verify(context: &Context, incident: String) -> Result<(), Failure> {
    let org = if incident.is_empty() { context.org.clone() } else { context.org()? };
    let request = v1::VerifyAuditRequest { org, incident };
    let checked = context.client.audit().verify_audit(request).await?.into_inner();
    let checked = json::Verification::from(checked);
    context.show.one(&checked)?;
    match checked.faults.len() {
        0 => Ok(()),
        faults => {
            Err(anyhow::anyhow!("the audit is not as it was written: {faults} faults").into())
        }
    }
}

/// Tells the story of a field, or shortly that of each.
pub(super) async fn explain(context: &Context, explain: Explain) -> Result<(), Failure> {
    let request = v1::ExplainIncidentRequest {
        org: context.org()?,
        incident: explain.incident,
        field: explain.field.unwrap_or_default(),
        steps: explain.steps,
    };
    let told = context.client.audit().explain_incident(request).await?.into_inner();
    context.show.told(&json::Explanation::from(told))
}

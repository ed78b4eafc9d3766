//! `im incident …` and `im note …`.

use prost_types::FieldMask;
use tandem_proto::{json, v1};

use super::{Context, PAGE, audit, ended};
use crate::{
    args::incident::{Fields, IncidentCommand, Labels, NewNote, Page, Which},
    failure::Failure,
    show::{Answered, Watched},
};

pub(super) async fn run(context: &Context, command: IncidentCommand) -> Result<(), Failure> {
    match command {
        IncidentCommand::List { status, severity, limit } => {
            let request = v1::ListIncidentsRequest {
                org: context.org()?,
                status: status.unwrap_or_default().into(),
                severity: severity.unwrap_or_default().into(),
                ..Default::default()
            };
            list(context, request, limit).await
        }
        IncidentCommand::Get(which) => get(context, which).await,
        IncidentCommand::Create { title, fields, r#type, labels } => {
            let incident = creation(context.org()?, title, fields, r#type, labels);
            create(context, incident).await
        }
        IncidentCommand::Update { which, title, fields, status, labels, etag } => {
            let (changes, update_mask) = changes(title, fields, status, labels)?;
            let request = v1::UpdateIncidentRequest {
                org: context.org()?,
                incident: which.incident,
                changes: Some(changes),
                update_mask: Some(update_mask),
                etag: etag.unwrap_or_default(),
                request_id: String::new(),
            };
            let answer = context.client.incidents().update_incident(request).await?.into_inner();
            answered(context, answer.incident, answer.pending)
        }
        IncidentCommand::Watch => watch(context).await,
        IncidentCommand::Timeline { which, limit } => timeline(context, which, limit).await,
        IncidentCommand::Note(new) => note(context, new).await,
        IncidentCommand::Escalate { which, level, integration } => {
            let request = v1::EscalateIncidentRequest {
                org: context.org()?,
                incident: which.incident,
                level,
                integration: integration.unwrap_or_default(),
                request_id: String::new(),
            };
            let answer = context.client.incidents().escalate_incident(request).await?.into_inner();
            answered(context, answer.incident, answer.pending)
        }
        IncidentCommand::Page(page) => ask_for_help(context, page).await,
        IncidentCommand::Explain(explain) => audit::explain(context, explain).await,
    }
}

/// Has people asked for help.
async fn ask_for_help(context: &Context, page: Page) -> Result<(), Failure> {
    let request = v1::PageRespondersRequest {
        org: context.org()?,
        incident: page.which.incident,
        message: page.message,
        users: page.users,
        policies: page.policies,
        integration: page.integration.unwrap_or_default(),
        request_id: String::new(),
    };
    let answer = context.client.incidents().page_responders(request).await?.into_inner();
    answered(context, answer.incident, answer.pending)
}

/// Writes a note.
pub(super) async fn note(context: &Context, note: NewNote) -> Result<(), Failure> {
    let request = v1::AddNoteRequest {
        org: context.org()?,
        incident: note.which.incident,
        text: note.text,
        request_id: String::new(),
    };
    let answer = context.client.incidents().add_note(request).await?.into_inner();
    answered(context, answer.incident, answer.pending)
}

fn answered(
    context: &Context,
    incident: Option<v1::Incident>,
    pending: bool,
) -> Result<(), Failure> {
    if pending {
        eprintln!("note: accepted, but not yet judged; see im incident get");
    }
    let incident = json::Incident::from(incident.unwrap_or_default());
    context.show.one(&Answered { incident, pending })
}

async fn list(
    context: &Context,
    mut request: v1::ListIncidentsRequest,
    limit: usize,
) -> Result<(), Failure> {
    let mut client = context.client.incidents();
    let mut found: Vec<json::Incident> = Vec::new();
    loop {
        request.page_size = page_size(limit, found.len());
        let page = client.list_incidents(request.clone()).await?.into_inner();
        found.extend(page.incidents.into_iter().map(Into::into));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= limit {
            found.truncate(limit);
            return context.show.list(&found);
        }
    }
}

/// As many as are still wanted, but never more than a page.
fn page_size(limit: usize, have: usize) -> i32 {
    i32::try_from(limit.saturating_sub(have)).unwrap_or(PAGE).clamp(1, PAGE)
}

async fn get(context: &Context, which: Which) -> Result<(), Failure> {
    let request = v1::GetIncidentRequest { org: context.org()?, incident: which.incident };
    let incident = context.client.incidents().get_incident(request).await?.into_inner();
    context.show.one(&json::Incident::from(incident))
}

/// What a new incident shall be.
fn creation(
    org: String,
    title: String,
    fields: Fields,
    incident_type: Option<String>,
    labels: Vec<(String, String)>,
) -> v1::Incident {
    v1::Incident {
        org,
        title,
        severity: fields.severity.unwrap_or_default().into(),
        description: fields.description.unwrap_or_default(),
        assigned_to: fields.assigned_to.unwrap_or_default(),
        escalation_policy: fields.escalation_policy.unwrap_or_default(),
        incident_type: incident_type.unwrap_or_default(),
        labels: labels.into_iter().collect(),
        ..Default::default()
    }
}

async fn create(context: &Context, incident: v1::Incident) -> Result<(), Failure> {
    let request = v1::CreateIncidentRequest { incident: Some(incident), request_id: String::new() };
    let answer = context.client.incidents().create_incident(request).await?.into_inner();
    answered(context, answer.incident, answer.pending)
}

/// What was said about an existing incident, and which fields that is.
fn changes(
    title: Option<String>,
    fields: Fields,
    status: Option<v1::Status>,
    labels: Labels,
) -> Result<(v1::Incident, FieldMask), Failure> {
    let said = [
        ("title", title.is_some()),
        ("description", fields.description.is_some()),
        ("severity", fields.severity.is_some()),
        ("status", status.is_some()),
        ("assigned_to", fields.assigned_to.is_some()),
        ("escalation_policy", fields.escalation_policy.is_some()),
    ];
    let named = labels.set.iter().map(|(name, _)| name).chain(&labels.remove);
    let named: Vec<String> = named.map(|name| format!("label.{name}")).collect();
    let said = said.into_iter().filter(|(_, is_said)| *is_said).map(|(path, _)| path.to_owned());
    let paths: Vec<String> = said.chain(named).collect();
    if paths.is_empty() {
        return Err(Failure::Usage(
            "nothing to change: say what, see im incident update --help".to_owned(),
        ));
    }
    let changes = v1::Incident {
        title: title.unwrap_or_default(),
        description: fields.description.unwrap_or_default(),
        severity: fields.severity.unwrap_or_default().into(),
        status: status.unwrap_or_default().into(),
        assigned_to: fields.assigned_to.unwrap_or_default(),
        escalation_policy: fields.escalation_policy.unwrap_or_default(),
        labels: labels.set.into_iter().collect(),
        ..Default::default()
    };
    Ok((changes, FieldMask { paths }))
}

async fn watch(context: &Context) -> Result<(), Failure> {
    let request = v1::WatchIncidentsRequest { org: context.org()? };
    let mut stream = context.client.incidents().watch_incidents(request).await?.into_inner();
    while let Some(change) = stream.message().await? {
        context.show.next(&Watched {
            event: change.event,
            sequence: change.sequence,
            incident: json::Incident::from(change.incident.unwrap_or_default()),
        })?;
    }
    Err(ended())
}

async fn timeline(context: &Context, which: Which, limit: usize) -> Result<(), Failure> {
    let mut client = context.client.incidents();
    let mut found: Vec<json::TimelineEntry> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListTimelineRequest {
            org: context.org()?,
            incident: which.incident.clone(),
            page_size: page_size(limit, found.len()),
            page_token,
        };
        let page = client.list_timeline(request).await?.into_inner();
        found.extend(page.entries.into_iter().map(Into::into));
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() >= limit {
            found.truncate(limit);
            return context.show.list(&found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        Fields { severity: None, description: None, assigned_to: None, escalation_policy: None }
    }

    #[test]
    fn an_empty_text_is_a_change_and_an_absent_one_is_none() {
        let cleared = Fields { description: Some(String::new()), ..fields() };
        let none = Labels::default;
        let (changes, mask) = changes(None, cleared, Some(v1::Status::Resolved), none()).unwrap();
        assert_eq!(mask.paths, ["description", "status"]);
        assert_eq!(changes.status(), v1::Status::Resolved);
        assert!(matches!(super::changes(None, fields(), None, none()), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_label_to_remove_is_in_the_mask_and_not_among_the_values() {
        let labels = Labels {
            set: vec![("team".to_owned(), "pay".to_owned())],
            remove: vec!["region".to_owned()],
        };
        let (changes, mask) = changes(None, fields(), None, labels).unwrap();
        assert_eq!(mask.paths, ["label.team", "label.region"]);
        assert_eq!(changes.labels.len(), 1);
    }

    #[test]
    fn a_page_never_asks_for_more_than_is_wanted() {
        assert_eq!(page_size(50, 0), 50);
        assert_eq!(page_size(5000, 4999), 1);
        assert_eq!(page_size(usize::MAX, 0), PAGE);
    }
}

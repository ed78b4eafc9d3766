//! What people change about incidents: from a request to an edit, and back to the incident as it
//! is once the edit was judged.

use std::collections::BTreeMap;

use prost_types::FieldMask;
use tandem_domain::{
    event::{Change, Edit},
    field::{Field, LabelName, TEXT_MAX, Value},
    id::{IncidentId, IntegrationId, Org},
};
use tandem_proto::{v1, words::Word as _};

use super::{find, incident::read, incident_id};
use crate::{
    Admin,
    caller::Caller,
    check,
    edits::{self, Identity, Verdict},
    refusal::{Checks, Refusal},
};

const LABELS_MAX: usize = 64;

/// Opens an incident.
pub(crate) async fn create(
    admin: &Admin,
    caller: &Caller,
    request: v1::CreateIncidentRequest,
) -> Result<v1::CreateIncidentResponse, Refusal> {
    let mut identity = Identity::of(&request.request_id)?;
    let asked = request.incident.unwrap_or_default();
    let id: IncidentId = identity.mint.id();
    let asked = v1::Incident { org: caller.org_of_new(&asked.org)?, ..asked };
    let (org, change) = creation(&asked)?;
    let verdict = edits::submit(admin, edited(&identity, caller, org.clone(), id, change)).await?;
    // A pending one may have been judged by now, above all when this call repeats another one.
    match (verdict, read(admin, &org, id).await) {
        (_, Ok(incident)) => {
            Ok(v1::CreateIncidentResponse { incident: Some(incident), pending: false })
        }
        (Verdict::Pending, Err(_)) => {
            let incident = v1::Incident { id: id.to_string(), ..asked };
            Ok(v1::CreateIncidentResponse { incident: Some(incident), pending: true })
        }
        (Verdict::Applied, Err(refusal)) => Err(refusal),
    }
}

/// Changes what the mask names.
pub(crate) async fn update(
    admin: &Admin,
    caller: &Caller,
    request: v1::UpdateIncidentRequest,
) -> Result<v1::UpdateIncidentResponse, Refusal> {
    let identity = Identity::of(&request.request_id)?;
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    let fields = changed(&request.changes.unwrap_or_default(), request.update_mask)?;
    let revision = revision(&request.etag)?;
    let change = Change::Update { fields, revision };
    let (incident, pending) = judge(admin, edited(&identity, caller, org, id, change)).await?;
    Ok(v1::UpdateIncidentResponse { incident: Some(incident), pending })
}

/// Adds a note.
pub(crate) async fn note(
    admin: &Admin,
    caller: &Caller,
    request: v1::AddNoteRequest,
) -> Result<v1::AddNoteResponse, Refusal> {
    let mut identity = Identity::of(&request.request_id)?;
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    let text = request.text;
    if text.trim().is_empty() {
        return Err(Refusal::invalid("text", "must not be empty"));
    }
    if text.len() > TEXT_MAX || text.contains('\0') {
        let problem = format!("must not be longer than {TEXT_MAX} bytes, nor hold a NUL character");
        return Err(Refusal::invalid("text", problem));
    }
    let change = Change::Note { note: identity.mint.id(), text };
    let (incident, pending) = judge(admin, edited(&identity, caller, org, id, change)).await?;
    Ok(v1::AddNoteResponse { incident: Some(incident), pending })
}

/// Hands an incident on.
pub(crate) async fn escalate(
    admin: &Admin,
    caller: &Caller,
    request: v1::EscalateIncidentRequest,
) -> Result<v1::EscalateIncidentResponse, Refusal> {
    let identity = Identity::of(&request.request_id)?;
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    let integration = only_in(admin, caller, &org, &request.integration).await?;
    let change = Change::Escalate { level: request.level, integration };
    let (incident, pending) = judge(admin, edited(&identity, caller, org, id, change)).await?;
    Ok(v1::EscalateIncidentResponse { incident: Some(incident), pending })
}

/// Has more people asked for help.
pub(crate) async fn page(
    admin: &Admin,
    caller: &Caller,
    request: v1::PageRespondersRequest,
) -> Result<v1::PageRespondersResponse, Refusal> {
    let identity = Identity::of(&request.request_id)?;
    let (org, id) = (caller.org(&request.org)?, incident_id(&request.incident)?);
    let integration = only_in(admin, caller, &org, &request.integration).await?;
    let v1::PageRespondersRequest { message, users, policies, .. } = request;
    let change = Change::Page { message, users, policies, integration };
    let (incident, pending) = judge(admin, edited(&identity, caller, org, id, change)).await?;
    Ok(v1::PageRespondersResponse { incident: Some(incident), pending })
}

/// The one integration that was named, if any.
async fn only_in(
    admin: &Admin,
    caller: &Caller,
    org: &Org,
    reference: &str,
) -> Result<Option<IntegrationId>, Refusal> {
    if reference.is_empty() {
        return Ok(None);
    }
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, caller, org.as_str(), reference).await?;
    Ok(Some(found.integration.id))
}

/// Has an edit of an existing incident judged; an incident that is not there is told at once.
async fn judge(admin: &Admin, edit: Edit) -> Result<(v1::Incident, bool), Refusal> {
    let (org, id) = (edit.org.clone(), edit.incident);
    read(admin, &org, id).await?;
    let verdict = edits::submit(admin, edit).await?;
    Ok((read(admin, &org, id).await?, verdict == Verdict::Pending))
}

/// The edit that a call comes to.
pub(super) fn edited(
    identity: &Identity,
    caller: &Caller,
    org: Org,
    incident: IncidentId,
    change: Change,
) -> Edit {
    let author = caller.actor();
    Edit { id: identity.id, org, incident, at: identity.at, author, change }
}

/// What a new incident starts with; everything that is wrong with it is told at once.
fn creation(asked: &v1::Incident) -> Result<(Org, Change), Refusal> {
    let mut checks = Checks::default();
    let org = checks.take("org", check::org(&asked.org));
    let mut fields = BTreeMap::new();
    for field in Field::ALL {
        let value = value(asked, field);
        // What was not said gets its default from the reconciler; a title has none.
        if value.is_some() || field == Field::Title {
            checks.take(field.name(), fit(field, value.as_deref()));
            fields.insert(field, value);
        }
    }
    let incident_type = match asked.incident_type.as_str() {
        "" => None,
        text => checks.take("incident_type", check::incident_type(text)),
    };
    checks.take("labels", labels(asked));
    checks.finish()?;
    let labels = asked.labels.clone().into_iter().collect();
    let org = org.ok_or_else(|| Refusal::Invalid(Vec::new()))?;
    Ok((org, Change::Create { fields, incident_type, labels }))
}

/// The new values of the fields that the mask names.
fn changed(
    changes: &v1::Incident,
    mask: Option<FieldMask>,
) -> Result<BTreeMap<Field, Value>, Refusal> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Err(Refusal::invalid("update_mask", "must name the fields to change"));
    }
    let mut checks = Checks::default();
    let mut fields = BTreeMap::new();
    for path in &paths {
        let Some(field) = checks.take("update_mask", path.parse::<Field>()) else { continue };
        let value = value(changes, field);
        checks.take(path, fit(field, value.as_deref()));
        fields.insert(field, value);
    }
    checks.finish()?;
    Ok(fields)
}

/// A field's value as the domain has it: empty is none.
fn value(from: &v1::Incident, field: Field) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match field {
        Field::Title => text(&from.title),
        Field::Description => text(&from.description),
        Field::Severity => from.severity().word().map(str::to_owned),
        Field::Status => from.status().word().map(str::to_owned),
        Field::AssignedTo => text(&from.assigned_to),
        Field::EscalationPolicy => text(&from.escalation_policy),
        Field::Label(name) => from.labels.get(name.as_str()).and_then(|value| text(value)),
    }
}

fn fit(field: Field, value: Option<&str>) -> Result<(), String> {
    let in_label = |text: &str| matches!(field, Field::Label(_)) && text.contains(char::is_control);
    if value.is_some_and(in_label) {
        return Err("it must not hold control characters".to_owned());
    }
    field.check(value).map_err(|unfit| unfit.problem)
}

fn labels(asked: &v1::Incident) -> Result<(), String> {
    if asked.labels.len() > LABELS_MAX {
        return Err(format!("must not be more than {LABELS_MAX}"));
    }
    for (name, value) in &asked.labels {
        let name: LabelName = name.parse().map_err(|_| {
            let shown: String = name.chars().take(64).collect();
            format!("{shown:?} must be 1 to 63 printable ASCII characters without spaces")
        })?;
        fit(Field::Label(name), Some(value))
            .map_err(|problem| format!("{:?}: {problem}", name.as_str()))?;
    }
    Ok(())
}

/// The revision that an etag stands for; empty is none.
fn revision(etag: &str) -> Result<Option<u64>, Refusal> {
    if etag.is_empty() {
        return Ok(None);
    }
    let refused = |_| Refusal::invalid("etag", "is not an etag of an incident: read it again");
    etag.parse().map(Some).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
    }

    fn violated(refusal: Refusal) -> Vec<String> {
        match refusal {
            Refusal::Invalid(all) => all.into_iter().map(|violation| violation.field).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_incident_needs_an_organisation_and_a_title() {
        let refusal = creation(&v1::Incident::default()).unwrap_err();
        assert_eq!(violated(refusal), ["org", "title"]);
    }

    #[test]
    fn what_was_not_said_is_not_in_the_edit() {
        let asked = v1::Incident {
            org: "acme".to_owned(),
            title: "db down".to_owned(),
            severity: v1::Severity::Sev1.into(),
            ..Default::default()
        };
        let (_, change) = creation(&asked).unwrap();
        let Change::Create { fields, incident_type, .. } = change else { panic!("{change:?}") };
        let expected = BTreeMap::from([
            (Field::Title, Some("db down".to_owned())),
            (Field::Severity, Some("SEV-1".to_owned())),
        ]);
        assert_eq!((fields, incident_type), (expected, None));
    }

    #[test]
    fn an_empty_text_in_the_mask_clears_the_field() {
        let fields = changed(&v1::Incident::default(), Some(mask(&["description"]))).unwrap();
        assert_eq!(fields, BTreeMap::from([(Field::Description, None)]));
    }

    #[test]
    fn a_field_that_cannot_be_empty_or_changed_is_named() {
        let refusal = changed(&v1::Incident::default(), Some(mask(&["title", "status", "labels"])));
        assert_eq!(violated(refusal.unwrap_err()), ["title", "status", "update_mask"]);
        assert!(changed(&v1::Incident::default(), None).is_err());
    }

    #[test]
    fn a_label_in_the_mask_is_set_or_removed() {
        let changes = v1::Incident {
            labels: [("team".to_owned(), "pay".to_owned())].into(),
            ..Default::default()
        };
        let fields = changed(&changes, Some(mask(&["label.team", "label.region"]))).unwrap();
        let named = |name: &str| name.parse::<Field>().unwrap();
        let expected = BTreeMap::from([
            (named("label.team"), Some("pay".to_owned())),
            (named("label.region"), None),
        ]);
        assert_eq!(fields, expected);
    }

    #[test]
    fn labels_have_bounds() {
        let with = |key: &str, value: &str| v1::Incident {
            labels: [(key.to_owned(), value.to_owned())].into(),
            ..Default::default()
        };
        assert!(labels(&with("team", "pay")).is_ok());
        for (key, value) in
            [("", "x"), ("k", "a\nb"), (&*"k".repeat(64), "x"), ("k", &*"v".repeat(257))]
        {
            assert!(labels(&with(key, value)).is_err(), "{key:?}={value:?}");
        }
    }

    #[test]
    fn an_etag_is_a_revision() {
        assert_eq!(revision("").unwrap(), None);
        assert_eq!(revision("7").unwrap(), Some(7));
        assert!(revision("W/x").is_err());
    }
}

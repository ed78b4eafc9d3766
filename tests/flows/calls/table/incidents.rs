//! Incidents, links, conflicts and the audit.

use tandem_proto::v1;
use tonic::Code;

use super::{NO_ORG, READS, mask, none, nothing, org, sim};
use crate::calls::{
    case::{
        Case,
        Leave::{Operator, Viewer},
        case,
    },
    scene::Scene,
};

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let mut all = incidents(scene);
    all.extend(telling(scene));
    all.extend(bringing_in(scene));
    all.extend(audit(scene));
    all.extend(links(scene));
    all.extend(conflicts(scene));
    all
}

fn incidents(scene: &Scene) -> Vec<Case> {
    let [incident, ..] = &scene.linked;
    let creation = |title: &str| v1::CreateIncidentRequest {
        incident: Some(v1::Incident { org: org(), title: title.to_owned(), ..Default::default() }),
        request_id: String::new(),
    };
    let get = |id: &str| v1::GetIncidentRequest { org: org(), incident: id.to_owned() };
    let list = |page_size| v1::ListIncidentsRequest { org: org(), page_size, ..Default::default() };
    let update = |id: &str, severity: v1::Severity, etag: &str| v1::UpdateIncidentRequest {
        org: org(),
        incident: id.to_owned(),
        changes: Some(v1::Incident { severity: severity.into(), ..Default::default() }),
        update_mask: Some(mask("severity")),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let note = |id: &str, text: &str| v1::AddNoteRequest {
        org: org(),
        incident: id.to_owned(),
        text: text.to_owned(),
        request_id: String::new(),
    };
    let absent = nothing("inc");
    let (sev, unsaid) = (v1::Severity::Sev3, v1::Severity::Unspecified);
    vec![
        case("IncidentService/CreateIncident", Operator, &creation("new"))
            .bad("title", &creation(""))
            .no_unknown("it makes one")
            .never_late("it makes one"),
        case("IncidentService/GetIncident", Viewer, &get(incident))
            .bad("incident", &get(""))
            .unknown(&get(&absent))
            .never_late(READS),
        case("IncidentService/ListIncidents", Viewer, &list(0))
            .bad("page_size", &list(-1))
            .no_unknown("all are meant")
            .never_late(READS),
        case("IncidentService/UpdateIncident", Operator, &update(incident, sev, ""))
            .bad("severity", &update(incident, unsaid, ""))
            .unknown(&update(&absent, sev, ""))
            .stale(&update(incident, sev, "999999")),
        case("IncidentService/AddNote", Operator, &note(incident, "seen"))
            .bad("text", &note(incident, " "))
            .unknown(&note(&absent, "seen"))
            .never_late("a note changes nothing that was there"),
    ]
}

fn telling(scene: &Scene) -> Vec<Case> {
    let [incident, ..] = &scene.linked;
    let timeline = |id: &str, page_size| v1::ListTimelineRequest {
        org: org(),
        incident: id.to_owned(),
        page_size,
        ..Default::default()
    };
    let watch = |org: &str| v1::WatchIncidentsRequest { org: org.to_owned() };
    vec![
        case("IncidentService/WatchIncidents", Viewer, &watch("demo"))
            .bad("org", &watch(NO_ORG))
            .no_unknown("all are meant")
            .never_late(READS),
        case("IncidentService/ListTimeline", Viewer, &timeline(incident, 0))
            .bad("page_size", &timeline(incident, -1))
            .unknown(&timeline(&nothing("inc"), 0))
            .never_late(READS),
    ]
}

fn bringing_in(scene: &Scene) -> Vec<Case> {
    let [incident, ..] = &scene.linked;
    let escalate = |id: &str, level| v1::EscalateIncidentRequest {
        org: org(),
        incident: id.to_owned(),
        level,
        integration: sim(),
        request_id: String::new(),
    };
    let page = |id: &str, users: &[&str]| v1::PageRespondersRequest {
        org: org(),
        incident: id.to_owned(),
        message: "please join".to_owned(),
        users: users.iter().map(|user| (*user).to_owned()).collect(),
        integration: sim(),
        ..Default::default()
    };
    let (none, told) = (nothing("inc"), "people are told again, whoever was told before");
    vec![
        case("IncidentService/EscalateIncident", Operator, &escalate(incident, 2))
            .bad("level", &escalate(incident, 0))
            .unknown(&escalate(&none, 2))
            .never_late(told),
        case("IncidentService/PageResponders", Operator, &page(incident, &["PT0M4S1"]))
            .bad("users", &page(incident, &[]))
            .unknown(&page(&none, &["PT0M4S1"]))
            .never_late(told),
    ]
}

fn audit(scene: &Scene) -> Vec<Case> {
    let [incident, ..] = &scene.linked;
    let decisions = |id: &str, rule: &str| v1::ListDecisionsRequest {
        org: org(),
        incident: id.to_owned(),
        rule: rule.to_owned(),
        ..Default::default()
    };
    let explain = |id: &str, steps| v1::ExplainIncidentRequest {
        org: org(),
        incident: id.to_owned(),
        steps,
        ..Default::default()
    };
    let verify = |org: &str, id: &str| v1::VerifyAuditRequest {
        org: org.to_owned(),
        incident: id.to_owned(),
    };
    let none = nothing("inc");
    vec![
        case("AuditService/ListDecisions", Viewer, &decisions(incident, ""))
            .bad("rule", &decisions(incident, "whim"))
            .unknown(&decisions(&none, ""))
            .never_late(READS),
        case("AuditService/ExplainIncident", Viewer, &explain(incident, 0))
            .bad("steps", &explain(incident, -1))
            .unknown(&explain(&none, 0))
            .never_late(READS),
        case("AuditService/VerifyAudit", Viewer, &verify("demo", incident))
            .bad("org", &verify(NO_ORG, incident))
            .unknown(&verify("demo", &none))
            .never_late(READS),
    ]
}

fn links(scene: &Scene) -> Vec<Case> {
    let ([.., link], [incident, record, parted]) = (&scene.linked, &scene.parted);
    let get = |id: &str| v1::GetLinkRequest { link: id.to_owned() };
    let list = |integration: String| v1::ListLinksRequest {
        org: org(),
        integration,
        ..Default::default()
    };
    let watch = |integration: String| v1::WatchLinksRequest { org: org(), integration };
    let join = |id: &str, record: &str| v1::CreateLinkRequest {
        org: org(),
        integration: sim(),
        incident: id.to_owned(),
        record: record.to_owned(),
        request_id: String::new(),
    };
    let part = |id: &str| v1::DeleteLinkRequest { link: id.to_owned(), request_id: String::new() };
    let again = |id: &str| v1::ResyncLinkRequest { link: id.to_owned(), ..Default::default() };
    let nothing_link = nothing("lnk");
    let state = "a link has no etag: what is asked for is how it shall be, whatever it was";
    vec![
        case("LinkService/GetLink", Viewer, &get(link))
            .bad("link", &get(""))
            .unknown(&get(&nothing_link))
            .never_late(READS),
        case("LinkService/ListLinks", Viewer, &list(sim()))
            .bad("integration", &list(String::new()))
            .unknown(&list(none()))
            .never_late(READS),
        case("LinkService/WatchLinks", Viewer, &watch(sim()))
            .bad("integration", &watch(String::new()))
            .unknown(&watch(none()))
            .never_late(READS),
        case("LinkService/ResyncLink", Operator, &again(link))
            .bad("link", &again(""))
            .unknown(&again(&nothing_link))
            .never_late(state),
        case("LinkService/DeleteLink", Operator, &part(parted))
            .bad("link", &part(""))
            .unknown(&part(&nothing_link))
            .never_late(state),
        case("LinkService/CreateLink", Operator, &join(incident, record))
            .bad("record", &join(incident, ""))
            .unknown(&join(&nothing("inc"), record))
            .never_late(state),
    ]
}

fn conflicts(scene: &Scene) -> Vec<Case> {
    let [first, second] = &scene.conflicts;
    let watch = |integration: String, field: &str| v1::WatchConflictsRequest {
        org: org(),
        integration,
        field: field.to_owned(),
        ..Default::default()
    };
    let get = |id: &str| v1::GetConflictRequest { org: org(), conflict: id.to_owned() };
    let list = |integration: String, field: &str| v1::ListConflictsRequest {
        org: org(),
        integration,
        field: field.to_owned(),
        ..Default::default()
    };
    let one = |id: &str, take: v1::ConflictTake| v1::ResolveConflictRequest {
        org: org(),
        conflict: id.to_owned(),
        take: take.into(),
        ..Default::default()
    };
    let many = |ids: &[&String], integration: String, take: v1::ConflictTake| {
        v1::ResolveConflictsRequest {
            org: org(),
            conflicts: ids.iter().map(|id| (*id).clone()).collect(),
            integration,
            take: take.into(),
            ..Default::default()
        }
    };
    let (ours, unsaid) = (v1::ConflictTake::Platform, v1::ConflictTake::Unspecified);
    let nothing = nothing("cfl");
    vec![
        case("ConflictService/GetConflict", Viewer, &get(first))
            .bad("conflict", &get(""))
            .unknown(&get(&nothing))
            .never_late(READS),
        case("ConflictService/ListConflicts", Viewer, &list(sim(), ""))
            .bad("field", &list(sim(), "colour"))
            .unknown(&list(none(), ""))
            .never_late(READS),
        case("ConflictService/WatchConflicts", Viewer, &watch(sim(), ""))
            .bad("field", &watch(sim(), "colour"))
            .unknown(&watch(none(), ""))
            .never_late(READS),
        case("ConflictService/ResolveConflict", Operator, &one(first, ours))
            .bad("take", &one(first, unsaid))
            .unknown(&one(&nothing, ours))
            .once(Code::FailedPrecondition),
        case("ConflictService/ResolveConflicts", Operator, &many(&[second], String::new(), ours))
            .bad("take", &many(&[second], String::new(), unsaid))
            .unknown(&many(&[], none(), ours))
            .never_late("what became of each is in the answer"),
    ]
}

//! Conflicts, links and the audit while no reconciler runs: what is stored is shown, what is asked
//! for is checked, and an edit is on its way.

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_domain::{
    conflict::{Candidate, Conflict, Reason, Standing},
    decision::{Cause, Decision, Head, Rule},
    field::Field,
    id::{ConflictId, DecisionId, IntegrationId, LinkId},
    incident::{Actor, Side},
    lens::Foreign,
    link::{Link, LinkField, Stamp, Theirs},
};
use tandem_proto::v1::{
    self, audit_service_client::AuditServiceClient as Audit,
    conflict_service_client::ConflictServiceClient as Conflicts,
    link_service_client::LinkServiceClient as Links,
};
use tandem_store::{Store, conflicts, decisions, incidents, links};
use tonic::{Code, transport::Channel};
use uuid::Uuid;

use crate::{
    Running, integration, refused,
    support::{eventually, nats},
    without_reconciler::stored,
};

const ORG: &str = "acme-corp";

/// Admin with one incident, linked, in dispute, and decided about.
struct Scene {
    admin: Running,
    integration: IntegrationId,
}

impl Scene {
    async fn set(admin: Running) -> Self {
        let created = admin.create(integration()).await;
        let scene = Self { admin, integration: created.id.parse().unwrap() };
        let decision = decided();
        let mut incident = stored(1);
        incident.chain = Head { length: 1, hash: decision.hash() };
        let mut transaction = scene.admin.store.begin().await.unwrap();
        incidents::write(&mut transaction, &[&incident]).await.unwrap();
        links::write(&mut transaction, &[&scene.link()]).await.unwrap();
        conflicts::write(&mut transaction, &[&scene.conflict(7, Standing::Open)]).await.unwrap();
        let ended = Conflict { field: Field::Status, ..scene.conflict(8, Standing::Agreed) };
        conflicts::write(&mut transaction, &[&ended]).await.unwrap();
        decisions::add(&mut transaction, &[&decision]).await.unwrap();
        Store::commit(transaction).await.unwrap();
        scene
    }

    fn link(&self) -> Link {
        let theirs = Theirs {
            value: Foreign::plain("C"),
            stamp: Stamp::Read {
                sent: Timestamp::UNIX_EPOCH,
                received: Timestamp::UNIX_EPOCH,
                made: false,
            },
        };
        let seen = LinkField { theirs: Some(theirs), ..LinkField::default() };
        let mut link = Link::new(link_id(), stored(1).id, self.integration);
        link.record = "Q1".parse().ok();
        link.fields.insert(Field::Title, seen);
        link
    }

    fn conflict(&self, number: u128, standing: Standing) -> Conflict {
        let candidate = |side: Side, value: &str, by: &str| Candidate {
            value: Some(value.to_owned()),
            external: Foreign::plain(value),
            by: Actor { name: Some(by.to_owned()), ..Actor::unnamed(side) },
            at: Timestamp::UNIX_EPOCH,
        };
        Conflict {
            id: ConflictId::from_uuid(Uuid::from_u128(number)),
            incident: stored(1).id,
            link: link_id(),
            integration: self.integration,
            field: Field::Title,
            reason: Reason::BothMoved,
            standing,
            platform: candidate(Side::Platform, "B", "Ada"),
            external: candidate(Side::External, "C", "Priya"),
            base: Some(Some("A".to_owned())),
            opened_at: Timestamp::UNIX_EPOCH,
            ending: None,
        }
    }

    fn conflicts(&self) -> Conflicts<Channel> {
        Conflicts::new(self.admin.channel.clone())
    }

    fn links(&self) -> Links<Channel> {
        Links::new(self.admin.channel.clone())
    }

    fn audit(&self) -> Audit<Channel> {
        Audit::new(self.admin.channel.clone())
    }

    async fn listed(&self, request: v1::ListConflictsRequest) -> Vec<v1::Conflict> {
        self.conflicts().list_conflicts(request).await.unwrap().into_inner().conflicts
    }

    async fn resolve(
        &self,
        conflict: ConflictId,
        take: v1::ConflictTake,
        value: Option<&str>,
    ) -> Result<v1::ResolveConflictResponse, tonic::Status> {
        let request = v1::ResolveConflictRequest {
            org: ORG.to_owned(),
            conflict: conflict.to_string(),
            take: take.into(),
            value: value.map(str::to_owned),
            request_id: String::new(),
        };
        Ok(self.conflicts().resolve_conflict(request).await?.into_inner())
    }
}

fn link_id() -> LinkId {
    LinkId::from_uuid(Uuid::from_u128(5))
}

fn conflict_id(number: u128) -> ConflictId {
    ConflictId::from_uuid(Uuid::from_u128(number))
}

fn decided() -> Decision {
    Decision {
        id: DecisionId::from_uuid(Uuid::from_u128(9)),
        incident: stored(1).id,
        position: 1,
        previous: String::new(),
        link: Some(link_id()),
        field: Field::Title,
        before: Some("A".to_owned()),
        before_by: None,
        before_at: None,
        after: Some("B".to_owned()),
        external: None,
        rule: Rule::Edited,
        cause: Cause { kind: "edit".to_owned(), id: "edt_1".to_owned() },
        actor: Actor { name: Some("Ada".to_owned()), ..Actor::unnamed(Side::Platform) },
        authored_at: Timestamp::UNIX_EPOCH,
        at: Timestamp::UNIX_EPOCH,
        config_version: Some(1),
    }
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn conflicts_are_found_by_what_they_are_about(_: PgPoolOptions, database: PgConnectOptions) {
    let scene = Scene::set(Running::alone(&database).await).await;
    let all = v1::ListConflictsRequest { org: ORG.to_owned(), ..Default::default() };
    assert_eq!(scene.listed(all.clone()).await.len(), 2);
    let of_integration = v1::ListConflictsRequest {
        integration: "prod-pd".to_owned(),
        standing: v1::ConflictStanding::Open.into(),
        ..Default::default()
    };
    let open = scene.listed(of_integration).await;
    let shown: Vec<_> = open.iter().map(|one| (&*one.field, &*one.record)).collect();
    assert_eq!(shown, [("title", "Q1")]);
    let of_field = v1::ListConflictsRequest { field: "status".to_owned(), ..all.clone() };
    assert_eq!(scene.listed(of_field).await.len(), 1);
    let of_nothing = v1::ListConflictsRequest { incident: stored(2).id.to_string(), ..all.clone() };
    assert!(scene.listed(of_nothing).await.is_empty());

    let first = v1::ListConflictsRequest { page_size: 1, ..all.clone() };
    let first = scene.conflicts().list_conflicts(first).await.unwrap().into_inner();
    let rest = v1::ListConflictsRequest { page_token: first.next_page_token, ..all.clone() };
    let rest = scene.listed(rest).await;
    assert_ne!(first.conflicts[0].id, rest[0].id);

    let bad = v1::ListConflictsRequest { field: "colour".to_owned(), ..all };
    assert_eq!(refused(&scene.conflicts().list_conflicts(bad).await.unwrap_err()), ["field"]);
    let none = scene.conflicts().list_conflicts(v1::ListConflictsRequest::default()).await;
    assert_eq!(refused(&none.unwrap_err()), ["org"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_open_conflict_says_what_each_choice_would_do(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::set(Running::alone(&database).await).await;
    let get = |id: String| v1::GetConflictRequest { org: ORG.to_owned(), conflict: id };
    let found = scene.conflicts().get_conflict(get(conflict_id(7).to_string())).await.unwrap();
    let found = found.into_inner();
    let effects: Vec<_> = found.choices.iter().map(|choice| choice.effect.as_str()).collect();
    let expected = [
        "the platform keeps \"B\"; prod-pd becomes \"B\"",
        "the platform becomes \"C\"; prod-pd keeps \"C\"",
        "the platform and prod-pd become the value given",
    ];
    assert_eq!(effects, expected);
    assert_eq!(
        (found.base.as_deref(), found.external.unwrap().author),
        (Some("A"), "Priya".to_owned())
    );

    let ended = scene.conflicts().get_conflict(get(conflict_id(8).to_string())).await.unwrap();
    assert!(ended.into_inner().choices.is_empty());
    for unknown in [conflict_id(9).to_string(), "cfl_x".to_owned()] {
        let status = scene.conflicts().get_conflict(get(unknown)).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }
    let status = scene.conflicts().get_conflict(get(String::new())).await.unwrap_err();
    assert_eq!(refused(&status), ["conflict"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_decision_that_cannot_be_is_refused_before_it_is_sent(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::set(Running::alone(&database).await).await;
    let open = conflict_id(7);
    for (take, value, field) in [
        (v1::ConflictTake::Unspecified, None, "take"),
        (v1::ConflictTake::Platform, Some("x"), "value"),
        (v1::ConflictTake::Value, Some(" "), "value"),
        (v1::ConflictTake::Value, None, "value"),
    ] {
        let status = scene.resolve(open, take, value).await.unwrap_err();
        assert_eq!(refused(&status), [field], "{take:?} {value:?}");
    }
    let ended = scene.resolve(conflict_id(8), v1::ConflictTake::Platform, None).await.unwrap_err();
    assert_eq!(ended.code(), Code::FailedPrecondition);
    let unknown = scene.resolve(conflict_id(9), v1::ConflictTake::Platform, None).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    let away = scene.resolve(open, v1::ConflictTake::Platform, None).await.unwrap_err();
    assert_eq!(away.code(), Code::Unavailable);

    let many = v1::ResolveConflictsRequest {
        org: ORG.to_owned(),
        conflicts: vec![conflict_id(8).to_string(), conflict_id(9).to_string()],
        take: v1::ConflictTake::Platform.into(),
        ..Default::default()
    };
    let told = scene.conflicts().resolve_conflicts(many.clone()).await.unwrap().into_inner();
    assert!(told.resolutions.iter().all(|one| !one.problem.is_empty()), "{told:?}");
    let of_all = v1::ResolveConflictsRequest { conflicts: Vec::new(), ..many };
    let status = scene.conflicts().resolve_conflicts(of_all).await.unwrap_err();
    assert_eq!(refused(&status), ["integration"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn decisions_by_hand_are_edits_and_pending_until_somebody_judges_them(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let nats = nats(dir.path());
    let scene = Scene::set(Running::start(&database, &nats.url()).await).await;
    eventually("nats is there", || async { scene.admin.bus.ensure_topology().await.ok() }).await;
    let decided = scene.resolve(conflict_id(7), v1::ConflictTake::External, None).await.unwrap();
    assert!(decided.pending);
    let again = v1::ResyncLinkRequest { link: link_id().to_string(), ..Default::default() };
    assert!(scene.links().resync_link(again).await.unwrap().into_inner().pending);
    let join = v1::CreateLinkRequest {
        integration: "prod-pd".to_owned(),
        incident: stored(1).id.to_string(),
        record: "Q2".to_owned(),
        ..Default::default()
    };
    assert!(scene.links().create_link(join).await.unwrap().into_inner().pending);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_link_says_how_it_stands_and_refuses_what_is_not_there(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::set(Running::alone(&database).await).await;
    let get = v1::GetLinkRequest { link: link_id().to_string() };
    let found = scene.links().get_link(get).await.unwrap().into_inner();
    assert_eq!(found.state(), v1::LinkState::Conflict);
    assert_eq!(found.conflicts, [conflict_id(7).to_string()]);
    assert!(found.seen_time.is_some());

    let unknown = || LinkId::from_uuid(Uuid::from_u128(6)).to_string();
    let delete = v1::DeleteLinkRequest { link: unknown(), ..Default::default() };
    assert_eq!(scene.links().delete_link(delete).await.unwrap_err().code(), Code::NotFound);
    let resync = v1::ResyncLinkRequest { link: String::new(), ..Default::default() };
    assert_eq!(refused(&scene.links().resync_link(resync).await.unwrap_err()), ["link"]);
    let join = |incident: String, record: &str| v1::CreateLinkRequest {
        integration: "prod-pd".to_owned(),
        incident,
        record: record.to_owned(),
        ..Default::default()
    };
    let bad = scene.links().create_link(join(stored(1).id.to_string(), "Q 1")).await;
    assert_eq!(refused(&bad.unwrap_err()), ["record"]);
    let nobody = scene.links().create_link(join(stored(2).id.to_string(), "Q1")).await;
    assert_eq!(nobody.unwrap_err().code(), Code::NotFound);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn the_audit_is_listed_explained_and_proven(_: PgPoolOptions, database: PgConnectOptions) {
    let scene = Scene::set(Running::alone(&database).await).await;
    let all = v1::ListDecisionsRequest { org: ORG.to_owned(), ..Default::default() };
    let listed = scene.audit().list_decisions(all.clone()).await.unwrap().into_inner().decisions;
    assert_eq!((listed.len(), listed[0].rule_number, &*listed[0].author), (1, 18, "Ada"));
    let of_rule = v1::ListDecisionsRequest { rule: "taken".to_owned(), ..all.clone() };
    let none = scene.audit().list_decisions(of_rule).await.unwrap().into_inner().decisions;
    assert!(none.is_empty());
    let bad = v1::ListDecisionsRequest { rule: "whim".to_owned(), ..all.clone() };
    assert_eq!(refused(&scene.audit().list_decisions(bad).await.unwrap_err()), ["rule"]);
    let unknown = v1::ListDecisionsRequest { incident: stored(2).id.to_string(), ..all };
    let unknown = scene.audit().list_decisions(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let explain = |field: &str| v1::ExplainIncidentRequest {
        org: ORG.to_owned(),
        incident: stored(1).id.to_string(),
        field: field.to_owned(),
        steps: 0,
    };
    let told = scene.audit().explain_incident(explain("title")).await.unwrap().into_inner();
    let story = &told.fields[0];
    assert_eq!(story.steps[0].what, "Ada on the platform set it to \"B\", from \"A\"");
    assert!(story.steps[0].why.starts_with("rule 18"), "{}", story.steps[0].why);
    assert!(story.sides[0].standing.contains("frozen"), "{}", story.sides[0].standing);
    let whole = scene.audit().explain_incident(explain("")).await.unwrap().into_inner();
    assert_eq!(whole.fields.len(), 3);
    let bad = scene.audit().explain_incident(explain("colour")).await.unwrap_err();
    assert_eq!(refused(&bad), ["field"]);

    let verify = v1::VerifyAuditRequest { org: ORG.to_owned(), incident: stored(1).id.to_string() };
    let proven = scene.audit().verify_audit(verify.clone()).await.unwrap().into_inner();
    assert!(proven.intact && proven.decisions == 1, "{proven:?}");
    let elsewhere = v1::VerifyAuditRequest { org: "other".to_owned(), ..verify };
    let status = scene.audit().verify_audit(elsewhere).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn what_was_left_out_is_counted_by_reason(_: PgPoolOptions, database: PgConnectOptions) {
    let scene = Scene::set(Running::alone(&database).await).await;
    for event in ["e1", "e2", "e3"] {
        let reason =
            if event == "e3" { "the record is not linked" } else { "outside the scope: x" };
        sqlx::query("insert into inbox values ($1, $2, $2, 'observation', $3, now())")
            .bind(scene.integration.to_string())
            .bind(event)
            .bind(format!("ignored: {reason}"))
            .execute(scene.admin.store.pool())
            .await
            .unwrap();
    }
    let ask = |days| v1::ListIgnoredEventsRequest {
        integration: "prod-pd".to_owned(),
        days,
        ..Default::default()
    };
    let found = scene.admin.integrations().list_ignored_events(ask(0)).await.unwrap().into_inner();
    let counts: Vec<_> = found.reasons.iter().map(|one| (&*one.reason, one.count)).collect();
    assert_eq!(counts, [("outside the scope: x", 2), ("the record is not linked", 1)]);
    assert_eq!(found.reasons[0].examples.len(), 2);
    let bad = scene.admin.integrations().list_ignored_events(ask(91)).await.unwrap_err();
    assert_eq!(refused(&bad), ["days"]);
}

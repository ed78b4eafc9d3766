//! Who owns a field, how its values correspond, and what takes part.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_proto::v1::{self, field_mapping_service_client::FieldMappingServiceClient as Mappings};
use tonic::{Code, Status, transport::Channel};

use crate::{Running, integration, refused};

/// What a call of the mapping service answers.
type Answer = Result<v1::FieldMapping, Status>;

/// Admin with the integration `prod-pd`.
struct Scene {
    admin: Running,
}

impl Scene {
    async fn start(database: &PgConnectOptions) -> Self {
        let admin = Running::alone(database).await;
        admin.create(integration()).await;
        Self { admin }
    }

    fn mappings(&self) -> Mappings<Channel> {
        Mappings::new(self.admin.channel.clone())
    }

    async fn own(&self, claim: v1::FieldOwnership) -> Result<v1::FieldOwnership, Status> {
        let request = v1::SetFieldOwnershipRequest {
            integration: "prod-pd".to_owned(),
            ownership: Some(claim),
            ..Default::default()
        };
        Ok(self.admin.ownership().set_field_ownership(request).await?.into_inner())
    }

    async fn set(&self, mapping: v1::FieldMapping, paths: &[&str], etag: &str) -> Answer {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let request = v1::SetFieldMappingRequest {
            integration: "prod-pd".to_owned(),
            mapping: Some(mapping),
            update_mask: Some(prost_types::FieldMask { paths }),
            etag: etag.to_owned(),
            ..Default::default()
        };
        Ok(self.mappings().set_field_mapping(request).await?.into_inner())
    }

    async fn reset(&self, field: &str) -> Answer {
        let request = v1::ResetFieldMappingRequest {
            integration: "prod-pd".to_owned(),
            field: field.to_owned(),
            ..Default::default()
        };
        Ok(self.mappings().reset_field_mapping(request).await?.into_inner())
    }

    async fn person(&self, platform: &str, external: &str) -> Answer {
        let request = v1::SetCounterpartRequest {
            integration: "prod-pd".to_owned(),
            field: "assigned_to".to_owned(),
            platform: platform.to_owned(),
            external: external.to_owned(),
            ..Default::default()
        };
        Ok(self.mappings().set_counterpart(request).await?.into_inner())
    }

    async fn nobody(&self, platform: &str) -> Answer {
        let request = v1::RemoveCounterpartRequest {
            integration: "prod-pd".to_owned(),
            field: "assigned_to".to_owned(),
            platform: platform.to_owned(),
            ..Default::default()
        };
        Ok(self.mappings().remove_counterpart(request).await?.into_inner())
    }

    async fn list(&self) -> Vec<v1::FieldMapping> {
        let request = v1::ListFieldMappingsRequest {
            integration: "prod-pd".to_owned(),
            ..Default::default()
        };
        self.mappings().list_field_mappings(request).await.unwrap().into_inner().mappings
    }
}

fn claim(field: &str, owner: v1::Side) -> v1::FieldOwnership {
    v1::FieldOwnership { field: field.to_owned(), owner: owner.into(), ..Default::default() }
}

fn enforced(field: &str, owner: v1::Side) -> v1::FieldOwnership {
    v1::FieldOwnership { enforced: Some(true), ..claim(field, owner) }
}

fn severity(rows: &[(&str, &str, bool)]) -> v1::FieldMapping {
    let row = |&(platform, external, fresh): &(&str, &str, bool)| v1::MappingRow {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    v1::FieldMapping {
        field: "severity".to_owned(),
        rows: rows.iter().map(row).collect(),
        ..Default::default()
    }
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_field_is_enforced_only_where_its_owners_value_gets_through(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::start(&database).await;
    let set = scene.own(enforced("title", v1::Side::Platform)).await.unwrap();
    assert!(set.enforced() && !set.is_default);
    let kept = scene.own(claim("title", v1::Side::Platform)).await.unwrap();
    assert!(kept.enforced(), "what was not said stays");

    for (field, owner) in [
        ("description", v1::Side::Platform),
        ("description", v1::Side::External),
        ("assigned_to", v1::Side::Platform),
    ] {
        let status = scene.own(enforced(field, owner)).await.unwrap_err();
        assert_eq!(
            (status.code(), refused(&status)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
    let inbound = v1::FieldOwnership {
        direction: v1::Direction::Inbound.into(),
        ..claim("title", v1::Side::Platform)
    };
    assert_eq!(refused(&scene.own(inbound).await.unwrap_err()), ["title"]);

    // The integration's own direction counts too.
    let inbound =
        v1::Integration { direction: v1::Direction::Inbound.into(), ..Default::default() };
    let status = scene.admin.change(inbound.clone(), &["direction"]).await.unwrap_err();
    assert_eq!(refused(&status), ["title"]);
    let lifted = v1::FieldOwnership { enforced: Some(false), ..claim("title", v1::Side::Platform) };
    scene.own(lifted).await.unwrap();
    scene.admin.change(inbound, &["direction"]).await.unwrap();
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn people_are_written_back_once_their_counterparts_are_known(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::start(&database).await;
    let both = || v1::FieldOwnership {
        direction: v1::Direction::Bidirectional.into(),
        ..enforced("assigned_to", v1::Side::Platform)
    };
    assert_eq!(refused(&scene.own(both()).await.unwrap_err()), ["assigned_to"]);
    let set = scene.person("ada@acme.test", "PADA001").await.unwrap();
    assert_eq!((set.rows.len(), set.kind()), (1, v1::FieldMappingKind::Reference));
    scene.own(both()).await.unwrap();

    let taken = scene.person("bob@acme.test", "PADA001").await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    let bad = scene.person("", "P 1").await.unwrap_err();
    assert_eq!(refused(&bad), ["platform", "external"]);
    assert_eq!(scene.nobody("carol").await.unwrap_err().code(), Code::NotFound);
    // The last one would take the way out from an enforced field.
    assert_eq!(refused(&scene.nobody("ada@acme.test").await.unwrap_err()), ["assigned_to"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_mapping_is_set_listed_and_reset(_: PgPoolOptions, database: PgConnectOptions) {
    let scene = Scene::start(&database).await;
    let rows = [("SEV-1", "high", true), ("SEV-2", "low", true), ("SEV-3", "low", false)];
    let set = scene.set(severity(&rows), &["rows"], "").await.unwrap();
    assert_eq!((set.rows.len(), set.priorities.len(), set.is_default), (3, 4, false));
    assert_eq!(set.without_partner, ["SEV-4"]);

    let stale = scene.set(severity(&rows), &["rows"], "1").await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);
    let listed = scene.list().await;
    let listed = listed.iter().find(|mapping| mapping.field == "severity").unwrap();
    assert_eq!((listed, &listed.etag), (&set, &"2".to_owned()));

    assert!(scene.reset("severity").await.unwrap().is_default);
    assert_eq!(scene.reset("label.none").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(refused(&scene.reset("nonsense").await.unwrap_err()), ["field"]);
    let nothing = scene.set(severity(&rows), &[], "").await.unwrap_err();
    assert_eq!(refused(&nothing), ["update_mask"]);
    let unlawful = scene.set(severity(&[("SEV-1", "urgent", true)]), &["rows"], "").await;
    assert_eq!(refused(&unlawful.unwrap_err()), ["mapping.rows"]);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_label_takes_part_from_when_it_is_mapped_until_it_is_reset(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::start(&database).await;
    let owned = scene.own(claim("label.region", v1::Side::External)).await.unwrap_err();
    assert_eq!(refused(&owned), ["ownership.field"]);
    let label = v1::FieldMapping {
        field: "label.region".to_owned(),
        external_name: "region_cf".to_owned(),
        ..Default::default()
    };
    let set = scene.set(label, &["external_name"], "").await.unwrap();
    assert_eq!((set.kind(), set.external_name.as_str()), (v1::FieldMappingKind::Same, "region_cf"));
    scene.own(claim("label.region", v1::Side::External)).await.unwrap();
    assert_eq!(
        scene.reset("label.region").await.unwrap().kind(),
        v1::FieldMappingKind::Unspecified
    );
    assert!(scene.list().await.iter().all(|mapping| mapping.field != "label.region"));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_scope_is_changed_part_by_part(_: PgPoolOptions, database: PgConnectOptions) {
    let scene = Scene::start(&database).await;
    let scoped = |scope: v1::Scope| v1::Integration { scope: Some(scope), ..Default::default() };
    let severe = v1::Scope { min_severity: "SEV-2".to_owned(), ..Default::default() };
    scene.admin.change(scoped(severe), &["scope.min_severity"]).await.unwrap();
    let teams = v1::Scope { teams: vec!["PT1".to_owned()], ..Default::default() };
    let changed = scene.admin.change(scoped(teams), &["scope.teams"]).await.unwrap();
    let scope = changed.scope.unwrap();
    assert_eq!((scope.min_severity.as_str(), scope.teams.len()), ("SEV-2", 1));

    let wrong = v1::Scope { expression: "severity ==".to_owned(), ..Default::default() };
    let status = scene.admin.change(scoped(wrong), &["scope.expression"]).await.unwrap_err();
    assert_eq!(refused(&status), ["scope.expression"]);
    let cleared = scene.admin.change(scoped(v1::Scope::default()), &["scope"]).await.unwrap();
    assert_eq!(cleared.scope, Some(v1::Scope::default()));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn each_change_of_configuration_is_in_the_audit_with_its_author(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let scene = Scene::start(&database).await;
    let mut request = tonic::Request::new(v1::UpdateIntegrationRequest {
        integration: "prod-pd".to_owned(),
        changes: Some(v1::Integration {
            rate_limit: 100,
            credentials: Some(v1::Credentials {
                token: "u+other".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["rate_limit".to_owned(), "credentials.token".to_owned()],
        }),
        ..Default::default()
    });
    request.metadata_mut().insert("x-actor", "ada@acme.test".parse().unwrap());
    scene.admin.integrations().update_integration(request).await.unwrap();

    let rows: Vec<(String, String, Option<String>, String)> = sqlx::query_as(
        "select actor, action, before::text, after::text from admin_audit order by position",
    )
    .fetch_all(scene.admin.store.pool())
    .await
    .unwrap();
    let [created, updated] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((created.0.as_str(), created.1.as_str()), ("unnamed", "integration.create"));
    assert_eq!((updated.0.as_str(), updated.1.as_str()), ("ada@acme.test", "integration.update"));
    let before = updated.2.as_deref().unwrap();
    assert!(before.contains("\"rate_limit\": 900") && !before.contains("base_url"), "{before}");
    assert!(
        updated.3.contains("\"rate_limit\": 100") && updated.3.contains("replaced"),
        "{}",
        updated.3
    );
    assert!(rows.iter().all(|row| !row.3.contains("u+")), "{rows:?}");

    let mut request = tonic::Request::new(v1::DeleteIntegrationRequest {
        integration: "prod-pd".to_owned(),
        ..Default::default()
    });
    request.metadata_mut().insert("x-actor", "nobody".parse().unwrap());
    let status = scene.admin.integrations().delete_integration(request).await.unwrap_err();
    assert_eq!(refused(&status), ["x-actor"]);
}

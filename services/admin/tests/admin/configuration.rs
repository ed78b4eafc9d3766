//! Integrations and what hangs on them.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_proto::v1;
use tonic::Code;

use crate::{Running, integration, refused};

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_secret_is_sealed_before_it_is_stored_and_never_answered(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let created = admin.create(integration()).await;
    assert!(created.has_token && created.credentials.is_none());
    assert_eq!(created.webhook_path, format!("/api/v1/webhooks/{}", created.id));

    let row: String = sqlx::query_scalar("select integrations::text from integrations")
        .fetch_one(admin.store.pool())
        .await
        .unwrap();
    assert!(!row.contains("tokentoken"), "{row}");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_change_touches_what_is_named_and_makes_a_new_version(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let created = admin.create(integration()).await;
    let wanted = v1::Integration { rate_limit: 100, name: "ignored".to_owned(), ..created.clone() };
    let changed = admin.change(wanted.clone(), &["rate_limit"]).await.unwrap();
    assert_eq!((changed.rate_limit, changed.config_version), (100, created.config_version + 1));
    assert_eq!((&changed.name, changed.has_token), (&created.name, true));

    let stale = admin.change(wanted, &["rate_limit"]).await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);
    let again = admin.change(changed.clone(), &["rate_limit"]).await.unwrap();
    assert_eq!(again.config_version, changed.config_version, "nothing changed");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_bad_change_is_told_by_field_and_changes_nothing(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let created = admin.create(integration()).await;
    let bad = v1::Integration { rate_limit: 961, backoff_multiplier: 0.5, ..Default::default() };
    let paths = ["enabled", "rate_limit", "backoff_multiplier"];
    let status = admin.change(bad, &paths).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(refused(&status), ["rate_limit", "backoff_multiplier"]);
    assert_eq!(admin.get("prod-pd").await.unwrap(), created);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn two_signing_secrets_are_in_force_and_the_oldest_makes_room(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    admin.create(integration()).await;
    for (secret, held) in [("one", 1), ("one", 1), ("two", 2), ("one", 2), ("three", 2)] {
        let credentials =
            v1::Credentials { token: String::new(), signing_secret: secret.to_owned() };
        let changes = v1::Integration { credentials: Some(credentials), ..Default::default() };
        let changed = admin.change(changes, &["credentials.signing_secret"]).await.unwrap();
        assert_eq!(changed.signing_secrets, held, "after {secret}");
    }
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_deleted_integration_is_gone_with_its_secrets_and_frees_its_handle(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let first = admin.create(integration()).await;
    admin.delete("prod-pd").await.unwrap();
    for reference in ["prod-pd", &first.id, "Production PagerDuty"] {
        assert_eq!(admin.get(reference).await.unwrap_err().code(), Code::NotFound, "{reference}");
    }
    assert_eq!(admin.delete("prod-pd").await.unwrap_err().code(), Code::NotFound);
    let secrets: i64 = sqlx::query_scalar("select count(token) from integrations")
        .fetch_one(admin.store.pool())
        .await
        .unwrap();
    assert_eq!(secrets, 0);
    assert_eq!(admin.create(integration()).await.handle, "prod-pd");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn ownership_covers_every_field_and_tells_choices_from_defaults(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    admin.create(integration()).await;
    let set = |field: &str| v1::SetFieldOwnershipRequest {
        org: String::new(),
        integration: "prod-pd".to_owned(),
        ownership: Some(v1::FieldOwnership {
            field: field.to_owned(),
            owner: v1::Side::Platform.into(),
            priority: 10,
            ..Default::default()
        }),
        ..Default::default()
    };
    admin.ownership().set_field_ownership(set("title")).await.unwrap();
    admin.ownership().set_field_ownership(set("description")).await.unwrap();
    let status = admin.ownership().set_field_ownership(set("labels")).await.unwrap_err();
    assert_eq!(refused(&status), ["ownership.field"]);

    let request =
        v1::ListFieldOwnershipRequest { org: String::new(), integration: "prod-pd".to_owned() };
    let all = admin.ownership().list_field_ownership(request).await.unwrap().into_inner().ownership;
    let chosen: Vec<&str> =
        all.iter().filter(|one| !one.is_default).map(|one| one.field.as_str()).collect();
    assert_eq!((all.len(), chosen), (6, vec!["title", "description"]));
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn service_mappings_are_added_listed_and_removed(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    admin.create(integration()).await;
    for service in ["P2", "P1"] {
        let mapping = v1::ServiceMapping {
            service: service.to_owned(),
            incident_type: "infrastructure".to_owned(),
            is_default: true,
            ..Default::default()
        };
        let request = v1::AddServiceMappingRequest {
            etag: String::new(),
            org: String::new(),
            integration: "prod-pd".to_owned(),
            mapping: Some(mapping),
        };
        admin.mappings().add_service_mapping(request).await.unwrap();
    }
    let remove = |incident_type: &str| v1::RemoveServiceMappingRequest {
        etag: String::new(),
        org: String::new(),
        integration: "prod-pd".to_owned(),
        service: "P2".to_owned(),
        incident_type: incident_type.to_owned(),
    };
    let other = admin.mappings().remove_service_mapping(remove("web")).await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound);
    admin.mappings().remove_service_mapping(remove("infrastructure")).await.unwrap();

    let request =
        v1::ListServiceMappingsRequest { integration: "prod-pd".to_owned(), ..Default::default() };
    let left = admin.mappings().list_service_mappings(request).await.unwrap().into_inner();
    let left: Vec<_> = left.mappings.iter().map(|one| (&*one.service, one.is_default)).collect();
    assert_eq!(left, [("P1", true)]);
}

//! What integrations are called, and how they are found.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_proto::v1;
use tonic::Code;

use crate::{Running, integration, refused};

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn an_integration_is_found_by_handle_id_and_name(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let created = admin.create(integration()).await;
    assert_eq!(created.handle, "prod-pd");
    for reference in ["prod-pd", &created.id, "Production PagerDuty"] {
        assert_eq!(admin.get(reference).await.unwrap(), created, "{reference}");
    }
    let status = admin.get("staging-pd").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let told =
        format!("there is no integration \"staging-pd\": there are prod-pd in {}", created.org);
    assert_eq!(status.message(), told);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_taken_handle_is_counted_up_unless_it_was_chosen(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    for expected in ["prod-pd", "prod-pd-2", "prod-pd-3"] {
        assert_eq!(admin.create(integration()).await.handle, expected);
    }
    let chosen = v1::Integration { handle: "prod-pd-2".to_owned(), ..integration() };
    let status = admin.try_create(chosen).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_handle_goes_before_a_name_and_names_are_not_guessed_between(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    admin.create(integration()).await;
    admin.create(integration()).await;
    let status = admin.get("Production PagerDuty").await.unwrap_err();
    assert_eq!(refused(&status), ["integration"]);

    let misleading = v1::Integration { name: "prod-pd".to_owned(), ..integration() };
    admin.create(misleading).await;
    assert_eq!(admin.get("prod-pd").await.unwrap().name, "Production PagerDuty");
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn organisations_do_not_see_each_others_integrations(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let admin = Running::alone(&database).await;
    let ours = admin.create(integration()).await;
    let other = v1::Integration { org: "other".to_owned(), ..integration() };
    let theirs = admin.create(other).await;
    assert_eq!((ours.handle.as_str(), theirs.handle.as_str()), ("prod-pd", "prod-pd"));
    assert_eq!(admin.get("prod-pd").await.unwrap().id, ours.id);
    assert_eq!(admin.get(&theirs.id).await.unwrap_err().code(), Code::NotFound);

    let nowhere =
        v1::GetIntegrationRequest { org: String::new(), integration: "prod-pd".to_owned() };
    let status = admin.integrations().get_integration(nowhere).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn pages_cover_the_list_once(_: PgPoolOptions, database: PgConnectOptions) {
    let admin = Running::alone(&database).await;
    for _ in 0..5 {
        admin.create(integration()).await;
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListIntegrationsRequest { page_size: 2, page_token, ..Default::default() };
        let page = admin.integrations().list_integrations(request).await.unwrap().into_inner();
        assert!(page.integrations.len() <= 2);
        seen.extend(page.integrations.into_iter().map(|one| one.handle));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["prod-pd", "prod-pd-2", "prod-pd-3", "prod-pd-4", "prod-pd-5"]);
}

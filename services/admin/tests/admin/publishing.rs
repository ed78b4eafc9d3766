//! Configuration reaches the bucket, whatever happens to NATS.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tandem_bus::config::Snapshot;
use tandem_domain::id::IntegrationId;
use tandem_proto::v1;

use crate::{
    Running, integration,
    support::{eventually, nats},
};

/// The snapshot in the bucket, once it has this version.
async fn published(admin: &Running, id: IntegrationId, version: i64) -> Snapshot {
    let version = u64::try_from(version).unwrap();
    eventually("the snapshot is published", || async {
        let snapshot = admin.bus.snapshot(id).await.ok().flatten();
        snapshot.filter(|snapshot| snapshot.integration.version == version)
    })
    .await
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn every_change_reaches_the_bucket_and_a_deleted_one_leaves_a_tombstone(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let nats = nats(dir.path());
    let admin = Running::start(&database, &nats.url()).await;
    let created = admin.create(integration()).await;
    let id: IntegrationId = created.id.parse().unwrap();
    let snapshot = published(&admin, id, created.config_version).await;
    let token = snapshot.token.unwrap();
    assert!(!token.contains("tokentoken") && !snapshot.deleted);

    let changes = v1::Integration { enabled: false, ..Default::default() };
    let changed = admin.change(changes, &["enabled"]).await.unwrap();
    assert!(!published(&admin, id, changed.config_version).await.integration.enabled);

    admin.delete("prod-pd").await.unwrap();
    let tombstone = published(&admin, id, changed.config_version + 1).await;
    assert!(tombstone.deleted && tombstone.token.is_none());
}

#[sqlx::test(migrations = "../shared/store/migrations")]
async fn a_broker_that_comes_back_empty_is_filled_again(
    _: PgPoolOptions,
    database: PgConnectOptions,
) {
    let dir = tempfile::tempdir().unwrap();
    let mut nats = nats(dir.path());
    let admin = Running::start(&database, &nats.url()).await;
    let created = admin.create(integration()).await;
    let id: IntegrationId = created.id.parse().unwrap();
    published(&admin, id, created.config_version).await;

    nats.kill9().unwrap();
    for entry in std::fs::read_dir(dir.path().join("nats")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    let changes = v1::Integration { rate_limit: 7, ..Default::default() };
    let changed = admin.change(changes, &["rate_limit"]).await.unwrap();
    nats.resume().unwrap();
    published(&admin, id, changed.config_version).await;
}

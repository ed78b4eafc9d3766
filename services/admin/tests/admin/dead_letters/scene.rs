//! Admin with a broker, one integration, and letters to bury.

use std::path::Path;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tandem_bus::{
    consume::Taken,
    dead_letter::{Answer, DeadLetter, Direction, Request},
    subjects, topology,
};
use tandem_dev::Nats;
use tandem_domain::{
    id::{IntegrationId, LinkId, NoteId},
    link::Link,
};
use tandem_proto::v1::{self, dead_letter_service_client::DeadLetterServiceClient};
use tandem_store::{Store, incidents, links};
use tonic::transport::Channel;

use crate::{
    Running, integration,
    support::{eventually, nats},
    without_reconciler::stored,
};

/// Admin with a broker and one integration.
pub(super) struct Scene {
    pub(super) admin: Running,
    pub(super) integration: IntegrationId,
    _nats: Nats,
}

impl Scene {
    pub(super) async fn start(database: &PgConnectOptions, dir: &Path) -> Self {
        let nats = nats(dir);
        let admin = Running::start(database, &nats.url()).await;
        let created = admin.create(integration()).await;
        eventually("nats is there", || async { admin.bus.ensure_topology().await.ok() }).await;
        Self { admin, integration: created.id.parse().unwrap(), _nats: nats }
    }

    pub(super) fn letters(&self) -> DeadLetterServiceClient<Channel> {
        DeadLetterServiceClient::new(self.admin.channel.clone())
    }

    pub(super) async fn list(&self, request: v1::ListDeadLettersRequest) -> Vec<v1::DeadLetter> {
        self.letters().list_dead_letters(request).await.unwrap().into_inner().dead_letters
    }

    /// The open letters, once there are so many.
    pub(super) async fn open(&self, count: usize) -> Vec<v1::DeadLetter> {
        eventually("the letters are taken in", || async {
            let state = v1::DeadLetterState::Open.into();
            let all = self.list(v1::ListDeadLettersRequest { state, ..Default::default() }).await;
            (all.len() == count).then_some(all)
        })
        .await
    }

    pub(super) async fn bury(&self, letter: &DeadLetter, id: &str) {
        self.admin.bus.publish(letter.message(id.to_owned()).unwrap()).await.unwrap();
    }

    /// An observation that was given up; its text is as it would have been found.
    pub(super) fn inward(&self, number: u32) -> DeadLetter {
        let (integration, record) = (self.integration, format!("Q{number}"));
        let original = serde_json::json!({
            "kind": "observation", "integration": integration, "delivery": format!("d{number}"),
            "event": format!("e{number}"), "event_type": "incident.triggered",
            "occurred_at": "2026-03-02T09:14:00Z", "arrived": "2026-03-02T09:14:01Z",
            "record": record,
        });
        DeadLetter {
            direction: Direction::In,
            integration: Some(integration),
            link: None,
            record: record.parse().ok(),
            cause: format!("it did not fit: {number}"),
            group: "it did not fit".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            traceparent: None,
            subject: subjects::observed(&connector(), integration, Some(&record)),
            original: original.to_string(),
            request: None,
            answer: None,
            attempts: 1,
        }
    }

    /// A desired state that was refused.
    pub(super) fn outward(&self, link: LinkId, version: u64) -> DeadLetter {
        let original = serde_json::json!({
            "link": link, "incident": stored(1).id, "integration": self.integration,
            "version": version, "record": "Q1",
            "want": { "title": { "value": "db down", "expect": ["db"] } },
        });
        let path = "/incidents/Q1".to_owned();
        DeadLetter {
            direction: Direction::Out,
            link: Some(link),
            group: "pagerduty 404".to_owned(),
            subject: subjects::state(&connector(), self.integration, link),
            original: original.to_string(),
            request: Some(Request { method: "GET".to_owned(), path, body: None }),
            answer: Some(Answer { status: 404, body: "gone".to_owned() }),
            ..self.inward(1)
        }
    }

    /// A note that was refused.
    pub(super) fn note(&self, link: LinkId, note: NoteId) -> DeadLetter {
        let original = serde_json::json!({
            "link": link, "integration": self.integration, "record": "Q1",
            "actor": { "side": "platform" }, "act": "note", "note": note, "text": "hello",
        });
        DeadLetter {
            subject: subjects::act(&connector(), self.integration, link, &note.to_string()),
            original: original.to_string(),
            ..self.outward(link, 1)
        }
    }

    /// Stores a link as the reconciler would have.
    pub(super) async fn linked(&self, version: u64, confirmed: u64) -> LinkId {
        let id = LinkId::from_uuid(uuid::Uuid::from_u128(5));
        let incident = stored(1);
        let mut link = Link::new(id, incident.id, self.integration);
        (link.version, link.confirmed, link.record) = (version, confirmed, "Q1".parse().ok());
        let mut transaction = self.admin.store.begin().await.unwrap();
        incidents::write(&mut transaction, &[&incident]).await.unwrap();
        links::write(&mut transaction, &[&link]).await.unwrap();
        Store::commit(transaction).await.unwrap();
        id
    }

    pub(super) async fn replay(
        &self,
        id: &str,
    ) -> Result<v1::ReplayDeadLetterResponse, tonic::Status> {
        self.edit(id, "", false).await
    }

    pub(super) async fn edit(
        &self,
        id: &str,
        edited: &str,
        validate_only: bool,
    ) -> Result<v1::ReplayDeadLetterResponse, tonic::Status> {
        let (dead_letter, edited) = (id.to_owned(), edited.to_owned());
        let request = v1::ReplayDeadLetterRequest { dead_letter, edited, validate_only };
        Ok(self.letters().replay_dead_letter(request).await?.into_inner())
    }

    /// The next messages to the reconciler.
    pub(super) async fn arrived(&self, count: usize) -> Vec<Taken> {
        let consumer = topology::reconciler();
        let messages = self.admin.bus.consume(topology::IN, consumer, 100).await.unwrap();
        let taken = messages.map(|message| message.unwrap()).take(count).collect::<Vec<_>>();
        let taken = tokio::time::timeout(std::time::Duration::from_secs(20), taken).await.unwrap();
        for message in &taken {
            message.ack().await;
        }
        taken
    }

    /// What the audit says was done to something, oldest first.
    pub(super) async fn audited(&self, target: &str) -> Vec<String> {
        let sql = "select action from admin_audit where target = $1 order by position";
        sqlx::query_scalar(sql).bind(target).fetch_all(self.admin.store.pool()).await.unwrap()
    }
}

pub(super) fn connector() -> tandem_domain::id::Connector {
    "pagerduty".parse().unwrap()
}

pub(super) fn state(letter: &v1::DeadLetter) -> v1::DeadLetterState {
    letter.state()
}

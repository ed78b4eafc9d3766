//! Group commit against a real nats-server.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{self, stream::Stream},
};
use futures_util::future::join_all;
use tandem_bus::{
    Bus,
    batch::Gathering,
    publish::{NotStored, Outgoing, Stored},
    topology,
};
use tandem_dev::{Nats, NatsOptions, Progress, runtimes, workspace};
use tempfile::TempDir;
use tokio::task::JoinHandle;

struct Stage {
    gathering: Gathering,
    task: JoinHandle<()>,
    nats: Nats,
    stream: Stream,
    _dir: TempDir,
}

#[expect(clippy::disallowed_methods, reason = "the test waits for the task by its handle")]
async fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let server = runtimes::nats_server(&workspace::root().unwrap(), Progress::Silent).unwrap();
    let options = NatsOptions { dir: dir.path().into(), ..NatsOptions::default() };
    let nats = Nats::start(&server, options).unwrap();
    let bus = Bus::connect(&nats.url(), "test").await.unwrap();
    bus.ensure_topology().await.unwrap();
    let client = async_nats::connect(nats.url()).await.unwrap();
    let stream = jetstream::new(client).get_stream(topology::IN).await.unwrap();
    let (gathering, task) = bus.gathering();
    Stage { gathering, task: tokio::spawn(task), nats, stream, _dir: dir }
}

impl Stage {
    async fn publish(&self, ids: impl Iterator<Item = u32>) -> Vec<Result<Stored, NotStored>> {
        join_all(ids.map(|id| self.gathering.publish(message(id)))).await
    }

    /// The headers of all messages, in the stream's order.
    async fn headers(&self) -> Vec<HeaderMap> {
        let state = self.stream.get_info().await.unwrap().state;
        let messages = (state.first_sequence..=state.last_sequence)
            .map(|sequence| self.stream.get_raw_message(sequence));
        join_all(messages).await.into_iter().map(|message| message.unwrap().headers).collect()
    }
}

fn message(id: u32) -> Outgoing {
    let subject = format!("tandem.in.test.{id}.x");
    Outgoing::json(subject, format!("id-{id}"), &id).unwrap()
}

fn id_of(headers: &HeaderMap) -> u32 {
    let id = headers.get("Nats-Msg-Id").unwrap().as_str();
    id.strip_prefix("id-").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_at_the_same_time_is_stored_in_batches_and_one_alone_at_once() {
    let stage = stage().await;
    let alone = stage.gathering.publish(message(1000)).await.unwrap();
    assert!(!alone.duplicate);
    let stored = stage.publish(0..500).await;
    let headers = stage.headers().await;
    assert_eq!(headers.len(), 501);
    for (id, stored) in (0..).zip(stored) {
        let stored = stored.unwrap();
        assert!(!stored.duplicate);
        let at = usize::try_from(stored.sequence - alone.sequence).unwrap();
        assert_eq!(id_of(&headers[at]), id, "the place that was told is where it lies");
    }
    let in_batches = headers.iter().filter(|it| it.get("Nats-Batch-Id").is_some()).count();
    assert!(in_batches > 400, "{in_batches}");
    assert!(headers[0].get("Nats-Batch-Id").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_message_spoils_a_batch_for_nobody() {
    let stage = stage().await;
    stage.gathering.publish(message(50)).await.unwrap();
    // Once more what is stored, and twice what is not.
    let stored = stage.publish((0..100).chain([99])).await;
    let stored: Vec<_> = stored.into_iter().map(Result::unwrap).collect();
    let repeats = stored.iter().filter(|stored| stored.duplicate).count();
    assert_eq!(repeats, 2);
    let mut ids: Vec<_> = stage.headers().await.iter().map(id_of).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_broker_everybody_is_told_and_afterwards_all_goes_on() {
    let mut stage = stage().await;
    stage.nats.kill9().unwrap();
    let asked = tokio::time::Instant::now();
    let refused = stage.publish(0..300).await;
    assert!(refused.iter().all(Result::is_err));
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
    stage.nats.resume().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while stage.gathering.publish(message(1)).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "nothing is stored any more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(stage.publish(0..300).await.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_ends_after_the_last_publisher() {
    let stage = stage().await;
    assert!(stage.publish(0..100).await.iter().all(Result::is_ok));
    let Stage { gathering, task, .. } = stage;
    assert!(!task.is_finished());
    drop(gathering);
    tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
}

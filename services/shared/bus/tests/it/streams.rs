//! Streams that are lost and made anew, against a real nats-server.

use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use tandem_bus::{
    Bus,
    consume::Taken,
    heal::Dealt,
    publish::{Outgoing, Stored},
    topology,
};
use tandem_dev::{Nats, NatsOptions, Progress, runtimes, workspace};
use tempfile::TempDir;

struct Stage {
    bus: Bus,
    /// With everything allowed.
    jetstream: jetstream::Context,
    _nats: Nats,
    _dir: TempDir,
}

async fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let server = runtimes::nats_server(&workspace::root().unwrap(), Progress::Silent).unwrap();
    let options = NatsOptions { dir: dir.path().into(), ..NatsOptions::default() };
    let nats = Nats::start(&server, options).unwrap();
    let bus = Bus::connect(&nats.url(), "test").await.unwrap();
    bus.ensure_topology().await.unwrap();
    let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    Stage { bus, jetstream, _nats: nats, _dir: dir }
}

impl Stage {
    async fn publish(&self, id: u32) -> Stored {
        let subject = format!("tandem.in.test.{id}.x");
        let message = Outgoing::json(subject, format!("id-{id}"), &id).unwrap();
        self.bus.publish(message).await.unwrap()
    }

    async fn take(&self) -> Taken {
        let taken = self.bus.consume(topology::IN, topology::reconciler(), 10).await.unwrap();
        let mut taken = std::pin::pin!(taken);
        let next = tokio::time::timeout(Duration::from_secs(20), taken.next()).await;
        next.expect("something comes").unwrap().unwrap()
    }

    /// Loses the streams as a broker does that loses its disk.
    async fn lose(&self) {
        for config in topology::streams() {
            self.jetstream.delete_stream(config.name).await.unwrap();
        }
        self.bus.ensure_topology().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_loss_has_a_later_place_than_all_before_it() {
    let stage = stage().await;
    let mut last = 0;
    for loss in 0..3 {
        for id in 0..20 {
            let stored = stage.publish(100 * loss + id).await;
            assert!(stored.sequence > last, "{stored:?} after {last}");
            last = stored.sequence;
        }
        // Making sure of them once more changes nothing.
        stage.bus.ensure_topology().await.unwrap();
        let next = stage.publish(100 * loss + 99).await.sequence;
        assert_eq!(next, last + 1);
        last = next;
        stage.lose().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_word_about_what_was_lost_is_about_nothing_that_came_since() {
    let stage = stage().await;
    stage.publish(1).await;
    let old = stage.take().await;
    stage.lose().await;
    let stored = stage.publish(2).await;
    let new = stage.take().await;
    assert_eq!(new.sequence, stored.sequence);
    old.ack().await;
    stage.bus.drain().await;
    let mut held = stage.jetstream.get_stream(topology::IN).await.unwrap();
    assert_eq!(held.info().await.unwrap().state.messages, 1, "the new one is still to be done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_in_what_was_lost_is_never_reached() {
    let stage = stage().await;
    assert_eq!(
        stage.bus.dealt_with(stage.bus.mark().await.unwrap()).await.unwrap(),
        Dealt::Yes,
        "nothing was reported, so nothing waits"
    );
    stage.publish(1).await;
    let before = stage.bus.mark().await.unwrap();
    assert_eq!(stage.bus.dealt_with(before).await.unwrap(), Dealt::NotYet);
    stage.lose().await;
    let after = stage.bus.mark().await.unwrap();
    assert_eq!(stage.bus.dealt_with(before).await.unwrap(), Dealt::Lost);
    assert!(!after.follows(&before) && after.follows(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_have_its_streams_as_they_should_be_is_not_ready() {
    let stage = stage().await;
    stage.jetstream.delete_stream(topology::IN).await.unwrap();
    // What cannot be changed once it exists.
    let other = jetstream::stream::Config {
        name: topology::IN.to_owned(),
        subjects: vec!["tandem.in.>".to_owned()],
        max_consumers: 3,
        ..jetstream::stream::Config::default()
    };
    stage.jetstream.create_stream(other).await.unwrap();
    assert!(stage.bus.ensure_topology().await.is_err());
    assert!(stage.bus.connected() && !stage.bus.is_ready());
    stage.jetstream.delete_stream(topology::IN).await.unwrap();
    let ready = async {
        while !stage.bus.is_ready() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = stage.bus.clone().keep_topology() => panic!("it goes on"),
        waited = tokio::time::timeout(Duration::from_secs(30), ready) => waited.expect("it is ready"),
    }
}
